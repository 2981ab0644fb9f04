//! One run: a forest, its writers, the collector and a consumer, with failovers; and what the consumer lost.

use highwater::failover;
use highwater::failover::decide::{Input, decide};
use highwater::model::{Ask, Cursor, Evidence, Hours, How, Method, Plan, StartMethod};

use crate::broken::Broken;
use crate::consumer::{Consumer, first_cursor};
use crate::forest::{Attr, DELETED, Dc, Forest};
use crate::product::{Kept, Product};
use crate::rng::Rng;
use crate::source::{Readings, Shown, answer, at, index_of, usn};

/// What a run showed.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) switches: usize,
    pub(crate) refused: usize,
    pub(crate) by_time: usize,
    pub(crate) from_last_switch: usize,
    pub(crate) undone: usize,
    pub(crate) restored: usize,
    pub(crate) rolled_back: usize,
    pub(crate) polls: usize,
    pub(crate) pruned: u64,
    pub(crate) lost: Vec<String>,
}

impl Outcome {
    pub(crate) fn add(&mut self, one: &Self) {
        self.switches += one.switches;
        self.refused += one.refused;
        self.by_time += one.by_time;
        self.from_last_switch += one.from_last_switch;
        self.undone += one.undone;
        self.restored += one.restored;
        self.rolled_back += one.rolled_back;
        self.polls += one.polls;
        self.pruned += one.pruned;
        self.lost.extend_from_slice(&one.lost);
    }
}

struct World {
    rng: Rng,
    tick: i64,
    forest: Forest,
    readings: Readings,
    shown: Shown,
    product: Product,
    consumer: Consumer,
    method: StartMethod,
    broken: Option<Broken>,
    /// Weights of a write, a packet, a step of a reading, a step of the consumer, and a look at the cursor or a pruning.
    weights: [usize; 5],
    /// No vector is kept, so that only times are known.
    no_vectors: bool,
    /// An earlier state of one DC, to be put back some day.
    backup: Option<(usize, Box<Dc>)>,
    /// The DC that was left in the last failover, and the one that was gone to.
    last: Option<(usize, usize)>,
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
        let kept = if rng.percent(70) {
            Kept::InStore
        } else {
            Kept::InFile
        };
        let first = first_cursor(dc, forest.dcs[dc].id);
        let product = Product::new(dcs, forest.ncs, kept, &first);
        let mut consumer = Consumer::new(dc, product.cursor(), forest.ncs, streaming, page);
        consumer.habits.upper_bound = broken == Some(Broken::UpperBound);
        consumer.habits.largest_seen = broken == Some(Broken::LargestSeen);
        // The start by time has to stand on its own, so no vector checks it.
        let no_vectors =
            method == StartMethod::Time || (method == StartMethod::Best && rng.percent(30));
        let mut weights = [
            rng.between(4, 20),
            rng.between(5, 60),
            rng.between(5, 40),
            rng.between(5, 40),
            rng.between(1, 2),
        ];
        if broken == Some(Broken::UpperBound) {
            // Lost where what the DC in use changes during a search never leaves it.
            forest.links.retain(|(_, from)| *from != dc);
            weights = [25, 60, 60, 8, 2];
        }
        Self {
            rng,
            tick: 1,
            forest,
            readings: Readings::default(),
            shown: Shown::default(),
            product,
            consumer,
            method,
            broken,
            weights,
            no_vectors,
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
                Some(2) => self.read(dc),
                Some(3) => self.sync(),
                // What is gone can only hide what a broken rule does.
                Some(4) if self.rng.percent(15) && self.broken.is_none() => self.prune(),
                Some(4) => self.product.look(),
                _ => {}
            }
        }
    }

    /// One step of a reading of `dc`; the product records it where it is complete.
    fn read(&mut self, dc: usize) {
        let Some(mut facts) = self.readings.step(dc, &self.forest, self.tick) else {
            return;
        };
        if self.no_vectors {
            facts.vectors.clear();
            facts.committed_after = None;
        }
        if let Some(broken) = self.broken {
            broken.spoil_facts(&mut facts);
        }
        let is_new = self.shown.is_new_life(dc, facts.identity.invocation_id);
        self.shown.add(dc, &facts);
        let found = self.product.record(dc, facts);
        assert_eq!(found.restored, is_new);
        let sound = !self.forest.dcs[dc].paused;
        assert!(!sound || found.rollback.is_none(), "{:?}", found.rollback);
        self.outcome.polls += 1;
    }

    /// One whole reading, nothing else happening meanwhile.
    fn read_now(&mut self, dc: usize) {
        self.readings.drop_of(dc);
        for _ in 0..5 {
            self.tick += 1;
            self.read(dc);
        }
    }

    /// One step of the consumer's poll.
    fn sync(&mut self) {
        let moved = self.consumer.step(&self.forest.dcs[self.consumer.dc]);
        self.write(moved);
    }

    fn write(&mut self, cursor: Option<Cursor>) {
        if let Some(cursor) = cursor.filter(|cursor| *cursor != self.consumer.held.cursor) {
            self.consumer.held = self.product.write(&self.consumer.held, &cursor);
        }
    }

    fn prune(&mut self) {
        let keep = i64::try_from(self.rng.below(600)).unwrap();
        let pruned = self.product.prune(at(self.tick - keep));
        self.outcome.pruned += pruned.samples + pruned.source_samples;
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
                let proves =
                    self.product.is_quarantined(dc, old.id) || self.shown.is_above(old.id, old.usn);
                self.forest
                    .put_back(&mut self.rng, dc, &old, properly, self.tick);
                self.read_now(dc);
                assert!(properly || proves == self.product.is_quarantined(dc, old.id));
                if !properly && !proves && self.broken != Some(Broken::UnseenRollback) {
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

    /// What the product decides a failover from, every candidate asked just now.
    fn input(&self, hours: f64) -> Input {
        let asked = self.forest.dcs.iter().enumerate();
        let answers = asked.map(|(dc, found)| answer(dc, found, self.tick));
        let ask = self.ask(hours);
        self.product.input(ask, answers.collect(), at(self.tick))
    }

    /// The smallest bound that is honest at FailureTimestamp, or a wider one.
    fn replication_time(&mut self) -> f64 {
        let source = self.consumer.dc;
        let by_source = self.product.input(self.ask(0.0), Vec::new(), at(self.tick));
        let read_by = by_source.source.read_by;
        let failure = read_by.map_or(0, |sample| sample.not_begun_at().as_millis());
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
        let stopped = self.consumer.stop();
        self.write(stopped);
        let down = self.rng.between(0, 60);
        self.live(down);
        self.tick += 1;
        let hours = self.replication_time();
        let mut input = self.input(hours);
        if let Some(broken) = self.broken {
            let (product, consumer) = (&self.product, &self.consumer);
            broken.spoil_input(&mut input, product, consumer, &self.forest, self.tick);
        }
        let plan = decide(&input, at(self.tick));
        if self.broken.is_none() {
            self.check(&plan);
        }
        let Some(chosen) = &plan.chosen else {
            self.outcome.refused += 1;
            self.forest.dcs[dead].alive = true;
            return;
        };
        let mut order = failover::order(&plan, chosen, "the simulation".to_owned()).unwrap();
        if let Some(broken) = self.broken {
            let (product, consumer) = (&self.product, &self.consumer);
            broken.spoil_switch(&mut order.switch, &plan, &input, product, consumer);
        }
        self.outcome.switches += 1;
        self.outcome.by_time += usize::from(chosen.method == Method::Time);
        self.outcome.from_last_switch +=
            usize::from(matches!(chosen.start.evidence, Evidence::LastSwitch { .. }));
        let to = index_of(&chosen.switch.to);
        let held = self.product.apply(order);
        self.consumer.move_to(to, held);
        self.last = Some((dead, to));
    }

    fn check(&self, plan: &Plan) {
        let Some(chosen) = &plan.chosen else {
            return;
        };
        let to = index_of(&chosen.switch.to);
        let dc = &self.forest.dcs[to];
        assert!(dc.alive && !dc.paused);
        assert!(!self.product.is_quarantined(to, dc.id));
        assert!(chosen.start.usn <= usn(dc.usn));
    }

    /// The dead may return; then the move is sometimes undone.
    fn come_back(&mut self) {
        let Some((dead, to)) = self.last.take() else {
            return;
        };
        if self.rng.percent(40) || self.broken == Some(Broken::UpperBound) {
            return;
        }
        self.forest.dcs[dead].alive = true;
        let more = self.rng.between(0, 60);
        self.live(more);
        if self.broken.is_some() || self.rng.percent(60) || self.consumer.dc != to {
            return;
        }
        let stopped = self.consumer.stop();
        self.write(stopped);
        self.tick += 1;
        let facts = self
            .rng
            .percent(80)
            .then(|| answer(dead, &self.forest.dcs[dead], self.tick).ok());
        if let Some(held) = self.product.undo(facts.flatten(), at(self.tick)) {
            self.outcome.undone += 1;
            self.consumer.move_to(dead, held);
        }
    }

    /// Replication settles, the consumer polls to the end, and both sides must agree.
    fn compare(&mut self) {
        self.forest.settle(self.tick);
        let dc = self.forest.dcs[self.consumer.dc].clone();
        if !dc.alive || self.consumer.held.cursor.invocation_id != Some(dc.id) {
            return;
        }
        // The first of them may have begun before.
        for _ in 0..2 {
            let moved = std::iter::repeat_with(|| self.consumer.step(&dc)).find_map(|moved| moved);
            self.write(moved);
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
