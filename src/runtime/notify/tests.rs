//! What goes over the socket, and when the watchdog counts.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};

use super::*;

fn heard(socket: &UnixDatagram) -> String {
    let mut bytes = [0; 512];
    let length = socket.recv(&mut bytes).unwrap();
    String::from_utf8(bytes.get(..length).unwrap().to_vec()).unwrap()
}

#[test]
fn messages_go_to_a_path_and_to_an_abstract_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notify");
    let name = format!("highwater-test-{}", std::process::id());
    let listeners = [
        (UnixDatagram::bind(&path).unwrap(), path.into_os_string()),
        (
            UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap(),
            OsString::from(format!("@{name}")),
        ),
    ];
    for (listener, address) in listeners {
        let manager = Manager::from(&|name| (name == "NOTIFY_SOCKET").then(|| address.clone()));
        assert_eq!(manager.watchdog(), None);
        manager.ready("two DCs,\nREADY=0");
        assert_eq!(heard(&listener), "READY=1\nSTATUS=two DCs, READY=0");
        manager.reloading();
        let reloading = heard(&listener);
        let since = reloading
            .strip_prefix("RELOADING=1\nSTATUS=reloading\nMONOTONIC_USEC=")
            .unwrap();
        assert!(since.parse::<u64>().unwrap() > 0);
        manager.alive();
        assert_eq!(heard(&listener), "WATCHDOG=1");
        manager.stopping();
        assert_eq!(heard(&listener), "STOPPING=1\nSTATUS=stopping");
    }
}

#[test]
fn the_watchdog_counts_only_for_this_process_and_with_a_socket() {
    let with = |socket: bool, usec: &'static str, pid: Option<u32>| {
        Manager::from(&move |name| match name {
            "NOTIFY_SOCKET" => socket.then(|| "/run/systemd/notify".into()),
            "WATCHDOG_USEC" => Some(usec.into()),
            "WATCHDOG_PID" => pid.map(|pid| pid.to_string().into()),
            _ => None,
        })
        .watchdog()
    };
    let own = std::process::id();
    assert_eq!(
        with(true, "1500000", None),
        Some(Duration::from_millis(1500))
    );
    assert_eq!(
        with(true, "1500000", Some(own)),
        Some(Duration::from_millis(1500))
    );
    assert_eq!(with(true, "1500000", Some(own + 1)), None);
    assert_eq!(with(true, "0", None), None);
    assert_eq!(with(true, "soon", None), None);
    assert_eq!(with(false, "1500000", None), None);
}

#[test]
fn a_manager_that_is_gone_disturbs_nobody() {
    let gone = Manager::from(&|_| Some("/nonexistent/notify".into()));
    gone.ready("x");
    gone.alive();
    Manager::from(&|_| None).ready("x");
}
