//! `on-error`: runs the failure process for a sync that is not ours.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use super::choice::is_to_come;
use super::{CliError, Context, Exit, result_errors, who};
use crate::clock;
use crate::config::{ResourceSettings, Secrets, Settings};
use crate::model::{
    Failure, Incident, NewFailure, Proposal, ProposalState, ResourceName, UtcMs, WhyWait,
};
use crate::on_error::render::Templates;
use crate::on_error::{Desk, Eyes};
use crate::runtime::{self, proposals};
use crate::store::Store;

const EXAMPLES: &str = "\
Examples:
  hr-sync 2> errors.txt || highwater on-error hr < errors.txt
  highwater on-error hr 'CommunicationException: Connection refused'
  highwater on-error hr --failure-timestamp 2026-11-22T10:15:00Z < errors

Give it all that the sync wrote when it failed, not only the end: a stack trace
begins with what went wrong. Stack frames are dropped. Of more than 100 lines,
the first, those that name a cause, and the last are kept.

Call it on every failure of the sync: the rules count failures within a window.
The service handles the failure. If no `highwater run` is alive, this command
probes the DCs every 5 seconds for as long as it takes, decides, and sends the
notices itself.";

/// How long the running service is waited for.
const LOOKED_AT: Duration = Duration::from_secs(5);
/// How long a proposal that was approved is waited for.
const CARRIED_OUT: Duration = Duration::from_mins(10);
/// The pause between two probes where no service probes.
const PROBE_PAUSE: Duration = Duration::from_secs(5);
/// The pause between two looks.
const PAUSE: Duration = Duration::from_millis(200);

/// Reports a failure of a sync; the failure process decides what to do about it
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The resource
    pub resource: ResourceName,
    /// The errors (`resultErrors`), one an argument [default: the lines of standard input]
    pub errors: Vec<OsString>,
    /// When the sync failed, in UTC unless it names a zone [default: now]
    #[arg(long, value_name = "TIME")]
    pub failure_timestamp: Option<UtcMs>,
}

/// What came of it.
#[derive(Debug, Serialize)]
struct Reported {
    failure: Failure,
    incident: Option<Incident>,
    proposal: Option<Proposal>,
}

/// FailureTimestamp as given. One that is still to come is left out, not refused: whoever calls this may call it once, and
/// its errors must not be lost over a clock.
fn happened(given: Option<UtcMs>, now: UtcMs, context: &Context) -> Option<UtcMs> {
    let at = given?;
    if !is_to_come(at, now) {
        return given;
    }
    context.message(format!(
        "--failure-timestamp {at} is in the future, it is {now} here: the failure is taken down without it; see to it that \
         both clocks are right"
    ));
    None
}

/// Takes the failure down, and runs the failure process where no service does.
pub async fn run(args: Args, context: &Context) -> Result<Exit, CliError> {
    let settings = context.settings(Secrets::Skip)?;
    let name = context.resource(&settings, &args.resource)?.name.clone();
    let failure_timestamp = happened(args.failure_timestamp, clock::now(), context);
    let errors = result_errors::errors(&args.errors)?;
    let store = context.store(&settings).await?;
    let new = NewFailure {
        resource: name,
        dc: None,
        at: clock::now(),
        took_ms: 0,
        failure_timestamp,
        source: who::who(),
        errors,
    };
    // Before anything else that can fail: whoever calls this may call it once.
    let id = store.report_failure(&new).await?;
    // A password that cannot be read is such a thing.
    let settings = context.settings(Secrets::Resolve)?;
    let resource = context.resource(&settings, &args.resource)?.clone();
    let desk = desk_on(store, settings)?;
    if desk.store.service_is_alive().await? {
        looked_at(&desk, id).await?;
    } else {
        by_itself(&desk, &resource).await?;
    }
    let failure = desk.store.sync_failure(id).await?;
    let failure =
        failure.ok_or_else(|| CliError::failed("the failure is gone", "the store was changed"))?;
    let incident = match failure.incident {
        Some(incident) => desk.store.incident(incident).await?,
        None => None,
    };
    let proposal = match &incident {
        Some(incident) => desk.store.newest_proposal_of(incident.id).await?,
        None => None,
    };
    let reported = Reported {
        failure,
        incident,
        proposal,
    };
    context.output.show(&reported, || drawn(&reported))?;
    let moved = reported
        .proposal
        .filter(|_| reported.failure.incident.is_some());
    Ok(moved.map_or(Exit::Ok, |proposal| exit_of(proposal.state)))
}

/// How a command ends that left a proposal in this state: one that waits is no failure.
pub(super) fn exit_of(state: ProposalState) -> Exit {
    match state {
        ProposalState::Failed => Exit::Failed,
        ProposalState::NoPlan | ProposalState::Stale | ProposalState::Expired => Exit::Refused,
        _ => Exit::Ok,
    }
}

/// The failure process on this store, for a command.
pub(super) async fn desk(settings: Settings, context: &Context) -> Result<Desk, CliError> {
    let store = context.store(&settings).await?;
    desk_on(store, settings)
}

/// As [`desk`], on a store that is open already.
pub(super) fn desk_on(store: Store, settings: Settings) -> Result<Desk, CliError> {
    let templates = Templates::load(settings.on_error.notices.templates.as_deref())
        .map_err(|error| CliError::failed("the templates cannot be used", error))?;
    Ok(Desk::new(
        store,
        Arc::new(settings),
        Arc::new(templates),
        runtime::host(),
    ))
}

/// Probes and decides where no service does; goes on for as long as nothing but probes is wanted.
async fn by_itself(desk: &Desk, resource: &ResourceSettings) -> Result<(), CliError> {
    if resource.reaction.process.is_none() {
        return alone(desk).await;
    }
    for _ in 0..=desk.settings.on_error.safety.probe_failures {
        desk.probe_unless_seen(resource, PROBE_PAUSE).await?;
        Box::pin(alone(desk)).await?;
        let open = desk.store.open_incidents().await?;
        let own = open
            .iter()
            .find(|incident| incident.resource == resource.name);
        let why = own
            .and_then(|incident| incident.stance.as_ref())
            .map(|stance| &stance.why);
        let is_of_probes =
            |one: &WhyWait| matches!(one, WhyWait::TooFewProbes { .. } | WhyWait::Unrecognized);
        let only_probes = why.is_some_and(|why| !why.is_empty() && why.iter().all(is_of_probes));
        if !only_probes {
            break;
        }
        tokio::time::sleep(PROBE_PAUSE).await;
    }
    // Nobody looks again before the next failure: what is not told now may never be.
    let eyes = Eyes {
        is_last: true,
        ..Eyes::default()
    };
    desk.turn(eyes, clock::now()).await?;
    while desk.send_due().await? > 0 {}
    Ok(())
}

/// Runs the failure process here, until nothing more happens: decide, plan, tell, carry out, tell.
async fn alone(desk: &Desk) -> Result<(), CliError> {
    for _ in 0..4 {
        desk.turn(Eyes::default(), clock::now()).await?;
        proposals::turn(desk).await?;
    }
    desk.turn(Eyes::default(), clock::now()).await?;
    while desk.send_due().await? > 0 {}
    Ok(())
}

/// Waits until the service has looked at the failure.
async fn looked_at(desk: &Desk, id: i64) -> Result<(), CliError> {
    let looks = LOOKED_AT.as_millis() / PAUSE.as_millis();
    for _ in 0..looks {
        tokio::time::sleep(PAUSE).await;
        let failure = desk.store.sync_failure(id).await?;
        if failure.is_some_and(|failure| failure.verdict.is_some()) {
            return Ok(());
        }
    }
    Err(CliError::failed(
        format!(
            "the failure is on record, but the running service has not looked at it within {} s",
            LOOKED_AT.as_secs()
        ),
        "see its log",
    ))
}

/// Waits until a proposal has ended, and carries it out where no service does.
pub(super) async fn until_ended(desk: &Desk, proposal: Proposal) -> Result<Proposal, CliError> {
    let id = proposal.id;
    let mut newest = proposal;
    let looks = CARRIED_OUT.as_millis() / PAUSE.as_millis();
    for _ in 0..looks {
        if newest.state.is_ended() {
            break;
        }
        if !desk.store.service_is_alive().await? {
            proposals::turn(desk).await?;
            while desk.send_due().await? > 0 {}
        }
        if let Some(now) = desk.store.proposal(id).await? {
            newest = now;
        }
        // Another process may carry it out, or what it needs may be away for a moment.
        if !newest.state.is_ended() {
            tokio::time::sleep(PAUSE).await;
        }
    }
    Ok(newest)
}

fn drawn(reported: &Reported) -> String {
    let mut text = match (&reported.failure.verdict, &reported.incident) {
        (Some(_), None) => format!(
            "recorded; {} names no process, so nothing else happens",
            reported.failure.resource
        ),
        (Some(verdict), Some(incident)) => {
            let rule = verdict.rule.as_ref().map_or_else(
                || "no rule knows it".to_owned(),
                |rule| format!("rule {rule}"),
            );
            format!("{} ({rule}); incident {}", verdict.outcome, incident.id)
        }
        (None, _) => "recorded".to_owned(),
    };
    if let Some(stance) = reported
        .incident
        .as_ref()
        .and_then(|incident| incident.stance.as_ref())
    {
        // Writing to a String cannot fail.
        _ = write!(text, "\naction    {}", stance.action);
        for why in &stance.why {
            _ = write!(text, "\nbecause   {why}");
        }
    }
    if let Some(proposal) = &reported.proposal {
        text.push('\n');
        text.push_str(&super::approve::drawn(proposal));
    }
    text
}
