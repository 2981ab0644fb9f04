//! `config check` and `config show`.

use std::io::Read as _;
use std::process::Stdio;

use serde_json::Value;
use tempfile::TempDir;

use super::{GOOD, program, run, stderr, stdout};

fn folder_with(text: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("highwater.toml"), text).unwrap();
    folder
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn at(value: &Value, pointer: &str) -> Value {
    value
        .pointer(pointer)
        .cloned()
        .unwrap_or_else(|| panic!("{pointer} in {value}"))
}

#[test]
fn a_good_file_is_told_so() {
    let folder = folder_with(&without_warnings());
    let table = run(folder.path(), &["config", "check", "--strict"]);
    assert_eq!(table.status.code(), Some(0), "{}", stderr(&table));
    let row = stdout(&table).lines().last().unwrap().to_owned();
    let cells: Vec<&str> = row.split_whitespace().collect();
    assert_eq!(cells, ["highwater.toml", "2", "1", "none", "none"]);
    assert!(stderr(&table).is_empty());
    let told = json(&stdout(&run(
        folder.path(),
        &["-o", "json", "config", "check"],
    )));
    assert_eq!(at(&told, "/ok"), true);
    assert_eq!(at(&told, "/dcs"), 2);
}

/// The good file with all that a warning would ask for.
fn without_warnings() -> String {
    let told = "stop = [\"true\"]\nstart = [\"true\"]\n[process.ad]\nnotify = [\"page\"]\n\
                [channel.page]\nkind = \"command\"\nargv = [\"/bin/true\"]\n";
    GOOD.replace("backup_dcs", "process = \"ad\"\nbackup_dcs") + told
}

#[test]
fn what_may_not_be_meant_is_warned_of_and_refused_if_strict() {
    let folder = folder_with(GOOD);
    let checked = run(folder.path(), &["config", "check"]);
    assert_eq!(checked.status.code(), Some(0), "{}", stderr(&checked));
    let row = stdout(&checked);
    assert!(row.trim_end().ends_with("none       2"), "{row}");
    let expected = "\
warning: `resource.hr.consumer` has no stop: nothing stops the sync while its host and cursor are rewritten
  --> highwater.toml:16:1
   |
16 | [resource.hr.consumer]
   | ^^^^^^^^^^^^^^^^^^^^^^
   |
   = help: add stop and start, like";
    let said = stderr(&checked);
    assert!(said.contains(expected), "{said}");
    let strict = run(
        folder.path(),
        &["-o", "json", "config", "check", "--strict"],
    );
    assert_eq!(strict.status.code(), Some(78));
    let told = json(&stdout(&strict));
    assert_eq!(at(&told, "/ok"), false);
    assert_eq!(at(&told, "/problems"), json("[]"));
    assert_eq!(at(&told, "/warnings/0/kind"), "nobody_is_told");
    assert_eq!(at(&told, "/warnings/0/field"), "resource.hr");
    assert_eq!(at(&told, "/warnings/1/kind"), "nothing_stops");
    assert_eq!(at(&told, "/warnings/1/line"), 16);
}

#[test]
fn the_smallest_configuration_of_the_readme_is_right() {
    let readme = include_str!("../../README.md");
    let (_, rest) = readme.split_once("```toml\n").unwrap();
    let (text, _) = rest.split_once("```").unwrap();
    let folder = folder_with(text);
    let shown = run(folder.path(), &["config", "show"]);
    assert_eq!(shown.status.code(), Some(0), "{}", stderr(&shown));
}

#[test]
fn every_problem_is_told_with_line_and_column_and_the_line() {
    let folder = folder_with(
        &GOOD
            .replace("host = \"dc2.example.com\"", "hots = \"dc2.example.com\"")
            .replace("\"before_search\"", "\"before\""),
    );
    let checked = run(folder.path(), &["config", "check"]);
    assert_eq!(checked.status.code(), Some(78));
    assert!(checked.stdout.is_empty());
    let expected = "\
error: `dc.dc2.host` is missing
  --> highwater.toml:11:1
   |
11 | [dc.dc2]
   | ^^^^^^^^
   |
   = help: add host = \"dc1.example.com\"";
    let said = stderr(&checked);
    assert!(said.contains(expected), "{said}");
    assert!(said.contains(" --> highwater.toml:12:1\n"), "{said}");
    assert!(said.contains("help: did you mean `host`?"), "{said}");
    assert!(said.contains(" --> highwater.toml:18:12\n"), "{said}");
    assert!(
        !said.contains('\u{1b}'),
        "no colours where there is no terminal"
    );
}

#[test]
fn problems_as_json_go_to_stdout() {
    let folder = folder_with(&GOOD.replace("\"hw.db\"", "5"));
    let checked = run(folder.path(), &["-o", "json", "config", "check"]);
    assert_eq!(checked.status.code(), Some(78));
    let told = json(&stdout(&checked));
    assert_eq!(at(&told, "/ok"), false);
    assert_eq!(at(&told, "/problems/0/line"), 2);
    assert_eq!(at(&told, "/problems/0/column"), 8);
    assert_eq!(
        at(&told, "/problems/0/message"),
        "`store.path = 5` is no text"
    );
}

#[test]
fn a_secret_that_cannot_be_read_is_a_problem_of_check_but_not_of_show() {
    let folder = folder_with(GOOD);
    let without = |args: &[&str]| {
        let mut command = program(folder.path());
        command.env_remove("HW_PASS").args(args).output().unwrap()
    };
    let checked = without(&["config", "check"]);
    assert_eq!(checked.status.code(), Some(78));
    assert!(
        stderr(&checked).contains("highwater.toml:8:12"),
        "{}",
        stderr(&checked)
    );
    assert_eq!(without(&["config", "show"]).status.code(), Some(0));
}

#[test]
fn show_tells_the_settings_in_force_and_no_secret() {
    let folder = folder_with(GOOD);
    let table = stdout(&run(folder.path(), &["config", "show"]));
    let row = |key: &str, value: &str| {
        table
            .lines()
            .any(|line| line.split_whitespace().eq([key, value]))
    };
    assert!(row("dc.dc1.port", "636"), "{table}");
    assert!(row("dc.dc1.credentials.password.env", "HW_PASS"), "{table}");
    let shown = stdout(&run(folder.path(), &["-o", "json", "config", "show"]));
    assert!(shown.ends_with("}\n"));
    assert_eq!(at(&json(&shown), "/resource/hr/rewrites"), "ldap_host");
    assert_eq!(at(&json(&shown), "/collector/days_to_keep_usns"), 7);
    assert!(!format!("{table}{shown}").contains("hunter2"));
}

#[test]
fn the_file_is_looked_for_in_the_documented_order() {
    let none = tempfile::tempdir().unwrap();
    let missing = run(none.path(), &["config", "check"]);
    assert_eq!(missing.status.code(), Some(78));
    assert!(
        stderr(&missing).contains("--config or HIGHWATER_CONFIG"),
        "{}",
        stderr(&missing)
    );
    let (one, two) = (
        folder_with(GOOD),
        folder_with(&GOOD.replace("[dc.dc1]", "[dc.dc3]")),
    );
    let shown = |args: &[&str]| {
        let output = program(one.path())
            .env("HIGHWATER_CONFIG", two.path().join("highwater.toml"))
            .args(["-o", "json", "config", "show"])
            .args(args)
            .output()
            .unwrap();
        json(&stdout(&output))
    };
    assert!(shown(&[]).pointer("/dc/dc3").is_some());
    assert!(
        shown(&["--config", "highwater.toml"])
            .pointer("/dc/dc1")
            .is_some()
    );
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let folder = folder_with(GOOD);
    let mut child = program(folder.path())
        .args(["config", "show"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let mut said = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut said)
        .unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_eq!(said, "");
}

#[test]
fn check_shows_what_a_preset_stands_for() {
    let (head, _) = GOOD.split_once("[resource.hr.consumer]").unwrap();
    let folder = folder_with(&format!(
        "{head}[resource.hr.consumer]\npreset = \"openidm\"\nsource = \"system/ldap/account\"\nschedule = \"live\"\n\
         confirm = \"off\"\n[resource.hr.consumer.http]\nbase = \"https://idm.example.com/openidm\"\n\
         bearer = {{ env = \"HW_PASS\" }}\n"
    ));
    let checked = run(folder.path(), &["config", "check"]);
    assert_eq!(checked.status.code(), Some(0), "{}", stderr(&checked));
    let table = stdout(&checked);
    for part in [
        "resource hr: preset \"openidm\" stands for",
        "http = \"repo/synchronisation/pooledSyncStage/SYSTEMLDAPACCOUNT\"",
        "env = \"HW_PASS\"",
        "confirm = \"off\"",
    ] {
        assert!(table.contains(part), "{part}: {table}");
    }
    assert!(!table.contains("hunter2"));
    let told = json(&stdout(&run(
        folder.path(),
        &["-o", "json", "config", "check"],
    )));
    assert_eq!(at(&told, "/presets/hr/preset"), "openidm");
    let shown = json(&stdout(&run(
        folder.path(),
        &["-o", "json", "config", "show"],
    )));
    let consumer = at(&shown, "/resource/hr/consumer");
    assert_eq!(at(&consumer, "/preset"), "openidm");
    assert_eq!(at(&consumer, "/outside/cursor/guard/revision"), "/_rev");
}
