//! `status`: how everything stands.

use crate::model::ResourceName;

const EXAMPLES: &str = "\
Examples:
  highwater status               everything
  highwater -o json status hr    one resource, as JSON";

/// Shows how the resources and their domain controllers stand
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Only this resource
    pub resource: Option<ResourceName>,
}
