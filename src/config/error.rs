//! Why there are no settings.

use std::path::PathBuf;

use super::{Invalid, SEARCHED};
use crate::model::NotText;

/// Why the configuration could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// There is no file in any of the usual places.
    #[error(
        "no configuration: looked for {}; name the file with --config or HIGHWATER_CONFIG",
        SEARCHED.join(" and ")
    )]
    NotFound,
    /// The file cannot be read.
    #[error("cannot read the configuration {}: {source}; check the path and that this account may read it", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The file is no text.
    #[error("the configuration {} is {problem}; save it as UTF-8", path.display())]
    NotText {
        /// The file.
        path: PathBuf,
        /// What it is instead.
        problem: NotText,
    },
    /// The file was read and has problems.
    #[error(transparent)]
    Invalid(Invalid),
}
