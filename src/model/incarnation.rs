//! The lives of a DC's database as the store knows them, and what a poll is judged against.

use serde::{Deserialize, Serialize};

use super::{DcName, Dn, InvocationId, KnownUsn, PollFailure, Sample, UtcMs};

/// One life of a DC's database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Incarnation {
    /// What tells it from every other life.
    pub invocation_id: InvocationId,
    /// The server's own name when last seen.
    pub server_name: String,
    /// The DN of its NTDS Settings object when last seen.
    pub ds_service_name: Dn,
    /// Its site when last seen.
    pub site: String,
    /// Whether it was a global catalog when last seen.
    pub is_global_catalog: bool,
    /// Whether it was read-only when last seen.
    pub is_read_only: bool,
    /// The first accepted poll.
    pub first_seen: UtcMs,
    /// The newest accepted poll.
    pub last_seen: UtcMs,
    /// Set while it is no candidate for anything.
    pub quarantine: Option<Quarantine>,
    /// When an operator last released it: what was known of it before then is void.
    pub released_at: Option<UtcMs>,
}

/// Why and since when an incarnation is kept out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quarantine {
    /// Since when, by the store's clock.
    pub since: UtcMs,
    /// The evidence, for a person.
    pub reason: String,
}

/// What the store knows when a poll has been answered: the input of the collector's decision.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PollContext {
    /// The lives recorded under this DC's name, oldest first.
    pub incarnations: Vec<Incarnation>,
    /// The DC name under which the answering incarnation is already recorded, where that is another one.
    pub owner: Option<DcName>,
    /// The newest sample of the answering incarnation that was collected before this poll began.
    pub last: Option<Sample>,
    /// The highest USN of the answering incarnation that a partner's vector has shown.
    pub known: Option<KnownUsn>,
}

/// The collector's decision on one answered poll.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Accepted {
    /// It is kept.
    Kept {
        /// The sample to store.
        sample: Sample,
        /// Whether the incarnation is seen for the first time while another life of this DC is on record.
        restored: bool,
        /// Set where the poll proves a USN rollback: the evidence for the quarantine.
        rollback: Option<String>,
    },
    /// It counts as a failed poll.
    Rejected(PollFailure),
}
