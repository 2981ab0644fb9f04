//! The record of one rewriting of a consumer's cursor, from the order to its end.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{HeldCursor, ResourceName, Switch, UtcMs};

/// Why a cursor is rewritten.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AttemptKind {
    /// The resource moves to another DC or another start.
    Failover,
    /// The previous host and cursor are put back.
    Undo,
}

impl AttemptKind {
    /// Every kind, for reading a stored code back.
    pub const ALL: [AttemptKind; 2] = [Self::Failover, Self::Undo];

    /// The stable code.
    pub fn code(self) -> &'static str {
        match self {
            Self::Failover => "failover",
            Self::Undo => "undo",
        }
    }
}

/// How far an attempt has come. Each open state is written down before what it names is begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AttemptState {
    /// Written down; nothing was done yet.
    Begun,
    /// The sync is being stopped: it may run or not.
    Stopping,
    /// The sync stands still; the cursor is the old one.
    Stopped,
    /// The old cursor is saved and the new one is being written: either may stand.
    Writing,
    /// The new cursor stands and what the consumer holds is recorded.
    Switched,
    /// The sync is being started: it may have moved the cursor on.
    Starting,
    /// Ended: all of it was done.
    Done,
    /// Ended: the new cursor stands; the sync could not be started, or was not seen to go on.
    DoneInPart,
    /// Ended: a step failed; nothing was written.
    Failed,
    /// Ended: the cursor was no longer the one planned with; nothing was written.
    Stale,
    /// Ended: its process died before the cursor was written; nothing was written.
    RolledBack,
    /// Ended: the cursor is neither the old nor the new one.
    Conflict,
}

impl AttemptState {
    /// Every state, for reading a stored code back.
    pub const ALL: [AttemptState; 12] = [
        Self::Begun,
        Self::Stopping,
        Self::Stopped,
        Self::Writing,
        Self::Switched,
        Self::Starting,
        Self::Done,
        Self::DoneInPart,
        Self::Failed,
        Self::Stale,
        Self::RolledBack,
        Self::Conflict,
    ];

    /// The stable code.
    pub fn code(self) -> &'static str {
        match self {
            Self::Begun => "begun",
            Self::Stopping => "stopping",
            Self::Stopped => "stopped",
            Self::Writing => "writing",
            Self::Switched => "switched",
            Self::Starting => "starting",
            Self::Done => "done",
            Self::DoneInPart => "done_in_part",
            Self::Failed => "failed",
            Self::Stale => "stale",
            Self::RolledBack => "rolled_back",
            Self::Conflict => "conflict",
        }
    }

    /// Whether nothing more happens in this state.
    pub fn is_ended(self) -> bool {
        self >= Self::Done
    }

    /// Whether the cursor was rewritten by an attempt that ended so.
    pub fn has_switched(self) -> bool {
        matches!(self, Self::Done | Self::DoneInPart)
    }
}

impl fmt::Display for AttemptState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.code())
    }
}

/// One step of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// The order is written down.
    Begin,
    /// The sync is stopped.
    Stop,
    /// The old cursor is read, compared and saved.
    Save,
    /// The new cursor is written if the old one still stands.
    Write,
    /// The new cursor is read back.
    Verify,
    /// What the consumer now holds is recorded.
    Record,
    /// The sync is started.
    Start,
    /// The started sync is seen to go on from the new cursor.
    Confirm,
    /// The sync is started on the old cursor, since nothing was switched.
    StartAgain,
    /// Another process took over from a dead one.
    Resume,
}

impl Step {
    /// Every step, for reading a stored code back.
    pub const ALL: [Step; 10] = [
        Self::Begin,
        Self::Stop,
        Self::Save,
        Self::Write,
        Self::Verify,
        Self::Record,
        Self::Start,
        Self::Confirm,
        Self::StartAgain,
        Self::Resume,
    ];

    /// The stable code.
    pub fn code(self) -> &'static str {
        match self {
            Self::Begin => "begin",
            Self::Stop => "stop",
            Self::Save => "save",
            Self::Write => "write",
            Self::Verify => "verify",
            Self::Record => "record",
            Self::Start => "start",
            Self::Confirm => "confirm",
            Self::StartAgain => "start_again",
            Self::Resume => "resume",
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.code())
    }
}

/// What became of one step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepReport {
    /// The step.
    pub step: Step,
    /// When it ended, by the store's clock.
    pub at: UtcMs,
    /// Whether it failed.
    pub failed: bool,
    /// One line for a person.
    pub outcome: String,
}

/// One failover or undo as the store keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// Its number.
    pub id: i64,
    /// Whose consumer.
    pub resource: ResourceName,
    /// Why.
    pub kind: AttemptKind,
    /// When it was begun.
    pub made_at: UtcMs,
    /// Who ordered it, as `root (uid 0) on host`.
    pub who: String,
    /// How the order came, as `command line`.
    pub channel: String,
    /// The plan it carries out: JSON text here, part of the document where this is written as JSON.
    #[serde(with = "embedded")]
    pub plan: String,
    /// The plan's hash.
    pub plan_hash: String,
    /// What was to be done.
    pub orders: Switch,
    /// Whether the sync had been stopped by order before this began; it is then not started by a roll back.
    pub was_stopped: bool,
    /// How far it has come, or how it ended.
    pub state: AttemptState,
    /// The cursor that was replaced, once it was saved.
    pub old_cursor: Option<HeldCursor>,
    /// When it ended; `None` while it is open.
    pub ended_at: Option<UtcMs>,
    /// How it ended, for a person.
    pub outcome: Option<String>,
    /// Its steps in order.
    pub steps: Vec<StepReport>,
}

/// JSON text that becomes part of the document around it.
mod embedded {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use serde_json::value::RawValue;

    pub(super) fn serialize<S: Serializer>(text: &String, to: S) -> Result<S::Ok, S::Error> {
        match serde_json::from_str::<serde_json::Value>(text) {
            Ok(value) => value.serialize(to),
            Err(_) => text.serialize(to),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
        Ok(Box::<RawValue>::deserialize(from)?.get().to_owned())
    }
}
