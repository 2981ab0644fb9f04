//! The reader's side of the outbox: what a page has queued waits there for every sink, within a bound.
//!
//! # Decisions
//! - Reading does not wait for sinks: what is queued is on disk, and each sink takes it at its own pace ([`super::delivery`]).
//!   Only where so much waits that the bound is reached does the reader wait, until the slowest sink has taken some.
//! - A sink that takes slowly slows the reader down, and nothing is wrong. Where none of what waits at the bound is taken
//!   for a minute, that is a failure, which opens an incident.

use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::error::FeedError;
use crate::clock::{Pulse, Stopwatch};
use crate::model::{CursorTag, ResourceName};
use crate::store::Store;

/// How often a waiting feed looks whether it was stopped or moved.
pub(super) const LOOK: Duration = Duration::from_millis(100);
/// How long nothing of a full outbox may be taken before that is a failure.
const BLOCKED: Duration = Duration::from_mins(1);

/// Where the reader of one feed queues events.
pub(super) struct Outbox {
    store: Store,
    resource: ResourceName,
    /// How many octets may wait.
    bound: u64,
    /// Counts pages with events, for the sinks that wait for more.
    queued: watch::Sender<u64>,
    pulse: Pulse,
    stop: CancellationToken,
}

impl Outbox {
    pub(super) fn new(
        store: &Store,
        resource: &ResourceName,
        bound: u64,
        pulse: Pulse,
        stop: CancellationToken,
    ) -> Self {
        Self {
            store: store.clone(),
            resource: resource.clone(),
            bound,
            queued: watch::Sender::new(0),
            pulse,
            stop,
        }
    }

    /// What tells a sink that more was queued.
    pub(super) fn more(&self) -> watch::Receiver<u64> {
        self.queued.subscribe()
    }

    /// How many pages with events were queued.
    pub(super) fn pages(&self) -> u64 {
        *self.queued.borrow()
    }

    /// Shows that the feed lives.
    pub(super) fn beat(&self) {
        self.pulse.beat();
    }

    /// Tells the sinks of what was queued. Where `backlog` octets wait then, and that is the bound, it returns once less
    /// does.
    pub(super) async fn queued(&self, backlog: u64, fence: &CursorTag) -> Result<(), FeedError> {
        self.queued.send_modify(|pages| *pages += 1);
        self.beat();
        self.room(backlog, fence).await
    }

    /// Waits while as many octets wait for sinks as may.
    pub(super) async fn room(&self, backlog: u64, fence: &CursorTag) -> Result<(), FeedError> {
        let (mut least, mut still) = (backlog, Stopwatch::start());
        while least >= self.bound {
            self.pause(LOOK, fence).await?;
            let octets = self.octets().await?;
            if octets < least {
                (least, still) = (octets, Stopwatch::start());
            } else if still.elapsed() > BLOCKED {
                return Err(self.blocked(octets).await?);
            }
        }
        Ok(())
    }

    /// How many octets wait for a sink.
    pub(super) async fn octets(&self) -> Result<u64, FeedError> {
        Ok(self.store.feed_backlog_octets(&self.resource).await?)
    }

    async fn blocked(&self, octets: u64) -> Result<FeedError, FeedError> {
        let backlog = self.store.feed_backlog(&self.resource).await?;
        let behind = backlog
            .by_sink
            .into_iter()
            .filter(|(_, events)| *events > 0);
        let behind: Vec<_> = behind
            .map(|(sink, events)| format!("{sink} ({events} events)"))
            .collect();
        Ok(FeedError::BacklogFull {
            resource: self.resource.clone(),
            octets,
            bound: self.bound,
            sinks: behind.join(", "),
        })
    }

    /// Waits, unless the feed is stopped or moved meanwhile, which is an interruption.
    pub(super) async fn pause(&self, wait: Duration, fence: &CursorTag) -> Result<(), FeedError> {
        let waited = Stopwatch::start();
        while waited.elapsed() < wait {
            self.pulse.beat();
            let slice = wait.saturating_sub(waited.elapsed()).min(LOOK);
            tokio::select! {
                () = tokio::time::sleep(slice) => {}
                () = self.stop.cancelled() => return Err(FeedError::Interrupted(self.resource.clone())),
            }
            self.look(fence).await?;
        }
        Ok(())
    }

    /// An interruption where the feed is stopped or its cursor is another one than `fence` stands for.
    pub(super) async fn look(&self, fence: &CursorTag) -> Result<(), FeedError> {
        let stands = self.store.feed_stands(&self.resource, fence).await?;
        if stands && !self.stop.is_cancelled() {
            Ok(())
        } else {
            Err(FeedError::Interrupted(self.resource.clone()))
        }
    }
}
