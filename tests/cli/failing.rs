//! The failure process from the command line, without a service and without a DC.

use std::io::Write as _;
use std::process::Stdio;

use serde_json::Value;
use tempfile::TempDir;

use super::{GOOD, program, run, stderr, stdout};

/// DCs that nobody listens at, and a process.
pub(super) fn folder(process: bool) -> TempDir {
    let mut text = GOOD
        .replace(
            "credentials = \"reader\"\n",
            "credentials = \"reader\"\nsecurity = \"clear, passwords readable on the network\"\n",
        )
        .replace(
            ".example.com\"\n[",
            ".example.com\"\naddress = \"127.0.0.1\"\nport = 1\n[",
        );
    if process {
        text = text.replace(
            "backup_dcs = [\"dc2\"]",
            "backup_dcs = [\"dc2\"]\nprocess = \"ad\"",
        );
        text += "[safety]\napprovers = [\"somebody-else\"]\n[process.ad]\n[[process.ad.rule]]\nname = \"proxy\"\n\
                 match = 'proxy p\\d down'\noutcome = \"transient\"\nsamples = [\"proxy p1 down\"]\n";
    }
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("highwater.toml"), text).unwrap();
    folder
}

fn json(folder: &TempDir, args: &[&str]) -> Value {
    let output = run(folder.path(), &[&["-o", "json"], args].concat());
    serde_json::from_str(&stdout(&output))
        .unwrap_or_else(|error| panic!("{error}: {}", stderr(&output)))
}

#[test]
fn without_a_process_a_failure_is_recorded_and_shown_only() {
    let folder = folder(false);
    let told = json(&folder, &["on-error", "hr", "Connection refused"]);
    assert_eq!(told["incident"], Value::Null);
    let listed = json(&folder, &["incidents"]);
    assert_eq!(listed["incidents"], Value::Array(Vec::new()));
    assert_eq!(listed["unwatched"][0]["errors"][0], "Connection refused");
}

#[test]
fn an_error_is_on_record_as_it_came_and_shown_without_what_acts_on_a_terminal() {
    use std::os::unix::ffi::OsStrExt as _;
    for process in [false, true] {
        let folder = folder(process);
        let error = "refused\u{1b}[2J\u{7}\nincident 99 of hr: over";
        let told = json(&folder, &["on-error", "hr", error]);
        assert_eq!(told["failure"]["errors"][0], error);
        let shown = stdout(&run(
            folder.path(),
            if process {
                &["incidents", "show", "1"]
            } else {
                &["incidents"]
            },
        ));
        let acts = |c: char| c.is_control() && c != '\n';
        assert!(!shown.contains(acts), "{shown:?}");
        let wanted = "refused\u{fffd}[2J\u{fffd} incident 99 of hr: over";
        assert!(shown.contains(wanted), "{shown}");

        // What is no UTF-8 is an error all the same.
        let mut command = program(folder.path());
        command.args(["-o", "json", "on-error", "hr"]);
        command.arg(std::ffi::OsStr::from_bytes(b"caf\xe9: Connection refused"));
        let output = command.output().unwrap();
        let told: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(
            told["failure"]["errors"][0],
            "caf\u{fffd}: Connection refused"
        );
    }
}

#[test]
fn errors_come_as_arguments_or_on_standard_input() {
    let folder = folder(true);
    let told = json(
        &folder,
        &["on-error", "hr", "ldap_bind: Invalid credentials (49)"],
    );
    assert_eq!(told["incident"]["outcome"], "credentials");
    assert_eq!(told["incident"]["rule"], "invalid-credentials");
    assert_eq!(told["incident"]["stance"]["action"], "tell");
    let mut child = program(folder.path())
        .args([
            "-o",
            "json",
            "on-error",
            "hr",
            "--failure-timestamp",
            "2026-11-22T10:15:00Z",
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let text = b"starting\n\njava.net.ConnectException: Connection refused\n";
    child.stdin.take().unwrap().write_all(text).unwrap();
    let told: Value = serde_json::from_slice(&child.wait_with_output().unwrap().stdout).unwrap();
    assert_eq!(told["incident"]["id"], 1, "the same incident goes on");
    assert_eq!(told["incident"]["outcome"], "outage");
    assert_eq!(told["failure"]["errors"].as_array().unwrap().len(), 2);
    assert_eq!(
        told["failure"]["failure_timestamp"],
        "2026-11-22T10:15:00.000Z"
    );
    for (words, code) in [
        // Taken down all the same: a hook may run once.
        (&["on-error", "hr", "Connection refused"][..], 0),
        (&["failover", "hr", "--auto", "--yes"], 2),
        (&["plan", "hr"], 2),
    ] {
        let to_come = [words, &["--failure-timestamp", "2926-11-22T10:15:00Z"]].concat();
        let said = run(folder.path(), &to_come);
        assert_eq!(said.status.code(), Some(code), "{words:?}");
        let said = stderr(&said);
        for word in [
            "--failure-timestamp 2926-11-22",
            "is in the future",
            "both clocks",
        ] {
            assert!(said.contains(word), "{word}: {said}");
        }
    }
    let none = run(folder.path(), &["on-error", "hr"]);
    assert_eq!(none.status.code(), Some(2));
    assert!(
        stderr(&none).contains("no error is given"),
        "{}",
        stderr(&none)
    );

    let acknowledged = json(&folder, &["incidents", "ack", "1"]);
    assert!(
        acknowledged["incident"]["acknowledged_by"].is_string(),
        "{acknowledged}"
    );
    let over = json(
        &folder,
        &["incidents", "resolve", "1", "--reason", "replaced"],
    );
    assert!(
        over["incident"]["resolution"]
            .as_str()
            .unwrap()
            .ends_with(": replaced"),
        "{over}"
    );
    let twice = run(
        folder.path(),
        &["incidents", "resolve", "1", "--reason", "x"],
    );
    assert_eq!(twice.status.code(), Some(2));
}

#[test]
fn rules_are_tested_and_listed() {
    let folder = folder(true);
    let tested = run(folder.path(), &["rules", "test"]);
    assert_eq!(tested.status.code(), Some(0), "{}", stdout(&tested));
    assert!(
        stdout(&tested).contains("0 misjudged"),
        "{}",
        stdout(&tested)
    );
    let judged = json(&folder, &["rules", "test", "proxy p1 down", "nobody knows"]);
    assert_eq!(
        (&judged[0]["rule"], &judged[1]["outcome"]),
        (&"proxy".into(), &"unknown".into())
    );
    assert_eq!(json(&folder, &["rules", "list"])[0]["rule"], "proxy");
    let path = folder.path().join("highwater.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(
        &path,
        text.replace("\"proxy p1 down\"", "\"proxy one down\""),
    )
    .unwrap();
    let failed = run(folder.path(), &["rules", "test"]);
    assert_eq!(failed.status.code(), Some(1));
    assert!(
        stdout(&failed).contains("is not matched: proxy one down"),
        "{}",
        stdout(&failed)
    );
}

#[test]
fn a_pause_has_an_owner_a_reason_and_an_end() {
    let folder = folder(true);
    for (args, problem) in [
        (&["pause", "hr", "--for", "2h"][..], "say why"),
        (&["pause", "hr", "--reason", "x"][..], "say until when"),
        (
            &["pause", "--for", "2h", "--reason", "x"][..],
            "say what is paused",
        ),
        (
            &[
                "pause",
                "hr",
                "--until",
                "2020-01-01T00:00:00Z",
                "--reason",
                "x",
            ][..],
            "future",
        ),
        (
            &["pause", "hr", "--for", "99days", "--reason", "x"][..],
            "at most 30days",
        ),
    ] {
        let refused = run(folder.path(), args);
        assert_eq!(refused.status.code(), Some(2), "{args:?}");
        assert!(
            stderr(&refused).contains(problem),
            "{args:?}: {}",
            stderr(&refused)
        );
    }
    let listed = json(
        &folder,
        &["pause", "hr", "--for", "2h", "--reason", "patching"],
    );
    assert_eq!(listed["pauses"][0]["reason"], "patching");
    assert!(
        listed["pauses"][0]["owner"]
            .as_str()
            .is_some_and(|owner| !owner.is_empty())
    );
    let told = json(&folder, &["on-error", "hr", "Connection refused"]);
    assert!(
        told["incident"]["stance"]["why"]
            .to_string()
            .contains("paused"),
        "{told}"
    );
    let ended = json(&folder, &["pause", "hr", "--end"]);
    assert_eq!(ended["pauses"], Value::Array(Vec::new()));
    assert_eq!(
        run(folder.path(), &["pause", "hr", "--end"]).status.code(),
        Some(2)
    );
}

#[test]
fn what_cannot_be_answered_or_sent_is_refused() {
    let folder = folder(true);
    let unknown = run(folder.path(), &["approve", "7"]);
    assert_eq!(unknown.status.code(), Some(2));
    assert!(
        stderr(&unknown).contains("there is no proposal 7"),
        "{}",
        stderr(&unknown)
    );
    let preview = run(folder.path(), &["mail", "preview", "resolved"]);
    assert!(
        stdout(&preview).contains("Subject: [Highwater] resolved: "),
        "{}",
        stdout(&preview)
    );
    let page = folder.path().join("page.html");
    run(
        folder.path(),
        &["mail", "preview", "--html", page.to_str().unwrap()],
    );
    assert!(std::fs::read_to_string(page).unwrap().contains("<h2"));
    let nowhere = run(folder.path(), &["mail", "preview", "--send", "ops"]);
    assert_eq!(nowhere.status.code(), Some(2));
    assert_eq!(
        run(folder.path(), &["mail", "resend", "17"]).status.code(),
        Some(2)
    );
    let none = run(folder.path(), &["mail", "resend", "--all"]);
    assert_eq!(none.status.code(), Some(0));
    assert!(
        stderr(&none).contains("0 queued again"),
        "{}",
        stderr(&none)
    );
    assert_eq!(json(&folder, &["mail", "queue"]), Value::Array(Vec::new()));
}

#[test]
fn status_shows_what_the_failure_process_has_in_hand() {
    let folder = folder(true);
    let path = folder.path().join("highwater.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    let text = text.replace("[process.ad]\n", "[process.ad]\nnotify = [\"operators\"]\n")
        + "[mail]\nhost = \"localhost\"\nport = 1\nsecurity = \"clear, readable on the network\"\nfrom = \"hw@example.com\"\n\
           [channel.operators]\nkind = \"mail\"\nto = [\"anna@example.com\"]\n";
    std::fs::write(&path, text).unwrap();
    assert_eq!(
        json(&folder, &["status"])["failures"]["incidents"],
        Value::Array(Vec::new())
    );
    json(
        &folder,
        &["on-error", "hr", "ldap_bind: Invalid credentials (49)"],
    );
    json(
        &folder,
        &["pause", "hr", "--for", "2h", "--reason", "patching"],
    );
    let shown = json(&folder, &["status", "hr"])["failures"].clone();
    let incident = &shown["incidents"][0];
    assert_eq!(
        (&incident["id"], &incident["action"]),
        (&1.into(), &"tell".into())
    );
    assert_eq!(incident["why"][0]["kind"], "not_an_outage");
    assert!(
        incident["told_at"].is_string(),
        "nobody looks again: {shown}"
    );
    assert_eq!(shown["pauses"][0]["reason"], "patching");
    let notices = &shown["notices"];
    assert_eq!(
        (&notices["queued"], &notices["dead"]),
        (&1.into(), &0.into())
    );
    assert!(
        notices["problem"].as_str().unwrap().contains("localhost"),
        "{notices}"
    );
    let table = stdout(&run(folder.path(), &["status"]));
    for words in [
        "INCIDENT",
        "credentials",
        "incident 1: the errors say credentials: another DC would not help",
        "hr: paused by ",
        "notices: 1 not delivered yet, the oldest of ",
    ] {
        assert!(table.contains(words), "{words}: {table}");
    }
    let store = rusqlite::Connection::open(folder.path().join("hw.db")).unwrap();
    store
        .execute(
            "UPDATE mail_outbox SET state = 'dead', problem = '550 no'",
            [],
        )
        .unwrap();
    let table = stdout(&run(folder.path(), &["status"]));
    assert!(
        table.contains("notices: 1 refused for good; `highwater mail queue`"),
        "{table}"
    );
    let queue = run(folder.path(), &["mail", "queue"]);
    assert!(stdout(&queue).contains("550 no"), "{}", stdout(&queue));
    assert!(
        stderr(&queue).contains("highwater mail resend"),
        "{}",
        stderr(&queue)
    );
}

#[test]
fn what_waits_is_tried_again_by_collect() {
    let folder = folder(true);
    let path = folder.path().join("highwater.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    let told = folder.path().join("told");
    let script = format!("test -e '{0}' && cat > '{0}.json'", told.display());
    let text = text.replace("[process.ad]\n", "[process.ad]\nnotify = [\"pager\"]\n")
        + &format!(
            "[channel.pager]\nkind = \"command\"\nargv = [\"/bin/sh\", \"-c\", {script:?}]\n"
        );
    std::fs::write(&path, text).unwrap();
    json(&folder, &["on-error", "hr", "Invalid credentials (49)"]);
    assert_eq!(
        json(&folder, &["status"])["failures"]["notices"]["queued"],
        1
    );
    let early = run(folder.path(), &["collect"]);
    assert!(
        stderr(&early).contains("notices not delivered yet: 1"),
        "{}",
        stderr(&early)
    );
    std::fs::write(&told, "").unwrap();
    // as if the pause after a failure were over
    let store = rusqlite::Connection::open(folder.path().join("hw.db")).unwrap();
    store
        .execute("UPDATE mail_outbox SET due_at = 0", [])
        .unwrap();
    run(folder.path(), &["collect"]);
    assert_eq!(
        json(&folder, &["status"])["failures"]["notices"]["queued"],
        0
    );
    let got = std::fs::read_to_string(folder.path().join("told.json")).unwrap();
    assert!(got.contains("hr: the sync fails (credentials)"), "{got}");
}

#[test]
fn a_password_that_cannot_be_read_loses_no_error() {
    let folder = folder(true);
    let path = folder.path().join("highwater.toml");
    let good = std::fs::read_to_string(&path).unwrap();
    let bad = good.replace("{ env = \"HW_PASS\" }", "{ env = \"HW_GONE\" }");
    assert_ne!(good, bad);
    std::fs::write(&path, bad).unwrap();
    let failed = run(folder.path(), &["on-error", "hr", "Connection refused"]);
    assert_eq!(failed.status.code(), Some(78), "{}", stderr(&failed));
    std::fs::write(&path, good).unwrap();
    let told = json(&folder, &["on-error", "hr", "Connection refused"]);
    assert_eq!(told["failure"]["id"], 2, "the first is on record: {told}");
}
