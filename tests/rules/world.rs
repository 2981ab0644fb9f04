//! One run: a forest, its writers, the collector and a consumer, with failovers; and what the consumer lost.

use highwater::failover::decide::{Reads, UndoInput, decide, undo};
use highwater::model::{
    Ask, CursorTag, DcName, Evidence, HeldCursor, Hours, How, Knowledge, Method, Plan, StartMethod,
    Switch, UtcMs,
};

use crate::consumer::Consumer;
use crate::forest::{Attr, DELETED, Dc, Forest};
use crate::rng::Rng;
use crate::watcher::{Watcher, name, probe, usn, vectors};

/// One rule broken on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Broken {
    VectorAfterSearch,
    UpperBound,
    StartAtTold,
    NoMinimum,
    OldCursor,
    OldIncarnation,
    NoSecondCommitted,
    NoReplicationTime,
    CollectedBefore,
    AboveTarget,
    LargestSeen,
    UsesRolledBack,
    /// Not a rule: a rollback that no reading shows, the limit of what can be known.
    UnseenRollback,
}

/// What a run showed.
#[derive(Debug, Default, Clone)]
pub(crate) struct Outcome {
    pub(crate) switches: usize,
    pub(crate) refused: usize,
    pub(crate) by_time: usize,
    pub(crate) from_last_switch: usize,
    pub(crate) undone: usize,
    pub(crate) restored: usize,
    pub(crate) rolled_back: usize,
    pub(crate) lost: Vec<String>,
}

struct World {
    rng: Rng,
    tick: i64,
    forest: Forest,
    watcher: Watcher,
    consumer: Consumer,
    method: StartMethod,
    broken: Option<Broken>,
    /// Weights of a write, a packet, a step of the collector and a step of the consumer.
    weights: [usize; 4],
    /// An earlier state of one DC, to be put back some day.
    backup: Option<(usize, Box<Dc>)>,
    last: Option<(usize, Switch)>,
    outcome: Outcome,
}

/// Runs the world of `seed`.
pub(crate) fn run(seed: u64, method: StartMethod, broken: Option<Broken>) -> Outcome {
    let mut world = World::new(seed, method, broken);
    let warm = world.rng.between(100, 400);
    world.live(warm);
    for _ in 0..world.rng.between(1, 4) {
        let busy = world.rng.between(5, 160);
        world.live(busy);
        world.trouble();
        world.fail_over();
        let hold = world.rng.between(0, 120);
        world.live(hold);
        world.come_back();
    }
    let rest = world.rng.between(0, 100);
    world.live(rest);
    world.compare();
    world.outcome
}

impl World {
    fn new(seed: u64, method: StartMethod, broken: Option<Broken>) -> Self {
        let mut rng = Rng::new(seed);
        let mut forest = Forest::new(&mut rng);
        let dcs = forest.dcs.len();
        for _ in 0..12 {
            let dc = rng.below(dcs);
            forest.write(&mut rng, dc, 0);
        }
        forest.settle(0);
        let dc = rng.below(dcs);
        let (streaming, page) = (rng.percent(50), rng.between(1, 4));
        let mut consumer = Consumer::new(dc, forest.dcs[dc].id, forest.ncs, streaming, page);
        consumer.habits.upper_bound = broken == Some(Broken::UpperBound);
        consumer.habits.largest_seen = broken == Some(Broken::LargestSeen);
        let mut watcher = Watcher::new(dcs);
        watcher.slips.collected_before = broken == Some(Broken::CollectedBefore);
        // The start by time has to stand on its own, so no vector checks it.
        watcher.slips.no_vectors =
            method == StartMethod::Time || (method == StartMethod::Best && rng.percent(30));
        let mut weights = [
            rng.between(4, 20),
            rng.between(5, 60),
            rng.between(5, 40),
            rng.between(5, 40),
        ];
        if broken == Some(Broken::UpperBound) {
            // Lost where what the DC in use changes during a search never leaves it.
            forest.links.retain(|(_, from)| *from != dc);
            weights = [25, 60, 60, 8];
        }
        Self {
            rng,
            tick: 1,
            forest,
            watcher,
            consumer,
            method,
            broken,
            weights,
            backup: None,
            last: None,
            outcome: Outcome::default(),
        }
    }

    /// Lets `ticks` pass; one thing happens in each.
    fn live(&mut self, ticks: usize) {
        for _ in 0..ticks {
            self.tick += 1;
            let all: usize = self.weights.iter().sum();
            let mut die = self.rng.below(all);
            let kind = self.weights.iter().position(|weight| {
                let hit = die < *weight;
                die = die.saturating_sub(*weight);
                hit
            });
            let mut dc = self.rng.below(self.forest.dcs.len());
            if self.broken == Some(Broken::CollectedBefore) && self.rng.percent(60) {
                // The DC in use is read fast and the others slowly.
                dc = self.consumer.dc;
            }
            match kind {
                Some(0) if self.forest.dcs[dc].alive => {
                    self.forest.write(&mut self.rng, dc, self.tick);
                }
                Some(1) => self.replicate(),
                Some(2) => self.watcher.step(dc, &self.forest, self.tick),
                Some(3) => self.consumer.step(&self.forest.dcs[self.consumer.dc]),
                _ => {}
            }
        }
    }

    fn replicate(&mut self) {
        let running = self.forest.cycles.len();
        if running > 0 && self.rng.percent(70) {
            let index = self.rng.below(running);
            if self.rng.percent(8) {
                self.forest.cycles.remove(index);
            } else {
                self.forest.step_cycle(index, self.tick);
            }
        } else if let Some((to, from)) = self.rng.pick(&self.forest.links) {
            let nc = self.rng.below(self.forest.ncs);
            self.forest.begin_cycle(to, from, nc);
        }
    }

    /// Sometimes a DC other than the one in use is put back to an older state, properly or not.
    fn trouble(&mut self) {
        let dc = self.rng.below(self.forest.dcs.len());
        match self.backup.take() {
            None => {
                self.backup = Some((dc, Box::new(self.forest.dcs[dc].clone())));
                let more = self.rng.between(20, 150);
                self.live(more);
                if self.rng.percent(60) {
                    self.trouble();
                }
            }
            Some((dc, old)) if dc != self.consumer.dc && self.forest.dcs[dc].id == old.id => {
                let before = self.forest.dcs[dc].clone();
                let properly = match self.broken {
                    Some(Broken::UsesRolledBack | Broken::UnseenRollback) => false,
                    Some(Broken::OldIncarnation) => true,
                    _ => self.rng.percent(70),
                };
                self.forest
                    .put_back(&mut self.rng, dc, &old, properly, self.tick);
                self.watcher.drop_readings(dc);
                self.watcher.read_now(dc, &self.forest, &mut self.tick);
                let unseen = !properly && !self.watcher.is_quarantined(dc);
                if unseen && self.broken != Some(Broken::UnseenRollback) {
                    // No reading shows it, so no rule can: see `UnseenRollback`.
                    self.forest.dcs[dc] = before;
                } else {
                    self.outcome.rolled_back += usize::from(!properly);
                    self.outcome.restored += usize::from(properly);
                }
                let after = self.rng.between(0, 150);
                self.live(after);
            }
            Some(_) => {}
        }
    }

    fn ask(&self, hours: f64) -> Ask {
        Ask {
            how: How::Auto {
                method: self.method,
            },
            only: None,
            failure_timestamp: None,
            replication_time: Hours::new(hours).unwrap(),
            allow_gap: false,
            restart: true,
        }
    }

    /// The smallest bound that is honest at FailureTimestamp, or a wider one.
    fn replication_time(&mut self) -> f64 {
        let source = self.consumer.dc;
        let input = self
            .watcher
            .input(&self.consumer, &self.forest, self.ask(0.0), self.tick);
        let failure = input
            .source
            .read_by
            .map_or(0, |sample| sample.not_begun_at().as_millis());
        let lags = (0..self.forest.dcs.len())
            .filter(|dc| *dc != source)
            .map(|backup| self.forest.lag(source, backup, failure));
        let mut bound = lags.max().unwrap_or(0);
        if self.broken.is_none() && self.rng.percent(40) {
            bound += i64::try_from(self.rng.below(200)).unwrap();
        }
        if self.broken == Some(Broken::NoReplicationTime) {
            bound = 0;
        }
        f64::from(u32::try_from(bound).unwrap()) / 3_600_000.0
    }

    /// The DC in use dies, some time passes, and the consumer is moved.
    fn fail_over(&mut self) {
        let dead = self.consumer.dc;
        if self.rng.percent(70) {
            // In the middle of a search, where one begins soon.
            for _ in 0..60 {
                if self.consumer.is_searching() {
                    break;
                }
                self.live(1);
            }
        }
        self.forest.dcs[dead].alive = false;
        self.consumer.stop();
        let down = self.rng.between(0, 60);
        self.live(down);
        self.tick += 1;
        let hours = self.replication_time();
        let ask = self.ask(hours);
        let mut input = self
            .watcher
            .input(&self.consumer, &self.forest, ask, self.tick);
        self.spoil_input(&mut input);
        let plan = decide(&input, UtcMs::from_millis(self.tick));
        if self.broken.is_none() {
            self.check(&plan);
        }
        let Some(chosen) = plan.chosen.clone() else {
            self.outcome.refused += 1;
            self.forest.dcs[dead].alive = true;
            return;
        };
        let to = index_of(&chosen.switch.to);
        let mut switch = chosen.switch.clone();
        self.spoil_switch(&plan, &input, to, &mut switch);
        self.outcome.switches += 1;
        self.outcome.by_time += usize::from(chosen.method == Method::Time);
        self.outcome.from_last_switch +=
            usize::from(matches!(chosen.start.evidence, Evidence::LastSwitch { .. }));
        self.consumer
            .move_to(to, switch.new.clone(), switch.knowledge.clone());
        self.last = Some((dead, switch));
    }

    fn check(&self, plan: &Plan) {
        let Some(chosen) = &plan.chosen else {
            return;
        };
        let to = index_of(&chosen.switch.to);
        assert!(self.forest.dcs[to].alive);
        assert!(!self.watcher.is_quarantined(to));
        assert!(chosen.start.usn <= usn(self.forest.dcs[to].usn));
    }

    fn spoil_input(&self, input: &mut highwater::failover::decide::Input) {
        match self.broken {
            Some(Broken::VectorAfterSearch) => {
                if let (Some(evidence), Some(after)) =
                    (&mut input.source.evidence, &self.consumer.vectors_after)
                {
                    evidence.vectors = vectors(after);
                    evidence.collected_at = UtcMs::from_millis(self.tick);
                }
            }
            Some(Broken::NoSecondCommitted) => {
                let newest = self.watcher.newest_source(&self.consumer);
                input.source.evidence = newest.map(|mut sample| {
                    sample.committed_after = input.cursor.cursor.read_up_to();
                    sample
                });
            }
            Some(Broken::OldIncarnation) => {
                for candidate in &mut input.candidates {
                    let id = self.forest.dcs[index_of(&candidate.dc)].id;
                    let old = self.watcher.of_an_old_life(index_of(&candidate.dc), id);
                    candidate.at_target = old.map_or(candidate.at_target, Some);
                }
            }
            Some(Broken::UsesRolledBack) => {
                for candidate in &mut input.candidates {
                    if self.forest.dcs[index_of(&candidate.dc)].paused {
                        candidate.incarnations.clear();
                        (candidate.known, candidate.newest) = (None, None);
                        candidate.preference = highwater::model::Preference::Prefer;
                    }
                }
            }
            _ => {}
        }
    }

    fn spoil_switch(
        &self,
        plan: &Plan,
        input: &highwater::failover::decide::Input,
        to: usize,
        switch: &mut Switch,
    ) {
        let id = self.forest.dcs[to].id;
        let start = match self.broken {
            Some(Broken::OldCursor) => Some(input.cursor.cursor.read_up_to()),
            Some(Broken::StartAtTold) => self
                .consumer
                .told
                .iter()
                .filter_map(|told| told.get(&id).map(|value| usn(*value)))
                .min(),
            Some(Broken::AboveTarget) => plan
                .target
                .and_then(|target| self.watcher.just_after(to, id, target))
                .map(|sample| sample.committed),
            _ => None,
        };
        if let Some(start) = start {
            (switch.new.last_updated, switch.new.last_deleted) = (start, start);
        }
        let evidence = plan.chosen.as_ref().map(|chosen| &chosen.start.evidence);
        if let (Some(Broken::NoMinimum), Knowledge::Held { held, start, .. }) =
            (self.broken, &mut switch.knowledge)
        {
            let before = match (evidence, &input.source.evidence, &input.knowledge) {
                (Some(Evidence::SourceSample { .. }), Some(sample), _) => sample.vectors.clone(),
                (_, _, Some(Knowledge::Held { held, .. })) => held.clone(),
                _ => return,
            };
            let ia = input.cursor.cursor.invocation_id.unwrap();
            for (nc, vector) in before {
                let own = vector.with(ia, input.cursor.cursor.read_up_to());
                held.insert(nc, own.with(id, *start));
            }
        }
    }

    /// The dead may return; then the move is sometimes undone.
    fn come_back(&mut self) {
        let Some((dead, switch)) = self.last.take() else {
            return;
        };
        if self.rng.percent(40) || self.broken == Some(Broken::UpperBound) {
            return;
        }
        self.forest.dcs[dead].alive = true;
        let more = self.rng.between(0, 60);
        self.live(more);
        let stayed = self.consumer.dc == index_of(&switch.to);
        if self.broken.is_some()
            || self.rng.percent(60)
            || !stayed
            || self.watcher.is_quarantined(dead)
        {
            return;
        }
        self.consumer.stop();
        self.tick += 1;
        let facts = self
            .rng
            .percent(80)
            .then(|| probe(dead, &self.forest.dcs[dead], self.tick).ok());
        let input = UndoInput {
            incarnation: switch.expected.cursor.invocation_id,
            back_to: name(dead),
            cursor: HeldCursor {
                cursor: self.consumer.cursor.clone(),
                tag: CursorTag(self.tick.to_string()),
            },
            knowledge: self.consumer.knowledge.clone(),
            facts: facts.flatten(),
            reads: Reads::Changes,
            allow_gap: false,
            restart: true,
            done: switch,
        };
        if let Ok(back) = undo(&input, UtcMs::from_millis(self.tick)) {
            self.outcome.undone += 1;
            self.consumer.move_to(dead, back.new, back.knowledge);
        }
    }

    /// Replication settles, the consumer polls to the end, and both sides must agree.
    fn compare(&mut self) {
        self.forest.settle(self.tick);
        let dc = &self.forest.dcs[self.consumer.dc];
        if !dc.alive || self.consumer.cursor.invocation_id != Some(dc.id) {
            return;
        }
        for _ in 0..1_000 {
            self.consumer.step(dc);
        }
        for (id, object) in &dc.objects {
            let image = self.consumer.state.get(id);
            let ghostly = |attr: &Attr| {
                let mut known = dc.vectors[object.nc].get(&attr.stamp.by).copied();
                if attr.stamp.by == dc.id {
                    known = Some(dc.usn);
                }
                attr.stamp.usn > known.unwrap_or(0)
            };
            for (key, attr) in &object.attrs {
                let held = image.and_then(|image| image.get(key));
                let same =
                    held.is_some_and(|held| (held.stamp, held.value) == (attr.stamp, attr.value));
                let ahead = held.is_some_and(|held| held.stamp > attr.stamp && ghostly(held));
                if !same && !ahead {
                    let what = if *key == DELETED && attr.value == 1 {
                        "a deletion"
                    } else {
                        "a value"
                    };
                    self.outcome.lost.push(format!(
                        "{what} of object {id} attribute {key}: the consumer has {held:?}, DC {} has {attr:?}",
                        self.consumer.dc
                    ));
                }
            }
        }
    }
}

fn index_of(dc: &DcName) -> usize {
    dc.as_str().trim_start_matches("dc").parse().unwrap()
}
