//! The code that ships, on a store of its own: only the DCs' answers and the time come from the simulation.

use std::fs;
use std::future::Future;
use std::path::Path;
use std::sync::OnceLock;

use highwater::collector::{self, Outcome, Target};
use highwater::config::{self, ResourceSettings, Secrets, Settings};
use highwater::consumer::Consumer;
use highwater::failover::{self, Order, Probe, UndoPlan, decide::Input};
use highwater::model::{
    Ask, Cursor, DcFacts, Dn, HeldCursor, InvocationId, PollFailure, SourceSample, Usn, UtcMs,
};
use highwater::store::{CursorNeed, HistoryRow, Pruned, Store};
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

use crate::source::{host, name, naming_context};

/// Where the consumer keeps its cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kept {
    InStore,
    InFile,
}

/// What the collector makes of a poll.
pub(crate) struct Found {
    pub(crate) restored: bool,
    pub(crate) rollback: Option<String>,
}

/// Collector, failover task and store of one run.
pub(crate) struct Product {
    // Before the folder its file is in.
    store: Store,
    settings: Settings,
    /// What is polled, as of the last look at the cursor.
    targets: Vec<Target>,
    ncs: Vec<Dn>,
    runtime: Runtime,
    _folder: TempDir,
}

impl Product {
    /// A new store for a resource that reads `ncs` naming contexts of `dcs` DCs, its cursor at `first`.
    pub(crate) fn new(dcs: usize, ncs: usize, kept: Kept, first: &Cursor) -> Self {
        let folder = folder();
        let file = folder.path().join("highwater.toml");
        fs::write(&file, configuration(dcs, ncs, kept)).unwrap();
        let settings = config::load(&file, Secrets::Resolve).unwrap();
        fs::write(&settings.store, empty_store()).unwrap();
        let runtime = runtime();
        let store = runtime.block_on(Store::open(&settings.store)).unwrap();
        let mut product = Self {
            store,
            settings,
            targets: Vec::new(),
            ncs: (0..ncs).map(naming_context).collect(),
            runtime,
            _folder: folder,
        };
        match kept {
            Kept::InStore => {
                let hr = &product.resource().name;
                let created = product
                    .store
                    .create_cursor(hr, first, UtcMs::from_millis(0));
                product.wait(created).unwrap().unwrap();
            }
            Kept::InFile => first_file(&product.settings.store.with_file_name("hr.json"), first),
        }
        product.look();
        product
    }

    fn wait<T>(&self, job: impl Future<Output = T>) -> T {
        self.runtime.block_on(job)
    }

    fn resource(&self) -> &ResourceSettings {
        self.settings.resources.values().next().unwrap()
    }

    fn consumer(&self) -> Consumer {
        let hr = self.resource();
        Consumer::new(&hr.name, &hr.consumer, &self.store)
    }

    /// The collector looks which DC the cursor is on.
    pub(crate) fn look(&mut self) {
        let in_use = self.wait(collector::note_cursors(&self.store, &self.settings));
        self.targets = collector::targets(&self.settings, &in_use.unwrap(), &[]);
    }

    /// The collector records a poll; what it finds in it.
    pub(crate) fn record(&self, dc: usize, facts: DcFacts) -> Found {
        let target = &self.targets[dc];
        assert_eq!(target.dc.name, name(dc));
        let outcome = self.wait(collector::record(&self.store, target, facts));
        match outcome.unwrap() {
            Outcome::Sampled {
                restored, rollback, ..
            } => Found { restored, rollback },
            Outcome::Failed(failure) => panic!("no reading here is of another DC: {failure:?}"),
        }
    }

    /// Removes what is older; no evidence of the cursor may go.
    pub(crate) fn prune(&self, older_than: UtcMs) -> Pruned {
        self.wait(async {
            let before = self.evidence().await;
            let pruned = self.store.prune(older_than, Vec::new()).await.unwrap();
            let after = self.evidence().await;
            assert_eq!(before, after, "pruning has removed evidence");
            pruned
        })
    }

    /// The evidence of the cursor as the store knows it.
    async fn evidence(&self) -> Vec<Option<SourceSample>> {
        let seen = self.store.cursors_seen().await.unwrap().into_iter();
        let mut needs: Vec<CursorNeed> = seen
            .filter_map(|seen| {
                Some(CursorNeed {
                    invocation_id: seen.invocation_id?,
                    read_up_to: seen.read_up_to,
                })
            })
            .collect();
        let kept_here = self.store.store_cursor(&self.resource().name).await;
        if let Some(held) = kept_here.unwrap() {
            needs.push(CursorNeed {
                invocation_id: held.cursor.invocation_id.unwrap(),
                read_up_to: held.cursor.read_up_to(),
            });
        }
        let mut found = Vec::new();
        for need in needs {
            found.push(
                self.source_sample(need.invocation_id, need.read_up_to)
                    .await,
            );
        }
        found
    }

    async fn source_sample(&self, id: InvocationId, read_up_to: Usn) -> Option<SourceSample> {
        let found = self.store.source_sample_for(id, &self.ncs, read_up_to);
        found.await.unwrap()
    }

    /// The newest vectors on record of `id`, whatever a cursor has reached.
    pub(crate) fn newest_source(&self, id: InvocationId) -> Option<SourceSample> {
        self.wait(self.store.newest_source_sample(id, &self.ncs))
            .unwrap()
    }

    /// Every sample of the DC, newest first.
    pub(crate) fn history(&self, dc: usize) -> Vec<HistoryRow> {
        let dc = name(dc);
        self.wait(self.store.history(&dc, None, None, usize::MAX))
            .unwrap()
    }

    pub(crate) fn is_quarantined(&self, dc: usize, id: InvocationId) -> bool {
        let dc = name(dc);
        let lives = self.wait(self.store.incarnations(&dc)).unwrap();
        lives
            .iter()
            .any(|life| life.invocation_id == id && life.quarantine.is_some())
    }

    pub(crate) fn cursor(&self) -> HeldCursor {
        self.wait(self.consumer().read()).unwrap()
    }

    /// The consumer writes its cursor, over the one it knows.
    pub(crate) fn write(&self, expected: &HeldCursor, new: &Cursor) -> HeldCursor {
        let written = self.wait(self.consumer().compare_and_set(expected, new));
        HeldCursor {
            cursor: new.clone(),
            tag: written.unwrap(),
        }
    }

    /// What a failover is decided from; `answers` is what each DC says just now, or empty where none is asked.
    pub(crate) fn input(
        &self,
        ask: Ask,
        answers: Vec<Result<DcFacts, PollFailure>>,
        now: UtcMs,
    ) -> Input {
        let (store, settings, hr) = (&self.store, &self.settings, self.resource());
        let probe = |(dc, answer)| Probe {
            dc: settings.dcs[&name(dc)].clone(),
            preference: hr.backup_dcs[&name(dc)],
            answer,
        };
        let probes = answers.into_iter().enumerate().map(probe).collect();
        self.wait(async {
            let standing = failover::note_standing(store, settings, hr, now).await;
            let input = failover::gather(store, settings, hr, ask, standing.unwrap(), probes).await;
            input.unwrap()
        })
    }

    /// Carries the order out and gives the cursor as it then stands.
    pub(crate) fn apply(&self, order: Order) -> HeldCursor {
        let consumer = self.consumer();
        let applied = self.wait(failover::apply(&self.store, &consumer, order, |_| ()));
        assert!(applied.unwrap().is_complete());
        self.cursor()
    }

    /// Takes the newest failover back, where that is not refused.
    pub(crate) fn undo(&self, answer: Option<DcFacts>, now: UtcMs) -> Option<HeldCursor> {
        let (store, settings, hr) = (&self.store, &self.settings, self.resource());
        let ask = async |_: &_| (answer, now);
        let plan = failover::plan_undo_asking(store, settings, hr, true, false, ask);
        let UndoPlan {
            attempt, switch, ..
        } = self.wait(plan).unwrap();
        let order = failover::undo_order(&attempt, switch.ok()?, "the simulation".to_owned());
        Some(self.apply(order))
    }
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

/// A folder in memory, where there is one.
fn folder() -> TempDir {
    let memory = Path::new("/dev/shm");
    let found = if memory.is_dir() {
        tempfile::tempdir_in(memory)
    } else {
        tempfile::tempdir()
    };
    found.unwrap()
}

/// The file of a store with nothing in it, made once.
fn empty_store() -> &'static [u8] {
    static EMPTY: OnceLock<Vec<u8>> = OnceLock::new();
    EMPTY.get_or_init(|| {
        let folder = folder();
        let file = folder.path().join("hw.db");
        drop(runtime().block_on(Store::open(&file)).unwrap());
        fs::read(file).unwrap()
    })
}

fn configuration(dcs: usize, ncs: usize, kept: Kept) -> String {
    let quoted = |texts: Vec<String>| format!("{texts:?}");
    let section = |dc| format!("[dc.{}]\nhost = \"{}\"\n", name(dc), host(dc));
    let sections = (0..dcs).map(section).collect::<Vec<_>>().concat();
    let bases = quoted((0..ncs).map(|nc| naming_context(nc).to_string()).collect());
    let backups = quoted((0..dcs).map(|dc| name(dc).to_string()).collect());
    let kind = match kept {
        Kept::InStore => "kind = \"store\"",
        Kept::InFile => "kind = \"file\"\npath = \"hr.json\"",
    };
    format!(
        "[store]\npath = \"hw.db\"\n[connection]\nsecurity = \"clear, passwords readable on the network\"\n\
         credentials = \"reader\"\n[credentials.reader]\nmethod = \"anonymous\"\n{sections}[resource.hr]\n\
         base_contexts = {bases}\nbackup_dcs = {backups}\n[resource.hr.consumer]\n{kind}\n\
         position = \"before_search\"\n"
    )
}

fn first_file(path: &Path, first: &Cursor) {
    let text = serde_json::json!({
        "version": 1, "resource": "hr", "ldapHost": first.ldap_host,
        "invocationId": first.invocation_id.map(|id| id.to_string()),
        "lastUpdated": first.last_updated.get(), "lastDeleted": first.last_deleted.get(),
    });
    fs::write(path, text.to_string()).unwrap();
}
