//! `undo`: puts the previous host and cursor back.

use super::choice::Restart;
use crate::model::ResourceName;

const EXAMPLES: &str = "\
Examples:
  highwater undo hr              shows what would be put back and asks
  highwater undo hr --yes        puts it back
  highwater undo hr --dry-run    each step, none done";

/// Puts the host and cursor from before the last failover back
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The resource
    pub resource: ResourceName,
    /// Whether the sync is started again
    #[command(flatten)]
    pub restart: Restart,
    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,
    /// Show each step and do none
    #[arg(long)]
    pub dry_run: bool,
    /// Accept a start that may miss changes; recorded with the attempt
    #[arg(long)]
    pub allow_gap: bool,
}
