//! Why a command did not do what was asked, and how that ends the program.

use std::error::Error;

use super::Exit;
use super::output::to_stderr;
use crate::active_sync::FeedError;
use crate::config::ConfigError;
use crate::consumer::{ConsumerError, SpotError};
use crate::failover::{ApplyError, FailoverError};
use crate::model::{PollFailure, on_a_screen};
use crate::store::StoreError;

/// Why a command did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// There are no settings.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A domain controller could not be read.
    #[error("{0}")]
    Directory(PollFailure),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A plan or an undo could not be made.
    #[error(transparent)]
    Failover(#[from] FailoverError),
    /// An order was not carried out.
    #[error(transparent)]
    Apply(Box<ApplyError>),
    /// A safety rule says no.
    #[error("refused: {reason}")]
    Refused {
        /// The rule, and what would change its mind.
        reason: String,
    },
    /// The arguments do not fit together or name what is not configured.
    #[error("{0}")]
    Usage(String),
    /// What was asked for has nothing to be done to.
    #[error("{0}")]
    Nothing(String),
    /// The person at the terminal said no.
    #[error("not confirmed, so nothing was changed")]
    Declined,
    /// Anything else, with its causes.
    #[error("{what}")]
    Failed {
        /// What was tried.
        what: String,
        /// Why it failed.
        source: Box<dyn Error + Send + Sync>,
    },
}

impl CliError {
    /// An error without an exit code of its own.
    pub fn failed(
        what: impl Into<String>,
        source: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> Self {
        Self::Failed {
            what: what.into(),
            source: source.into(),
        }
    }

    /// How the program ends.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Config(_) => Exit::Config,
            Self::Directory(failure) => Exit::of_failure_kind(failure.kind),
            Self::Refused { .. } => Exit::Refused,
            Self::Usage(_) => Exit::Usage,
            Self::Failover(FailoverError::Consumer(error)) => of_consumer(error),
            Self::Apply(error) => match &**error {
                ApplyError::Busy(_) => Exit::Refused,
                ApplyError::Step { source, .. } | ApplyError::Unsettled { source, .. } => {
                    of_consumer(source)
                }
                _ => Exit::Failed,
            },
            Self::Failed { source, .. } => match source.downcast_ref() {
                Some(FeedError::NowhereToBegin { .. }) => Exit::Unreachable,
                _ => Exit::Failed,
            },
            Self::Store(_) | Self::Failover(_) | Self::Nothing(_) | Self::Declined => Exit::Failed,
        }
    }

    /// Writes the error, with its causes, to stderr.
    pub fn report(&self) {
        if let Self::Config(ConfigError::Invalid(invalid)) = self {
            to_stderr(invalid.render(true));
            return;
        }
        let style = anstyle::AnsiColor::BrightRed.on_default().bold();
        let mut text = format!("{style}error{style:#}: {}", on_a_screen(&self.to_string()));
        let mut cause = match self {
            Self::Failed { source, .. } => Some(source.as_ref() as &dyn Error),
            _ => None,
        };
        while let Some(error) = cause {
            text.push_str(": ");
            text.push_str(&on_a_screen(&error.to_string()));
            cause = error.source();
        }
        to_stderr(text);
    }
}

/// How a command ends that failed on an outside product's own place.
fn of_consumer(error: &ConsumerError) -> Exit {
    match error {
        ConsumerError::Spot { source, .. } => match **source {
            SpotError::Refused { .. } => Exit::Denied,
            SpotError::Tls { .. } => Exit::Tls,
            _ => Exit::Failed,
        },
        _ => Exit::Failed,
    }
}

impl From<ApplyError> for CliError {
    fn from(error: ApplyError) -> Self {
        Self::Apply(Box::new(error))
    }
}
