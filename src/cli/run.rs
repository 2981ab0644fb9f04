//! `run`: the service.

use std::path::Path;
use std::sync::Arc;

use super::{CliError, Context, Exit, kerberos};
use crate::config::{self, Secrets, Settings};
use crate::runtime::{self, RunError};

const EXAMPLES: &str = "\
Examples:
  highwater run
  highwater --config hw.toml --log-format json run

SIGHUP reads the configuration and its secrets again. If they have a mistake, the
old ones stay in force. SIGTERM and SIGINT end the service. It tells systemd when
it is ready, reloads and lives: see `highwater config example service`.";

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
    let path = context.config_path()?;
    let reload = Arc::new(move || reload(&path).map_err(|error| error.to_string()));
    match runtime::run(store, Arc::clone(&settings), reload, ready).await {
        Ok(()) => Ok(Exit::Ok),
        Err(RunError::AlreadyRunning) => Err(CliError::Refused {
            reason: RunError::AlreadyRunning.to_string(),
        }),
        Err(error) => Err(CliError::failed("the service ended", error)),
    }
}

/// The settings as they are written now.
fn reload(path: &Path) -> Result<Settings, CliError> {
    let settings = config::load(path, Secrets::Resolve)?;
    kerberos::unchanged(&settings)?;
    Ok(settings)
}
