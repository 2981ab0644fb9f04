//! A forest with its servers, a store, settings, and a sync: everything a test moves.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use highwater::clock;
use highwater::collector::{self, Outcome, PollReport};
use highwater::config::{
    self, Collector, ConsumerKind, DcSettings, Position, ResourceSettings, Settings, Timeouts,
};
use highwater::consumer::Consumer;
use highwater::failover;
use highwater::lab::forest::{Comparison, DOMAIN, Forest, Pace, Shape, Traffic};
use highwater::lab::server::Lab;
use highwater::lab::sync::ExternalSync;
use highwater::model::{
    Ask, DcName, FailureKind, HostAttribute, Hours, How, Incarnation, Plan, Preference,
    StartMethod, WhyNot,
};
use highwater::store::Store;
use tempfile::TempDir;

/// Bounds that no busy machine reaches.
pub(crate) const PATIENT: Timeouts = Timeouts {
    connect: Duration::from_secs(30),
    operation: Duration::from_secs(30),
    search: Duration::from_mins(1),
};

/// Much happens in few ticks.
pub(crate) const BUSY: Pace = Pace {
    write_percent: 25,
    interval_ms: 200,
    packet_percent: 50,
    break_percent: 10,
};

/// Milliseconds of the forest's time from one tick to the next.
const TICK_MS: i64 = 20;

pub(crate) struct Bed {
    pub(crate) lab: Lab,
    pub(crate) store: Store,
    pub(crate) settings: Arc<Settings>,
    pub(crate) sync: ExternalSync,
    pub(crate) traffic: Traffic,
    now: i64,
    /// Removed at the end, with everything in it.
    folder: TempDir,
}

pub(crate) fn small(dcs: usize) -> Shape {
    Shape {
        users: 25,
        groups: 4,
        ..Shape::of(dcs)
    }
}

impl Bed {
    /// So many full DCs in clear, with patient bounds.
    pub(crate) async fn new(seed: u64, dcs: usize) -> Self {
        Self::of(seed, &small(dcs), false, PATIENT).await
    }

    pub(crate) async fn of(seed: u64, shape: &Shape, tls: bool, timeouts: Timeouts) -> Self {
        let folder = TempDir::new().unwrap();
        // A time of its own, so that a seed settles conflicts the same way in every run.
        let now = 1_800_000_000_000;
        let mut forest = Forest::new(seed, shape, now).unwrap();
        forest.packet = 4;
        let base = forest.context_dn(DOMAIN).parse().unwrap();
        let lab = Lab::start(forest, tls.then_some(folder.path())).unwrap();
        let dcs: BTreeMap<DcName, DcSettings> = (0..shape.dcs.len())
            .map(|dc| lab.settings(dc, timeouts).unwrap())
            .map(|dc| (dc.name.clone(), dc))
            .collect();
        let file = folder.path().join("cursor.json");
        let first = &dcs[&name(0)];
        let sync = ExternalSync::create(&file, &"hr".parse().unwrap(), base, first).unwrap();
        let settings = settings(&folder, dcs, &lab);
        let store = Store::open(&settings.store).await.unwrap();
        Self {
            lab,
            store,
            settings: Arc::new(settings),
            sync,
            traffic: Traffic::new(BUSY),
            now,
            folder,
        }
    }

    /// Lets the forest work for so many ticks, at once.
    pub(crate) fn live(&mut self, ticks: usize) {
        for _ in 0..ticks {
            self.now += TICK_MS;
            let (now, traffic) = (self.now, &mut self.traffic);
            self.lab.with(|forest| traffic.tick(forest, now).unwrap());
        }
    }

    /// So many random writes on one DC, nothing else.
    pub(crate) fn write(&mut self, dc: usize, writes: usize) {
        for _ in 0..writes {
            let (now, traffic) = (self.now, &mut self.traffic);
            self.lab
                .with(|forest| traffic.write(forest, dc, now).unwrap());
        }
    }

    pub(crate) fn settle(&self) {
        self.lab.with(|forest| forest.settle(self.now).unwrap());
    }

    pub(crate) fn with<T>(&self, work: impl FnOnce(&mut Forest, i64) -> T) -> T {
        self.lab.with(|forest| work(forest, self.now))
    }

    /// One round of the collector over every DC.
    pub(crate) async fn collect(&self) -> BTreeMap<DcName, PollReport> {
        let in_use = collector::note_cursors(&self.store, &self.settings)
            .await
            .unwrap();
        let targets = collector::targets(&self.settings, &in_use, &[]);
        let round = collector::collect_once(&self.store, &self.settings, targets, |_| {})
            .await
            .unwrap();
        // Times are whole milliseconds, and two readings in the same one count as not ordered.
        tokio::time::sleep(Duration::from_millis(2)).await;
        round
            .polls
            .into_iter()
            .map(|poll| (poll.dc.clone(), poll))
            .collect()
    }

    /// A file of this name beside the cursor's.
    pub(crate) fn file(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    /// The DC the cursor names.
    pub(crate) fn in_use(&self) -> usize {
        let host = self.sync.host().unwrap();
        let dc = self.settings.dc_of_host(&host).unwrap();
        number(&dc.name)
    }

    pub(crate) async fn poll(&mut self) {
        let dc = self.settings.dcs[&name(self.in_use())].clone();
        self.sync.poll(&dc).await.unwrap();
    }

    pub(crate) fn resource(&self) -> &ResourceSettings {
        self.settings.resources.values().next().unwrap()
    }

    pub(crate) fn consumer(&self) -> Consumer {
        let resource = self.resource();
        Consumer::new(&resource.name, &resource.consumer, &self.store)
    }

    pub(crate) async fn plan(&self, method: StartMethod, hours: f64) -> Plan {
        let ask = Ask {
            how: How::Auto { method },
            only: None,
            failure_timestamp: None,
            replication_time: Hours::new(hours).unwrap(),
            allow_gap: false,
            restart: false,
        };
        failover::plan(&self.store, &self.settings, self.resource(), ask)
            .await
            .unwrap()
    }

    /// Carries a plan out and says where it led.
    pub(crate) async fn apply(&self, plan: &Plan) -> usize {
        let chosen = plan.chosen.as_ref().unwrap();
        let order = failover::order(plan, chosen, "the test".to_owned()).unwrap();
        failover::apply(&self.store, &self.consumer(), order, |_| {})
            .await
            .unwrap();
        let to = number(&chosen.switch.to);
        assert_eq!(self.in_use(), to);
        to
    }

    /// What the consumer holds beside what the DC in use holds.
    pub(crate) fn compare(&self) -> Comparison {
        let dc = self.in_use();
        self.lab
            .with(|forest| forest.compare(dc, &self.sync.held(&forest.oracle)))
            .unwrap()
    }

    pub(crate) async fn life(&self, dc: usize) -> Incarnation {
        let lives = self.store.incarnations(&name(dc)).await.unwrap();
        lives.last().unwrap().clone()
    }

    /// The traffic's own pace, from another task, until it is aborted.
    pub(crate) fn drive(&self) -> tokio::task::JoinHandle<()> {
        let forest: Arc<Mutex<Forest>> = self.lab.shared_forest();
        let mut traffic = self.traffic.clone();
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(Duration::from_millis(2)).await;
                let mut forest = forest.lock().unwrap();
                traffic.tick(&mut forest, clock::now().as_millis()).unwrap();
            }
        })
    }
}

fn settings(folder: &TempDir, dcs: BTreeMap<DcName, DcSettings>, lab: &Lab) -> Settings {
    let resource = ResourceSettings {
        name: "hr".parse().unwrap(),
        base_contexts: vec![lab.with(|forest| forest.context_dn(DOMAIN).parse().unwrap())],
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
            kind: ConsumerKind::File(folder.path().join("cursor.json")),
            position: Position::BeforeSearch,
            stop: None,
            start: None,
            preset: None,
            command_timeout: Duration::from_secs(30),
        },
        feed: None,
        reaction: highwater::config::Reaction::default(),
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
        on_error: highwater::config::OnError::default(),
        resources: [(resource.name.clone(), resource)].into(),
    }
}

pub(crate) fn name(dc: usize) -> DcName {
    format!("dc{}", dc + 1).parse().unwrap()
}

pub(crate) fn number(dc: &DcName) -> usize {
    let number: usize = dc.as_str().trim_start_matches("dc").parse().unwrap();
    number - 1
}

/// Why the plan does not choose this DC.
pub(crate) fn why_not(plan: &Plan, dc: usize) -> Vec<WhyNot> {
    let mut verdicts = plan.candidates.iter();
    let found = verdicts.find(|verdict| verdict.dc == name(dc)).unwrap();
    found.why_not.clone()
}

/// The kind of failure a poll ended in; panics where it brought a sample.
pub(crate) fn failure(report: &PollReport) -> FailureKind {
    match &report.outcome {
        Outcome::Failed(failure) => failure.kind,
        Outcome::Sampled { .. } => panic!("{} was sampled", report.dc),
    }
}

/// Whether the poll found a new incarnation, and the evidence of a rollback; panics where it failed.
pub(crate) fn sampled(report: &PollReport) -> (bool, Option<&str>) {
    match &report.outcome {
        Outcome::Sampled {
            restored, rollback, ..
        } => (*restored, rollback.as_deref()),
        Outcome::Failed(failure) => panic!("{}: {failure}", report.dc),
    }
}
