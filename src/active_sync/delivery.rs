//! Delivery: each sink takes what is queued in order, at its own pace, from its own position.
//!
//! # Decisions
//! - A sink that is down holds nobody but itself: it is tried again with pauses that grow, the others and the reader go on.
//!   One that stays down is a failure, which opens an incident.
//! - Small batches: an acknowledgement that is lost with the process makes no more than a batch come again.
//! - What only a sink had still to take that is no longer configured is removed before the first delivery: no other
//!   acknowledgement need ever come.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::error::FeedError;
use super::outbox::Outbox;
use super::sinks::{Delivered, Down, Sink, next_wait};
use crate::clock::{self, Stopwatch};
use crate::config;
use crate::model::{NewFailure, ResourceName};
use crate::store::{Store, Undeliverable};

/// The most events given to a sink at once.
const BATCH: usize = 250;
/// About the most bytes given to a sink at once.
const BATCH_BYTES: usize = 1 << 20;
/// How long a sink waits at most before it looks by itself whether there is more.
const LOOK: Duration = Duration::from_secs(1);
/// How long a sink may be down before that is a failure, and how often that is said.
const PATIENCE: Duration = Duration::from_mins(5);

/// The sinks of one feed at work.
pub(super) struct Deliveries {
    all: Vec<Delivery>,
    delivered: Arc<AtomicU64>,
    finish: CancellationToken,
}

/// One sink and what it takes.
struct Delivery {
    store: Store,
    resource: ResourceName,
    sink: Sink,
    /// The names of all sinks.
    names: Arc<[String]>,
    more: watch::Receiver<u64>,
    delivered: Arc<AtomicU64>,
    /// Once it is cancelled, a sink that has everything ends.
    finish: CancellationToken,
    stop: CancellationToken,
    /// How long the sink may be down in one go before that ends all; `None` for ever.
    patience: Option<Duration>,
}

/// What one batch came to.
enum Batch {
    Empty,
    Delivered,
    Down(Down),
}

impl Deliveries {
    /// The configured sinks, and standard output besides where `tee` says so.
    pub(super) async fn open(
        store: &Store,
        resource: &ResourceName,
        feed: &config::Feed,
        tee: bool,
        outbox: &Outbox,
        stop: &CancellationToken,
    ) -> Result<Self, FeedError> {
        let mut sinks = Vec::new();
        for (name, settings) in &feed.sinks {
            sinks.push(Sink::new(name, settings)?);
        }
        let mut configured = feed.sinks.values();
        if tee && !configured.any(|sink| matches!(sink, config::Sink::Stdout)) {
            sinks.push(Sink::new("standard output", &config::Sink::Stdout)?);
        }
        let names: Arc<[String]> = sinks.iter().map(|sink| sink.name().to_owned()).collect();
        store.clear_outbox(resource, &names).await?;
        let (delivered, finish) = (Arc::default(), CancellationToken::new());
        let delivery = |sink| Delivery {
            store: store.clone(),
            resource: resource.clone(),
            sink,
            names: Arc::clone(&names),
            more: outbox.more(),
            delivered: Arc::clone(&delivered),
            finish: finish.clone(),
            stop: stop.clone(),
            patience: None,
        };
        Ok(Self {
            all: sinks.into_iter().map(delivery).collect(),
            delivered,
            finish,
        })
    }

    /// The same, but a sink that is down for longer is an error: what it has not taken stays queued.
    pub(super) fn giving_up_after(mut self, patience: Duration) -> Self {
        for delivery in &mut self.all {
            delivery.patience = Some(patience);
        }
        self
    }

    /// Counts the events that sinks have taken, once for each sink.
    pub(super) fn counter(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.delivered)
    }

    /// What has it end once all is delivered that was queued before it is cancelled.
    pub(super) fn finish(&self) -> CancellationToken {
        self.finish.clone()
    }

    /// Delivers until told to stop or to finish. Dropped in the middle, what a sink has taken by then may come again.
    pub(super) async fn run(self) -> Result<(), FeedError> {
        futures_util::future::try_join_all(self.all.into_iter().map(Delivery::run))
            .await
            .map(drop)
    }
}

impl Delivery {
    async fn run(mut self) -> Result<(), FeedError> {
        let (mut failures, mut down_for, mut said) = (0, Stopwatch::start(), None::<Stopwatch>);
        while !self.stop.is_cancelled() {
            let finishing = self.finish.is_cancelled();
            match self.batch().await? {
                Batch::Empty if finishing => return Ok(()),
                Batch::Empty => self.until_more().await,
                Batch::Delivered => (failures, down_for, said) = (0, Stopwatch::start(), None),
                Batch::Down(down) => {
                    if failures == 0 {
                        down_for = Stopwatch::start();
                    }
                    failures += 1;
                    let wait = next_wait(failures, down.retry_after, clock::chance());
                    self.gives_up(&down, down_for.elapsed() + wait)?;
                    let is_due = said.is_none_or(|said| said.elapsed() > PATIENCE);
                    if is_due && (down.is_fatal || down_for.elapsed() > PATIENCE) {
                        self.report(&down).await?;
                        said = Some(Stopwatch::start());
                    }
                    self.pause(&down, wait).await;
                }
            }
        }
        Ok(())
    }

    /// The error that ends all, where a sink is down for good or for longer than may be.
    fn gives_up(&self, down: &Down, down_for: Duration) -> Result<(), FeedError> {
        let Some(patience) = self.patience else {
            return Ok(());
        };
        let why = if down.is_fatal {
            down.why.clone()
        } else if down_for > patience {
            format!("{}; what it has not taken stays queued for it", down.why)
        } else {
            return Ok(());
        };
        Err(FeedError::SinkDown {
            sink: self.sink.name().to_owned(),
            why,
        })
    }

    /// Has the failure process hear of a sink that stays down.
    async fn report(&self, down: &Down) -> Result<(), FeedError> {
        let error = FeedError::SinkDown {
            sink: self.sink.name().to_owned(),
            why: down.why.clone(),
        };
        tracing::error!(resource = %self.resource, "{error}");
        let failure = NewFailure {
            resource: self.resource.clone(),
            dc: None,
            at: clock::now(),
            took_ms: 0,
            failure_timestamp: None,
            source: "active sync".to_owned(),
            errors: vec![error.to_string()],
        };
        match self.store.report_failure(&failure).await {
            Err(error) if !error.may_pass() => Err(error.into()),
            _ => Ok(()),
        }
    }

    async fn pause(&self, down: &Down, wait: Duration) {
        let ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
        let next = humantime::format_duration(Duration::from_millis(ms));
        let sink = self.sink.name();
        tracing::warn!(resource = %self.resource, sink, "{}; tried again in {next}", down.why);
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = self.stop.cancelled() => {}
        }
    }

    async fn until_more(&mut self) {
        tokio::select! {
            _ = self.more.changed() => {}
            () = tokio::time::sleep(LOOK) => {}
            () = self.finish.cancelled() => {}
            () = self.stop.cancelled() => {}
        }
    }

    async fn batch(&mut self) -> Result<Batch, FeedError> {
        let name = self.sink.name().to_owned();
        let queue = self
            .store
            .feed_queue(&self.resource, &name, BATCH, BATCH_BYTES);
        let queue = queue.await?;
        if queue.is_empty() {
            return Ok(Batch::Empty);
        }
        let delivered = tokio::select! {
            delivered = self.sink.deliver(&queue) => delivered,
            () = self.stop.cancelled() => return Ok(Batch::Empty),
        };
        let Delivered {
            acknowledged_up_to,
            dead,
            down,
        } = delivered;
        if let Some(up_to) = acknowledged_up_to {
            let taken = queue.iter().filter(|one| one.seq <= up_to).count();
            self.delivered.fetch_add(taken as u64, Ordering::Relaxed);
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
}
