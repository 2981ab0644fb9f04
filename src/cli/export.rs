//! `export`: a resource's recovery state as a file.

use std::path::PathBuf;

use crate::model::ResourceName;

const EXAMPLES: &str = "\
Examples:
  highwater export hr               to stdout
  highwater export hr hr.json       to a file";

/// Writes what is known of a resource, its samples and cursor, as JSON
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The resource
    pub resource: ResourceName,
    /// The file to write [default: stdout]
    pub file: Option<PathBuf>,
}
