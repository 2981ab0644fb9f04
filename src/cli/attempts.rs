//! `attempts`: past failovers.

use crate::model::ResourceName;

const EXAMPLES: &str = "\
Examples:
  highwater attempts               all resources
  highwater -o json attempts hr    one, as JSON";

/// Lists past failovers with every step and its outcome
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Only this resource
    pub resource: Option<ResourceName>,
}
