//! What the consumer holds: S of the rules R2, R3, R7 and R12, from the newest evidence.

use crate::config::Position;
use crate::model::{
    DcName, Evidence, Incarnation, InvocationId, Knowledge, NcVectors, Usn, UtcMs, Vector,
    WhyNoStart,
};

use super::input::Input;

/// S with what it rests on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Held {
    /// Per NC, the USN of every incarnation up to which the consumer holds everything.
    pub(super) s: NcVectors,
    /// What it rests on.
    pub(super) evidence: Evidence,
    /// When the evidence was collected, by the store's clock.
    pub(super) at: UtcMs,
}

/// The life of the DC in use that a cursor without one can count on: the only one on record, or since the move there.
///
/// The move wrote the cursor for one life; a life that had ended before and is not that one cannot own it. Where the DC
/// had another life since, either may: none is named.
pub(in crate::failover) fn owner(
    lives: &[Incarnation],
    dc: &DcName,
    knowledge: Option<&Knowledge>,
) -> Option<InvocationId> {
    let moved = match knowledge {
        Some(Knowledge::Held {
            since,
            dc: to,
            invocation_id,
            ..
        }) if to == dc => Some((*since, *invocation_id)),
        _ => None,
    };
    let may_own = |life: &&Incarnation| {
        moved.is_none_or(|(since, id)| life.invocation_id == id || life.last_seen >= since)
    };
    let mut owners = lives.iter().filter(may_own);
    match (owners.next(), owners.next()) {
        (Some(only), None) => Some(only.invocation_id),
        _ => None,
    }
}

/// The incarnation the cursor counts on: as the cursor says, or the only one that can own it.
pub(super) fn cursor_incarnation(input: &Input) -> Result<InvocationId, WhyNoStart> {
    if let Some(id) = input.cursor.cursor.invocation_id {
        return Ok(id);
    }
    let (source, knowledge) = (&input.source, input.knowledge.as_ref());
    owner(&source.incarnations, &source.dc, knowledge).ok_or_else(|| {
        WhyNoStart::CursorIncarnationUnknown {
            source_dc: source.dc.clone(),
            lives: source.incarnations.len(),
        }
    })
}

/// S, or why it is unknown. With `allow_gap`, an unproven earlier start is passed over.
pub(super) fn held(input: &Input) -> Result<Held, WhyNoStart> {
    if let Some(feed) = &input.feed {
        return super::feed::held(input, feed);
    }
    if let Some(evidence) = from_zero(input) {
        return Ok(Held {
            s: input
                .source
                .naming_contexts
                .iter()
                .map(|nc| (nc.clone(), Vector::new()))
                .collect(),
            evidence,
            // True at any time: it can neither be too old nor void.
            at: UtcMs::from_millis(i64::MAX),
        });
    }
    let ia = cursor_incarnation(input)?;
    not_ahead(input, ia)?;
    if input.position == Position::LargestSeen && !input.ask.allow_gap {
        return Err(WhyNoStart::LargestSeen);
    }
    match &input.knowledge {
        Some(Knowledge::Void { since, reason, .. }) if !input.ask.allow_gap => {
            Err(WhyNoStart::KnowledgeVoid {
                since: *since,
                reason: reason.clone(),
            })
        }
        Some(Knowledge::Held {
            since,
            invocation_id,
            start,
            held,
            ..
        }) if *invocation_id == ia => {
            let read_on = input.cursor.cursor.read_up_to() > *start;
            match from_sample(input, ia, Some(*since)) {
                Some(newer) if read_on => Ok(newer),
                _ => Ok(from_switch(input, ia, *since, held)),
            }
        }
        // Somebody else moved the cursor: no vector shows what the consumer took from the DC it was on meanwhile.
        Some(Knowledge::Held { since, dc, .. }) if !input.ask.allow_gap => {
            Err(WhyNoStart::KnowledgeVoid {
                since: *since,
                reason: format!(
                    "it was moved to {dc} then, but its cursor now counts on {ia}: another hand has moved it since"
                ),
            })
        }
        Some(Knowledge::Pass {
            since,
            invocation_id: Some(id),
            ..
        }) if *id != ia && !input.ask.allow_gap => Err(WhyNoStart::KnowledgeVoid {
            since: *since,
            reason: format!(
                "its full pass was made on {id}, but its cursor now counts on {ia}: another hand has moved it since"
            ),
        }),
        _ => from_sample(input, ia, None).ok_or_else(|| WhyNoStart::NoVector {
            source_dc: input.source.dc.clone(),
            read_up_to: input.cursor.cursor.read_up_to(),
        }),
    }
}

/// A cursor above the DC's own end, which was read later, says nothing of what the consumer has read. Of a DC in
/// quarantine that is no news: its evidence is of before it went back in time, when the cursor was right.
fn not_ahead(input: &Input, ia: InvocationId) -> Result<(), WhyNoStart> {
    let known = input
        .source
        .incarnations
        .iter()
        .any(|life| life.invocation_id == ia && life.quarantine.is_some());
    let answers = input
        .candidates
        .iter()
        .filter_map(|candidate| candidate.probe.as_ref().ok());
    let end = answers
        .filter(|facts| facts.identity.invocation_id == ia)
        .map(|facts| facts.committed)
        .max();
    let read_up_to = input.cursor.cursor.read_up_to();
    match end {
        Some(committed) if committed < read_up_to && !known && !input.ask.allow_gap => {
            Err(WhyNoStart::CursorAhead {
                source_dc: input.source.dc.clone(),
                read_up_to,
                committed,
            })
        }
        _ => Ok(()),
    }
}

impl Held {
    /// Whether everything is read in any case: 0 is the start, and right on every DC.
    pub(super) fn is_from_zero(&self) -> bool {
        matches!(
            self.evidence,
            Evidence::NothingRead
                | Evidence::OwnCookie
                | Evidence::Reset
                | Evidence::FullPass { .. }
        )
    }
}

/// Why 0 is right on every DC: the consumer has not completed a search yet, or it needs no USN of ours.
fn from_zero(input: &Input) -> Option<Evidence> {
    let cursor = &input.cursor.cursor;
    let is_zero = cursor.last_updated == Usn::ZERO && cursor.last_deleted == Usn::ZERO;
    match input.position {
        Position::Cookie => Some(Evidence::OwnCookie),
        Position::Reset => Some(Evidence::Reset),
        Position::BeforeSearch | Position::LargestSeen => is_zero.then_some(Evidence::NothingRead),
    }
}

/// The vectors collected before the cursor's USN was reached, and the cursor itself for the DC in use.
fn from_sample(input: &Input, ia: InvocationId, after: Option<UtcMs>) -> Option<Held> {
    let read_up_to = input.cursor.cursor.read_up_to();
    let sample = input.source.evidence.as_ref()?;
    let covered = sample.invocation_id == ia && sample.committed_after <= read_up_to;
    let late_enough = after.is_none_or(|after| sample.collected_at > after);
    (covered && late_enough).then(|| Held {
        s: with_source(&sample.vectors, ia, read_up_to),
        evidence: Evidence::SourceSample {
            collected_at: sample.collected_at,
            committed_after: sample.committed_after,
        },
        at: sample.collected_at,
    })
}

/// S as the last switch left it (R3); the DC in use has been read up to the cursor since.
fn from_switch(input: &Input, ia: InvocationId, since: UtcMs, held: &NcVectors) -> Held {
    let s = with_source(held, ia, input.cursor.cursor.read_up_to());
    Held {
        s,
        evidence: Evidence::LastSwitch { since },
        at: since,
    }
}

fn with_source(vectors: &NcVectors, ia: InvocationId, read_up_to: Usn) -> NcVectors {
    let own = |vector: &Vector| vector.clone().with(ia, read_up_to);
    vectors
        .iter()
        .map(|(nc, vector)| (nc.clone(), own(vector)))
        .collect()
}

#[cfg(test)]
#[path = "held_tests.rs"]
#[expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
mod tests;
