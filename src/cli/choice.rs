//! The arguments that choose where a resource goes: the same for `plan` and `failover`.

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser as _};

use super::CliError;
use crate::model::{DcName, Hours, StartMethod, UtcMs};

/// How far another machine's clock may run ahead of ours before what it says is refused, in milliseconds.
const SKEW_MS: i64 = 120_000;

/// Where to go, and how the start there is found.
///
/// Manual: `--to` with `--usn-date`. Semi-automatic: `--auto`, with `--failure-timestamp` and `--replication-time`.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Choosing the start")]
pub struct Choice {
    /// Take this DC and no other
    #[arg(long, value_name = "DC", visible_alias = "backup-dc")]
    pub to: Option<DcName>,
    /// Manual: start at the sample of this time, as `history` lists it; UTC unless it names a zone; needs --to
    #[arg(
        long,
        value_name = "TIME",
        requires = "to",
        conflicts_with_all = ["auto", "method", "failure_timestamp", "replication_time"]
    )]
    pub usn_date: Option<UtcMs>,
    /// Choose among all backup DCs (the default without --usn-date)
    #[arg(long)]
    pub auto: bool,
    /// When the DC in use failed, in UTC unless it names a zone [default: its last good sample]
    #[arg(long, value_name = "TIME")]
    pub failure_timestamp: Option<UtcMs>,
    /// Hours within which a change has surely reached every DC [default: the resource's]
    #[arg(long, value_name = "HOURS")]
    pub replication_time: Option<Hours>,
    /// How the start is found [default: the resource's]
    #[arg(long, value_name = "METHOD", value_parser = method())]
    pub method: Option<StartMethod>,
    /// Accept a start that may miss changes; recorded with the attempt
    #[arg(long)]
    pub allow_gap: bool,
}

/// Whether the sync is started again afterwards.
#[derive(Debug, Clone, Copy, Args)]
pub struct Restart {
    /// Start the sync again afterwards (the default)
    #[arg(long, overrides_with = "no_restart")]
    restart: bool,
    /// Leave the sync stopped
    #[arg(long, overrides_with = "restart")]
    no_restart: bool,
}

impl Restart {
    /// Whether the sync is started again: yes, unless the last word was `--no-restart`.
    pub fn wanted(self) -> bool {
        self.restart || !self.no_restart
    }
}

/// FailureTimestamp as given; one that is still to come is refused, since a failure that is reported has happened.
pub(super) fn failure_timestamp(
    given: Option<UtcMs>,
    now: UtcMs,
) -> Result<Option<UtcMs>, CliError> {
    match given {
        Some(at) if is_to_come(at, now) => Err(CliError::Usage(format!(
            "--failure-timestamp {at} is in the future, it is {now} here: give the time at which the sync failed, in \
             UTC (`...Z`) or with its offset, and see to it that both clocks are right"
        ))),
        given => Ok(given),
    }
}

/// Whether a moment lies in the future, by more than clocks differ.
pub(super) fn is_to_come(at: UtcMs, now: UtcMs) -> bool {
    at.ms_since(now) > SKEW_MS
}

fn method() -> impl clap::builder::TypedValueParser<Value = StartMethod> {
    PossibleValuesParser::new(["best", "time", "vector"]).map(|word| match word.as_str() {
        "time" => StartMethod::Time,
        "vector" => StartMethod::Vector,
        _ => StartMethod::Best,
    })
}
