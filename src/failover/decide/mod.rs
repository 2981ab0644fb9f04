//! Decides which DC takes over and from which USN. Pure: everything it needs is in [`Input`].
//!
//! Every candidate gets a verdict with typed reasons, whether or not it is chosen. The order among those that are
//! eligible: preference, same site, a vector start before a start by time, a DC that has all the consumer holds,
//! the start with the least to read again (for a start by time: the sample nearest to TargetTimestamp), name.
//!
//! # Decisions
//! - *FailureTimestamp*, where none is given, is the newest sample of the DC in use whose USN the cursor has
//!   reached, taken at the moment before its poll began: up to then the consumer is known to have read everything,
//!   so the start by time is never too late. The moment the answer arrived would be later than what it shows.
//! - A *FailureTimestamp* that is given, over all candidates, counts only as far as that moment: a clock that runs ahead,
//!   or a failure that is reported long after the last good read, must not skip what came in between. What is taken
//!   instead is told. `allow_gap` takes it as given.
//! - A start that lies above the proven one would skip changes and is refused, also for a start by hand; where
//!   nothing can be proven, a start by time or by hand goes with a warning, as in the original.
//! - For our own feed `best` is another, see [`FeedState`]: what it reads twice is not delivered twice.
//! - With `allow_gap` the knowledge afterwards is void (R7), unless the start was proven all the same.

mod eligible;
mod feed;
mod held;
mod input;
mod order;
mod start;
mod switch;
mod undo;
mod warnings;

use crate::model::{
    Ask, How, Method, Plan, StartMethod, StartPoint, Starts, Usn, UtcMs, Verdict, WhyNoStart,
    WhyNot,
};

pub use feed::FeedState;
pub(super) use feed::reads_all;
use held::Held;
pub(super) use held::owner;
pub use input::{ByHand, Candidate, Input, Source};
pub(super) use undo::on_record;
pub use undo::{Reads, UndoInput, UndoRefused, undo};

/// FailureTimestamp as the start by time counts with it: the one given, or what the samples prove of the cursor. Over
/// all candidates it is never later than what they prove, unless a gap is accepted.
fn failure(ask: &Ask, read_by: Option<UtcMs>) -> Option<UtcMs> {
    let is_bound = matches!(ask.how, How::Auto { .. }) && !ask.allow_gap;
    match (ask.failure_timestamp, read_by) {
        (Some(given), Some(read_by)) if is_bound => Some(given.min(read_by)),
        (given, read_by) => given.or(read_by),
    }
}

/// TargetTimestamp of this input: what the store is asked for before [`decide`] is called.
///
/// `read_by` is [`Sample::not_begun_at`](crate::model::Sample::not_begun_at) of the newest sample the cursor has reached.
pub fn target(ask: &Ask, read_by: Option<UtcMs>) -> Option<UtcMs> {
    let failure = failure(ask, read_by)?;
    Some(failure.minus_ms(ask.replication_time.as_millis()))
}

/// Makes the plan.
pub fn decide(input: &Input, now: UtcMs) -> Plan {
    let read_by = input.source.read_by.map(|sample| sample.not_begun_at());
    let failure_timestamp = failure(&input.ask, read_by);
    let target = target(&input.ask, read_by);
    let held = held::held(input);
    let mut candidates: Vec<Verdict> = input
        .candidates
        .iter()
        .map(|candidate| verdict(input, candidate, &held, target, now))
        .collect();
    candidates.sort_by_cached_key(|verdict| order::key(input, verdict, target));
    let chosen = candidates
        .first()
        .and_then(|best| switch::chosen(input, best, held.as_ref().ok(), now));
    let warnings = warnings::warnings(input, &candidates, chosen.as_ref());
    Plan {
        resource: input.resource.clone(),
        made_at: now,
        ask: input.ask.clone(),
        cursor: input.cursor.clone(),
        source: input.source.dc.clone(),
        failure_timestamp,
        target,
        hash: switch::hash(input, chosen.as_ref()),
        chosen,
        candidates,
        warnings,
    }
}

fn verdict(
    input: &Input,
    candidate: &Candidate,
    held: &Result<Held, WhyNoStart>,
    target: Option<UtcMs>,
    now: UtcMs,
) -> Verdict {
    let facts = candidate.probe.as_ref().ok();
    let starts = facts.map(|facts| start::starts(input, candidate, facts, held, target, now));
    let mut why_not = eligible::why_not(input, candidate, held.as_ref().ok());
    if let Some(starts) = &starts {
        why_not.extend(start_refusals(input, starts));
    }
    let site = facts
        .map(|facts| facts.identity.site.clone())
        .or_else(|| candidate.incarnations.last().map(|life| life.site.clone()));
    let ia = held::cursor_incarnation(input).ok();
    let in_use = why_not.contains(&WhyNot::InUse);
    Verdict {
        dc: candidate.dc.clone(),
        preference: candidate.preference,
        same_site: home_site(input).is_some_and(|home| {
            site.as_ref()
                .is_some_and(|site| site.eq_ignore_ascii_case(home))
        }),
        site,
        invocation_id: facts.map(|facts| facts.identity.invocation_id),
        committed: facts.map(|facts| facts.committed),
        why_not,
        starts,
        lag_ms: lag(input, candidate),
        covers_consumer: match (&input.feed, held, facts, ia) {
            (Some(feed), _, Some(facts), _) => feed::covers(feed, facts, ia),
            (None, Ok(held), Some(facts), Some(ia)) => {
                eligible::covers(held, facts, ia, &input.source.naming_contexts)
            }
            _ => false,
        },
        // What the DC in use has made itself is no ghost there.
        ghosts_at_most: facts.zip(ia).filter(|_| !in_use).and_then(|(facts, ia)| {
            let known = input
                .source
                .naming_contexts
                .iter()
                .map(|nc| Some(facts.vectors.get(nc)?.get(ia).unwrap_or(Usn::ZERO)));
            let known = known.min().flatten()?;
            Some(
                input
                    .cursor
                    .cursor
                    .last_updated
                    .max(input.cursor.cursor.last_deleted)
                    .above(known),
            )
        }),
    }
}

fn home_site(input: &Input) -> Option<&str> {
    input.site.as_deref().or_else(|| {
        input
            .source
            .incarnations
            .last()
            .map(|life| life.site.as_str())
    })
}

/// A start as one method gives it.
type Found<'a> = (Method, Result<&'a StartPoint, &'a WhyNoStart>);

/// The start that the method asked for would use, with its name; `None` where no sample was named by hand.
fn effective<'a>(input: &Input, starts: &'a Starts) -> Option<Found<'a>> {
    Some(match &input.ask.how {
        How::Manual { .. } => (Method::Manual, starts.manual.as_ref()?.as_ref()),
        How::Auto {
            method: StartMethod::Vector,
        } => (Method::Vector, starts.vector.as_ref()),
        How::Auto {
            method: StartMethod::Time,
        } => (Method::Time, starts.time.as_ref()),
        How::Auto {
            method: StartMethod::Best,
        } => match (&starts.best, &starts.vector, &starts.time) {
            (Some(best), _, _) => (best.method, Ok(&best.start)),
            (None, Err(_), Ok(time)) => (Method::Time, Ok(time)),
            (None, vector, _) => (Method::Vector, vector.as_ref()),
        },
    })
}

/// Why the method asked for gives no start here, or one that could skip changes: of the best start, why neither does.
fn start_refusals(input: &Input, starts: &Starts) -> Vec<WhyNot> {
    let mut refusals = Vec::from_iter(start_refusal(input, starts));
    if let (Some(WhyNot::NoStart { method, .. }), Err(why)) = (refusals.first(), &starts.time) {
        let how = &input.ask.how;
        let is_best = matches!(how, How::Auto { method } if *method == StartMethod::Best);
        if is_best && *method == Method::Vector && input.feed.is_none() {
            refusals.push(WhyNot::NoStart {
                method: Method::Time,
                why: why.clone(),
            });
        }
    }
    refusals
}

fn start_refusal(input: &Input, starts: &Starts) -> Option<WhyNot> {
    let Some((method, start)) = effective(input, starts) else {
        return unnamed(input);
    };
    match start {
        Err(why) => Some(WhyNot::NoStart {
            method,
            why: why.clone(),
        }),
        Ok(start) => {
            let proven = starts
                .vector
                .as_ref()
                .ok()
                .filter(|vector| vector.proven)?
                .usn;
            (start.usn > proven && !input.ask.allow_gap).then_some(WhyNot::WouldSkip {
                start: start.usn,
                proven,
            })
        }
    }
}

/// A start by hand was asked for, and nothing is on record of this candidate.
fn unnamed(input: &Input) -> Option<WhyNot> {
    let How::Manual { usn_date } = input.ask.how else {
        return None;
    };
    let why = WhyNoStart::NoSampleAt {
        usn_date,
        before: None,
        after: None,
    };
    Some(WhyNot::NoStart {
        method: Method::Manual,
        why,
    })
}

/// How far the DC in use was behind the candidate when the evidence was taken.
fn lag(input: &Input, candidate: &Candidate) -> Option<i64> {
    let evidence = input.source.evidence.as_ref()?;
    let received = candidate.received?;
    Some(evidence.collected_at.ms_since(received.collected_at).max(0))
}

#[cfg(test)]
mod tests;
