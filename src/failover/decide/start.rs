//! The start USN on a candidate: from the vector, by time, by hand.

use crate::config::Position;
use crate::model::{
    DcFacts, Evidence, HostAttribute, How, Knowledge, Sample, StartPoint, Starts, Usn, UtcMs,
    WhyNoStart,
};

use super::held::Held;
use super::input::{Candidate, Input};

/// Milliseconds in a day.
const DAY_MS: i64 = 86_400_000;

/// The lifetime where none is set (ADTS 6.1.1.2.4.1.1), taken too where it cannot be read.
const SHORTEST_TOMBSTONE_DAYS: u32 = 60;

/// The starts on a candidate that answered with `facts`, by every method.
pub(super) fn starts(
    input: &Input,
    candidate: &Candidate,
    facts: &DcFacts,
    held: &Result<Held, WhyNoStart>,
    target: Option<UtcMs>,
    now: UtcMs,
) -> Starts {
    let vector = held
        .clone()
        .and_then(|held| from_vector(input, candidate, facts, &held, now))
        .or_else(|why| super::feed::anew(input, facts).ok_or(why));
    let proven = vector
        .as_ref()
        .ok()
        .filter(|start| start.proven)
        .map(|start| start.usn);
    let has_usns = input.position.has_usns();
    let with_usn = |start: Result<StartPoint, WhyNoStart>| {
        start.and_then(|start| has_usns.then_some(start).ok_or(WhyNoStart::NoUsn))
    };
    let time = with_usn(by_time(input, candidate, facts, target, proven, now));
    let manual = candidate
        .by_hand
        .is_some()
        .then(|| with_usn(by_hand(input, candidate, facts, proven, now)));
    Starts {
        best: super::feed::best(input, facts, &vector, &time),
        vector,
        time,
        manual,
    }
}

/// R2: S[ib], the least over the naming contexts, since one counter serves them all.
fn from_vector(
    input: &Input,
    candidate: &Candidate,
    facts: &DcFacts,
    held: &Held,
    now: UtcMs,
) -> Result<StartPoint, WhyNoStart> {
    if held.is_from_zero() {
        return Ok(from_the_beginning(facts, held));
    }
    let id = facts.identity.invocation_id;
    never_released(candidate, held.at)?;
    if input.host_attribute == HostAttribute::GlobalCatalog {
        return Err(WhyNoStart::PartialReplicas);
    }
    let complete = deletions_complete(input, facts, held.at, now)?;
    let mut start: Option<Usn> = None;
    for nc in &input.source.naming_contexts {
        let entry = held.s.get(nc).and_then(|vector| vector.get(id));
        let entry = entry.ok_or_else(|| WhyNoStart::NotInVector {
            nc: nc.clone(),
            invocation_id: id,
        })?;
        if entry > facts.committed {
            return Err(WhyNoStart::AboveCommitted {
                start: entry,
                committed: facts.committed,
            });
        }
        start = Some(start.map_or(entry, |least| least.min(entry)));
    }
    let usn = start.ok_or_else(|| WhyNoStart::NoVector {
        source_dc: input.source.dc.clone(),
        read_up_to: input.cursor.cursor.read_up_to(),
    })?;
    let read_at_most = facts.committed.above(usn);
    Ok(StartPoint {
        usn,
        proven: complete && sound(input),
        read_at_most,
        evidence: held.evidence.clone(),
    })
}

/// Nothing read, nothing to be missed: the very beginning is right on every DC.
fn from_the_beginning(facts: &DcFacts, held: &Held) -> StartPoint {
    StartPoint {
        usn: Usn::ZERO,
        proven: true,
        read_at_most: facts.committed.above(Usn::ZERO),
        evidence: held.evidence.clone(),
    }
}

/// Whether S holds without `allow_gap` having passed anything over. S of a feed is in the feed, or nowhere.
fn sound(input: &Input) -> bool {
    if input.feed.is_some() {
        return true;
    }
    let known = match &input.knowledge {
        None
        | Some(Knowledge::Pass {
            invocation_id: None,
            ..
        }) => true,
        Some(
            Knowledge::Held { invocation_id, .. }
            | Knowledge::Pass {
                invocation_id: Some(invocation_id),
                ..
            },
        ) => super::held::cursor_incarnation(input) == Ok(*invocation_id),
        Some(Knowledge::Void { .. }) => false,
    };
    known && input.position == Position::BeforeSearch
}

/// The sample nearest to TargetTimestamp, never after it.
fn by_time(
    input: &Input,
    candidate: &Candidate,
    facts: &DcFacts,
    target: Option<UtcMs>,
    proven: Option<Usn>,
    now: UtcMs,
) -> Result<StartPoint, WhyNoStart> {
    let target = target.ok_or(WhyNoStart::NoFailureTimestamp)?;
    let released = candidate.released_at();
    let sample = candidate.at_target.filter(|sample| {
        sample.collected_at <= target
            && released.is_none_or(|released| sample.collected_at > released)
    });
    let invocation_id = facts.identity.invocation_id;
    let sample = sample.ok_or(WhyNoStart::NoSampleBefore {
        invocation_id,
        target,
    })?;
    from_sample(input, facts, sample, Some(target), proven, now)
}

fn by_hand(
    input: &Input,
    candidate: &Candidate,
    facts: &DcFacts,
    proven: Option<Usn>,
    now: UtcMs,
) -> Result<StartPoint, WhyNoStart> {
    let How::Manual { usn_date } = input.ask.how else {
        return Err(WhyNoStart::NoFailureTimestamp);
    };
    let around = candidate.by_hand.clone().unwrap_or_default();
    let (sampled, sample) = around.at.ok_or(WhyNoStart::NoSampleAt {
        usn_date,
        before: around.before,
        after: around.after,
    })?;
    let present = facts.identity.invocation_id;
    if sampled != present {
        return Err(WhyNoStart::OtherIncarnation {
            usn_date,
            sampled,
            present,
        });
    }
    not_before_release(candidate, sample.collected_at)?;
    from_sample(input, facts, sample, None, proven, now)
}

fn from_sample(
    input: &Input,
    facts: &DcFacts,
    sample: Sample,
    target: Option<UtcMs>,
    proven: Option<Usn>,
    now: UtcMs,
) -> Result<StartPoint, WhyNoStart> {
    let complete = deletions_complete(input, facts, sample.collected_at, now)?;
    if sample.committed > facts.committed {
        return Err(WhyNoStart::AboveCommitted {
            start: sample.committed,
            committed: facts.committed,
        });
    }
    Ok(StartPoint {
        usn: sample.committed,
        proven: complete && proven.is_some_and(|proven| sample.committed <= proven),
        read_at_most: facts.committed.above(sample.committed),
        evidence: Evidence::BackupSample {
            collected_at: sample.collected_at,
            target,
        },
    })
}

/// R9: what was collected before a release from quarantine counts for nothing.
fn not_before_release(candidate: &Candidate, evidence_at: UtcMs) -> Result<(), WhyNoStart> {
    match candidate.released_at() {
        Some(released_at) if evidence_at <= released_at => Err(WhyNoStart::BeforeRelease {
            evidence_at,
            released_at,
        }),
        _ => Ok(()),
    }
}

/// R9: S of an incarnation that was released is 0. Partners go on showing what they had of it before it went back,
/// and a switch carries that on, so no later vector mends it.
fn never_released(candidate: &Candidate, evidence_at: UtcMs) -> Result<(), WhyNoStart> {
    not_before_release(candidate, evidence_at)?;
    match candidate.released_at() {
        Some(released_at) => Err(WhyNoStart::Released { released_at }),
        None => Ok(()),
    }
}

/// Whether every deletion since the evidence still has its tombstone; older evidence needs `allow_gap`.
fn deletions_complete(
    input: &Input,
    facts: &DcFacts,
    evidence_at: UtcMs,
    now: UtcMs,
) -> Result<bool, WhyNoStart> {
    let days = facts
        .tombstone_lifetime_days
        .unwrap_or(SHORTEST_TOMBSTONE_DAYS);
    let expired = now.ms_since(evidence_at) >= i64::from(days).saturating_mul(DAY_MS);
    if expired && !input.ask.allow_gap {
        return Err(WhyNoStart::TombstonesExpired { evidence_at, days });
    }
    Ok(!expired)
}
