//! Vectors as octets: a whole one, and what differs from it.
//!
//! Whole: the number of entries, then per entry, in the order of the invocationIds, the 16 octets and the USN.
//! Changes against a whole one: the changed entries (gap to the index before, zigzag difference of the USN), the
//! removed ones (gap), the added ones (16 octets, USN), each list led by its length. Numbers are LEB128 varints.
//! The empty octet string says "unchanged".
//!
//! Pure: no database, and no octets make it panic or reserve memory that the octets do not back.

use std::collections::BTreeSet;

use crate::model::{InvocationId, Usn, Vector};

/// Octets that are no vector, or no changes of this one; says which part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the octets of a vector are damaged: {0}")]
pub(super) struct Garbled(&'static str);

/// The octets of a whole vector.
pub(super) fn encode_whole(vector: &Vector) -> Vec<u8> {
    let mut octets = Vec::with_capacity(5 + vector.len() * 22);
    put_length(&mut octets, vector.len());
    for (id, usn) in vector.iter() {
        put_entry(&mut octets, id, usn);
    }
    octets
}

/// The vector in `octets`, its entries in order.
pub(super) fn decode_whole(octets: &[u8]) -> Result<Vec<(InvocationId, Usn)>, Garbled> {
    let mut input = Input(octets);
    let length = input.number()?;
    let mut entries: Vec<(InvocationId, Usn)> = Vec::new();
    for _ in 0..length {
        let entry = input.entry()?;
        if entries.last().is_some_and(|(id, _)| *id >= entry.0) {
            return Err(Garbled("entries out of order"));
        }
        entries.push(entry);
    }
    input.end()?;
    Ok(entries)
}

/// What makes `vector` of `base`, whose entries are in order.
pub(super) fn encode_changes(base: &[(InvocationId, Usn)], vector: &Vector) -> Vec<u8> {
    let (mut changed, mut removed) = (Gaps::default(), Gaps::default());
    for (index, (id, before)) in base.iter().enumerate() {
        match vector.get(*id) {
            None => removed.put(index),
            Some(now) if now != *before => {
                changed.put(index);
                let difference = now.get() - before.get();
                put_number(&mut changed.octets, zigzag(difference));
            }
            Some(_) => {}
        }
    }
    let known: BTreeSet<InvocationId> = base.iter().map(|(id, _)| *id).collect();
    let added: Vec<_> = vector
        .iter()
        .filter(|(id, _)| !known.contains(id))
        .collect();
    if changed.length == 0 && removed.length == 0 && added.is_empty() {
        return Vec::new();
    }
    let mut octets = Vec::new();
    for list in [changed, removed] {
        put_length(&mut octets, list.length);
        octets.extend_from_slice(&list.octets);
    }
    put_length(&mut octets, added.len());
    for (id, usn) in added {
        put_entry(&mut octets, id, usn);
    }
    octets
}

/// The vector that `changes` make of `base`.
pub(super) fn apply_changes(
    base: &[(InvocationId, Usn)],
    changes: &[u8],
) -> Result<Vector, Garbled> {
    let mut vector: Vector = base.iter().copied().collect();
    if changes.is_empty() {
        return Ok(vector);
    }
    let mut input = Input(changes);
    let mut next = 0;
    for _ in 0..input.number()? {
        let (id, before) = at_gap(base, &mut next, input.number()?)?;
        let difference = unzigzag(input.number()?);
        vector.set(id, positive(before.get().checked_add(difference))?);
    }
    next = 0;
    for _ in 0..input.number()? {
        let (id, _) = at_gap(base, &mut next, input.number()?)?;
        vector.set(id, Usn::ZERO);
    }
    for _ in 0..input.number()? {
        let (id, usn) = input.entry()?;
        vector.set(id, usn);
    }
    input.end()?;
    Ok(vector)
}

/// The entry `gap` places after `next`, which then moves behind it.
fn at_gap(
    base: &[(InvocationId, Usn)],
    next: &mut usize,
    gap: u64,
) -> Result<(InvocationId, Usn), Garbled> {
    let index = usize::try_from(gap)
        .ok()
        .and_then(|gap| next.checked_add(gap));
    let entry = index.and_then(|index| base.get(index));
    let entry = entry.ok_or(Garbled("an index beyond the base"))?;
    *next = index.unwrap_or(*next).saturating_add(1);
    Ok(*entry)
}

fn positive(usn: Option<i64>) -> Result<Usn, Garbled> {
    usn.filter(|usn| *usn > 0)
        .and_then(|usn| Usn::new(usn).ok())
        .ok_or(Garbled("a USN out of range"))
}

/// A list of ascending indexes, each as its distance from the place after the one before.
#[derive(Default)]
struct Gaps {
    next: usize,
    length: usize,
    octets: Vec<u8>,
}

impl Gaps {
    fn put(&mut self, index: usize) {
        put_length(&mut self.octets, index - self.next);
        self.next = index + 1;
        self.length += 1;
    }
}

fn put_entry(octets: &mut Vec<u8>, id: InvocationId, usn: Usn) {
    octets.extend_from_slice(&id.to_octets());
    put_number(octets, usn.get().unsigned_abs());
}

fn put_length(octets: &mut Vec<u8>, length: usize) {
    put_number(octets, length as u64);
}

fn put_number(octets: &mut Vec<u8>, mut number: u64) {
    while number > 0x7F {
        octets.push((number & 0x7F) as u8 | 0x80);
        number >>= 7;
    }
    octets.push((number & 0x7F) as u8);
}

fn zigzag(number: i64) -> u64 {
    (number.cast_unsigned() << 1) ^ (number >> 63).cast_unsigned()
}

fn unzigzag(number: u64) -> i64 {
    (number >> 1).cast_signed() ^ -((number & 1).cast_signed())
}

/// What is still to be read.
struct Input<'a>(&'a [u8]);

impl Input<'_> {
    fn number(&mut self) -> Result<u64, Garbled> {
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let (octet, rest) = self.0.split_first().ok_or(Garbled("cut short"))?;
            self.0 = rest;
            let part = u64::from(octet & 0x7F);
            if shift == 63 && part > 1 {
                break;
            }
            number |= part << shift;
            if octet & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(Garbled("a number too large"))
    }

    fn entry(&mut self) -> Result<(InvocationId, Usn), Garbled> {
        let (octets, rest) = self.0.split_first_chunk().ok_or(Garbled("cut short"))?;
        self.0 = rest;
        let usn = positive(i64::try_from(self.number()?).ok())?;
        Ok((InvocationId::from_octets(*octets), usn))
    }

    fn end(&self) -> Result<(), Garbled> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(Garbled("more octets than entries"))
        }
    }
}
