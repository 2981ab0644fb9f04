//! `run`: the service.

use std::sync::Arc;

use super::{CliError, Context, Exit};
use crate::config::Secrets;
use crate::runtime::{self, RunError};

const EXAMPLES: &str = "\
Examples:
  highwater run                                         with the usual configuration
  highwater --config hw.toml --log-format json run      another file, the log as JSON lines";

/// Runs the service until it is told to stop
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {}

/// Runs the service.
pub async fn run(_args: Args, context: &Context) -> Result<Exit, CliError> {
    let settings = Arc::new(context.settings(Secrets::Resolve)?);
    let store = context.store(&settings).await?;
    let dcs = settings.dcs.len();
    let ready = || tracing::info!(dcs, store = %settings.store.display(), "highwater runs");
    match runtime::run(store, Arc::clone(&settings), ready).await {
        Ok(()) => Ok(Exit::Ok),
        Err(RunError::AlreadyRunning) => Err(CliError::Refused {
            reason: RunError::AlreadyRunning.to_string(),
        }),
        Err(error) => Err(CliError::failed("the service ended", error)),
    }
}
