//! A DC that is declared lost, against simulated DCs that answer.

use std::collections::BTreeMap;
use std::time::Duration;

use highwater::clock;
use highwater::config::{Credentials, DcSettings, Timeouts};
use highwater::directory::{Port, Session, Wanted, read_facts};
use highwater::lab::forest::{DOMAIN, Forest, Shape};
use highwater::lab::server::Lab;
use highwater::model::{
    Accepted, AttributeOid, Cursor, DcFacts, DcName, Dn, FeedContext, FeedPage, ObjectGuid,
    PollContext, ResourceName, Sample, Stamp, Standing, Told, Usn,
};
use highwater::store::Store;
use secrecy::ExposeSecret as _;
use serde_json::Value;
use tempfile::TempDir;
use uuid::Uuid;

use super::{program, run, stderr, stdout};

const TIMEOUTS: Timeouts = Timeouts {
    connect: Duration::from_secs(20),
    operation: Duration::from_secs(20),
    search: Duration::from_secs(40),
};

fn table(dc: &DcSettings) -> String {
    format!(
        "[dc.{}]\nhost = \"{}\"\naddress = \"127.0.0.1\"\nport = {}\n",
        dc.name, dc.host, dc.port
    )
}

fn configuration(dcs: &[DcSettings; 2], base: &Dn) -> (String, String) {
    let Credentials::Simple { user, password } = &dcs[0].credentials else {
        panic!("the lab knows one account");
    };
    let text = format!(
        "[store]\npath = \"hw.db\"\n[connection]\ncredentials = \"reader\"\n\
         security = \"clear, passwords readable on the network\"\n[credentials.reader]\nmethod = \"simple\"\n\
         user = \"{user}\"\npassword = {{ env = \"HW_PASS\" }}\n{}{}[resource.hr]\nbase_contexts = [\"{base}\"]\n\
         backup_dcs = [\"dc1\", \"dc2\"]\n[resource.hr.consumer]\nkind = \"builtin\"\n[resource.hr.feed]\n\
         [resource.hr.feed.sink.out]\nkind = \"stdout\"\n",
        table(&dcs[0]),
        table(&dcs[1]),
    );
    (text, password.expose_secret().to_owned())
}

async fn facts(dc: &DcSettings, base: &Dn) -> DcFacts {
    let mut session = Session::open(dc, Port::Directory).await.unwrap();
    let wanted = Wanted {
        bases: vec![base.clone()],
        ..Wanted::default()
    };
    read_facts(&mut session, &wanted).await.unwrap()
}

fn kept(_: &DcName, facts: &DcFacts, _: &PollContext) -> Accepted {
    Accepted::Kept {
        sample: Sample {
            collected_at: facts.committed_at,
            committed: facts.committed,
            took_ms: facts.took_ms,
            skew_ms: None,
        },
        restored: false,
        rollback: None,
    }
}

fn hr() -> ResourceName {
    "hr".parse().unwrap()
}

/// A feed on dc1 that was told of dc2: three objects up to what dc1 has of it, two beyond.
async fn told(store: &Store, base: &Dn, one: &DcFacts, two: &DcFacts) {
    let lost = two.identity.invocation_id;
    let bound = one.vectors[base].get(lost).unwrap();
    let beyond = Usn::new(bound.get() + 50).unwrap();
    let cursor = Cursor {
        ldap_host: "dc1.sim.test".to_owned(),
        global_catalog: None,
        invocation_id: Some(one.identity.invocation_id),
        last_updated: one.committed,
        last_deleted: one.committed,
    };
    let told = one.vectors[base].clone().with(lost, beyond);
    let context = FeedContext {
        held: Some(told.clone()),
        told,
        ..FeedContext::default()
    };
    let feed = store
        .create_feed(
            &hr(),
            &cursor,
            BTreeMap::from([(base.clone(), context)]),
            "all",
            clock::now(),
        )
        .await
        .unwrap();
    let object = |n: u128| {
        let stamp = Stamp {
            version: 1,
            seconds: 1_767_225_600,
            origin: lost,
            usn: if n < 3 { bound } else { beyond },
        };
        let told = Told {
            nc: base.clone(),
            dn: format!("CN=u{n},{base}"),
            standing: Standing::In,
            journal: BTreeMap::from([(AttributeOid::new("2.5.4.3"), stamp)]),
            generation: 0,
            is_partial: false,
            life: 0,
            links: BTreeMap::new(),
            links_from: None,
        };
        (ObjectGuid::from_uuid(Uuid::from_u128(n)), told)
    };
    let page = FeedPage {
        told: (0..5).map(object).collect(),
        ..FeedPage::default()
    };
    store
        .write_feed_page(&hr(), &feed.cursor.tag, page, clock::now())
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_only_a_lost_dc_had_shown_is_read_again() {
    let mut forest = Forest::new(7, &Shape::of(2), 1_800_000_000_000).unwrap();
    forest.settle(1_800_000_000_000).unwrap();
    let base: Dn = forest.context_dn(DOMAIN).parse().unwrap();
    let lab = Lab::start(forest, None).unwrap();
    let dcs = [0, 1].map(|dc| lab.settings(dc, TIMEOUTS).unwrap());
    let folder = TempDir::new().unwrap();
    let (text, password) = configuration(&dcs, &base);
    std::fs::write(folder.path().join("highwater.toml"), text).unwrap();
    let store = Store::open(&folder.path().join("hw.db")).await.unwrap();
    let (one, two) = (facts(&dcs[0], &base).await, facts(&dcs[1], &base).await);
    for (dc, facts) in dcs.iter().zip([&one, &two]) {
        store
            .record_poll(dc.name.clone(), facts.clone(), true, kept)
            .await
            .unwrap();
    }
    told(&store, &base, &one, &two).await;
    let lost = two.identity.invocation_id;
    let before = store.feed(&hr()).await.unwrap().unwrap();

    let declare = |how: &str| {
        let words = [
            "-o",
            "json",
            "quarantine",
            "declare-lost",
            "dc2",
            "--reason",
        ];
        let output = program(folder.path())
            .args(words)
            .args(["disk gone", how])
            .env("HW_PASS", &password)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        let rows: Value = serde_json::from_str(&stdout(&output)).unwrap();
        assert_eq!(rows[0]["in_use"], "dc1");
        assert_eq!(rows[0]["invocation_id"], lost.to_string());
        rows[0]["objects_read_again"].as_u64().unwrap()
    };
    assert_eq!(declare("--dry-run"), 2);
    assert_eq!(store.feed(&hr()).await.unwrap().unwrap(), before);
    assert_eq!(declare("--yes"), 2);
    let after = store.feed(&hr()).await.unwrap().unwrap();
    assert_ne!(
        after.cursor.tag, before.cursor.tag,
        "the reader is fenced off"
    );
    let bound = one.vectors[&base].get(lost);
    assert_eq!(after.contexts[&base].told.get(lost), bound);
    // Everything is read once more.
    assert_eq!(after.contexts[&base].held, None);
    assert_eq!(after.cursor.cursor.read_up_to(), Usn::ZERO);
    let rereads = store.feed_rereads(&hr(), None, 10).await.unwrap();
    assert_eq!(rereads.len(), 2);
    let listed = stdout(&run(folder.path(), &["quarantine", "list"]));
    assert!(
        listed.contains("declared lost by") && listed.contains("disk gone"),
        "{listed}"
    );
}
