//! A failover of our own feed and its undo, from the store to the store.

use std::collections::BTreeMap;

use tempfile::TempDir;
use uuid::Uuid;

use super::{Probe, Standing, apply, decide, gather, order, plan_undo, undo_order};
use crate::clock;
use crate::config::{self, ResourceSettings, Secrets, Settings};
use crate::consumer::Consumer;
use crate::model::{
    Ask, Cursor, DcFacts, Dn, Feed, FeedContext, Hours, How, Identity, InstanceType, InvocationId,
    StartMethod, Usn, Vector,
};
use crate::store::Store;

/// Nothing listens on port 1: the DCs are dead to whoever asks them.
const CONFIGURATION: &str = r#"
[store]
path = "hw.db"
[connection]
security = "clear, passwords readable on the network"
credentials = "reader"
[credentials.reader]
method = "anonymous"
[dc.dc1]
host = "dc1.lab.test"
address = "127.0.0.1"
port = 1
[dc.dc2]
host = "dc2.lab.test"
address = "127.0.0.1"
port = 1
[dc.dc3]
host = "dc3.lab.test"
address = "127.0.0.1"
port = 1
[resource.hr]
base_contexts = ["DC=lab,DC=test"]
backup_dcs = ["dc1", "dc2", "dc3"]
[resource.hr.consumer]
kind = "builtin"
[resource.hr.feed]
[resource.hr.feed.sink.out]
kind = "stdout"
"#;

fn id(n: u128) -> InvocationId {
    InvocationId::from_uuid(Uuid::from_u128(n))
}

fn vector(entries: &[(u128, i64)]) -> Vector {
    let entry = |(n, usn): &(u128, i64)| (id(*n), Usn::new(*usn).unwrap());
    entries.iter().map(entry).collect()
}

fn nc() -> Dn {
    "DC=lab,DC=test".parse().unwrap()
}

fn cursor(n: u128, usn: i64) -> Cursor {
    Cursor {
        ldap_host: format!("dc{n}.lab.test"),
        global_catalog: None,
        invocation_id: Some(id(n)),
        last_updated: Usn::new(usn).unwrap(),
        last_deleted: Usn::new(usn).unwrap(),
    }
}

fn facts(n: u128, committed: i64, known: &[(u128, i64)]) -> DcFacts {
    let now = clock::now();
    DcFacts {
        started_at: now,
        committed_at: now,
        vectors_at: now,
        identity: Identity {
            server_name: format!("DC{n}"),
            ds_service_name: format!("CN=NTDS Settings,CN=DC{n}").parse().unwrap(),
            dns_host_name: format!("dc{n}.lab.test"),
            site: "Home".to_owned(),
            invocation_id: id(n),
            is_global_catalog: true,
            is_read_only: false,
        },
        synchronized: true,
        global_catalog_ready: true,
        committed: Usn::new(committed).unwrap(),
        committed_after: None,
        skew_ms: Some(0),
        took_ms: 0,
        vectors: BTreeMap::from([(nc(), vector(known))]),
        unreadable: BTreeMap::new(),
        instance_types: BTreeMap::from([(nc(), InstanceType(5))]),
        tombstone_lifetime_days: None,
    }
}

struct Scene {
    _folder: TempDir,
    store: Store,
    settings: Settings,
}

impl Scene {
    /// A feed on dc1 at 100 with this K and S.
    async fn new(told: &[(u128, i64)], held: Option<&[(u128, i64)]>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("highwater.toml");
        std::fs::write(&file, CONFIGURATION).unwrap();
        let settings = config::load(&file, Secrets::Resolve).unwrap();
        let store = Store::open(&settings.store).await.unwrap();
        let context = FeedContext {
            told: vector(told),
            held: held.map(vector),
            ..FeedContext::default()
        };
        let contexts = BTreeMap::from([(nc(), context)]);
        store
            .create_feed(
                &"hr".parse().unwrap(),
                &cursor(1, 100),
                contexts,
                "all",
                clock::now(),
            )
            .await
            .unwrap();
        Self {
            _folder: folder,
            store,
            settings,
        }
    }

    fn hr(&self) -> &ResourceSettings {
        self.settings.resources.values().next().unwrap()
    }

    fn consumer(&self) -> Consumer {
        let hr = self.hr();
        Consumer::new(&hr.name, &hr.consumer, &self.store)
    }

    async fn feed(&self) -> Feed {
        self.store.feed(&self.hr().name).await.unwrap().unwrap()
    }

    async fn held(&self) -> Option<Vector> {
        self.feed().await.contexts[&nc()].held.clone()
    }

    async fn plan(&self, method: StartMethod) -> crate::model::Plan {
        let answer = facts(2, 5_000, &[(1, 90), (3, 40)]);
        self.plan_to(method, 2, answer).await
    }

    /// The plan where this DC alone answers.
    async fn plan_to(&self, method: StartMethod, dc: usize, answer: DcFacts) -> crate::model::Plan {
        let ask = Ask {
            how: How::Auto { method },
            only: None,
            failure_timestamp: None,
            replication_time: Hours::DEFAULT_REPLICATION,
            allow_gap: false,
            restart: true,
        };
        let probe = Probe {
            dc: self.settings.dcs.values().nth(dc - 1).unwrap().clone(),
            preference: crate::model::Preference::Neutral,
            answer: Ok(answer),
        };
        let standing: Standing = super::gather::standing(&self.store, self.hr())
            .await
            .unwrap();
        let input = gather(
            &self.store,
            &self.settings,
            self.hr(),
            ask,
            standing,
            vec![probe],
        )
        .await
        .unwrap();
        decide::decide(&input, clock::now())
    }

    async fn fail_over(&self, method: StartMethod) {
        self.carry_out(self.plan(method).await).await;
    }

    async fn carry_out(&self, plan: crate::model::Plan) {
        let chosen = plan.chosen.as_ref().unwrap();
        let order = order(&plan, chosen, "root".to_owned()).unwrap();
        let applied = apply(&self.store, &self.consumer(), order, |_| ())
            .await
            .unwrap();
        assert!(applied.is_complete());
    }
}

#[tokio::test]
async fn a_failover_rewrites_s_and_its_undo_goes_back_to_s() {
    let told: &[(u128, i64)] = &[(1, 100), (2, 3_000), (3, 50)];
    let scene = Scene::new(told, Some(told)).await;
    let fence = scene.feed().await.cursor.tag;
    scene.fail_over(StartMethod::Best).await;
    let moved = scene.feed().await;
    assert_eq!(moved.cursor.cursor, cursor(2, 2_000), "1,000 below 3,000");
    assert_ne!(moved.cursor.tag, fence);
    assert!(!moved.is_stopped, "started again");
    assert_eq!(moved.contexts[&nc()].told, vector(told), "K stays");
    let s = vector(&[(1, 90), (2, 3_000), (3, 40)]);
    assert_eq!(scene.held().await, Some(s), "of dc2 itself S stays");

    // dc1 does not answer: its vector is unknown, so only the start itself is held.
    let undo = plan_undo(&scene.store, &scene.settings, scene.hr(), true, false)
        .await
        .unwrap();
    assert_eq!(undo.answers, Some(false));
    let order = undo_order(&undo.attempt, undo.switch.unwrap(), "root".to_owned());
    apply(&scene.store, &scene.consumer(), order, |_| ())
        .await
        .unwrap();
    assert_eq!(scene.feed().await.cursor.cursor, cursor(1, 90));
    assert_eq!(scene.held().await, Some(vector(&[(1, 90)])));
    assert_eq!(scene.feed().await.contexts[&nc()].told, vector(told));
}

#[tokio::test]
async fn however_often_it_moves_before_a_pass_is_complete_one_margin_is_taken() {
    let level: &[(u128, i64)] = &[(1, 5_000), (2, 3_000), (3, 2_500)];
    let scene = Scene::new(level, Some(level)).await;
    let known: &[(u128, i64)] = &[(1, 5_000), (2, 2_990), (3, 2_490)];
    let without = |dc: u128| -> Vec<_> {
        let others = known.iter().filter(|(id, _)| *id != dc);
        others.copied().collect()
    };
    let mut starts = Vec::new();
    for dc in [2, 3, 2, 3, 2, 3] {
        let to = u128::try_from(dc).unwrap();
        let answer = facts(to, 6_000, &without(to));
        let plan = scene.plan_to(StartMethod::Best, dc, answer).await;
        scene.carry_out(plan).await;
        starts.push(scene.feed().await.cursor.cursor.read_up_to().get());
    }
    // What the other DC lacks is taken off once, the margin never twice.
    assert_eq!(starts, [2_000, 1_490, 1_990, 1_490, 1_990, 1_490]);
    let s = vector(&[(1, 5_000), (2, 2_990), (3, 2_490)]);
    assert_eq!(scene.held().await, Some(s));
}

#[tokio::test]
async fn a_margin_that_reaches_0_does_not_ask_for_everything_on_the_next_dc() {
    let level: &[(u128, i64)] = &[(1, 5_000), (2, 800), (3, 4_000)];
    let scene = Scene::new(level, Some(level)).await;
    let second = facts(2, 900, &[(1, 5_000), (3, 4_000)]);
    let plan = scene.plan_to(StartMethod::Best, 2, second).await;
    scene.carry_out(plan).await;
    assert_eq!(scene.feed().await.cursor.cursor, cursor(2, 0));
    let third = facts(3, 4_100, &[(1, 5_000), (2, 800)]);
    let plan = scene.plan_to(StartMethod::Best, 3, third).await;
    scene.carry_out(plan).await;
    assert_eq!(scene.feed().await.cursor.cursor, cursor(3, 3_000));
    assert_eq!(scene.held().await, Some(vector(level)));
}

#[tokio::test]
async fn a_start_by_vector_needs_no_sample_and_an_unknown_s_gives_none() {
    let told: &[(u128, i64)] = &[(1, 100), (2, 3_000)];
    let known = Scene::new(told, Some(told)).await;
    known.fail_over(StartMethod::Vector).await;
    assert_eq!(known.feed().await.cursor.cursor, cursor(2, 3_000));
    let unknown = Scene::new(told, None).await;
    let plan = unknown.plan(StartMethod::Best).await;
    assert_eq!(plan.chosen, None);
    let why = plan.candidates[0].why_not.last().unwrap().to_string();
    assert!(why.contains("highwater resync hr"), "{why}");
}

#[tokio::test]
async fn before_the_first_load_it_begins_anew() {
    let scene = Scene::new(&[], None).await;
    scene.fail_over(StartMethod::Best).await;
    assert_eq!(scene.feed().await.cursor.cursor, cursor(2, 0));
    assert_eq!(
        scene.held().await,
        None,
        "nothing is held before it is read"
    );
    let undo = plan_undo(&scene.store, &scene.settings, scene.hr(), true, false)
        .await
        .unwrap();
    assert_eq!(undo.switch.unwrap().new, cursor(1, 0));
}
