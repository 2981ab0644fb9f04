//! `sync`: the feed of a resource in the foreground.

use std::time::Duration;

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::{CliError, Context, Exit, feed_error, progress};
use crate::active_sync::{FeedError, Task};
use crate::clock::Pulse;
use crate::config::Secrets;
use crate::model::{Load, ResourceName};
use crate::runtime;

const EXAMPLES: &str = "\
Examples:
  highwater sync hr --once             delivers what has changed, and ends
  highwater sync hr | jq .data.op      until it is interrupted";

/// Runs the feed of a resource in the foreground, its events on standard output as JSON lines
///
/// The events go to the configured sinks as well, and the cursor moves only with what all of them have acknowledged.
/// Not while `highwater run` drives the same feed. The consumer must be of kind \"builtin\".
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The resource
    pub resource: ResourceName,
    /// End when everything there is has been read and delivered
    #[arg(long)]
    pub once: bool,
}

/// Runs the feed.
pub async fn run(args: Args, context: &Context) -> Result<Exit, CliError> {
    let settings = Arc::new(context.settings(Secrets::Resolve)?);
    let resource = context.resource(&settings, &args.resource)?.name.clone();
    let store = context.store(&settings).await?;
    let stop = CancellationToken::new();
    let task = Task::new(
        &store,
        &settings,
        &resource,
        true,
        Pulse::start(),
        stop.clone(),
    );
    let Some(task) = task else {
        return Err(CliError::Usage(format!(
            "resource `{resource}` has no feed: set kind = \"builtin\" in [resource.{resource}.consumer] and describe it in \
             [resource.{resource}.feed]"
        )));
    };
    let interrupted = runtime::interrupted()
        .map_err(|error| CliError::failed("cannot wait for signals", error))?;
    let waiting = tokio::spawn(async move {
        interrupted.await;
        stop.cancel();
    });
    let ended = if args.once {
        let ended = runtime::on_own_thread("feed", Box::pin(once(task, context.quiet()))).await;
        let ended = ended.map_err(no_thread)?;
        ended.map(|delivered| {
            context.message(format_args!(
                "{resource}: {delivered} deliveries, and nothing is left"
            ));
        })
    } else {
        let ended = runtime::on_own_thread("feed", Box::pin(task.serve())).await;
        ended.map_err(no_thread)?.map_err(FeedError::Store)
    };
    waiting.abort();
    match ended {
        Ok(()) => Ok(Exit::Ok),
        Err(error) if error.is_interruption() => {
            context.message(error);
            Ok(Exit::Partial)
        }
        Err(error) => Err(feed_error::of(error)),
    }
}

/// How long `--once` waits for a sink that is down: whoever schedules it comes again.
const SINK_PATIENCE: Duration = Duration::from_secs(30);

async fn once(task: Task, quiet: bool) -> Result<u64, FeedError> {
    let mut bar = None;
    let mut progress = |load: &Load| show(&mut bar, load, quiet);
    let ended = task.once(SINK_PATIENCE, &mut progress).await;
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
    ended
}

fn no_thread(error: std::io::Error) -> CliError {
    CliError::failed("cannot start the thread of the feed", error)
}

/// Shows how far a load has come, in USNs.
fn show(bar: &mut Option<indicatif::ProgressBar>, load: &Load, quiet: bool) {
    let done: i64 = load.done.values().map(|usn| usn.get()).sum();
    let contexts = i64::try_from(load.done.len().max(1)).unwrap_or(1);
    let all = load.committed.get().saturating_mul(contexts);
    let all = usize::try_from(all).unwrap_or(usize::MAX);
    let bar = bar.get_or_insert_with(|| progress::bar("reading USNs", all, quiet));
    bar.set_position(u64::try_from(done).unwrap_or(0));
}
