//! `plan`: what a failover would do, and why.

use super::choice::Choice;
use crate::model::ResourceName;

const EXAMPLES: &str = "\
Examples:
  highwater plan hr                                             the best of all backup DCs
  highwater plan hr --to dc2                                    if it had to be dc2
  highwater plan hr --to dc2 --usn-date 2026-11-22T09:58:00Z    manual, from a sample of `history`
  highwater plan hr --auto --failure-timestamp 2026-11-22T10:15:00Z --replication-time 0.5";

/// Shows what `failover` would do with the same arguments, and why; changes nothing
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The resource
    pub resource: ResourceName,
    /// Where to go
    #[command(flatten)]
    pub choice: Choice,
}
