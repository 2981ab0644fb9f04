//! The service: composes the actors, supervises them, and stops them in order.
//!
//! Owns the one [`JoinSet`] all tasks live in, the signals, and the answers to what other processes ask. It decides
//! nothing about DCs or cursors.
//!
//! # Decisions
//! - The unexpected end of a task stops the service with an error: a service that half works is worse than one that
//!   its supervisor starts again.
//! - One service per store: a lock file beside the database tells, and frees itself when the process dies.

mod requests;

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::collector;
use crate::config::Settings;
use crate::consumer::Consumer;
use crate::failover;
use crate::store::{Store, StoreError};

/// How long the tasks have to end once they are told to.
const GRACE: Duration = Duration::from_secs(20);

/// Why the service ended by itself.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Another service has the store.
    #[error(
        "another `highwater run` uses the store already: stop it first, or give this one a store of its own"
    )]
    AlreadyRunning,
    /// A task ended by itself.
    #[error("the {task} ended unexpectedly: {problem}")]
    TaskEnded {
        /// Which.
        task: &'static str,
        /// What it said.
        problem: String,
    },
    /// The signals could not be waited for.
    #[error("cannot wait for signals: {0}")]
    Signals(#[from] std::io::Error),
}

type Ended = (&'static str, Result<(), StoreError>);

/// Runs the service until a signal, or until a task ends by itself; `ready` is called once it works.
pub async fn run(
    store: Store,
    settings: Arc<Settings>,
    ready: impl FnOnce(),
) -> Result<(), RunError> {
    let Some(_lock) = store.hold_service_lock().await? else {
        return Err(RunError::AlreadyRunning);
    };
    let stop = CancellationToken::new();
    let mut tasks: JoinSet<Ended> = JoinSet::new();
    let (asked, told) = (store.clone(), stop.clone());
    tasks.spawn(async move { ("answering of requests", requests::answer(asked, told).await) });
    // Asks to stop and start a sync, as any other process does: somebody must answer by now.
    finish_open_attempts(&store, &settings).await;
    let collecting = collector::serve(store, Arc::clone(&settings), stop.clone());
    tasks.spawn(async move { ("collector", collecting.await) });
    ready();
    let ended = tokio::select! {
        signal = signalled() => signal.map_err(RunError::from),
        ended = tasks.join_next() => Err(unexpected(ended)),
    };
    stop.cancel();
    let drained = async { while tasks.join_next().await.is_some() {} };
    if tokio::time::timeout(GRACE, drained).await.is_err() {
        tracing::warn!("tasks still busy after {} s are dropped", GRACE.as_secs());
    }
    ended
}

fn unexpected(ended: Option<Result<Ended, tokio::task::JoinError>>) -> RunError {
    let (task, problem) = match ended {
        Some(Ok((task, Ok(())))) => (task, "it had nothing more to do".to_owned()),
        Some(Ok((_, Err(error)))) => return error.into(),
        Some(Err(panic)) => ("task", panic.to_string()),
        None => ("service", "no task is left".to_owned()),
    };
    RunError::TaskEnded { task, problem }
}

/// Finishes or rolls back what a killed failover left; a failure is told and does not keep the service down.
async fn finish_open_attempts(store: &Store, settings: &Settings) {
    for resource in settings.resources.values() {
        let consumer = Consumer::new(&resource.name, &resource.consumer, store);
        match failover::resume(store, &consumer, "the starting service", |_| {}).await {
            Ok(None) => {}
            Ok(Some(resumed)) => tracing::warn!(resource = %resource.name, "{}", resumed.text),
            Err(error) => {
                tracing::error!(resource = %resource.name, "an unfinished failover stays open: {error}");
            }
        }
    }
}

/// Waits for SIGTERM or SIGINT.
#[cfg(unix)]
async fn signalled() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminate.recv() => tracing::info!("SIGTERM: stopping"),
        _ = interrupt.recv() => tracing::info!("SIGINT: stopping"),
    }
    Ok(())
}

/// Waits for Ctrl-C.
#[cfg(not(unix))]
async fn signalled() -> std::io::Result<()> {
    tokio::signal::ctrl_c().await
}
