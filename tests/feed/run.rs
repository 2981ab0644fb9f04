//! One run: a forest, the feed's task over it, its store, its sinks, and time.

use std::collections::{BTreeMap, BTreeSet};
use std::future::poll_fn;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use highwater::active_sync::{FeedError, Task};
use highwater::clock::{self, Pulse};
use highwater::config::{self, MaxDeletes, Settings};
use highwater::lab::forest::{Attribute, DOMAIN, Forest, Pace, Rng, Saved, Shape, Traffic};
use highwater::model::{DcName, Dn, Feed, InvocationId, ResourceName, UtcMs};
use highwater::store::Store;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::happenings::with_container;
use crate::receiver::Inbox;
use crate::setting::{settings, template};
use crate::shown::{Filter, told};
use crate::source::{Asked, Sim};
use crate::weather::Weather;

/// Milliseconds of the forest's time from one tick to the next.
const TICK_MS: i64 = 20;
/// About the most bytes of events taken at once.
const BATCH_BYTES: usize = 1 << 20;

/// What became of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stepped {
    /// A pass or load is complete.
    Done,
    /// It ended, and the next one may do better.
    Failed,
    /// The process died.
    Crashed,
}

/// What a run counts.
#[derive(Debug, Clone, Default)]
pub(crate) struct Counted {
    pub(crate) moves: usize,
    pub(crate) unproven: usize,
    /// Moves for which nothing but everything anew would do.
    pub(crate) anew: usize,
    pub(crate) crashes: usize,
    pub(crate) passes: usize,
    pub(crate) loads: usize,
    pub(crate) questions: usize,
    pub(crate) lost: usize,
    pub(crate) restored: usize,
    pub(crate) rolled_back: usize,
    pub(crate) resyncs: usize,
    pub(crate) put_back: usize,
}

#[expect(clippy::struct_excessive_bools, reason = "each is a matter of its own")]
pub(crate) struct Run {
    pub(crate) seed: u64,
    pub(crate) sim: Sim,
    pub(crate) store: Store,
    pub(crate) settings: Arc<Settings>,
    task: Option<Task<Sim>>,
    pub(crate) inboxes: Vec<Inbox>,
    pub(crate) filter: Filter,
    /// The container that is the base, where it is not the domain.
    pub(crate) container: Option<Uuid>,
    pub(crate) base: Dn,
    pub(crate) rng: Rng,
    pub(crate) weather: Weather,
    pub(crate) ticks: usize,
    pub(crate) count: Counted,
    /// The DCs that never come back.
    pub(crate) gone: BTreeSet<usize>,
    /// The lives that are to be declared lost.
    pub(crate) to_declare: Vec<InvocationId>,
    /// Those that were.
    pub(crate) declared: Vec<InvocationId>,
    /// The backup of the store, with how many were declared lost by then.
    pub(crate) backup: Option<(PathBuf, usize)>,
    pub(crate) is_to_be_put_back: bool,
    /// Whether the task runs with settings of old.
    pub(crate) is_reloaded: bool,
    pub(crate) saved: BTreeMap<usize, Saved>,
    /// Those that went back in time and are not there any more.
    pub(crate) rolled_back: BTreeSet<usize>,
    /// How many samples were recorded.
    pub(crate) samples: i64,
    /// Why the last step failed.
    pub(crate) failed: Option<String>,
    /// The clock of the store's records, which need one that never stands still.
    pub(crate) began: UtcMs,
    /// Whether nothing happens by itself.
    pub(crate) is_still: bool,
    /// The question at which the process dies where nothing happens by itself.
    pub(crate) dies_at: Option<Asked>,
    traces: bool,
    seen: String,
    folder: TempDir,
}

/// What a run is begun with, where it is not left to chance.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Make {
    pub(crate) filter: Option<Filter>,
    pub(crate) is_still: bool,
    /// Whether the base is a container of the domain.
    pub(crate) is_below: bool,
}

impl Run {
    pub(crate) async fn new(seed: u64, weather: &Weather, make: Make) -> Self {
        let mut rng = Rng::new(seed ^ 0x5eed);
        let now = 2_000_000;
        let dcs = 3 + rng.below(3);
        let shape = Shape {
            users: 25,
            groups: 4,
            ..Shape::of(dcs)
        };
        let mut forest = Forest::new(seed, &shape, 1_000_000).unwrap();
        forest.packet = 2 + rng.below(8);
        let pace = Pace {
            write_percent: 3 + rng.below(25),
            interval_ms: 100 + 300 * i64::try_from(rng.below(6)).unwrap(),
            packet_percent: 20 + rng.below(70),
            break_percent: rng.below(30),
        };
        let below = make.is_below || !make.is_still && rng.percent(weather.below_percent);
        let container = below.then(|| with_container(&mut forest, now));
        let domain = forest.context_dn(DOMAIN);
        let base: Dn = match container {
            Some(_) => format!("CN=Watched,{domain}"),
            None => domain,
        }
        .parse()
        .unwrap();
        let chance = rng.pick(&Filter::ALL).unwrap();
        let filter = make.filter.unwrap_or(chance);
        let scale = if rng.percent(30) { 1 } else { 100 };
        let mut traffic = Traffic::mixed(pace, weather.weights);
        traffic.writes = !make.is_still;
        let mut overlap = u32::try_from(i64::try_from(rng.below(30)).unwrap() * scale).unwrap();
        let mut margin = u32::try_from(rng.below(weather.margin + 1)).unwrap();
        margin *= u32::try_from(scale).unwrap();
        if make.is_still {
            (overlap, margin) = (0, 0);
        }
        let names: Vec<String> = forest.dcs.iter().map(|dc| dc.name.to_lowercase()).collect();
        let sim = Sim::new(forest, traffic, now, scale, seed);
        sim.sky().page = rng.pick(&[3, 12, 12, 40]).unwrap();
        let weather = Weather {
            slow: 1 + rng.below(weather.slow),
            ..*weather
        };
        let folder = TempDir::new_in("/dev/shm").unwrap();
        let feed = config::Feed {
            filter: filter.text().to_owned(),
            attributes: told(),
            exclude: Vec::new(),
            poll: Duration::from_millis(1),
            overlap,
            start_margin: margin,
            heartbeat: None,
            backlog_bytes: 1 << 30,
            max_deletes: MaxDeletes::Percent(100),
            // What is queued is taken by the inboxes.
            sinks: BTreeMap::new(),
        };
        let settings = settings(folder.path().join("hw.db"), &names, &base, feed);
        std::fs::copy(template().await, &settings.store).unwrap();
        let store = Store::open(&settings.store).await.unwrap();
        let sinks = 1 + rng.below(weather.sinks.max(1));
        let inboxes = (0..sinks).map(|number| {
            let pace = if number == 0 { 50 } else { 1 + rng.below(6) };
            Inbox::new(&format!("sink{number}"), pace)
        });
        Self {
            inboxes: inboxes.collect(),
            seed,
            sim,
            store,
            settings: Arc::new(settings),
            task: None,
            filter,
            container,
            base,
            rng,
            weather,
            ticks: 0,
            count: Counted::default(),
            gone: BTreeSet::new(),
            to_declare: Vec::new(),
            declared: Vec::new(),
            backup: None,
            is_to_be_put_back: false,
            is_reloaded: false,
            saved: BTreeMap::new(),
            rolled_back: BTreeSet::new(),
            samples: 0,
            failed: None,
            began: clock::now(),
            is_still: make.is_still,
            dies_at: None,
            traces: std::env::var_os("HIGHWATER_TRACE").is_some(),
            seen: String::new(),
            folder,
        }
    }

    /// The weather's time, to its end.
    pub(crate) async fn run(&mut self) {
        while self.ticks < self.weather.ticks {
            self.step().await;
            let pause = self.rng.below(4);
            self.pass_time(pause).await;
        }
    }

    /// One pass or one load of the shipped loop; the world goes on at each of its questions.
    pub(crate) async fn step(&mut self) -> Stepped {
        let task = self.task.take().filter(|_| !self.is_reloaded);
        self.is_reloaded = false;
        let mut task = task.unwrap_or_else(|| self.begin());
        let sim = self.sim.clone();
        let mut is_crash = false;
        let ended = {
            let mut step = pin!(task.step());
            loop {
                let halt = poll_fn(|cx| match step.as_mut().poll(cx) {
                    Poll::Ready(ended) => Poll::Ready(Ok(ended)),
                    Poll::Pending => match sim.asked() {
                        Some(asked) => Poll::Ready(Err(asked)),
                        None => Poll::Pending,
                    },
                });
                match halt.await {
                    Ok(ended) => break Some(ended),
                    Err(asked) => {
                        is_crash = self.asked(asked).await;
                        if is_crash {
                            break None;
                        }
                        sim.answer();
                    }
                }
            }
        };
        sim.forget();
        if !is_crash {
            self.task = Some(task);
        }
        if self.is_to_be_put_back {
            self.forget_task();
            self.put_back().await;
        }
        self.say(|| format!("step: {ended:?}"));
        match ended {
            None => {
                self.count.crashes += 1;
                Stepped::Crashed
            }
            Some(Ok(is_load)) => {
                self.failed = None;
                self.count.passes += usize::from(!is_load);
                self.count.loads += usize::from(is_load);
                Stepped::Done
            }
            Some(Err(FeedError::Store(error))) => panic!("the store failed: {error}"),
            Some(Err(error)) => {
                if matches!(error, FeedError::NeedsFullPass { .. }) {
                    self.resync().await;
                }
                self.failed = Some(error.to_string());
                Stepped::Failed
            }
        }
    }

    pub(crate) fn forget_task(&mut self) {
        self.task = None;
    }

    fn begin(&self) -> Task<Sim> {
        let (store, pulse, stop) = (&self.store, Pulse::start(), CancellationToken::new());
        let sim = self.sim.clone();
        Task::over(sim, store, &self.settings, &hr(), false, pulse, stop).unwrap()
    }

    /// Lets the world go on before a question is answered; whether the process dies of it.
    async fn asked(&mut self, what: Asked) -> bool {
        self.count.questions += 1;
        self.look().await;
        if self.is_still {
            let dies = self.dies_at.take_if(|at| *at == what);
            return dies.is_some();
        }
        let ticks = self.rng.below(self.weather.slow + 1);
        self.pass_time(ticks).await;
        for number in 0..self.inboxes.len() {
            if self.rng.percent(self.inboxes[number].pace) {
                let most = 1 + self.rng.below(20);
                self.deliver(number, most).await;
            }
        }
        if self.once_in(self.weather.resets) {
            self.sim.sky().reset = true;
        }
        self.is_to_be_put_back || self.once_in(self.weather.crashes)
    }

    /// Whether what happens once in so many chances happens at this one.
    pub(crate) fn once_in(&mut self, chances: usize) -> bool {
        chances > 0 && self.rng.below(chances) == 0
    }

    pub(crate) async fn pass_time(&mut self, ticks: usize) {
        for _ in 0..ticks {
            self.ticks += 1;
            self.tick();
            self.happen().await;
        }
    }

    /// Tells what happens, for a person who looks into a seed: `HIGHWATER_TRACE=1`.
    pub(crate) fn say(&self, what: impl FnOnce() -> String) {
        if self.traces {
            println!("{:5} {}", self.ticks, what());
        }
    }

    /// Tells what is remembered of an object whenever that changes: `HIGHWATER_TRACE=1 HIGHWATER_LOOK=<objectGUID>`.
    async fn look(&mut self) {
        let Ok(guid) = std::env::var("HIGHWATER_LOOK") else {
            return;
        };
        let told = self.store.told(&hr(), &[guid.parse().unwrap()]).await;
        let seen = format!(
            "{:?}; of the DC in use: {}",
            told.unwrap().into_values().next(),
            self.lineage(guid.parse().unwrap()).await
        );
        if self.seen != seen {
            self.say(|| format!("remembered: {seen}"));
            self.seen = seen;
        }
    }

    /// The names of an object and of all above it on the DC in use, each with its stamp and the local USN, and S and K.
    async fn lineage(&self, guid: Uuid) -> String {
        let (Some((used, _)), Some(feed)) = (self.in_use().await, self.feed().await) else {
            return "none".to_owned();
        };
        let rereads = self.store.feed_rereads(&hr(), None, 10_000).await.unwrap();
        let rereads = rereads
            .iter()
            .filter(|reread| reread.guid.to_string() == guid.to_string());
        let rereads: Vec<_> = rereads.map(|reread| reread.why).collect();
        let sky = self.sim.sky();
        let dc = &sky.forest.dcs[used];
        let mut parts = vec![format!("{} (rereads {rereads:?})", dc.name)];
        let mut next = dc.objects.get(&guid);
        while let Some(object) = next.filter(|_| parts.len() < 9) {
            let name = object.attrs.get(&Attribute::Name);
            let stamp = name.map(|name| {
                let by = name.stamp.by.to_string();
                let (usn, local) = (sky.scale.usn(name.stamp.usn), sky.scale.usn(name.local));
                format!("v{} {}:{usn} here {local}", name.stamp.version, &by[..4])
            });
            let id = object.guid.to_string();
            parts.push(format!("{id} {} ({stamp:?})", object.place.rdn));
            next = object
                .place
                .parent
                .and_then(|parent| dc.objects.get(&parent));
        }
        parts.push(format!(
            "{:?} {:?}",
            feed.cursor.cursor.last_updated, feed.contexts
        ));
        parts.join(" < ")
    }

    /// A moment of the forest's own.
    pub(crate) fn tick(&self) {
        let mut sky = self.sim.sky();
        let sky = &mut *sky;
        sky.now += TICK_MS;
        sky.traffic.tick(&mut sky.forest, sky.now).unwrap();
    }

    /// A sink takes at most so many events, as the product's delivery does; now and then it dies before it says so. Whether
    /// there is nothing more.
    pub(crate) async fn deliver(&mut self, number: usize, most: usize) -> bool {
        let names: Vec<String> = self
            .inboxes
            .iter()
            .map(|inbox| inbox.name.clone())
            .collect();
        let (hr, sink) = (hr(), &names[number]);
        let inbox = &mut self.inboxes[number];
        let queue = self.store.feed_queue(&hr, sink, most, BATCH_BYTES);
        let queue = queue.await.unwrap();
        let Some(last) = queue.last() else {
            return true;
        };
        for queued in &queue {
            if self.traces && number == 0 {
                println!("      {} {}", queued.seq, queued.event.body);
            }
            inbox.take(queued);
        }
        if !self.is_still && self.rng.percent(4) {
            return false;
        }
        let (up_to, now) = (last.seq, clock::now());
        let acknowledged = self
            .store
            .acknowledge(&hr, sink, up_to, Vec::new(), &names, now);
        acknowledged.await.unwrap();
        false
    }

    /// Every sink takes everything.
    pub(crate) async fn drain(&mut self) {
        for number in 0..self.inboxes.len() {
            while !self.deliver(number, 500).await {}
        }
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) async fn feed(&self) -> Option<Feed> {
        self.store.feed(&hr()).await.unwrap()
    }

    /// The DC the cursor names, with the incarnation it counts on.
    pub(crate) async fn in_use(&self) -> Option<(usize, Option<InvocationId>)> {
        let cursor = self.feed().await?.cursor.cursor;
        let dc = self.settings.dc_of_host(&cursor.ldap_host).unwrap();
        let number: usize = dc
            .name
            .to_string()
            .trim_start_matches("dc")
            .parse()
            .unwrap();
        Some((number - 1, cursor.invocation_id))
    }

    pub(crate) fn events(&self) -> usize {
        self.inboxes.iter().map(|inbox| inbox.events).sum()
    }
}

pub(crate) fn hr() -> ResourceName {
    "hr".parse().unwrap()
}

pub(crate) fn name(dc: usize) -> DcName {
    format!("dc{}", dc + 1).parse().unwrap()
}
