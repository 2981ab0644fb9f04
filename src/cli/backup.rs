//! `backup`: a copy of the store.

use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  highwater backup /var/backups/highwater.db";

/// Writes a consistent copy of the store while it is in use
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The file to write; must not exist
    pub file: PathBuf,
}
