//! `undo`: puts the previous host and cursor back.

use super::choice::Restart;
use super::{CliError, Context, Exit, confirm, steps, who};
use crate::config::Secrets;
use crate::failover;
use crate::model::{HeldCursor, ResourceName};

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
    let undo = failover::plan_undo(&store, &settings, resource, restart, allow_gap).await?;
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
