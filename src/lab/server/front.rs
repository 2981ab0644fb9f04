//! The port of one simulated DC: opened, closed, and closed with every connection reset.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::connection::{converse, reset};
use super::shared::{Cover, Fault, Shared};

/// How many connections may wait to be accepted.
const BACKLOG: u32 = 1024;

/// The port of one simulated DC.
///
/// While it is closed the number stays taken by a socket that does not listen, so that a client is refused and
/// nobody else gets the number.
pub(super) struct Front {
    pub(super) port: u16,
    pub(super) shared: Arc<Shared>,
    closed: Option<TcpSocket>,
    open: Option<Open>,
}

struct Open {
    /// Ends the accepting.
    listening: CancellationToken,
    /// Resets the connections; another one takes its place when they alone are reset.
    living: Living,
    accepting: JoinHandle<()>,
    /// Yields nothing, and ends when the last connection has.
    connections: mpsc::Receiver<()>,
}

type Living = Arc<Mutex<CancellationToken>>;

fn current(living: &Living) -> MutexGuard<'_, CancellationToken> {
    living.lock().unwrap_or_else(PoisonError::into_inner)
}

fn taken(port: u16) -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    // So that the number can be taken again before the listening socket lets go of it.
    #[cfg(unix)]
    socket.set_reuseport(true)?;
    socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))?;
    Ok(socket)
}

impl Front {
    /// Takes a port of the system's choice; it is closed.
    pub(super) fn new(shared: Arc<Shared>) -> io::Result<Self> {
        let socket = taken(0)?;
        Ok(Self {
            port: socket.local_addr()?.port(),
            shared,
            closed: Some(socket),
            open: None,
        })
    }

    /// Opens the port; nothing where it is open.
    pub(super) fn start(&mut self) -> io::Result<()> {
        let Some(socket) = self.closed.take() else {
            return Ok(());
        };
        let listener = socket.listen(BACKLOG)?;
        let (listening, living) = (CancellationToken::new(), Living::default());
        let (held, connections) = mpsc::channel(1);
        let accepting = tokio::spawn(accept(
            listener,
            Arc::clone(&self.shared),
            listening.clone(),
            Arc::clone(&living),
            held,
        ));
        self.open = Some(Open {
            listening,
            living,
            accepting,
            connections,
        });
        Ok(())
    }

    /// Closes the port; open connections go on. New ones are refused from when this returns.
    pub(super) async fn refuse(&mut self) -> io::Result<()> {
        if self.closed.is_some() {
            return Ok(());
        }
        self.closed = Some(taken(self.port)?);
        if let Some(open) = &mut self.open {
            open.listening.cancel();
            // A task that panicked has closed the port too.
            drop((&mut open.accepting).await);
        }
        Ok(())
    }

    /// Resets every connection; the port stays open.
    pub(super) fn reset(&self) {
        if let Some(open) = &self.open {
            std::mem::take(&mut *current(&open.living)).cancel();
        }
    }

    /// Closes the port and resets every connection; all of it is done when this returns.
    pub(super) async fn kill(&mut self) -> io::Result<()> {
        self.refuse().await?;
        if let Some(mut open) = self.open.take() {
            current(&open.living).cancel();
            while open.connections.recv().await.is_some() {}
        }
        Ok(())
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        if let Some(open) = &self.open {
            open.listening.cancel();
            current(&open.living).cancel();
        }
    }
}

async fn accept(
    listener: TcpListener,
    shared: Arc<Shared>,
    listening: CancellationToken,
    living: Living,
    held: mpsc::Sender<()>,
) {
    loop {
        let stream = tokio::select! {
            () = listening.cancelled() => return,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::debug!("a connection was not accepted: {error}");
                    continue;
                }
            },
        };
        let (shared, living, held) = (Arc::clone(&shared), current(&living).clone(), held.clone());
        tokio::spawn(async move {
            serve(stream, shared, living).await;
            drop(held);
        });
    }
}

/// One connection, from accepting to its end.
async fn serve(stream: TcpStream, shared: Arc<Shared>, living: CancellationToken) {
    // Without it every answer of more than one packet waits for an acknowledgement.
    drop(stream.set_nodelay(true));
    if shared.fault() == Fault::Hang {
        living.cancelled().await;
        return reset(&stream);
    }
    if let Err(error) = speak(stream, shared, &living).await {
        tracing::debug!("a connection ended: {error}");
    }
}

async fn speak(
    stream: TcpStream,
    shared: Arc<Shared>,
    living: &CancellationToken,
) -> io::Result<()> {
    let (tls, stream) = match shared.cover.clone() {
        Cover::Clear => return converse(stream, shared, living, false).await.map(drop),
        Cover::Ldaps(tls) => (tls, stream),
        Cover::StartTls(tls) => {
            let agreed = converse(stream, Arc::clone(&shared), living, false).await?;
            let Some(stream) = agreed else { return Ok(()) };
            (tls, stream)
        }
    };
    let stream = tokio::select! {
        shaken = tls.accept(stream) => shaken?,
        () = living.cancelled() => return Ok(()),
    };
    converse(stream, shared, living, true).await.map(drop)
}
