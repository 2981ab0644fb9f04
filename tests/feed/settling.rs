//! The end of a run: everything comes back and replicates, the feed reads on, and what every receiver holds is compared with
//! the directory.

use std::collections::BTreeSet;

use highwater::directory::decode::json_values;
use highwater::lab::forest::{DOMAIN, Forest, Object, Truth};
use highwater::model::{Dn, Schema};
use uuid::Uuid;

use crate::receiver::{Entry, Receiver};
use crate::run::{Run, Stepped, hr};

use crate::shown::schema;

/// How many passes a feed may take to become level and silent.
const MOST: usize = 80;

impl Run {
    /// Nobody writes any more, everything that is left comes back and replicates, and the feed reads on until it says
    /// nothing more.
    pub(crate) async fn settle(&mut self) {
        self.is_still = true;
        if self.is_to_be_put_back {
            self.forget_task();
            self.put_back().await;
        }
        {
            let remaining = self.remaining();
            let mut sky = self.sim.sky();
            sky.traffic.writes = false;
            sky.traffic.pace.break_percent = 0;
            sky.reset = false;
            for dc in remaining {
                sky.forest.dcs[dc].is_alive = true;
            }
        }
        self.cut_all(false);
        // Before the others have all there is of the lost, or after.
        if self.rng.percent(50) && self.reads_from_what_is_there().await {
            self.all_declared().await;
        }
        {
            let mut sky = self.sim.sky();
            let now = sky.now;
            sky.forest.settle(now).unwrap();
        }
        assert!(self.reads_from_what_is_there().await, "{}", self.words());
        self.all_declared().await;
        self.until_quiet().await;
        self.declare_again().await;
    }

    /// What still waits for a DC that is lost was told after that was declared: an operator declares it again.
    async fn declare_again(&mut self) {
        let waiting = self.store.feed_waiting(&hr()).await.unwrap();
        let ids = waiting.iter().map(|waiting| waiting.invocation_id);
        let lost: Vec<_> = ids.filter(|id| self.declared.contains(id)).collect();
        let Some((used, _)) = self.in_use().await.filter(|_| !lost.is_empty()) else {
            return;
        };
        for id in lost {
            let known = {
                let sky = self.sim.sky();
                sky.scale.vector(&sky.forest.dcs[used])
            };
            self.declare(id, known).await;
        }
        self.until_quiet().await;
    }

    /// Declares lost what never comes back.
    async fn all_declared(&mut self) {
        while !self.to_declare.is_empty() {
            let before = self.to_declare.len();
            self.declare_lost().await;
            assert!(self.to_declare.len() < before, "{}", self.words());
        }
    }

    /// Whether the feed reads a DC that is there, if need be now: one that was restored may have to catch up first.
    async fn reads_from_what_is_there(&mut self) -> bool {
        let Some((used, counts_on)) = self.in_use().await else {
            return true;
        };
        let is_there = {
            let sky = self.sim.sky();
            let dc = &sky.forest.dcs[used];
            dc.is_alive && counts_on.is_none_or(|id| id == dc.invocation_id)
        };
        let mut others = self.remaining();
        others.retain(|dc| *dc != used);
        let first = self.rng.below(others.len().max(1));
        others.rotate_left(first);
        for next in others {
            if is_there || self.move_to(next).await {
                return true;
            }
        }
        is_there
    }

    pub(crate) async fn until_quiet(&mut self) {
        let (mut quiet, mut passes) = (0, 0);
        while quiet < 3 {
            passes += 1;
            assert!(
                passes < MOST,
                "{}: it does not settle: {:?}",
                self.words(),
                self.feed().await
            );
            let before = self.events();
            let stepped = self.step().await;
            self.drain().await;
            let Some(feed) = self.feed().await else {
                continue;
            };
            let known = |feed: &highwater::model::Feed| {
                feed.load.is_none() && feed.contexts.values().all(|context| context.held.is_some())
            };
            let is_done = stepped == Stepped::Done;
            let is_quiet = is_done && self.events() == before && known(&feed);
            quiet = if is_quiet { quiet + 1 } else { 0 };
            if passes % 4 == 0 && is_done && !known(&feed) {
                // R7: what a start left out that nothing proved comes with a pass over everything.
                self.resync().await;
            }
        }
    }

    /// What is wrong after all: nothing may be.
    pub(crate) async fn wrong(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        let (used, _) = self.in_use().await.unwrap();
        let truth = {
            let sky = self.sim.sky();
            truth(self, &sky.forest, used)
        };
        for inbox in &self.inboxes {
            let sink = &inbox.name;
            wrong.extend(inbox.wrong().iter().map(|wrong| format!("{sink}: {wrong}")));
            for (kind, receiver) in [("plain", &inbox.plain), ("by ids", &inbox.trusting)] {
                let missed = missed(&truth, receiver);
                wrong.extend(
                    missed
                        .iter()
                        .map(|missed| format!("{sink}, {kind}: missed: {missed}")),
                );
            }
        }
        wrong
    }

    /// Which run it is, and what failed last.
    pub(crate) fn words(&self) -> String {
        format!("seed {}, last problem {:?}", self.seed, self.failed)
    }
}

/// What a consumer should hold, by the forest's own account.
fn truth(run: &Run, forest: &Forest, dc: usize) -> Vec<(Uuid, Entry)> {
    let feed = run.resource().feed.as_ref().unwrap();
    let (schema, told) = (schema(), feed.attributes.clone());
    let state = forest.state(dc, DOMAIN).unwrap();
    let seen = state.into_iter().filter(|(guid, truth)| {
        let object: &Object = &forest.dcs[dc].objects[guid];
        let dn: Dn = truth.dn.parse().unwrap();
        dn.is_within(&run.base) && run.filter.has(object)
    });
    seen.map(|(guid, truth)| (guid, entry(truth, &schema, &told)))
        .collect()
}

fn entry(truth: Truth, schema: &Schema, told: &[String]) -> Entry {
    let mut entry = Entry {
        dn: truth.dn,
        members: truth.members,
        ..Entry::default()
    };
    let wanted = truth
        .attributes
        .into_iter()
        .filter(|(name, _)| told.iter().any(|told| told == name));
    for (name, values) in wanted {
        let attribute = schema.named(name).unwrap();
        let value = json_values(attribute, &values);
        entry.attributes.insert(name.to_owned(), value);
    }
    entry
}

/// Every difference between what a receiver holds and what it should hold.
fn missed(truth: &[(Uuid, Entry)], receiver: &Receiver) -> Vec<String> {
    let mut missed = Vec::new();
    for (guid, truth) in truth {
        let Some(held) = receiver.entries.get(guid) else {
            missed.push(format!("{guid} {} is not held", truth.dn));
            continue;
        };
        if held.dn != truth.dn {
            missed.push(format!("{guid} is held as {}, is {}", held.dn, truth.dn));
        }
        let names: BTreeSet<&String> = held
            .attributes
            .keys()
            .chain(truth.attributes.keys())
            .collect();
        for name in names {
            let (ours, theirs) = (held.attributes.get(name), truth.attributes.get(name));
            if ours != theirs {
                missed.push(format!(
                    "{name} of {guid} {}: held {ours:?}, is {theirs:?}",
                    truth.dn
                ));
            }
        }
        if held.members != truth.members {
            missed.push(format!(
                "members of {guid} {}: held {:?}, are {:?}",
                truth.dn, held.members, truth.members
            ));
        }
    }
    let there: BTreeSet<Uuid> = truth.iter().map(|(guid, _)| *guid).collect();
    for (guid, entry) in &receiver.entries {
        if !there.contains(guid) {
            missed.push(format!("{guid} {} is held and should not be", entry.dn));
        }
    }
    missed
}
