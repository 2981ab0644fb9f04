//! `incidents`: failures of syncs, from the first error to the resolution.

use std::fmt::Write as _;

use clap::Subcommand;
use serde::Serialize;

use super::output::table;
use super::{CliError, Context, Exit, user};
use crate::clock;
use crate::config::Secrets;
use crate::model::{Failure, Incident, Pause, Proposal, ResourceName, in_a_line};

const EXAMPLES: &str = "\
Examples:
  highwater incidents                   the open ones, proposals and pauses
  highwater incidents list hr --all     those of hr, ended ones too
  highwater incidents show 12
  highwater incidents ack 12
  highwater incidents resolve 12 --reason 'dc1 was replaced'";

/// Lists incidents, shows one, acknowledges or ends it
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// What to do [default: list]
    #[command(subcommand)]
    pub action: Option<Action>,
}

/// What to do with incidents.
#[derive(Debug, Clone, Subcommand)]
pub enum Action {
    /// Lists incidents, open proposals and pauses, and failures that nobody watches
    #[command(
        after_help = "Examples:\n  highwater incidents list\n  highwater incidents list hr --all"
    )]
    List {
        /// Only this resource
        resource: Option<ResourceName>,
        /// The ended ones too
        #[arg(long)]
        all: bool,
    },
    /// Shows one incident with its errors and everything that happened
    #[command(after_help = "Examples:\n  highwater incidents show 12")]
    Show {
        /// The incident
        incident: i64,
    },
    /// Acknowledges an incident: no more notices are sent, and the hold after its failover ends
    #[command(after_help = "Examples:\n  highwater incidents ack 12")]
    Ack {
        /// The incident
        incident: i64,
    },
    /// Ends an incident by hand
    #[command(
        after_help = "Examples:\n  highwater incidents resolve 12 --reason 'dc1 was replaced'"
    )]
    Resolve {
        /// The incident
        incident: i64,
        /// Why; kept and sent with the notices
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
}

/// How many are listed.
const SHOWN: u32 = 50;

#[derive(Debug, Serialize)]
struct Listed {
    incidents: Vec<Incident>,
    proposals: Vec<Proposal>,
    pauses: Vec<Pause>,
    /// Failures of resources that name no process.
    unwatched: Vec<Failure>,
}

#[derive(Debug, Serialize)]
struct Shown {
    incident: Incident,
    failures: Vec<Failure>,
    proposal: Option<Proposal>,
}

/// Lists, shows, acknowledges or ends.
pub async fn run(args: Args, context: &Context) -> Result<Exit, CliError> {
    let list = Action::List {
        resource: None,
        all: false,
    };
    match args.action.unwrap_or(list) {
        Action::List { resource, all } => self::list(resource, all, context).await,
        Action::Show { incident } => show(incident, context).await,
        Action::Ack { incident } => {
            let settings = context.settings(Secrets::Skip)?;
            let store = context.store(&settings).await?;
            let by = user::person().await.who;
            if !store
                .acknowledge_incident(incident, &by, clock::now())
                .await?
            {
                return Err(unknown(incident));
            }
            show(incident, context).await
        }
        Action::Resolve { incident, reason } => {
            let settings = context.settings(Secrets::Resolve)?;
            let desk = super::on_error::desk(settings, context).await?;
            let word = format!("by {}: {reason}", user::person().await.who);
            if !desk.resolve_by_hand(incident, &word, clock::now()).await? {
                return Err(CliError::Usage(format!(
                    "incident {incident} is not open, or there is none; `highwater incidents` lists them"
                )));
            }
            if !desk.store.service_is_alive().await? {
                desk.send_due().await?;
            }
            show(incident, context).await
        }
    }
}

fn unknown(incident: i64) -> CliError {
    CliError::Usage(format!(
        "there is no incident {incident}; `highwater incidents list --all` lists them"
    ))
}

async fn list(
    resource: Option<ResourceName>,
    all: bool,
    context: &Context,
) -> Result<Exit, CliError> {
    let settings = context.settings(Secrets::Skip)?;
    if let Some(name) = &resource {
        context.resource(&settings, name)?;
    }
    let store = context.store(&settings).await?;
    let of = |name: &ResourceName| resource.as_ref().is_none_or(|only| only == name);
    let mut incidents = store.incidents(resource.as_ref(), SHOWN).await?;
    incidents.retain(|one| all || one.resolved_at.is_none());
    let mut proposals = store.open_proposals().await?;
    proposals.retain(|one| of(&one.resource));
    let mut pauses = store.pauses(clock::now()).await?;
    pauses.retain(|one| one.resource.as_ref().is_none_or(of));
    let mut unwatched = Vec::new();
    let without = settings
        .resources
        .values()
        .filter(|one| one.reaction.process.is_none());
    for one in without.filter(|one| of(&one.name)) {
        unwatched.extend(store.newest_sync_failures(&one.name, 5).await?);
    }
    let listed = Listed {
        incidents,
        proposals,
        pauses,
        unwatched,
    };
    context.output.show(&listed, || drawn(&listed, context))?;
    Ok(Exit::Ok)
}

fn drawn(listed: &Listed, context: &Context) -> String {
    if listed.incidents.is_empty()
        && listed.proposals.is_empty()
        && listed.pauses.is_empty()
        && listed.unwatched.is_empty()
    {
        return "no incident is open".to_owned();
    }
    let mut rows = table(&[
        "INCIDENT", "RESOURCE", "SINCE", "OUTCOME", "FAILURES", "DC", "STATE",
    ]);
    for one in &listed.incidents {
        rows.add_row(vec![
            one.id.to_string(),
            one.resource.to_string(),
            one.opened_at.to_string(),
            one.outcome.to_string(),
            one.failures.to_string(),
            one.dc
                .as_ref()
                .map_or_else(|| "-".to_owned(), ToString::to_string),
            state(one),
        ]);
    }
    let mut text = context.output.draw(rows);
    for one in &listed.incidents {
        for why in one.stance.iter().flat_map(|stance| &stance.why) {
            if one.resolved_at.is_none() {
                // Writing to a String cannot fail.
                _ = write!(text, "\n{}: {why}", one.resource);
            }
        }
    }
    for proposal in &listed.proposals {
        _ = write!(text, "\n{}", super::approve::drawn(proposal));
    }
    for pause in &listed.pauses {
        let of = pause
            .resource
            .as_ref()
            .map_or_else(|| "all".to_owned(), ToString::to_string);
        _ = write!(
            text,
            "\n{of} paused by {} until {}: {}",
            in_a_line(&pause.owner),
            pause.until,
            in_a_line(&pause.reason)
        );
    }
    for failure in &listed.unwatched {
        let first = failure.errors.first().map_or("", String::as_str);
        let first = in_a_line(first);
        _ = write!(
            text,
            "\n{} failed at {} (it names no process): {first}",
            failure.resource, failure.at
        );
    }
    text
}

fn state(incident: &Incident) -> String {
    match (
        &incident.resolution,
        &incident.acknowledged_by,
        &incident.stance,
    ) {
        (Some(resolution), _, _) => format!("resolved: {}", in_a_line(resolution)),
        (None, Some(by), _) => format!("acknowledged by {by}"),
        (None, None, Some(stance)) => stance.action.to_string(),
        (None, None, None) => "new".to_owned(),
    }
}

async fn show(id: i64, context: &Context) -> Result<Exit, CliError> {
    let settings = context.settings(Secrets::Skip)?;
    let store = context.store(&settings).await?;
    let incident = store.incident(id).await?.ok_or_else(|| unknown(id))?;
    let shown = Shown {
        failures: store.failures_of(id, 10).await?,
        proposal: store.newest_proposal_of(id).await?,
        incident,
    };
    context.output.show(&shown, || one(&shown))?;
    Ok(Exit::Ok)
}

fn one(shown: &Shown) -> String {
    let incident = &shown.incident;
    let mut text = format!(
        "incident {} of {}: {}, {} failures since {}; {}",
        incident.id,
        incident.resource,
        incident.outcome,
        incident.failures,
        incident.opened_at,
        state(incident)
    );
    for why in incident.stance.iter().flat_map(|stance| &stance.why) {
        _ = write!(text, "\n  because  {why}");
    }
    for failure in &shown.failures {
        for error in &failure.errors {
            _ = write!(text, "\n  {}  {}", failure.at, in_a_line(error));
        }
    }
    for event in &incident.events {
        _ = write!(text, "\n  {}  {}", event.at, in_a_line(&event.text));
    }
    if let Some(proposal) = &shown.proposal {
        _ = write!(text, "\n{}", super::approve::drawn(proposal));
    }
    text
}
