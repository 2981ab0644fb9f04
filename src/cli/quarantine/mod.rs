//! `quarantine`: domain controllers that must not take over, and those that never come back.

mod lost;
mod release;

use clap::Subcommand;
use comfy_table::Table;
use serde::Serialize;

use super::output::table;
use super::{CliError, Context, Exit};
use crate::clock;
use crate::config::Secrets;
use crate::model::{DcName, InvocationId, UtcMs};
use crate::store::Store;

const EXAMPLES: &str = "\
Examples:
  highwater quarantine list
  highwater quarantine add dc2 --reason 'restored from a snapshot'
  highwater quarantine release dc2 --reason 'promoted again' --yes
  highwater quarantine declare-lost dc2 --reason 'disk destroyed' --dry-run";

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
    ///
    /// Not for a try: after its release it gets no start by vector until it has a new invocationId. To keep a sound DC
    /// out, name it in `must_not` of the resource.
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
    ///
    /// It may take over again, but gets no start by vector until it has a new invocationId. Feeds of our own forget what
    /// they were told of it, and need `highwater resync`.
    #[command(
        after_help = "Examples:\n  highwater quarantine release dc2 --reason 'promoted again' --yes"
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
    /// Declares that a DC never comes back: what it alone had shown of objects is no longer taken as told
    ///
    /// Each feed of our own reads the objects that the lost DC changed last again from the DC in use, whose vectors are
    /// read first, and tells how they stand there. The DC is kept in quarantine with who said so and why.
    #[command(after_help = LOST_EXAMPLES)]
    DeclareLost(lost::Args),
}

const LOST_EXAMPLES: &str = "\
Examples:
  highwater quarantine declare-lost dc2 --reason 'disk destroyed' --dry-run
  highwater quarantine declare-lost dc2 --reason 'disk destroyed' --yes";

/// One DC kept out.
#[derive(Debug, Serialize)]
struct Row {
    dc: DcName,
    invocation_id: InvocationId,
    since: UtcMs,
    reason: String,
}

/// Lists, adds or releases.
pub async fn run(args: Args, context: &Context) -> Result<Exit, CliError> {
    let settings = match &args.action {
        Action::DeclareLost(_) => context.settings(Secrets::Resolve)?,
        _ => context.settings(Secrets::Skip)?,
    };
    let store = context.store(&settings).await?;
    match args.action {
        Action::List => {}
        Action::Add { dc, reason } => {
            let dc = &context.dc(&settings, &dc)?.name;
            if store.quarantine(dc, &reason, clock::now()).await?.is_none() {
                let what = format!(
                    "{dc} has never been sampled, so there is nothing to quarantine; exclude it with must_not"
                );
                return Err(CliError::Refused { reason: what });
            }
        }
        Action::Release { dc, reason, yes } => {
            let dc = &context.dc(&settings, &dc)?.name;
            let kept = rows(&store).await?.into_iter().find(|row| row.dc == *dc);
            let Some(kept) = kept else {
                return Err(CliError::Refused {
                    reason: format!("{dc} is not in quarantine"),
                });
            };
            release::run(&kept, reason.as_deref(), yes, &store, &settings, context).await?;
        }
        Action::DeclareLost(args) => return lost::run(args, &store, &settings, context).await,
    }
    let rows = rows(&store).await?;
    context.output.emit(&rows, || drawn(&rows))?;
    Ok(Exit::Ok)
}

async fn rows(store: &Store) -> Result<Vec<Row>, CliError> {
    let kept = store.quarantined().await?.into_iter();
    let rows = kept.filter_map(|(dc, life)| {
        let quarantine = life.quarantine?;
        Some(Row {
            dc,
            invocation_id: life.invocation_id,
            since: quarantine.since,
            reason: quarantine.reason,
        })
    });
    Ok(rows.collect())
}

fn drawn(rows: &[Row]) -> Table {
    let mut drawn = table(&["DC", "SINCE", "INVOCATION ID", "REASON"]);
    for row in rows {
        drawn.add_row(vec![
            row.dc.to_string(),
            row.since.to_string(),
            row.invocation_id.to_string(),
            row.reason.clone(),
        ]);
    }
    drawn
}
