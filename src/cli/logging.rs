//! The log, on stderr.
//!
//! # Decisions
//! - The level is Highwater's alone; libraries log warnings at most, since their debug output may show what they
//!   send, passwords included.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;

use super::args::{Global, LogFormat, LogLevel};

/// Starts the log for the rest of the process at the level asked for, or at `default` and then without the module
/// `shown_anyway`.
pub fn start(global: &Global, default: LogLevel, shown_anyway: Option<&str>) {
    let level = match (global.log, global.quiet) {
        (Some(level), _) => level,
        (None, true) if default != LogLevel::Off => LogLevel::Error,
        (None, _) => default,
    };
    let directives = match (global.log, shown_anyway) {
        (None, Some(module)) => format!("{},{module}=off", directives(level)),
        _ => directives(level).to_owned(),
    };
    let logger = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(directives))
        .with_writer(std::io::stderr);
    // A log that was started before, as in a test that calls this twice, stays.
    let _already_started = match global.log_format {
        LogFormat::Json => logger.json().try_init(),
        LogFormat::Text => logger.with_ansi(colours()).try_init(),
    };
}

fn directives(level: LogLevel) -> &'static str {
    match level {
        LogLevel::Off => "off",
        LogLevel::Error => "error",
        LogLevel::Warn => "warn",
        LogLevel::Info => "warn,highwater=info",
        LogLevel::Debug => "warn,highwater=debug",
        LogLevel::Trace => "warn,highwater=trace",
    }
}

/// Whether stderr shows colours: a terminal, and no wish against it (<https://no-color.org>).
fn colours() -> bool {
    let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    !unwanted && std::io::stderr().is_terminal()
}
