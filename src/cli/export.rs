//! `export`: a resource's recovery state as a file.

use std::path::PathBuf;

use super::{CliError, Context, Exit, progress};
use crate::config::Secrets;
use crate::model::{DcName, ResourceName};

const EXAMPLES: &str = "\
Examples:
  highwater export hr               to stdout
  highwater export hr hr.json       to a file";

/// Writes what is known of a resource, its samples and cursor, as JSON
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The resource
    pub resource: ResourceName,
    /// The file to write; must not exist [default: stdout]
    pub file: Option<PathBuf>,
}

/// Writes the recovery data.
pub async fn run(args: Args, context: &Context) -> Result<Exit, CliError> {
    let settings = context.settings(Secrets::Skip)?;
    let resource = context.resource(&settings, &args.resource)?;
    let store = context.store(&settings).await?;
    let mut dcs: Vec<DcName> = resource.backup_dcs.keys().cloned().collect();
    let seen = store
        .cursors_seen()
        .await?
        .into_iter()
        .find(|seen| seen.resource == resource.name);
    if let Some(dc) = seen.and_then(|seen| seen.dc).filter(|dc| !dcs.contains(dc)) {
        dcs.push(dc);
    }
    let reading = store.export_recovery(resource.name.clone(), &dcs);
    let recovery = progress::during("reading", context.quiet(), reading).await?;
    let text = serde_json::to_string_pretty(&recovery);
    let text =
        text.map_err(|error| CliError::failed("cannot write the recovery data as JSON", error))?;
    match &args.file {
        None => context.output.line(&text)?,
        Some(file) => {
            let failed =
                |error| CliError::failed(format!("cannot write {}", file.display()), error);
            let mut new = std::fs::OpenOptions::new()
                .write(true)
                .create_new(true)
                .open(file)
                .map_err(failed)?;
            std::io::Write::write_all(&mut new, text.as_bytes())
                .and_then(|()| new.sync_all())
                .map_err(failed)?;
            context.message(format!("{} written to {}", recovery.name, file.display()));
        }
    }
    Ok(Exit::Ok)
}
