//! `status`: how everything stands.

mod failing;
mod feed;

use std::fmt::Write as _;
use std::time::Duration;

use comfy_table::Table;

use super::output::{skew, table};
use super::{CliError, Context, Exit};
use crate::clock;
use crate::config::{Secrets, Settings};
use crate::model::{ResourceName, UtcMs};
use crate::status::{self, DcStatus, ResourceStatus, Status};
use crate::store::Store;

const EXAMPLES: &str = "\
Examples:
  highwater status               everything
  highwater -o json status hr    one resource, as JSON
  highwater status --watch       again every 2 seconds, until Ctrl-C
  highwater -o json status hr --watch 60

Columns:
  EVIDENCE   age of the newest vector that can prove a start
  SKEW       the DC's clock less ours
  LIVES      number of invocationIds; a restored DC has a new one
  STANDS     a feed: level, behind the DC before, not loaded, or UNKNOWN
  WAITING    events that a sink has not acknowledged, and since when
  JOURNAL    attributes remembered, to tell repeats from news
  ACTION     what happens about an incident: tell, wait, propose, run";

/// Shows how the resources and their domain controllers stand
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Only this resource
    pub resource: Option<ResourceName>,
    /// Shows it again every so many seconds, 2 where none are said, until Ctrl-C; with `-o json` one line each
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, default_missing_value = "2", value_parser = seconds)]
    pub watch: Option<Duration>,
}

fn seconds(text: &str) -> Result<Duration, String> {
    match text.parse() {
        Ok(seconds @ 1..=86_400) => Ok(Duration::from_secs(seconds)),
        _ => Err("give 1 to 86400 seconds; a resource is named before --watch".to_owned()),
    }
}

/// Shows the state.
pub async fn run(args: Args, context: &Context) -> Result<Exit, CliError> {
    let settings = context.settings(Secrets::Skip)?;
    if let Some(name) = &args.resource {
        context.resource(&settings, name)?;
    }
    let store = context.store(&settings).await?;
    let only = args.resource.as_ref();
    if let Some(pause) = args.watch {
        watch(&store, &settings, only, pause, context).await?;
    } else {
        let status = status::look(&store, &settings, only, clock::now()).await?;
        context.output.show(&status, || text(&status, context))?;
    }
    Ok(Exit::Ok)
}

/// Looks again and again, until Ctrl-C or until nobody reads any more.
async fn watch(
    store: &Store,
    settings: &Settings,
    only: Option<&ResourceName>,
    pause: Duration,
    context: &Context,
) -> Result<(), CliError> {
    let stopped = tokio::signal::ctrl_c();
    tokio::pin!(stopped);
    let mut looking = tokio::time::interval(pause);
    loop {
        tokio::select! {
            stopped = &mut stopped => {
                return stopped.map_err(|source| CliError::failed("cannot wait for Ctrl-C", source));
            }
            _ = looking.tick() => {}
        }
        let status = status::look(store, settings, only, clock::now()).await?;
        let words = || format!("{}; {}", status.at, text(&status, context));
        if !context.output.show_next(&status, words)? {
            return Ok(());
        }
    }
}

fn text(status: &Status, context: &Context) -> String {
    let service = if status.service_runs {
        "runs"
    } else {
        "does not run"
    };
    let mut text = format!(
        "service {service}; store {} KiB\n\n",
        status.store_bytes / 1024
    );
    text.push_str(&context.output.draw(resources(status)));
    text.push_str("\n\n");
    text.push_str(&context.output.draw(dcs(status)));
    feed::add(&mut text, status, context);
    failing::add(&mut text, status, context);
    for resource in &status.resources {
        notes(&mut text, resource);
    }
    for dc in &status.dcs {
        if let Some(quarantine) = &dc.quarantine {
            // Writing to a String cannot fail.
            _ = write!(
                text,
                "\n\n{} is in quarantine since {}: {}",
                dc.dc, quarantine.since, quarantine.reason
            );
        }
        if let Some(failed) = &dc.failing {
            _ = write!(
                text,
                "\n\n{} failed at {}: {}",
                dc.dc, failed.at, failed.failure
            );
        }
    }
    text
}

fn resources(status: &Status) -> Table {
    let mut rows = table(&[
        "RESOURCE",
        "READS",
        "LAST UPDATED",
        "LAST DELETED",
        "SYNC",
        "EVIDENCE",
        "LAST MOVE",
    ]);
    for one in &status.resources {
        let usn = |usn: Option<crate::model::Usn>| usn.map_or_else(dash, |usn| usn.to_string());
        rows.add_row(vec![
            one.resource.to_string(),
            one.dc_in_use
                .as_ref()
                .map_or_else(dash, ToString::to_string),
            usn(one.cursor.as_ref().map(|cursor| cursor.last_updated)),
            usn(one.cursor.as_ref().map(|cursor| cursor.last_deleted)),
            if one.stopped { "stopped" } else { "may run" }.to_owned(),
            age(one.evidence_at, status.at),
            one.newest_attempt
                .as_ref()
                .map_or_else(dash, |attempt| format!("#{} {}", attempt.id, attempt.state)),
        ]);
    }
    rows
}

fn dcs(status: &Status) -> Table {
    let mut rows = table(&[
        "DC", "STATE", "SITE", "USN", "SAMPLED", "TOOK", "SKEW", "SAMPLES", "LIVES",
    ]);
    for dc in &status.dcs {
        let newest = dc.newest.as_ref();
        rows.add_row(vec![
            dc.dc.to_string(),
            state(dc).to_owned(),
            dc.site.clone().unwrap_or_else(dash),
            newest.map_or_else(dash, |sample| sample.committed.to_string()),
            age(newest.map(|sample| sample.collected_at), status.at),
            newest.map_or_else(dash, |sample| format!("{} ms", sample.took_ms)),
            skew(newest.and_then(|sample| sample.skew_ms)),
            dc.samples.to_string(),
            dc.incarnations.to_string(),
        ]);
    }
    rows
}

fn state(dc: &DcStatus) -> &'static str {
    match (&dc.quarantine, &dc.failing, &dc.newest) {
        (Some(_), _, _) => "QUARANTINED",
        (None, Some(_), _) => "FAILING",
        (None, None, Some(_)) => "ok",
        (None, None, None) => "never sampled",
    }
}

fn notes(text: &mut String, resource: &ResourceStatus) {
    let name = &resource.resource;
    if let Some(problem) = &resource.cursor_problem {
        _ = write!(text, "\n\n{problem}");
    }
    if let Some(attempt) = resource
        .newest_attempt
        .as_ref()
        .filter(|attempt| attempt.ended_at.is_none())
    {
        _ = write!(
            text,
            "\n\n{name}: attempt {} ({}) is under way, or the process that began it has died; the next failover, \
             undo or start of the service finishes it or takes it back",
            attempt.id, attempt.state
        );
    }
    if let Some(since) = &resource.unproven_since {
        _ = write!(
            text,
            "\n\n{name}: what the sync holds is unknown since {since}; no start by vector until it has made a full pass and \
             `highwater resync {name} --done` says so"
        );
    }
    let unproven = resource.unproven_since.is_none() && resource.evidence_at.is_none();
    // Of a feed of our own its lines say more.
    if resource.cursor.is_some() && unproven && resource.feed.is_none() {
        _ = write!(
            text,
            "\n\n{name}: no vector is covered by its cursor yet, so no start by vector can be proven"
        );
    }
}

fn dash() -> String {
    "-".to_owned()
}

/// How long ago, to the second.
fn age(at: Option<UtcMs>, now: UtcMs) -> String {
    at.map_or_else(dash, |at| {
        let seconds = u64::try_from(now.ms_since(at) / 1_000).unwrap_or(0);
        format!(
            "{} ago",
            humantime::format_duration(std::time::Duration::from_secs(seconds))
        )
    })
}
