//! Exit codes, errors and output: what all commands share.

use std::io::{self, ErrorKind, Write};
use std::path::Path;
use std::sync::{Arc, Mutex};

use highwater::cli::args::Format;
use highwater::cli::output::{Output, table};
use highwater::cli::{CliError, Exit};
use highwater::model::{FailureKind, PollFailure};
use serde_json::json;

use super::{run, stderr};

#[test]
fn exit_codes_are_those_that_are_promised() {
    let codes = [
        (Exit::Ok, 0),
        (Exit::Failed, 1),
        (Exit::Usage, 2),
        (Exit::Refused, 3),
        (Exit::Partial, 4),
        (Exit::Unreachable, 5),
        (Exit::Denied, 6),
        (Exit::Tls, 7),
        (Exit::Config, 78),
    ];
    for (exit, code) in codes {
        assert_eq!(exit.code(), code, "{exit:?}");
    }
}

#[test]
fn each_failure_of_a_dc_has_its_exit() {
    let exits: Vec<u8> = FailureKind::ALL
        .into_iter()
        .map(|kind| {
            let detail = "dc1".to_owned();
            CliError::Directory(PollFailure { kind, detail })
                .exit()
                .code()
        })
        .collect();
    assert_eq!(exits, [5, 5, 5, 5, 5, 7, 6, 6, 6, 3, 5, 1, 1]);
}

/// A writer that keeps what it is given, or fails.
#[derive(Clone, Default)]
struct Paper {
    written: Arc<Mutex<Vec<u8>>>,
    fails: Option<ErrorKind>,
}

impl Write for Paper {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.fails {
            Some(kind) => Err(kind.into()),
            None => self.written.lock().unwrap().write(bytes),
        }
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn emitted(format: Format) -> String {
    let paper = Paper::default();
    let output = Output::to_writer(format, paper.clone());
    output
        .emit(&json!({ "dc": "dc1" }), || {
            let mut table = table(&["DC", "PORT"]);
            table.add_row(["dc1", "636"]);
            table
        })
        .unwrap();
    let written = paper.written.lock().unwrap().clone();
    String::from_utf8(written).unwrap()
}

#[test]
fn the_same_data_is_a_table_or_json() {
    assert_eq!(emitted(Format::Json), "{\n  \"dc\": \"dc1\"\n}\n");
    assert_eq!(
        emitted(Format::Table),
        " DC    PORT\n------------\n dc1   636\n"
    );
}

#[test]
fn a_full_disk_is_an_error_and_a_closed_pipe_is_none() {
    let to = |kind| {
        let fails = Some(kind);
        let paper = Paper {
            fails,
            ..Paper::default()
        };
        Output::to_writer(Format::Json, paper).line("x")
    };
    assert!(to(ErrorKind::BrokenPipe).is_ok());
    let full = to(ErrorKind::StorageFull).unwrap_err();
    assert_eq!(full.exit(), Exit::Failed);
}

#[test]
fn an_unknown_log_level_is_a_usage_error() {
    let wrong = run(Path::new("/"), &["--log", "loud", "config", "check"]);
    assert_eq!(wrong.status.code(), Some(2));
    assert!(
        stderr(&wrong).contains("error, warn, info, debug, trace"),
        "{}",
        stderr(&wrong)
    );
}
