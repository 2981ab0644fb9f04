//! The command line: one file per command, and the frame they share.
//!
//! Owns the arguments ([`args`]), what goes to stdout ([`output`]) and how a command ends ([`exit`], [`error`]).
//! Data goes to stdout, messages and the log to stderr. It decides nothing about domain controllers.
//!
//! # Decisions
//! - Each command is `run(args, &Context) -> Result<Exit, CliError>`; [`main`] alone turns either into an exit code.
//! - A command stands in [`args::Command`] once its file has a `run`.

pub mod approve;
pub mod args;
pub mod attempts;
pub mod audit;
pub mod backup;
pub mod check;
pub mod choice;
pub mod collect;
pub mod completions;
pub mod config;
pub mod context;
pub mod dead_letters;
pub mod demo;
pub mod discover;
pub mod drill;
pub mod error;
pub mod exit;
pub mod export;
pub mod failover;
pub mod help;
pub mod history;
pub mod import;
pub mod incidents;
pub mod logging;
pub mod mail;
pub mod man;
pub mod on_error;
pub mod output;
pub mod pause;
pub mod plan;
pub mod quarantine;
pub mod resync;
pub mod rules;
pub mod run;
pub mod status;
pub mod sync;
pub mod undo;

mod confirm;
mod feed_error;
mod kerberos;
mod plan_view;
mod plot;
mod progress;
mod result_errors;
mod steps;
mod user;
mod who;

use std::ffi::OsString;
use std::num::NonZero;
use std::time::Duration;

use clap::FromArgMatches as _;

pub use context::Context;
pub use error::CliError;
pub use exit::Exit;

use args::{Args, Command};

/// How long work that was given up, a name look-up for one, may hold the end of the program up.
const LAST_WORK: Duration = Duration::from_secs(1);
/// The most threads that run tasks: 1,000 DCs a second need no more, and each has a heap of its own.
const MOST_WORKERS: usize = 4;

/// Runs the program with these arguments, its own name first, and gives the code to end with.
pub fn main(args: impl IntoIterator<Item = OsString>) -> Exit {
    let args = match parsed(args) {
        Ok(args) => args,
        Err(shown) => {
            // A reader that went away while help is printed changes nothing about the outcome.
            drop(shown.print());
            return if shown.use_stderr() {
                Exit::Usage
            } else {
                Exit::Ok
            };
        }
    };
    logging::start(
        &args.global,
        args.command.default_level(),
        args.command.shown_anyway(),
    );
    let context = Context::new(&args.global);
    let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
    let ended = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(cores.min(MOST_WORKERS))
        .enable_all()
        .build()
        .map_err(|source| CliError::failed("cannot start the asynchronous runtime", source))
        .and_then(|runtime| {
            let ended = runtime.block_on(dispatch(args.command, &context));
            // A name server that is gone or a dead network drive can hold a helper thread for minutes: nothing
            // is waited for that nobody waits for any more.
            runtime.shutdown_timeout(LAST_WORK);
            ended
        });
    ended.unwrap_or_else(|error| {
        error.report();
        error.exit()
    })
}

/// The arguments, read by the program whose help people see.
fn parsed(args: impl IntoIterator<Item = OsString>) -> Result<Args, clap::Error> {
    let mut program = help::program();
    let mut matches = program.try_get_matches_from_mut(args)?;
    Args::from_arg_matches_mut(&mut matches).map_err(|error| error.format(&mut program))
}

async fn dispatch(command: Command, context: &Context) -> Result<Exit, CliError> {
    match command {
        Command::Demo(args) => demo::run(args, context).await,
        Command::Run(args) => run::run(args, context).await,
        Command::Collect(args) => collect::run(args, context).await,
        Command::History(args) => history::run(args, context).await,
        Command::Plan(args) => plan::run(args, context).await,
        Command::Failover(args) => failover::run(args, context).await,
        Command::Undo(args) => Box::pin(undo::run(args, context)).await,
        Command::OnError(args) => on_error::run(args, context).await,
        Command::Incidents(args) => incidents::run(args, context).await,
        Command::Approve(args) => approve::run(args, context).await,
        Command::Reject(args) => approve::reject(args, context).await,
        Command::Pause(args) => pause::run(args, context).await,
        Command::Rules(args) => rules::run(args, context),
        Command::Mail(args) => mail::run(args, context).await,
        Command::Attempts(args) => attempts::run(args, context).await,
        Command::Resync(args) => resync::run(args, context).await,
        Command::Drill(args) => drill::run(args, context).await,
        Command::Audit(args) => audit::run(args, context).await,
        Command::Sync(args) => Box::pin(sync::run(args, context)).await,
        Command::DeadLetters(args) => dead_letters::run(args, context).await,
        Command::Status(args) => status::run(args, context).await,
        Command::Check(args) => check::run(args, context).await,
        Command::Discover(args) => discover::run(args, context).await,
        Command::Quarantine(args) => quarantine::run(args, context).await,
        Command::Config(args) => config::run(&args, context),
        Command::Backup(args) => backup::run(args, context).await,
        Command::Export(args) => export::run(args, context).await,
        Command::Import(args) => import::run(args, context).await,
        Command::Completions(args) => completions::run(&args, context),
        Command::Man(args) => man::run(&args, context),
        Command::Help(args) => help::run(&args, context),
    }
}
