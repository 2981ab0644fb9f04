//! `pause`: nothing happens by itself for a while.

use std::time::Duration;

use serde::Serialize;

use super::output::table;
use super::{CliError, Context, Exit, user};
use crate::clock;
use crate::config::Secrets;
use crate::model::{Pause, ResourceName, UtcMs};

const EXAMPLES: &str = "\
Examples:
  highwater pause hr --for 2h --reason 'dc1 is being patched'
  highwater pause --all --until 2026-11-23T06:00:00Z --reason 'new switch'
  highwater pause hr --end
  highwater pause             lists the pauses

A pause stops automatic failovers and proposals. Failures are still recorded and
notified, and `highwater failover` works.";

/// Keeps anything from happening by itself for a while, or lists such pauses
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The resource
    pub resource: Option<ResourceName>,
    /// All resources
    #[arg(long, conflicts_with = "resource")]
    pub all: bool,
    /// For how long
    #[arg(long = "for", value_name = "DURATION", value_parser = span, conflicts_with = "until")]
    pub span: Option<Duration>,
    /// Until when, in UTC unless it names a zone
    #[arg(long, value_name = "TIME")]
    pub until: Option<UtcMs>,
    /// Why; kept and shown
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
    /// End the pause now
    #[arg(long, conflicts_with_all = ["span", "until", "reason"])]
    pub end: bool,
}

/// The longest pause: a forgotten one is a failover that never comes.
const LONGEST: Duration = Duration::from_hours(24 * 30);

fn span(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(span) if span > Duration::ZERO && span <= LONGEST => Ok(span),
        Ok(_) => Err("give more than nothing and at most 30days".to_owned()),
        Err(error) => Err(format!("write it like 2h or 30m ({error})")),
    }
}

#[derive(Debug, Serialize)]
struct Listed {
    pauses: Vec<Pause>,
}

/// Pauses, ends or lists.
pub async fn run(args: Args, context: &Context) -> Result<Exit, CliError> {
    let settings = context.settings(Secrets::Skip)?;
    if let Some(name) = &args.resource {
        context.resource(&settings, name)?;
    }
    let store = context.store(&settings).await?;
    let now = clock::now();
    let named = args.resource.is_some() || args.all;
    let usage = |text: &str| Err(CliError::Usage(text.to_owned()));
    if args.end {
        if !named {
            return usage("say whose pause ends: a resource, or --all");
        }
        if store.end_pauses(args.resource.as_ref(), now).await? == 0 {
            return usage("there is no such pause; `highwater pause` lists them");
        }
    } else if named {
        let until = match (args.span, args.until) {
            (Some(span), _) => now.plus_ms(i64::try_from(span.as_millis()).unwrap_or(i64::MAX)),
            (None, Some(until)) => until,
            (None, None) => return usage("say until when: --for 2h or --until TIME"),
        };
        let longest = now.plus_ms(i64::try_from(LONGEST.as_millis()).unwrap_or(i64::MAX));
        if until <= now || until > longest {
            return usage("--until must lie in the future, at most 30 days away");
        }
        let Some(reason) = args.reason.filter(|reason| !reason.trim().is_empty()) else {
            return usage("say why: --reason 'dc1 is being patched'");
        };
        let pause = Pause {
            id: 0,
            resource: args.resource,
            since: now,
            until,
            owner: user::person().await.who,
            reason,
            ended_at: None,
        };
        store.add_pause(&pause).await?;
    } else if args.span.is_some() || args.until.is_some() || args.reason.is_some() {
        return usage("say what is paused: a resource, or --all");
    }
    let listed = Listed {
        pauses: store.pauses(clock::now()).await?,
    };
    context.output.emit(&listed, || {
        let mut rows = table(&["PAUSE", "RESOURCE", "UNTIL", "BY", "REASON"]);
        for pause in &listed.pauses {
            rows.add_row(vec![
                pause.id.to_string(),
                pause
                    .resource
                    .as_ref()
                    .map_or_else(|| "all".to_owned(), ToString::to_string),
                pause.until.to_string(),
                pause.owner.clone(),
                pause.reason.clone(),
            ]);
        }
        rows
    })?;
    Ok(Exit::Ok)
}
