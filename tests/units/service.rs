//! The service under a manager: ready, alive, reloaded, stopped.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use rustix::process::Signal;
use tempfile::TempDir;

use super::supervisor::{Listener, Service};

const SECOND: Duration = Duration::from_secs(1);

/// Writes the configuration: a poll every `period` of these DCs, all at loopback.
fn configure(folder: &Path, period: &str, dcs: &[(&str, &Listener)]) {
    let mut text = format!(
        "[store]\npath = \"hw.db\"\n[collector]\nperiod = \"{period}\"\njitter = 0\n[connection]\n\
         security = \"clear, passwords readable on the network\"\ncredentials = \"reader\"\n[credentials.reader]\n\
         method = \"simple\"\nuser = \"svc@example.com\"\npassword = {{ file = \"pass\" }}\n"
    );
    for (name, listener) in dcs {
        let port = listener.port;
        write!(
            text,
            "[dc.{name}]\nhost = \"{name}.example.com\"\naddress = \"127.0.0.1\"\nport = {port}\n"
        )
        .unwrap();
    }
    std::fs::write(folder.join("highwater.toml"), text).unwrap();
}

fn password(folder: &Path, password: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    let path = folder.join("pass");
    std::fs::write(&path, password).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    password(folder.path(), "the first one");
    folder
}

fn log(folder: &TempDir) -> String {
    std::fs::read_to_string(folder.path().join("log")).unwrap()
}

fn ready(dcs: usize) -> String {
    format!("READY=1\nSTATUS=samples {dcs} DCs for 0 resources")
}

/// Asks to reload and gives what the manager is told at the end of it.
fn reload(service: &Service) -> String {
    service.signal(Signal::HUP);
    let begun = service.wait_for("RELOADING=1");
    assert!(begun.contains("\nMONOTONIC_USEC="), "{begun}");
    service.wait_for("READY=1")
}

#[test]
fn it_is_ready_reloads_and_ends() {
    let (one, two, folder) = (Listener::start(), Listener::start(), folder());
    configure(folder.path(), "1s", &[("dc1", &one)]);
    let mut service = Service::start(folder.path(), &[]);
    assert_eq!(service.message(), ready(1));
    one.hears("the first one");

    configure(folder.path(), "1s", &[("dc1", &one), ("dc2", &two)]);
    password(folder.path(), "the second one");
    assert_eq!(reload(&service), ready(2));
    two.hears("the second one");
    one.hears("the second one");

    configure(folder.path(), "1s", &[("dc2", &two)]);
    assert_eq!(reload(&service), ready(1));
    two.hears("the second one");
    one.visits(SECOND);
    assert!(
        one.is_left_alone(3 * SECOND),
        "a DC that was removed is polled"
    );

    service.signal(Signal::TERM);
    assert_eq!(service.message(), "STOPPING=1\nSTATUS=stopping");
    assert_eq!(service.end(), Some(0));
    let log = log(&folder);
    assert!(
        log.contains("DC dc2 added, DC dc1 changed") || log.contains("DC dc2 added"),
        "{log}"
    );
    assert!(log.contains("DC dc1 removed"), "{log}");
    assert!(
        !log.contains("the first one") && !log.contains("the second one"),
        "{log}"
    );
}

#[test]
fn a_broken_configuration_is_told_and_the_old_one_stays() {
    let (one, folder) = (Listener::start(), folder());
    configure(folder.path(), "1s", &[("dc1", &one)]);
    let mut service = Service::start(folder.path(), &[]);
    assert_eq!(service.message(), ready(1));
    let failed = format!("{}; the last reload failed, see the log", ready(1));

    let good = std::fs::read_to_string(folder.path().join("highwater.toml")).unwrap();
    let broken = [
        (good.replace("period", "peroid"), "did you mean `period`?"),
        (
            good.replace("hw.db", "other.db"),
            "restart the service to change it",
        ),
        ("[store".to_owned(), "highwater.toml:1"),
        (
            good.replace("\"pass\"", "\"no-such-file\""),
            "names a file that cannot be read",
        ),
    ];
    for (text, problem) in broken {
        std::fs::write(folder.path().join("highwater.toml"), text).unwrap();
        assert_eq!(reload(&service), failed, "{problem}");
        let log = log(&folder);
        assert!(log.contains(problem), "{problem}: {log}");
        one.hears("the first one");
    }
    assert!(one.visits(3 * SECOND) >= 2, "it goes on as before");

    std::fs::write(folder.path().join("highwater.toml"), &good).unwrap();
    assert_eq!(reload(&service), ready(1));
    service.signal(Signal::TERM);
    assert_eq!(service.end(), Some(0));
}

#[test]
fn a_changed_period_counts_at_once() {
    let (one, folder) = (Listener::start(), folder());
    configure(folder.path(), "1h", &[("dc1", &one)]);
    let mut service = Service::start(folder.path(), &[]);
    one.hears("the first one");
    assert!(one.is_left_alone(2 * SECOND));
    configure(folder.path(), "1s", &[("dc1", &one)]);
    reload(&service);
    assert!(one.visits(4 * SECOND) >= 3);
    // Asked twice in a row, it reads what was written last.
    configure(folder.path(), "1h", &[("dc1", &one)]);
    service.signal(Signal::HUP);
    reload(&service);
    one.visits(2 * SECOND);
    assert!(one.is_left_alone(3 * SECOND));
    service.signal(Signal::INT);
    assert_eq!(service.end(), Some(0));
}

#[test]
fn it_shows_that_it_lives_while_it_does() {
    let (one, folder) = (Listener::start(), folder());
    configure(folder.path(), "1h", &[("dc1", &one)]);
    let service = Service::start(folder.path(), &[("WATCHDOG_USEC", "4000000")]);
    service.wait_for("READY=1");
    service.wait_for("WATCHDOG=1");
    service.wait_for("WATCHDOG=1");
    assert!(service.says_within("WATCHDOG=1", 3 * SECOND));

    // A stopped process shows nothing, and no ticks that were missed count afterwards.
    service.signal(Signal::STOP);
    while service.says_within("WATCHDOG=1", Duration::from_millis(200)) {}
    assert!(!service.says_within("WATCHDOG=1", 3 * SECOND));
    service.signal(Signal::CONT);
    assert!(
        service.says_within("WATCHDOG=1", 5 * SECOND),
        "it comes back"
    );
}

#[test]
fn nobody_is_told_of_life_who_does_not_ask() {
    let (one, folder) = (Listener::start(), folder());
    configure(folder.path(), "1h", &[("dc1", &one)]);
    let service = Service::start(
        folder.path(),
        &[("WATCHDOG_USEC", "200000"), ("WATCHDOG_PID", "1")],
    );
    service.wait_for("READY=1");
    assert!(!service.says_within("WATCHDOG=1", 2 * SECOND));
}
