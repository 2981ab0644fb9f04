//! `import`: takes a resource's recovery state from a file.

use std::path::PathBuf;

use crate::model::ResourceName;

const EXAMPLES: &str = "\
Examples:
  highwater import hr hr.json --dry-run    what would change
  highwater import hr hr.json --yes        takes it in";

/// Takes what `export` wrote into the store
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The resource
    pub resource: ResourceName,
    /// The file `export` wrote
    pub file: PathBuf,
    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,
    /// Show what would change and change nothing
    #[arg(long)]
    pub dry_run: bool,
}
