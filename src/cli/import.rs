//! `import`: takes a resource's recovery state from a file.

use std::path::PathBuf;

use serde::Serialize;

use super::{CliError, Context, Exit, confirm, progress};
use crate::config::Secrets;
use crate::model::{ResourceName, text_of};
use crate::store::{Imported, Recovery};

const EXAMPLES: &str = "\
Examples:
  highwater import hr hr.json --dry-run    what would change
  highwater import hr hr.json --yes        takes it in

The first cursor of a resource with kind = \"store\":
  {\"name\": \"ADSyncRecovery_hr\", \"version\": 1, \"resource\": \"hr\",
   \"exportedAt\": \"2026-11-22T10:00:00Z\", \"dcs\": [], \"evidence\": [],
   \"cursor\": {\"generation\": 1, \"updatedAt\": \"2026-11-22T10:00:00Z\",
    \"cursor\": {\"ldapHost\": \"dc1.example.com\", \"globalCatalog\": null,
     \"invocationId\": null, \"lastUpdated\": 48213, \"lastDeleted\": 48213}}}";

/// Takes what `export` wrote into the store
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The resource
    pub resource: ResourceName,
    /// The file `export` wrote; for the first cursor of a sync see the end of this help
    pub file: PathBuf,
    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,
    /// Let its cursor replace a newer one that the store holds
    #[arg(long)]
    pub replace_cursor: bool,
    /// Show what would change and change nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// What was, or would be, taken in.
#[derive(Debug, Serialize)]
struct Taken {
    name: String,
    dcs: usize,
    incarnations: usize,
    samples: usize,
    evidence: usize,
    cursor: bool,
    /// Absent with `--dry-run`.
    imported: Option<Imported>,
}

/// Reads, checks, asks, and takes the recovery data in.
pub async fn run(args: Args, context: &Context) -> Result<Exit, CliError> {
    let settings = context.settings(Secrets::Skip)?;
    let resource = context.resource(&settings, &args.resource)?;
    let file = args.file.display();
    let cannot = |problem: &str| CliError::failed(format!("cannot read {file}"), problem);
    let bytes = std::fs::read(&args.file).map_err(|error| cannot(&error.to_string()))?;
    let text =
        text_of(&bytes).map_err(|error| cannot(&format!("it is {error}; save it as UTF-8")))?;
    let recovery: Recovery = serde_path_to_error::deserialize(
        &mut serde_json::Deserializer::from_str(&text),
    )
    .map_err(|error| {
        CliError::failed(
            format!("{file} is no recovery data, at {}", error.path()),
            error,
        )
    })?;
    recovery.validate()?;
    if recovery.resource != resource.name {
        let what = format!(
            "{file} is of resource `{}`, not of `{}`",
            recovery.resource, resource.name
        );
        return Err(CliError::Usage(what));
    }
    let mut taken = Taken {
        name: recovery.name.clone(),
        dcs: recovery.dcs.len(),
        incarnations: recovery.dcs.iter().map(|dc| dc.incarnations.len()).sum(),
        samples: recovery
            .dcs
            .iter()
            .flat_map(|dc| &dc.incarnations)
            .map(|life| life.samples.len())
            .sum(),
        evidence: recovery.evidence.len(),
        cursor: recovery.cursor.is_some(),
        imported: None,
    };
    if !args.dry_run {
        if !args.yes {
            context.message(summary(&taken));
            confirm::ask("Take it in?")?;
        }
        let store = context.store(&settings).await?;
        let importing = store.import_recovery(recovery, args.replace_cursor);
        taken.imported = Some(progress::during("importing", context.quiet(), importing).await?);
    }
    context.output.show(&taken, || summary(&taken))?;
    Ok(Exit::Ok)
}

fn summary(taken: &Taken) -> String {
    let cursor = if taken.cursor { " and a cursor" } else { "" };
    let held = format!(
        "{}: {} DCs, {} incarnations, {} samples, {} source samples{cursor}",
        taken.name, taken.dcs, taken.incarnations, taken.samples, taken.evidence
    );
    match &taken.imported {
        None => held,
        Some(new) => {
            let cursor = match (taken.cursor, new.cursor) {
                (_, true) => ", and the cursor",
                (true, false) => "; the store's own cursor stays, --replace-cursor replaces it",
                (false, false) => "",
            };
            format!(
                "{held}\nnew here: {} incarnations, {} samples, {} source samples{cursor}",
                new.incarnations, new.samples, new.evidence
            )
        }
    }
}
