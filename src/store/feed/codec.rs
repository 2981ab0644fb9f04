//! Journals and link digests as octets, over the numbers of their attributes and origins.
//!
//! Journal: per entry, in the order of the attributes' numbers, the gap to the number before, the version, the
//! difference of the seconds and of the USN to the entry before (zigzag), and the origin's number. Links: per entry
//! the gap and the 16 octets of the digest. Nothing at all is no octets. Numbers as in [`crate::store::octets`].
//!
//! Pure: no database.
//!
//! # Decisions
//! - Differences, because one write of AD stamps several attributes alike: such an entry takes 5 octets, not 12.

use crate::model::LinkDigest;
use crate::store::octets::{Garbled, Input, put_number, unzigzag, zigzag};

/// A stamp with its origin's number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) struct Numbered {
    pub(in crate::store) version: u32,
    pub(in crate::store) seconds: i64,
    pub(in crate::store) origin: u32,
    pub(in crate::store) usn: i64,
}

/// The octets of entries that are in the order of their attributes' numbers, each number once.
pub(in crate::store) fn encode_journal(entries: &[(u32, Numbered)]) -> Vec<u8> {
    let mut octets = Vec::with_capacity(entries.len() * 12);
    let mut next = 0;
    let (mut seconds, mut usn) = (0, 0);
    for (attribute, stamp) in entries {
        put_gap(&mut octets, &mut next, *attribute);
        put_number(&mut octets, u64::from(stamp.version));
        put_number(&mut octets, zigzag(stamp.seconds.wrapping_sub(seconds)));
        put_number(&mut octets, u64::from(stamp.origin));
        put_number(&mut octets, zigzag(stamp.usn.wrapping_sub(usn)));
        (seconds, usn) = (stamp.seconds, stamp.usn);
    }
    octets
}

/// The entries in `octets`, in the order of their attributes' numbers; no USN is below 0.
pub(in crate::store) fn decode_journal(octets: &[u8]) -> Result<Vec<(u32, Numbered)>, Garbled> {
    let mut input = Input::new(octets);
    let mut entries = Vec::new();
    let mut next = 0;
    let (mut seconds, mut usn) = (0_i64, 0_i64);
    while !input.is_empty() {
        let attribute = gap(&mut input, &mut next)?;
        let version = small(input.number()?)?;
        seconds = seconds.wrapping_add(unzigzag(input.number()?));
        let origin = small(input.number()?)?;
        usn = usn.wrapping_add(unzigzag(input.number()?));
        if usn < 0 {
            return Err(Garbled("a USN out of range"));
        }
        let stamp = Numbered {
            version,
            seconds,
            origin,
            usn,
        };
        entries.push((attribute, stamp));
    }
    Ok(entries)
}

/// The octets of digests that are in the order of their attributes' numbers, each number once.
pub(in crate::store) fn encode_links(entries: &[(u32, LinkDigest)]) -> Vec<u8> {
    let mut octets = Vec::with_capacity(entries.len() * 17);
    let mut next = 0;
    for (attribute, digest) in entries {
        put_gap(&mut octets, &mut next, *attribute);
        octets.extend_from_slice(&digest.0);
    }
    octets
}

/// The digests in `octets`, in the order of their attributes' numbers.
pub(in crate::store) fn decode_links(octets: &[u8]) -> Result<Vec<(u32, LinkDigest)>, Garbled> {
    let mut input = Input::new(octets);
    let mut entries = Vec::new();
    let mut next = 0;
    while !input.is_empty() {
        let attribute = gap(&mut input, &mut next)?;
        entries.push((attribute, LinkDigest(input.array()?)));
    }
    Ok(entries)
}

fn put_gap(octets: &mut Vec<u8>, next: &mut u64, attribute: u32) {
    let attribute = u64::from(attribute);
    put_number(octets, attribute.saturating_sub(*next));
    *next = attribute + 1;
}

fn gap(input: &mut Input<'_>, next: &mut u64) -> Result<u32, Garbled> {
    let attribute = next.checked_add(input.number()?);
    let attribute = small(attribute.ok_or(Garbled("an attribute out of range"))?)?;
    *next = u64::from(attribute) + 1;
    Ok(attribute)
}

fn small(number: u64) -> Result<u32, Garbled> {
    u32::try_from(number).map_err(|_| Garbled("a number out of range"))
}
