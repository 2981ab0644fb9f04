//! `collect`: the collector task once.

use comfy_table::Table;

use super::output::{skew, table};
use super::{CliError, Context, Exit, progress};
use crate::collector::{self, Outcome, PollReport, Round};
use crate::config::{Secrets, Settings};
use crate::model::DcName;
use crate::store::Store;

const EXAMPLES: &str = "\
Examples:
  highwater collect                      every configured DC
  highwater collect --dc dc1 --dc dc2    these two

If no `highwater run` is alive, it also sends again the notices that could not
be delivered.";

/// Polls the domain controllers once and keeps the samples: for cron, a systemd timer or Task Scheduler
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Only these DCs [default: all that are configured]
    #[arg(long = "dc", value_name = "DC")]
    pub dcs: Vec<DcName>,
}

/// Polls once and keeps the samples.
pub async fn run(args: Args, context: &Context) -> Result<Exit, CliError> {
    let settings = context.settings(Secrets::Resolve)?;
    let mut dcs = Vec::new();
    for dc in &args.dcs {
        dcs.push(context.dc(&settings, dc)?.name.clone());
    }
    let store = context.store(&settings).await?;
    let in_use = collector::note_cursors(&store, &settings).await?;
    let targets = collector::targets(&settings, &in_use, &dcs);
    let bar = progress::bar("polling", targets.len(), context.quiet());
    let polled = |_: &PollReport| {
        bar.inc(1);
        if bar.length() == Some(bar.position()) {
            progress::last_step(&bar, "pruning");
        }
    };
    let round = collector::collect_once(&store, &settings, targets, polled).await?;
    bar.finish_and_clear();
    context.output.emit(&round, || drawn(&round))?;
    send_what_waits(store, settings, context).await?;
    Ok(outcome(&round))
}

/// Tries again what could not be delivered, where no service does: `on-error` tries once, and then comes only with the next
/// failure.
async fn send_what_waits(
    store: Store,
    settings: Settings,
    context: &Context,
) -> Result<(), CliError> {
    if store.outbox_state().await?.queued == 0 || store.service_is_alive().await? {
        return Ok(());
    }
    let desk = super::on_error::desk_on(store, settings)?;
    while desk.send_due().await? > 0 {}
    let left = desk.store.outbox_state().await?.queued;
    if left > 0 {
        context.message(format!(
            "notices not delivered yet: {left}; `highwater mail queue` says why"
        ));
    }
    Ok(())
}

/// All sampled: ok. Some: done in part. None: as the failures say, where they agree.
fn outcome(round: &Round) -> Exit {
    let failures = round.polls.iter().filter_map(|poll| match &poll.outcome {
        Outcome::Failed(failure) => Some(Exit::of_failure_kind(failure.kind)),
        Outcome::Sampled { .. } => None,
    });
    let failures: Vec<Exit> = failures.collect();
    match failures.first() {
        None => Exit::Ok,
        Some(_) if round.sampled() > 0 => Exit::Partial,
        Some(first) if failures.iter().all(|exit| exit == first) => *first,
        Some(_) => Exit::Unreachable,
    }
}

fn drawn(round: &Round) -> Table {
    let mut rows = table(&[
        "DC",
        "USN",
        "COLLECTED AT",
        "TOOK",
        "SKEW",
        "VECTORS",
        "NOTE",
    ]);
    for poll in &round.polls {
        let took = format!("{} ms", poll.took_ms);
        rows.add_row(match &poll.outcome {
            Outcome::Sampled {
                committed,
                collected_at,
                skew_ms,
                vectors,
                ..
            } => vec![
                poll.dc.to_string(),
                committed.to_string(),
                collected_at.to_string(),
                took,
                skew(*skew_ms),
                vectors.to_string(),
                note(&poll.outcome),
            ],
            Outcome::Failed(failure) => {
                let dash = || "-".to_owned();
                vec![
                    poll.dc.to_string(),
                    dash(),
                    dash(),
                    took,
                    dash(),
                    dash(),
                    failure.to_string(),
                ]
            }
        });
    }
    rows
}

fn note(outcome: &Outcome) -> String {
    let Outcome::Sampled {
        unreadable,
        restored,
        rollback,
        ..
    } = outcome
    else {
        return String::new();
    };
    let mut notes = Vec::new();
    if let Some(evidence) = rollback {
        notes.push(format!("QUARANTINED: {evidence}"));
    }
    if *restored {
        notes.push("new invocationId: restored, earlier samples are void".to_owned());
    }
    notes.extend(
        unreadable
            .iter()
            .map(|(nc, why)| format!("no vector of {nc}: {why}")),
    );
    notes.join("; ")
}
