//! The scene: the servers, the traffic, the collector and the sync, in a folder that goes when they do.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::{interval, sleep, timeout};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::DemoError;
use super::feed::{self, FeedRow, Following};
use super::report::{Means, Row};
use crate::clock::{self, Pulse, Stopwatch};
use crate::collector;
use crate::config::{
    self, Collector, ConsumerKind, DcSettings, Position, ResourceSettings, Settings, Timeouts,
};
use crate::consumer::Consumer;
use crate::lab::forest::{Comparison, DOMAIN, Forest, Pace, Shape, Traffic};
use crate::lab::server::Lab;
use crate::lab::sync::ExternalSync;
use crate::model::{
    Chosen, DcName, Dn, HostAttribute, Hours, Plan, Preference, ResourceName, StartMethod,
    StartPoint, Verdict, WhyNoStart,
};
use crate::store::{Store, StoreError};

/// From one poll of a DC, and of the sync, to the next.
const PERIOD: Duration = Duration::from_millis(400);
/// How often something happens in the forest.
const TICK: Duration = Duration::from_millis(20);
const PACE: Pace = Pace {
    write_percent: 12,
    interval_ms: 3_500,
    packet_percent: 40,
    break_percent: 4,
};
/// The most of what was missed that is told.
const EXAMPLES: usize = 3;
/// How long the tasks may take to end.
const GRACE: Duration = Duration::from_secs(10);

/// A folder that is removed with everything in it.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Result<Self, DemoError> {
        let path = std::env::temp_dir().join(format!("highwater-demo-{}", Uuid::new_v4()));
        let made = std::fs::create_dir(&path);
        made.map_err(|source| DemoError::Folder {
            path: path.clone(),
            source,
        })?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What cannot be removed stays in the folder for temporary files.
        drop(std::fs::remove_dir_all(&self.0));
    }
}

/// Everything that runs.
pub(super) struct Scene {
    pub(super) lab: Lab,
    pub(super) store: Store,
    pub(super) settings: Arc<Settings>,
    pub(super) sync: ExternalSync,
    collecting: Option<JoinHandle<Result<(), StoreError>>>,
    driving: JoinHandle<()>,
    writes: Arc<Mutex<Traffic>>,
    following: Option<Following>,
    stop: CancellationToken,
    folder: Folder,
}

impl Drop for Scene {
    fn drop(&mut self) {
        self.stop.cancel();
        self.driving.abort();
    }
}

fn resource_name() -> Result<ResourceName, DemoError> {
    "demo"
        .parse()
        .map_err(|error| DemoError::Scene(format!("the resource's name: {error}")))
}

fn domain(forest: &Forest) -> Result<Dn, DemoError> {
    forest
        .context_dn(DOMAIN)
        .parse()
        .map_err(|error| DemoError::Scene(format!("the domain's name: {error}")))
}

impl Scene {
    /// Builds the forest and starts everything.
    pub(super) async fn set(seed: u64) -> Result<Self, DemoError> {
        let folder = Folder::new()?;
        let forest = Forest::new(seed, &Shape::of(3), clock::now().as_millis())?;
        let base = domain(&forest)?;
        let lab = Lab::start(forest, Some(&folder.0))?;
        let settings = Arc::new(settings(&lab, &folder.0, base.clone())?);
        let store = Store::open(&settings.store).await?;
        let file = folder.0.join("cursor.json");
        let sync = ExternalSync::create(&file, &resource_name()?, base, first(&settings)?)?;
        let stop = CancellationToken::new();
        let writes = Arc::new(Mutex::new(Traffic::new(PACE)));
        let driving = tokio::spawn(drive(lab.shared_forest(), Arc::clone(&writes)));
        let following = Following::start(&store, &settings, &folder.0)?;
        let collecting = collector::serve(
            store.clone(),
            Arc::clone(&settings),
            Pulse::start(),
            stop.clone(),
        );
        Ok(Self {
            lab,
            store,
            settings,
            sync,
            collecting: Some(tokio::spawn(collecting)),
            driving,
            writes,
            following: Some(following),
            stop,
            folder,
        })
    }

    /// Lets the sync poll for so long; everything else goes on by itself.
    pub(super) async fn live(&mut self, time: Duration) -> Result<(), DemoError> {
        let watch = Stopwatch::start();
        while watch.elapsed() < time {
            self.poll().await?;
        }
        Ok(())
    }

    /// One poll of the sync, and the pause after it.
    pub(super) async fn poll(&mut self) -> Result<(), DemoError> {
        let dc = first(&self.settings)?.clone();
        self.sync.poll(&dc).await?;
        sleep(PERIOD).await;
        Ok(())
    }

    /// Whether the DC in use is so far behind each of the others.
    pub(super) fn is_behind(&self, ms: i64) -> Result<bool, DemoError> {
        let now = clock::now().as_millis();
        self.lab.with(|forest| {
            for backup in 1..forest.dcs.len() {
                if forest.lag_ms(0, backup, DOMAIN, now)? < ms {
                    return Ok(false);
                }
            }
            Ok(true)
        })
    }

    /// Ends the collector: what is planned from now on rests on the same samples.
    pub(super) async fn stop_collecting(&mut self) -> Result<(), DemoError> {
        self.stop.cancel();
        let Some(collecting) = self.collecting.take() else {
            return Ok(());
        };
        match timeout(GRACE, collecting).await {
            Ok(Ok(ended)) => Ok(ended?),
            Ok(Err(panic)) => Err(DemoError::Scene(format!("the collector failed: {panic}"))),
            Err(_) => Err(DemoError::Scene("the collector did not end".to_owned())),
        }
    }

    /// Ends the writing and lets everything replicate among the DCs that live.
    pub(super) async fn calm(&mut self) -> Result<(), DemoError> {
        {
            let mut traffic = self.writes.lock().unwrap_or_else(PoisonError::into_inner);
            traffic.writes = false;
        }
        sleep(TICK * 2).await;
        let now = clock::now().as_millis();
        Ok(self.lab.with(|forest| forest.settle(now))?)
    }

    /// Moves the feed, which reads on by itself.
    pub(super) async fn move_feed(&mut self) -> Result<(), DemoError> {
        match &mut self.following {
            Some(following) => following.fail_over().await,
            None => Ok(()),
        }
    }

    /// Brings the dead DC's database back, so that every write reaches every DC, and judges the feed by that.
    pub(super) async fn judge_feed(&mut self) -> Result<FeedRow, DemoError> {
        let Some(following) = self.following.take() else {
            return Ok(FeedRow::default());
        };
        let now = clock::now().as_millis();
        let truth = self.lab.with(|forest| {
            forest.dc_mut(0)?.is_alive = true;
            forest.settle(now)?;
            forest.state(1, DOMAIN)
        })?;
        following.judge(&truth).await
    }

    pub(super) fn resource(&self) -> Result<&ResourceSettings, DemoError> {
        let found = self.settings.resources.get(&resource_name()?);
        found.ok_or_else(|| DemoError::Scene("no resource is configured".to_owned()))
    }

    pub(super) fn consumer(&self) -> Result<Consumer, DemoError> {
        let resource = self.resource()?;
        Ok(Consumer::new(
            &resource.name,
            &resource.consumer,
            &self.store,
        ))
    }

    /// The forest's number of a configured DC.
    pub(super) fn number(&self, dc: &DcName) -> Result<usize, DemoError> {
        let at = self.settings.dcs.keys().position(|name| name == dc);
        at.ok_or_else(|| DemoError::Scene(format!("{dc} is not of this forest")))
    }

    /// Carries a copy of the consumer on from the start a plan found on `to`.
    pub(super) async fn try_start(
        &self,
        means: Means,
        replication_time_ms: Option<i64>,
        plan: &Plan,
        to: &DcName,
    ) -> Result<Row, DemoError> {
        let verdict = plan.candidates.iter().find(|verdict| verdict.dc == *to);
        let found = verdict.and_then(|verdict| found(means, verdict));
        let why_not: Vec<String> = verdict
            .map(|verdict| verdict.why_not.iter().map(ToString::to_string).collect())
            .unwrap_or_default();
        let mut row = Row {
            means,
            replication_time_ms,
            start: None,
            refused: (!why_not.is_empty()).then(|| why_not.join("; ")),
            missed: None,
            examples: Vec::new(),
            tally: crate::lab::sync::Tally::default(),
            ahead: 0,
        };
        let id = verdict.and_then(|verdict| verdict.invocation_id);
        if let (Some(Ok(start)), Some(id)) = (found, id) {
            let file = self.folder.0.join(format!("{means:?}.json"));
            let dc = self.dc(to)?;
            let mut copy = self.sync.fork(&file, dc, id, start.usn)?;
            copy.poll(dc).await?;
            row.start = Some(start.usn);
            self.judge(&copy, to, &mut row)?;
        }
        Ok(row)
    }

    /// Lets the moved consumer read on where its cursor now points.
    pub(super) async fn carry_on(&mut self, chosen: &Chosen) -> Result<Row, DemoError> {
        let host = self.sync.host()?;
        let dc = self
            .settings
            .dc_of_host(&host)
            .ok_or_else(|| DemoError::Scene(format!("the cursor names {host}, which is no DC")))?
            .clone();
        self.sync.tally = crate::lab::sync::Tally::default();
        self.sync.poll(&dc).await?;
        let mut row = Row {
            means: Means::Best,
            replication_time_ms: None,
            start: Some(chosen.start.usn),
            refused: None,
            missed: None,
            examples: Vec::new(),
            tally: crate::lab::sync::Tally::default(),
            ahead: 0,
        };
        self.judge(&self.sync, &dc.name, &mut row)?;
        Ok(row)
    }

    fn judge(&self, sync: &ExternalSync, dc: &DcName, row: &mut Row) -> Result<(), DemoError> {
        let number = self.number(dc)?;
        let Comparison { missed, ahead } = self
            .lab
            .with(|forest| forest.compare(number, &sync.held(&forest.oracle)))?;
        row.missed = Some(missed.len());
        row.examples = missed.into_iter().take(EXAMPLES).collect();
        row.ahead = ahead;
        row.tally = sync.tally;
        Ok(())
    }

    fn dc(&self, name: &DcName) -> Result<&DcSettings, DemoError> {
        let found = self.settings.dcs.get(name);
        found.ok_or_else(|| DemoError::Scene(format!("{name} is not configured")))
    }
}

/// The start a candidate got by these means.
fn found(means: Means, verdict: &Verdict) -> Option<Result<StartPoint, WhyNoStart>> {
    let starts = verdict.starts.clone()?;
    match means {
        Means::Vector | Means::Best => Some(starts.vector),
        Means::Manual => starts.manual,
        Means::TimeNone | Means::TimeHalf | Means::TimeHonest | Means::TimeGenerous => {
            Some(starts.time)
        }
    }
}

/// Lets the forest work, tick by tick, until it is aborted.
async fn drive(forest: Arc<Mutex<Forest>>, traffic: Arc<Mutex<Traffic>>) {
    let mut ticks = interval(TICK);
    loop {
        ticks.tick().await;
        let mut traffic = traffic.lock().unwrap_or_else(PoisonError::into_inner);
        let mut forest = forest.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = traffic.tick(&mut forest, clock::now().as_millis()) {
            tracing::error!("the forest stands still: {error}");
            return;
        }
    }
}

fn first(settings: &Settings) -> Result<&DcSettings, DemoError> {
    let dc = settings.dcs.values().next();
    dc.ok_or_else(|| DemoError::Scene("the forest has no DC".to_owned()))
}

fn settings(lab: &Lab, folder: &Path, base: Dn) -> Result<Settings, DemoError> {
    let timeouts = Timeouts {
        connect: Duration::from_secs(10),
        operation: Duration::from_secs(10),
        search: Duration::from_secs(20),
    };
    let mut dcs = BTreeMap::new();
    for number in 0..3 {
        let dc = lab.settings(number, timeouts)?;
        dcs.insert(dc.name.clone(), dc);
    }
    let name = resource_name()?;
    let resource = ResourceSettings {
        name: name.clone(),
        base_contexts: vec![base],
        search_subdomains: false,
        host_attribute: HostAttribute::LdapHost,
        backup_dcs: dcs
            .keys()
            .map(|dc| (dc.clone(), Preference::Neutral))
            .collect(),
        site: None,
        replication_time: Hours::DEFAULT_REPLICATION,
        start: StartMethod::Best,
        consumer: config::Consumer {
            kind: ConsumerKind::File(folder.join("cursor.json")),
            position: Position::BeforeSearch,
            stop: None,
            start: None,
            preset: None,
            command_timeout: GRACE,
        },
        feed: None,
        reaction: crate::config::Reaction::default(),
    };
    let feed = feed::resource(&resource, folder)?;
    Ok(Settings {
        store: folder.join("highwater.db"),
        collector: Collector {
            period: PERIOD,
            jitter: 0.1,
            concurrency: 8,
            days_to_keep_usns: 7,
        },
        dcs,
        on_error: crate::config::OnError::default(),
        resources: [(name, resource), (feed.name.clone(), feed)].into(),
    })
}
