//! How a command ends that the feed's errors end.

use super::CliError;
use crate::active_sync::FeedError;

/// The command's error for a feed's.
pub(super) fn of(error: FeedError) -> CliError {
    match error {
        FeedError::Store(error) => error.into(),
        FeedError::Directory(error) => CliError::Directory(error.failure()),
        FeedError::NoFeed(_) => CliError::Usage(error.to_string()),
        FeedError::Driven(_)
        | FeedError::OtherIncarnation { .. }
        | FeedError::RolledBack { .. }
        | FeedError::LacksSettled { .. }
        | FeedError::OtherProjection(_)
        | FeedError::TooManyDeletes { .. }
        | FeedError::TombstonesExpired { .. } => CliError::Refused {
            reason: error.to_string(),
        },
        error => CliError::failed("the feed cannot go on", error),
    }
}
