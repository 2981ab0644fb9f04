//! `attempts`: past failovers.

use std::fmt::Write as _;

use super::{CliError, Context, Exit};
use crate::config::Secrets;
use crate::model::{Attempt, ResourceName};

const EXAMPLES: &str = "\
Examples:
  highwater attempts               all resources
  highwater -o json attempts hr    one, as JSON";

/// Lists past failovers with every step and its outcome
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Only this resource
    pub resource: Option<ResourceName>,
}

/// How many attempts of a resource are shown.
const SHOWN: u32 = 50;

/// Lists the attempts, newest first.
pub async fn run(args: Args, context: &Context) -> Result<Exit, CliError> {
    let settings = context.settings(Secrets::Skip)?;
    let resources = match &args.resource {
        Some(name) => vec![context.resource(&settings, name)?],
        None => settings.resources.values().collect(),
    };
    let store = context.store(&settings).await?;
    let mut attempts = Vec::new();
    for resource in resources {
        attempts.extend(store.attempts(&resource.name, SHOWN).await?);
    }
    attempts.sort_by_key(|attempt| std::cmp::Reverse(attempt.id));
    context.output.show(&attempts, || {
        if attempts.is_empty() {
            return "no failover or undo is on record".to_owned();
        }
        attempts.iter().map(drawn).collect::<Vec<_>>().join("\n\n")
    })?;
    Ok(Exit::Ok)
}

/// One attempt with its steps, for a person.
pub(super) fn drawn(attempt: &Attempt) -> String {
    let (old, new) = (&attempt.orders.expected.cursor, &attempt.orders.new);
    let mut text = format!(
        "#{} {} of {} at {} by {} ({}): {}\n  {} {}/{} → {} {}/{}",
        attempt.id,
        attempt.kind.code(),
        attempt.resource,
        attempt.made_at,
        attempt.who,
        attempt.channel,
        attempt.state,
        host(old),
        old.last_updated,
        old.last_deleted,
        host(new),
        new.last_updated,
        new.last_deleted,
    );
    for step in &attempt.steps {
        let mark = if step.failed { "FAILED" } else { "ok" };
        // Writing to a String cannot fail.
        _ = write!(
            text,
            "\n  {}  {:<11} {mark:<6} {}",
            step.at, step.step, step.outcome
        );
    }
    if let Some(outcome) = &attempt.outcome {
        _ = write!(text, "\n  {outcome}");
    }
    text
}

fn host(cursor: &crate::model::Cursor) -> &str {
    cursor
        .global_catalog
        .as_deref()
        .unwrap_or(&cursor.ldap_host)
}
