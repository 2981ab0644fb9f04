//! The document itself; `schema/recovery.schema.json` says the same for other programs.

use serde::{Deserialize, Serialize};

use crate::model::{
    Cursor, DcName, Dn, InvocationId, Knowledge, KnownUsn, NcVectors, Quarantine, ResourceName,
    Sample, Usn, UtcMs,
};

/// The version of the document this program writes and reads.
pub(super) const VERSION: u32 = 1;

/// The recovery data of one resource.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Recovery {
    /// `ADSyncRecovery_<resource>`.
    pub name: String,
    /// The version of the document: 1.
    pub version: u32,
    /// The resource.
    pub resource: ResourceName,
    /// When it was written, by the store's clock.
    pub exported_at: UtcMs,
    /// The DCs of the resource with their history.
    pub dcs: Vec<RecoveryDc>,
    /// The vectors that prove what the cursor has read.
    pub evidence: Vec<RecoveryEvidence>,
    /// The cursor, where the store keeps it.
    pub cursor: Option<RecoveryCursor>,
    /// The cursor as last seen, wherever it is kept.
    pub cursor_seen: Option<RecoveryCursorSeen>,
    /// What is known of an external consumer since its last switch.
    pub knowledge: Option<Knowledge>,
}

/// One DC.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RecoveryDc {
    /// Its name in the configuration.
    pub name: DcName,
    /// The lives of its database, oldest first.
    pub incarnations: Vec<RecoveryIncarnation>,
}

/// One life of a DC's database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RecoveryIncarnation {
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
    /// When an operator last released it.
    pub released_at: Option<UtcMs>,
    /// Who released it.
    pub released_by: Option<String>,
    /// Why it was released.
    pub release_reason: Option<String>,
    /// The highest USN of it that a partner's vector has shown.
    pub known_usn: Option<KnownUsn>,
    /// Its samples, oldest first.
    pub samples: Vec<RecoverySample>,
}

/// A sample as `[collectedAt in ms since 1970, highestCommittedUSN, poll time in ms, skew in ms or null]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecoverySample(pub i64, pub Usn, pub u32, pub Option<i64>);

impl From<Sample> for RecoverySample {
    fn from(sample: Sample) -> Self {
        Self(
            sample.collected_at.as_millis(),
            sample.committed,
            sample.took_ms,
            sample.skew_ms,
        )
    }
}

/// The vectors of one poll of the DC in use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RecoveryEvidence {
    /// The incarnation that was read.
    pub invocation_id: InvocationId,
    /// When it was read, by the store's clock.
    pub collected_at: UtcMs,
    /// highestCommittedUSN read after the vectors.
    pub committed_after: Usn,
    /// The vector of every naming context that could be read.
    pub vectors: NcVectors,
}

/// The cursor as the store keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RecoveryCursor {
    /// Rises with every write.
    pub generation: i64,
    /// The cursor.
    pub cursor: Cursor,
    /// When it was last written.
    pub updated_at: UtcMs,
}

/// The cursor as last seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RecoveryCursorSeen {
    /// The DC in use, where its host was recognised.
    pub dc: Option<DcName>,
    /// The incarnation it counts on, where that is known.
    pub invocation_id: Option<InvocationId>,
    /// Everything up to here had been read.
    pub read_up_to: Usn,
    /// When it was seen.
    pub seen_at: UtcMs,
}
