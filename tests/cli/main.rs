//! The program from outside: help, exit codes, stdout and stderr.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

#[cfg(unix)]
mod commands;
mod config;
mod events;
#[cfg(unix)]
mod examples;
mod failing;
mod feed;
mod frame;
mod help;
mod lost;
#[cfg(unix)]
mod manual;
mod names;
mod plan;
mod readme;
mod result_errors;
mod schema;
mod shell;
#[path = "../../src/store/tests/structure.rs"]
mod structure;
mod texts;
mod topics;
mod watch;

use std::path::Path;
use std::process::{Command, Output, Stdio};

/// A configuration without problems, whose password is in `$HW_PASS`.
const GOOD: &str = r#"[store]
path = "hw.db"
[connection]
credentials = "reader"
[credentials.reader]
method = "simple"
user = "svc@example.com"
password = { env = "HW_PASS" }
[dc.dc1]
host = "dc1.example.com"
[dc.dc2]
host = "dc2.example.com"
[resource.hr]
base_contexts = ["OU=People,DC=example,DC=com"]
backup_dcs = ["dc2"]
[resource.hr.consumer]
kind = "store"
position = "before_search"
"#;

/// The program, in `folder` and without our own environment's say.
fn program(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_highwater"));
    command
        .current_dir(folder)
        .env_clear()
        .env("HW_PASS", "hunter2")
        .stdin(Stdio::null());
    command
}

fn run(folder: &Path, args: &[&str]) -> Output {
    program(folder).args(args).output().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}
