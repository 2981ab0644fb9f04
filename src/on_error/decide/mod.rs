//! The failure process, pure: what an error is, what is to be done about it, who is told and how often.
//!
//! # Decisions
//! - A DC is down only where two independent signals say so: the sync's own errors, as the rules read them, and our
//!   probes. Each has a number and a window; a probe that answers outweighs any number of errors.
//! - Every reason that stands in the way is given, not the first alone: a person who clears one wants to know the next.
//! - Errors that no rule recognises claim nothing, neither that another DC would help nor that it would not: the probes alone
//!   speak then, and what they say is proposed to a person, whatever `auto_failover` allows.
//! - What a person ordered (`failover`, an approved proposal) is never asked of here: these limits bind the automatic
//!   alone.

mod classify;
mod limits;
mod notify;
mod retry;
mod signals;
mod trace;

use std::collections::BTreeMap;

pub use classify::{Misjudged, classify, rule_for, rule_named, telling, test_rules};
pub use limits::{Brakes, Jump, jumped, limits, moved_at};
pub use notify::{Admitted, Due, Waits, admit, due, is_gathering, over};
pub use retry::{GIVE_UP_MS, GIVE_UP_TRIES, after_failure, lapsed, may_approve};
pub use signals::{Signal, answering, probes, trouble};
pub use trace::{most_telling, shortened, without_frames};

use crate::config::Safety;
use crate::model::{
    ActionKind, AutoFailover, DcName, Outcome, Proposal, ProposalState, Sighting, Stance, UtcMs,
    WhyWait,
};

/// Everything that what to do about one incident is decided from.
#[derive(Debug, Clone)]
pub struct Situation<'s> {
    /// What the resource allows.
    pub mode: AutoFailover,
    /// What the errors say.
    pub outcome: Outcome,
    /// The sync's own signal.
    pub errors: Signal,
    /// The DC the sync reads, where known.
    pub dc: Option<&'s DcName>,
    /// What was seen of every DC, oldest first.
    pub sightings: &'s BTreeMap<DcName, Vec<Sighting>>,
    /// What stands in the way of anything automatic.
    pub brakes: &'s Brakes,
    /// The newest proposal of this incident.
    pub proposal: Option<&'s Proposal>,
    /// The limits.
    pub safety: &'s Safety,
}

/// After how long without a plan another one is tried.
pub const PLAN_AGAIN_MS: i64 = 60_000;

/// What is to be done about an incident, with every reason that stands in the way.
pub fn decide(situation: &Situation<'_>, now: UtcMs) -> Stance {
    let is_unknown = situation.outcome == Outcome::Unknown;
    if !is_unknown && situation.outcome != Outcome::Outage {
        let why = WhyWait::NotAnOutage {
            outcome: situation.outcome,
        };
        return stance(ActionKind::Tell, vec![why]);
    }
    let mut why = Vec::new();
    if situation.errors.have < situation.errors.need {
        why.push(WhyWait::TooFewErrors {
            have: situation.errors.have,
            need: situation.errors.need,
            within_s: situation.errors.within.as_secs(),
        });
    }
    match situation.dc {
        Some(dc) => why.extend(probes(dc, situation.sightings, situation.safety, now)),
        None => why.push(WhyWait::NoDcInUse),
    }
    let mode = match situation.mode {
        AutoFailover::On if is_unknown => AutoFailover::Propose,
        mode => mode,
    };
    if mode == AutoFailover::Off {
        why.push(WhyWait::Off);
    } else {
        let limits = limits(situation.brakes, situation.safety, now);
        why.extend(limits.into_iter().filter(|why| binds(mode, why)));
        why.extend(proposed(situation.proposal, now));
    }
    if is_unknown && !why.is_empty() {
        why.insert(0, WhyWait::Unrecognized);
    }
    let action = match (mode, why.is_empty()) {
        (AutoFailover::Off, _) => ActionKind::Tell,
        (_, false) => ActionKind::Wait,
        (AutoFailover::On, true) => ActionKind::Run,
        (AutoFailover::Propose, true) => ActionKind::Propose,
    };
    stance(action, why)
}

/// Hold, cap and a failure lately bind what runs by itself; a plan that a person has to approve may be made at once.
fn binds(mode: AutoFailover, why: &WhyWait) -> bool {
    let of_the_automatic = matches!(
        why,
        WhyWait::Held { .. } | WhyWait::Cap { .. } | WhyWait::FailedLately { .. }
    );
    mode == AutoFailover::On || !of_the_automatic
}

fn stance(action: ActionKind, why: Vec<WhyWait>) -> Stance {
    Stance { action, why }
}

/// Whether the newest proposal of the incident leaves room for another.
fn proposed(proposal: Option<&Proposal>, now: UtcMs) -> Option<WhyWait> {
    let proposal = proposal?;
    match proposal.state {
        ProposalState::Rejected => Some(WhyWait::Rejected {
            proposal: proposal.id,
            by: proposal.answered_by.clone().unwrap_or_default(),
            reason: proposal.reason.clone().unwrap_or_default(),
        }),
        ProposalState::NoPlan | ProposalState::Stale => {
            let ended = proposal.ended_at.unwrap_or(proposal.made_at);
            let until = ended.plus_ms(PLAN_AGAIN_MS);
            // A stale plan may be made anew at once; that nobody may take over is not asked every second.
            let waits = proposal.state == ProposalState::NoPlan && now < until;
            waits.then(|| WhyWait::NoPlan {
                at: ended,
                why: proposal.outcome.clone().unwrap_or_default(),
                until,
            })
        }
        ProposalState::Expired
        | ProposalState::Withdrawn
        | ProposalState::Done
        | ProposalState::Failed => None,
        ProposalState::Wanted
        | ProposalState::Planned
        | ProposalState::Waiting
        | ProposalState::Approved
        | ProposalState::Running => Some(WhyWait::Proposed {
            proposal: proposal.id,
            state: proposal.state,
        }),
    }
}

/// Whether the DC answered when it was last looked at, after `since`: an answer from before a failure says nothing of it.
pub fn has_passed(dc: &DcName, sightings: &BTreeMap<DcName, Vec<Sighting>>, since: UtcMs) -> bool {
    sightings
        .get(dc)
        .and_then(|seen| seen.last())
        .is_some_and(|last| last.failed.is_none() && last.at > since)
}

#[cfg(test)]
mod tests;
