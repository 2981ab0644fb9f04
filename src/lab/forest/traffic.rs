//! A forest at work: random writes on every DC, and replication by schedule, packet by packet.

use std::collections::BTreeMap;

use super::mix::Weights;
use super::{CONTEXTS, Forest, ForestError, Progress};

/// How busy the forest is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// In how many of a hundred ticks a DC writes.
    pub write_percent: usize,
    /// From the end of one inbound cycle of a pair to the begin of its next, in milliseconds; up to half as much again
    /// comes on top by chance.
    pub interval_ms: i64,
    /// In how many of a hundred ticks a running cycle moves by a packet.
    pub packet_percent: usize,
    /// In how many of a hundred packets a cycle breaks off.
    pub break_percent: usize,
}

/// The forest's activity; [`Traffic::tick`] lets a little time pass.
#[derive(Debug, Clone)]
pub struct Traffic {
    /// How busy.
    pub pace: Pace,
    /// Whether anybody writes; replication goes on without.
    pub writes: bool,
    /// What is written.
    pub weights: Weights,
    due: BTreeMap<(usize, usize), i64>,
    pub(super) number: usize,
}

impl Traffic {
    /// Activity of this pace among people, beginning with the next tick.
    pub fn new(pace: Pace) -> Self {
        Self::mixed(pace, Weights::PEOPLE)
    }

    /// Activity of this pace and mix.
    pub fn mixed(pace: Pace, weights: Weights) -> Self {
        Self {
            pace,
            weights,
            writes: true,
            due: BTreeMap::new(),
            number: 100_000,
        }
    }

    /// What happens at `now` (ms): perhaps a write on each DC, and packets of replication.
    pub fn tick(&mut self, forest: &mut Forest, now: i64) -> Result<(), ForestError> {
        for dc in 0..forest.dcs.len() {
            if self.writes && forest.rng.percent(self.pace.write_percent) {
                self.write(forest, dc, now)?;
            }
        }
        self.replicate(forest, now)
    }

    fn replicate(&mut self, forest: &mut Forest, now: i64) -> Result<(), ForestError> {
        let count = forest.dcs.len();
        for to in 0..count {
            for from in (0..count).filter(|from| *from != to) {
                let wait = self.wait(forest);
                let due = self
                    .due
                    .entry((to, from))
                    .or_insert(now.saturating_add(wait));
                if *due <= now {
                    *due = i64::MAX;
                    for nc in 0..CONTEXTS {
                        forest.begin_cycle(to, from, nc)?;
                    }
                }
            }
        }
        for (to, from, nc) in forest.running() {
            if !forest.rng.percent(self.pace.packet_percent) {
                continue;
            }
            if forest.rng.percent(self.pace.break_percent) {
                forest.break_off(to, from, nc);
            } else {
                let _: Progress = forest.step_cycle(to, from, nc, now)?;
            }
        }
        let running = forest.running();
        let ended: Vec<(usize, usize)> = self
            .due
            .iter()
            .filter(|(pair, due)| {
                **due == i64::MAX && !running.iter().any(|(to, from, _)| (*to, *from) == **pair)
            })
            .map(|(pair, _)| *pair)
            .collect();
        for pair in ended {
            let wait = self.wait(forest);
            self.due.insert(pair, now.saturating_add(wait));
        }
        Ok(())
    }

    fn wait(&self, forest: &mut Forest) -> i64 {
        let half = usize::try_from(self.pace.interval_ms / 2).unwrap_or(0);
        let more = i64::try_from(forest.rng.below(half.saturating_add(1))).unwrap_or(0);
        self.pace.interval_ms.saturating_add(more)
    }
}
