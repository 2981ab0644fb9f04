//! The position of a consumer, and what is known of what it holds.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{DcName, Dn, InvocationId, NcVectors, Usn, UtcMs, Vector};

/// Which attribute of the resource names the DC it reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HostAttribute {
    /// The LDAP host.
    LdapHost,
    /// The global catalog host: the resource searches subdomains and has a global catalog.
    GlobalCatalog,
}

/// Host and position of a consumer: what a failover rewrites.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Cursor {
    /// The LDAP host the consumer reads.
    pub ldap_host: String,
    /// The global catalog host it reads, where it has one.
    pub global_catalog: Option<String>,
    /// The incarnation both USNs count on; `None` where the consumer does not record it.
    pub invocation_id: Option<InvocationId>,
    /// Everything changed up to this USN has been read.
    pub last_updated: Usn,
    /// Every deletion up to this USN has been read.
    pub last_deleted: Usn,
}

impl Cursor {
    /// The USN up to which both changes and deletions have been read.
    pub fn read_up_to(&self) -> Usn {
        self.last_updated.min(self.last_deleted)
    }

    /// The host the attribute names; `None` where a global catalog is meant and none is set.
    pub fn host(&self, attribute: HostAttribute) -> Option<&str> {
        match attribute {
            HostAttribute::LdapHost => Some(&self.ldap_host),
            HostAttribute::GlobalCatalog => self.global_catalog.as_deref(),
        }
    }
}

/// A token that changes with every write of a cursor: what compare-and-set compares.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CursorTag(pub String);

/// A cursor as it was read, with its token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldCursor {
    /// The position.
    pub cursor: Cursor,
    /// The token of that very state.
    pub tag: CursorTag,
}

/// What is known of what an external consumer held when its cursor was last rewritten (S of the rules R3, R7, R12).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum Knowledge {
    /// Per NC, S after the switch: min(S before, the new DC's vector), and the start for the new DC itself.
    Held {
        /// When the switch was made.
        since: UtcMs,
        /// The DC switched to.
        dc: DcName,
        /// Its incarnation.
        invocation_id: InvocationId,
        /// The start given.
        start: Usn,
        /// S, per NC.
        held: BTreeMap<Dn, Vector>,
    },
    /// The start given was not proven: what the consumer holds is unknown until it has made a full pass (R7).
    Void {
        /// When the switch was made.
        since: UtcMs,
        /// The DC switched to.
        dc: DcName,
        /// Why, for a person.
        reason: String,
    },
    /// An operator declared that the consumer has made a full pass: samples are evidence again, whatever was before.
    Pass {
        /// When it was declared.
        since: UtcMs,
        /// By whom.
        by: String,
        /// The incarnation the cursor counted on then, where it named one.
        invocation_id: Option<InvocationId>,
    },
}

impl Knowledge {
    /// S per NC, where it is known.
    pub fn held(&self) -> Option<&NcVectors> {
        match self {
            Self::Held { held, .. } => Some(held),
            Self::Void { .. } | Self::Pass { .. } => None,
        }
    }
}

/// Which of the ways to find the start USN acts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StartMethod {
    /// The vector start where a vector proves one, else the time start.
    #[default]
    Best,
    /// The sample nearest to FailureTimestamp − replicationTime, never after it.
    Time,
    /// The up-to-dateness vector.
    Vector,
}
