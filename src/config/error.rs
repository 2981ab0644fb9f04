//! Why there are no settings.

use std::path::PathBuf;

use super::{Invalid, SEARCHED};

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
    #[error("the configuration {} is not UTF-8 at byte {offset}; save it as UTF-8", path.display())]
    NotUtf8 {
        /// The file.
        path: PathBuf,
        /// The first byte that is no UTF-8, counted from 0.
        offset: usize,
    },
    /// The file was read and has problems.
    #[error(transparent)]
    Invalid(Invalid),
}
