//! From the best candidate to the orders that `apply` carries out.

use sha2::{Digest, Sha256};

use crate::model::{
    Chosen, Cursor, DcFacts, HostAttribute, InvocationId, Knowledge, NcVectors, StartPoint, Switch,
    Usn, UtcMs, Vector, Verdict,
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
    let (method, start) = super::effective(input, best.starts.as_ref()?)?;
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
        knowledge: knowledge(best, &start, held, facts, now),
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
    start: &StartPoint,
    held: Option<&Held>,
    facts: &DcFacts,
    now: UtcMs,
) -> Knowledge {
    let id = facts.identity.invocation_id;
    match held {
        Some(held) if start.proven => Knowledge::Held {
            since: now,
            dc: best.dc.clone(),
            invocation_id: id,
            start: start.usn,
            held: after_switch(&held.s, &facts.vectors, id, start.usn),
        },
        _ => Knowledge::Void {
            since: now,
            dc: best.dc.clone(),
            reason: format!("the start {} on {} was not proven", start.usn, best.dc),
        },
    }
}

/// R3: S := min(S, the new DC's vector), absent counting as 0, and the start for the new DC itself.
pub(super) fn after_switch(
    s: &NcVectors,
    theirs: &NcVectors,
    id: InvocationId,
    start: Usn,
) -> NcVectors {
    let meet = |nc, vector: &Vector| {
        theirs
            .get(nc)
            .map_or_else(Vector::new, |theirs| vector.meet(theirs))
    };
    s.iter()
        .map(|(nc, vector)| (nc.clone(), meet(nc, vector).with(id, start)))
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
