//! Typed reasons: why the failure process does nothing by itself. Page, mail and command line print these.

use serde::{Deserialize, Serialize};

use super::{DcName, FailureKind, Outcome, UtcMs};

/// Why nothing is done by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum WhyWait {
    /// The resource names no process.
    #[error(
        "the resource names no process: failures are recorded and shown only; add process = \"NAME\" to it"
    )]
    NoProcess,
    /// The configuration allows nothing.
    #[error("auto_failover is \"off\"")]
    Off,
    /// Another DC would not help.
    #[error("the errors say {outcome}: another DC would not help")]
    NotAnOutage {
        /// What the errors say.
        outcome: Outcome,
    },
    /// The errors say nothing; what else stands here decides.
    #[error("the errors are not recognised: they do not say whether another DC would help")]
    Unrecognized,
    /// The sync's signal is too weak yet.
    #[error("the sync has failed {have} of {need} times within {within_s} s")]
    TooFewErrors {
        /// Failures that matched.
        have: u32,
        /// Failures wanted.
        need: u32,
        /// The window, in seconds.
        within_s: u64,
    },
    /// Which DC the sync reads is not known.
    #[error(
        "which DC the sync reads is not known: its cursor cannot be read or names no configured host"
    )]
    NoDcInUse,
    /// The collector's signal is too weak yet.
    #[error("{dc} has failed {have} of {need} probes within {within_s} s")]
    TooFewProbes {
        /// The DC in use.
        dc: DcName,
        /// Probes that failed in a row.
        have: u32,
        /// Probes wanted.
        need: u32,
        /// The window, in seconds.
        within_s: u64,
    },
    /// The second signal says the opposite.
    #[error(
        "{dc} answered us at {at}: it is not down; the trouble is in the sync, or between the two"
    )]
    DcAnswers {
        /// The DC in use.
        dc: DcName,
        /// When.
        at: UtcMs,
    },
    /// The probe fails for a reason that another DC would share.
    #[error("{dc} answers, but refuses us ({failure}): it is not down")]
    DcRefuses {
        /// The DC in use.
        dc: DcName,
        /// How.
        failure: FailureKind,
    },
    /// Our own network.
    #[error(
        "no DC can be reached ({failure} on all {dcs}): our own network or name service is down"
    )]
    OwnNetwork {
        /// What is shared.
        failure: FailureKind,
        /// How many DCs.
        dcs: u32,
    },
    /// Just started.
    #[error("the service has just started: nothing by itself before {until}")]
    StartupGrace {
        /// Until when.
        until: UtcMs,
    },
    /// The clock jumped.
    #[error("the clock jumped by {by_ms} ms: nothing by itself before {until}")]
    ClockJump {
        /// By how much; negative where back.
        by_ms: i64,
        /// Until when.
        until: UtcMs,
    },
    /// The DC comes and goes.
    #[error("{dc} has come and gone {changes} times within {within_s} s: it is not stably down")]
    Flapping {
        /// The DC in use.
        dc: DcName,
        /// How often it changed.
        changes: u32,
        /// The window, in seconds.
        within_s: u64,
    },
    /// A failover is too recent.
    #[error(
        "held until {until} after attempt {attempt}: acknowledge its incident (`highwater incidents ack`) to end that"
    )]
    Held {
        /// Until when.
        until: UtcMs,
        /// The attempt.
        attempt: i64,
    },
    /// The newest automatic move failed.
    #[error("attempt {attempt} failed: not tried again before {until}")]
    FailedLately {
        /// Until when.
        until: UtcMs,
        /// The attempt.
        attempt: i64,
    },
    /// Too many automatic moves.
    #[error("{count} automatic failovers within 24 h: it stays put until {until}, move it by hand")]
    Cap {
        /// How many.
        count: u32,
        /// Until when.
        until: UtcMs,
    },
    /// Paused by a person.
    #[error("paused by {owner} until {until}: {reason} (pause {pause})")]
    Paused {
        /// The pause.
        pause: i64,
        /// Who.
        owner: String,
        /// Until when.
        until: UtcMs,
        /// Why.
        reason: String,
    },
    /// A move is under way.
    #[error("attempt {attempt} is under way")]
    UnderWay {
        /// The attempt.
        attempt: i64,
    },
    /// A plan waits for an approval, or is being made or carried out.
    #[error("proposal {proposal} is {state}")]
    Proposed {
        /// The proposal.
        proposal: i64,
        /// How it stands.
        state: super::ProposalState,
    },
    /// A person said no.
    #[error(
        "proposal {proposal} was rejected by {by}: {reason}; nothing by itself until this incident is over"
    )]
    Rejected {
        /// The proposal.
        proposal: i64,
        /// Who.
        by: String,
        /// Why.
        reason: String,
    },
    /// The planner found no DC, or the plan could not be made.
    #[error("no plan at {at}: {why}; tried again at {until}")]
    NoPlan {
        /// When.
        at: UtcMs,
        /// Why.
        why: String,
        /// When it is tried again.
        until: UtcMs,
    },
}
