//! The exit codes.

use std::process::ExitCode;

use crate::model::FailureKind;

/// How the program ends; the numbers are a promise to scripts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done.
    Ok,
    /// Failed for a reason without a code of its own.
    Failed,
    /// The command line is wrong.
    Usage,
    /// Refused by a safety rule.
    Refused,
    /// Done in part.
    Partial,
    /// A domain controller could not be reached.
    Unreachable,
    /// Not authenticated or not permitted.
    Denied,
    /// TLS failed.
    Tls,
    /// The configuration is missing or wrong (`EX_CONFIG` of sysexits.h).
    Config,
}

impl Exit {
    /// The number.
    pub fn code(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Refused => 3,
            Self::Partial => 4,
            Self::Unreachable => 5,
            Self::Denied => 6,
            Self::Tls => 7,
            Self::Config => 78,
        }
    }

    /// How a command ends that failed on this DC failure; a wrong DC that answers is a safety matter.
    pub fn of_failure_kind(kind: FailureKind) -> Self {
        match kind {
            FailureKind::UnknownHost
            | FailureKind::Refused
            | FailureKind::Unreachable
            | FailureKind::Timeout
            | FailureKind::Disconnected
            | FailureKind::Busy => Self::Unreachable,
            FailureKind::Tls => Self::Tls,
            FailureKind::Credentials
            | FailureKind::StrongerAuthRequired
            | FailureKind::Permission => Self::Denied,
            FailureKind::WrongDc => Self::Refused,
            FailureKind::Protocol | FailureKind::Internal => Self::Failed,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit.code())
    }
}
