//! `demo`: a simulated forest, a death, and what each way to go on costs.

use std::fmt::Write as _;

use super::output::table;
use super::{CliError, Context, Exit};
use crate::lab::demo::{self, Means, Report, Row};

const EXAMPLES: &str = "\
Examples:
  highwater demo               three simulated DCs; needs no configuration
  highwater demo --seed 42     another forest
  highwater -o json demo       the findings as JSON";

/// Shows on a simulated forest what a failover misses and repeats, by every method
///
/// Starts three simulated DCs on loopback (LDAPS), lets the collector sample them and a small sync read dc1, kills dc1,
/// and carries copies of the sync on from the start each method gives. Exit code 0 only if the vector start missed
/// nothing.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The seed of the forest and its writes
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
}

/// Gives the demonstration.
pub async fn run(args: Args, context: &Context) -> Result<Exit, CliError> {
    let report = demo::run(args.seed, |line| context.message(line))
        .await
        .map_err(|source| CliError::failed("the demonstration failed", source))?;
    context
        .output
        .show(&report, || rendered(&report, context))?;
    Ok(if report.vector_missed_nothing() {
        Exit::Ok
    } else {
        Exit::Failed
    })
}

fn rendered(report: &Report, context: &Context) -> String {
    let mut rows = table(&["START", "FROM USN", "READ", "REPEATED", "MISSED", "PLANNER"]);
    for row in report.rows.iter().chain([&report.moved]) {
        let dash = || "-".to_owned();
        let missed = row.missed.map_or_else(dash, |missed| missed.to_string());
        rows.add_row([
            means(row),
            row.start.map_or_else(dash, |start| start.to_string()),
            row.tally.read.to_string(),
            row.tally.repeated.to_string(),
            missed,
            judged(row, report).to_owned(),
        ]);
    }
    let mut text = context.output.draw(rows);
    let _ = write!(
        text,
        "\n\nREAD and REPEATED count objects, MISSED values that {} has and the sync lacks in the end.\n\
         dc1 died {} ms behind {}. `best` took the {} start and missed {}.",
        report.moved_to,
        report.lag_ms,
        report.moved_to,
        report.best,
        report.moved.missed.map_or_else(
            || "nobody knows".to_owned(),
            |n| if n == 0 {
                "nothing".to_owned()
            } else {
                n.to_string()
            }
        )
    );
    let feed = &report.feed;
    let _ = write!(
        text,
        "\n\nHighwater's own feed: {} events from dc1, then {} from the next DC; {} objects read there were recognised as \
         told,\n{} changes were told twice (and {} memberships, which carry no stamps), and {} missed.",
        feed.events_before,
        feed.events_after,
        feed.suppressed,
        feed.repeated,
        feed.unproven,
        feed.missed.map_or_else(
            || "nobody knows how many were".to_owned(),
            |n| format!("{n} values were")
        ),
    );
    if report.moved.ahead > 0 {
        let _ = write!(
            text,
            "\n{} values the sync had from dc1 had not left dc1 yet; they come back only with it.",
            report.moved.ahead
        );
    }
    text
}

fn means(row: &Row) -> String {
    let bound = row.replication_time_ms.unwrap_or(0);
    match row.means {
        Means::Vector => "vector".to_owned(),
        Means::TimeNone => "time, replicationTime 0".to_owned(),
        Means::TimeHalf => format!("time, {bound} ms (half the lag)"),
        Means::TimeHonest => format!("time, {bound} ms (the lag)"),
        Means::TimeGenerous => format!("time, {bound} ms (three times)"),
        Means::Manual => "manual, newest sample".to_owned(),
        Means::Best => "best, carried out".to_owned(),
    }
}

fn judged(row: &Row, report: &Report) -> &'static str {
    match (row.means, &row.refused) {
        (Means::Best, _) => "chosen",
        (_, Some(_)) if row.start.is_some() => "refused: would skip",
        (_, Some(_)) => "no start",
        _ if row.start == report.moved.start => "same as best",
        _ => "allowed",
    }
}
