//! What is told about incidents, and to whom it still has to be delivered.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::UtcMs;
use super::incident::coded;

coded! {
    /// What a notice tells.
    NoticeKind {
        /// Incidents have begun.
        Opened = "opened",
        /// One has become something else.
        Changed = "changed",
        /// It still goes on.
        Repeated = "repeated",
        /// A plan waits for an approval.
        Proposed = "proposed",
        /// What became of a proposal or an automatic move.
        Moved = "moved",
        /// It is over.
        Resolved = "resolved",
        /// What was held back.
        HeldBack = "held_back",
        /// A trial.
        Trial = "trial",
    }
}

coded! {
    /// How a delivery stands.
    DeliveryState {
        /// It is due, or will be.
        Queued = "queued",
        /// Above the recipient's cap: told as a number with the next one.
        HeldBack = "held_back",
        /// Taken.
        Sent = "sent",
        /// Refused for good; a person can send it again.
        Dead = "dead",
    }
}

/// A notice, rendered: it never changes, however often it is tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// What it tells.
    pub kind: NoticeKind,
    /// When it was made.
    pub at: UtcMs,
    /// The Message-ID, with its angle brackets.
    pub message_id: String,
    /// The Message-ID that its thread began with, where that is another.
    pub thread: Option<String>,
    /// The subject.
    pub subject: String,
    /// The plain text.
    pub text: String,
    /// The same as HTML.
    pub html: String,
    /// The same for programs: what webhooks and commands get.
    pub data: serde_json::Value,
}

/// Where a notice is to go: a channel of the configuration, and there a mail address or the channel itself.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Target {
    /// The channel's name.
    pub channel: String,
    /// The mail address; empty for what has none.
    pub recipient: String,
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.recipient.is_empty() {
            f.write_str(&self.channel)
        } else {
            write!(f, "{} ({})", self.recipient, self.channel)
        }
    }
}

/// One notice on its way to one target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Delivery {
    /// Its number.
    pub id: i64,
    /// Where it goes.
    pub target: Target,
    /// How it stands.
    pub state: DeliveryState,
    /// How often it was tried.
    pub tries: u32,
    /// When it was queued.
    pub queued_at: UtcMs,
    /// What went wrong last.
    pub problem: Option<String>,
    /// What is delivered.
    pub notice: Notice,
}
