//! `failover`: moves a resource to another DC.

use super::choice::{Choice, Restart};
use crate::model::ResourceName;

const EXAMPLES: &str = "\
Examples:
  highwater failover hr                                                 shows the plan and asks
  highwater failover hr --to dc2 --usn-date 2026-11-22T09:58:00Z --yes  manual
  highwater failover hr --auto --failure-timestamp 2026-11-22T10:15:00Z --no-restart
  highwater failover hr --dry-run                                       each step, none done";

/// Moves a resource to another DC: stops the sync, rewrites host and cursor, starts the sync
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The resource
    pub resource: ResourceName,
    /// Where to go
    #[command(flatten)]
    pub choice: Choice,
    /// Whether the sync is started again
    #[command(flatten)]
    pub restart: Restart,
    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,
    /// Show each step and do none
    #[arg(long)]
    pub dry_run: bool,
}
