//! Originating stamps: what makes a change recognisable on every DC.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{InvocationId, Usn, Vector};

/// An object's objectGUID: the one name that survives renames, moves and deletion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ObjectGuid(Uuid);

impl ObjectGuid {
    /// From the attribute's 16 octets (MS-DTYP 2.3.4.2).
    pub fn from_octets(octets: [u8; 16]) -> Self {
        Self(Uuid::from_bytes_le(octets))
    }

    /// The attribute's 16 octets.
    pub fn to_octets(self) -> [u8; 16] {
        self.0.to_bytes_le()
    }

    /// The objectGUID that is this GUID.
    pub fn from_uuid(uuid: Uuid) -> Self {
        Self(uuid)
    }
}

impl fmt::Display for ObjectGuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl FromStr for ObjectGuid {
    type Err = uuid::Error;
    fn from_str(text: &str) -> Result<Self, uuid::Error> {
        Uuid::parse_str(text).map(Self)
    }
}

/// The `attributeID` of an attribute in dotted decimal: the same on every DC, unlike the numbers in
/// `replPropertyMetaData`, which count by each DC's own prefix table (DRSR 5.16.4).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AttributeOid(Arc<str>);

impl AttributeOid {
    /// The OID with this text.
    pub fn new(text: &str) -> Self {
        Self(Arc::from(text))
    }

    /// The dotted text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AttributeOid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An attribute's originating stamp (ADTS 3.1.1.1.9); ordered as AD settles conflicts: version, time, invocationId
/// (DRSR 4.1.10.6.11), the USN last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Stamp {
    /// How often the attribute was written.
    pub version: u32,
    /// When, by the originating DC's clock, in whole seconds since 1970 UTC.
    pub seconds: i64,
    /// The incarnation that wrote it.
    pub origin: InvocationId,
    /// Its USN there.
    pub usn: Usn,
}

impl Stamp {
    /// Before every stamp there is, of no DC: stands in a journal for "nothing of what is known was told".
    pub const BEFORE_ALL: Self = Self {
        version: 0,
        seconds: 0,
        origin: InvocationId::NONE,
        usn: Usn::ZERO,
    };

    /// Before every stamp of a DC: stands in a journal for one that was delivered, and given up with the DC that wrote it (R9).
    pub const GIVEN_UP: Self = Self {
        version: 0,
        seconds: 0,
        origin: InvocationId::NONE,
        usn: Usn::ONE,
    };

    /// Whether it stands for none that a DC ever wrote.
    pub fn is_mark(&self) -> bool {
        *self <= Self::GIVEN_UP
    }

    /// Whether a reader that knows `vector` has been told this value or one that superseded it.
    pub fn is_within(&self, vector: &Vector) -> bool {
        vector.get(self.origin).is_some_and(|usn| self.usn <= usn)
    }
}
