//! The feed of one resource at work: passes over the changes, loads, deliveries, until it is told to stop.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::backoff::{self, Backoff};
use super::begin::{begin, start_load};
use super::decide::heartbeat;
use super::delivery::Deliveries;
use super::error::FeedError;
use super::outbox::{LOOK, Outbox};
use super::pass::Work;
use super::place::{Lookout, Place};
use super::reader::{Reader, dc_in_use};
use super::scope::Scope;
use crate::clock::{self, Pulse, Stopwatch};
use crate::config::{self, ResourceSettings, Settings};
use crate::directory::{Directory, Ldap};
use crate::model::{DcName, Feed, FeedPage, Load, NewFailure, ResourceName};
use crate::store::{PageWritten, Store, StoreError};

/// How long objects may wait for a DC's changes before that is a failure, and how often it is looked.
const LONGEST_WAITING_HOURS: i64 = 24;
const WAITING_LOOK: Duration = Duration::from_mins(1);
const HOUR_MS: i64 = 3_600_000;
/// How many failures are kept that cannot be taken down: more than any rule's window can tell apart.
const MOST_OWED: usize = 1_000;

/// The feed of one resource.
pub struct Task<D: Directory = Ldap> {
    directory: D,
    store: Store,
    settings: Arc<Settings>,
    resource: ResourceSettings,
    feed: config::Feed,
    scope: Scope,
    pulse: Pulse,
    stop: CancellationToken,
    tee: bool,
    reader: Option<Reader<D::Source>>,
    lookout: Lookout,
    /// Where the cursor pointed when the present work began; `None` before the first.
    at: Option<Place>,
    /// How long the way to that DC was tried for, where there is none.
    waited_ms: u32,
    /// Failures that could not be taken down yet, oldest first.
    owed: VecDeque<NewFailure>,
}

impl Task {
    /// The feed of a resource over LDAP; `None` where its consumer is another one. With `tee` every event is printed as
    /// well.
    pub fn new(
        store: &Store,
        settings: &Arc<Settings>,
        resource: &ResourceName,
        tee: bool,
        pulse: Pulse,
        stop: CancellationToken,
    ) -> Option<Self> {
        Self::over(Ldap, store, settings, resource, tee, pulse, stop)
    }
}

impl<D: Directory> Task<D> {
    /// The same over another directory.
    pub fn over(
        directory: D,
        store: &Store,
        settings: &Arc<Settings>,
        resource: &ResourceName,
        tee: bool,
        pulse: Pulse,
        stop: CancellationToken,
    ) -> Option<Self> {
        let resource = settings.resources.get(resource)?.clone();
        let feed = resource.feed.clone()?;
        let lookout = Lookout {
            store: store.clone(),
            resource: resource.name.clone(),
            attribute: resource.host_attribute,
        };
        Some(Self {
            directory,
            store: store.clone(),
            settings: Arc::clone(settings),
            scope: Scope::new(&resource, &feed),
            resource,
            feed,
            pulse,
            stop,
            tee,
            reader: None,
            lookout,
            at: None,
            waited_ms: 0,
            owed: VecDeque::new(),
        })
    }

    /// Reads and delivers until told to stop; failures are told and tried again, those of the store end it.
    pub async fn serve(mut self) -> Result<(), StoreError> {
        let Some(_lock) = self.hold().await? else {
            return Ok(());
        };
        let outbox = self.outbox();
        let (store, resource, feed) = (&self.store, &self.resource.name, &self.feed);
        let sinks = Deliveries::open(store, resource, feed, self.tee, &outbox, &self.stop).await;
        let sinks = match sinks {
            Ok(sinks) => sinks.run(),
            Err(FeedError::Store(error)) => return Err(error),
            // A secret that is missing, a certificate that is none: only another configuration helps.
            Err(error) => return self.idle(&error).await,
        };
        tokio::select! {
            ended = self.read_on(&outbox) => ended,
            ended = sinks => match ended {
                Err(FeedError::Store(error)) => Err(error),
                Ok(()) | Err(_) => Ok(()),
            },
        }
    }

    /// Reads until told to stop.
    async fn read_on(&mut self, outbox: &Outbox) -> Result<(), StoreError> {
        let mut backoff = Backoff::default();
        loop {
            if self.stop.is_cancelled() {
                return Ok(());
            }
            let Err(error) = self.turn(&mut backoff, outbox).await;
            match error {
                error if error.is_interruption() => {}
                FeedError::Store(error) if !error.may_pass() => return Err(error),
                error => self.failed(&error, &mut backoff).await?,
            }
        }
    }

    /// Says from time to time what keeps the feed from being, until told to stop.
    async fn idle(&mut self, error: &FeedError) -> Result<(), StoreError> {
        while !self.stop.is_cancelled() {
            tracing::error!(resource = %self.resource.name, "{error}");
            self.report(error).await?;
            self.sit_out(backoff::LONGEST).await;
        }
        Ok(())
    }

    /// Tells of a failure and waits, unless it is the failure of a DC that the cursor points to no more.
    async fn failed(&mut self, error: &FeedError, backoff: &mut Backoff) -> Result<(), StoreError> {
        if error.ends_session() {
            self.reader = None;
        }
        if error.is_of_dc() && self.is_left().await {
            tracing::warn!(resource = %self.resource.name, "of the DC that was in use before: {error}");
            return Ok(());
        }
        let failures = backoff.failed(self.at.as_ref());
        tracing::error!(resource = %self.resource.name, failures, "{error}");
        self.report(error).await?;
        self.sit_out(backoff.wait(self.feed.poll)).await;
        Ok(())
    }

    /// Whether the cursor points to another DC than when work began; what the store cannot say is taken for no.
    async fn is_left(&self) -> bool {
        let moved = self.lookout.has_moved(self.at.as_ref()).await;
        moved.unwrap_or(false)
    }

    /// Takes a failure down where the status shows it and where the failure process hears of it. Where the store cannot
    /// write (a full disk), the failure is kept and taken down with the next one, as of its own time.
    async fn report(&mut self, error: &FeedError) -> Result<(), StoreError> {
        let (resource, at) = (self.resource.name.clone(), clock::now());
        // The first word of a DC's failure is its kind, which the rules go by.
        let text = match error {
            FeedError::Directory(error) => error.failure().to_string(),
            error => error.to_string(),
        };
        if self.owed.len() >= MOST_OWED {
            self.owed.pop_front();
        }
        self.owed.push_back(NewFailure {
            resource: resource.clone(),
            dc: self.dc_at().filter(|_| error.is_of_dc()),
            at,
            took_ms: self.waited_ms.max(error.waited_ms()),
            failure_timestamp: None,
            source: "active sync".to_owned(),
            errors: vec![text.clone()],
        });
        let noted = self.store.note_feed_problem(&resource, &text, at).await;
        match noted.and(self.pay().await) {
            Err(error) if error.may_pass() => {
                let owed = self.owed.len();
                tracing::error!(resource = %self.resource.name, owed, "the failure is not on record yet: {error}");
                Ok(())
            }
            ended => ended,
        }
    }

    /// The DC the cursor pointed to when work began.
    fn dc_at(&self) -> Option<DcName> {
        let host = self.at.as_ref()?.host.as_deref()?;
        self.settings.dc_of_host(host).map(|dc| dc.name.clone())
    }

    /// Takes down the failures that could not be so far.
    async fn pay(&mut self) -> Result<(), StoreError> {
        while let Some(failure) = self.owed.front() {
            self.store.report_failure(failure).await?;
            self.owed.pop_front();
        }
        Ok(())
    }

    /// Reads everything there is, once, and delivers it; for how many events, see the result. A sink that is down for
    /// longer than `patience` ends it with [`FeedError::SinkDown`].
    pub async fn once(
        mut self,
        patience: Duration,
        progress: &mut (dyn FnMut(&Load) + Send),
    ) -> Result<u64, FeedError> {
        let lock = self
            .store
            .lock_feed(&self.resource.name, Duration::ZERO)
            .await?;
        let Some(_lock) = lock else {
            return Err(FeedError::Driven(self.resource.name.clone()));
        };
        let outbox = self.outbox();
        let (store, resource, feed) = (&self.store, &self.resource.name, &self.feed);
        let sinks = Deliveries::open(store, resource, feed, self.tee, &outbox, &self.stop);
        let sinks = sinks.await?.giving_up_after(patience);
        let (delivered, finish) = (sinks.counter(), sinks.finish());
        let reading = async {
            while self.pass_or_load(&outbox, progress).await? {}
            Ok(())
        };
        let sinks = sinks.run();
        tokio::pin!(sinks);
        let read: Result<(), FeedError> = tokio::select! {
            read = reading => read,
            ended = &mut sinks => {
                ended?;
                return Err(FeedError::Interrupted(self.resource.name.clone()));
            }
        };
        // What was read is delivered, also where the reading failed.
        finish.cancel();
        sinks.await?;
        read.map(|()| delivered.load(Ordering::Relaxed))
    }

    /// Waits for the lock that lets only one process drive the feed; `None` when told to stop.
    async fn hold(&self) -> Result<Option<crate::store::FeedLock>, StoreError> {
        let mut told = false;
        loop {
            self.pulse.beat();
            let lock = self
                .store
                .lock_feed(&self.resource.name, Duration::ZERO)
                .await?;
            if lock.is_some() || self.stop.is_cancelled() {
                return Ok(lock);
            }
            if !told {
                tracing::warn!("{}", FeedError::Driven(self.resource.name.clone()));
                told = true;
            }
            tokio::select! {
                () = tokio::time::sleep(Duration::from_millis(500)) => {}
                () = self.stop.cancelled() => return Ok(None),
            }
        }
    }

    /// Passes one after the other, with the configured pause, until something ends them.
    async fn turn(
        &mut self,
        backoff: &mut Backoff,
        outbox: &Outbox,
    ) -> Result<Infallible, FeedError> {
        let (mut silent, mut looked) = (Stopwatch::start(), None);
        loop {
            let before = outbox.pages();
            self.pass_or_load(outbox, &mut |_| {}).await?;
            backoff.went_well();
            self.pay().await?;
            if looked.is_none_or(|looked: Stopwatch| looked.elapsed() > WAITING_LOOK) {
                self.tell_waiting().await?;
                looked = Some(Stopwatch::start());
            }
            if outbox.pages() > before {
                silent = Stopwatch::start();
            }
            let Some(feed) = self.store.feed(&self.resource.name).await? else {
                continue;
            };
            if self
                .feed
                .heartbeat
                .is_some_and(|every| silent.elapsed() >= every)
            {
                self.beat(&feed, outbox).await?;
                silent = Stopwatch::start();
            }
            outbox.pause(self.feed.poll, &feed.cursor.tag).await?;
        }
    }

    /// Has the failure process hear of objects that have waited for a DC's changes for a day (R4).
    async fn tell_waiting(&mut self) -> Result<(), StoreError> {
        let now = clock::now();
        for waiting in self.store.feed_waiting(&self.resource.name).await? {
            let hours = now.ms_since(waiting.since) / HOUR_MS;
            if hours >= LONGEST_WAITING_HOURS {
                let id = waiting.invocation_id;
                let error = FeedError::Waiting {
                    resource: self.resource.name.clone(),
                    dc: waiting
                        .dc
                        .map_or_else(|| id.to_string(), |dc| dc.to_string()),
                    objects: waiting.objects,
                    hours,
                };
                tracing::error!("{error}");
                self.report(&error).await?;
            }
        }
        Ok(())
    }

    fn outbox(&self) -> Outbox {
        let (pulse, stop) = (self.pulse.clone(), self.stop.clone());
        let (resource, bound) = (&self.resource.name, self.feed.backlog_bytes);
        Outbox::new(&self.store, resource, bound, pulse, stop)
    }

    /// One pass, or one load to its end, its events queued for the sinks; whether it was a load. Only whoever holds the
    /// lock of the feed may call it. Dropped at any moment, it leaves what a killed process would.
    pub async fn step(&mut self) -> Result<bool, FeedError> {
        let (feed, outbox) = (self.stands().await?, self.outbox());
        Box::pin(self.read(&feed, &outbox, &mut |_| {})).await
    }

    /// One pass, or one load to its end, given up where it waits once the feed is stopped or moved; whether it was a load.
    async fn pass_or_load(
        &mut self,
        outbox: &Outbox,
        progress: &mut (dyn FnMut(&Load) + Send),
    ) -> Result<bool, FeedError> {
        let feed = self.stands().await?;
        let at = Place::of(&feed.cursor.cursor, self.resource.host_attribute);
        self.at = Some(at.clone());
        self.waited_ms = 0;
        let called_off = self.lookout.clone().called_off(at);
        tokio::select! {
            biased;
            ended = Box::pin(self.read(&feed, outbox, progress)) => return ended,
            () = called_off => {}
        }
        // Dropped with its reading, which cannot be gone on with; every write of it is fenced.
        self.reader = None;
        self.store.settled().await?;
        Err(FeedError::Interrupted(self.resource.name.clone()))
    }

    async fn read(
        &mut self,
        feed: &Feed,
        outbox: &Outbox,
        progress: &mut (dyn FnMut(&Load) + Send),
    ) -> Result<bool, FeedError> {
        outbox
            .room(outbox.octets().await?, &feed.cursor.tag)
            .await?;
        let mut reader = self.reader(feed).await?;
        let work = Work {
            store: &self.store,
            resource: &self.resource,
            settings: &self.feed,
            scope: &self.scope,
        };
        let (directory, settings) = (&self.directory, &self.settings);
        let fingerprint = reader.fingerprint(&self.resource, &self.feed);
        let ended =
            match start_load(directory, settings, &work, &mut reader, feed, &fingerprint).await? {
                Some((feed, load)) => {
                    let loaded = work.load(&mut reader, &feed, &load, outbox, progress).await;
                    loaded.map(|_| true)
                }
                None => work.pass(&mut reader, feed, outbox).await.map(|_| false),
            };
        if ended
            .as_ref()
            .err()
            .is_none_or(|error| !error.ends_session() || error.is_interruption())
        {
            self.reader = Some(reader);
        }
        let is_load = ended?;
        self.store
            .note_feed_pass(&self.resource.name, clock::now())
            .await?;
        Ok(is_load)
    }

    /// The feed as it stands, begun where there is none; waits while it is stopped.
    async fn stands(&mut self) -> Result<Feed, FeedError> {
        loop {
            self.pulse.beat();
            let feed = if let Some(feed) = self.store.feed(&self.resource.name).await? {
                feed
            } else {
                let (settings, resource) = (&self.settings, &self.resource);
                begin(&self.directory, &self.store, settings, resource, &self.feed).await?
            };
            if !feed.is_stopped {
                return Ok(feed);
            }
            tokio::select! {
                () = tokio::time::sleep(LOOK) => {}
                () = self.stop.cancelled() => {
                    return Err(FeedError::Interrupted(self.resource.name.clone()));
                }
            }
        }
    }

    /// The open reader of the DC the cursor names, or a new one.
    async fn reader(&mut self, feed: &Feed) -> Result<Reader<D::Source>, FeedError> {
        let dc = dc_in_use(&self.settings, &self.resource, &feed.cursor.cursor)?;
        match self.reader.take() {
            Some(reader) if reader.dc == dc.name => Ok(reader),
            _ => {
                let (tried, resource) = (Stopwatch::start(), &self.resource);
                let opened = Reader::open(&self.directory, resource, &self.feed, dc).await;
                if opened.is_err() {
                    self.waited_ms = tried.elapsed_ms();
                }
                opened
            }
        }
    }

    async fn beat(&self, feed: &Feed, outbox: &Outbox) -> Result<(), FeedError> {
        let Some(reader) = &self.reader else {
            return Ok(());
        };
        let origin = reader.origin(&self.resource, feed.given_up);
        let beat = heartbeat(&origin, feed.cursor.cursor.last_updated, clock::now());
        let page = FeedPage {
            events: vec![beat],
            ..FeedPage::default()
        };
        let fence = &feed.cursor.tag;
        let written = self
            .store
            .write_feed_page(&self.resource.name, fence, page, clock::now());
        match written.await? {
            PageWritten::Written { backlog, .. } => outbox.queued(backlog, fence).await,
            PageWritten::Fenced | PageWritten::Stopped => {
                Err(FeedError::Interrupted(self.resource.name.clone()))
            }
        }
    }

    /// Waits, and no longer once the feed is stopped or moved.
    async fn sit_out(&self, wait: Duration) {
        let waited = Stopwatch::start();
        while waited.elapsed() < wait && !self.stop.is_cancelled() {
            self.pulse.beat();
            let slice = wait.saturating_sub(waited.elapsed()).min(LOOK);
            tokio::time::sleep(slice).await;
            let called_off = self.lookout.is_called_off(self.at.as_ref()).await;
            if called_off.unwrap_or(true) {
                return;
            }
        }
    }
}
