//! `run`: the service.

const EXAMPLES: &str = "\
Examples:
  highwater run                                         with the usual configuration
  highwater --config hw.toml --log-format json run      another file, the log as JSON lines";

/// Runs the service until it is told to stop
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {}
