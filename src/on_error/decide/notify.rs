//! Who is told when: the first word, the repeated one, and how many a recipient gets.

use std::time::Duration;

use super::signals::{Signal, millis};
use crate::config::{Notices, Process};
use crate::model::{ActionKind, DcName, Incident, NoticeKind, Outcome, Stance, UtcMs, WhyWait};

/// How soon after a notice another one may tell that the outcome has changed, in milliseconds: errors of two kinds that
/// take turns are no news each time.
const CHANGE_MS: i64 = 300_000;

/// What an incident has to be told by now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// Nothing.
    Nothing,
    /// It is to be told at this time, and not before: others of its kind may come.
    At(UtcMs),
    /// Now.
    Now(NoticeKind),
}

/// Whether what to do is still being found out: the signals are gathering, or a plan is on its way. The word that comes of
/// it tells everything at once, so the first word waits for it.
pub fn is_gathering(stance: &Stance) -> bool {
    let gathers = |why: &WhyWait| {
        matches!(
            why,
            WhyWait::Unrecognized
                | WhyWait::TooFewErrors { .. }
                | WhyWait::TooFewProbes { .. }
                | WhyWait::StartupGrace { .. }
                | WhyWait::ClockJump { .. }
                | WhyWait::Proposed { .. }
        )
    };
    match stance.action {
        ActionKind::Tell => false,
        ActionKind::Propose | ActionKind::Run => true,
        ActionKind::Wait => stance.why.iter().all(gathers),
    }
}

/// How long the first word of an incident waits.
#[derive(Debug, Clone, Copy)]
pub struct Waits {
    /// For other incidents of the same kind.
    pub group: Duration,
    /// For a plan, while [`is_gathering`].
    pub plan: Duration,
}

impl Waits {
    /// It does not wait: whoever decides will not look again.
    pub const NONE: Self = Self {
        group: Duration::ZERO,
        plan: Duration::ZERO,
    };
}

/// Whether an open incident is told now. A transient error is nobody's business until it has lasted for the process's
/// patience; any other one is told once its rule's count is reached, after the waits.
pub fn due(
    incident: &Incident,
    errors: &Signal,
    process: &Process,
    notices: &Notices,
    waits: Waits,
    now: UtcMs,
) -> Due {
    let patient_until = incident.opened_at.plus_ms(millis(process.patience));
    let speaks = incident.outcome != Outcome::Transient && errors.have >= errors.need;
    let Some(told_at) = incident.told_at else {
        // The count is a matter of the last moments; that the trouble lasts is another way to be heard.
        if !speaks && now < patient_until {
            return Due::Nothing;
        }
        let from = incident.opened_at.plus_ms(millis(waits.group));
        let gathers = incident.stance.as_ref().is_some_and(is_gathering);
        return if gathers && now < from.plus_ms(millis(waits.plan)) {
            Due::Nothing
        } else if now < from {
            Due::At(from)
        } else {
            Due::Now(NoticeKind::Opened)
        };
    };
    let settled = now.ms_since(told_at) >= CHANGE_MS;
    if speaks && settled && incident.told_as != Some(incident.outcome) {
        return Due::Now(NoticeKind::Changed);
    }
    let again = told_at.plus_ms(millis(notices.repeat));
    if incident.acknowledged_at.is_none() && now >= again {
        return Due::Now(NoticeKind::Repeated);
    }
    Due::Nothing
}

/// Whether a recipient gets a notice now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admitted {
    /// It goes out.
    Yes,
    /// It is held back and told as a number with the next one.
    HeldBack,
}

/// The cap on what one recipient gets: `lately` notices went out, or are about to, within the hour. What asks for an
/// answer is never held back.
pub fn admit(kind: NoticeKind, lately: u32, notices: &Notices) -> Admitted {
    let urgent = matches!(
        kind,
        NoticeKind::Proposed | NoticeKind::HeldBack | NoticeKind::Trial
    );
    if urgent || lately < notices.most_per_hour {
        Admitted::Yes
    } else {
        Admitted::HeldBack
    }
}

/// Whether a move is proposed, or about to be: that no error comes any more does not end what the probes say.
fn wants_move(stance: &Stance) -> bool {
    let is_proposed = |why: &WhyWait| matches!(why, WhyWait::Proposed { .. });
    matches!(stance.action, ActionKind::Propose | ActionKind::Run)
        || stance.why.iter().any(is_proposed)
}

/// How an incident ended, where it has: no failure for the process's quiet time, and either the sync reads another DC
/// (`moved_to`), or the one it reads answers (`lives`), or the trouble was none of a DC. Not while a move `is_busy`.
pub fn over(
    incident: &Incident,
    moved_to: Option<&DcName>,
    lives: bool,
    is_busy: bool,
    process: &Process,
    now: UtcMs,
) -> Option<String> {
    let quiet = now.ms_since(incident.last_failure_at) >= millis(process.quiet);
    if !quiet || is_busy {
        return None;
    }
    let span = humantime::format_duration(process.quiet);
    let is_of_dc =
        incident.outcome == Outcome::Outage || incident.stance.as_ref().is_some_and(wants_move);
    match (moved_to, is_of_dc, &incident.dc) {
        (Some(dc), _, _) => Some(format!("the sync reads {dc}, and no failure for {span}")),
        (None, true, Some(dc)) => {
            lives.then(|| format!("{dc} answers again, and no failure for {span}"))
        }
        (None, _, _) => Some(format!("no failure for {span}")),
    }
}
