//! Whether something of an object was left out, by what was told before a switch and since (R11).

use super::Reading;
use super::object::Seen;
use crate::model::{AttributeOid, Image, Standing, Told, Usn, Vector};

/// What is known of an object's stamps.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Proof {
    /// The consumer was never told of the object.
    pub is_unknown: bool,
    /// It was told that the object is gone, by a change that this DC does not have.
    pub is_ghost: bool,
    /// How many stamps K before the switch covers.
    pub before: u64,
    /// How many J holds.
    pub journal: u64,
    /// How many came to this DC after the start and are within K now.
    pub since: u64,
    /// How many the next pass reads.
    pub coming: u64,
    /// What none of these explains.
    pub left_out: Vec<AttributeOid>,
}

/// Looks for a proof of every wanted stamp of an object that is the consumer's: `before` is K before the switch, `start`
/// the start it gave.
pub fn left_out(
    reading: &Reading<'_>,
    image: &Image,
    told: Option<&Told>,
    before: &Vector,
    start: Usn,
) -> Proof {
    let seen = Seen::new(reading, image, told, None);
    let mut proof = Proof::default();
    let known = told.filter(|told| told.standing == Standing::In);
    if known.is_none() && image.usn_changed <= reading.cursor {
        // What the consumer was told by a DC that is gone, and this one never heard of, is no reason to tell it anew.
        proof.is_ghost = seen.left_by_what_is_unknown_here();
        proof.is_unknown = !proof.is_ghost;
    }
    if proof.is_ghost {
        return proof;
    }
    for (oid, shown) in &image.stamps {
        if seen.is_rdn(oid) || !(seen.wants(oid) || *oid == seen.name) {
            continue;
        }
        // What was delivered last may be newer than what this DC shows: then it waits for another one (R4).
        let in_journal = known
            .and_then(|told| told.journal.get(oid))
            .is_some_and(|last| *last >= shown.stamp);
        let count = if shown.stamp.is_within(before) {
            &mut proof.before
        } else if in_journal {
            &mut proof.journal
        } else if shown.local > reading.cursor {
            &mut proof.coming
        } else if shown.local > start && shown.stamp.is_within(reading.told) {
            &mut proof.since
        } else {
            proof.left_out.push(oid.clone());
            continue;
        };
        *count += 1;
    }
    proof
}
