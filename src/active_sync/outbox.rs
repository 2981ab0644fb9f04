//! Delivery: what a page has queued goes to every sink, in order, before the next page is read.
//!
//! # Decisions
//! - A sink that is down holds the feed where it stands, with pauses that grow; the process goes on. Pages are not read
//!   meanwhile, so nothing grows.
//! - A sink may take long over a batch, and a feed that waits for it lives: it shows so all the while.
//! - What only a sink had still to take that is no longer configured is removed with the first delivery: no other
//!   acknowledgement need ever come.
//! - Small batches: an acknowledgement that is lost with the process makes no more than a batch come again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::error::FeedError;
use super::sinks::{Delivered, Sink, next_wait};
use crate::clock::{self, Pulse};
use crate::config;
use crate::model::{CursorTag, ResourceName};
use crate::store::{Store, Undeliverable};

/// The most events given to a sink at once.
const BATCH: usize = 250;
/// About the most bytes given to a sink at once.
const BATCH_BYTES: usize = 1 << 20;
/// How often a waiting feed looks whether it was stopped or moved.
pub(super) const LOOK: Duration = Duration::from_millis(100);

/// The sinks of one feed.
pub(super) struct Outbox {
    store: Store,
    resource: ResourceName,
    sinks: Vec<Sink>,
    names: Vec<String>,
    pulse: Pulse,
    stop: CancellationToken,
    delivered: u64,
    /// How long a sink may be down in one go; `None` for ever.
    patience: Option<Duration>,
    /// Whether what waited for sinks of old alone was removed.
    is_cleared: bool,
    /// Whether a sink has a batch in hand, or its acknowledgement is being written.
    delivering: Arc<AtomicBool>,
}

impl Outbox {
    /// The configured sinks, and standard output besides where `tee` says so.
    pub(super) fn open(
        store: &Store,
        resource: &ResourceName,
        feed: &config::Feed,
        tee: bool,
        pulse: Pulse,
        stop: CancellationToken,
    ) -> Result<Self, FeedError> {
        let mut sinks = Vec::new();
        for (name, settings) in &feed.sinks {
            sinks.push(Sink::new(name, settings)?);
        }
        let prints = feed
            .sinks
            .values()
            .any(|sink| matches!(sink, config::Sink::Stdout));
        if tee && !prints {
            sinks.push(Sink::new("standard output", &config::Sink::Stdout)?);
        }
        let names = sinks.iter().map(|sink| sink.name().to_owned()).collect();
        Ok(Self {
            store: store.clone(),
            resource: resource.clone(),
            sinks,
            names,
            pulse,
            stop,
            delivered: 0,
            patience: None,
            is_cleared: false,
            delivering: Arc::default(),
        })
    }

    /// The same, but a sink that is down for longer is an error: what it has not taken stays queued.
    pub(super) fn giving_up_after(self, patience: Duration) -> Self {
        Self {
            patience: Some(patience),
            ..self
        }
    }

    /// Delivers until every sink has everything; ends early where the feed is stopped or moved.
    pub(super) async fn drain(&mut self, fence: &CursorTag) -> Result<(), FeedError> {
        for at in 0..self.sinks.len() {
            let (mut failures, mut down_for) = (0, clock::Stopwatch::start());
            loop {
                self.pulse.beat();
                self.delivering.store(true, Ordering::Relaxed);
                let batch = self.batch(at).await;
                self.delivering.store(false, Ordering::Relaxed);
                match batch? {
                    Batch::Empty => break,
                    Batch::Delivered => (failures, down_for) = (0, clock::Stopwatch::start()),
                    Batch::Down(down) if down.is_fatal => {
                        let sink = self.name(at);
                        return Err(FeedError::SinkDown {
                            sink,
                            why: down.why,
                        });
                    }
                    Batch::Down(down) => {
                        failures += 1;
                        let wait = next_wait(failures, down.retry_after, clock::chance());
                        let sink = self.name(at);
                        if self
                            .patience
                            .is_some_and(|most| down_for.elapsed() + wait > most)
                        {
                            let why =
                                format!("{}; what it has not taken stays queued for it", down.why);
                            return Err(FeedError::SinkDown { sink, why });
                        }
                        let next = Duration::from_millis(
                            u64::try_from(wait.as_millis()).unwrap_or(u64::MAX),
                        );
                        let next = humantime::format_duration(next);
                        tracing::warn!(resource = %self.resource, sink, "{}; tried again in {next}", down.why);
                        self.pause(wait, fence).await?;
                    }
                }
            }
        }
        if !self.is_cleared {
            let cleared = self.store.clear_outbox(&self.resource, &self.names);
            cleared.await?;
            self.is_cleared = true;
        }
        Ok(())
    }

    fn name(&self, at: usize) -> String {
        self.names.get(at).cloned().unwrap_or_default()
    }

    /// Set while a batch is on its way, from the queue to its acknowledgement.
    pub(super) fn delivering(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.delivering)
    }

    /// Shows that the feed lives.
    pub(super) fn beat(&self) {
        self.pulse.beat();
    }

    /// How many events the sinks have taken, counted once for each sink.
    pub(super) fn delivered(&self) -> u64 {
        self.delivered
    }

    async fn batch(&mut self, at: usize) -> Result<Batch, FeedError> {
        let Some(sink) = self.sinks.get_mut(at) else {
            return Ok(Batch::Empty);
        };
        let name = sink.name().to_owned();
        let queue = self
            .store
            .feed_queue(&self.resource, &name, BATCH, BATCH_BYTES);
        let queue = queue.await?;
        if queue.is_empty() {
            return Ok(Batch::Empty);
        }
        let mut beating = tokio::time::interval(LOOK);
        let delivering = sink.deliver(&queue);
        tokio::pin!(delivering);
        let delivered = loop {
            tokio::select! {
                delivered = &mut delivering => break delivered,
                () = self.stop.cancelled() => return Err(FeedError::Interrupted(self.resource.clone())),
                _ = beating.tick() => self.pulse.beat(),
            }
        };
        let Delivered {
            acknowledged_up_to,
            dead,
            down,
        } = delivered;
        if let Some(up_to) = acknowledged_up_to {
            let taken = queue.iter().filter(|one| one.seq <= up_to).count();
            self.delivered += taken as u64;
            let refused = dead.into_iter().map(|dead| Undeliverable {
                seq: dead.seq,
                why: dead.why,
                status: Some(dead.status),
            });
            let (refused, now) = (refused.collect(), clock::now());
            self.store
                .acknowledge(&self.resource, &name, up_to, refused, &self.names, now)
                .await?;
        }
        Ok(down.map_or(Batch::Delivered, Batch::Down))
    }

    /// Waits, unless the feed is stopped or moved meanwhile, which is an interruption.
    pub(super) async fn pause(&self, wait: Duration, fence: &CursorTag) -> Result<(), FeedError> {
        let waited = clock::Stopwatch::start();
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

enum Batch {
    Empty,
    Delivered,
    Down(super::sinks::Down),
}
