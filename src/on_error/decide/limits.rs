//! What stands in the way of anything automatic, whatever the signals say.

use super::signals::millis;
use crate::config::Safety;
use crate::model::{Attempt, AttemptKind, Pause, UtcMs, WhyWait};

/// How much the wall clock may leave the steady one before it counts as a jump, in milliseconds.
pub(super) const JUMP_MS: i64 = 2_000;
/// How long a jump suspends what is automatic, in milliseconds.
pub(super) const AFTER_JUMP_MS: i64 = 30_000;
/// How long an automatic failover that failed is not tried again, in milliseconds.
pub(super) const AFTER_FAILED_MS: i64 = 300_000;
/// The window of the cap, in milliseconds.
const DAY_MS: i64 = 86_400_000;
/// The channel of an attempt that a person typed; all others came from the failure process.
pub(super) const COMMAND_LINE: &str = "command line";

/// What may stand in the way.
#[derive(Debug, Clone, Default)]
pub struct Brakes {
    /// When the service started; `None` outside of it.
    pub started_at: Option<UtcMs>,
    /// The newest jump of the clock.
    pub jump: Option<Jump>,
    /// The pauses that bind the resource now.
    pub pauses: Vec<Pause>,
    /// The attempts of the resource, newest first.
    pub attempts: Vec<Attempt>,
    /// Since when incidents of the resource have been acknowledged, the newest time.
    pub acknowledged_at: Option<UtcMs>,
}

/// A jump of the wall clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Jump {
    /// When it was seen, by the clock after it.
    pub at: UtcMs,
    /// By how much; negative where back.
    pub by_ms: i64,
}

/// The jump, where from one turn to the next the wall clock went otherwise than the steady one.
pub fn jumped(before: UtcMs, now: UtcMs, steady_ms: i64) -> Option<Jump> {
    let by_ms = now.ms_since(before).saturating_sub(steady_ms);
    (by_ms.abs() >= JUMP_MS).then_some(Jump { at: now, by_ms })
}

/// Every limit that binds now.
pub fn limits(brakes: &Brakes, safety: &Safety, now: UtcMs) -> Vec<WhyWait> {
    let mut why = Vec::new();
    if let Some(started) = brakes.started_at {
        let until = started.plus_ms(millis(safety.startup_grace));
        if now < until {
            why.push(WhyWait::StartupGrace { until });
        }
    }
    if let Some(jump) = brakes.jump {
        let until = jump.at.plus_ms(AFTER_JUMP_MS);
        if now < until {
            why.push(WhyWait::ClockJump {
                by_ms: jump.by_ms,
                until,
            });
        }
    }
    for pause in &brakes.pauses {
        if pause.ended_at.is_none() && pause.since <= now && now < pause.until {
            why.push(WhyWait::Paused {
                pause: pause.id,
                owner: pause.owner.clone(),
                until: pause.until,
                reason: pause.reason.clone(),
            });
        }
    }
    why.extend(of_attempts(brakes, safety, now));
    why
}

/// When the newest move of the sync, there or back, was made.
pub fn moved_at(attempts: &[Attempt]) -> Option<UtcMs> {
    let newest = attempts.iter().find(|one| one.state.has_switched())?;
    Some(newest.ended_at.unwrap_or(newest.made_at))
}

fn of_attempts(brakes: &Brakes, safety: &Safety, now: UtcMs) -> Vec<WhyWait> {
    let mut why = Vec::new();
    let moves = || {
        let all = brakes.attempts.iter();
        all.filter(|attempt| attempt.kind == AttemptKind::Failover)
    };
    if let Some(open) = brakes
        .attempts
        .iter()
        .find(|attempt| attempt.ended_at.is_none())
    {
        why.push(WhyWait::UnderWay { attempt: open.id });
    }
    if let Some(newest) = moves().find(|attempt| attempt.state.has_switched()) {
        let ended = newest.ended_at.unwrap_or(newest.made_at);
        let until = ended.plus_ms(millis(safety.hold));
        let acknowledged = brakes
            .acknowledged_at
            .is_some_and(|at| at >= newest.made_at);
        if now < until && !acknowledged {
            why.push(WhyWait::Held {
                until,
                attempt: newest.id,
            });
        }
    }
    let automatic: Vec<&Attempt> = moves()
        .filter(|attempt| attempt.channel != COMMAND_LINE)
        .collect();
    if let Some(failed) = automatic
        .first()
        .filter(|attempt| attempt.ended_at.is_some() && !attempt.state.has_switched())
    {
        let until = failed
            .ended_at
            .unwrap_or(failed.made_at)
            .plus_ms(AFTER_FAILED_MS);
        if now < until {
            why.push(WhyWait::FailedLately {
                until,
                attempt: failed.id,
            });
        }
    }
    why.extend(cap(&automatic, safety, now));
    why
}

/// The cap counts every automatic attempt, those that failed too: each of them stopped the sync.
fn cap(automatic: &[&Attempt], safety: &Safety, now: UtcMs) -> Option<WhyWait> {
    let since = now.minus_ms(DAY_MS);
    let lately: Vec<&&Attempt> = automatic.iter().filter(|one| one.made_at > since).collect();
    let count = u32::try_from(lately.len()).unwrap_or(u32::MAX);
    if count < safety.most_per_day {
        return None;
    }
    // The newest come first: room is made when the one at the cap's place leaves the window.
    let at_the_cap = usize::try_from(safety.most_per_day.saturating_sub(1)).unwrap_or(usize::MAX);
    let leaves = lately
        .get(at_the_cap)
        .map_or(now, |attempt| attempt.made_at);
    Some(WhyWait::Cap {
        count,
        until: leaves.plus_ms(DAY_MS),
    })
}
