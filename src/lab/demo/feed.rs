//! The other consumer of the demonstration: Highwater's own feed, followed event by event.
//!
//! Owns the feed's resource, its file of events and what a follower makes of them. The feed itself, its failover and
//! the file sink are the real ones.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde_json::{Map, Value};
use tokio::task::JoinHandle;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::DemoError;
use crate::active_sync::Task;
use crate::clock::{Pulse, Stopwatch};
use crate::config::{
    self, ConsumerKind, FileSink, MaxDeletes, Position, ResourceSettings, Settings,
};
use crate::consumer::Consumer;
use crate::failover;
use crate::lab::forest::State;
use crate::model::{Ask, Hours, How, ResourceName, StartMethod, Usn};
use crate::store::{Store, StoreError};

/// From one pass of the feed to the next.
const POLL: Duration = Duration::from_millis(200);
/// How long the feed may take to catch up.
const PATIENCE: Duration = Duration::from_secs(20);
/// The attributes that are compared.
const COMPARED: [&str; 5] = ["description", "givenName", "mail", "sn", "telephoneNumber"];

/// What the feed told, and what a follower made of it.
#[derive(Debug, Clone, Default, Serialize)]
pub struct FeedRow {
    /// The start on the new DC.
    pub start: Option<Usn>,
    /// How many events were delivered before the DC died, the first load included.
    pub events_before: usize,
    /// How many were delivered from the new DC.
    pub events_after: usize,
    /// How many objects were read on the new DC and recognised as told by their stamps.
    pub suppressed: u64,
    /// How many changes were told again although their stamps prove it, by their ids.
    pub repeated: usize,
    /// How many memberships were told again: links have no stamps here, and what is not proved a repeat is told.
    pub unproven: usize,
    /// Values the new DC has and the follower lacks in the end; `None` where it could not be found out.
    pub missed: Option<usize>,
}

/// The feed at work.
pub(super) struct Following {
    store: Store,
    settings: Arc<Settings>,
    name: ResourceName,
    events: PathBuf,
    serving: JoinHandle<Result<(), StoreError>>,
    stop: CancellationToken,
    row: FeedRow,
    suppressed_before: u64,
}

impl Drop for Following {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// The resource of the feed beside the one of the sync.
pub(super) fn resource(
    of: &ResourceSettings,
    folder: &Path,
) -> Result<ResourceSettings, DemoError> {
    let sink = config::Sink::File(FileSink {
        path: events(folder),
        rotate_bytes: 1 << 30,
        keep: 1,
    });
    Ok(ResourceSettings {
        name: name()?,
        consumer: config::Consumer {
            kind: ConsumerKind::Builtin,
            position: Position::BeforeSearch,
            stop: None,
            start: None,
            preset: None,
            command_timeout: PATIENCE,
        },
        feed: Some(config::Feed {
            filter: "(objectClass=*)".to_owned(),
            attributes: vec!["*".to_owned()],
            exclude: Vec::new(),
            poll: POLL,
            overlap: 100,
            start_margin: 1_000,
            heartbeat: None,
            max_deletes: MaxDeletes::Number(100),
            backlog_bytes: 250_000_000,
            sinks: [("events".to_owned(), sink)].into(),
        }),
        ..of.clone()
    })
}

fn events(folder: &Path) -> PathBuf {
    folder.join("events.jsonl")
}

fn name() -> Result<ResourceName, DemoError> {
    "feed"
        .parse()
        .map_err(|error| DemoError::Scene(format!("the feed's name: {error}")))
}

impl Following {
    /// Starts the feed.
    pub(super) fn start(
        store: &Store,
        settings: &Arc<Settings>,
        folder: &Path,
    ) -> Result<Self, DemoError> {
        let (name, stop) = (name()?, CancellationToken::new());
        let task = Task::new(store, settings, &name, false, Pulse::start(), stop.clone());
        let task = task.ok_or_else(|| DemoError::Scene("the feed is not configured".to_owned()))?;
        Ok(Self {
            store: store.clone(),
            settings: Arc::clone(settings),
            name,
            events: events(folder),
            serving: tokio::spawn(task.serve()),
            stop,
            row: FeedRow::default(),
            suppressed_before: 0,
        })
    }

    /// Moves the feed as `best` says; it reads on by itself from there.
    pub(super) async fn fail_over(&mut self) -> Result<(), DemoError> {
        self.row.events_before = self.told()?.len();
        self.suppressed_before = self.suppressed().await?;
        let resource = self.settings.resources.get(&self.name);
        let resource =
            resource.ok_or_else(|| DemoError::Scene("the feed is not configured".to_owned()))?;
        let ask = Ask {
            how: How::Auto {
                method: StartMethod::Best,
            },
            only: None,
            failure_timestamp: None,
            replication_time: Hours::DEFAULT_REPLICATION,
            allow_gap: false,
            restart: true,
        };
        let plan = failover::plan(&self.store, &self.settings, resource, ask).await?;
        let chosen = plan.chosen.as_ref().ok_or_else(|| super::refused(&plan))?;
        self.row.start = Some(chosen.start.usn);
        let order = failover::order(&plan, chosen, "the demo".to_owned())?;
        let consumer = Consumer::new(&resource.name, &resource.consumer, &self.store);
        failover::apply(&self.store, &consumer, order, |_| {}).await?;
        Ok(())
    }

    /// Lets the feed catch up with a directory that rests, and compares what its follower then holds.
    pub(super) async fn judge(mut self, truth: &State) -> Result<FeedRow, DemoError> {
        let watch = Stopwatch::start();
        loop {
            let told = self.told()?;
            let mut follower = Follower::default();
            for event in &told {
                follower.take(event);
            }
            self.row.events_after = told.len().saturating_sub(self.row.events_before);
            self.row.repeated = follower.repeated;
            self.row.unproven = follower.unproven;
            let missed = follower.missed(truth);
            self.row.missed = Some(missed);
            if missed == 0 || watch.elapsed() > PATIENCE {
                break;
            }
            sleep(POLL).await;
        }
        let suppressed = self.suppressed().await?;
        self.row.suppressed = suppressed.saturating_sub(self.suppressed_before);
        self.stop.cancel();
        self.serving.abort();
        Ok(self.row.clone())
    }

    /// The events so far, whole lines only.
    fn told(&self) -> Result<Vec<Value>, DemoError> {
        let text = match std::fs::read_to_string(&self.events) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(source) => {
                return Err(DemoError::Folder {
                    path: self.events.clone(),
                    source,
                });
            }
        };
        let whole = text
            .rfind('\n')
            .map_or("", |end| text.get(..end).unwrap_or_default());
        let lines = whole.lines().map(serde_json::from_str);
        lines
            .collect::<Result<_, _>>()
            .map_err(|error| DemoError::Scene(format!("an event is no JSON: {error}")))
    }

    async fn suppressed(&self) -> Result<u64, DemoError> {
        let counts = self.store.feed_counts(&self.name).await?;
        Ok(counts.get("repeat").copied().unwrap_or(0))
    }
}

/// What a consumer makes of the events.
#[derive(Default)]
struct Follower {
    objects: BTreeMap<String, Map<String, Value>>,
    told: BTreeSet<String>,
    repeated: usize,
    unproven: usize,
}

impl Follower {
    fn take(&mut self, event: &Value) {
        let data = event.get("data").unwrap_or(&Value::Null);
        let text = |key: &str| {
            data.get(key)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        let (op, guid) = (text("op"), text("objectGuid"));
        if guid.is_empty() {
            // Of the feed itself: a heartbeat, the begin or the end of a load.
            return;
        }
        for changed in data
            .get("changed")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
        {
            let id = changed
                .get("changeId")
                .and_then(Value::as_str)
                .unwrap_or_default();
            let again = !self.told.insert(format!("{guid} {id}"));
            // What sets an older value right that was told after it has been told before, and must be told again.
            let is_repair = text("reason") == "repaired";
            let counted = again && op == "update" && !is_repair;
            if changed.get("version").is_some() {
                self.repeated += usize::from(counted);
            } else {
                self.unproven += usize::from(counted);
            }
        }
        if op == "delete" || op == "leave" {
            self.objects.remove(&guid);
            self.drop_links_to(&guid);
            return;
        }
        if op == "undelete" {
            self.drop_links_to(&guid);
        }
        let whole = matches!(op.as_str(), "create" | "undelete" | "snapshot");
        let before = self.objects.entry(guid).or_default();
        if whole {
            let kept = data
                .get("kept")
                .and_then(Value::as_array)
                .cloned()
                .unwrap_or_default();
            before.retain(|name, _| kept.iter().any(|kept| kept == name));
        }
        before.insert("dn".to_owned(), Value::from(text("dn")));
        for (name, value) in data
            .get("attributes")
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
        {
            before.insert(name.clone(), value.clone());
        }
    }

    fn drop_links_to(&mut self, guid: &str) {
        for object in self.objects.values_mut() {
            if let Some(members) = object.get_mut("member").and_then(Value::as_array_mut) {
                members.retain(|member| member.get("guid").and_then(Value::as_str) != Some(guid));
            }
        }
    }

    /// How many values of the directory are not held just so.
    fn missed(&self, truth: &State) -> usize {
        let mut missed = 0;
        for (guid, there) in truth {
            let Some(held) = self.objects.get(&guid.to_string()) else {
                missed += 1;
                continue;
            };
            missed +=
                usize::from(held.get("dn").and_then(Value::as_str) != Some(there.dn.as_str()));
            for name in COMPARED {
                let theirs = there.attributes.get(name).and_then(|values| values.first());
                let theirs = theirs.map(|value| String::from_utf8_lossy(value).into_owned());
                let ours = held.get(name).and_then(first_text);
                missed += usize::from(ours != theirs);
            }
            let members = held
                .get("member")
                .and_then(Value::as_array)
                .into_iter()
                .flatten();
            let members: BTreeSet<_> = members
                .filter_map(|member| member.get("guid")?.as_str().map(str::to_owned))
                .collect();
            let theirs: BTreeSet<_> = there.members.iter().map(ToString::to_string).collect();
            missed += usize::from(members != theirs);
        }
        let gone = self
            .objects
            .keys()
            .filter(|held| !truth.keys().any(|guid| guid.to_string() == **held));
        missed.saturating_add(gone.count())
    }
}

/// The only value, or the first of several.
fn first_text(value: &Value) -> Option<String> {
    let one = value
        .as_array()
        .map_or(Some(value), |values| values.first())?;
    one.as_str().map(str::to_owned)
}
