//! Vectors as octets: a whole one, and what differs from it.
//!
//! Whole: the number of entries, then per entry, in the order of the invocationIds, the 16 octets and the USN.
//! Changes against a whole one: the changed entries (gap to the index before, zigzag difference of the USN), the
//! removed ones (gap), the added ones (16 octets, USN), each list led by its length. Numbers as in [`super::octets`].
//! The empty octet string says "unchanged".
//!
//! Pure: no database, and no octets make it panic or reserve memory that the octets do not back.

use std::collections::BTreeSet;

use super::octets::{Garbled, Input, put_length, put_number, unzigzag, zigzag};
use crate::model::{InvocationId, Usn, Vector};

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
    let mut input = Input::new(octets);
    let length = input.number()?;
    let mut entries: Vec<(InvocationId, Usn)> = Vec::new();
    for _ in 0..length {
        let next = entry(&mut input)?;
        if entries.last().is_some_and(|(id, _)| *id >= next.0) {
            return Err(Garbled("entries out of order"));
        }
        entries.push(next);
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
    let mut input = Input::new(changes);
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
        let (id, usn) = entry(&mut input)?;
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

fn entry(input: &mut Input<'_>) -> Result<(InvocationId, Usn), Garbled> {
    let octets = input.array()?;
    let usn = positive(i64::try_from(input.number()?).ok())?;
    Ok((InvocationId::from_octets(octets), usn))
}
