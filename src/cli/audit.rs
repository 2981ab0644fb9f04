//! `audit`: proves after a failover that nothing was left out, and lists what the consumer has and the directory has not.

use std::fmt::Write as _;
use std::sync::Arc;

use serde::Serialize;

use super::output::Output;
use super::{CliError, Context, Exit, confirm, feed_error};
use crate::active_sync::{self, Audited, Ghost, LeftOut};
use crate::config::Secrets;
use crate::model::{ObjectGuid, ResourceName, Standing, Usn};

const EXAMPLES: &str = "\
Examples:
  highwater audit hr                     every object of the feed
  highwater audit hr --from 480000       what the DC in use changed since
  highwater audit hr --repair            delivers what was left out";

/// Reads the stamps of all objects on the DC in use, and proves that each was delivered or lists it
///
/// The proof is what was known before the last failover, and what was delivered since; never what the feed claims about
/// itself. Lists as well what was told and the DC in use does not have (\"ghosts\"): made on a DC that died with it.
/// Ends with 1 where something was left out.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The resource
    pub resource: ResourceName,
    /// Read only what changed on the DC in use above this USN
    #[arg(long, value_name = "USN", default_value = "0")]
    pub from: Usn,
    /// Have the feed deliver every object again of which something was left out
    #[arg(long)]
    pub repair: bool,
    /// The most objects to list
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub limit: usize,
    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,
}

#[derive(Debug, Serialize)]
struct Report {
    resource: ResourceName,
    from: Usn,
    objects: u64,
    stamps: u64,
    told_before_the_switch: u64,
    in_the_journal: u64,
    told_since: u64,
    coming: u64,
    gone_elsewhere: u64,
    left_out: Vec<Missing>,
    ghosts: Vec<Seen>,
    repairs_ordered: usize,
}

#[derive(Debug, Serialize)]
struct Missing {
    object_guid: ObjectGuid,
    dn: String,
    /// None where the consumer was never told of the object.
    attributes: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Seen {
    object_guid: ObjectGuid,
    dn: String,
    standing: Standing,
}

/// Audits.
pub async fn run(args: Args, context: &Context) -> Result<Exit, CliError> {
    let settings = Arc::new(context.settings(Secrets::Resolve)?);
    let resource = context.resource(&settings, &args.resource)?;
    let store = context.store(&settings).await?;
    let found = active_sync::audit(&store, &settings, resource, args.from, args.limit);
    let found = found.await.map_err(feed_error::of)?;
    let ghosts = active_sync::ghosts(&store, &settings, resource, args.limit);
    let ghosts = ghosts.await.map_err(feed_error::of)?;
    let mut repairs = 0;
    if args.repair && !found.left_out.is_empty() {
        if !args.yes {
            confirm::ask(&format!(
                "Deliver {} objects of {} again?",
                found.left_out.len(),
                resource.name
            ))?;
        }
        let orders: Vec<_> = found.left_out.iter().map(LeftOut::repair).collect();
        repairs = orders.len();
        store.order_rereads(&resource.name, orders).await?;
    }
    let is_complete = found.left_out.is_empty();
    let report = report(&args, found, ghosts, repairs);
    context
        .output
        .show(&report, || render(&report, &context.output))?;
    Ok(if is_complete { Exit::Ok } else { Exit::Failed })
}

fn report(args: &Args, found: Audited, ghosts: Vec<Ghost>, repairs: usize) -> Report {
    let missing = found.left_out.into_iter().map(|left| Missing {
        object_guid: left.guid,
        dn: left.dn,
        attributes: left.attributes,
    });
    let ghosts = ghosts.into_iter().map(|ghost| Seen {
        object_guid: ghost.guid,
        dn: ghost.dn,
        standing: ghost.standing,
    });
    Report {
        resource: args.resource.clone(),
        from: args.from,
        objects: found.read,
        stamps: found.stamps,
        told_before_the_switch: found.before,
        in_the_journal: found.journal,
        told_since: found.since,
        coming: found.coming,
        gone_elsewhere: found.gone_elsewhere,
        left_out: missing.collect(),
        ghosts: ghosts.collect(),
        repairs_ordered: repairs,
    }
}

fn render(report: &Report, output: &Output) -> String {
    let mut text = format!(
        "{}: {} objects with {} stamps: {} told before the last switch, {} in the journal, {} told since, {} still to come\n",
        report.resource,
        report.objects,
        report.stamps,
        report.told_before_the_switch,
        report.in_the_journal,
        report.told_since,
        report.coming,
    );
    // Writing to a String cannot fail.
    if report.left_out.is_empty() {
        let _ = writeln!(text, "nothing was left out");
    } else {
        let rows = report.left_out.iter().map(|left| {
            let what = if left.attributes.is_empty() {
                "the object".to_owned()
            } else {
                left.attributes.join(", ")
            };
            vec![left.object_guid.to_string(), left.dn.clone(), what]
        });
        let _ = writeln!(text, "{}", output.rows(&["LEFT OUT", "NAME", "WHAT"], rows));
        let _ = match report.repairs_ordered {
            0 => writeln!(
                text,
                "have them delivered with `highwater audit {} --repair`",
                report.resource
            ),
            n => writeln!(text, "{n} objects will be delivered again by the feed"),
        };
    }
    if !report.ghosts.is_empty() {
        let rows = report
            .ghosts
            .iter()
            .map(|ghost| vec![ghost.object_guid.to_string(), ghost.dn.clone()]);
        let _ = writeln!(text, "{}", output.rows(&["GHOST", "NAME AS TOLD"], rows));
        let _ = writeln!(
            text,
            "ghosts were told from another DC and are not here yet; if that DC never returns, declare it lost"
        );
    }
    text.trim_end().to_owned()
}
