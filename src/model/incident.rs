//! Failures of a sync and the incidents they make, as the failure process keeps them.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{DcName, ResourceName, UtcMs, WhyWait};

macro_rules! coded {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $code:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum $name { $($(#[$vdoc])* $variant),+ }

        impl $name {
            /// All of them, for reading a stored code back.
            pub const ALL: &'static [$name] = &[$(Self::$variant),+];

            /// The stable code.
            pub fn code(self) -> &'static str {
                match self { $(Self::$variant => $code),+ }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.code())
            }
        }
    };
}
pub(super) use coded;

coded! {
    /// What a rule makes of an error.
    Outcome {
        /// It will pass by itself: wait.
        Transient = "transient",
        /// The DC is down, as far as the sync can tell: a failover may be called for.
        Outage = "outage",
        /// Account or password: no DC would answer better.
        Credentials = "credentials",
        /// A certificate or the TLS handshake.
        Certificate = "certificate",
        /// One object or value, which fails on every DC.
        Data = "data",
        /// No rule knows it.
        Unknown = "unknown",
    }
}

coded! {
    /// What a resource allows the failure process to do.
    AutoFailover {
        /// Nothing: incidents are told, no move is proposed.
        Off = "off",
        /// Make a plan, tell it, and wait for an approval.
        Propose = "propose",
        /// Make a plan and carry it out.
        On = "on",
    }
}

/// A failure of a sync as it is reported (`resultErrors`, `failureTimestamp`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewFailure {
    /// Whose sync.
    pub resource: ResourceName,
    /// The DC that failed, where the reporter knows; `None` means the one in use.
    pub dc: Option<DcName>,
    /// When it was reported, by the store's clock.
    pub at: UtcMs,
    /// How long the sync had waited for the DC by then, in milliseconds; 0 where nobody knows.
    pub took_ms: u32,
    /// When the sync failed, where the reporter says so.
    pub failure_timestamp: Option<UtcMs>,
    /// Who reports, as `active sync` or `hr-sync on sync1`.
    pub source: String,
    /// The errors as the sync words them.
    pub errors: Vec<String>,
}

/// What the rules made of a failure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdicted {
    /// The outcome.
    pub outcome: Outcome,
    /// The rule that matched; `None` where no rule knows the error.
    pub rule: Option<String>,
}

/// A reported failure as the store keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// Its number.
    pub id: i64,
    /// Whose sync.
    pub resource: ResourceName,
    /// The DC that failed, where the reporter knew.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dc: Option<DcName>,
    /// When it was reported.
    pub at: UtcMs,
    /// How long the sync had waited for the DC by then, in milliseconds.
    #[serde(skip)]
    pub took_ms: u32,
    /// When the sync failed, where the reporter said so.
    pub failure_timestamp: Option<UtcMs>,
    /// Who reported it.
    pub source: String,
    /// The errors.
    pub errors: Vec<String>,
    /// What the rules made of it; `None` until it was looked at.
    pub verdict: Option<Verdicted>,
    /// The incident it belongs to; `None` where its resource names no process.
    pub incident: Option<i64>,
}

coded! {
    /// What is to be done about an incident.
    ActionKind {
        /// Nothing is called for beyond telling.
        Tell = "tell",
        /// Something is, and something stands in its way.
        Wait = "wait",
        /// Make a plan and wait for an approval.
        Propose = "propose",
        /// Make a plan and carry it out.
        Run = "run",
    }
}

/// How an incident stands: what is to be done, and why it is not done yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stance {
    /// What is to be done.
    pub action: ActionKind,
    /// What stands in the way, or why there is nothing to do.
    pub why: Vec<WhyWait>,
}

impl Stance {
    /// Whether a person would call it the same as `other`: counts that go up are no news.
    pub fn is_like(&self, other: &Stance) -> bool {
        let kinds = |stance: &Stance| -> Vec<std::mem::Discriminant<WhyWait>> {
            stance.why.iter().map(std::mem::discriminant).collect()
        };
        self.action == other.action && kinds(self) == kinds(other)
    }
}

/// Something that happened to an incident.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IncidentEvent {
    /// When.
    pub at: UtcMs,
    /// One line for a person.
    pub text: String,
}

/// One failure of a resource from the first error to its resolution.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Incident {
    /// Its number.
    pub id: i64,
    /// Whose sync.
    pub resource: ResourceName,
    /// When the first error was reported.
    pub opened_at: UtcMs,
    /// FailureTimestamp of the first error, where it was said.
    pub failure_timestamp: Option<UtcMs>,
    /// The outcome of the newest failure.
    pub outcome: Outcome,
    /// The rule that gave it.
    pub rule: Option<String>,
    /// The DC the sync read when it began, where known.
    pub dc: Option<DcName>,
    /// How many failures it has.
    pub failures: u64,
    /// When the newest was reported.
    pub last_failure_at: UtcMs,
    /// How it stands; `None` until it was looked at.
    pub stance: Option<Stance>,
    /// Who acknowledged it.
    pub acknowledged_by: Option<String>,
    /// When.
    pub acknowledged_at: Option<UtcMs>,
    /// The Message-ID that the mails about it hang on.
    pub thread: Option<String>,
    /// When it was last told.
    pub told_at: Option<UtcMs>,
    /// The outcome that was told.
    pub told_as: Option<Outcome>,
    /// Where it was told: the names of channels.
    pub told_to: Vec<String>,
    /// When it ended; `None` while it is open.
    pub resolved_at: Option<UtcMs>,
    /// How it ended.
    pub resolution: Option<String>,
    /// What happened, oldest first.
    pub events: Vec<IncidentEvent>,
}

/// An order that nothing happens by itself for a while.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    /// Its number.
    pub id: i64,
    /// For which resource; `None` for all.
    pub resource: Option<ResourceName>,
    /// From when.
    pub since: UtcMs,
    /// Until when.
    pub until: UtcMs,
    /// Who ordered it.
    pub owner: String,
    /// Why.
    pub reason: String,
    /// When it was ended before its time.
    pub ended_at: Option<UtcMs>,
}

/// One look at a DC: a sample, a failed poll, or a probe.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sighting {
    /// When.
    pub at: UtcMs,
    /// Why it could not be read; `None` where it answered.
    pub failed: Option<super::FailureKind>,
    /// How long it took to fail, in milliseconds.
    #[serde(default)]
    pub took_ms: u32,
}
