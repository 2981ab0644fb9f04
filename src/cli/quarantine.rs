//! `quarantine`: domain controllers that must not take over.

use clap::Subcommand;

use crate::model::DcName;

const EXAMPLES: &str = "\
Examples:
  highwater quarantine list
  highwater quarantine add dc2 --reason 'restored from a snapshot'
  highwater quarantine release dc2 --reason 'demoted and promoted again' --yes";

/// Lists, adds and releases domain controllers that must not take over
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// What to do.
    #[command(subcommand)]
    pub action: Action,
}

/// What to do with the quarantine.
#[derive(Debug, Clone, Subcommand)]
pub enum Action {
    /// Lists the DCs in quarantine, with reason and evidence
    #[command(after_help = "Examples:\n  highwater quarantine list")]
    List,
    /// Puts a DC into quarantine: it takes over nothing until it is released
    #[command(
        after_help = "Examples:\n  highwater quarantine add dc2 --reason 'restored from a snapshot'"
    )]
    Add {
        /// The DC
        dc: DcName,
        /// Why; kept and shown
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// Releases a DC
    #[command(
        after_help = "Examples:\n  highwater quarantine release dc2 --reason 'demoted and promoted again' --yes"
    )]
    Release {
        /// The DC
        dc: DcName,
        /// Why; kept and shown
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
        /// Do not ask
        #[arg(short, long)]
        yes: bool,
    },
}
