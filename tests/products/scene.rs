//! One product with its resource, a store, and what must hold of them.

use std::collections::BTreeMap;
use std::time::Duration;

use highwater::config::{self, HttpStep, Secrets, Turn};
use highwater::consumer::Consumer;
use highwater::failover::{Applied, ApplyError, Order, Resumed, apply, resume};
use highwater::model::{
    AttemptKind, Cursor, HeldCursor, InvocationId, Knowledge, ResourceName, Switch, Usn, UtcMs,
    Vector,
};
use highwater::store::{CursorSeen, Store};
use tempfile::TempDir;

use crate::imitations::{
    World, midpoint, openidm, serve_midpoint, serve_openidm, serve_syncope, syncope,
};
use crate::product::{Answer, Product, Request};

/// A product and how it is configured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Case {
    pub(crate) preset: &'static str,
    pub(crate) base: &'static str,
    pub(crate) parameters: &'static str,
    pub(crate) world: fn() -> World,
    serve: fn(&mut World, &Request) -> Answer,
    /// The USNs of the old and the new cursor: updated, deleted.
    old: (i64, i64),
    new: (i64, i64),
    /// What differs in the documents between old and new.
    differs: &'static [(&'static str, &'static str)],
}

pub(crate) const CASES: [Case; 3] = [
    Case {
        preset: "openidm",
        base: "openidm/",
        parameters: "source = \"system/ldap/account\"\nschedule = \"liveSync\"",
        world: openidm,
        serve: serve_openidm,
        old: (5000, 5000),
        new: (9000, 9000),
        differs: &[
            ("\"syncToken\":\"5000\"", "\"syncToken\":\"9000\""),
            ("dc1.", "dc2."),
        ],
    },
    Case {
        preset: "syncope",
        base: "syncope/rest/",
        parameters: "resource = \"ad\"\nconnector = \"conn\"\ntask = \"pull\"",
        world: syncope,
        serve: serve_syncope,
        old: (5000, 4990),
        new: (9000, 8990),
        differs: &[("4990,5000", "8990,9000"), ("dc1.", "dc2.")],
    },
    Case {
        preset: "midpoint",
        base: "midpoint/ws/rest/",
        parameters: "resource = \"ad\"\ntask = \"live\"",
        world: midpoint,
        serve: serve_midpoint,
        old: (0, 0),
        new: (0, 0),
        differs: &[("dc1.", "dc2.")],
    },
];

pub(crate) const CONFIG: &str = r#"[store]
path = "hw.db"
[connection]
credentials = "reader"
[credentials.reader]
method = "simple"
user = "svc@example.com"
password = { file = "secret" }
[dc.dc1]
host = "dc1.example.com"
[dc.dc2]
host = "dc2.example.com"
[resource.hr]
base_contexts = ["OU=People,DC=example,DC=com"]
backup_dcs = ["dc1", "dc2"]
"#;

pub(crate) fn resource() -> ResourceName {
    "hr".parse().unwrap()
}

fn life(n: u8) -> InvocationId {
    format!("0000000{n}-0000-0000-0000-00000000000{n}")
        .parse()
        .unwrap()
}

fn held(dc: u8, start: i64) -> Knowledge {
    let start = Usn::new(start).unwrap();
    Knowledge::Held {
        since: UtcMs::from_millis(1_000),
        dc: format!("dc{dc}").parse().unwrap(),
        invocation_id: life(dc),
        start,
        held: BTreeMap::from([(
            "DC=example,DC=com".parse().unwrap(),
            Vector::new().with(life(dc), start),
        )]),
    }
}

pub(crate) struct Scene {
    pub(crate) case: Case,
    pub(crate) product: Product<World>,
    pub(crate) store: Store,
    pub(crate) consumer: Consumer,
    _dir: TempDir,
}

impl Scene {
    pub(crate) async fn new(case: Case) -> Self {
        let product = Product::start((case.world)(), case.serve).await;
        let dir = TempDir::new().unwrap();
        let secret = dir.path().join("secret");
        std::fs::write(&secret, "hunter2").unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(&secret, mode).unwrap();
        let text = format!(
            "{CONFIG}[resource.hr.consumer]\npreset = \"{}\"\n{}\nconfirm = \"off\"\n[resource.hr.consumer.http]\n\
             base = \"{}{}\"\ntimeout = \"1s\"\nbasic = {{ user = \"highwater\", password = {{ file = \"secret\" }} }}\n",
            case.preset,
            case.parameters,
            product.base(),
            case.base
        );
        let path = dir.path().join("highwater.toml");
        std::fs::write(&path, text).unwrap();
        let settings =
            config::load(&path, Secrets::Resolve).unwrap_or_else(|error| panic!("{error}"));
        let mut settings = settings.resources[&resource()].consumer.clone();
        for turn in [&mut settings.stop, &mut settings.start] {
            if let Some(Turn::Http(steps)) = turn {
                hasten(steps);
            }
        }
        let store = Store::open(&dir.path().join("hw.db")).await.unwrap();
        store
            .put_knowledge(&resource(), &held(1, 10))
            .await
            .unwrap();
        let consumer = Consumer::new(&resource(), &settings, &store);
        let read = consumer.read().await.unwrap().cursor;
        let seen = CursorSeen {
            resource: resource(),
            dc: Some("dc1".parse().unwrap()),
            invocation_id: Some(life(1)),
            read_up_to: read.read_up_to(),
            seen_at: UtcMs::from_millis(500),
        };
        store.note_cursor_seen(&seen).await.unwrap();
        Self {
            case,
            product,
            store,
            consumer,
            _dir: dir,
        }
    }

    pub(crate) fn cursor(&self, dc: u8) -> Cursor {
        let (updated, deleted) = if dc == 1 {
            self.case.old
        } else {
            self.case.new
        };
        Cursor {
            ldap_host: format!("dc{dc}.example.com"),
            global_catalog: None,
            invocation_id: Some(life(dc)),
            last_updated: Usn::new(updated).unwrap(),
            last_deleted: Usn::new(deleted).unwrap(),
        }
    }

    fn order(&self, expected: HeldCursor, dc: u8) -> Order {
        order(expected, dc, self.cursor(dc))
    }

    /// Moves to this DC from what stands.
    pub(crate) async fn move_to(&self, dc: u8) -> Result<Applied, ApplyError> {
        let expected = self.consumer.read().await.unwrap();
        self.apply(self.order(expected, dc)).await
    }

    /// What is planned before the product begins to fail.
    pub(crate) async fn plan(&self, dc: u8) -> Order {
        self.order(self.consumer.read().await.unwrap(), dc)
    }

    pub(crate) async fn apply(&self, order: Order) -> Result<Applied, ApplyError> {
        apply(&self.store, &self.consumer, order, |_| {}).await
    }

    pub(crate) async fn resume(&self) -> Result<Option<Resumed>, ApplyError> {
        resume(&self.store, &self.consumer, "the test", |_| {}).await
    }

    pub(crate) fn documents(&self) -> BTreeMap<String, String> {
        self.product.state.lock().unwrap().documents.clone()
    }

    /// The documents as the product has them before (1) and after (2) a move; whether its sync is on is in one of them.
    pub(crate) fn wanted(&self, dc: u8, is_active: bool) -> BTreeMap<String, String> {
        let mut documents = (self.case.world)().documents;
        for text in documents.values_mut() {
            if dc == 2 {
                for (old, new) in self.case.differs {
                    *text = text.replace(old, new);
                }
            }
            if !is_active {
                *text = text.replace("\"active\":true", "\"active\":false");
            }
        }
        documents
    }

    pub(crate) fn is_active(&self) -> bool {
        self.product.state.lock().unwrap().is_active
    }
}

/// What is waited for comes at once here, or never.
fn hasten(steps: &mut [HttpStep]) {
    for step in steps {
        if let Some(until) = &mut step.until {
            until.within = until.within.min(Duration::from_millis(600));
        }
    }
}

/// The order to go on from `new` on this DC.
pub(crate) fn order(expected: HeldCursor, dc: u8, new: Cursor) -> Order {
    Order {
        switch: Switch {
            resource: resource(),
            to: format!("dc{dc}").parse().unwrap(),
            expected,
            new,
            knowledge: held(dc, 9000),
            restart: true,
        },
        plan_json: "{}".to_owned(),
        plan_hash: "0".to_owned(),
        kind: AttemptKind::Failover,
        who: "tester (uid 0) on lab".to_owned(),
        channel: "test".to_owned(),
    }
}
