//! What a DC says of itself.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Dn, InvocationId, NcVectors, Usn, UtcMs};

/// Who answered on a connection (rootDSE, and the NTDS Settings object it names).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The server's own name: the RDN value of rootDSE `serverName`, as `DC1`.
    pub server_name: String,
    /// rootDSE `dsServiceName`: the DN of the NTDS Settings object.
    pub ds_service_name: Dn,
    /// rootDSE `dnsHostName`.
    pub dns_host_name: String,
    /// The site, from dsServiceName.
    pub site: String,
    /// The incarnation of the database.
    pub invocation_id: InvocationId,
    /// Whether it is configured as a global catalog (NTDS Settings `options` bit 0, ADTS 6.1.1.2.2.1.2.1.1).
    pub is_global_catalog: bool,
    /// Whether it is a read-only DC (objectClass nTDSDSARO).
    pub is_read_only: bool,
}

/// The `instanceType` bits of an NC head on one DC (MS-ADA1 2.315 names the attribute).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct InstanceType(pub i32);

impl InstanceType {
    /// The replica here is writable, that is full (bit 0x4).
    pub fn is_writable(self) -> bool {
        self.0 & 0x4 != 0
    }

    /// The NC is being built for the first time (bit 0x10).
    pub fn is_being_built(self) -> bool {
        self.0 & 0x10 != 0
    }

    /// The NC is being removed (bit 0x20).
    pub fn is_being_removed(self) -> bool {
        self.0 & 0x20 != 0
    }
}

/// One complete reading of a DC, in the order that makes its parts evidence: committed, vectors, committed again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DcFacts {
    /// When the reading began, by the store's clock.
    pub started_at: UtcMs,
    /// When the answer with `committed` had arrived, by the store's clock.
    pub committed_at: UtcMs,
    /// When the vectors had been read, by the store's clock.
    pub vectors_at: UtcMs,
    /// Who answered.
    pub identity: Identity,
    /// rootDSE `isSynchronized`.
    pub synchronized: bool,
    /// rootDSE `isGlobalCatalogReady`.
    pub global_catalog_ready: bool,
    /// rootDSE `highestCommittedUSN` before the vectors (hc₁).
    pub committed: Usn,
    /// rootDSE `highestCommittedUSN` after the vectors (hc₂); `None` where no vector was asked for.
    pub committed_after: Option<Usn>,
    /// The DC's `currentTime` less our clock, in milliseconds.
    pub skew_ms: Option<i64>,
    /// How long the reading took, in milliseconds.
    pub took_ms: u32,
    /// The vectors that could be read, own entries left out; an NC with no vector yet gives an empty one.
    pub vectors: NcVectors,
    /// Why a vector that was asked for is missing, per NC.
    pub unreadable: BTreeMap<Dn, String>,
    /// `instanceType` of each NC head that was read.
    pub instance_types: BTreeMap<Dn, InstanceType>,
    /// `tombstoneLifetime` in days, 60 where the attribute is absent; `None` where it could not be read.
    pub tombstone_lifetime_days: Option<u32>,
}

/// How gladly a DC is taken as a backup.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Preference {
    /// Before all others.
    Prefer,
    /// No wish.
    #[default]
    Neutral,
    /// Only when nothing else is eligible.
    PreferNot,
    /// Never.
    MustNot,
}
