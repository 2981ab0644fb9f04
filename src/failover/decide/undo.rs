//! Undo: the previous host and cursor are put back, as an ordinary switch (R3).

use crate::model::{
    Cursor, DcFacts, DcName, HeldCursor, Incarnation, InvocationId, Knowledge, NcVectors, Switch,
    Usn, UtcMs, Vector,
};

use super::switch::after_switch;

/// What an undo is decided from.
#[derive(Debug, Clone)]
pub struct UndoInput {
    /// The switch to undo, as it was carried out.
    pub done: Switch,
    /// The DC that was in use before.
    pub back_to: DcName,
    /// The consumer's cursor now.
    pub cursor: HeldCursor,
    /// What is known of the consumer now.
    pub knowledge: Option<Knowledge>,
    /// The incarnation the old cursor counted on, where known.
    pub incarnation: Option<InvocationId>,
    /// The answer of the old DC just now; `None` where it gives none.
    pub facts: Option<DcFacts>,
    /// What it reads.
    pub reads: Reads,
    /// Whether the old cursor is put back even if that could skip changes.
    pub allow_gap: bool,
    /// Whether the sync is started again afterwards.
    pub restart: bool,
}

/// What a consumer reads where its cursor stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reads {
    /// What changed since.
    Changes,
    /// Everything, for our own feed stands at 0: that is proven where S has no entry for the old DC.
    AllHere,
    /// Everything wherever it goes on, so that 0 is proven: a pass of our own feed is due or under way, or the cursor of an
    /// outside consumer is a cookie or is removed.
    AllAnywhere,
}

/// Why an undo is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UndoRefused {
    /// The cursor no longer stands on the DC the failover moved it to.
    #[error(
        "the cursor is on {found}, not on {expected} where the failover put it: there is nothing of it to undo"
    )]
    MovedOn {
        /// The host found.
        found: String,
        /// The host the failover wrote.
        expected: String,
    },
    /// The old DC now runs another incarnation.
    #[error(
        "{dc} now has invocationId {present}; the old cursor counts on {old}, whose USNs are void: use `highwater failover` instead"
    )]
    Restored {
        /// The old DC.
        dc: DcName,
        /// Its incarnation now.
        present: InvocationId,
        /// The old cursor's.
        old: InvocationId,
    },
    /// The old DC went back in time.
    #[error(
        "{dc} is at USN {committed}, below the old cursor {old}: its database went back in time"
    )]
    RolledBack {
        /// The old DC.
        dc: DcName,
        /// Its highestCommittedUSN.
        committed: Usn,
        /// The old cursor.
        old: Usn,
    },
    /// The old DC is in quarantine, or has been since the failover: its USNs mean something else by now (R9).
    #[error(
        "{dc} is in quarantine, or was released from it after the failover (since {since}): the old cursor no longer \
         says what was read there; use `highwater failover --to {dc}` once it is sound"
    )]
    Quarantined {
        /// The old DC.
        dc: DcName,
        /// When it was quarantined or released.
        since: UtcMs,
    },
    /// What the consumer has taken from the other DC since is unknown, so the old cursor could skip.
    #[error(
        "the sync may have read from {from} since, and nothing shows what it still holds of {dc}: the old cursor could \
         skip changes; use `highwater failover --to {dc}`, or --allow-gap to put the old cursor back as it was"
    )]
    Unproven {
        /// The DC read meanwhile.
        from: DcName,
        /// The old DC.
        dc: DcName,
    },
}

/// Why the old DC's record forbids putting `cursor_of`, its incarnation's cursor of before `moved_at`, back.
pub(in crate::failover) fn on_record(
    dc: &DcName,
    lives: &[Incarnation],
    cursor_of: Option<InvocationId>,
    moved_at: UtcMs,
) -> Result<(), UndoRefused> {
    let quarantined = lives
        .iter()
        .filter(|life| cursor_of.is_none_or(|id| id == life.invocation_id))
        .find_map(|life| match &life.quarantine {
            Some(quarantine) => Some(quarantine.since),
            None => life.released_at.filter(|released| *released > moved_at),
        });
    match quarantined {
        Some(since) => Err(UndoRefused::Quarantined {
            dc: dc.clone(),
            since,
        }),
        None => Ok(()),
    }
}

/// The switch that puts the old host back, at the old cursor or lower.
///
/// Lower where the consumer has read from a DC that lacked some of the old DC's changes: it may have taken older
/// values from there, which only a second reading repairs.
pub fn undo(input: &UndoInput, now: UtcMs) -> Result<Switch, UndoRefused> {
    let written = &input.done.new;
    let found = &input.cursor.cursor;
    if found.ldap_host != written.ldap_host || found.global_catalog != written.global_catalog {
        let name = |cursor: &crate::model::Cursor| match &cursor.global_catalog {
            Some(catalog) => format!("{} (global catalog {catalog})", cursor.ldap_host),
            None => cursor.ldap_host.clone(),
        };
        return Err(UndoRefused::MovedOn {
            found: name(found),
            expected: name(written),
        });
    }
    let old = &input.done.expected.cursor;
    let id = old.invocation_id.or(input.incarnation);
    check_old_dc(input, id, old.read_up_to())?;
    let mut new = old.clone();
    new.invocation_id = id;
    let unread = !input.done.restart && is_unmoved(found, written);
    let proven = proven_start(input, id);
    match proven {
        Some(bound) => {
            new.last_updated = new.last_updated.min(bound);
            new.last_deleted = new.last_deleted.min(bound);
        }
        None if unread || input.allow_gap => {}
        None => {
            return Err(UndoRefused::Unproven {
                from: input.done.to.clone(),
                dc: input.back_to.clone(),
            });
        }
    }
    let knowledge = knowledge(input, id, new.read_up_to(), proven, now);
    Ok(Switch {
        resource: input.done.resource.clone(),
        to: input.back_to.clone(),
        expected: input.cursor.clone(),
        new,
        knowledge,
        restart: input.restart,
    })
}

/// Whether the cursor stands where it was written; a consumer may keep no incarnation.
fn is_unmoved(found: &Cursor, written: &Cursor) -> bool {
    let mut written = written.clone();
    written.invocation_id = written
        .invocation_id
        .filter(|_| found.invocation_id.is_some());
    *found == written
}

fn check_old_dc(input: &UndoInput, id: Option<InvocationId>, old: Usn) -> Result<(), UndoRefused> {
    let (Some(facts), Some(id)) = (&input.facts, id) else {
        return Ok(());
    };
    let dc = input.back_to.clone();
    if facts.identity.invocation_id != id {
        return Err(UndoRefused::Restored {
            dc,
            present: facts.identity.invocation_id,
            old: id,
        });
    }
    if facts.committed < old {
        return Err(UndoRefused::RolledBack {
            dc,
            committed: facts.committed,
            old,
        });
    }
    Ok(())
}

/// S[ia] as it stands now, the least over the naming contexts.
fn proven_start(input: &UndoInput, id: Option<InvocationId>) -> Option<Usn> {
    if input.reads == Reads::AllAnywhere {
        return Some(Usn::ZERO);
    }
    let held = input.knowledge.as_ref().and_then(Knowledge::held)?;
    let id = id?;
    let entry = held.values().map(|vector| vector.get(id)).min().flatten();
    entry.or((input.reads == Reads::AllHere).then_some(Usn::ZERO))
}

fn knowledge(
    input: &UndoInput,
    id: Option<InvocationId>,
    start: Usn,
    proven: Option<Usn>,
    now: UtcMs,
) -> Knowledge {
    let dc = input.back_to.clone();
    let held = input.knowledge.as_ref().and_then(Knowledge::held);
    match (proven, id, held) {
        (Some(own), Some(invocation_id), Some(s)) => {
            let theirs = input
                .facts
                .as_ref()
                .map(|facts| facts.vectors.clone())
                .unwrap_or_default();
            Knowledge::Held {
                since: now,
                dc,
                invocation_id,
                start,
                held: back(s, &theirs, invocation_id, own),
            }
        }
        _ => Knowledge::Void {
            since: now,
            reason: format!("the cursor {start} put back on {dc} was not proven"),
            dc,
        },
    }
}

fn back(s: &NcVectors, theirs: &NcVectors, id: InvocationId, own: Usn) -> NcVectors {
    if theirs.is_empty() {
        // R3: the vector is unreadable, so only what is held of the DC itself is known.
        return s
            .keys()
            .map(|nc| (nc.clone(), Vector::new().with(id, own)))
            .collect();
    }
    after_switch(s, theirs, id, own)
}

#[cfg(test)]
#[path = "on_record_tests.rs"]
#[expect(clippy::unwrap_used, clippy::panic, reason = "tests")]
mod on_record_tests;
