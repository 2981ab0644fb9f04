//! Decides on one answered poll: keep it, reject it, and whether it proves a USN rollback.
//!
//! Pure. It never decides from a comparison whose reading order is not certain: two USNs are compared only
//! where the lower one was read wholly after the higher one, so a busy healthy DC raises no alarm. Times are whole
//! milliseconds: two readings that meet in the same one may have overlapped, and count as not ordered.

use crate::model::{
    Accepted, DcFacts, DcName, FailureKind, Incarnation, PollContext, PollFailure, Sample, UtcMs,
};

/// Judges the answer of the DC configured as `dc`; `expected_server` is the configured server name, if any.
pub fn accept(
    dc: &DcName,
    expected_server: Option<&str>,
    facts: &DcFacts,
    seen: &PollContext,
) -> Accepted {
    if let Some(failure) = wrong_dc(dc, expected_server, facts, seen) {
        return Accepted::Rejected(failure);
    }
    let known_life = seen
        .incarnations
        .iter()
        .any(|life| life.invocation_id == facts.identity.invocation_id);
    Accepted::Kept {
        sample: Sample {
            collected_at: facts.committed_at,
            committed: facts.committed,
            took_ms: facts.took_ms,
            skew_ms: facts.skew_ms,
        },
        restored: !known_life && !seen.incarnations.is_empty(),
        rollback: rollback(dc, facts, seen),
    }
}

/// The failure where another DC answered than the one meant by `dc`.
fn wrong_dc(
    dc: &DcName,
    expected_server: Option<&str>,
    facts: &DcFacts,
    seen: &PollContext,
) -> Option<PollFailure> {
    let found = &facts.identity.server_name;
    let id = facts.identity.invocation_id;
    if let Some(owner) = &seen.owner {
        let detail = format!(
            "{found} answered with invocationId {id}, which is recorded for `{owner}`: [dc.{dc}] and [dc.{owner}] \
             lead to the same server; remove one, or give each the name of one DC instead of an alias"
        );
        return Some(PollFailure {
            kind: FailureKind::WrongDc,
            detail,
        });
    }
    let expected = expected_server.or_else(|| {
        seen.incarnations
            .last()
            .map(|life| life.server_name.as_str())
    })?;
    if expected.eq_ignore_ascii_case(found) {
        return None;
    }
    let detail = format!(
        "{found} answered where {expected} was expected: an alias or load balancer leads here, or the DC was \
         replaced; use the host name of one DC, or set server_name = \"{found}\" in [dc.{dc}] if this is right"
    );
    Some(PollFailure {
        kind: FailureKind::WrongDc,
        detail,
    })
}

/// The evidence, where this answer proves that the DC's database went back in time under the same invocationId.
fn rollback(dc: &DcName, facts: &DcFacts, seen: &PollContext) -> Option<String> {
    let id = facts.identity.invocation_id;
    let life = seen
        .incarnations
        .iter()
        .find(|life| life.invocation_id == id);
    let released = life.and_then(|life| life.released_at);
    let counts = |at: UtcMs| at < facts.started_at && released.is_none_or(|released| at > released);
    let committed = facts.committed;
    if let Some(last) = seen
        .last
        .filter(|last| counts(last.collected_at) && last.committed > committed)
    {
        return Some(format!(
            "highestCommittedUSN of {dc} fell from {} ({}) to {committed} under invocationId {id}: its database \
             was put back without a new invocationId",
            last.committed, last.collected_at
        ));
    }
    if let Some(known) = seen
        .known
        .as_ref()
        .filter(|known| counts(known.read_at) && known.usn > committed)
    {
        return Some(format!(
            "{} had received changes of {dc} up to USN {} by {}, but {dc} itself is only at {committed} under \
             invocationId {id}: its database was put back without a new invocationId",
            known.partner, known.usn, known.read_at
        ));
    }
    let newer = life.and_then(|life| newer_life(life, &seen.incarnations));
    newer.filter(|newer| counts(newer.last_seen)).map(|newer| {
        format!(
            "{dc} answers again with invocationId {id} although it had moved on to {} by {}: its database was put \
             back to an older state",
            newer.invocation_id, newer.last_seen
        )
    })
}

fn newer_life<'a>(life: &Incarnation, lives: &'a [Incarnation]) -> Option<&'a Incarnation> {
    lives
        .iter()
        .filter(|other| other.first_seen > life.last_seen)
        .max_by_key(|other| other.first_seen)
}

#[cfg(test)]
mod tests;
