//! A forest with its servers, a store, settings with a feed, the feed's task, and its consumer.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use highwater::active_sync::Task;
use highwater::clock::{self, Pulse, Stopwatch};
use highwater::config::{
    self, Collector, ConsumerKind, DcSettings, FileSink, MaxDeletes, Position, ResourceSettings,
    Settings, Sink, Timeouts,
};
use highwater::lab::forest::{
    Changes, Class, DOMAIN, Forest, Pace, Place, Rng, Shape, Traffic, Weights,
};
use highwater::lab::server::Lab;
use highwater::model::{
    DcName, Dn, Feed, HostAttribute, Hours, Preference, ResourceName, StartMethod,
};
use highwater::store::Store;
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::receiver::Receiver;
use crate::truth::{Filter, Shown};

/// Bounds that a busy machine hardly reaches, and that a DC that hangs soon does.
const TIMEOUTS: Timeouts = Timeouts {
    connect: Duration::from_secs(3),
    operation: Duration::from_secs(3),
    search: Duration::from_secs(5),
};

/// Much happens in few ticks.
const BUSY: Pace = Pace {
    write_percent: 25,
    interval_ms: 200,
    packet_percent: 50,
    break_percent: 10,
};

/// Milliseconds of the forest's time from one tick to the next.
const TICK_MS: i64 = 20;

/// What kind of bed it is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Make {
    pub(crate) dcs: usize,
    pub(crate) users: usize,
    pub(crate) filter: Filter,
    /// Whether the base is a container of the domain, into and out of which units are moved.
    pub(crate) below: bool,
    pub(crate) overlap: u32,
}

pub(crate) struct Bed {
    pub(crate) seed: u64,
    pub(crate) lab: Lab,
    pub(crate) store: Store,
    pub(crate) settings: Arc<Settings>,
    pub(crate) receiver: Receiver,
    pub(crate) shown: Shown,
    pub(crate) base: Dn,
    pub(crate) filter: Filter,
    pub(crate) rng: Rng,
    pub(crate) moves: usize,
    pub(crate) kills: usize,
    container: Option<Uuid>,
    traffic: Traffic,
    now: i64,
    task: Option<(JoinHandle<()>, CancellationToken)>,
    /// Removed at the end, with everything in it.
    _folder: TempDir,
}

pub(crate) fn hr() -> ResourceName {
    "hr".parse().unwrap()
}

pub(crate) fn name(dc: usize) -> DcName {
    format!("dc{}", dc + 1).parse().unwrap()
}

impl Bed {
    pub(crate) async fn new(seed: u64, make: Make) -> Self {
        let folder = TempDir::new().unwrap();
        let file = folder.path().join("events.jsonl");
        let sink = Sink::File(FileSink {
            path: file.clone(),
            rotate_bytes: u64::MAX,
            keep: 1,
        });
        let receiver = Receiver::new(&file);
        Self::with_sink(seed, make, folder, sink, receiver).await
    }

    pub(crate) async fn with_sink(
        seed: u64,
        make: Make,
        folder: TempDir,
        sink: Sink,
        receiver: Receiver,
    ) -> Self {
        let now = 1_800_000_000_000;
        let shape = Shape {
            users: make.users,
            groups: 4 + make.users / 20,
            ..Shape::of(make.dcs)
        };
        let mut forest = Forest::new(seed, &shape, now).unwrap();
        forest.packet = 4;
        let container = make.below.then(|| with_container(&mut forest, now));
        let domain = forest.context_dn(DOMAIN);
        let base = match container {
            Some(_) => format!("CN=Watched,{domain}"),
            None => domain,
        };
        let base: Dn = base.parse().unwrap();
        let lab = Lab::start(forest, None).unwrap();
        let dcs: BTreeMap<DcName, DcSettings> = (0..make.dcs)
            .map(|dc| lab.settings(dc, TIMEOUTS).unwrap())
            .map(|dc| (dc.name.clone(), dc))
            .collect();
        let shown = Shown::read(&dcs[&name(0)]).await;
        let feed = config::Feed {
            filter: make.filter.text().to_owned(),
            attributes: vec!["*".to_owned()],
            exclude: Vec::new(),
            poll: Duration::from_millis(5),
            overlap: make.overlap,
            start_margin: 50,
            heartbeat: None,
            max_deletes: MaxDeletes::Number(100),
            backlog_bytes: 250_000_000,
            sinks: [("out".to_owned(), sink)].into(),
        };
        let settings = settings(&folder, dcs, &base, feed);
        let store = Store::open(&settings.store).await.unwrap();
        Self {
            seed,
            lab,
            store,
            settings: Arc::new(settings),
            receiver,
            shown,
            base,
            filter: make.filter,
            rng: Rng::new(seed ^ 0xFEED),
            moves: 0,
            kills: 0,
            container,
            traffic: Traffic::mixed(BUSY, Weights::EVERYTHING),
            now,
            task: None,
            _folder: folder,
        }
    }

    /// Lets the forest work for so many ticks at once; now and then a unit goes into the base, or out of it.
    pub(crate) fn live(&mut self, ticks: usize) {
        for _ in 0..ticks {
            self.now += TICK_MS;
            let (now, traffic) = (self.now, &mut self.traffic);
            self.lab.with(|forest| traffic.tick(forest, now).unwrap());
            if let Some(container) = self.container
                && self.traffic.writes
                && self.rng.percent(4)
            {
                let (now, rng) = (self.now, &mut self.rng);
                self.lab
                    .with(|forest| move_a_unit(forest, rng, now, container));
            }
        }
    }

    /// Lets the forest work, a little at a time, while the task does; about so many ticks.
    pub(crate) async fn pass_time(&mut self, ticks: usize) {
        for _ in 0..ticks {
            self.live(1);
            if self.rng.percent(30) {
                let us = self.rng.below(3_000) as u64;
                tokio::time::sleep(Duration::from_micros(us)).await;
            }
        }
    }

    pub(crate) fn with<T>(&self, work: impl FnOnce(&mut Forest, i64) -> T) -> T {
        self.lab.with(|forest| work(forest, self.now))
    }

    pub(crate) fn is_running(&self) -> bool {
        self.task.is_some()
    }

    /// Has another configuration from the next start on.
    pub(crate) fn feed_settings(&mut self, change: impl FnOnce(&mut config::Feed)) {
        let settings = Arc::make_mut(&mut self.settings);
        let resource = settings.resources.get_mut(&hr()).unwrap();
        change(resource.feed.as_mut().unwrap());
    }

    /// The same for the sinks.
    pub(crate) fn sinks(&mut self, change: impl FnOnce(&mut BTreeMap<String, Sink>)) {
        self.feed_settings(|feed| change(&mut feed.sinks));
    }

    /// Starts the task; gives its pulse.
    pub(crate) fn start(&mut self) -> Pulse {
        assert!(self.task.is_none());
        let stop = CancellationToken::new();
        let (store, pulse) = (&self.store, Pulse::start());
        let beats = pulse.clone();
        let task = Task::new(store, &self.settings, &hr(), false, beats, stop.clone()).unwrap();
        let seed = self.seed;
        let running = tokio::spawn(async move {
            if let Err(error) = task.serve().await {
                panic!("seed {seed}: the feed ended: {error}");
            }
        });
        self.task = Some((running, stop));
        pulse
    }

    /// Drops the task where it stands.
    pub(crate) async fn kill(&mut self) {
        let (running, _) = self.task.take().unwrap();
        running.abort();
        let ended = running.await.unwrap_err();
        assert!(ended.is_cancelled(), "seed {}: {ended}", self.seed);
        self.receiver.killed();
        self.kills += 1;
    }

    /// Stops the task as the service does.
    pub(crate) async fn stop(&mut self) {
        let (running, stop) = self.task.take().unwrap();
        stop.cancel();
        running.await.unwrap();
        self.receiver.killed();
    }

    pub(crate) async fn feed(&self) -> Option<Feed> {
        self.store.feed(&hr()).await.unwrap()
    }

    /// The DC the cursor names.
    pub(crate) async fn in_use(&self) -> Option<usize> {
        let feed = self.feed().await?;
        let dc = self.settings.dc_of_host(&feed.cursor.cursor.ldap_host);
        let dc = dc.unwrap().name.to_string();
        let number: usize = dc.trim_start_matches("dc").parse().unwrap();
        Some(number - 1)
    }

    /// Cuts all DCs off from each other, or joins them.
    pub(crate) fn cut_all(&self, cut: bool) {
        self.lab.with(|forest| {
            for one in 0..forest.dcs.len() {
                for other in 0..one {
                    forest.cut(one, other, cut);
                }
            }
        });
    }

    /// People write again after everything was settled.
    pub(crate) fn write_again(&mut self) {
        self.traffic.writes = true;
    }

    /// Nobody writes any more, everything comes back and replicates, and the feed reads on until it has everything and
    /// says nothing more.
    pub(crate) async fn settle(&mut self) {
        self.settle_but(true).await;
    }

    /// The same; whether S must cover K in the end.
    pub(crate) async fn settle_but(&mut self, level: bool) {
        self.traffic.writes = false;
        self.cut_all(false);
        for dc in 0..self.settings.dcs.len() {
            self.lab
                .set_fault(dc, highwater::lab::server::Fault::None)
                .unwrap();
            if !self.with(|forest, _| forest.dcs[dc].is_alive) {
                self.lab.revive(dc).await.unwrap();
            }
        }
        self.with(|forest, now| forest.settle(now).unwrap());
        if self.task.is_none() {
            self.start();
        }
        self.until_quiet(level).await;
    }

    /// Nobody writes any more; waits until all there is is told.
    pub(crate) async fn rest(&mut self) {
        self.traffic.writes = false;
        self.until_quiet(false).await;
    }

    async fn until_quiet(&mut self, level: bool) {
        let waited = Stopwatch::start();
        let (mut quiet, mut last) = (0, None);
        while quiet < 3 {
            assert!(
                waited.elapsed() < Duration::from_mins(1),
                "seed {}: the feed does not settle: {:?}; missed {:#?}",
                self.seed,
                self.store.feed_health(&hr()).await.unwrap(),
                self.missed(self.in_use().await.unwrap_or(0)),
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
            let events = self.receiver.events;
            self.receiver.read_on();
            if self.receiver.events > events {
                (quiet, last) = (0, None);
                continue;
            }
            let Some(feed) = self.feed().await.filter(|feed| feed.load.is_none()) else {
                continue;
            };
            let mut contexts = feed.contexts.values();
            let reader = feed.cursor.cursor.invocation_id.unwrap();
            let known = contexts
                .all(|context| context.is_level_on(reader) || (!level && context.held.is_some()));
            let health = self.store.feed_health(&hr()).await.unwrap().unwrap();
            let backlog = self.store.feed_backlog(&hr()).await.unwrap();
            let rests = known && backlog.events == 0 && health.problem.is_none();
            if rests && health.last_pass != last {
                last = health.last_pass;
                quiet += 1;
            }
        }
    }

    /// Settles, and says what is wrong: nothing may be.
    pub(crate) async fn check(&mut self) {
        self.settle().await;
        self.look().await;
    }

    pub(crate) async fn look(&mut self) {
        self.receiver.read_on();
        let seed = self.seed;
        let wrong = &self.receiver.wrong;
        assert!(
            wrong.is_empty(),
            "seed {seed}: {} wrong: {:#?}; told of the first one's object: {:#?}",
            wrong.len(),
            &wrong[..wrong.len().min(5)],
            self.receiver.lines_of(&wrong[0]),
        );
        let missed = self.missed(self.in_use().await.unwrap());
        assert!(
            missed.is_empty(),
            "seed {seed}: {} missed: {:#?}",
            missed.len(),
            &missed[..missed.len().min(8)]
        );
    }
}

/// Makes the container that is the base, with a unit in it.
fn with_container(forest: &mut Forest, now: i64) -> Uuid {
    let domain = forest.heads[DOMAIN];
    let place = Place {
        rdn: "Watched".to_owned(),
        parent: Some(domain),
    };
    let made = forest.create(0, now, Class::Container, place, Changes::new());
    let container = made.unwrap();
    let units = forest.live_units(0).unwrap();
    for (number, unit) in units.into_iter().enumerate().take(2) {
        let rdn = format!("Seen {number}");
        forest.rename(0, now, unit, &rdn, container).unwrap();
    }
    forest.settle(now).unwrap();
    container
}

fn move_a_unit(forest: &mut Forest, rng: &mut Rng, now: i64, container: Uuid) {
    let dc = rng.below(forest.dcs.len());
    let Ok(units) = forest.live_units(dc) else {
        return;
    };
    let Some(unit) = rng.pick(&units) else { return };
    let domain = forest.heads[DOMAIN];
    let to = if rng.percent(70) { container } else { domain };
    let rdn = format!("Moved {now}");
    // A DC that is down takes no writes.
    drop(forest.rename(dc, now, unit, &rdn, to));
}

fn settings(
    folder: &TempDir,
    dcs: BTreeMap<DcName, DcSettings>,
    base: &Dn,
    feed: config::Feed,
) -> Settings {
    let wish = |dc: &DcName| {
        let first = if *dc == name(0) {
            Preference::Prefer
        } else {
            Preference::Neutral
        };
        (dc.clone(), first)
    };
    let resource = ResourceSettings {
        name: hr(),
        base_contexts: vec![base.clone()],
        search_subdomains: false,
        host_attribute: HostAttribute::LdapHost,
        backup_dcs: dcs.keys().map(wish).collect(),
        site: None,
        replication_time: Hours::DEFAULT_REPLICATION,
        start: StartMethod::Best,
        consumer: config::Consumer {
            kind: ConsumerKind::Builtin,
            position: Position::BeforeSearch,
            stop: None,
            start: None,
            preset: None,
            command_timeout: Duration::from_secs(30),
        },
        feed: Some(feed),
        reaction: config::Reaction::default(),
    };
    Settings {
        store: folder.path().join("hw.db"),
        collector: Collector {
            period: Duration::from_millis(150),
            jitter: 0.1,
            concurrency: 16,
            days_to_keep_usns: 7,
        },
        dcs,
        on_error: config::OnError::default(),
        resources: [(resource.name.clone(), resource)].into(),
    }
}

/// The time the machine's clock says, for what the store writes down.
pub(crate) fn at() -> highwater::model::UtcMs {
    clock::now()
}
