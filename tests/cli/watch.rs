//! `status --watch` and `history --plot`, as a person or a program at the other end sees them.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::{GOOD, program, run, stderr, stdout};

fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("highwater.toml"), GOOD).unwrap();
    folder
}

fn watching(folder: &TempDir, args: &[&str]) -> Child {
    program(folder.path())
        .args(args)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// The exit code, once it has ended; fails where it goes on.
fn ended(child: &mut Child) -> Option<i32> {
    for _ in 0..200 {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code();
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    child.kill().unwrap();
    panic!("it goes on");
}

#[cfg(unix)]
fn interrupt(child: &Child) {
    let pid = rustix::process::Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
}

#[cfg(unix)]
#[test]
fn it_writes_a_line_of_json_for_every_look_until_ctrl_c() {
    let folder = folder();
    let mut child = watching(&folder, &["-o", "json", "status", "--watch", "1"]);
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut looks = Vec::new();
    for _ in 0..2 {
        let line = lines.next().unwrap().unwrap();
        let look: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(look["dcs"].as_array().unwrap().len(), 2);
        looks.push(look["at"].clone());
    }
    assert_ne!(looks[0], looks[1]);
    interrupt(&child);
    assert_eq!(ended(&mut child), Some(0));
}

#[test]
fn it_ends_when_nobody_reads_any_more() {
    let folder = folder();
    let mut child = watching(&folder, &["status", "--watch", "1"]);
    let mut first = String::new();
    let mut reader = BufReader::new(child.stdout.take().unwrap());
    reader.read_line(&mut first).unwrap();
    assert!(first.contains("service does not run"), "{first}");
    assert!(!first.contains('\u{1b}'), "nothing is redrawn in a pipe");
    drop(reader);
    assert_eq!(ended(&mut child), Some(0));
}

#[test]
fn a_resource_behind_watch_is_explained() {
    let folder = folder();
    let output = run(folder.path(), &["status", "--watch", "hr"]);
    assert_eq!(output.status.code(), Some(2));
    let said = stderr(&output);
    assert!(
        said.contains("a resource is named before --watch"),
        "{said}"
    );
    let none = run(folder.path(), &["status", "--watch", "0"]);
    assert_eq!(none.status.code(), Some(2));
}

#[test]
fn a_plot_without_samples_says_so_and_json_stays_data() {
    let folder = folder();
    let drawn = run(folder.path(), &["history", "hr", "--plot"]);
    assert_eq!(drawn.status.code(), Some(0), "{}", stderr(&drawn));
    assert_eq!(stdout(&drawn), "no samples to draw\n");
    let data = run(folder.path(), &["-o", "json", "history", "hr", "--plot"]);
    assert_eq!(stdout(&data), "[]\n");
}

/// What `export` writes of a DC that was restored once, an hour of samples before and after.
fn recovery() -> Value {
    let start = 1_795_334_400_000_i64; // 2026-11-22T08:00:00Z
    let samples = |from: i64, usn: i64| -> Vec<Value> {
        let minutes = from..from + 60;
        minutes
            .map(|m| json!([start + m * 60_000, usn + m, 3, 0]))
            .collect()
    };
    let life = |last: char, samples: Vec<Value>| {
        json!({
            "invocationId": format!("11111111-1111-1111-1111-11111111111{last}"),
            "serverName": "DC2", "dsServiceName": "CN=NTDS Settings,CN=DC2", "site": "Berlin",
            "isGlobalCatalog": true, "isReadOnly": false,
            "firstSeen": "2026-11-22T08:00:00.000Z", "lastSeen": "2026-11-22T10:00:00.000Z",
            "quarantine": null, "releasedAt": null, "releasedBy": null, "releaseReason": null,
            "knownUsn": null, "samples": samples,
        })
    };
    json!({
        "name": "ADSyncRecovery_hr", "version": 1, "resource": "hr",
        "exportedAt": "2026-11-22T10:00:00.000Z", "evidence": [],
        "cursor": null, "cursorSeen": null, "knowledge": null,
        "dcs": [{
            "name": "dc2",
            "incarnations": [life('1', samples(0, 5_000)), life('2', samples(60, 900))],
        }],
    })
}

#[test]
fn a_plot_draws_every_incarnation_by_itself() {
    let folder = folder();
    let file = folder.path().join("hr.json");
    std::fs::write(&file, recovery().to_string()).unwrap();
    let imported = run(folder.path(), &["import", "hr", "hr.json", "--yes"]);
    assert_eq!(imported.status.code(), Some(0), "{}", stderr(&imported));

    let usable = stdout(&run(folder.path(), &["history", "hr", "--plot"]));
    assert!(usable.starts_with("dc2\n1019 +"), "{usable}");
    assert!(!usable.contains("earlier"), "{usable}");
    let newest = stdout(&run(
        folder.path(),
        &["history", "hr", "--plot", "--limit", "10"],
    ));
    assert!(
        newest.starts_with("dc2\n1019 +") && newest.contains("\n1010 +"),
        "{newest}"
    );

    let all = stdout(&run(folder.path(), &["history", "hr", "--plot", "--all"]));
    assert!(
        all.starts_with("dc2 (of an earlier invocationId)\n5059 +"),
        "{all}"
    );
    assert!(all.contains("\n\ndc2\n1019 +"), "{all}");
    let widest = all.lines().map(str::len).max().unwrap();
    assert!((75..=80).contains(&widest), "{widest}");
    let braille = program(folder.path())
        .env("LANG", "de_DE.UTF-8")
        .args(["history", "hr", "--plot"])
        .output()
        .unwrap();
    assert!(stdout(&braille).contains("┤"));
    let table = stdout(&run(folder.path(), &["history", "hr"]));
    assert_eq!(
        table.lines().count(),
        22,
        "the newest 20 below a header: {table}"
    );
}

#[cfg(target_os = "linux")]
#[test]
fn a_terminal_is_drawn_anew() {
    use std::io::Read as _;
    let folder = folder();
    let mut script = std::process::Command::new("script");
    let command = format!("{} status --watch 1", env!("CARGO_BIN_EXE_highwater"));
    let mut child = script
        .args(["-qefc", &command, "/dev/null"])
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut shown = Vec::new();
    let mut reader = child.stdout.take().unwrap();
    let clear = b"\x1b[2J\x1b[H";
    while shown
        .windows(clear.len())
        .filter(|part| part == clear)
        .count()
        < 2
    {
        let mut bytes = [0; 256];
        let length = reader.read(&mut bytes).unwrap();
        assert!(length > 0, "{}", String::from_utf8_lossy(&shown));
        shown.extend(&bytes[..length]);
    }
    assert!(shown.starts_with(clear));
    child.kill().unwrap();
    child.wait().unwrap();
}
