//! What the demonstration found, as data.

use serde::Serialize;

use crate::lab::sync::Tally;
use crate::model::{DcName, Method, Usn};

/// How a start was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Means {
    /// From the up-to-dateness vector.
    Vector,
    /// By time with replicationTime 0.
    TimeNone,
    /// By time with half the real lag.
    TimeHalf,
    /// By time with the real lag: the smallest honest bound.
    TimeHonest,
    /// By time with three times the real lag.
    TimeGenerous,
    /// By hand: the newest sample before the failure.
    Manual,
    /// What `best` chose, carried out on the consumer itself.
    Best,
}

/// What one start led to.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    /// How it was asked for.
    pub means: Means,
    /// replicationTime, in milliseconds, for a start by time.
    pub replication_time_ms: Option<i64>,
    /// The start; `None` where the method gave none.
    pub start: Option<Usn>,
    /// Why the planner refuses it, where it does.
    pub refused: Option<String>,
    /// Values the directory has and the consumer lacks in the end; `None` without a start.
    pub missed: Option<usize>,
    /// The first of them, for a person.
    pub examples: Vec<String>,
    /// What was read; of that, `repeated` the consumer held just so.
    pub tally: Tally,
    /// Values the consumer has from the dead DC that no other DC got.
    pub ahead: usize,
}

/// What the demonstration found.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// The seed of the forest and of its writes; what meets what is also a matter of timing.
    pub seed: u64,
    /// The DC all starts are on.
    pub moved_to: DcName,
    /// The method that `best` chose.
    pub best: Method,
    /// How far the dead DC was behind the new one, in milliseconds: the smallest honest replicationTime.
    pub lag_ms: i64,
    /// How many values had been written when the DC died.
    pub writes: usize,
    /// Every start, tried on a copy of the consumer.
    pub rows: Vec<Row>,
    /// The consumer itself, moved as `best` chose.
    pub moved: Row,
    /// Highwater's own feed, moved by its own plan.
    pub feed: super::FeedRow,
    /// How long it all took.
    pub took_ms: u32,
}

impl Report {
    /// Whether the start from the vector, the move itself, and the feed missed nothing.
    pub fn vector_missed_nothing(&self) -> bool {
        let mut vectors = self.rows.iter().filter(|row| row.means == Means::Vector);
        let by_vector = vectors.next().is_some_and(|row| row.missed == Some(0));
        by_vector && self.moved.missed == Some(0) && self.feed.missed == Some(0)
    }
}
