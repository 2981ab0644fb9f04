//! `quarantine`: domain controllers that must not take over.

use clap::Subcommand;
use comfy_table::Table;
use serde::Serialize;

use super::output::table;
use super::{CliError, Context, Exit, confirm};
use crate::clock;
use crate::config::Secrets;
use crate::model::{DcName, InvocationId, Knowledge, ResourceName, UtcMs};
use crate::store::Store;

const EXAMPLES: &str = "\
Examples:
  highwater quarantine list
  highwater quarantine add dc2 --reason 'restored from a snapshot'
  highwater quarantine release dc2 --reason 'demoted and promoted again' --yes";

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
    /// It may take over again, but gets no start by vector until it has a new invocationId.
    #[command(
        after_help = "Examples:\n  highwater quarantine release dc2 --reason 'demoted and promoted again' --yes"
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
}

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
    let settings = context.settings(Secrets::Skip)?;
    let store = context.store(&settings).await?;
    match args.action {
        Action::List => {}
        Action::Add { dc, reason } => {
            context.dc(&settings, &dc)?;
            if store
                .quarantine(&dc, &reason, clock::now())
                .await?
                .is_none()
            {
                let what = format!(
                    "{dc} has never been sampled, so there is nothing to quarantine; exclude it with must_not"
                );
                return Err(CliError::Refused { reason: what });
            }
        }
        Action::Release { dc, reason, yes } => {
            context.dc(&settings, &dc)?;
            let kept = rows(&store).await?.into_iter().find(|row| row.dc == dc);
            let Some(kept) = kept else {
                return Err(CliError::Refused {
                    reason: format!("{dc} is not in quarantine"),
                });
            };
            if !yes {
                context.message(format!(
                    "{dc} is in quarantine since {}: {}",
                    kept.since, kept.reason
                ));
                confirm::ask(
                    "Is its database sound again? What was sampled of it so far is void from now on. Release it?",
                )?;
            }
            store
                .release(
                    &dc,
                    &super::who::who(),
                    reason.as_deref().unwrap_or("none given"),
                    clock::now(),
                )
                .await?;
            let readers = store
                .cursors_seen()
                .await?
                .into_iter()
                .filter(|seen| seen.dc.as_ref() == Some(&dc));
            for reader in readers {
                distrust(&store, &reader.resource, &dc).await?;
                context.message(format!(
                    "resource {0} reads {dc}: its cursor may lie above changes it has never seen there; order a full \
                     pass of its sync, then `highwater resync {0} --done`",
                    reader.resource
                ));
            }
        }
    }
    let rows = rows(&store).await?;
    context.output.emit(&rows, || drawn(&rows))?;
    Ok(Exit::Ok)
}

/// What the sync of a released DC holds is unknown: its cursor may count changes that were made twice.
async fn distrust(store: &Store, resource: &ResourceName, dc: &DcName) -> Result<(), CliError> {
    let reason = format!("{dc}, which it reads, was released from quarantine");
    let void = Knowledge::Void {
        since: clock::now(),
        dc: dc.clone(),
        reason,
    };
    Ok(store.put_knowledge(resource, &void).await?)
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
