//! Update sequence numbers and the invocationIds that give them meaning.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A local update sequence number of one DC incarnation, 0 to 2^63−1 (ADTS 3.1.1.1.9).
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(try_from = "i64", into = "i64")]
pub struct Usn(i64);

/// Text or number that is no USN.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no USN: expected a whole number from 0 to 9223372036854775807")]
pub struct UsnError(String);

impl Usn {
    /// Before every change.
    pub const ZERO: Usn = Usn(0);
    /// The first one that is given.
    pub const ONE: Usn = Usn(1);

    /// The USN with this value, or an error where it is negative.
    pub fn new(value: i64) -> Result<Self, UsnError> {
        if value < 0 {
            Err(UsnError(value.to_string()))
        } else {
            Ok(Self(value))
        }
    }

    /// The plain number.
    pub fn get(self) -> i64 {
        self.0
    }

    /// How many USNs lie above `lower`, up to and including this one; 0 where `lower` is not below.
    pub fn above(self, lower: Usn) -> u64 {
        u64::try_from(self.0.saturating_sub(lower.0)).unwrap_or(0)
    }

    /// The USN this far below, 0 where there is none.
    #[must_use]
    pub fn less(self, usns: u64) -> Usn {
        let usns = i64::try_from(usns).unwrap_or(i64::MAX);
        Usn(self.0.saturating_sub(usns).max(0))
    }
}

impl TryFrom<i64> for Usn {
    type Error = UsnError;
    fn try_from(value: i64) -> Result<Self, UsnError> {
        Self::new(value)
    }
}

impl From<Usn> for i64 {
    fn from(usn: Usn) -> i64 {
        usn.0
    }
}

impl FromStr for Usn {
    type Err = UsnError;
    fn from_str(text: &str) -> Result<Self, UsnError> {
        let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        match text.parse::<i64>() {
            Ok(value) if digits => Self::new(value),
            _ => Err(UsnError(text.chars().take(40).collect())),
        }
    }
}

impl fmt::Display for Usn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// The identity of one incarnation of a DC's database; a restore gives a new one (ADTS 3.1.1.1.9).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct InvocationId(Uuid);

impl InvocationId {
    /// No DC's.
    pub const NONE: Self = Self(Uuid::nil());

    /// From the attribute's 16 octets: a GUID with its first three fields little-endian (MS-DTYP 2.3.4.2).
    pub fn from_octets(octets: [u8; 16]) -> Self {
        Self(Uuid::from_bytes_le(octets))
    }

    /// The attribute's 16 octets.
    pub fn to_octets(self) -> [u8; 16] {
        self.0.to_bytes_le()
    }

    /// The invocationId with this GUID.
    pub fn from_uuid(uuid: Uuid) -> Self {
        Self(uuid)
    }
}

impl fmt::Display for InvocationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl FromStr for InvocationId {
    type Err = uuid::Error;
    fn from_str(text: &str) -> Result<Self, uuid::Error> {
        Uuid::parse_str(text).map(Self)
    }
}
