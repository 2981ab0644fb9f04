//! Why an order was not carried out, and how it leaves the sync.

use std::fmt;

use crate::consumer::ConsumerError;
use crate::model::{Cursor, ResourceName, Step};
use crate::store::StoreError;

/// How an attempt leaves the sync.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SyncNow {
    /// It was started.
    Started,
    /// It was left as it had been: nothing had been asked of it yet.
    Untouched,
    /// It stands still, as ordered or as it was found.
    LeftStopped,
    /// It should run and could not be started: why.
    NotStarted(String),
    /// It was started, and was not seen to go on within the time for it: what was seen last.
    NotConfirmed(String),
}

impl SyncNow {
    /// Whether the sync is as it was ordered to be.
    pub fn is_as_ordered(&self) -> bool {
        !matches!(self, Self::NotStarted(_) | Self::NotConfirmed(_))
    }
}

impl fmt::Display for SyncNow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Started => f.write_str("the sync was started"),
            Self::Untouched => f.write_str("the sync was not touched"),
            Self::LeftStopped => f.write_str("the sync is left stopped"),
            Self::NotStarted(why) => write!(
                f,
                "the sync is stopped and could not be started ({why}): put that right and start it by hand"
            ),
            Self::NotConfirmed(why) => write!(
                f,
                "the sync was started and was not seen to go on ({why}): look at its log; `highwater undo` puts the \
                 previous host and cursor back, with `--allow-gap` where it may have read there"
            ),
        }
    }
}

/// An order that was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// The order is for another resource than the consumer's.
    #[error(
        "the order is for resource {ordered}, the consumer given is that of {given}: nothing was done"
    )]
    OtherConsumer {
        /// Whose order.
        ordered: ResourceName,
        /// Whose consumer.
        given: ResourceName,
    },
    /// Another worker is at it.
    #[error(
        "resource {0}: another failover or undo is under way, or a stop command it began still runs; wait for it to \
         end, then look at `highwater attempts {0}`"
    )]
    Busy(ResourceName),
    /// A dead process left one behind that nobody has settled.
    #[error(
        "resource {resource}: attempt {attempt} was begun and never ended; it has to be settled first: run the command \
         again"
    )]
    Unfinished {
        /// Whose consumer.
        resource: ResourceName,
        /// The open attempt.
        attempt: i64,
    },
    /// The cursor is not the one planned with.
    #[error(
        "resource {resource}: the cursor moved after the plan was made, from {} to {}; nothing was written, {sync}; plan \
         again", brief(.expected), brief(.found)
    )]
    Moved {
        /// Whose consumer.
        resource: ResourceName,
        /// The cursor planned with.
        expected: Box<Cursor>,
        /// The cursor found.
        found: Box<Cursor>,
        /// How the sync was left.
        sync: SyncNow,
    },
    /// A step failed; nothing was written.
    #[error("the step `{step}` failed: {source}; the cursor is as it was, {sync}")]
    Step {
        /// The step.
        step: Step,
        /// What failed.
        source: ConsumerError,
        /// How the sync was left.
        sync: SyncNow,
    },
    /// The cursor is neither the old nor the new one.
    #[error(
        "resource {resource}: attempt {attempt} should have taken the cursor from {} to {}, but found {}: another program \
         wrote it. Nothing more was done and the sync was not started. Find that program, put one of the two cursors \
         back, start the sync by hand, and plan again", brief(.old), brief(.new), brief(.found)
    )]
    Conflict {
        /// Whose consumer.
        resource: ResourceName,
        /// The attempt, now ended.
        attempt: i64,
        /// The cursor before.
        old: Box<Cursor>,
        /// The cursor ordered.
        new: Box<Cursor>,
        /// The cursor found.
        found: Box<Cursor>,
    },
    /// Whether the new cursor stands could not be found out; the attempt stays open.
    #[error(
        "resource {resource}: attempt {attempt} is open and cannot be settled: {source}; put that right and run the \
         command again, which finishes it or takes it back"
    )]
    Unsettled {
        /// Whose consumer.
        resource: ResourceName,
        /// The open attempt.
        attempt: i64,
        /// What stands in the way.
        source: ConsumerError,
    },
    /// The store failed; what was begun is settled by the next command.
    #[error(
        "{0}; if a failover or undo had been begun, run the command again: it finishes it or takes it back"
    )]
    Store(#[from] StoreError),
}

impl ApplyError {
    /// Whether the cursor moved after the plan was made, so that a new plan may do.
    pub fn is_stale(&self) -> bool {
        matches!(self, Self::Moved { .. })
    }
}

/// A cursor in a few words, for messages.
pub(super) fn brief(cursor: &Cursor) -> String {
    let catalog = cursor
        .global_catalog
        .as_ref()
        .map_or_else(String::new, |host| format!(", globalCatalog {host}"));
    format!(
        "[ldapHost {}{catalog}, lastUpdated {}, lastDeleted {}]",
        cursor.ldap_host, cursor.last_updated, cursor.last_deleted
    )
}
