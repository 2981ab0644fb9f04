//! What the collector takes down of a DC.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{DcName, Dn, InvocationId, Usn, UtcMs, Vector};

/// One vector per naming context.
pub type NcVectors = BTreeMap<Dn, Vector>;

/// One accepted reading of a DC's highestCommittedUSN; its incarnation is known from where it is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sample {
    /// When the answer with `committed` had arrived, by the store's clock: never before the DC read it.
    pub collected_at: UtcMs,
    /// highestCommittedUSN read before the vectors (hc₁): what a start by time or by hand uses.
    pub committed: Usn,
    /// How long the whole poll took, in milliseconds.
    pub took_ms: u32,
    /// The DC's `currentTime` less our clock, in milliseconds; `None` where the DC gave none.
    pub skew_ms: Option<i64>,
}

impl Sample {
    /// A moment by which the poll had not begun: whoever holds everything up to `committed` holds all of before then.
    ///
    /// `collected_at` is no such moment, since the DC may have committed more between the reading and its arrival.
    pub fn not_begun_at(&self) -> UtcMs {
        // `took_ms` is cut to whole milliseconds, hence one more.
        self.collected_at.minus_ms(i64::from(self.took_ms) + 1)
    }
}

/// A reading of the DC in use with the vectors between its two highestCommittedUSN: evidence for a cursor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceSample {
    /// The incarnation that was read.
    pub invocation_id: InvocationId,
    /// When it was read, by the store's clock.
    pub collected_at: UtcMs,
    /// highestCommittedUSN read after the vectors (hc₂): the lowest cursor this is evidence for.
    pub committed_after: Usn,
    /// The vector of every naming context that could be read, own entries left out.
    pub vectors: NcVectors,
}

/// The highest USN of an incarnation that a partner's vector has shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownUsn {
    /// The USN in the partner's vector.
    pub usn: Usn,
    /// The partner.
    pub partner: DcName,
    /// When the partner's vector had been read, by the store's clock.
    pub read_at: UtcMs,
}
