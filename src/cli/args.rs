//! The arguments all commands share, and the list of commands.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};

const EXAMPLES: &str = "\
Examples:
  highwater demo             what a failover does, on a simulated forest
  highwater config check     every mistake in the configuration
  highwater check            every connection and right
  highwater run              the service
  highwater failover hr      when the DC that resource hr reads has died

Exit codes:
  0 ok   1 failed   2 usage   3 refused by a safety rule   4 done in part
  5 unreachable   6 not authenticated or not permitted   7 TLS
  78 configuration";

/// Keeps an incremental Active Directory sync running when the domain controller it reads from dies.
#[derive(Debug, Parser)]
#[command(name = "highwater", version, after_help = EXAMPLES, subcommand_required = true, disable_help_subcommand = true)]
pub struct Args {
    /// What every command takes.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What every command takes.
#[derive(Debug, Clone, ClapArgs)]
#[command(next_help_heading = "Global options")]
pub struct Global {
    /// The configuration file [default: ./highwater.toml, then /etc/highwater/highwater.toml]
    #[arg(long, global = true, value_name = "PATH", env = "HIGHWATER_CONFIG")]
    pub config: Option<PathBuf>,
    /// How data is written to stdout
    #[arg(
        short,
        long,
        global = true,
        value_enum,
        value_name = "FORMAT",
        default_value = "table"
    )]
    pub output: Format,
    /// How much is logged to stderr [default: info for `run`, off for `demo`, warn otherwise]
    #[arg(
        long,
        global = true,
        value_enum,
        value_name = "LEVEL",
        env = "HIGHWATER_LOG"
    )]
    pub log: Option<LogLevel>,
    /// How the log is written
    #[arg(
        long,
        global = true,
        value_enum,
        value_name = "FORMAT",
        default_value = "text"
    )]
    pub log_format: LogFormat,
    /// No messages on stderr but errors
    #[arg(short, long, global = true)]
    pub quiet: bool,
}

/// How data is written to stdout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people
    Table,
    /// For programs: one JSON document
    Json,
}

/// How the log is written to stderr.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people
    Text,
    /// For programs: one JSON object a line
    Json,
}

/// How much is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogLevel {
    /// Nothing
    Off,
    /// What failed
    Error,
    /// And what is odd
    Warn,
    /// And what was done
    Info,
    /// And how
    Debug,
    /// And every step
    Trace,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Shows on simulated DCs what a failover misses and repeats
    Demo(super::demo::Args),
    /// Runs the service
    Run(super::run::Args),
    /// Polls the domain controllers once and keeps the samples
    Collect(super::collect::Args),
    /// Lists the collected USN times per DC
    History(super::history::Args),
    /// Shows what `failover` would do, and why
    Plan(super::plan::Args),
    /// Moves a resource to another DC
    Failover(super::failover::Args),
    /// Puts back host and cursor from before the last failover
    Undo(super::undo::Args),
    /// Orders a full pass of a feed, or records that a sync made one
    Resync(super::resync::Args),
    /// Reports a failure of another sync
    OnError(super::on_error::Args),
    /// Lists incidents, acknowledges and ends them
    Incidents(super::incidents::Args),
    /// Approves a proposed failover
    Approve(super::approve::Args),
    /// Rejects a proposed failover
    Reject(super::approve::RejectArgs),
    /// Stops automatic failovers and proposals for a while
    Pause(super::pause::Args),
    /// Tests and lists the rules over errors
    Rules(super::rules::Args),
    /// Previews notices, and resends undelivered ones
    Mail(super::mail::Args),
    /// Lists past failovers with every step
    Attempts(super::attempts::Args),
    /// Rehearses a failover of a feed, delivering nothing
    Drill(super::drill::Args),
    /// Proves after a failover that a feed left nothing out
    Audit(super::audit::Args),
    /// Runs a feed in the foreground, events on standard output
    Sync(super::sync::Args),
    /// Lists the events that a sink refused for good
    DeadLetters(super::dead_letters::Args),
    /// Shows the state of resources and domain controllers
    Status(super::status::Args),
    /// Tries every connection and right, and says what to grant
    Check(super::check::Args),
    /// Finds the domain controllers of the domain
    Discover(super::discover::Args),
    /// Lists, adds and releases DCs that must not take over
    Quarantine(super::quarantine::Args),
    /// Checks or shows the configuration
    Config(super::config::Args),
    /// Writes a consistent copy of the store
    Backup(super::backup::Args),
    /// Writes what is known of a resource as JSON
    Export(super::export::Args),
    /// Reads what `export` wrote into the store
    Import(super::import::Args),
    /// Writes the completions of a shell
    Completions(super::completions::Args),
    /// Writes the manual pages
    Man(super::man::Args),
    /// Shows the help of a command, or a topic
    Help(super::help::Args),
}

impl Command {
    /// What is not logged unless a level is asked for, since the command's own output tells the same.
    pub fn shown_anyway(&self) -> Option<&'static str> {
        matches!(self, Self::Collect(_)).then_some("highwater::collector::task")
    }

    /// The level to log at where none is asked for.
    pub fn default_level(&self) -> LogLevel {
        match self {
            Self::Run(_) => LogLevel::Info,
            // It makes the failures it shows, and tells of them in its own words.
            Self::Demo(_) => LogLevel::Off,
            _ => LogLevel::Warn,
        }
    }
}
