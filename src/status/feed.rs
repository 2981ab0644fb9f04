//! How a feed of our own stands: what it was told, what it holds, and what waits.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::model::{Dn, Feed, FeedContext, InvocationId, Load, ResourceName, Usn, UtcMs};
use crate::store::{Store, StoreError, Waiting};

/// A feed, for a person or a program.
#[derive(Debug, Clone, Serialize)]
pub struct FeedStatus {
    /// When cursor, K and S were last written: by a complete pass or a switch.
    pub written_at: Option<UtcMs>,
    /// Per naming context how K and S stand.
    pub contexts: BTreeMap<Dn, Standing>,
    /// The pass over everything that is under way.
    pub load: Option<LoadStatus>,
    /// Objects that were delivered and have not left.
    pub objects: u64,
    /// What waits for changes that were delivered and that the DC in use lacks, the longest wait first.
    pub waiting: Vec<Waiting>,
    /// Why nothing but a full pass helps, where that is so.
    pub needs_full_pass: Option<String>,
    /// Events that a sink has not acknowledged.
    pub backlog: u64,
    /// How many octets they take.
    pub backlog_octets: u64,
    /// When the oldest of them was queued.
    pub backlog_since: Option<UtcMs>,
    /// How many of them each sink has not acknowledged.
    pub backlog_by_sink: BTreeMap<String, u64>,
    /// Events that a sink refused for good.
    pub dead_letters: u64,
    /// How large J is.
    pub journal: Journal,
    /// Why events were delivered and changes were not, since the first load.
    pub counts: BTreeMap<String, u64>,
    /// Who stopped it, while it is stopped by order.
    pub stopped_by: Option<StoppedBy>,
}

impl FeedStatus {
    /// How it stands as a whole: the worst of its naming contexts.
    pub fn standing(&self) -> Standing {
        let worst = self.contexts.values().copied().max();
        worst.unwrap_or(Standing::Untold)
    }
}

/// How K and S of a naming context stand, best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// S covers K: what the DC in use shows is no older than what was told.
    Level,
    /// The DC in use lacks some of what was told: whole images wait (R5).
    Behind,
    /// Nothing was told yet: the first load is not complete.
    Untold,
    /// S is unknown: no start can be proven before a full pass.
    Unknown,
}

impl Standing {
    /// As it reads in a table.
    pub fn word(self) -> &'static str {
        match self {
            Self::Level => "level",
            Self::Behind => "behind",
            Self::Untold => "not loaded",
            Self::Unknown => "UNKNOWN",
        }
    }
}

impl Standing {
    /// Of a naming context as the DC with this incarnation shows it; `None` where the cursor names none.
    fn of(context: &FeedContext, reader: Option<InvocationId>) -> Self {
        match (&context.held, reader) {
            (None, _) if context.told.is_empty() => Self::Untold,
            (Some(_), Some(reader)) if context.is_level_on(reader) => Self::Level,
            (Some(_), Some(_)) => Self::Behind,
            (None, _) | (_, None) => Self::Unknown,
        }
    }
}

/// A pass over everything under way.
#[derive(Debug, Clone, Serialize)]
pub struct LoadStatus {
    /// Whether the consumer had been told things before.
    pub is_resync: bool,
    /// When it began.
    pub since: UtcMs,
    /// By whose order; `None` for the first.
    pub by: Option<String>,
    /// Up to which USN it reads.
    pub up_to: Usn,
    /// Per naming context, up to which USN it has been read.
    pub done: BTreeMap<Dn, Usn>,
    /// How many of 100 parts of the USNs are behind it.
    pub percent: u8,
}

impl LoadStatus {
    fn of(load: Load, contexts: usize) -> Self {
        let read: u128 = load
            .done
            .values()
            .map(|usn| u128::from(usn.min(&load.committed).above(Usn::ZERO)))
            .sum();
        let ncs = contexts.max(load.vectors.len()).max(load.done.len()).max(1);
        let all = u128::from(load.committed.above(Usn::ZERO)) * ncs as u128;
        let percent = (read * 100).checked_div(all).unwrap_or(100);
        Self {
            is_resync: load.is_resync,
            since: load.since,
            by: load.by,
            up_to: load.committed,
            done: load.done,
            percent: u8::try_from(percent.min(100)).unwrap_or(100),
        }
    }
}

/// How large J is.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Journal {
    /// Objects with entries.
    pub objects: u64,
    /// Entries.
    pub entries: u64,
    /// The octets they take.
    pub octets: u64,
}

/// Who stopped a feed.
#[derive(Debug, Clone, Serialize)]
pub struct StoppedBy {
    /// Who ordered it.
    pub by: String,
    /// Since when.
    pub since: UtcMs,
}

/// Looks at the feed of a resource; `None` where none was ever begun.
pub(super) async fn look(
    store: &Store,
    resource: &ResourceName,
) -> Result<Option<FeedStatus>, StoreError> {
    let Some(feed) = store.feed(resource).await? else {
        return Ok(None);
    };
    let Feed { contexts, load, .. } = feed;
    let reader = feed.cursor.cursor.invocation_id;
    let backlog = store.feed_backlog(resource).await?;
    let journal = store.journal_size(resource).await?;
    let switch = store.sync_switch(resource).await?;
    Ok(Some(FeedStatus {
        written_at: store.cursor_written_at(resource).await?,
        load: load.map(|load| LoadStatus::of(load, contexts.len())),
        contexts: contexts
            .iter()
            .map(|(nc, context)| (nc.clone(), Standing::of(context, reader)))
            .collect(),
        objects: store.count_told(resource).await?.within,
        waiting: store.feed_waiting(resource).await?,
        needs_full_pass: feed.needs_full_pass.map(|reason| reason.to_string()),
        backlog: backlog.events,
        backlog_octets: backlog.octets,
        backlog_since: backlog.oldest,
        backlog_by_sink: backlog.by_sink,
        dead_letters: store.count_dead_letters(resource).await?,
        journal: Journal {
            objects: journal.objects,
            entries: journal.entries,
            octets: journal.octets,
        },
        counts: store.feed_counts(resource).await?,
        stopped_by: switch
            .filter(|switch| switch.stopped)
            .map(|switch| StoppedBy {
                by: switch.set_by,
                since: switch.since,
            }),
    }))
}

#[cfg(test)]
#[path = "feed_tests.rs"]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests;
