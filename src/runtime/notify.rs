//! What a service manager is told: that the service is ready, reloads, stops, and lives.
//!
//! Speaks systemd's protocol (sd_notify(3)): one datagram of `KEY=value` lines to the socket in `$NOTIFY_SOCKET`.
//! Where there is none, and on other systems than Linux, every message is dropped.
//!
//! # Decisions
//! - A message that cannot be sent is a debug line and nothing else: a manager that does not listen must not disturb
//!   the service. The socket does not block.
//! - The watchdog is obeyed only where `$WATCHDOG_PID` is this process or absent, as sd_watchdog_enabled(3) says.

use std::ffi::OsString;
use std::time::Duration;

/// What looks up an environment variable.
pub(super) type Env<'e> = &'e dyn Fn(&str) -> Option<OsString>;

/// Whoever started the service and wants to hear of it.
#[derive(Debug)]
pub(super) struct Manager {
    socket: Option<imp::Socket>,
    watchdog: Option<Duration>,
}

impl Manager {
    /// The manager the environment names; without one, nothing is told to anybody.
    pub(super) fn from(env: Env<'_>) -> Self {
        let socket = env("NOTIFY_SOCKET").and_then(|name| {
            imp::Socket::to(&name)
                .inspect_err(|error| tracing::warn!("NOTIFY_SOCKET cannot be used: {error}"))
                .ok()
        });
        let watchdog = socket.as_ref().and_then(|_| watchdog(env));
        Self { socket, watchdog }
    }

    /// How long the manager waits for a sign of life before it acts; `None` where it does not watch.
    pub(super) fn watchdog(&self) -> Option<Duration> {
        self.watchdog
    }

    /// The service works.
    pub(super) fn ready(&self, status: &str) {
        self.tell(&format!("READY=1\nSTATUS={}", one_line(status)));
    }

    /// The configuration is read again; [`Manager::ready`] ends this.
    pub(super) fn reloading(&self) {
        let since = imp::monotonic_usec().map_or_else(String::new, |usec| {
            // Wanted by Type=notify-reload, which systemd knows since 253.
            format!("\nMONOTONIC_USEC={usec}")
        });
        self.tell(&format!("RELOADING=1\nSTATUS=reloading{since}"));
    }

    /// The service is about to end.
    pub(super) fn stopping(&self) {
        self.tell("STOPPING=1\nSTATUS=stopping");
    }

    /// A sign of life.
    pub(super) fn alive(&self) {
        self.tell("WATCHDOG=1");
    }

    fn tell(&self, message: &str) {
        if let Some(socket) = &self.socket
            && let Err(error) = socket.send(message.as_bytes())
        {
            tracing::debug!("the service manager could not be told: {error}");
        }
    }
}

fn watchdog(env: Env<'_>) -> Option<Duration> {
    let number = |name: &str| env(name)?.into_string().ok()?.parse::<u64>().ok();
    let ours = env("WATCHDOG_PID").is_none()
        || number("WATCHDOG_PID") == Some(u64::from(std::process::id()));
    number("WATCHDOG_USEC")
        .filter(|usec| ours && *usec > 0)
        .map(Duration::from_micros)
}

/// A status is one line.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(target_os = "linux")]
mod imp {
    use std::ffi::OsStr;
    use std::io;
    use std::os::linux::net::SocketAddrExt as _;
    use std::os::unix::ffi::OsStrExt as _;
    use std::os::unix::net::{SocketAddr, UnixDatagram};

    /// The manager's socket.
    #[derive(Debug)]
    pub(super) struct Socket {
        own: UnixDatagram,
        manager: SocketAddr,
    }

    impl Socket {
        /// A path, or after `@` a name in the abstract namespace.
        pub(super) fn to(name: &OsStr) -> io::Result<Self> {
            let manager = match name.as_bytes().split_first() {
                Some((b'@', rest)) => SocketAddr::from_abstract_name(rest)?,
                _ => SocketAddr::from_pathname(name)?,
            };
            let own = UnixDatagram::unbound()?;
            own.set_nonblocking(true)?;
            Ok(Self { own, manager })
        }

        pub(super) fn send(&self, message: &[u8]) -> io::Result<()> {
            self.own.send_to_addr(message, &self.manager).map(drop)
        }
    }

    pub(super) fn monotonic_usec() -> Option<u64> {
        crate::clock::monotonic_usec()
    }
}

#[cfg(not(target_os = "linux"))]
mod imp {
    use std::convert::Infallible;
    use std::ffi::OsStr;
    use std::io;

    /// No such socket exists here.
    #[derive(Debug)]
    pub(super) struct Socket(Infallible);

    impl Socket {
        pub(super) fn to(_: &OsStr) -> io::Result<Self> {
            Err(io::ErrorKind::Unsupported.into())
        }

        pub(super) fn send(&self, _: &[u8]) -> io::Result<()> {
            match self.0 {}
        }
    }

    pub(super) fn monotonic_usec() -> Option<u64> {
        None
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests;
