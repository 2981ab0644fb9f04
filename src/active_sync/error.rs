//! What stops a feed, for a moment or until somebody does something.

use crate::directory::{DirectoryError, ProjectionError};
use crate::model::{DcName, Dn, FullPassReason, InvocationId, ResourceName, Usn};
use crate::store::StoreError;

use super::sinks::SinkError;

/// Why the feed of a resource does not go on.
#[derive(Debug, thiserror::Error)]
pub enum FeedError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The DC failed, or the way to it.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// The configured attributes cannot be followed.
    #[error("resource.{resource}.feed: {problem}")]
    Projection {
        /// Whose feed.
        resource: ResourceName,
        /// Why.
        problem: ProjectionError,
    },
    /// A sink cannot be used at all.
    #[error(transparent)]
    Sink(#[from] SinkError),
    /// A sink takes nothing, and waiting is of no use.
    #[error("sink `{sink}`: {why}")]
    SinkDown {
        /// Its name.
        sink: String,
        /// Why.
        why: String,
    },
    /// So much waits for the sinks that nothing more is read, and they take none of it.
    #[error(
        "{octets} octets of events wait for the sinks of {resource}, {bound} may: nothing more is read until they take some; \
         behind are {sinks}"
    )]
    BacklogFull {
        /// Whose feed.
        resource: ResourceName,
        /// How many octets wait.
        octets: u64,
        /// How many may, see `backlog_bytes`.
        bound: u64,
        /// The sinks that have not taken everything, with how many events they lack.
        sinks: String,
    },
    /// What was delivered of a DC's changes is not on the DC in use, and has not come for long (R4).
    #[error(
        "{objects} objects of {resource} have waited {hours} h for changes of {dc}, which were delivered and which the DC in \
         use does not have: bring {dc} back; if it never comes back, declare it lost with `highwater quarantine declare-lost`"
    )]
    Waiting {
        /// Whose feed.
        resource: ResourceName,
        /// The DC that made the changes, or its invocationId.
        dc: String,
        /// How many objects.
        objects: u64,
        /// Since how many hours.
        hours: i64,
    },
    /// Another order took the cursor or stopped the feed meanwhile: nothing is wrong.
    #[error("the feed of {0} was stopped or moved meanwhile")]
    Interrupted(ResourceName),
    /// The cursor names a host that is none of the configured DCs.
    #[error(
        "the cursor of {resource} names the host {host}, which is no [dc] of the configuration: add it, or fail over"
    )]
    UnknownHost {
        /// Whose cursor.
        resource: ResourceName,
        /// The host.
        host: String,
    },
    /// The database of the DC is another one than the cursor counts on.
    #[error(
        "{dc} has the invocationId {found} now and the cursor of {resource} counts on {expected}: it was restored or \
         promoted anew; move the feed with `highwater failover {resource}`"
    )]
    OtherIncarnation {
        /// Whose cursor.
        resource: ResourceName,
        /// The DC.
        dc: DcName,
        /// What the cursor counts on.
        expected: InvocationId,
        /// What the DC has.
        found: InvocationId,
    },
    /// The DC ends below what was read of it: its database went back in time (R10).
    #[error(
        "{dc} ends at USN {committed} and the feed of {resource} has read it up to {known}: its database went back in \
         time (USN rollback); put it in quarantine with `highwater quarantine add {dc}` and fail over"
    )]
    RolledBack {
        /// Whose feed.
        resource: ResourceName,
        /// The DC.
        dc: DcName,
        /// highestCommittedUSN now.
        committed: Usn,
        /// What is known of it.
        known: Usn,
    },
    /// The DC lacks changes that every DC had, and that nothing is remembered of any more (R6).
    #[error(
        "{dc} lacks changes that were delivered to {resource} and that every DC has had: of {origin} up to USN {needed}, it \
         has them up to {has}; it was restored from a backup, or is new among `backup_dcs`: it is read once replication \
         has brought them; see `repadmin /showrepl {dc}`, or move the feed with `highwater failover {resource}`"
    )]
    LacksSettled {
        /// Whose feed.
        resource: ResourceName,
        /// The DC.
        dc: DcName,
        /// The incarnation that made the changes.
        origin: InvocationId,
        /// Up to which USN it must have them.
        needed: Usn,
        /// Up to which USN it has.
        has: Usn,
    },
    /// What was missed can no longer be found out (R: deletes).
    #[error(
        "the feed of {resource} last read {dc} {days} days ago and tombstones live {lifetime} days: deletes may be lost; \
         order a full pass with `highwater resync {resource}`"
    )]
    TombstonesExpired {
        /// Whose feed.
        resource: ResourceName,
        /// The DC.
        dc: DcName,
        /// How long ago.
        days: i64,
        /// tombstoneLifetime in days.
        lifetime: u32,
    },
    /// What is remembered of the consumer does not do.
    #[error("{reason}: order a full pass of {resource} with `highwater resync {resource}`")]
    NeedsFullPass {
        /// Whose feed.
        resource: ResourceName,
        /// Why.
        reason: FullPassReason,
    },
    /// Bases, filter or attributes are other ones than those K and S stand for (R9).
    #[error(
        "bases, filter or attributes of {0} have changed since its last load: order a full pass with `highwater resync {0}`"
    )]
    OtherProjection(ResourceName),
    /// A base lies in no naming context of the DC.
    #[error(
        "{dc} holds no naming context that {base} lies in: correct resource.{resource}.base_contexts"
    )]
    NoContext {
        /// Whose base.
        resource: ResourceName,
        /// The DC.
        dc: DcName,
        /// The base.
        base: Dn,
    },
    /// A resync would delete more than is allowed.
    #[error(
        "the resync of {resource} would delete {deletes} objects, and {max} are allowed: look at them, and let it go on with \
         `highwater resync {resource} --max-deletes {deletes}`"
    )]
    TooManyDeletes {
        /// Whose feed.
        resource: ResourceName,
        /// How many.
        deletes: u64,
        /// How many are allowed.
        max: u64,
    },
    /// No DC answers on which the feed could begin.
    #[error("no DC of {resource} answers that the feed could begin on; the last said: {problem}")]
    NowhereToBegin {
        /// Whose feed.
        resource: ResourceName,
        /// What the last one said.
        problem: String,
    },
    /// There is no feed to look at.
    #[error(
        "resource {0} has no feed of its own that was begun: `highwater run` or `highwater sync {0}` begins one of kind \
         \"builtin\""
    )]
    NoFeed(ResourceName),
    /// Somebody else drives the feed.
    #[error(
        "the feed of {0} is driven by another process, the service or a `highwater sync`: stop that one first"
    )]
    Driven(ResourceName),
}

impl FeedError {
    /// Whether it was an order that ended the work, not a failure.
    pub fn is_interruption(&self) -> bool {
        matches!(self, Self::Interrupted(_))
    }

    /// Whether it says something of the DC that was read, and nothing of any other.
    pub(super) fn is_of_dc(&self) -> bool {
        matches!(
            self,
            Self::Directory(_)
                | Self::UnknownHost { .. }
                | Self::OtherIncarnation { .. }
                | Self::RolledBack { .. }
                | Self::LacksSettled { .. }
                | Self::TombstonesExpired { .. }
                | Self::NoContext { .. }
        )
    }

    /// How long an answer was waited for in vain, in milliseconds.
    pub(super) fn waited_ms(&self) -> u32 {
        match self {
            Self::Directory(DirectoryError::Timeout { after, .. }) => {
                u32::try_from(after.as_millis()).unwrap_or(u32::MAX)
            }
            _ => 0,
        }
    }

    /// Whether the session had best be dropped.
    pub(super) fn ends_session(&self) -> bool {
        match self {
            Self::Directory(error) => error.ends_session(),
            _ => true,
        }
    }
}
