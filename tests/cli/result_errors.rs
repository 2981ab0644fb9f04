//! Errors as products write them: long traces, and text in other encodings.

use std::io::Write as _;
use std::process::{Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use super::failing::folder;
use super::{program, run, stderr, stdout};

fn reported(folder: &TempDir, written: &[u8]) -> Output {
    let mut child = program(folder.path())
        .args(["-o", "json", "on-error", "hr"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(written).unwrap();
    child.wait_with_output().unwrap()
}

fn judged(folder: &TempDir, written: &[u8]) -> Value {
    let output = reported(folder, written);
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

fn wide(text: &str) -> Vec<u8> {
    let units = text.encode_utf16().flat_map(u16::to_le_bytes);
    [0xff, 0xfe].into_iter().chain(units).collect()
}

#[test]
fn a_long_trace_is_judged_by_its_first_line() {
    let folder = folder(true);
    let first = "javax.naming.CommunicationException: dc1.example.com:636";
    let frames = "\tat com.sun.jndi.ldap.Connection.<init>(Connection.java:238)\n".repeat(100);
    for trace in [
        format!("{first}\n{frames}"),
        format!(
            "starting\n{first}\n{frames}Caused by: java.io.IOException: x\n{frames}\t... 9 more\n"
        ),
        // Longer than what is kept of the input.
        format!("{first}\n{}", frames.repeat(300)),
    ] {
        let told = judged(&folder, trace.as_bytes());
        assert_eq!(told["failure"]["verdict"]["outcome"], "outage", "{told}");
        let errors = told["failure"]["errors"].as_array().unwrap();
        assert!(errors.len() <= 3, "{told}");
        assert!(errors.contains(&first.into()), "{told}");
    }
    let as_argument = format!("{first}\n{frames}");
    let output = run(
        folder.path(),
        &["-o", "json", "on-error", "hr", &as_argument],
    );
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(told["failure"]["errors"][0], first);
    assert_eq!(told["failure"]["verdict"]["outcome"], "outage", "{told}");

    let help = stdout(&run(folder.path(), &["on-error", "--help"]));
    assert!(
        !help.contains("tail") && help.contains("errors.txt"),
        "{help}"
    );
}

#[test]
fn errors_in_utf_16_or_with_a_mark_are_read() {
    let folder = folder(true);
    let text = "Der Abgleich läuft nicht\r\nldap_bind: Invalid credentials (49)\r\n";
    for bytes in [wide(text), [b"\xef\xbb\xbf", text.as_bytes()].concat()] {
        let told = judged(&folder, &bytes);
        assert_eq!(told["failure"]["verdict"]["outcome"], "credentials");
        assert_eq!(told["failure"]["errors"][0], "Der Abgleich läuft nicht");
    }
}

#[test]
fn recovery_data_are_read_however_they_were_saved_or_refused_with_the_cure() {
    let folder = folder(true);
    let path = folder.path().join("hr.json");
    let text = r#"{"name": "ADSyncRecovery_hr", "version": 1, "resource": "hr",
        "exportedAt": "2026-11-22T10:00:00Z", "dcs": [], "evidence": []}"#;
    let import = |bytes: &[u8]| {
        std::fs::write(&path, bytes).unwrap();
        run(folder.path(), &["import", "hr", "hr.json", "--dry-run"])
    };
    for bytes in [wide(text), [b"\xef\xbb\xbf", text.as_bytes()].concat()] {
        let read = import(&bytes);
        assert_eq!(read.status.code(), Some(0), "{}", stderr(&read));
    }
    let refused = stderr(&import(b"{\"name\": \"caf\xe9\"}"));
    assert!(
        refused.contains("hr.json") && refused.contains("save it as UTF-8"),
        "{refused}"
    );
}
