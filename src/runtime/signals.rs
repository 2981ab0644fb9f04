//! The signals the service obeys.

/// Waits for the signals that end a command in the foreground, caught from the call on.
pub fn interrupted() -> std::io::Result<impl Future<Output = ()> + Send + 'static> {
    let mut signals = Signals::catch()?;
    Ok(async move { signals.stop().await })
}

/// What a signal asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wish {
    /// SIGTERM, SIGINT or Ctrl-C: to end.
    Stop,
    /// SIGHUP: to read configuration and secrets again.
    #[cfg_attr(not(unix), expect(dead_code, reason = "no other system has SIGHUP"))]
    Reload,
}

/// The signals, caught from the moment this is made.
#[cfg(unix)]
pub(super) struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
    hang_up: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    pub(super) fn catch() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    /// Waits for the next one; nothing is lost where this is dropped.
    pub(super) async fn next(&mut self) -> Wish {
        tokio::select! {
            biased;
            () = stop(&mut self.terminate, &mut self.interrupt) => Wish::Stop,
            _ = self.hang_up.recv() => Wish::Reload,
        }
    }

    /// Waits for one that asks to end; one that asks to reload is kept for [`Signals::next`].
    pub(super) async fn stop(&mut self) {
        stop(&mut self.terminate, &mut self.interrupt).await;
    }
}

#[cfg(unix)]
async fn stop(
    terminate: &mut tokio::signal::unix::Signal,
    interrupt: &mut tokio::signal::unix::Signal,
) {
    tokio::select! {
        _ = terminate.recv() => tracing::info!("SIGTERM: stopping"),
        _ = interrupt.recv() => tracing::info!("SIGINT: stopping"),
    }
}

/// Ctrl-C is all there is here.
#[cfg(not(unix))]
pub(super) struct Signals;

#[cfg(not(unix))]
impl Signals {
    pub(super) fn catch() -> std::io::Result<Self> {
        Ok(Self)
    }

    pub(super) async fn next(&mut self) -> Wish {
        self.stop().await;
        Wish::Stop
    }

    pub(super) async fn stop(&mut self) {
        if let Err(error) = tokio::signal::ctrl_c().await {
            tracing::error!("cannot wait for Ctrl-C: {error}");
        }
    }
}
