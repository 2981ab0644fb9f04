//! One resource with a consumer of either kind, and what must hold of it in the end.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use highwater::config::{
    Confirm, Consumer as Settings, ConsumerKind, FileForm, FileSettings, HostPlace, Outside,
    Position, Shape, SpotField, SpotSettings, Turn,
};
use highwater::consumer::Consumer;
use highwater::failover::{Applied, ApplyError, Order, Resumed, apply, resume};
use highwater::model::{
    AttemptKind, AttemptState, Cursor, HeldCursor, HostAttribute, InvocationId, Knowledge,
    ResourceName, Switch, Usn, UtcMs, Vector,
};
use highwater::store::{CursorSeen, Store};
use tempfile::TempDir;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Store,
    File,
    /// In two files of another product.
    Outside,
}

pub(crate) const COMBINATIONS: [(Kind, bool); 6] = [
    (Kind::Store, true),
    (Kind::Store, false),
    (Kind::File, true),
    (Kind::File, false),
    (Kind::Outside, true),
    (Kind::Outside, false),
];

/// Neither script writes with a system call that the kill test counts.
const STOP: &str = r#": > "$0/stopping"; while [ -e "$0/hold" ]; do sleep 0.02; done; rm -f "$0/running"; mkdir "$0/log/stop.$$""#;
const START: &str = r#": > "$0/running"; mkdir "$0/log/start.$$""#;

const FILE: &str = r#"{
  "version": 1,  "note" : "1.50 stays",
  "resource": "hr",
  "ldapHost": "dc1.lab.test", "globalCatalog": null,
  "invocationId": "00000001-0000-0000-0000-000000000001",
  "lastUpdated": 5000, "lastDeleted": 4990, "precise": 1.50
}
"#;

/// The same cursor where another product keeps it, and its host.
const STATE: &str =
    "{\"note\" : \"1.50 stays\", \"usn\": \"5000\",\n \"deleted\": 4990, \"precise\": 1.50}\n";
const PROPERTIES: &str = "# a comment = stays\nldap.url : ldaps://dc1.lab.test:636\n";

pub(crate) fn resource() -> ResourceName {
    "hr".parse().unwrap()
}

pub(crate) fn life(n: u8) -> InvocationId {
    format!("0000000{n}-0000-0000-0000-00000000000{n}")
        .parse()
        .unwrap()
}

pub(crate) fn cursor(dc: u8, updated: i64, deleted: i64) -> Cursor {
    Cursor {
        ldap_host: format!("dc{dc}.lab.test"),
        global_catalog: None,
        invocation_id: Some(life(dc)),
        last_updated: Usn::new(updated).unwrap(),
        last_deleted: Usn::new(deleted).unwrap(),
    }
}

pub(crate) fn old() -> Cursor {
    cursor(1, 5000, 4990)
}

pub(crate) fn new() -> Cursor {
    cursor(2, 9000, 8990)
}

fn held(dc: u8, start: i64) -> Knowledge {
    let start = Usn::new(start).unwrap();
    let vector = Vector::new().with(life(dc), start);
    Knowledge::Held {
        since: UtcMs::from_millis(1_000),
        dc: format!("dc{dc}").parse().unwrap(),
        invocation_id: life(dc),
        start,
        held: BTreeMap::from([("DC=lab,DC=test".parse().unwrap(), vector)]),
    }
}

pub(crate) struct Scene {
    pub(crate) dir: PathBuf,
    pub(crate) kind: Kind,
    pub(crate) stop: String,
    pub(crate) start: String,
    /// How an outside sync is seen to go on.
    pub(crate) confirm: Option<Confirm>,
    /// Removes the folder at the end, where this process made it.
    owned: Option<TempDir>,
}

impl Scene {
    /// A new scene with the old cursor in place and the sync running.
    pub(crate) fn new(kind: Kind) -> Self {
        let owned = TempDir::new().unwrap();
        let mut scene = Self::at(owned.path(), kind);
        scene.owned = Some(owned);
        fs::write(scene.dir.join("cursor.json"), FILE).unwrap();
        fs::write(scene.dir.join("state.json"), STATE).unwrap();
        fs::write(scene.dir.join("sync.properties"), PROPERTIES).unwrap();
        fs::write(scene.dir.join("running"), "").unwrap();
        fs::create_dir(scene.dir.join("log")).unwrap();
        runtime().block_on(scene.fill());
        scene
    }

    /// The scene that another process has set up.
    pub(crate) fn at(dir: &Path, kind: Kind) -> Self {
        Self {
            dir: dir.to_owned(),
            kind,
            stop: STOP.to_owned(),
            start: START.to_owned(),
            confirm: None,
            owned: None,
        }
    }

    async fn fill(&self) {
        let store = self.open().await;
        let at = UtcMs::from_millis(500);
        let created = store.create_cursor(&resource(), &old(), at).await.unwrap();
        assert!(created.is_some());
        store
            .put_knowledge(&resource(), &held(1, 10))
            .await
            .unwrap();
        let seen = CursorSeen {
            resource: resource(),
            dc: Some("dc1".parse().unwrap()),
            invocation_id: Some(life(1)),
            read_up_to: old().read_up_to(),
            seen_at: at,
        };
        store.note_cursor_seen(&seen).await.unwrap();
    }

    pub(crate) fn file(&self) -> PathBuf {
        self.dir.join("cursor.json")
    }

    pub(crate) async fn open(&self) -> Store {
        Store::open(&self.dir.join("hw.db")).await.unwrap()
    }

    pub(crate) fn consumer(&self, store: &Store) -> Consumer {
        let command = |script: &str| {
            let argv = ["/bin/sh", "-c", script, self.dir.to_str().unwrap()];
            let argv = argv.map(str::to_owned).to_vec();
            (self.kind != Kind::Store).then_some(Turn::Command(argv))
        };
        let settings = Settings {
            kind: match self.kind {
                Kind::Store => ConsumerKind::Store,
                Kind::File => ConsumerKind::File(self.file()),
                Kind::Outside => ConsumerKind::Outside(Box::new(self.outside())),
            },
            position: Position::BeforeSearch,
            stop: command(&self.stop),
            start: command(&self.start),
            preset: None,
            command_timeout: Duration::from_secs(20),
        };
        Consumer::new(&resource(), &settings, store)
    }

    fn outside(&self) -> Outside {
        let file = |name: &str, form| {
            let path = self.dir.join(name);
            SpotSettings::File(FileSettings { path, form })
        };
        let keys = |pairs: &[(SpotField, &str)]| {
            let pairs = pairs.iter();
            pairs
                .map(|(field, key)| (*field, (*key).to_owned()))
                .collect()
        };
        let usns = keys(&[
            (SpotField::Updated, "/usn"),
            (SpotField::Deleted, "/deleted"),
        ]);
        let host = keys(&[(SpotField::Host, "ldap.url")]);
        Outside {
            shape: Shape::TwoUsns,
            cursor: Some(file("state.json", FileForm::Json(usns))),
            host: HostPlace::Spot(file(
                "sync.properties",
                FileForm::Properties {
                    keys: host,
                    also: BTreeMap::new(),
                },
            )),
            attribute: HostAttribute::LdapHost,
            confirm: self.confirm.clone(),
        }
    }

    /// The switch to dc2, planned with the cursor as it stands.
    pub(crate) async fn order(&self, consumer: &Consumer, restart: bool) -> Order {
        order(consumer.read().await.unwrap(), restart)
    }

    /// Carries the switch out in a store of its own.
    pub(crate) async fn apply(&self, restart: bool) -> Result<Applied, ApplyError> {
        let store = self.open().await;
        let consumer = self.consumer(&store);
        let order = self.order(&consumer, restart).await;
        apply(&store, &consumer, order, |_| {}).await
    }

    /// Resumes in a store of its own, once nothing of a dead worker holds the lock any more.
    pub(crate) async fn resume(&self) -> Result<Option<Resumed>, ApplyError> {
        let store = self.open().await;
        self.wait_for_lock(&store).await;
        resume(&store, &self.consumer(&store), "the test", |_| {}).await
    }

    pub(crate) async fn wait_for_lock(&self, store: &Store) {
        for _ in 0..500 {
            if store
                .lock_attempts(&resource(), Duration::ZERO)
                .await
                .unwrap()
                .is_some()
            {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("the attempt's lock was never freed");
    }

    pub(crate) async fn is_running(&self, store: &Store) -> bool {
        match self.kind {
            Kind::File | Kind::Outside => self.dir.join("running").exists(),
            Kind::Store => {
                let switch = store.sync_switch(&resource()).await.unwrap();
                switch.is_none_or(|switch| !switch.stopped)
            }
        }
    }

    /// Whether a resume found one place of an outside cursor written and the other not.
    pub(crate) async fn was_cut_between_places(&self) -> bool {
        let store = self.open().await;
        let attempts = store.attempts(&resource(), 1).await.unwrap();
        let mut steps = attempts.iter().flat_map(|attempt| &attempt.steps);
        steps.any(|step| {
            step.outcome
                .contains("one of two places held the new cursor")
        })
    }

    pub(crate) fn count(&self, which: &str) -> usize {
        let entries = fs::read_dir(self.dir.join("log")).unwrap();
        entries
            .filter(|entry| {
                let name = entry.as_ref().unwrap().file_name();
                name.to_str().unwrap().starts_with(which)
            })
            .count()
    }

    /// The cursor as this kind of consumer keeps it: an outside one without its incarnation.
    pub(crate) fn kept(&self, mut cursor: Cursor) -> Cursor {
        if self.kind == Kind::Outside {
            cursor.invocation_id = None;
        }
        cursor
    }

    /// What the files held besides the cursor is there to the letter.
    pub(crate) fn check_files(&self, is_new: bool) {
        let text = |name: &str| fs::read_to_string(self.dir.join(name)).unwrap();
        if self.kind == Kind::File {
            let text = text("cursor.json");
            assert!(
                text.contains("\"note\" : \"1.50 stays\"") && text.contains("\"precise\": 1.50")
            );
            return;
        }
        let (mut state, mut properties) = (STATE.to_owned(), PROPERTIES.to_owned());
        if is_new {
            state = state.replace("5000", "9000").replace("4990", "8990");
            properties = properties.replace("dc1", "dc2");
        }
        assert_eq!(
            (text("state.json"), text("sync.properties")),
            (state, properties)
        );
    }

    /// What must hold after a resume. Gives how the attempt ended, if one was begun.
    pub(crate) async fn check(&self, restart: bool) -> Option<AttemptState> {
        let store = self.open().await;
        let consumer = self.consumer(&store);
        let again = resume(&store, &consumer, "the test", |_| {}).await;
        assert_eq!(again.unwrap(), None, "a second resume finds something");
        let attempts = store.attempts(&resource(), 10).await.unwrap();
        assert!(attempts.len() <= 1, "{attempts:?}");
        let found = consumer.read().await.unwrap().cursor;
        let attempt = attempts.first();
        let is_new = match attempt.map(|attempt| attempt.state) {
            None | Some(AttemptState::RolledBack) => false,
            Some(AttemptState::Done) => true,
            Some(other) => panic!("ended {other}: {attempt:?}"),
        };
        let wanted = if is_new { new() } else { old() };
        assert_eq!(found, self.kept(wanted), "{attempt:?}");
        let knowledge = store.knowledge(&resource()).await.unwrap().unwrap();
        assert_eq!(knowledge, if is_new { held(2, 9000) } else { held(1, 10) });
        let seen = store.cursors_seen().await.unwrap();
        let incarnation = life(if is_new { 2 } else { 1 });
        assert_eq!(seen[0].invocation_id, Some(incarnation));
        assert_eq!(seen[0].read_up_to, found.read_up_to());
        assert_eq!(
            self.is_running(&store).await,
            !is_new || restart,
            "{attempt:?}"
        );
        if self.kind != Kind::Store {
            self.check_files(is_new);
            // A kill after the stop command and before the start left none unanswered.
            let stopped = self.count("stop") > 0;
            assert!(
                !stopped || is_new && !restart || self.count("start") > 0,
                "{attempt:?}"
            );
        }
        if let Some(attempt) = attempt {
            assert!(attempt.ended_at.is_some() && attempt.outcome.is_some());
            if is_new {
                assert_eq!(attempt.old_cursor.as_ref(), Some(&attempt.orders.expected));
            }
        }
        attempt.map(|attempt| attempt.state)
    }
}

pub(crate) fn order(expected: HeldCursor, restart: bool) -> Order {
    Order {
        switch: Switch {
            resource: resource(),
            to: "dc2".parse().unwrap(),
            expected,
            new: new(),
            knowledge: held(2, 9000),
            restart,
        },
        plan_json: "{}".to_owned(),
        plan_hash: "0".to_owned(),
        kind: AttemptKind::Failover,
        who: "tester (uid 0) on lab".to_owned(),
        channel: "test".to_owned(),
    }
}

pub(crate) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}
