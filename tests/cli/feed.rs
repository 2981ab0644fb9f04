//! Our own feed from outside, on a store that was prepared as the reader of a feed leaves one.

use std::collections::BTreeMap;
use std::path::Path;

use highwater::clock;
use highwater::model::{
    Accepted, AttributeOid, Cursor, DcFacts, DcName, Dn, FeedContext, FeedPage, Identity,
    InvocationId, ObjectGuid, Outgoing, PollContext, ResourceName, Sample, Stamp, Standing, Told,
    Usn, Vector,
};
use highwater::store::{PageWritten, Store, Undeliverable};
use serde_json::{Value, json};
use tempfile::TempDir;
use uuid::Uuid;

use super::{GOOD, run, stderr, stdout};

fn id(n: u128) -> InvocationId {
    InvocationId::from_uuid(Uuid::from_u128(n))
}

fn guid(n: u128) -> ObjectGuid {
    ObjectGuid::from_uuid(Uuid::from_u128(n))
}

fn usn(n: i64) -> Usn {
    Usn::new(n).unwrap()
}

fn hr() -> ResourceName {
    "hr".parse().unwrap()
}

fn nc() -> Dn {
    "DC=example,DC=com".parse().unwrap()
}

fn vector(entries: &[(u128, i64)]) -> Vector {
    entries.iter().map(|(n, at)| (id(*n), usn(*at))).collect()
}

/// A DC's answer, as the collector keeps it.
fn facts(n: u128) -> DcFacts {
    let now = clock::now();
    DcFacts {
        started_at: now,
        committed_at: now,
        vectors_at: now,
        identity: Identity {
            server_name: format!("DC{n}"),
            ds_service_name: format!("CN=NTDS Settings,CN=DC{n}").parse().unwrap(),
            dns_host_name: format!("dc{n}.example.com"),
            site: "Home".to_owned(),
            invocation_id: id(n),
            is_global_catalog: true,
            is_read_only: false,
        },
        synchronized: true,
        global_catalog_ready: true,
        committed: usn(500),
        committed_after: None,
        skew_ms: None,
        took_ms: 1,
        vectors: BTreeMap::new(),
        unreadable: BTreeMap::new(),
        instance_types: BTreeMap::new(),
        tombstone_lifetime_days: None,
    }
}

fn told(n: u128, origin: u128) -> (ObjectGuid, Told) {
    let stamp = Stamp {
        version: 1,
        seconds: 1_767_225_600,
        origin: id(origin),
        usn: usn(90),
    };
    let told = Told {
        nc: nc(),
        dn: format!("CN=u{n},OU=People,DC=example,DC=com"),
        standing: Standing::In,
        journal: BTreeMap::from([(AttributeOid::new("2.5.4.3"), stamp)]),
        generation: 0,
        is_partial: false,
        life: 0,
        links: BTreeMap::new(),
        links_from: None,
    };
    (guid(n), told)
}

fn event(n: u128) -> Outgoing {
    Outgoing {
        id: format!("event-{n}"),
        guid: Some(guid(n)),
        body: json!({ "n": n.to_string() }).to_string(),
    }
}

/// A feed on dc1 with two objects told, one event refused by its sink and one waiting, and dc2 sampled.
async fn prepare(folder: &Path, held: Option<Vector>) {
    let store = Store::open(&folder.join("hw.db")).await.unwrap();
    for n in [1, 2] {
        let keep = |_: &DcName, facts: &DcFacts, _: &PollContext| Accepted::Kept {
            sample: Sample {
                collected_at: facts.committed_at,
                committed: facts.committed,
                took_ms: facts.took_ms,
                skew_ms: None,
            },
            restored: false,
            rollback: None,
        };
        let dc = format!("dc{n}").parse().unwrap();
        store.record_poll(dc, facts(n), true, keep).await.unwrap();
    }
    let cursor = Cursor {
        ldap_host: "dc1.example.com".to_owned(),
        global_catalog: None,
        invocation_id: Some(id(1)),
        last_updated: usn(100),
        last_deleted: usn(100),
    };
    let context = FeedContext {
        told: vector(&[(1, 100), (2, 90)]),
        held,
        ..FeedContext::default()
    };
    let contexts = BTreeMap::from([(nc(), context)]);
    let feed = store
        .create_feed(&hr(), &cursor, contexts, "people", clock::now())
        .await
        .unwrap();
    let page = FeedPage {
        told: BTreeMap::from([told(1, 1), told(2, 2)]),
        events: vec![event(1), event(9), event(2)],
        counts: BTreeMap::from([("news", 3)]),
        ..FeedPage::default()
    };
    let written = store
        .write_feed_page(&hr(), &feed.cursor.tag, page, clock::now())
        .await
        .unwrap();
    assert!(
        matches!(written, PageWritten::Written { last_seq: 3, .. }),
        "{written:?}"
    );
    let refused = [(1, "400 Bad Request"), (2, "it is too long")]
        .map(|(seq, why)| Undeliverable {
            seq,
            why: why.to_owned(),
            status: (seq == 1).then_some(400),
        })
        .to_vec();
    let sinks = ["archive".to_owned()];
    store
        .acknowledge(&hr(), "archive", 2, refused, &sinks, clock::now())
        .await
        .unwrap();
}

struct Scene(TempDir);

impl Scene {
    fn new(held: Option<Vector>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (rest, _) = GOOD.split_once("[resource.hr.consumer]").unwrap();
        let feed = "[resource.hr.consumer]\nkind = \"builtin\"\n[resource.hr.feed]\n\
                    [resource.hr.feed.sink.archive]\nkind = \"file\"\npath = \"hr.jsonl\"\n";
        // Nothing listens on port 1.
        let rest = rest.replace(
            "credentials = \"reader\"",
            "credentials = \"reader\"\nsecurity = \"clear, passwords readable on the network\"",
        );
        let rest = rest.replace(
            "host = \"dc1.example.com\"",
            "host = \"dc1.example.com\"\naddress = \"127.0.0.1\"\nport = 1",
        );
        std::fs::write(
            folder.path().join("highwater.toml"),
            format!("{rest}{feed}"),
        )
        .unwrap();
        tokio::runtime::Runtime::new()
            .unwrap()
            .block_on(prepare(folder.path(), held));
        Self(folder)
    }

    fn level() -> Self {
        Self::new(Some(vector(&[(1, 100), (2, 90)])))
    }

    /// Exit code, stdout and stderr.
    fn run(&self, args: &[&str]) -> (i32, String, String) {
        let output = run(self.0.path(), args);
        let code = output.status.code().unwrap();
        (code, stdout(&output), stderr(&output))
    }

    fn json(&self, args: &[&str]) -> Value {
        let (code, out, said) = self.run(&[&["-o", "json"], args].concat());
        assert_eq!(code, 0, "{said}");
        serde_json::from_str(&out).unwrap()
    }

    fn letters(&self) -> Vec<i64> {
        let letters = self.json(&["dead-letters", "hr"]);
        let ids = letters.as_array().unwrap().iter();
        ids.map(|letter| letter["id"].as_i64().unwrap()).collect()
    }
}

#[test]
fn dead_letters_are_listed_replayed_and_dropped() {
    let scene = Scene::level();
    let listed = scene.json(&["dead-letters", "hr"]);
    assert_eq!(listed[0]["why"], "400 Bad Request");
    assert_eq!(listed[0]["status"], 400);
    assert_eq!(listed[0]["event"]["n"], "1");
    assert_eq!(listed[0]["object"], guid(1).to_string());
    assert_eq!(scene.letters(), [1, 2]);
    let (code, table, _) = scene.run(&["dead-letters", "hr"]);
    assert_eq!(code, 0);
    assert!(
        table.contains("archive") && table.contains("it is too long"),
        "{table}"
    );

    let (code, _, said) = scene.run(&["dead-letters", "hr", "--drop", "2"]);
    assert_eq!(code, 2, "no terminal to ask at: {said}");
    scene.json(&["dead-letters", "hr", "--drop", "2", "--dry-run"]);
    assert_eq!(scene.letters(), [1, 2], "nothing was changed");

    let (code, _, said) = scene.run(&["dead-letters", "hr", "--replay", "1", "2", "--yes"]);
    assert_eq!(code, 4, "object 9 was never told of: {said}");
    assert!(said.contains("letter 1: object"), "{said}");
    assert!(said.contains("letter 2 tells of no object"), "{said}");
    assert_eq!(scene.letters(), [2]);
    let (code, _, said) = scene.run(&["dead-letters", "hr", "--drop", "1", "--yes"]);
    assert_eq!(code, 2);
    assert!(said.contains("has no dead letter 1"), "{said}");
    let (code, _, said) = scene.run(&["dead-letters", "hr", "--drop", "2", "--yes"]);
    assert_eq!(code, 0, "{said}");
    assert!(scene.letters().is_empty());
}

#[test]
fn dead_letters_are_of_our_own_feeds_alone() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("highwater.toml"), GOOD).unwrap();
    let output = run(folder.path(), &["dead-letters", "hr"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("kind = \"builtin\""));
}

#[test]
fn the_status_shows_how_a_feed_stands() {
    let scene = Scene::level();
    let status = scene.json(&["status"]);
    let feed = &status["resources"][0]["feed"];
    assert_eq!(status["resources"][0]["dc_in_use"], "dc1");
    assert_eq!(feed["contexts"], json!({ "DC=example,DC=com": "level" }));
    assert_eq!((&feed["objects"], &feed["backlog"]), (&json!(2), &json!(1)));
    assert_eq!(feed["backlog_by_sink"], json!({ "archive": 1 }));
    assert_eq!(feed["dead_letters"], 2);
    assert_eq!(feed["journal"]["entries"], 2);
    assert_eq!(feed["counts"], json!({ "news": 3 }));
    assert_eq!(feed["stopped_by"], Value::Null);
    assert_eq!(feed["load"], Value::Null);
    let (_, text, _) = scene.run(&["status", "hr"]);
    for said in [
        "STANDS",
        "level",
        "hr, by cause: news 3",
        "`highwater dead-letters hr`",
    ] {
        assert!(text.contains(said), "{said}: {text}");
    }
    let behind = Scene::new(Some(vector(&[(1, 100), (2, 80)])));
    assert!(behind.run(&["status"]).1.contains("behind"));
    let unknown = Scene::new(None);
    let (_, text, _) = unknown.run(&["status"]);
    assert!(text.contains("UNKNOWN"), "{text}");
    assert!(
        text.contains("`highwater resync hr` has everything read anew"),
        "{text}"
    );
    assert!(!text.contains("--done"), "{text}");
}

#[test]
fn a_feed_declares_no_pass_by_hand() {
    let scene = Scene::level();
    let (code, _, said) = scene.run(&["resync", "hr", "--done", "--yes"]);
    assert_eq!(code, 3);
    assert!(said.contains("`highwater resync hr` orders one"), "{said}");
}

#[test]
fn a_release_has_feeds_forget_the_dc() {
    let scene = Scene::level();
    let (code, _, said) = scene.run(&["quarantine", "add", "dc2", "--reason", "a snapshot"]);
    assert_eq!(code, 0, "{said}");
    let (code, _, said) = scene.run(&["quarantine", "release", "dc2", "--yes"]);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("`highwater resync hr`"), "{said}");
    let feed = &scene.json(&["status"])["resources"][0]["feed"];
    assert_eq!(feed["contexts"]["DC=example,DC=com"], "unknown");
    assert_eq!(feed["journal"]["entries"], 1, "what came from dc1 stays");
}

#[test]
fn a_dc_is_lost_only_against_vectors_that_are_read_now() {
    let scene = Scene::level();
    let lost = |dc| {
        scene.run(&[
            "quarantine",
            "declare-lost",
            dc,
            "--reason",
            "fire",
            "--yes",
        ])
    };
    let (code, _, said) = lost("dc7");
    assert_eq!(code, 3);
    assert!(said.contains("never been sampled"), "{said}");
    let (code, _, said) = lost("dc1");
    assert_eq!(code, 3);
    assert!(said.contains("`highwater failover hr`"), "{said}");
    let (code, _, said) = lost("dc2");
    assert_eq!(code, 5, "dc1 does not answer: {said}");
    assert_eq!(scene.json(&["quarantine", "list"]), json!([]));
}
