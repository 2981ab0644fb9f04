//! Whether a DC may take over at all, whatever the start.

use std::collections::BTreeSet;

use crate::model::{DcFacts, Dn, HostAttribute, Preference, WhyNot};

use super::held::Held;
use super::input::{Candidate, Input};

/// Every reason against this candidate that does not depend on the method.
pub(super) fn why_not(input: &Input, candidate: &Candidate, held: Option<&Held>) -> Vec<WhyNot> {
    let mut reasons = Vec::new();
    let answered = candidate
        .probe
        .as_ref()
        .ok()
        .map(|facts| facts.identity.invocation_id);
    let in_use = super::held::cursor_incarnation(input).ok();
    if candidate.dc == input.source.dc || (answered.is_some() && answered == in_use) {
        reasons.push(WhyNot::InUse);
    }
    if candidate.preference == Preference::MustNot {
        reasons.push(WhyNot::MustNot);
    }
    if input
        .ask
        .only
        .as_ref()
        .is_some_and(|only| *only != candidate.dc)
    {
        reasons.push(WhyNot::NotAskedFor);
    }
    let newest_life = candidate.incarnations.last();
    if let Some(quarantine) = candidate
        .life()
        .or(newest_life)
        .and_then(|life| life.quarantine.as_ref())
    {
        reasons.push(WhyNot::Quarantined {
            since: quarantine.since,
            reason: quarantine.reason.clone(),
        });
    }
    match &candidate.probe {
        // One that is out by wish is not probed.
        Err(_) if by_wish(&reasons) => {}
        Err(failure) => reasons.push(WhyNot::Unreachable {
            failure: failure.clone(),
        }),
        Ok(facts) => {
            reasons.extend(wrong_server(candidate, facts));
            match &input.feed {
                Some(feed) => {
                    reasons.extend(rolled_back(candidate, facts, None));
                    reasons.extend(super::feed::rolled_back(feed, candidate, facts));
                    reasons.extend(super::feed::lacks_settled(feed, facts));
                }
                None => reasons.extend(rolled_back(candidate, facts, held)),
            }
            reasons.extend(unlike(input.host_attribute, facts));
            reasons.extend(
                input
                    .source
                    .naming_contexts
                    .iter()
                    .filter_map(|nc| replica(input, facts, nc)),
            );
        }
    }
    reasons
}

fn by_wish(reasons: &[WhyNot]) -> bool {
    reasons
        .iter()
        .any(|why| matches!(why, WhyNot::MustNot | WhyNot::NotAskedFor))
}

/// R10: the DC is behind what its own earlier sample, a partner's vector or the consumer knows of it.
fn rolled_back(candidate: &Candidate, facts: &DcFacts, held: Option<&Held>) -> Option<WhyNot> {
    let released = candidate.released_at();
    let counts = |at| at < facts.started_at && released.is_none_or(|released| at > released);
    let sampled = candidate
        .newest
        .filter(|sample| counts(sample.collected_at))
        .map(|sample| {
            (
                sample.committed,
                format!(
                    "it was at {} when sampled at {}",
                    sample.committed, sample.collected_at
                ),
            )
        });
    let known = candidate
        .known
        .as_ref()
        .filter(|known| counts(known.read_at))
        .map(|known| {
            (
                known.usn,
                format!(
                    "{} had received its changes up to {} by {}",
                    known.partner, known.usn, known.read_at
                ),
            )
        });
    let id = facts.identity.invocation_id;
    let told = held.filter(|held| counts(held.at)).and_then(|held| {
        let highest = held.s.values().filter_map(|vector| vector.get(id)).max()?;
        Some((
            highest,
            format!("the consumer holds its changes up to {highest}"),
        ))
    });
    let worst = [sampled, known, told]
        .into_iter()
        .flatten()
        .find(|(usn, _)| *usn > facts.committed);
    worst.map(|(_, what)| WhyNot::RolledBack {
        evidence: format!("{what}, but it is only at {}", facts.committed),
    })
}

/// An alias or a load balancer can answer with another DC than the one sampled under this name.
fn wrong_server(candidate: &Candidate, facts: &DcFacts) -> Option<WhyNot> {
    let found = &facts.identity.server_name;
    let sampled = candidate
        .server_name
        .as_ref()
        .or_else(|| candidate.incarnations.last().map(|life| &life.server_name));
    let expected = sampled.filter(|expected| !expected.eq_ignore_ascii_case(found))?;
    Some(WhyNot::WrongServer {
        expected: expected.clone(),
        found: found.clone(),
    })
}

/// Only like for like: a full DC for a full DC, a global catalog for a global catalog, a read-only DC for nobody.
fn unlike(attribute: HostAttribute, facts: &DcFacts) -> Vec<WhyNot> {
    let mut reasons = Vec::new();
    if !facts.synchronized {
        reasons.push(WhyNot::NotSynchronized);
    }
    if facts.identity.is_read_only {
        reasons.push(WhyNot::ReadOnly);
    }
    if attribute == HostAttribute::GlobalCatalog {
        if !facts.identity.is_global_catalog {
            reasons.push(WhyNot::NotGlobalCatalog);
        } else if !facts.global_catalog_ready {
            reasons.push(WhyNot::GlobalCatalogNotReady);
        }
    }
    reasons
}

/// Whether the DC's copy of `nc` can be read (R2: not while it is being built or removed).
fn replica(input: &Input, facts: &DcFacts, nc: &Dn) -> Option<WhyNot> {
    let nc = nc.clone();
    match facts.instance_types.get(&nc) {
        None => Some(WhyNot::NoReplica { nc }),
        Some(kind) if kind.is_being_removed() => Some(WhyNot::BeingRemoved { nc }),
        Some(kind) if kind.is_being_built() => Some(WhyNot::BeingBuilt { nc }),
        Some(kind) if !kind.is_writable() && input.host_attribute == HostAttribute::LdapHost => {
            Some(WhyNot::NoReplica { nc })
        }
        Some(_) => None,
    }
}

/// Whether the DC holds all that the consumer does, the DC in use's own last changes left out.
pub(super) fn covers(
    held: &Held,
    facts: &DcFacts,
    ia: crate::model::InvocationId,
    ncs: &BTreeSet<Dn>,
) -> bool {
    let own = facts.identity.invocation_id;
    ncs.iter()
        .all(|nc| match (held.s.get(nc), facts.vectors.get(nc)) {
            (Some(s), Some(theirs)) => {
                let needed = s
                    .clone()
                    .with(ia, crate::model::Usn::ZERO)
                    .with(own, crate::model::Usn::ZERO);
                theirs.covers(&needed)
            }
            _ => false,
        })
}
