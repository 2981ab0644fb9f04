//! Carrying out an order in front of a person: each step as it happens, and how it ended.

use std::fmt::Write as _;

use serde::Serialize;

use super::{CliError, Context, Exit, who};
use crate::config::{ResourceSettings, Turn};
use crate::consumer::Consumer;
use crate::failover::{self, Order};
use crate::model::{Attempt, HeldCursor, StepReport, Switch};
use crate::store::Store;

/// What was done.
#[derive(Debug, Serialize)]
struct Done {
    attempt: Option<Attempt>,
    complete: bool,
    sync: String,
}

/// Finishes or takes back what a killed process left, and says which.
pub(super) async fn settle(
    store: &Store,
    resource: &ResourceSettings,
    context: &Context,
) -> Result<(), CliError> {
    let consumer = Consumer::new(&resource.name, &resource.consumer, store);
    let settled =
        failover::resume(store, &consumer, &who::who(), |step| tell(context, step)).await?;
    if let Some(settled) = settled {
        context.message(format!(
            "unfinished attempt {}: {}",
            settled.attempt, settled.text
        ));
    }
    Ok(())
}

/// Carries the order out and shows the attempt; `replan` may order anew for the cursor the stopped sync left.
pub(super) async fn carry_out(
    store: &Store,
    resource: &ResourceSettings,
    order: Order,
    context: &Context,
    replan: impl AsyncFnOnce(&HeldCursor) -> Option<Order>,
) -> Result<Exit, CliError> {
    let consumer = Consumer::new(&resource.name, &resource.consumer, store);
    let told = |step: &StepReport| tell(context, step);
    let applied = failover::apply_or_replan(store, &consumer, order, told, replan).await?;
    let attempts = store.attempts(&resource.name, 1).await?;
    let done = Done {
        attempt: attempts
            .into_iter()
            .find(|attempt| attempt.id == applied.attempt),
        complete: applied.is_complete(),
        sync: applied.sync.to_string(),
    };
    context.output.show(&done, || {
        done.attempt
            .as_ref()
            .map_or_else(|| done.sync.clone(), super::attempts::drawn)
    })?;
    Ok(if done.complete {
        Exit::Ok
    } else {
        Exit::Partial
    })
}

fn tell(context: &Context, step: &StepReport) {
    let mark = if step.failed { "FAILED" } else { "ok" };
    context.message(format!("{:<11} {mark:<6} {}", step.step, step.outcome));
}

/// What each step would do.
pub(super) fn dry_run(switch: &Switch, resource: &ResourceSettings, store: &Store) -> String {
    let command = |turn: Option<&Turn>| match turn {
        None => String::new(),
        Some(Turn::Command(words)) => format!("; run: {}", words.join(" ")),
        Some(other) => format!("; by {other}"),
    };
    let consumer = &resource.consumer;
    let place = Consumer::new(&resource.name, consumer, store).place();
    let (old, new) = (&switch.expected.cursor, &switch.new);
    let mut text = String::from("\n\nnothing was done; the steps would be\n");
    // Writing to a String cannot fail.
    _ = writeln!(
        text,
        "  stop    the sync of {}{}",
        switch.resource,
        command(consumer.stop.as_ref())
    );
    _ = writeln!(
        text,
        "  save    the cursor {}/{} found in {place}",
        old.last_updated, old.last_deleted
    );
    _ = writeln!(
        text,
        "  write   {}/{} on {}, if that cursor still stands",
        new.last_updated, new.last_deleted, switch.to
    );
    _ = writeln!(
        text,
        "  verify  by reading it back, and record what the consumer holds"
    );
    if switch.restart {
        _ = write!(
            text,
            "  start   the sync{}",
            command(consumer.start.as_ref())
        );
        if let Some(confirm) = consumer.kind.confirm() {
            let within = humantime::format_duration(confirm.within);
            _ = write!(text, "\n  confirm that it goes on, within {within}");
        }
    } else {
        _ = write!(text, "  leave   the sync stopped");
    }
    text
}
