//! `history`: the collected USN times.

use crate::model::{DcName, ResourceName, UtcMs};

const EXAMPLES: &str = "\
Examples:
  highwater history hr                                       the newest 20 of every DC
  highwater history hr --dc dc2 --since 2026-11-22T08:00     one DC since a time
  highwater -o json history hr --all                         everything, as JSON";

/// Lists the collected USN times per DC: where an administrator picks the time for --usn-date
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The resource
    pub resource: ResourceName,
    /// Only this DC
    #[arg(long, value_name = "DC")]
    pub dc: Option<DcName>,
    /// Nothing older than this
    #[arg(long, value_name = "TIME")]
    pub since: Option<UtcMs>,
    /// At most so many samples per DC, the newest
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
    pub limit: u32,
    /// All samples that are kept, those that can start nothing included
    #[arg(long, conflicts_with = "limit")]
    pub all: bool,
}
