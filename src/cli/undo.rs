//! `undo`: puts the previous host and cursor back.

use super::choice::Restart;
use super::{CliError, Context, Exit, confirm, steps, who};
use crate::config::{Position, ResourceSettings, Secrets};
use crate::failover::{self, FailoverError};
use crate::model::{AttemptKind, HeldCursor, ResourceName};
use crate::store::Store;

const EXAMPLES: &str = "\
Examples:
  highwater undo hr              shows what would be put back and asks
  highwater undo hr --yes        puts it back
  highwater undo hr --dry-run    each step, none done";

/// Puts the host and cursor from before the last failover back
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The resource
    pub resource: ResourceName,
    /// Whether the sync is started again
    #[command(flatten)]
    pub restart: Restart,
    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,
    /// Show each step and do none
    #[arg(long)]
    pub dry_run: bool,
    /// Accept a start that may miss changes; recorded with the attempt
    #[arg(long)]
    pub allow_gap: bool,
}

/// Decides, asks, and puts the old host and cursor back.
pub async fn run(args: Args, context: &Context) -> Result<Exit, CliError> {
    let settings = context.settings(Secrets::Resolve)?;
    let resource = context.resource(&settings, &args.resource)?;
    let store = context.store(&settings).await?;
    if !args.dry_run {
        steps::settle(&store, resource, context).await?;
    }
    let (restart, allow_gap) = (args.restart.wanted(), args.allow_gap);
    let undo = match failover::plan_undo(&store, &settings, resource, restart, allow_gap).await {
        Err(FailoverError::NothingToUndo(_)) => return Err(nothing(&store, resource).await?),
        planned => planned?,
    };
    let switch = undo.switch.map_err(|refused| CliError::Refused {
        reason: refused.to_string(),
    })?;
    if undo.answers == Some(false) {
        context.message(format!(
            "warning: {} does not answer: the sync cannot read there now, and until it has read on there no start by \
             vector leads away again",
            switch.to
        ));
    }
    if resource.consumer.position == Position::Reset {
        context.message(format!(
            "note: the position of {} is reset once more, and its product reads everything again; to go on from the old \
             position, copy away what the failover set aside before you undo (`*.highwater-old` beside a file; else your \
             backup), and put it in place while the sync is stopped",
            resource.name
        ));
    }
    if args.dry_run {
        context.output.show(&switch, || {
            steps::dry_run(&switch, resource, &store)
                .trim_start()
                .to_owned()
        })?;
        return Ok(Exit::Ok);
    }
    let (old, new) = (&switch.expected.cursor, &switch.new);
    context.message(format!(
        "undo of attempt {}: back to {} at lastUpdated {}, lastDeleted {} (now {} at {}, {})",
        undo.attempt.id,
        switch.to,
        new.last_updated,
        new.last_deleted,
        undo.attempt.orders.to,
        old.last_updated,
        old.last_deleted
    ));
    if !args.yes {
        confirm::ask(&format!("Move {} back to {}?", resource.name, switch.to))?;
    }
    let undone = &undo.attempt;
    let order = failover::undo_order(undone, switch, who::who());
    let replan = async |_: &HeldCursor| {
        let again = failover::plan_undo(&store, &settings, resource, restart, allow_gap).await;
        let again = again
            .inspect_err(|error| tracing::warn!("planning again failed: {error}"))
            .ok()?;
        let switch = again.switch.ok()?;
        (again.attempt.id == undone.id)
            .then(|| failover::undo_order(&again.attempt, switch, who::who()))
    };
    steps::carry_out(&store, resource, order, context, replan).await
}

/// Why there is nothing to undo, in the words of what is on record.
async fn nothing(store: &Store, resource: &ResourceSettings) -> Result<CliError, CliError> {
    let name = &resource.name;
    let last = store.attempts(name, 1).await?.into_iter().next();
    Ok(CliError::Nothing(match last {
        None => format!(
            "nothing to undo: resource {name} has not been moved yet; `highwater status` shows what it reads"
        ),
        Some(last) if last.kind == AttemptKind::Undo => format!(
            "nothing to undo: the last move of resource {name}, #{}, is an undo itself; `highwater failover {name}` moves it \
             on, `highwater attempts {name}` lists every move",
            last.id
        ),
        Some(last) => format!(
            "nothing to undo: the last move of resource {name}, #{}, ended {} and no move before it stands; `highwater \
             attempts {name}` lists every move",
            last.id, last.state
        ),
    }))
}
