//! From the best candidate to the orders that `apply` carries out.
//!
//! # Decisions
//! - S of the new DC itself becomes the start by vector, not the start that is taken, which may be lower (a margin, a
//!   start by time). S says what the consumer holds, and a DC never shows an older value than it held at a USN, so reading
//!   some of it once more takes nothing away: only the cursor is lowered. Otherwise every move before a pass is complete
//!   would take its margin from the one before.

use sha2::{Digest, Sha256};

use crate::model::{
    Chosen, Cursor, DcFacts, HostAttribute, InvocationId, Knowledge, NcVectors, StartPoint, Starts,
    Switch, Usn, UtcMs, Vector, Verdict,
};

use super::held::Held;
use super::input::Input;

/// The move to this candidate, unless something speaks against it.
pub(super) fn chosen(
    input: &Input,
    best: &Verdict,
    held: Option<&Held>,
    now: UtcMs,
) -> Option<Chosen> {
    if !best.why_not.is_empty() {
        return None;
    }
    let starts = best.starts.as_ref()?;
    let (method, start) = super::effective(input, starts)?;
    let start = start.ok()?.clone();
    let candidate = input
        .candidates
        .iter()
        .find(|candidate| candidate.dc == best.dc)?;
    let facts = candidate.probe.as_ref().ok()?;
    let switch = Switch {
        resource: input.resource.clone(),
        to: candidate.dc.clone(),
        expected: input.cursor.clone(),
        new: moved(
            &input.cursor.cursor,
            input.host_attribute,
            &candidate.host,
            facts.identity.invocation_id,
            start.usn,
        ),
        knowledge: knowledge(best, starts, &start, held, facts, now),
        restart: input.ask.restart,
    };
    Some(Chosen {
        method,
        start,
        ghosts_at_most: best.ghosts_at_most,
        switch,
    })
}

/// The cursor with the attribute that names the DC, its incarnation and both USNs rewritten.
pub(super) fn moved(
    old: &Cursor,
    attribute: HostAttribute,
    host: &str,
    id: InvocationId,
    start: Usn,
) -> Cursor {
    let mut new = old.clone();
    match attribute {
        HostAttribute::LdapHost => host.clone_into(&mut new.ldap_host),
        HostAttribute::GlobalCatalog => new.global_catalog = Some(host.to_owned()),
    }
    new.invocation_id = Some(id);
    new.last_updated = start;
    new.last_deleted = start;
    new
}

fn knowledge(
    best: &Verdict,
    starts: &Starts,
    start: &StartPoint,
    held: Option<&Held>,
    facts: &DcFacts,
    now: UtcMs,
) -> Knowledge {
    let id = facts.identity.invocation_id;
    let by_vector = starts.vector.as_ref().ok().filter(|start| start.proven);
    let own = by_vector.unwrap_or(start).usn;
    match held {
        Some(held) if start.proven => Knowledge::Held {
            since: now,
            dc: best.dc.clone(),
            invocation_id: id,
            start: start.usn,
            held: after_switch(&held.s, &facts.vectors, id, own),
        },
        _ => Knowledge::Void {
            since: now,
            dc: best.dc.clone(),
            reason: format!("the start {} on {} was not proven", start.usn, best.dc),
        },
    }
}

/// R3: S := min(S, the new DC's vector), absent counting as 0, and `own` for the new DC itself: the start by vector.
pub(super) fn after_switch(
    s: &NcVectors,
    theirs: &NcVectors,
    id: InvocationId,
    own: Usn,
) -> NcVectors {
    let meet = |nc, vector: &Vector| {
        theirs
            .get(nc)
            .map_or_else(Vector::new, |theirs| vector.meet(theirs))
    };
    s.iter()
        .map(|(nc, vector)| (nc.clone(), meet(nc, vector).with(id, own)))
        .collect()
}

/// SHA-256 in hex over what would be carried out: resource, cursor found, cursor written, method, whether proven.
pub(super) fn hash(input: &Input, chosen: Option<&Chosen>) -> String {
    let orders = chosen.map(|chosen| {
        let switch = &chosen.switch;
        serde_json::json!({
            "resource": switch.resource, "to": switch.to, "expected": switch.expected, "new": switch.new,
            "restart": switch.restart, "method": chosen.method, "proven": chosen.start.proven,
        })
    });
    let orders = orders.unwrap_or_else(
        || serde_json::json!({ "resource": input.resource, "expected": input.cursor }),
    );
    let digest = Sha256::digest(orders.to_string().as_bytes());
    digest
        .iter()
        .fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"))
}
