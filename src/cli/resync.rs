//! `resync`: takes down that the sync has made a full pass.

use serde::Serialize;

use super::{CliError, Context, Exit, confirm, who};
use crate::clock;
use crate::config::Secrets;
use crate::consumer::Consumer;
use crate::model::{Cursor, Knowledge, ResourceName};

const EXAMPLES: &str = "\
Examples:
  highwater resync hr --done          asks; for when the sync has read everything anew
  highwater resync hr --done --yes";

/// Takes down that the sync has read everything anew, so that starts can be proven again
///
/// After a start that was not proven (by time, by hand, with --allow-gap), what the sync holds is unknown and no start
/// by vector is offered. Order a full pass in the sync itself; once it is complete, say so here.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The resource
    pub resource: ResourceName,
    /// The full pass is complete
    #[arg(long, required = true)]
    pub done: bool,
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

/// Asks and takes it down.
pub async fn run(args: Args, context: &Context) -> Result<Exit, CliError> {
    let settings = context.settings(Secrets::Skip)?;
    let resource = context.resource(&settings, &args.resource)?;
    let store = context.store(&settings).await?;
    let read = Consumer::new(&resource.name, &resource.consumer, &store)
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
