//! A process that is killed while it writes.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::file::sink;
use super::*;

/// Set for the process that is killed: where it writes.
const FILE: &str = "HIGHWATER_TEST_KILLED_WRITER";
const NAME: &str =
    "active_sync::sinks::tests::killed::what_was_acknowledged_is_there_and_every_line_is_whole";

#[test]
fn what_was_acknowledged_is_there_and_every_line_is_whole() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    if let Some(file) = std::env::var_os(FILE) {
        runtime.block_on(write_for_ever(&PathBuf::from(file)));
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hr.jsonl");
    for round in 0..12_u64 {
        let acknowledged = killed_after(&path, Duration::from_millis(3 + 7 * round));
        let delivered = runtime.block_on(sink(&path, 1 << 30, 3).deliver(&events(0..1)));
        assert_eq!(delivered, all_up_to(0));
        let found = numbers(&std::fs::read_to_string(&path).unwrap());
        let in_order: Vec<i64> = (1..).take(found.len() - 1).chain([0]).collect();
        assert_eq!(found, in_order);
        assert!(i64::try_from(found.len()).unwrap() > acknowledged);
        assert!(acknowledged > 0, "it was at work");
        std::fs::remove_file(&path).unwrap();
    }
}

/// The last event that a writer acknowledged before it was killed, so long after its first.
fn killed_after(path: &Path, pause: Duration) -> i64 {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", NAME, "--nocapture"])
        .env(FILE, path)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut told = BufReader::new(child.stderr.take().unwrap()).lines();
    let first = told.next().unwrap().unwrap();
    std::thread::sleep(pause);
    end(&mut child);
    let rest: Vec<String> = told.map_while(Result::ok).collect();
    let last = rest.iter().rev().find_map(|line| line.parse().ok());
    last.unwrap_or_else(|| first.parse().unwrap())
}

fn end(child: &mut Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}

/// Writes events of some size, and tells each acknowledgement.
async fn write_for_ever(path: &Path) {
    let mut sink = sink(path, 1 << 30, 3);
    let mut next = 1;
    loop {
        let batch: Vec<Queued> = (next..next + 20).map(|n| sized(n, 100_000)).collect();
        let last = sink.deliver(&batch).await.acknowledged_up_to.unwrap();
        writeln!(std::io::stderr(), "{last}").unwrap();
        next = last + 1;
    }
}
