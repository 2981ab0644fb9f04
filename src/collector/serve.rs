//! The collector as part of the service: a task per DC, supervised, until it is told to stop.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, watch};
use tokio::task::{Id, JoinSet};
use tokio_util::sync::CancellationToken;

use super::cursors::note_cursors;
use super::target::{Target, targets};
use super::task::{pause, poll_and_record, prune, record_panic};
use crate::clock::{self, Pulse};
use crate::config::Settings;
use crate::directory::Session;
use crate::model::DcName;
use crate::store::{Store, StoreError};

/// How long a DC whose task panicked is left alone.
const AFTER_PANIC: Duration = Duration::from_secs(1);

/// How often old samples are removed.
const PRUNE_EVERY: Duration = Duration::from_hours(1);

/// How often the task that leads the others shows that it lives.
const BEAT_EVERY: Duration = Duration::from_millis(500);

pub(super) type Targets = Arc<BTreeMap<DcName, Target>>;

/// Polls every DC period by period and prunes, until `stop`; ends early only with a failure of the store. `pulse`
/// beats while the task that leads the others turns.
pub async fn serve(
    store: Store,
    settings: Arc<Settings>,
    pulse: Pulse,
    stop: CancellationToken,
) -> Result<(), StoreError> {
    let (publish, wanted) = watch::channel(look(&store, &settings).await?);
    let mut crew = Crew::new(store.clone(), Arc::clone(&settings), wanted, stop);
    crew.start_all();
    let mut pruning = tokio::time::interval(PRUNE_EVERY);
    let mut looking = tokio::time::interval(settings.collector.period);
    let mut beating = tokio::time::interval(BEAT_EVERY);
    loop {
        tokio::select! {
            _ = looking.tick() => {
                if let Some(targets) = sit_out(look(&store, &settings).await)? {
                    publish.send_replace(targets);
                }
            }
            _ = pruning.tick() => {
                if let Some(pruned) = sit_out(prune(&store, &settings).await)? {
                    tracing::info!(samples = pruned.samples, failures = pruned.failures, "pruned");
                }
            }
            ended = crew.tasks.join_next_with_id() => match ended {
                None => return Ok(()),
                Some(Ok((_, result))) => result?,
                Some(Err(panic)) => crew.start_again(panic.id()).await?,
            },
            _ = beating.tick() => pulse.beat(),
        }
    }
}

/// A full disk or a lock is told and sat out: the next turn may find it gone, and a restart would not help.
fn sit_out<T>(result: Result<T, StoreError>) -> Result<Option<T>, StoreError> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.may_pass() => {
            tracing::error!("{error}");
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// The DCs to poll, with the cursors as they stand now.
async fn look(store: &Store, settings: &Settings) -> Result<Targets, StoreError> {
    let in_use = note_cursors(store, settings).await?;
    let targets = targets(settings, &in_use, &[]);
    Ok(Arc::new(
        targets
            .into_iter()
            .map(|target| (target.dc.name.clone(), target))
            .collect(),
    ))
}

/// The tasks, one per DC.
pub(super) struct Crew {
    poller: Poller,
    pub(super) tasks: JoinSet<Result<(), StoreError>>,
    pub(super) names: BTreeMap<Id, DcName>,
}

impl Crew {
    pub(super) fn new(
        store: Store,
        settings: Arc<Settings>,
        wanted: watch::Receiver<Targets>,
        stop: CancellationToken,
    ) -> Self {
        let permits = Arc::new(Semaphore::new(settings.collector.concurrency));
        let poller = Poller {
            store,
            settings,
            permits,
            wanted,
            stop,
        };
        Self {
            poller,
            tasks: JoinSet::new(),
            names: BTreeMap::new(),
        }
    }

    fn start_all(&mut self) {
        let names: Vec<DcName> = self.poller.wanted.borrow().keys().cloned().collect();
        for name in names {
            self.start(name, Duration::ZERO);
        }
    }

    fn start(&mut self, name: DcName, after: Duration) {
        let poller = self.poller.clone();
        let handle = self.tasks.spawn(poller.run(name.clone(), after));
        self.names.insert(handle.id(), name);
    }

    pub(super) async fn start_again(&mut self, ended: Id) -> Result<(), StoreError> {
        if let Some(name) = self.names.remove(&ended) {
            tracing::error!(dc = %name, "the task of this DC panicked and is started again");
            record_panic(&self.poller.store, &name).await?;
            self.start(name, AFTER_PANIC);
        }
        Ok(())
    }
}

/// Polls one DC for as long as the service runs.
#[derive(Clone)]
struct Poller {
    store: Store,
    settings: Arc<Settings>,
    permits: Arc<Semaphore>,
    wanted: watch::Receiver<Targets>,
    stop: CancellationToken,
}

impl Poller {
    async fn run(self, name: DcName, first: Duration) -> Result<(), StoreError> {
        let mut kept: Option<Session> = None;
        let mut wait = first;
        let collector = &self.settings.collector;
        loop {
            tokio::select! {
                () = self.stop.cancelled() => return Ok(()),
                () = tokio::time::sleep(wait) => {}
            }
            let target = self.wanted.borrow().get(&name).cloned();
            if let Some(target) = target {
                let poll = async {
                    let _permit = self.permits.acquire().await;
                    // In a box of its own: what a poll needs is large, and most DCs wait for their next one.
                    Box::pin(poll_and_record(&self.store, &target, &mut kept)).await
                };
                // A hung DC must not hold the end of the service up; a write that was sent is carried out all the same.
                tokio::select! {
                    () = self.stop.cancelled() => return Ok(()),
                    polled = poll => { sit_out(polled)?; }
                }
            }
            wait = pause(collector.period, collector.jitter, clock::chance());
        }
    }
}
