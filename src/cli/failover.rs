//! `failover`: moves a resource to another DC.

use super::choice::{Choice, Restart};
use super::{CliError, Context, Exit, confirm, plan_view, steps, who};
use crate::clock;
use crate::config::Secrets;
use crate::failover;
use crate::model::{Ask, Chosen, DcName, HeldCursor, Method, Plan, ResourceName};
use crate::store::{NewProposal, Store};

const EXAMPLES: &str = "\
Examples:
  highwater failover hr              shows the plan and asks
  highwater failover hr --dry-run    shows each step and does none
  highwater failover hr --to dc2 --usn-date 2026-11-22T09:58:00Z
  highwater failover hr --failure-timestamp 2026-11-22T10:15:00Z
  highwater failover hr --propose --reason 'maintenance of dc1'";

/// Moves a resource to another DC: stops the sync, rewrites host and cursor, starts the sync
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The resource
    pub resource: ResourceName,
    /// Where to go
    #[command(flatten)]
    pub choice: Choice,
    /// Whether the sync is started again
    #[command(flatten)]
    pub restart: Restart,
    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,
    /// Show each step and do none
    #[arg(long)]
    pub dry_run: bool,
    /// Do not move: propose the plan, to be approved; with two or more `approvers`, by another person
    #[arg(long, conflicts_with_all = ["dry_run", "yes"])]
    pub propose: bool,
    /// Why; kept with the proposal and sent with the notices
    #[arg(long, value_name = "TEXT", requires = "propose")]
    pub reason: Option<String>,
}

/// How often a plan is made, since the sync may move its cursor before it is stopped.
const TRIES: u32 = 3;

/// Plans, asks, and carries the plan out.
pub async fn run(args: Args, context: &Context) -> Result<Exit, CliError> {
    let settings = context.settings(Secrets::Resolve)?;
    let resource = context.resource(&settings, &args.resource)?;
    let store = context.store(&settings).await?;
    if !args.dry_run && !args.propose {
        steps::settle(&store, resource, context).await?;
    }
    let ask = super::plan::ask(&args.choice, resource, args.restart.wanted())?;
    // What was agreed to: a later plan with another DC, method or proof is asked about anew.
    let mut agreed = None;
    for attempt in 1..=TRIES {
        let plan = failover::plan(&store, &settings, resource, ask.clone()).await?;
        let Some(chosen) = &plan.chosen else {
            context
                .output
                .show(&plan, || plan_view::render(&plan, &context.output))?;
            return Ok(super::plan::outcome(&plan));
        };
        if args.dry_run {
            let done = || {
                plan_view::render(&plan, &context.output)
                    + &steps::dry_run(&chosen.switch, resource, &store)
            };
            context.output.show(&plan, done)?;
            return Ok(Exit::Ok);
        }
        if args.propose {
            return propose(&store, plan, args.reason, context).await;
        }
        if agreed != Some(essence(chosen)) {
            context.message(plan_view::render(&plan, &context.output));
            if !args.yes {
                confirm::ask(&format!("Move {} to {}?", resource.name, chosen.switch.to))?;
            }
            agreed = Some(essence(chosen));
        }
        let order = failover::order(&plan, chosen, who::who())?;
        // Asking the one DC takes moments, so the sync does not stand still for a hung one.
        let again = Ask {
            only: Some(chosen.switch.to.clone()),
            ..ask.clone()
        };
        let replan = async |_: &HeldCursor| {
            let plan = failover::plan(&store, &settings, resource, again).await;
            let plan = plan
                .inspect_err(|error| tracing::warn!("planning again failed: {error}"))
                .ok()?;
            let chosen = plan.chosen.as_ref()?;
            (agreed == Some(essence(chosen)))
                .then(|| failover::order(&plan, chosen, who::who()).ok())
                .flatten()
        };
        match steps::carry_out(&store, resource, order, context, replan).await {
            Err(CliError::Apply(moved)) if attempt < TRIES && moved.is_stale() => {
                context.message(format!(
                    "{moved}; planning again with the cursor as it is now"
                ));
            }
            ended => return ended,
        }
    }
    Ok(Exit::Failed)
}

/// Takes the plan down as a proposal of the person at the terminal.
async fn propose(
    store: &Store,
    plan: Plan,
    reason: Option<String>,
    context: &Context,
) -> Result<Exit, CliError> {
    context.message(plan_view::render(&plan, &context.output));
    let resource = plan.resource.clone();
    let new = NewProposal {
        resource: resource.clone(),
        incident: None,
        proposed_by: Some(super::user::person().await.who),
        runs_by_itself: false,
        failure_timestamp: plan.ask.failure_timestamp,
        replication_time: Some(plan.ask.replication_time),
        plan: Some(plan),
        reason,
    };
    let Some(id) = store.propose(new, clock::now()).await? else {
        return Err(CliError::Refused {
            reason: format!(
                "a proposal for {resource} is on its way already; `highwater incidents` shows it"
            ),
        });
    };
    let proposal = store.proposal(id).await?;
    context.output.show(&proposal, || {
        format!("proposal {id}: `highwater approve {id}` carries it out, `highwater reject {id}` drops it")
    })?;
    Ok(Exit::Ok)
}

/// What of a plan is agreed to: where to, how the start was found, and whether it is proven.
fn essence(chosen: &Chosen) -> (DcName, Method, bool) {
    (chosen.switch.to.clone(), chosen.method, chosen.start.proven)
}
