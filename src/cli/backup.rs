//! `backup`: a copy of the store.

use std::path::PathBuf;

use serde::Serialize;

use super::{CliError, Context, Exit, progress};
use crate::config::Secrets;

const EXAMPLES: &str = "\
Examples:
  highwater backup /var/backups/highwater.db";

/// Writes a consistent copy of the store while it is in use
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The file to write; must not exist
    pub file: PathBuf,
}

/// What was written.
#[derive(Debug, Serialize)]
struct Written {
    file: PathBuf,
    bytes: u64,
}

/// Writes the copy.
pub async fn run(args: Args, context: &Context) -> Result<Exit, CliError> {
    let settings = context.settings(Secrets::Skip)?;
    let store = context.store(&settings).await?;
    let copying = store.backup(&args.file, false);
    progress::during("copying", context.quiet(), copying).await?;
    let bytes = std::fs::metadata(&args.file)
        .map_err(|error| CliError::failed("the backup cannot be looked at", error))?;
    let written = Written {
        file: args.file,
        bytes: bytes.len(),
    };
    context.output.show(&written, || {
        format!(
            "{} bytes written to {}",
            written.bytes,
            written.file.display()
        )
    })?;
    Ok(Exit::Ok)
}
