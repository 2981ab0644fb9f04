//! Moves of the feed to another DC: the shipped decision, made of what the forest's DCs answer, and carried out as shipped.

use highwater::active_sync::decide::rules::{Rule, holds};
use highwater::clock;
use highwater::config::ResourceSettings;
use highwater::consumer::Consumer;
use highwater::failover::decide::{FeedState, decide};
use highwater::failover::{Probe, Standing, apply, gather, order};
use highwater::model::{
    Accepted, Ask, FailureKind, Hours, How, Plan, PollFailure, Preference, Sample, StartMethod,
    Vector,
};

use crate::run::{Run, hr, name};

/// How long ago the first sample was taken.
const LONG_AGO_MS: i64 = 36_000_000;

impl Run {
    /// The DC in use dies, or is only left, and the feed goes to another one.
    pub(crate) async fn fail_over(&mut self) {
        let Some((used, _)) = self.in_use().await else {
            return;
        };
        let alive = |run: &Self, dc: usize| run.sim.sky().forest.dcs[dc].is_alive;
        let mut others = self.remaining();
        others.retain(|dc| *dc != used && alive(self, *dc));
        let Some(next) = self.rng.pick(&others) else {
            return;
        };
        // A person may move a feed at any time.
        if self.rng.percent(70) && alive(self, used) {
            self.kill(used);
        }
        self.move_to(next).await;
    }

    /// Moves the feed to a DC with the best start there is; whether there was one.
    pub(crate) async fn move_to(&mut self, to: usize) -> bool {
        let unproven = self.weather.unproven_percent;
        if !self.is_still && self.rng.percent(unproven) {
            let how = self.sample(to).await;
            if self.carry_out(to, how, true).await {
                self.count.unproven += 1;
                return true;
            }
        }
        let method = if self.weather.margin == 0 {
            StartMethod::Vector
        } else {
            StartMethod::Best
        };
        let how = How::Auto { method };
        if self.carry_out(to, how.clone(), false).await {
            return true;
        }
        let moved = self.carry_out(to, how, true).await;
        self.count.anew += usize::from(moved);
        moved
    }

    /// Moves the feed to a DC with a start that is proven, or nothing is.
    pub(crate) async fn move_proven(&mut self, to: usize) {
        let method = StartMethod::Vector;
        let moved = self.carry_out(to, How::Auto { method }, false).await;
        assert!(moved, "no start on {}", name(to));
    }

    async fn carry_out(&mut self, to: usize, how: How, allow_gap: bool) -> bool {
        let plan = self.plan(to, how, allow_gap).await;
        let Some(chosen) = &plan.chosen else {
            self.failed = Some(format!("{:?}", plan.candidates[0].why_not));
            return false;
        };
        let order = order(&plan, chosen, "ada".to_owned()).unwrap();
        let resource = self.resource();
        let consumer = Consumer::new(&resource.name, &resource.consumer, &self.store);
        let applied = apply(&self.store, &consumer, order, |_| ()).await;
        assert!(applied.unwrap().is_complete());
        self.say(|| format!("moved to {} from {}", chosen.switch.to, chosen.start.usn));
        self.count.moves += 1;
        true
    }

    async fn plan(&self, to: usize, how: How, allow_gap: bool) -> Plan {
        let resource = self.resource();
        let ask = Ask {
            how,
            only: Some(name(to)),
            failure_timestamp: None,
            replication_time: Hours::DEFAULT_REPLICATION,
            allow_gap,
            restart: true,
        };
        let probes = self.probes();
        let feed = self.feed().await.unwrap();
        let mut contexts = feed.contexts;
        if !holds(Rule::HasSettled) {
            // The rule stands in the decision as well.
            for context in contexts.values_mut() {
                context.settled = Vector::new();
            }
        }
        let written_at = self.store.cursor_written_at(&hr()).await.unwrap();
        let standing = Standing {
            cursor: feed.cursor,
            feed: Some(FeedState {
                contexts,
                loading_since: feed.load.map(|load| load.since),
                written_at: written_at.unwrap(),
                start_margin: resource.feed.as_ref().unwrap().start_margin,
            }),
        };
        let input = gather(&self.store, &self.settings, resource, ask, standing, probes);
        decide(&input.await.unwrap(), clock::now())
    }

    /// What every DC answers.
    fn probes(&self) -> Vec<Probe> {
        let sky = self.sim.sky();
        let answers = sky.forest.dcs.iter().enumerate().map(|(number, dc)| {
            let answer = if dc.is_alive {
                Ok(sky.scale.facts(dc))
            } else {
                Err(PollFailure {
                    kind: FailureKind::Refused,
                    detail: "it is dead".to_owned(),
                })
            };
            Probe {
                dc: self.settings.dcs[&name(number)].clone(),
                preference: Preference::Neutral,
                answer,
            }
        });
        answers.collect()
    }

    /// A sample of a DC as it may have been some time ago, and the start by hand that names it.
    async fn sample(&mut self, dc: usize) -> How {
        let behind = i64::try_from(self.rng.below(200)).unwrap();
        self.samples += 1;
        let at = self.began.plus_ms(self.samples * 1_000 - LONG_AGO_MS);
        let (mut facts, committed) = {
            let sky = self.sim.sky();
            let dc = &sky.forest.dcs[dc];
            (sky.scale.facts(dc), sky.scale.usn((dc.usn - behind).max(0)))
        };
        facts.committed = committed;
        (facts.started_at, facts.committed_at, facts.vectors_at) = (at, at, at);
        let sample = Sample {
            collected_at: at,
            committed,
            took_ms: 0,
            skew_ms: None,
        };
        let kept = move |_: &_, _: &_, _: &_| Accepted::Kept {
            sample,
            restored: false,
            rollback: None,
        };
        let recorded = self.store.record_poll(name(dc), facts, false, kept);
        recorded.await.unwrap();
        How::Manual { usn_date: at }
    }

    pub(crate) fn resource(&self) -> &ResourceSettings {
        &self.settings.resources[&hr()]
    }
}
