//! The TCP connection: resolved, tried address by address, and set up so that a dead peer is noticed.
//!
//! # Decisions
//! - Every address gets an equal part of the time that is left, so that a first one that swallows packets does
//!   not keep the others from being tried.
//! - `TCP_USER_TIMEOUT` (Linux) is the operation's bound: bytes that stay unacknowledged for longer end the
//!   connection, also while nobody waits for an answer.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpSocket, lookup_host};
use tokio::time::timeout;

use super::error::{DirectoryError, one_line};
use crate::clock::Stopwatch;

/// Idle time before the first keepalive probe.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(30);
/// From one keepalive probe to the next.
const KEEPALIVE_EVERY: Duration = Duration::from_secs(10);

/// A time budget that several steps share.
#[derive(Debug, Clone, Copy)]
pub(super) struct Budget {
    watch: Stopwatch,
    total: Duration,
}

impl Budget {
    /// Starts now.
    pub(super) fn new(total: Duration) -> Self {
        Self {
            watch: Stopwatch::start(),
            total,
        }
    }

    /// What is left.
    pub(super) fn left(&self) -> Duration {
        self.total.saturating_sub(self.watch.elapsed())
    }

    /// The error that it has run out while waiting for `what`.
    pub(super) fn spent(&self, target: &str, what: &str) -> DirectoryError {
        DirectoryError::Timeout {
            target: target.to_owned(),
            what: what.to_owned(),
            after: self.total,
        }
    }

    /// Runs one step within what is left.
    pub(super) async fn run<T>(
        &self,
        target: &str,
        what: &str,
        step: impl Future<Output = T>,
    ) -> Result<T, DirectoryError> {
        timeout(self.left(), step)
            .await
            .map_err(|_| self.spent(target, what))
    }
}

/// Connects to `host` (a name or an address) and `port`; `target` is how errors name it.
pub(super) async fn connect(
    target: &str,
    host: &str,
    port: u16,
    budget: &Budget,
    user_timeout: Duration,
) -> Result<std::net::TcpStream, DirectoryError> {
    let unknown = |reason: String| DirectoryError::UnknownHost {
        target: target.to_owned(),
        reason: one_line(&reason),
    };
    let addresses: Vec<SocketAddr> = budget
        .run(target, "name resolution", lookup_host((host, port)))
        .await?
        .map_err(|error| unknown(error.to_string()))?
        .collect();
    let mut last = unknown("the name has no address".to_owned());
    let mut left = u32::try_from(addresses.len()).unwrap_or(u32::MAX);
    for address in addresses {
        let share = budget.left().checked_div(left).unwrap_or_default();
        left = left.saturating_sub(1);
        match timeout(share, open(address, user_timeout)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => last = connect_error(target, address, &error, budget),
            Err(_) => last = budget.spent(target, &format!("connecting to {address}")),
        }
    }
    Err(last)
}

async fn open(address: SocketAddr, user_timeout: Duration) -> io::Result<std::net::TcpStream> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    socket.set_nodelay(true)?;
    let options = SockRef::from(&socket);
    options.set_tcp_keepalive(
        &TcpKeepalive::new()
            .with_time(KEEPALIVE_IDLE)
            .with_interval(KEEPALIVE_EVERY),
    )?;
    #[cfg(target_os = "linux")]
    options.set_tcp_user_timeout(Some(user_timeout))?;
    #[cfg(not(target_os = "linux"))]
    let _ = user_timeout;
    socket.connect(address).await?.into_std()
}

fn connect_error(
    target: &str,
    address: SocketAddr,
    error: &io::Error,
    budget: &Budget,
) -> DirectoryError {
    let target = target.to_owned();
    match error.kind() {
        ErrorKind::ConnectionRefused => DirectoryError::Refused { target },
        ErrorKind::TimedOut => budget.spent(&target, &format!("connecting to {address}")),
        ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted => DirectoryError::Disconnected {
            target,
            what: "connecting".to_owned(),
            cause: error.to_string(),
        },
        _ => DirectoryError::Unreachable {
            target,
            reason: format!("{address}: {error}"),
        },
    }
}
