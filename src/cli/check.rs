//! `check`: tries every connection and permission.

use crate::model::{DcName, ResourceName};

const EXAMPLES: &str = "\
Examples:
  highwater check             every DC and every resource
  highwater check hr          one resource
  highwater check --dc dc2    one DC";

/// Tries every connection and permission, and says what to grant
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Only the DCs of this resource, and its cursor
    pub resource: Option<ResourceName>,
    /// Only this DC
    #[arg(long, value_name = "DC", conflicts_with = "resource")]
    pub dc: Option<DcName>,
}
