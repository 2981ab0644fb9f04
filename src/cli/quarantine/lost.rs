//! `quarantine declare-lost`: a DC never comes back, and what it alone had shown is read again elsewhere (R9).
//!
//! # Decisions
//! - The vectors of the DC in use are read now: what it has of the lost DC stays told. Without them nothing is done,
//!   since all that ever came from the lost DC would count as lost.
//! - The DC need not be configured any more: its incarnations are on record.
//! - It is put into quarantine: there who said so and why is kept and shown, and it takes over nothing if it comes back.

use comfy_table::Table;
use serde::Serialize;

use super::release::is_ours;
use crate::cli::output::table;
use crate::cli::{CliError, Context, Exit, confirm, who};
use crate::clock;
use crate::config::{ResourceSettings, Settings};
use crate::directory::{self, Port, Session, Wanted};
use crate::model::{DcFacts, DcName, Feed, InvocationId, NcVectors, ResourceName};
use crate::store::Store;

/// Which DC, and why.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// The DC
    pub dc: DcName,
    /// Why; kept and shown
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,
    /// Show how many objects would be read again and change nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// One feed and one incarnation of the lost DC.
#[derive(Debug, Serialize)]
struct Row {
    resource: ResourceName,
    dc: DcName,
    invocation_id: InvocationId,
    in_use: DcName,
    objects_read_again: u64,
}

/// A feed with the vectors of the DC it reads.
struct Reader {
    resource: ResourceName,
    in_use: DcName,
    vectors: NcVectors,
}

/// Reads the vectors, asks, and has every feed forget.
pub(super) async fn run(
    mut args: Args,
    store: &Store,
    settings: &Settings,
    context: &Context,
) -> Result<Exit, CliError> {
    // A lost DC may stand in the configuration no more: it is then asked for as it was written there.
    if let Some(configured) = settings.dc_named(&args.dc) {
        args.dc = configured.name.clone();
    }
    let dc = &args.dc;
    let lives = store.incarnations(dc).await?;
    if lives.is_empty() {
        return Err(refused(format!(
            "{dc} has never been sampled: its invocationId, by which its changes are known, is not on record"
        )));
    }
    let mut readers = Vec::new();
    for resource in settings.resources.values().filter(|one| is_ours(one)) {
        if let Some(feed) = store.feed(&resource.name).await? {
            readers.push(reader(resource, feed, dc, settings).await?);
        }
    }
    let mut rows = Vec::new();
    for reader in &readers {
        for life in &lives {
            let id = life.invocation_id;
            let counted = store
                .count_forgettable(&reader.resource, id, reader.vectors.clone())
                .await?;
            rows.push(row(reader, dc, id, counted.unwrap_or(0)));
        }
    }
    if !args.dry_run {
        if !args.yes {
            let objects: u64 = rows.iter().map(|row| row.objects_read_again).sum();
            confirm::ask(&format!(
                "Is {dc} lost for good? {objects} objects are delivered as they now stand, and the next pass reads everything. Declare it lost?"
            ))?;
        }
        rows = declared(&args, &readers, &lives, store).await?;
    }
    context.output.emit(&rows, || drawn(&rows))?;
    Ok(Exit::Ok)
}

async fn declared(
    args: &Args,
    readers: &[Reader],
    lives: &[crate::model::Incarnation],
    store: &Store,
) -> Result<Vec<Row>, CliError> {
    let reason = format!("declared lost by {}: {}", who::who(), args.reason);
    store.quarantine(&args.dc, &reason, clock::now()).await?;
    let mut rows = Vec::new();
    for reader in readers {
        for life in lives {
            let id = life.invocation_id;
            let forgotten = store
                .forget_origin(&reader.resource, id, reader.vectors.clone())
                .await?;
            let count = forgotten.map_or(0, |forgotten| forgotten.count);
            rows.push(row(reader, &args.dc, id, count));
        }
    }
    Ok(rows)
}

fn row(reader: &Reader, dc: &DcName, id: InvocationId, objects: u64) -> Row {
    Row {
        resource: reader.resource.clone(),
        dc: dc.clone(),
        invocation_id: id,
        in_use: reader.in_use.clone(),
        objects_read_again: objects,
    }
}

/// The vectors of the DC that a feed reads, of all its naming contexts and of the incarnation it counts on.
async fn reader(
    resource: &ResourceSettings,
    feed: Feed,
    lost: &DcName,
    settings: &Settings,
) -> Result<Reader, CliError> {
    let name = &resource.name;
    let cursor = &feed.cursor.cursor;
    let in_use = cursor
        .host(resource.host_attribute)
        .and_then(|host| settings.dc_of_host(host))
        .ok_or_else(|| {
            refused(format!(
                "the cursor of {name} names a host that is the `host` of no [dc] section: add the section"
            ))
        })?;
    if in_use.name == *lost {
        return Err(refused(format!(
            "resource {name} reads {lost}: move it first, `highwater failover {name}`"
        )));
    }
    let facts = facts(in_use, resource).await?;
    if cursor
        .invocation_id
        .is_some_and(|id| id != facts.identity.invocation_id)
    {
        return Err(refused(format!(
            "{}, which {name} reads, now has another invocationId than the one its cursor counts on: move it first, \
             `highwater failover {name}`",
            in_use.name
        )));
    }
    if let Some(nc) = feed
        .contexts
        .keys()
        .find(|nc| !facts.vectors.contains_key(*nc))
    {
        let why = facts
            .unreadable
            .get(nc)
            .map_or("it holds none", String::as_str);
        return Err(refused(format!(
            "the vector of {nc} on {} cannot be read ({why}), so what it has of {lost} is unknown; `highwater check {name}` \
             says what to grant",
            in_use.name
        )));
    }
    Ok(Reader {
        resource: name.clone(),
        in_use: in_use.name.clone(),
        vectors: facts.vectors,
    })
}

async fn facts(
    dc: &crate::config::DcSettings,
    resource: &ResourceSettings,
) -> Result<DcFacts, CliError> {
    let wanted = Wanted {
        bases: resource.base_contexts.clone(),
        subdomains: resource.search_subdomains,
        ..Wanted::default()
    };
    let read = async {
        let mut session = Session::open(dc, Port::Directory).await?;
        directory::read_facts(&mut session, &wanted).await
    };
    read.await
        .map_err(|error| CliError::Directory(error.failure()))
}

fn refused(reason: String) -> CliError {
    CliError::Refused { reason }
}

fn drawn(rows: &[Row]) -> Table {
    let mut drawn = table(&["RESOURCE", "LOST", "INVOCATION ID", "READS", "READ AGAIN"]);
    for row in rows {
        drawn.add_row(vec![
            row.resource.to_string(),
            row.dc.to_string(),
            row.invocation_id.to_string(),
            row.in_use.to_string(),
            format!("{} objects", row.objects_read_again),
        ]);
    }
    drawn
}
