//! `resync`: orders a full pass of our own feed, or takes down that an outside sync has made one.

use serde::Serialize;

use super::{CliError, Context, Exit, confirm, who};
use crate::clock;
use crate::config::{ResourceSettings, Secrets};
use crate::consumer::Consumer;
use crate::model::{Cursor, Knowledge, ResourceName};
use crate::store::{ResyncOrder, Store};

const EXAMPLES: &str = "\
Examples:
  highwater resync hr                      a feed reads everything again
  highwater resync hr --max-deletes 500    and may delete so many objects
  highwater resync erp --done              another sync has read everything
  highwater resync erp --done --yes";

/// Orders a full pass, or records that the sync has made one, so that starts can be proven again
///
/// Our own feed (kind = \"builtin\") reads everything anew, tells every object as a snapshot, and at the end deletes what
/// is gone, within a cap. Another sync is ordered by its own means; once its full pass is complete, say so with --done:
/// after a start that was not proven (by time, by hand, with --allow-gap), no start by vector is offered before that.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The resource
    pub resource: ResourceName,
    /// The full pass of the outside sync is complete
    #[arg(long)]
    pub done: bool,
    /// The most objects that our own feed may delete at the end; by default as configured
    #[arg(long, value_name = "N", conflicts_with = "done")]
    pub max_deletes: Option<u64>,
    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,
}

/// What was taken down.
#[derive(Debug, Serialize)]
struct Declared {
    resource: ResourceName,
    cursor: Cursor,
    knowledge: Knowledge,
}

/// What was ordered.
#[derive(Debug, Serialize)]
struct Ordered {
    resource: ResourceName,
    by: String,
    objects: u64,
    max_deletes: u64,
}

/// Asks, and orders the pass or takes it down.
pub async fn run(args: Args, context: &Context) -> Result<Exit, CliError> {
    let settings = context.settings(Secrets::Skip)?;
    let resource = context.resource(&settings, &args.resource)?;
    let store = context.store(&settings).await?;
    match (&resource.feed, args.done) {
        (Some(_), true) => Err(CliError::Refused {
            reason: format!(
                "the feed of `{0}` is Highwater's own and knows of its passes: `highwater resync {0}` orders one",
                resource.name
            ),
        }),
        (None, false) => Err(CliError::Usage(format!(
            "the sync of `{0}` is not Highwater's: order the full pass there, and say `highwater resync {0} --done` once \
             it is complete",
            resource.name
        ))),
        (Some(feed), false) => order(&args, context, &store, resource, feed).await,
        (None, true) => declare(&args, context, &store, resource).await,
    }
}

async fn order(
    args: &Args,
    context: &Context,
    store: &Store,
    resource: &ResourceSettings,
    feed: &crate::config::Feed,
) -> Result<Exit, CliError> {
    let objects = store.count_told(&resource.name).await?.within;
    let max_deletes = args
        .max_deletes
        .unwrap_or_else(|| feed.max_deletes.of(objects));
    if !args.yes {
        confirm::ask(&format!(
            "Tell all objects of {} anew ({objects} are told) and delete up to {max_deletes} that are gone?",
            resource.name
        ))?;
    }
    let ordered = ResyncOrder {
        by: who::who(),
        at: clock::now(),
        max_deletes: args.max_deletes,
    };
    if !store.order_resync(&resource.name, &ordered).await? {
        return Err(CliError::Refused {
            reason: format!(
                "the feed of {0} was never begun, so its first pass is a full one: `highwater run` or `highwater sync {0}`",
                resource.name
            ),
        });
    }
    let shown = Ordered {
        resource: resource.name.clone(),
        by: ordered.by,
        objects,
        max_deletes,
    };
    context.output.show(&shown, || {
        format!(
            "{}: a full pass is ordered; the service, or `highwater sync {0}`, makes it",
            shown.resource
        )
    })?;
    Ok(Exit::Ok)
}

async fn declare(
    args: &Args,
    context: &Context,
    store: &Store,
    resource: &ResourceSettings,
) -> Result<Exit, CliError> {
    let read = Consumer::new(&resource.name, &resource.consumer, store)
        .read()
        .await;
    let cursor = read
        .map_err(|error| CliError::failed("the cursor cannot be read", error))?
        .cursor;
    if !args.yes {
        confirm::ask(&format!(
            "Has the sync of {} read everything anew from {}, up to USN {}?",
            resource.name,
            cursor.ldap_host,
            cursor.read_up_to()
        ))?;
    }
    let knowledge = Knowledge::Pass {
        since: clock::now(),
        by: who::who(),
        invocation_id: cursor.invocation_id,
    };
    store.put_knowledge(&resource.name, &knowledge).await?;
    let declared = Declared {
        resource: resource.name.clone(),
        cursor,
        knowledge,
    };
    context.output.show(&declared, || {
        format!(
            "{}: a full pass is on record; samples are evidence for its cursor again",
            declared.resource
        )
    })?;
    Ok(Exit::Ok)
}
