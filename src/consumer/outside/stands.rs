//! Which cursor stands in the spots: the old one, the new one, a half of each, or another. Pure.

use super::meaning::Parts;
use super::spot::Field;
use crate::config::Shape;
use crate::model::Usn;

/// Which cursor stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stands {
    /// The old one, or progress from it.
    Old,
    /// The new one, or progress from it.
    New,
    /// One spot holds the new one to the letter, the other the old one: a process was cut between the two.
    Half,
    /// Another, or one that could come from either.
    Neither,
}

/// Which of the two the parts found are, or come from. `apart` is whether host and cursor are in two spots.
pub(super) fn stands(
    shape: &Shape,
    apart: bool,
    old: &Parts,
    new: &Parts,
    found: &Parts,
) -> Stands {
    let (host_old, host_new) = (found.host == old.host, found.host == new.host);
    if *shape == Shape::Cookie {
        // It moves on by itself and is never written: the host alone tells.
        return match (host_old, host_new) {
            (_, true) => Stands::New,
            (true, false) => Stands::Old,
            (false, false) => Stands::Neither,
        };
    }
    let (cursor_old, cursor_new) = (found.cursor == old.cursor, found.cursor == new.cursor);
    if host_new && cursor_new {
        return Stands::New;
    }
    if host_old && cursor_old {
        return Stands::Old;
    }
    if (host_old && cursor_new) || (host_new && cursor_old) {
        // In one spot both are written at once: this is somebody else's.
        return if apart { Stands::Half } else { Stands::Neither };
    }
    let (after_old, after_new) = (after(shape, found, old), after(shape, found, new));
    let from_new = host_new && after_new;
    // On the old host it may also be progress from the new cursor, where the host had not been written yet.
    let doubtful = apart && after_new && shape.has_usns();
    let from_old = host_old && after_old && !doubtful;
    match (from_new, from_old) {
        (true, false) => Stands::New,
        (false, true) => Stands::Old,
        _ => Stands::Neither,
    }
}

/// Whether the cursor found can be that of `start` after the sync has read on.
pub(super) fn after(shape: &Shape, found: &Parts, start: &Parts) -> bool {
    let usns = |parts: &Parts, field| -> Option<Vec<Usn>> {
        let text = parts.cursor.get(&field)?;
        text.split(',')
            .map(|part| part.trim().parse().ok())
            .collect()
    };
    let reached = |field| match (usns(found, field), usns(start, field)) {
        (Some(found), Some(start)) => {
            let least = |usns: &[Usn]| usns.iter().min().copied();
            let greatest = |usns: &[Usn]| usns.iter().max().copied();
            least(&found) >= least(&start) && greatest(&found) >= greatest(&start)
        }
        _ => false,
    };
    match shape {
        Shape::OneUsn | Shape::DeletedCommaUpdated => reached(Field::Updated),
        Shape::TwoUsns => reached(Field::Updated) && reached(Field::Deleted),
        // What it was means nothing: anything that stands there is what the sync made of it.
        Shape::Cookie | Shape::Reset { .. } => !found.cursor.is_empty(),
    }
}
