//! `dead-letters`: events that a sink refused for good.

use comfy_table::Table;
use serde::Serialize;
use serde_json::value::RawValue;

use super::output::table;
use super::{CliError, Context, Exit, confirm};
use crate::config::Secrets;
use crate::model::{ObjectGuid, ResourceName, UtcMs};
use crate::store::{DeadLetter, Replay, Store};

const EXAMPLES: &str = "\
Examples:
  highwater dead-letters hr                      the oldest 100
  highwater -o json dead-letters hr --limit 5    with the events themselves
  highwater dead-letters hr --replay 17          delivers the object again
  highwater dead-letters hr --drop 17 18 --yes
  highwater dead-letters hr --drop 17 --dry-run

An event that is delivered again shows the object as it is then, not as it was.";

/// Lists the events that a sink refused for good, delivers their objects again, or drops them
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The resource
    pub resource: ResourceName,
    /// Has the objects of these letters read whole and told anew, and removes the letters
    #[arg(long, value_name = "ID", num_args = 1.., conflicts_with = "drop")]
    pub replay: Vec<i64>,
    /// Removes these letters for good
    #[arg(long, value_name = "ID", num_args = 1..)]
    pub drop: Vec<i64>,
    /// Lists at most so many
    #[arg(long, value_name = "N", default_value_t = 100, conflicts_with_all = ["replay", "drop"])]
    pub limit: usize,
    /// Lists those with higher numbers than this
    #[arg(long, value_name = "ID", default_value_t = 0, conflicts_with_all = ["replay", "drop"])]
    pub after: i64,
    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,
    /// Show the letters that would be told anew or dropped and change nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// One letter as it is shown.
#[derive(Debug, Serialize)]
struct Row {
    id: i64,
    sink: String,
    at: UtcMs,
    status: Option<u16>,
    why: String,
    event_id: String,
    object: Option<ObjectGuid>,
    event: Event,
}

/// The event as part of the document where it is JSON, else as text.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Event {
    Json(Box<RawValue>),
    Text(String),
}

impl From<DeadLetter> for Row {
    fn from(letter: DeadLetter) -> Self {
        let event = letter.queued.event;
        Self {
            id: letter.id,
            sink: letter.sink,
            at: letter.at,
            status: letter.status,
            why: letter.why,
            event_id: event.id,
            object: event.guid,
            event: match serde_json::from_str(&event.body) {
                Ok(json) => Event::Json(json),
                Err(_) => Event::Text(event.body),
            },
        }
    }
}

/// Lists, replays or drops.
pub async fn run(args: Args, context: &Context) -> Result<Exit, CliError> {
    let settings = context.settings(Secrets::Skip)?;
    let resource = context.resource(&settings, &args.resource)?;
    if !resource.consumer.kind.is_builtin() {
        return Err(CliError::Usage(format!(
            "resource `{}` has no feed of ours: dead letters are of those with consumer.kind = \"builtin\"",
            resource.name
        )));
    }
    let store = context.store(&settings).await?;
    let letters = match (args.replay.as_slice(), args.drop.as_slice()) {
        ([], []) => {
            store
                .dead_letters(&resource.name, args.after, args.limit)
                .await?
        }
        ([], ids) | (ids, _) => named(&store, &resource.name, ids).await?,
    };
    let is_list = args.replay.is_empty() && args.drop.is_empty();
    let acts = !is_list && !args.dry_run;
    if acts && !args.yes {
        let n = letters.len();
        confirm::ask(&if args.drop.is_empty() {
            format!("Have the objects of {n} dead letters told anew?")
        } else {
            format!("Drop {n} dead letters for good?")
        })?;
    }
    let mut complete = true;
    if acts {
        for letter in &letters {
            complete &= act(&store, letter, &args, context).await?;
        }
    }
    let rows: Vec<Row> = letters.into_iter().map(Row::from).collect();
    context.output.emit(&rows, || drawn(&rows))?;
    Ok(if complete { Exit::Ok } else { Exit::Partial })
}

/// The letters with these numbers, all of them of this resource.
async fn named(
    store: &Store,
    resource: &ResourceName,
    ids: &[i64],
) -> Result<Vec<DeadLetter>, CliError> {
    let mut letters = Vec::new();
    for id in ids {
        let found = store
            .dead_letters(resource, id.saturating_sub(1), 1)
            .await?
            .pop()
            .filter(|letter| letter.id == *id);
        let letter = found.ok_or_else(|| {
            CliError::Usage(format!(
                "resource `{resource}` has no dead letter {id}; `highwater dead-letters {resource}` lists them"
            ))
        })?;
        letters.push(letter);
    }
    Ok(letters)
}

/// Whether it was done.
async fn act(
    store: &Store,
    letter: &DeadLetter,
    args: &Args,
    context: &Context,
) -> Result<bool, CliError> {
    let id = letter.id;
    if !args.drop.is_empty() {
        let dropped = store.drop_dead_letter(id).await?;
        context.message(format!(
            "letter {id} {}",
            if dropped {
                "is dropped"
            } else {
                "was gone already"
            }
        ));
        return Ok(true);
    }
    Ok(match store.replay_dead_letter(id).await? {
        Replay::Queued(reread) => {
            context.message(format!(
                "letter {id}: object {} is told anew in the next pass, to every sink",
                reread.guid
            ));
            true
        }
        Replay::Missing => {
            context.message(format!("letter {id} was gone already"));
            true
        }
        Replay::NoObject => {
            context.message(format!(
                "letter {id} tells of no object that is remembered, so there is nothing to read: it stays; \
                 `--drop {id}` removes it"
            ));
            false
        }
    })
}

fn drawn(rows: &[Row]) -> Table {
    let mut drawn = table(&[
        "ID",
        "SINK",
        "REFUSED AT",
        "STATUS",
        "EVENT",
        "OBJECT",
        "WHY",
    ]);
    for row in rows {
        let dash = || "-".to_owned();
        drawn.add_row(vec![
            row.id.to_string(),
            row.sink.clone(),
            row.at.to_string(),
            row.status.map_or_else(dash, |status| status.to_string()),
            row.event_id.clone(),
            row.object.map_or_else(dash, |guid| guid.to_string()),
            row.why.clone(),
        ]);
    }
    drawn
}
