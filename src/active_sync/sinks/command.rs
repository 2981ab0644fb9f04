//! A program that is started for each event, which it finds on its standard input as one line of JSON.
//!
//! # Decisions
//! - Exit status 0 takes the event, 65 (`EX_DATAERR` of sysexits.h) makes it a dead letter, anything else, a signal and
//!   the timeout included, means "try again later".
//! - Its standard output is thrown away; the last line of its standard error is the reason of a failure.
//! - It runs in a process group of its own, which is killed when its time is over or the delivery is broken off.

use super::{Down, Outcome};
use crate::config::CommandSink;
use crate::consumer::CommandFailure;
use crate::consumer::command::{self, Input};
use crate::model::Queued;

/// The exit status of a program that finds the event itself wrong.
const BAD_DATA: u16 = 65;
/// The most characters of its last words that are kept.
const KEPT: usize = 300;

#[derive(Debug)]
pub(super) struct Program {
    settings: CommandSink,
}

impl Program {
    pub(super) fn new(settings: &CommandSink) -> Self {
        Self {
            settings: settings.clone(),
        }
    }

    pub(super) async fn run(&self, queued: &Queued) -> Outcome {
        let input = Input::Text(format!("{}\n", queued.event.body));
        let CommandSink { argv, timeout } = &self.settings;
        match command::run(argv, *timeout, input).await {
            Ok(()) => Outcome::Taken,
            Err(CommandFailure::Failed {
                program,
                output,
                code,
                ..
            }) if code == Some(BAD_DATA.into()) => Outcome::Dead {
                why: with_words(format!("`{program}` refused the event"), &output),
                status: BAD_DATA,
            },
            Err(failure) => Outcome::Down(down(failure)),
        }
    }
}

fn down(failure: CommandFailure) -> Down {
    match failure {
        CommandFailure::Empty => Down::for_good("`argv` names no program"),
        CommandFailure::NotRun { program, problem } => Down::for_now(format!(
            "`{program}` could not be run ({problem}); check `argv` and the file's permissions"
        )),
        CommandFailure::TimedOut {
            program,
            bound,
            output,
        } => Down::for_now(with_words(
            format!(
                "`{program}` ran longer than timeout ({} s) and was killed",
                bound.as_secs_f64()
            ),
            &output,
        )),
        CommandFailure::Failed {
            program,
            status,
            output,
            ..
        } => Down::for_now(with_words(
            format!("`{program}` failed with {status}"),
            &output,
        )),
    }
}

/// The text with the last line of the program's output, made fit for one line.
fn with_words(text: String, output: &str) -> String {
    let last = output.lines().rev().find(|line| !line.trim().is_empty());
    let Some(last) = last else {
        return text;
    };
    let plain: String = last
        .trim()
        .chars()
        .filter(|c| !c.is_control())
        .take(KEPT)
        .collect();
    format!("{text}; it said: {plain}")
}
