//! `discover`: finds the domain controllers of a forest.

use crate::model::DcName;

const EXAMPLES: &str = "\
Examples:
  highwater discover                                  ask the first configured DC that answers
  highwater discover --host dc1.example.com --stub    tables for a new configuration";

/// Finds the domain controllers there are by asking one of them
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Ask this configured DC
    #[arg(long, value_name = "DC")]
    pub dc: Option<DcName>,
    /// Ask these hosts, configured or not
    #[arg(long = "host", value_name = "HOST", num_args = 1.., conflicts_with = "dc")]
    pub hosts: Vec<String>,
    /// Write [dc.NAME] tables to put into the configuration
    #[arg(long)]
    pub stub: bool,
}
