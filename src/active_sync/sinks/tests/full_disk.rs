//! A disk that is full: a small one of its own, or, where none can be made, a bound on the size of files.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use super::file::sink;
use super::*;

/// Set for the run within the small disk: where it is.
const FOLDER: &str = "HIGHWATER_TEST_SMALL_DISK";
const NAME: &str =
    "active_sync::sinks::tests::full_disk::events_that_fit_are_taken_and_the_rest_wait";

/// Runs this very test again, with a disk of 64 KiB at `folder` that only it sees.
fn on_a_small_disk(folder: &Path) -> Output {
    let small = "mount -t tmpfs -o size=64k none \"$0\" && exec \"$@\"";
    let bounded = "trap '' XFSZ; ulimit -f 64; exec \"$@\"";
    let mount = |what: &str| {
        let mut command = Command::new("unshare");
        command.args(["-rm", "sh", "-c", what]).arg(folder);
        command
    };
    let can_mount = mount("mount -t tmpfs -o size=64k none \"$0\"").output();
    let mut command = if can_mount.is_ok_and(|done| done.status.success()) {
        mount(small)
    } else {
        let mut command = Command::new("bash");
        command.args(["-c", bounded]).arg(folder);
        command
    };
    command
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", NAME, "--nocapture"])
        .env(FOLDER, folder)
        .output()
        .unwrap()
}

#[test]
fn events_that_fit_are_taken_and_the_rest_wait() {
    if let Some(folder) = std::env::var_os(FOLDER) {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(fill(&PathBuf::from(folder)));
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let output = on_a_small_disk(folder.path());
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success(), "{said}");
    assert!(said.contains("1 passed"), "{said}");
}

async fn fill(folder: &Path) {
    let path = folder.join("hr.jsonl");
    let mut sink = sink(&path, 1 << 20, 3);
    let many: Vec<Queued> = (1..=100).map(|n| sized(n, 1500)).collect();
    let delivered = sink.deliver(&many).await;
    let taken = delivered.acknowledged_up_to.unwrap();
    assert!((20..60).contains(&taken), "{taken}");
    let why = &down(&delivered).why;
    assert!(why.contains("hr.jsonl cannot be written"), "{why}");
    let cause = ["No space left on device", "File too large"];
    assert!(cause.iter().any(|cause| why.contains(cause)), "{why}");
    let written = std::fs::read_to_string(&path).unwrap();
    assert!(written.ends_with('\n'), "nothing is left of the next event");
    assert_eq!(numbers(&written), (1..=taken).collect::<Vec<_>>());

    let left = usize::try_from(taken).unwrap();
    let again = sink.deliver(&many[left..]).await;
    assert_eq!(again.acknowledged_up_to, None, "it is still full");
    assert!(again.down.is_some());
    // A reader has dealt with the file and taken it away.
    std::fs::remove_file(&path).unwrap();
    let again = sink.deliver(&many[left..]).await;
    let next = again.acknowledged_up_to.unwrap();
    let written = std::fs::read_to_string(&path).unwrap();
    assert_eq!(numbers(&written), (taken + 1..=next).collect::<Vec<_>>());
}
