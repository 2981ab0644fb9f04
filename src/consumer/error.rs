//! What can go wrong with a consumer, in words an operator can act on.

use std::path::PathBuf;

use super::{CommandFailure, CursorFlaw, SpotError};
use crate::model::{HeldCursor, ResourceName};
use crate::store::StoreError;

/// A consumer that could not be read, written, stopped or started.
#[derive(Debug, thiserror::Error)]
pub enum ConsumerError {
    /// The store holds no cursor for it.
    #[error(
        "resource {resource}: the store holds no cursor for it; a feed of ours makes its own with the first load (`highwater run`, \
         or `highwater sync {resource}`); that of another sync is brought in with `highwater import`"
    )]
    NoCursor {
        /// Whose cursor.
        resource: ResourceName,
    },
    /// There is no such cursor file.
    #[error(
        "resource {resource}: the cursor file {path} does not exist; let the sync write it once, or correct `path` under \
         [resource.{resource}.consumer]"
    )]
    Missing {
        /// Whose cursor.
        resource: ResourceName,
        /// The cursor file.
        path: PathBuf,
    },
    /// The cursor file could not be read.
    #[error(
        "resource {resource}: cannot read the cursor file {path}: {problem}; check that this user may read it"
    )]
    Unreadable {
        /// Whose cursor.
        resource: ResourceName,
        /// The cursor file.
        path: PathBuf,
        /// What the system said.
        problem: String,
    },
    /// The cursor file holds something else than a cursor.
    #[error("resource {resource}: the cursor file {path} was left as it is: {flaw}")]
    Flawed {
        /// Whose cursor.
        resource: ResourceName,
        /// The cursor file.
        path: PathBuf,
        /// What is wrong in it.
        flaw: CursorFlaw,
    },
    /// The cursor is not the expected one.
    #[error(
        "resource {resource}: the cursor has moved: found host {}, lastUpdated {}, lastDeleted {}; nothing was written; \
         plan again",
        .found.cursor.ldap_host, .found.cursor.last_updated, .found.cursor.last_deleted
    )]
    Moved {
        /// Whose cursor.
        resource: ResourceName,
        /// The cursor that stands.
        found: Box<HeldCursor>,
    },
    /// Another process held the cursor file's lock for too long.
    #[error(
        "resource {resource}: {path} was locked by another process for {seconds} s; look for the process that holds it, \
         then try again"
    )]
    Locked {
        /// Whose cursor.
        resource: ResourceName,
        /// The lock file.
        path: PathBuf,
        /// How long it was waited for.
        seconds: u64,
    },
    /// The cursor file could not be written.
    #[error(
        "resource {resource}: cannot write the cursor file {path}: {problem}; check room and rights in its folder"
    )]
    Unwritable {
        /// Whose cursor.
        resource: ResourceName,
        /// The cursor file.
        path: PathBuf,
        /// What the system said.
        problem: String,
    },
    /// The configured command did not succeed.
    #[error(
        "resource {resource}: the consumer's `{which}` command {failure}; run it by hand as this user and put it right"
    )]
    Command {
        /// Whose consumer.
        resource: ResourceName,
        /// `stop` or `start`.
        which: &'static str,
        /// What became of it.
        failure: CommandFailure,
    },
    /// The running service did not answer.
    #[error(
        "resource {resource}: the running service did not {which} the sync within {seconds} s; look at its log, or stop \
         the service and try again"
    )]
    Unanswered {
        /// Whose sync.
        resource: ResourceName,
        /// `stop` or `start`.
        which: &'static str,
        /// How long it was waited for.
        seconds: u64,
    },
    /// The running service refused, or a later order overtook this one.
    #[error("resource {resource}: the running service did not {which} the sync: {why}")]
    Refused {
        /// Whose sync.
        resource: ResourceName,
        /// `stop` or `start`.
        which: &'static str,
        /// Why.
        why: String,
    },
    /// A request that stops or starts the sync did not succeed.
    #[error("resource {resource}: the requests that {which} the sync: {source}")]
    Requests {
        /// Whose consumer.
        resource: ResourceName,
        /// `stop` or `start`.
        which: &'static str,
        /// What went wrong.
        source: Box<SpotError>,
    },
    /// A spot of another product could not be read or written.
    #[error("resource {resource}: {source}")]
    Spot {
        /// Whose consumer.
        resource: ResourceName,
        /// What went wrong.
        source: Box<SpotError>,
    },
    /// What was saved is not of the kind the configuration names by now.
    #[error(
        "resource {resource}: what was saved of its cursor is of another kind of consumer; put the `kind` and the spots \
         under [resource.{resource}.consumer] back as they were, and run the command again"
    )]
    OtherKind {
        /// Whose consumer.
        resource: ResourceName,
    },
    /// The sync's state in systemd is not what was asked for.
    #[error(
        "resource {resource}: the unit {unit} is {state} after `systemctl {which}`; look at `systemctl status {unit}`"
    )]
    Unit {
        /// Whose consumer.
        resource: ResourceName,
        /// The unit.
        unit: String,
        /// `stop` or `start`.
        which: &'static str,
        /// What systemd says it is.
        state: String,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// This process is ending.
    #[error("the program is ending; run the command again")]
    Ended,
}
