//! The service: composes the actors, supervises them, and stops them in order.
//!
//! Owns the one [`JoinSet`] all tasks live in, the signals, and the answers to what other processes ask. It decides
//! nothing about DCs or cursors.
//!
//! # Decisions
//! - The unexpected end of a task stops the service with an error: a service that half works is worse than one that
//!   its supervisor starts again.
//! - One service per store: a lock file beside the database tells, and frees itself when the process dies.
//! - A reload puts all of a new configuration in force or nothing of it: with a mistake in it the old one stays.
//! - A sign of life goes to the service manager only while the actors themselves beat: a service whose store hangs
//!   is started again, which a timer that merely ticks would prevent.

mod notify;
pub mod proposals;
mod reload;
mod requests;
mod signals;
mod thread;

use std::sync::Arc;
use std::time::Duration;

use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

use notify::Manager;
pub use signals::interrupted;
use signals::{Signals, Wish};
pub use thread::on_own_thread;

use crate::active_sync;
use crate::clock::Pulse;
use crate::collector;
use crate::config::Settings;
use crate::consumer::Consumer;
use crate::failover;
use crate::on_error::render::{TemplateError, Templates};
use crate::on_error::{self, Desk};
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
    /// A template of the configuration is wrong.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// A task ended by itself.
    #[error("the {task} ended unexpectedly: {problem}")]
    TaskEnded {
        /// Which.
        task: &'static str,
        /// What it said.
        problem: String,
    },
    /// A feed's thread could not be started.
    #[error("cannot start the thread of a feed: {0}")]
    Thread(#[source] std::io::Error),
    /// The signals could not be waited for.
    #[error("cannot wait for signals: {0}")]
    Signals(#[from] std::io::Error),
}

/// Reads the configuration and its secrets again; the text says why that cannot be done. It may block.
pub type Reload = Arc<dyn Fn() -> Result<Settings, String> + Send + Sync>;

/// Runs the service until a signal, or until a task ends by itself; `ready` is called once it works. SIGHUP calls
/// `reload`.
pub async fn run(
    store: Store,
    settings: Arc<Settings>,
    reload: Reload,
    ready: impl FnOnce(),
) -> Result<(), RunError> {
    let mut signals = Signals::catch()?;
    // Found wrong at the start, not when the first mail is due.
    let templates = Arc::new(Templates::load(
        settings.on_error.notices.templates.as_deref(),
    )?);
    let manager = Manager::from(&|name| std::env::var_os(name));
    let Some(_lock) = store.hold_service_lock().await? else {
        return Err(RunError::AlreadyRunning);
    };
    let mut service = Service::start(store, settings, templates);
    // Asks to stop and start a sync, as any other process does: somebody must answer by now.
    tokio::select! {
        () = finish_open_attempts(&service.store, &service.settings) => {}
        // As a crash would, this leaves the failover to the next start, command or service.
        () = signals.stop() => {
            manager.stopping();
            return service.end(Ok(())).await;
        }
    }
    service.collect();
    service.feed();
    service.heed_errors();
    ready();
    manager.ready(&service.text());
    let ended = service.turn(&mut signals, &manager, &reload).await;
    manager.stopping();
    service.end(ended).await
}

/// How a task ended, and whether it had been told to.
struct Ended {
    task: &'static str,
    told: bool,
    result: Result<(), RunError>,
}

/// The running service.
struct Service {
    store: Store,
    settings: Arc<Settings>,
    tasks: JoinSet<Ended>,
    stop: CancellationToken,
    answering: Pulse,
    collector: Option<(CancellationToken, Pulse)>,
    feeds: Vec<(CancellationToken, Pulse)>,
    templates: Arc<Templates>,
    failures: Option<(CancellationToken, Pulse)>,
}

impl Service {
    /// A service that answers requests and does not collect yet.
    fn start(store: Store, settings: Arc<Settings>, templates: Arc<Templates>) -> Self {
        let mut service = Self {
            store: store.clone(),
            settings,
            tasks: JoinSet::new(),
            stop: CancellationToken::new(),
            answering: Pulse::start(),
            collector: None,
            feeds: Vec::new(),
            templates,
            failures: None,
        };
        let told = service.stop.clone();
        let answers = requests::answer(store, service.answering.clone(), told.clone());
        service.add("answering of requests", told, answers);
        service
    }

    fn add(
        &mut self,
        task: &'static str,
        told: CancellationToken,
        work: impl Future<Output = Result<(), impl Into<RunError>>> + Send + 'static,
    ) {
        self.tasks.spawn(async move {
            let result = work.await.map_err(Into::into);
            let told = told.is_cancelled();
            Ended { task, told, result }
        });
    }

    /// Starts a collector with the present settings, then tells the one before it to end: no DC goes unpolled
    /// between the two, and a poll both make at once is two samples.
    fn collect(&mut self) {
        let (told, pulse) = (self.stop.child_token(), Pulse::start());
        let (store, settings) = (self.store.clone(), Arc::clone(&self.settings));
        let work = collector::serve(store, settings, pulse.clone(), told.clone());
        self.add("collector", told.clone(), work);
        if let Some((before, _)) = self.collector.replace((told, pulse)) {
            before.cancel();
        }
    }

    /// Starts the feed of every resource that has one with the present settings, and tells those before to end: each
    /// begins where the last one's lock is free.
    fn feed(&mut self) {
        for (before, _) in self.feeds.drain(..) {
            before.cancel();
        }
        let has_feed = self
            .settings
            .resources
            .values()
            .any(|resource| resource.feed.is_some());
        if has_feed {
            let (told, pulse) = (self.stop.child_token(), Pulse::start());
            let (store, settings) = (self.store.clone(), Arc::clone(&self.settings));
            let work = active_sync::prune_journals(store, settings, pulse.clone(), told.clone());
            self.add("pruning of journals", told.clone(), work);
            self.feeds.push((told, pulse));
        }
        for resource in self.settings.resources.clone().keys() {
            let (told, pulse) = (self.stop.child_token(), Pulse::start());
            let task = active_sync::Task::new(
                &self.store,
                &self.settings,
                resource,
                false,
                pulse.clone(),
                told.clone(),
            );
            if let Some(task) = task {
                self.add("feed", told.clone(), on_thread(task));
                self.feeds.push((told, pulse));
            }
        }
    }

    /// Starts the failure process with the present settings, and tells the one before it to end. Both may turn for a
    /// moment: every step of theirs counts once.
    fn heed_errors(&mut self) {
        let (told, pulse) = (self.stop.child_token(), Pulse::start());
        let desk = Desk::new(
            self.store.clone(),
            Arc::clone(&self.settings),
            Arc::clone(&self.templates),
            host(),
        );
        let moves = proposals::serve(desk.clone(), told.clone());
        let work = on_error::serve(desk, pulse.clone(), told.clone());
        self.add("failure process", told.clone(), work);
        self.add("carrying out of proposals", told.clone(), moves);
        if let Some((before, _)) = self.failures.replace((told, pulse)) {
            before.cancel();
        }
    }

    /// Whether every actor has shown lately that it turns.
    fn lives(&self, within: Duration) -> bool {
        let pulses = self.collector.iter().chain(&self.feeds);
        let pulses = pulses.chain(&self.failures).map(|(_, pulse)| pulse);
        pulses
            .chain([&self.answering])
            .all(|pulse| pulse.silence() < within)
    }

    /// What a person sees of it in the service manager.
    fn text(&self) -> String {
        let (dcs, resources) = (self.settings.dcs.len(), self.settings.resources.len());
        format!("samples {dcs} DCs for {resources} resources")
    }

    async fn turn(
        &mut self,
        signals: &mut Signals,
        manager: &Manager,
        reload: &Reload,
    ) -> Result<(), RunError> {
        let watched = manager.watchdog();
        // Four times as often as the manager looks, so that one late turn is no death.
        let pace = watched.map_or(Duration::from_hours(1), |within| within / 4);
        let mut looking = tokio::time::interval(pace.max(Duration::from_millis(10)));
        let (mut loading, mut again) = (JoinSet::new(), false);
        loop {
            tokio::select! {
                wish = signals.next() => match wish {
                    Wish::Stop => return Ok(()),
                    Wish::Reload if loading.is_empty() => load(&mut loading, manager, reload),
                    Wish::Reload => again = true,
                },
                Some(loaded) = loading.join_next() => {
                    self.take(loaded, manager);
                    if std::mem::take(&mut again) {
                        load(&mut loading, manager, reload);
                    }
                }
                ended = self.tasks.join_next() => match ended {
                    Some(Ok(Ended { told: true, result: Ok(()), .. })) => {}
                    ended => return Err(unexpected(ended)),
                },
                _ = looking.tick() => {
                    if watched.is_some_and(|within| self.lives(within / 2)) {
                        manager.alive();
                    }
                }
            }
        }
    }

    /// Puts a configuration that was read again in force, or tells why not and keeps the one there is.
    fn take(&mut self, loaded: Result<Result<Settings, String>, JoinError>, manager: &Manager) {
        let loaded = loaded.unwrap_or_else(|panic| Err(panic.to_string()));
        let usable = loaded
            .and_then(|new| reload::usable(&self.settings, new))
            .and_then(|new| {
                let templates = Templates::load(new.on_error.notices.templates.as_deref());
                let templates = templates.map_err(|error| error.to_string())?;
                Ok((new, templates))
            });
        match usable {
            Ok((new, templates)) => {
                tracing::info!(
                    "configuration reloaded: {}",
                    reload::changes(&self.settings, &new)
                );
                self.settings = Arc::new(new);
                self.templates = Arc::new(templates);
                self.collect();
                self.feed();
                self.heed_errors();
                manager.ready(&self.text());
            }
            Err(problem) => {
                tracing::error!(
                    "not reloaded, the configuration from before stays in force: {problem}"
                );
                manager.ready(&format!(
                    "{}; the last reload failed, see the log",
                    self.text()
                ));
            }
        }
    }

    /// Tells every task to end, and waits for them.
    async fn end(mut self, ended: Result<(), RunError>) -> Result<(), RunError> {
        self.stop.cancel();
        let drained = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(GRACE, drained).await.is_err() {
            tracing::warn!("tasks still busy after {} s are dropped", GRACE.as_secs());
        }
        ended
    }
}

/// A feed on a thread of its own.
async fn on_thread(task: active_sync::Task) -> Result<(), RunError> {
    let ended = on_own_thread("feed", Box::pin(task.serve())).await;
    Ok(ended.map_err(RunError::Thread)??)
}

/// The name of this machine, for what people read; what cannot be found out is "this host".
pub fn host() -> String {
    let kernel = std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
    kernel
        .or_else(|| std::env::var("COMPUTERNAME").ok())
        .map(|name| name.trim().to_owned())
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| "this host".to_owned())
}

/// Begins to read the configuration again; a slow disk must not hold the service up.
fn load(loading: &mut JoinSet<Result<Settings, String>>, manager: &Manager, reload: &Reload) {
    tracing::info!("SIGHUP: reading the configuration again");
    manager.reloading();
    let reload = Arc::clone(reload);
    loading.spawn_blocking(move || reload());
}

fn unexpected(ended: Option<Result<Ended, JoinError>>) -> RunError {
    let (task, problem) = match ended {
        Some(Ok(Ended {
            result: Err(error), ..
        })) => return error,
        Some(Ok(Ended { task, .. })) => (task, "it had nothing more to do".to_owned()),
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

#[cfg(test)]
mod tests;
