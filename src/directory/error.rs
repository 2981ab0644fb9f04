//! Why a DC could not be read: one type, one line with cause and cure for each, and never a secret.
//!
//! # Decisions
//! - A result code of the server that no rule knows stays visible with its code and the server's words.
//! - Words of the server are shown on one line and cut short, since the far end is not trusted.

use std::time::Duration;

use super::decode::DecodeError;
use super::refusal;
use crate::model::{FailureKind, PollFailure};

/// Why a DC could not be read. `Display` gives one line for a person: what failed, why, and the next step.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DirectoryError {
    /// The host name did not resolve.
    #[error("{target}: the name does not resolve ({reason}); check `host`, DNS, or set `address`")]
    UnknownHost {
        /// Host and port.
        target: String,
        /// The resolver's words.
        reason: String,
    },
    /// Nothing listens at the port.
    #[error("{target}: connection refused; is the DC running, and is the port right?")]
    Refused {
        /// Host and port.
        target: String,
    },
    /// No way there.
    #[error("{target}: unreachable ({reason}); check the route and the firewall")]
    Unreachable {
        /// Host and port.
        target: String,
        /// The system's words.
        reason: String,
    },
    /// No answer within the bound.
    #[error(
        "{target}: no answer to {what} within {after:?}; the DC hangs, is overloaded, or a firewall drops packets"
    )]
    Timeout {
        /// Host and port.
        target: String,
        /// What was waited for.
        what: String,
        /// The bound that passed.
        after: Duration,
    },
    /// The connection broke while in use.
    #[error("{target}: connection lost during {what}: {cause}")]
    Disconnected {
        /// Host and port.
        target: String,
        /// What was under way.
        what: String,
        /// Why, as far as it is known.
        cause: String,
    },
    /// The TLS handshake, a certificate, or our own TLS files failed.
    #[error("{target}: TLS: {problem}; {cure}")]
    Tls {
        /// Host and port.
        target: String,
        /// What is wrong.
        problem: String,
        /// What to do.
        cure: String,
    },
    /// The credentials were not accepted, or cannot be used.
    #[error("{target}: not authenticated: {problem}")]
    Credentials {
        /// Host and port.
        target: String,
        /// What is wrong and what to do.
        problem: String,
    },
    /// The DC wants a stronger way to authenticate.
    #[error("{target}: the DC wants stronger authentication: {problem}")]
    StrongerAuthRequired {
        /// Host and port.
        target: String,
        /// What is wrong and what to do.
        problem: String,
    },
    /// The account may not read what is needed.
    #[error("{target}: {what} may not be read; {grant}")]
    Permission {
        /// Host and port.
        target: String,
        /// What could not be read.
        what: String,
        /// What to grant.
        grant: String,
    },
    /// Another DC answered than the one configured.
    #[error(
        "{target}: {found} answered, not {expected}; a DNS alias or load balancer leads elsewhere: name the DC itself, or correct `server_name`"
    )]
    WrongDc {
        /// Host and port.
        target: String,
        /// The server name of the configuration.
        expected: String,
        /// The server name of rootDSE.
        found: String,
    },
    /// Any other result code of the server.
    #[error("{target}: {what} was answered with {}", refusal::sentence(*code, text))]
    Result {
        /// Host and port.
        target: String,
        /// What was asked.
        what: String,
        /// The LDAP result code (RFC 4511 appendix A).
        code: u32,
        /// The server's words.
        text: String,
    },
    /// An answer against the protocol.
    #[error("{target}: the answer to {what} is against the protocol: {problem}")]
    Protocol {
        /// Host and port.
        target: String,
        /// What was asked.
        what: String,
        /// What is wrong.
        problem: String,
    },
    /// A value that could not be decoded.
    #[error("{target}: {source}")]
    Decode {
        /// Host and port.
        target: String,
        /// Attribute, offset and problem.
        source: DecodeError,
    },
    /// A defect of ours or of a library, or a build without what the configuration asks for.
    #[error("{target}: {problem}")]
    Internal {
        /// Host and port.
        target: String,
        /// What happened.
        problem: String,
    },
}

impl DirectoryError {
    /// The stable kind a failed poll is stored under.
    pub fn kind(&self) -> FailureKind {
        match self {
            Self::UnknownHost { .. } => FailureKind::UnknownHost,
            Self::Refused { .. } => FailureKind::Refused,
            Self::Unreachable { .. } => FailureKind::Unreachable,
            Self::Timeout { .. } => FailureKind::Timeout,
            Self::Disconnected { .. } => FailureKind::Disconnected,
            Self::Tls { .. } => FailureKind::Tls,
            Self::Credentials { .. } => FailureKind::Credentials,
            Self::StrongerAuthRequired { .. } => FailureKind::StrongerAuthRequired,
            Self::Permission { .. } => FailureKind::Permission,
            Self::WrongDc { .. } => FailureKind::WrongDc,
            Self::Result { code, text, .. } => refusal::kind(*code, text),
            Self::Protocol { .. } | Self::Decode { .. } => FailureKind::Protocol,
            Self::Internal { .. } => FailureKind::Internal,
        }
    }

    /// The failure as a failed poll is stored and shown.
    pub fn failure(&self) -> PollFailure {
        PollFailure {
            kind: self.kind(),
            detail: one_line(&self.to_string()),
        }
    }

    /// Whether the connection itself is done for, so that a further operation on it makes no sense.
    pub fn ends_session(&self) -> bool {
        matches!(
            self,
            Self::UnknownHost { .. }
                | Self::Refused { .. }
                | Self::Unreachable { .. }
                | Self::Timeout { .. }
                | Self::Disconnected { .. }
                | Self::Tls { .. }
                | Self::Internal { .. }
        ) || matches!(self, Self::Protocol { problem, .. } if problem.contains(BROKEN))
    }
}

/// Marks a protocol error after which the stream of messages cannot be read on.
pub(super) const BROKEN: &str = "the connection cannot be read on";

/// Text from elsewhere on one line, without control characters, at most 600 characters.
pub(super) fn one_line(text: &str) -> String {
    let flat: String = text
        .trim_matches(|c: char| c.is_whitespace() || c.is_control())
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(600)
        .collect();
    flat
}
