//! Names of DCs without case, the rules without a process, and what is said where nothing is to be done.

use super::{GOOD, program, run, stderr, stdout};

/// A folder with the good configuration, in which DCs cannot be reached.
fn folder_with(text: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("highwater.toml"), text).unwrap();
    folder
}

/// The good configuration with a DC spelt `DC2`, and DCs that refuse at once.
fn unreachable() -> String {
    GOOD.replace("[dc.dc2]", "[dc.DC2]")
        .replace(
            "host = \"dc1.example.com\"",
            "host = \"127.0.0.1\"\nport = 1",
        )
        .replace(
            "host = \"dc2.example.com\"",
            "host = \"localhost\"\nport = 1",
        )
}

#[test]
fn a_typed_name_means_the_configured_one() {
    let folder = folder_with(&unreachable());
    let listed = run(folder.path(), &["history", "hr", "--dc", "dc2"]);
    assert_eq!(listed.status.code(), Some(0), "{}", stderr(&listed));
    let added = run(
        folder.path(),
        &["quarantine", "add", "Dc2", "--reason", "x"],
    );
    assert_eq!(added.status.code(), Some(3));
    assert!(
        stderr(&added).contains("DC2 has never been sampled"),
        "{}",
        stderr(&added)
    );
    let polled = run(folder.path(), &["collect", "--dc", "dc2"]);
    assert_eq!(polled.status.code(), Some(5), "{}", stderr(&polled));
    let table = stdout(&polled);
    assert_eq!(table.lines().count(), 3, "{table}");
    assert!(table.contains("\n DC2"), "{table}");
    let unknown = run(folder.path(), &["history", "hr", "--dc", "dc9"]);
    assert_eq!(unknown.status.code(), Some(2));
    assert!(stderr(&unknown).contains("there are `DC2`, `dc1`"));
}

#[test]
fn collect_tells_a_failure_once() {
    let folder = folder_with(&unreachable());
    let polled = run(folder.path(), &["collect"]);
    assert_eq!(stdout(&polled).matches("127.0.0.1:1").count(), 1);
    assert!(
        !stderr(&polled).contains("poll failed"),
        "{}",
        stderr(&polled)
    );
    let logged = run(folder.path(), &["--log", "warn", "collect"]);
    assert!(
        stderr(&logged).contains("poll failed"),
        "{}",
        stderr(&logged)
    );
}

#[test]
fn without_a_process_the_rules_of_the_program_are_tested_and_listed() {
    let nowhere = tempfile::tempdir().unwrap();
    for folder in [folder_with(GOOD), nowhere] {
        let listed = run(folder.path(), &["rules", "list"]);
        assert_eq!(listed.status.code(), Some(0), "{}", stderr(&listed));
        assert!(stdout(&listed).contains("invalid-credentials"));
        assert!(
            stderr(&listed).contains("these are the rules of the program"),
            "{}",
            stderr(&listed)
        );
        let tested = run(folder.path(), &["rules", "test"]);
        assert_eq!(tested.status.code(), Some(0), "{}", stdout(&tested));
        assert!(stdout(&tested).ends_with(", 0 misjudged\n"));
    }
    let folder = folder_with(&(GOOD.to_owned() + "[process.ad]\n"));
    let listed = run(folder.path(), &["rules", "list"]);
    assert_eq!(stderr(&listed), "");
    let named = program(folder.path())
        .args(["--config", "gone.toml", "rules", "list"])
        .output()
        .unwrap();
    assert_eq!(named.status.code(), Some(78));
}

#[test]
fn undo_says_that_nothing_was_moved() {
    let folder = folder_with(GOOD);
    let undone = run(folder.path(), &["undo", "hr"]);
    assert_eq!(undone.status.code(), Some(1));
    assert_eq!(
        stderr(&undone),
        "error: nothing to undo: resource hr has not been moved yet; `highwater status` shows what it reads\n"
    );
}

#[test]
fn the_demonstration_logs_nothing_unless_asked() {
    use clap::Parser as _;
    use highwater::cli::args::{Args, LogLevel};

    let demo = Args::try_parse_from(["highwater", "demo"]).unwrap();
    assert_eq!(demo.command.default_level(), LogLevel::Off);
    let logged = Args::try_parse_from(["highwater", "--log", "error", "demo"]).unwrap();
    assert_eq!(logged.global.log, Some(LogLevel::Error));
}
