//! Stack traces: the frames go, what went wrong stays.

use super::super::*;
use crate::config;

const JAVA: &str = "javax.naming.CommunicationException: dc1.example.com:636
\tat com.sun.jndi.ldap.Connection.<init>(Connection.java:238)
\tat java.base/java.lang.Thread.run(Thread.java:833) ~[?:?]
\tat jdk.internal.reflect.GeneratedMethodAccessor12.invoke(Unknown Source)
Caused by: java.net.ConnectException: Connection refused
\tat java.base/sun.nio.ch.Net.connect0(Native Method)
\t... 12 more
\t... 14 common frames omitted";
const PYTHON: &str = "Traceback (most recent call last):
  File \"/opt/sync/pull.py\", line 41, in <module>
    raise TimeoutError(\"never said\")
    ~~~~~^^^^^
ldap3.core.exceptions.LDAPSocketOpenError: unable to open socket

During handling of the above exception, another exception occurred:

  File \"/opt/sync/pull.py\", line 77, in run
    main()
RuntimeError: pull failed";
const DOTNET: &str = "System.Exception: pull failed
 ---> System.DirectoryServices.Protocols.LdapException: The LDAP server is unavailable.
   at System.DirectoryServices.Protocols.LdapConnection.Connect()
   at Sync.Pull.Run(String host, Int32 port) in C:\\src\\Pull.cs:line 12
   --- End of inner exception stack trace ---
   bei Sync.Program.Main(String[] args) in C:\\src\\Program.cs:Zeile 7";
const GO: &str =
    "panic: LDAP Result Code 200 \"Network Error\": dial tcp 192.0.2.11:636: i/o timeout

goroutine 1 [running]:
main.pull(0xc000012345, {0x5, 0x6})
\t/src/pull.go:12 +0x1d
created by main.main
\t/src/main.go:31
exit status 2";
const NODE: &str = "Error: connect ECONNREFUSED 192.0.2.11:389
    at TCPConnectWrap.afterConnect [as oncomplete] (node:net:1555:16)
    at /app/pull.js:10:5
    at async Pull.run (file:///app/pull.js:3:1)";

#[test]
fn frames_go_and_causes_stay() {
    for (trace, kept) in [
        (
            JAVA,
            "javax.naming.CommunicationException: dc1.example.com:636\nCaused by: java.net.ConnectException: Connection refused",
        ),
        (
            PYTHON,
            "ldap3.core.exceptions.LDAPSocketOpenError: unable to open socket\n\nDuring handling of the above exception, another exception occurred:\n\nRuntimeError: pull failed",
        ),
        (
            DOTNET,
            "System.Exception: pull failed\n ---> System.DirectoryServices.Protocols.LdapException: The LDAP server is unavailable.",
        ),
        (
            GO,
            "panic: LDAP Result Code 200 \"Network Error\": dial tcp 192.0.2.11:636: i/o timeout\n\nexit status 2",
        ),
        (NODE, "Error: connect ECONNREFUSED 192.0.2.11:389"),
    ] {
        assert_eq!(without_frames(trace), kept);
        // Nothing but frames: better than nothing.
        let frames: Vec<&str> = trace.lines().filter(|line| line.contains("at ")).collect();
        assert_eq!(
            without_frames(&frames.join("\n")).is_empty(),
            frames.is_empty()
        );
    }
    let in_a_line = JAVA.replace("\n\t", " ").replace('\n', " ");
    assert_eq!(
        without_frames(&in_a_line),
        "javax.naming.CommunicationException: dc1.example.com:636 Caused by: java.net.ConnectException: Connection \
         refused ... 12 more ... 14 common frames omitted"
    );
    for plain in [
        "ldap_search(): Search: No such object",
        "failed at step (3)",
        "Can't contact LDAP server (-1)\n\tadditional info: connect (111)",
        "",
    ] {
        assert_eq!(without_frames(plain), plain);
    }
}

#[test]
fn what_a_frame_names_is_no_error() {
    let process = config::shipped_process("shipped");
    let text = "java.lang.IllegalStateException: no plan\n\tat com.example.ConnectException.<init>(ConnectException.java:3)";
    assert_eq!(
        classify(&process, &[text.to_owned()]).outcome,
        Outcome::Unknown
    );
    let long = format!("{}{}", JAVA, "\n\tat a.b.C.d(C.java:1)".repeat(5_000));
    assert_eq!(classify(&process, &[long]).rule.as_deref(), Some("refused"));
}

#[test]
fn of_many_errors_the_first_the_causes_and_the_last_are_kept() {
    let mut lines: Vec<String> = (0..1_000).map(|line| format!("line {line}")).collect();
    lines[500] = "Caused by: x".to_owned();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let kept = most_telling(&lines, 100);
    assert_eq!(kept.len(), 100);
    assert_eq!(kept[..2], ["line 0", "line 1"]);
    assert_eq!(kept[25..27], ["Caused by: x", "line 926"]);
    assert_eq!(kept[99], "line 999");
    assert_eq!(most_telling(&lines[..7], 100), lines[..7]);
    let causes = vec!["XError"; 300];
    assert_eq!(most_telling(&causes, 100).len(), 100);
}

#[test]
fn a_long_error_is_cut_where_it_says_least() {
    let noise = "x ".repeat(40);
    let mut lines = vec![noise.as_str(); 200];
    lines[0] = "ERROR: pull failed";
    lines[90] = "Caused by: java.net.ConnectException: Connection refused";
    lines[199] = "gave up";
    let kept = shortened(&lines.join("\n"), 1_000);
    assert!(kept.chars().count() <= 1_000);
    let kept: Vec<&str> = kept.lines().collect();
    assert_eq!((kept[0], kept[1]), (lines[0], lines[90]));
    assert_eq!(kept.last(), Some(&"gave up"));

    for length in [900, 986, 987, 1_000, 10_000] {
        let all = format!("begins{}ends up", "ä".repeat(length));
        let kept = shortened(&all, 1_000);
        assert!(kept.chars().count() <= 1_000, "of {length}");
        assert!(kept.starts_with("begins") && kept.ends_with("ends up"));
        assert_eq!(kept == all, all.chars().count() <= 1_000, "of {length}");
    }
}

#[test]
fn a_person_is_shown_first_what_the_rule_took() {
    let process = config::shipped_process("shipped");
    let log: Vec<String> = (0..50).map(|line| format!("step {line}")).collect();
    let log = [log, vec!["Connection refused".to_owned(), "bye".to_owned()]].concat();
    let rule = rule_for(&process, &log);
    assert_eq!(
        telling(&log, rule, 3),
        ["Connection refused", "step 0", "bye"]
    );
    assert_eq!(telling(&log, None, 2), ["step 0", "bye"]);
}
