//! `plan`: what a failover would do, and why.

use super::choice::Choice;
use super::{CliError, Context, Exit, plan_view};
use crate::clock;
use crate::config::{ResourceSettings, Secrets};
use crate::failover;
use crate::model::{Ask, DcName, How, Plan, ResourceName, WhyNot};

const EXAMPLES: &str = "\
Examples:
  highwater plan hr             the best of all backup DCs
  highwater plan hr --to dc2    if it had to be dc2
  highwater plan hr --to dc2 --usn-date 2026-11-22T09:58:00Z
  highwater plan hr --method time --replication-time 0.5

Columns:
  AT USN              highestCommittedUSN of the DC now
  BY VECTOR, BY TIME  the start USN that each method gives there
  READ AT MOST        changes that the sync would read from there
  GHOSTS TO CURSOR    at most so many changes that this DC lacks
  LAG                 how far the DC in use was behind this one";

/// Shows what `failover` would do with the same arguments, and why; changes nothing
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The resource
    pub resource: ResourceName,
    /// Where to go
    #[command(flatten)]
    pub choice: Choice,
}

/// What the arguments ask for; `restart` is whether the sync is started again.
pub(super) fn ask(
    choice: &Choice,
    resource: &ResourceSettings,
    restart: bool,
) -> Result<Ask, CliError> {
    let only = choice.to.as_ref().map(|to| {
        let same = |dc: &&DcName| dc.as_str().eq_ignore_ascii_case(to.as_str());
        (to, resource.backup_dcs.keys().find(same))
    });
    if let Some((to, None)) = only {
        let known = resource
            .backup_dcs
            .keys()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(", ");
        let name = &resource.name;
        return Err(CliError::Usage(format!(
            "`{to}` is no backup DC of resource `{name}`; its backup_dcs are {known}"
        )));
    }
    let how = match choice.usn_date {
        Some(usn_date) => How::Manual { usn_date },
        None => How::Auto {
            method: choice.method.unwrap_or(resource.start),
        },
    };
    Ok(Ask {
        how,
        only: only.and_then(|(_, dc)| dc.cloned()),
        failure_timestamp: super::choice::failure_timestamp(
            choice.failure_timestamp,
            clock::now(),
        )?,
        replication_time: choice.replication_time.unwrap_or(resource.replication_time),
        allow_gap: choice.allow_gap,
        restart,
    })
}

/// Makes the plan and shows it.
pub async fn run(args: Args, context: &Context) -> Result<Exit, CliError> {
    let settings = context.settings(Secrets::Resolve)?;
    let resource = context.resource(&settings, &args.resource)?;
    let store = context.store(&settings).await?;
    let ask = ask(&args.choice, resource, true)?;
    let plan = failover::plan(&store, &settings, resource, ask).await?;
    context
        .output
        .show(&plan, || plan_view::render(&plan, &context.output))?;
    Ok(outcome(&plan))
}

/// Ok where there is a move; where no candidate could even be asked, as that failed; else a safety rule says no.
pub fn outcome(plan: &Plan) -> Exit {
    if plan.chosen.is_some() {
        return Exit::Ok;
    }
    let wanted = plan.candidates.iter().filter(|verdict| {
        !verdict
            .why_not
            .iter()
            .any(|why| matches!(why, WhyNot::InUse | WhyNot::MustNot | WhyNot::NotAskedFor))
    });
    let failures: Option<Vec<Exit>> = wanted
        .map(|verdict| {
            verdict.why_not.iter().find_map(|why| match why {
                WhyNot::Unreachable { failure } => Some(Exit::of_failure_kind(failure.kind)),
                _ => None,
            })
        })
        .collect();
    match failures.as_deref() {
        Some([first, others @ ..]) if others.iter().all(|exit| exit == first) => *first,
        Some([_, ..]) => Exit::Unreachable,
        _ => Exit::Refused,
    }
}
