//! `history`: the collected USN times.

use std::collections::BTreeMap;

use comfy_table::Table;
use serde::Serialize;

use super::output::table;
use super::plot::{self, Series};
use super::{CliError, Context, Exit};
use crate::config::Secrets;
use crate::model::{DcName, Incarnation, InvocationId, ResourceName, Usn, UtcMs};
use crate::store::{HistoryRow, Store};

/// How many samples of a DC the table shows where nothing else is said.
const NEWEST: usize = 20;

const EXAMPLES: &str = "\
Examples:
  highwater history hr                  the newest 20 of every DC
  highwater history hr --plot           all of it, drawn
  highwater -o json history hr --all    everything, as JSON
  highwater history hr --dc dc2 --since 2026-11-22T08:00";

/// Lists the collected USN times per DC: where an administrator picks the time for --usn-date
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The resource
    pub resource: ResourceName,
    /// Only this DC
    #[arg(long, value_name = "DC")]
    pub dc: Option<DcName>,
    /// Nothing older than this, in UTC unless it names a zone
    #[arg(long, value_name = "TIME")]
    pub since: Option<UtcMs>,
    /// At most so many samples per DC, the newest [default: 20, with --plot all]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub limit: Option<u32>,
    /// All samples that are kept, those that can start nothing included
    #[arg(long, conflicts_with = "limit")]
    pub all: bool,
    /// Draws USN over time, a drawing per DC, instead of the table
    #[arg(long)]
    pub plot: bool,
}

/// One sample an administrator can pick from.
#[derive(Debug, Serialize)]
struct Row {
    dc: DcName,
    usn_date: UtcMs,
    committed: Usn,
    invocation_id: InvocationId,
    took_ms: u32,
    /// Why it starts nothing; absent where it can be picked.
    void: Option<String>,
}

/// Lists the samples.
pub async fn run(args: Args, context: &Context) -> Result<Exit, CliError> {
    let settings = context.settings(Secrets::Skip)?;
    let resource = context.resource(&settings, &args.resource)?;
    let only = match &args.dc {
        Some(name) => Some(&context.dc(&settings, name)?.name),
        None => None,
    };
    let store = context.store(&settings).await?;
    let limit = match args.limit {
        Some(limit) => usize::try_from(limit).unwrap_or(usize::MAX),
        None if args.all || args.plot => usize::MAX,
        None => NEWEST,
    };
    let mut names: Vec<&DcName> = resource.backup_dcs.keys().collect();
    let in_use = store
        .cursors_seen()
        .await?
        .into_iter()
        .find(|seen| seen.resource == resource.name);
    let in_use = in_use.and_then(|seen| seen.dc);
    if let Some(dc) = in_use.as_ref().filter(|dc| !names.contains(dc)) {
        names.push(dc);
    }
    names.sort();
    if let Some(dc) = only.filter(|dc| !names.contains(dc)) {
        return Err(CliError::Usage(format!(
            "resource `{}` neither reads `{dc}` nor has it among its backup_dcs",
            resource.name
        )));
    }
    let mut rows = Vec::new();
    for dc in names
        .into_iter()
        .filter(|dc| only.is_none_or(|only| only == *dc))
    {
        rows.extend(of_dc(&store, dc, args.since, limit, args.all).await?);
    }
    if args.plot {
        let width = context.output.width().unwrap_or(80);
        let plotted = || plot::draw(&series(&rows), width, plot::braille());
        context.output.show(&rows, plotted)?;
    } else {
        context.output.emit(&rows, || drawn(&rows))?;
    }
    if rows.is_empty() {
        context.message(
            "no sample that could start anything is on record; `--all` shows the void ones, `highwater status` \
             whether the DCs are sampled",
        );
    }
    Ok(Exit::Ok)
}

async fn of_dc(
    store: &Store,
    dc: &DcName,
    since: Option<UtcMs>,
    limit: usize,
    all: bool,
) -> Result<Vec<Row>, CliError> {
    let lives = store.incarnations(dc).await?;
    let newest = lives.last().map(|life| life.invocation_id);
    let lives: BTreeMap<InvocationId, Incarnation> = lives
        .into_iter()
        .map(|life| (life.invocation_id, life))
        .collect();
    let samples = store.history(dc, since, None, limit).await?;
    let rows = samples.into_iter().map(
        |HistoryRow {
             invocation_id,
             sample,
         }| Row {
            dc: dc.clone(),
            usn_date: sample.collected_at,
            committed: sample.committed,
            invocation_id,
            took_ms: sample.took_ms,
            void: void(lives.get(&invocation_id), newest, sample.collected_at),
        },
    );
    Ok(rows.filter(|row| all || row.void.is_none()).collect())
}

/// Why a sample of this life starts nothing.
fn void(life: Option<&Incarnation>, newest: Option<InvocationId>, at: UtcMs) -> Option<String> {
    let life = life?;
    if Some(life.invocation_id) != newest {
        return Some("of an earlier invocationId".to_owned());
    }
    if let Some(quarantine) = &life.quarantine {
        return Some(format!("quarantined since {}", quarantine.since));
    }
    life.released_at
        .filter(|released| at <= *released)
        .map(|_| "before the release from quarantine".to_owned())
}

/// The rows by DC and incarnation.
fn series(rows: &[Row]) -> Vec<Series> {
    let mut series: BTreeMap<(&DcName, InvocationId), Series> = BTreeMap::new();
    for row in rows {
        let one = series
            .entry((&row.dc, row.invocation_id))
            .or_insert_with(|| Series {
                title: match &row.void {
                    Some(why) => format!("{} ({why})", row.dc),
                    None => row.dc.to_string(),
                },
                samples: Vec::new(),
            });
        one.samples.push((row.usn_date, row.committed));
    }
    series.into_values().collect()
}

fn drawn(rows: &[Row]) -> Table {
    let mut drawn = table(&["DC", "USN DATE", "USN", "TOOK", "INVOCATION ID", "NOTE"]);
    for row in rows {
        drawn.add_row(vec![
            row.dc.to_string(),
            row.usn_date.to_string(),
            row.committed.to_string(),
            format!("{} ms", row.took_ms),
            row.invocation_id.to_string(),
            row.void.clone().unwrap_or_default(),
        ]);
    }
    drawn
}
