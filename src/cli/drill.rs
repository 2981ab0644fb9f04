//! `drill`: the rehearsal of a failover of our own feed.

use std::fmt::Write as _;

use serde::Serialize;

use super::choice::Choice;
use super::output::Output;
use super::{CliError, Context, Exit, feed_error, plan, plan_view};
use crate::active_sync::{self, Rehearsal};
use crate::config::Secrets;
use crate::failover;
use crate::model::{Knowledge, Method, NcVectors, ResourceName, Usn};

const EXAMPLES: &str = "\
Examples:
  highwater drill hr                   to where a failover would go now
  highwater drill hr --to dc2          if it had to be dc2
  highwater drill hr --to dc3 --method time --replication-time 1

Columns:
  CAUSE   why an event would be delivered, or a change would not";

/// Rehearses a failover on the real directory: reads from the start, delivers nothing, counts what would be
///
/// For our own feed (kind \"builtin\"). Neither the feed nor its cursor is touched; the DC in use may be alive or dead.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The resource
    pub resource: ResourceName,
    /// Where to go
    #[command(flatten)]
    pub choice: Choice,
}

/// What would happen.
#[derive(Debug, Serialize)]
struct Drilled {
    resource: ResourceName,
    dc: String,
    method: Method,
    start: Usn,
    read: u64,
    delivered: Vec<Count>,
    silent: Vec<Count>,
    reread: Vec<Count>,
}

#[derive(Debug, Serialize)]
struct Count {
    cause: String,
    count: u64,
}

/// Rehearses.
pub async fn run(args: Args, context: &Context) -> Result<Exit, CliError> {
    let settings = context.settings(Secrets::Resolve)?;
    let resource = context.resource(&settings, &args.resource)?;
    if resource.feed.is_none() {
        return Err(CliError::Usage(format!(
            "the sync of `{0}` is not Highwater's, so nobody can say what it would deliver: `highwater plan {0}` shows the \
             start it would get",
            resource.name
        )));
    }
    let store = context.store(&settings).await?;
    let ask = plan::ask(&args.choice, resource, true)?;
    let made = failover::plan(&store, &settings, resource, ask).await?;
    let Some(chosen) = &made.chosen else {
        context
            .output
            .show(&made, || plan_view::render(&made, &context.output))?;
        return Ok(plan::outcome(&made));
    };
    let dc = context.dc(&settings, &chosen.switch.to)?;
    let held: NcVectors = match &chosen.switch.knowledge {
        Knowledge::Held { held, .. } => held.clone(),
        Knowledge::Void { .. } | Knowledge::Pass { .. } => NcVectors::new(),
    };
    context.message(format_args!(
        "reading {} from USN {} on; nothing is delivered",
        dc.name, chosen.start.usn
    ));
    let rehearsal = active_sync::rehearse(&store, resource, dc, chosen.start.usn, &held);
    let found = rehearsal.await.map_err(feed_error::of)?;
    let drilled = drilled(&resource.name, &made, found);
    context
        .output
        .show(&drilled, || render(&drilled, &context.output))?;
    Ok(Exit::Ok)
}

fn drilled(resource: &ResourceName, made: &crate::model::Plan, found: Rehearsal) -> Drilled {
    let counts = |counts: std::collections::BTreeMap<String, u64>| {
        counts
            .into_iter()
            .map(|(cause, count)| Count { cause, count })
            .collect()
    };
    let (dc, method, start) = made.chosen.as_ref().map_or_else(
        || (String::new(), Method::Vector, Usn::ZERO),
        |chosen| {
            (
                chosen.switch.to.to_string(),
                chosen.method,
                chosen.start.usn,
            )
        },
    );
    Drilled {
        resource: resource.clone(),
        dc,
        method,
        start,
        read: found.read,
        delivered: counts(found.delivered),
        silent: counts(found.silent),
        reread: counts(
            found
                .rereads
                .into_iter()
                .map(|(cause, count)| (cause.to_owned(), count))
                .collect(),
        ),
    }
}

fn render(drilled: &Drilled, output: &Output) -> String {
    let mut text = format!(
        "{}: on {} from USN {}, {} objects would be read\n",
        drilled.resource, drilled.dc, drilled.start, drilled.read
    );
    for (what, counts) in [
        ("DELIVERED", &drilled.delivered),
        ("NOT TOLD", &drilled.silent),
        ("READ AGAIN", &drilled.reread),
    ] {
        if counts.is_empty() {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{what}: nothing");
            continue;
        }
        let rows = counts
            .iter()
            .map(|count| vec![count.cause.clone(), count.count.to_string()]);
        let _ = writeln!(text, "{}", output.rows(&[what, "COUNT"], rows));
    }
    text.trim_end().to_owned()
}
