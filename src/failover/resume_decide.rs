//! What is left to do of an attempt whose process died. Pure.
//!
//! # Decisions
//! - Before the old cursor was saved nothing of ours can have been written: back, whatever the cursor says by then
//!   (a sync that was never stopped has moved it on).
//! - A cursor on the host and incarnation of the old or the new one, not behind it, is that one with some progress:
//!   somebody started the sync meanwhile. Where it could be either, it is a conflict.

use crate::consumer::{Look, Stands};
use crate::model::{Attempt, AttemptState, Cursor};

/// What is left to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remaining {
    /// It has ended.
    Nothing,
    /// The cursor has to be read to tell.
    Look,
    /// Nothing was switched: end it, and start the sync on the old cursor where we may have stopped it.
    RollBack {
        /// Whether the sync is to be started.
        start_again: bool,
    },
    /// The new cursor stands: record what the consumer holds, then start and end.
    Record,
    /// All is recorded: start where ordered, and end.
    Start,
    /// One of two places holds the new cursor and the other the old one: write the other, then as [`Self::Record`].
    Complete,
    /// The cursor is neither.
    Conflict,
}

/// Whether the new cursor stands as it was written. An outside place keeps no incarnation.
pub(super) fn is_to_the_letter(look: &Look, new: &Cursor) -> bool {
    let found = &look.held.cursor;
    match look.stands {
        None => found == new,
        Some(stands) => {
            let mut kept = new.clone();
            kept.invocation_id = found.invocation_id;
            stands == Stands::New && *found == kept
        }
    }
}

/// Which of two cursors the one found is, or comes from.
pub fn where_it_stands(old: &Cursor, new: &Cursor, found: &Cursor) -> Stands {
    if found == old {
        return Stands::Old;
    }
    if found == new {
        return Stands::New;
    }
    match (comes_from(found, new), comes_from(found, old)) {
        (true, false) => Stands::New,
        (false, true) => Stands::Old,
        _ => Stands::Neither,
    }
}

/// Whether `found` can be `start` after the sync has read on. A sync may leave the incarnation out.
fn comes_from(found: &Cursor, start: &Cursor) -> bool {
    found.ldap_host == start.ldap_host
        && found.global_catalog == start.global_catalog
        && (found.invocation_id.is_none() || found.invocation_id == start.invocation_id)
        && found.last_updated >= start.last_updated
        && found.last_deleted >= start.last_deleted
}

/// What is left to do of `attempt`; `found` is what stands, where it was read.
pub fn what_remains(attempt: &Attempt, found: Option<&Look>) -> Remaining {
    let roll_back = Remaining::RollBack {
        start_again: attempt.state != AttemptState::Begun && !attempt.was_stopped,
    };
    let stands = |look: &Look| {
        let (old, new) = (&attempt.orders.expected.cursor, &attempt.orders.new);
        look.stands
            .unwrap_or_else(|| where_it_stands(old, new, &look.held.cursor))
    };
    match (attempt.state, found) {
        (AttemptState::Begun | AttemptState::Stopping | AttemptState::Stopped, _) => roll_back,
        (AttemptState::Writing | AttemptState::Switched, None) => Remaining::Look,
        (AttemptState::Writing, Some(found)) => match stands(found) {
            Stands::Old => roll_back,
            Stands::New => Remaining::Record,
            Stands::Half => Remaining::Complete,
            Stands::Neither => Remaining::Conflict,
        },
        // Where both are on one host, progress from the new one may look like either: the record decides.
        (
            AttemptState::Switched,
            Some(Look {
                stands: Some(stands),
                ..
            }),
        ) => match stands {
            Stands::New => Remaining::Start,
            Stands::Old | Stands::Half | Stands::Neither => Remaining::Conflict,
        },
        (AttemptState::Switched, Some(look)) => {
            let found = &look.held.cursor;
            let orders = &attempt.orders;
            let restored = *found == orders.expected.cursor && *found != orders.new;
            if !restored && comes_from(found, &orders.new) {
                Remaining::Start
            } else {
                Remaining::Conflict
            }
        }
        // The sync may have been running since: whatever it made of the cursor is its own.
        (AttemptState::Starting, _) => Remaining::Start,
        (
            AttemptState::Done
            | AttemptState::DoneInPart
            | AttemptState::Failed
            | AttemptState::Stale
            | AttemptState::RolledBack
            | AttemptState::Conflict,
            _,
        ) => Remaining::Nothing,
    }
}

#[cfg(test)]
mod tests;
