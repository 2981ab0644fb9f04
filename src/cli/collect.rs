//! `collect`: the collector task once.

use crate::model::DcName;

const EXAMPLES: &str = "\
Examples:
  highwater collect                      every configured DC
  highwater collect --dc dc1 --dc dc2    these two";

/// Polls the domain controllers once and keeps the samples: for cron, a systemd timer or Task Scheduler
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Only these DCs [default: all that are configured]
    #[arg(long = "dc", value_name = "DC")]
    pub dcs: Vec<DcName>,
}
