//! The feed moves from DC to DC while they die, hang and come back: nothing is missed, and what is told again has a cause.

use std::collections::BTreeMap;
use std::time::Duration;

use highwater::lab::forest::DOMAIN;
use highwater::lab::server::Fault;
use highwater::model::{
    AttemptKind, AttemptState, Knowledge, Step, StepReport, Switch, Usn, Vector,
};
use highwater::store::{NewAttempt, Opened, Placed};

use crate::bed::{Bed, Make, at, hr, name};
use crate::seeds;
use crate::truth::Filter;

/// What runs did, so that they cannot pass by doing nothing.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    runs: usize,
    writes: usize,
    events: usize,
    again: usize,
    pub(crate) moves: usize,
    unproven: usize,
    kills: usize,
    repeats: BTreeMap<String, usize>,
    reasons: BTreeMap<String, usize>,
    counts: BTreeMap<String, u64>,
}

impl Tally {
    pub(crate) async fn add(&mut self, bed: &Bed) {
        self.runs += 1;
        self.writes += bed.with(|forest, _| forest.oracle.written().len());
        self.events += bed.receiver.events;
        self.again += bed.receiver.again;
        self.moves += bed.moves;
        self.kills += bed.kills;
        for (cause, count) in &bed.receiver.repeats {
            *self.repeats.entry(cause.clone()).or_default() += count;
        }
        for (reason, count) in &bed.receiver.reasons {
            *self.reasons.entry(reason.clone()).or_default() += count;
        }
        for (cause, count) in bed.store.feed_counts(&hr()).await.unwrap() {
            *self.counts.entry(cause).or_default() += count;
        }
    }

    pub(crate) fn tell(&self, what: &str) {
        let silent = ["repeat", "unwanted", "out_of_scope", "never_told", "held"];
        let told = |cause: &&String| silent.contains(&cause.as_str());
        let suppressed: BTreeMap<_, _> = self.counts.iter().filter(|(one, _)| told(one)).collect();
        println!(
            "{what}: {} runs, {} writes, {} failovers ({} unproven), {} kills, {} events delivered {:?}, 0 missed, 0 \
             repeated by id but {} from the outbox after kills; changes told again by cause: {:?}; read and not \
             delivered: {suppressed:?}",
            self.runs,
            self.writes,
            self.moves,
            self.unproven,
            self.kills,
            self.events,
            self.reasons,
            self.again,
            self.repeats,
        );
    }
}

impl Bed {
    /// Moves the feed as a failover does (R2, R3), with a start as proven or a little lower; whether it was proven.
    pub(crate) async fn move_to(&mut self, to: usize) -> bool {
        let stops = self.rng.percent(60);
        let less = i64::try_from(self.rng.below(60)).unwrap();
        if stops {
            let store = &self.store;
            store
                .set_sync_switch(&hr(), true, "test", at())
                .await
                .unwrap();
        }
        let proven = loop {
            if let Some(proven) = self.try_move(to, less).await {
                break proven;
            }
        };
        if stops {
            let store = &self.store;
            store
                .set_sync_switch(&hr(), false, "test", at())
                .await
                .unwrap();
        }
        self.moves += 1;
        proven
    }

    async fn try_move(&mut self, to: usize, less: i64) -> Option<bool> {
        let feed = self.feed().await.unwrap();
        let (id, committed, theirs) = self.with(|forest, _| {
            let dc = forest.dc(to).unwrap();
            let known = dc.vector(DOMAIN);
            let vector: Vector = known
                .iter()
                .map(|(id, at)| (*id, Usn::new(*at).unwrap()))
                .collect();
            (dc.invocation_id, Usn::new(dc.usn).unwrap(), vector)
        });
        let held: Option<Vec<_>> = feed
            .contexts
            .iter()
            .map(|(nc, context)| Some((nc.clone(), context.held.clone()?)))
            .collect();
        let start = held.as_ref().and_then(|held| {
            let starts: Option<Vec<Usn>> = held.iter().map(|(_, held)| held.get(id)).collect();
            starts?
                .into_iter()
                .min()
                .filter(|start| *start <= committed)
        });
        let start = start.map(|start| Usn::new((start.get() - less).max(0)).unwrap());
        let mut new = feed.cursor.cursor.clone();
        new.ldap_host.clone_from(&self.settings.dcs[&name(to)].host);
        new.invocation_id = Some(id);
        new.last_updated = start.unwrap_or_default();
        new.last_deleted = start.unwrap_or_default();
        let knowledge = match (start, held) {
            (Some(start), Some(held)) => Knowledge::Held {
                since: at(),
                dc: name(to),
                invocation_id: id,
                start,
                held: held
                    .into_iter()
                    .map(|(nc, held)| {
                        let own = held.get(id).unwrap_or(start);
                        (nc, held.meet(&theirs).with(id, own))
                    })
                    .collect(),
            },
            _ => Knowledge::Void {
                since: at(),
                dc: name(to),
                reason: "nothing proves a start".to_owned(),
            },
        };
        let orders = Switch {
            resource: hr(),
            to: name(to),
            expected: feed.cursor,
            new,
            knowledge,
            restart: true,
        };
        self.carry_out(orders).await.then_some(start.is_some())
    }

    async fn carry_out(&self, orders: Switch) -> bool {
        let (resource, wait) = (hr(), Duration::from_secs(5));
        let lock = self.store.lock_attempts(&resource, wait).await;
        let lock = lock.unwrap().unwrap();
        let new = NewAttempt {
            kind: AttemptKind::Failover,
            made_at: at(),
            who: "test".to_owned(),
            channel: "test".to_owned(),
            plan: "{}".to_owned(),
            plan_hash: "h".to_owned(),
            orders: orders.clone(),
        };
        let Opened::New(attempt) = self.store.open_attempt(&lock, new).await.unwrap() else {
            panic!("an attempt is open");
        };
        let step = StepReport {
            step: Step::Write,
            at: at(),
            failed: false,
            outcome: "well".to_owned(),
        };
        let placed = self.store.switch_in_store(&attempt, &orders, &step);
        let moved = matches!(placed.await.unwrap(), Placed::Written(_));
        let state = if moved {
            AttemptState::Done
        } else {
            AttemptState::Stale
        };
        self.store
            .end_attempt(&attempt, state, "ended", None, None, at())
            .await
            .unwrap();
        moved
    }

    /// Waits until the feed has a cursor, and its first load is behind it where `loaded` says so.
    pub(crate) async fn begun(&mut self, loaded: bool) {
        for _ in 0..3_000 {
            if let Some(feed) = self.feed().await {
                let known = feed.contexts.values().all(|context| context.held.is_some());
                if known || !loaded {
                    return;
                }
            }
            self.pass_time(3).await;
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        let health = self.store.feed_health(&hr()).await.unwrap();
        panic!("seed {}: the feed does not begin: {health:?}", self.seed);
    }

    /// The DC in use dies, hangs, stammers, or is only left; the feed goes to another one that lives.
    pub(crate) async fn fail_over(&mut self) -> bool {
        let dead = self.in_use().await.unwrap();
        match self.rng.below(6) {
            0 | 1 => self.lab.kill(dead).await.unwrap(),
            2 => self.lab.set_fault(dead, Fault::Hang).unwrap(),
            3 => self.lab.set_fault(dead, Fault::ResetMidAnswer).unwrap(),
            4 => self.lab.set_fault(dead, Fault::Busy).unwrap(),
            _ => {}
        }
        let more = self.rng.below(40);
        self.pass_time(more).await;
        let alive: Vec<usize> = (0..self.settings.dcs.len())
            .filter(|dc| *dc != dead && self.with(|forest, _| forest.dcs[*dc].is_alive))
            .collect();
        let to = self.rng.pick(&alive).unwrap();
        let proven = self.move_to(to).await;
        let more = self.rng.below(60);
        self.pass_time(more).await;
        self.lab.set_fault(dead, Fault::None).unwrap();
        if self.rng.percent(70) && !self.with(|forest, _| forest.dcs[dead].is_alive) {
            self.lab.revive(dead).await.unwrap();
        }
        proven
    }

    /// Two DCs are cut off from each other, or joined again; a dead one comes back.
    pub(crate) async fn trouble(&mut self) {
        let count = self.settings.dcs.len();
        let (one, other) = (self.rng.below(count), self.rng.below(count));
        let cut = self.rng.percent(40);
        if one != other {
            self.with(|forest, _| forest.cut(one, other, cut));
        }
        for dc in 0..count {
            if !self.with(|forest, _| forest.dcs[dc].is_alive) {
                self.lab.revive(dc).await.unwrap();
            }
        }
    }

    /// Kills the task where it stands, or not, and lets it begin again.
    pub(crate) async fn kill_at_random(&mut self, percent: usize) {
        if !self.is_running() {
            self.start();
        } else if self.rng.percent(percent) {
            self.kill().await;
            let more = self.rng.below(10);
            self.pass_time(more).await;
            self.start();
        }
    }
}

fn make(seed: u64) -> Make {
    let number = usize::try_from(seed).unwrap();
    Make {
        dcs: 3 + number % 2,
        users: 25,
        filter: Filter::ALL[number % 3],
        below: number % 4 == 1 || number % 4 == 2,
        overlap: [0, 5, 40][number / 2 % 3],
    }
}

async fn run(seed: u64, hops: usize, kills: usize, tally: &mut Tally) {
    let mut bed = Bed::new(seed, make(seed)).await;
    bed.live(100);
    bed.start();
    bed.begun(true).await;
    for _ in 0..hops {
        for _ in 0..=bed.rng.below(3) {
            let ticks = 20 + bed.rng.below(80);
            bed.pass_time(ticks).await;
            bed.kill_at_random(kills).await;
            if bed.rng.percent(40) {
                bed.trouble().await;
            }
        }
        let proven = bed.fail_over().await;
        tally.unproven += usize::from(!proven);
        bed.kill_at_random(kills).await;
    }
    bed.check().await;
    tally.add(&bed).await;
    bed.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_one_dc_nothing_is_missed_or_told_twice() {
    let mut tally = Tally::default();
    for seed in seeds(6) {
        let mut bed = Bed::new(seed, make(seed)).await;
        bed.start();
        bed.begun(true).await;
        for _ in 0..6 {
            bed.pass_time(80).await;
        }
        bed.check().await;
        assert_eq!(bed.receiver.again, 0, "seed {seed}");
        // Nothing changes any more: the feed goes on looking, and neither searches nor commits.
        let before = bed.feed().await.unwrap();
        bed.rest().await;
        let waits = bed.store.feed_rereads(&hr(), None, 100).await.unwrap();
        assert_eq!(bed.feed().await.unwrap(), before, "seed {seed}: {waits:?}");
        tally.add(&bed).await;
        bed.stop().await;
    }
    tally.tell("one DC");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn through_failovers_nothing_is_missed() {
    let mut tally = Tally::default();
    for seed in seeds(8) {
        run(seed, 5, 0, &mut tally).await;
    }
    tally.tell("failovers");
    assert!(tally.moves >= 5 * tally.runs);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_any_moment_nothing_is_missed() {
    let mut tally = Tally::default();
    for seed in seeds(6) {
        run(seed + 1_000, 4, 60, &mut tally).await;
    }
    tally.tell("failovers and kills");
    assert!(tally.kills >= tally.runs);
}
