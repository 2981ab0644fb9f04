//! How often a delivery is tried, who may approve, and for how long.

use super::signals::millis;
use crate::config::Safety;
use crate::model::{Proposal, ProposalState, UtcMs};

/// The first pause after a failed delivery, in milliseconds; each further one is twice as long.
const FIRST_MS: i64 = 15_000;
/// The longest pause, in milliseconds.
const LONGEST_MS: i64 = 1_800_000;
/// How long a delivery is tried before it is given up, in milliseconds: three days.
pub const GIVE_UP_MS: i64 = 3 * 86_400_000;
/// How often it is tried at the least: a clock that was set forward, or days without the service, end no hope. In three
/// days there are about 150 tries.
pub const GIVE_UP_TRIES: u32 = 100;

/// How far the clock may have gone back since a proposal was made or answered before its age counts as unknown, in
/// milliseconds.
const CLOCK_BACK_MS: i64 = 120_000;

/// Why a proposal that waits, or a person's approval that was not carried out, has expired; `None` where it has not. Both
/// last for `safety.approval`. Where the clock stands before the moment they began, they end as well: a clock set back
/// must not make them last longer.
pub fn lapsed(proposal: &Proposal, safety: &Safety, now: UtcMs) -> Option<String> {
    if proposal.state == ProposalState::Waiting {
        let until = proposal.expires_at?;
        return match (until <= now, went_back(proposal.made_at, now)) {
            (true, _) => Some(format!("nobody answered before {until}")),
            (_, true) => Some(format!(
                "the clock was set back since it was made ({}), so its age is unknown",
                proposal.made_at
            )),
            _ => None,
        };
    }
    let at = proposal.answered_at?;
    let by = proposal.answered_by.as_deref().unwrap_or("somebody");
    let until = at.plus_ms(millis(safety.approval));
    match (until <= now, went_back(at, now)) {
        (true, _) => Some(format!(
            "{by} approved it at {at}, and it was not carried out before {until}"
        )),
        (_, true) => Some(format!(
            "the clock was set back since {by} approved it ({at}), so the approval's age is unknown"
        )),
        _ => None,
    }
}

fn went_back(since: UtcMs, now: UtcMs) -> bool {
    since.ms_since(now) > CLOCK_BACK_MS
}

/// When a delivery that failed for the `tries`-th time is tried again; `None` where it is given up.
pub fn after_failure(queued_at: UtcMs, tries: u32, now: UtcMs) -> Option<UtcMs> {
    if now.ms_since(queued_at) >= GIVE_UP_MS && tries >= GIVE_UP_TRIES {
        return None;
    }
    let doubled = FIRST_MS.saturating_mul(1 << tries.saturating_sub(1).min(20));
    Some(now.plus_ms(doubled.min(LONGEST_MS)))
}

/// Why `who` may not answer a proposal, for a person; `None` where they may. `who` is a user's name and `uid:N`.
pub fn may_approve(proposal: &Proposal, who: (&str, &str), safety: &Safety) -> Option<String> {
    let (name, uid) = who;
    let listed = |one: &String| one == name || one == uid;
    if safety.approvers.is_empty() {
        // Nobody is named: whoever may do everything may do this.
        return (uid != "uid:0").then(|| {
            format!("{name} is no approver: safety.approvers names nobody, so only root may answer")
        });
    }
    if !safety.approvers.iter().any(listed) {
        return Some(format!(
            "{name} is no approver; safety.approvers names {}",
            safety.approvers.join(", ")
        ));
    }
    let own = proposal
        .proposed_by
        .as_deref()
        .is_some_and(|by| is_of(by, name));
    (own && safety.approvers.len() > 1).then(|| {
        format!(
            "{name} proposed this: another of {} has to approve it",
            safety.approvers.join(", ")
        )
    })
}

/// Whether what is kept as `anna on sync1` names this user; users of a domain may have blanks in their names.
fn is_of(by: &str, name: &str) -> bool {
    by.strip_prefix(name)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(" on "))
}
