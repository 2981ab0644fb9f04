//! The two signals: the sync's own errors, and our probes.
//!
//! # Decisions
//! - Each wants so many failures within a window. The time that a try waits for a DC that does not answer is not counted:
//!   three timeouts of three seconds are no weaker than three refusals, and would never fit into three seconds.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::config::{Rule, Safety, Scope};
use crate::model::{DcName, Failure, FailureKind, Outcome, ResourceName, Sighting, UtcMs, WhyWait};

/// How strongly the sync's errors speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signal {
    /// Failures that say so within the window.
    pub have: u32,
    /// Failures wanted.
    pub need: u32,
    /// The window.
    pub within: Duration,
}

/// What the failures that `resource` reported say by now, counted as `rule`, the newest one's, wants it: those of the
/// same outcome within its window. `failures` are of all resources.
pub fn trouble(
    resource: &ResourceName,
    outcome: Outcome,
    rule: Option<&Rule>,
    failures: &[Failure],
    now: UtcMs,
) -> Signal {
    let (need, within, scope) = rule
        .map_or((1, Duration::from_hours(24), Scope::Resource), |rule| {
            (rule.count, rule.within, rule.scope)
        });
    let counts = |failure: &&Failure| {
        let told = failure.verdict.as_ref().map(|verdict| verdict.outcome);
        failure.at <= now
            && told == Some(outcome)
            && (scope == Scope::Global || failure.resource == *resource)
    };
    let tries = failures.iter().filter(counts);
    let mut tries: Vec<_> = tries.map(|one| (one.at, one.took_ms)).collect();
    tries.sort_unstable_by_key(|(at, _)| std::cmp::Reverse(*at));
    Signal {
        have: in_window(tries, within, now),
        need,
        within,
    }
}

/// How many of these tries, newest first, ended within the window up to now, the time that later ones waited not counted.
/// `tries` are their ends, with how long they took. One that began since the newest ended may be waiting now, as long as that
/// one did.
fn in_window(tries: impl IntoIterator<Item = (UtcMs, u32)>, within: Duration, now: UtcMs) -> u32 {
    let mut tries = tries.into_iter().peekable();
    let under_way = tries
        .peek()
        .map_or(0, |(at, took)| now.ms_since(*at).clamp(0, i64::from(*took)));
    let (mut waited, mut earliest) = (under_way, now);
    let lies_within = |(at, took): &(UtcMs, u32)| {
        // Tries may run side by side: what is not between this one's end and now is no wait of this window.
        let before = at.ms_since(earliest).max(0);
        let idle = now.ms_since(*at).saturating_sub(waited - before);
        if idle > millis(within) {
            return false;
        }
        let begun = at.minus_ms(i64::from(*took));
        waited += (*at).min(earliest).ms_since(begun).max(0);
        earliest = earliest.min(begun);
        true
    };
    let count = tries.take_while(lies_within).count();
    u32::try_from(count).unwrap_or(u32::MAX)
}

pub(super) fn millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}

/// What a failed probe says of the DC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Says {
    /// It is down, or cannot be reached.
    Down,
    /// It lives, and refuses or confuses us.
    Alive,
}

/// Without a wildcard: a new kind has to be thought about.
fn says(kind: FailureKind) -> Says {
    match kind {
        FailureKind::UnknownHost
        | FailureKind::Refused
        | FailureKind::Unreachable
        | FailureKind::Timeout
        | FailureKind::Disconnected
        | FailureKind::Busy => Says::Down,
        FailureKind::Tls
        | FailureKind::Credentials
        | FailureKind::StrongerAuthRequired
        | FailureKind::Permission
        | FailureKind::WrongDc
        | FailureKind::Protocol
        | FailureKind::Internal => Says::Alive,
    }
}

/// Whether a kind of failure that all DCs share speaks of our own network or name service.
fn is_of_the_network(kind: FailureKind) -> bool {
    matches!(
        kind,
        FailureKind::UnknownHost | FailureKind::Unreachable | FailureKind::Timeout
    )
}

/// What the probes have against calling `dc` down; nothing where they agree that it is.
pub fn probes(
    dc: &DcName,
    sightings: &BTreeMap<DcName, Vec<Sighting>>,
    safety: &Safety,
    now: UtcMs,
) -> Vec<WhyWait> {
    let none = Vec::new();
    let seen = sightings.get(dc).unwrap_or(&none);
    let mut why = Vec::new();
    let newest = seen.iter().rev().find(|one| one.at <= now);
    match newest.map(|one| (one.at, one.failed)) {
        Some((at, None)) => why.push(WhyWait::DcAnswers { dc: dc.clone(), at }),
        Some((_, Some(failure))) if says(failure) == Says::Alive => {
            why.push(WhyWait::DcRefuses {
                dc: dc.clone(),
                failure,
            });
        }
        _ => why.extend(in_a_row(dc, seen, safety, now)),
    }
    why.extend(flapping(dc, seen, safety, now));
    why.extend(own_network(sightings, safety, now));
    why
}

/// The DCs besides `dc` that answered when they were last looked at.
pub fn answering<'s>(
    dc: &DcName,
    sightings: &'s BTreeMap<DcName, Vec<Sighting>>,
) -> Vec<&'s DcName> {
    let answers = |seen: &[Sighting]| seen.last().is_some_and(|last| last.failed.is_none());
    let others = sightings.iter().filter(|(name, _)| *name != dc);
    others
        .filter_map(|(name, seen)| answers(seen).then_some(name))
        .collect()
}

/// The failures in a row, up to now and within the window, where they are too few.
fn in_a_row(dc: &DcName, seen: &[Sighting], safety: &Safety, now: UtcMs) -> Option<WhyWait> {
    let down = |one: &&Sighting| one.failed.is_some_and(|kind| says(kind) == Says::Down);
    let row = seen
        .iter()
        .rev()
        .skip_while(|one| one.at > now)
        .take_while(down)
        .map(|one| (one.at, one.took_ms));
    let have = in_window(row, safety.probe_within, now);
    (have < safety.probe_failures).then(|| WhyWait::TooFewProbes {
        dc: dc.clone(),
        have,
        need: safety.probe_failures,
        within_s: safety.probe_within.as_secs(),
    })
}

fn flapping(dc: &DcName, seen: &[Sighting], safety: &Safety, now: UtcMs) -> Option<WhyWait> {
    let since = now.minus_ms(millis(safety.flapping_within));
    let within: Vec<bool> = seen
        .iter()
        .filter(|one| one.at >= since && one.at <= now)
        .map(|one| one.failed.is_some())
        .collect();
    let changes = within
        .iter()
        .zip(within.iter().skip(1))
        .filter(|(before, after)| before != after)
        .count();
    let changes = u32::try_from(changes).unwrap_or(u32::MAX);
    (changes >= safety.flapping).then(|| WhyWait::Flapping {
        dc: dc.clone(),
        changes,
        within_s: safety.flapping_within.as_secs(),
    })
}

/// Every DC that was looked at lately failed the same way, and in a way that our own network would explain.
fn own_network(
    sightings: &BTreeMap<DcName, Vec<Sighting>>,
    safety: &Safety,
    now: UtcMs,
) -> Option<WhyWait> {
    let since = now.minus_ms(millis(safety.probe_within).saturating_mul(2));
    let lately = sightings.values().filter_map(|seen| {
        let newest = seen.iter().rev().find(|one| one.at <= now)?;
        (newest.at >= since).then_some(newest.failed)
    });
    let lately: Vec<Option<FailureKind>> = lately.collect();
    let kinds: Vec<FailureKind> = lately.iter().copied().flatten().collect();
    let first = *kinds.first()?;
    let all = lately.len() > 1 && kinds.len() == lately.len();
    (all && kinds.iter().all(|kind| is_of_the_network(*kind))).then(|| WhyWait::OwnNetwork {
        failure: first,
        dcs: u32::try_from(kinds.len()).unwrap_or(u32::MAX),
    })
}
