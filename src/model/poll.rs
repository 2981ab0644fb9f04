//! Failed polls, as data.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Why a DC could not be read; the code is stable in the store and in JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// The host name did not resolve.
    UnknownHost,
    /// Nothing listens at the port.
    Refused,
    /// No route, or the network is down.
    Unreachable,
    /// No answer within the bound.
    Timeout,
    /// The connection broke while in use.
    Disconnected,
    /// The TLS handshake or the certificate failed.
    Tls,
    /// Wrong password, disabled, expired or locked account.
    Credentials,
    /// The DC wants a stronger way to authenticate: a clear or unsigned bind was refused.
    StrongerAuthRequired,
    /// The account may not read what is needed, invocationId for one.
    Permission,
    /// Another DC answered than the one configured.
    WrongDc,
    /// The DC answered busy or unavailable.
    Busy,
    /// An answer that is against the protocol or could not be decoded.
    Protocol,
    /// A defect of ours or of a library.
    Internal,
}

impl FailureKind {
    /// The stable code.
    pub fn code(self) -> &'static str {
        match self {
            Self::UnknownHost => "unknown_host",
            Self::Refused => "refused",
            Self::Unreachable => "unreachable",
            Self::Timeout => "timeout",
            Self::Disconnected => "disconnected",
            Self::Tls => "tls",
            Self::Credentials => "credentials",
            Self::StrongerAuthRequired => "stronger_auth_required",
            Self::Permission => "permission",
            Self::WrongDc => "wrong_dc",
            Self::Busy => "busy",
            Self::Protocol => "protocol",
            Self::Internal => "internal",
        }
    }

    /// Every kind, for reading a stored code back.
    pub const ALL: [FailureKind; 13] = [
        Self::UnknownHost,
        Self::Refused,
        Self::Unreachable,
        Self::Timeout,
        Self::Disconnected,
        Self::Tls,
        Self::Credentials,
        Self::StrongerAuthRequired,
        Self::Permission,
        Self::WrongDc,
        Self::Busy,
        Self::Protocol,
        Self::Internal,
    ];
}

impl fmt::Display for FailureKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.code())
    }
}

/// A poll that brought no sample.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PollFailure {
    /// The typed reason.
    pub kind: FailureKind,
    /// One line for a person: what failed, with the server's words and the next step; no secret.
    pub detail: String,
}

impl fmt::Display for PollFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind, self.detail)
    }
}
