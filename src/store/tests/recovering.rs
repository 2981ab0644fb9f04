use serde_json::{Value, json};

use super::harness::*;
use super::structure::problems;
use crate::clock::Stopwatch;
use crate::model::{DcFacts, Knowledge, NcVectors, ResourceName};
use crate::store::{Imported, Recovery, RecoverySample, Store, StoreError};

fn hr() -> ResourceName {
    "hr".parse().unwrap()
}

fn contexts(value: i64) -> NcVectors {
    NcVectors::from([
        (nc(1), vector(&[(2, value), (3, 7)])),
        (nc(2), vector(&[(2, value)])),
    ])
}

/// Two DCs, one with two lives; a cursor at 25 on the first life of dc1.
async fn fill(store: &Store) {
    for round in 1..=5 {
        poll_source(store, round * 1_000, round * 10, contexts(round)).await;
        let partner = DcFacts {
            vectors: NcVectors::from([(nc(1), vector(&[(1, round)]))]),
            ..facts(2, round * 1_000, round * 100)
        };
        store
            .record_poll(dc("dc2"), partner, false, keep)
            .await
            .unwrap();
    }
    poll(store, "dc2", facts(4, 6_000, 3), keep).await;
    store
        .quarantine(&dc("dc2"), "why", at(7_000))
        .await
        .unwrap();
    store
        .release(&dc("dc2"), "ann", "checked", at(8_000))
        .await
        .unwrap();
    see_cursor(store, Some(id(1)), 25).await;
    let knowledge = Knowledge::Held {
        since: at(500),
        dc: dc("dc1"),
        invocation_id: id(1),
        start: usn(5),
        held: contexts(1),
    };
    let knowledge = serde_json::to_string(&knowledge).unwrap();
    sql(
        store,
        &format!("INSERT INTO knowledge VALUES ('hr', '{knowledge}')"),
    )
    .await;
    set_cursor(store, 4, 25).await;
}

async fn set_cursor(store: &Store, generation: i64, last_updated: i64) {
    let octets = id(1)
        .to_octets()
        .map(|octet| format!("{octet:02x}"))
        .concat();
    sql(
        store,
        &format!(
            "INSERT OR REPLACE INTO cursor VALUES ('hr', {generation}, 'dc1.example.com', NULL, x'{octets}', \
             {last_updated}, 30, 9000)"
        ),
    )
    .await;
}

async fn export(store: &Store) -> Recovery {
    store
        .export_recovery(hr(), &[dc("dc1"), dc("dc2")])
        .await
        .unwrap()
}

/// The same document but for the moment of its export.
fn alike(recovery: &Recovery) -> Value {
    let mut value = serde_json::to_value(recovery).unwrap();
    value["exportedAt"] = Value::Null;
    value
}

#[tokio::test]
async fn the_export_is_as_its_schema_says() {
    let (_folder, store) = store().await;
    let schema = include_str!("../../../schema/recovery.schema.json");
    let schema: Value = serde_json::from_str(schema).unwrap();
    let empty = serde_json::to_value(export(&store).await).unwrap();
    assert_eq!(problems(&schema, &schema, &empty, ""), Vec::<String>::new());
    fill(&store).await;
    let full = serde_json::to_value(export(&store).await).unwrap();
    assert_eq!(problems(&schema, &schema, &full, ""), Vec::<String>::new());
    assert_eq!(full["name"], "ADSyncRecovery_hr");
    assert_eq!(
        full["dcs"][0]["incarnations"][0]["samples"][1],
        json!([2_000, 20, 20, -7])
    );
    assert_eq!(full["dcs"][0]["incarnations"][0]["knownUsn"]["usn"], 5);
    assert_eq!(full["dcs"][1]["incarnations"][1]["releasedBy"], "ann");
    // And the check itself finds what is wrong.
    for (place, value) in [
        ("/dcs/0/name", json!(5)),
        ("/dcs/0/incarnations/0/samples/0", json!([1, 2, 3])),
        ("/dcs/0/incarnations/0/samples/0/1", json!(-1)),
        ("/knowledge/state", json!("lost")),
        ("/version", json!(2)),
        ("/cursor", json!({})),
    ] {
        let mut wrong = full.clone();
        *wrong.pointer_mut(place).unwrap() = value;
        assert!(
            !problems(&schema, &schema, &wrong, "").is_empty(),
            "{place}"
        );
    }
}

#[tokio::test]
async fn evidence_is_what_the_cursor_needs_and_the_newest() {
    let (_folder, store) = store().await;
    fill(&store).await;
    let recovery = export(&store).await;
    let polls: Vec<_> = recovery
        .evidence
        .iter()
        .map(|poll| poll.collected_at.as_millis())
        .collect();
    assert_eq!(polls, [2_001, 5_001]);
    assert_eq!(recovery.evidence[0].vectors, contexts(2));
}

#[tokio::test]
async fn what_goes_out_comes_in_and_again_changes_nothing() {
    let (_folder, from) = store().await;
    fill(&from).await;
    let recovery = export(&from).await;
    let json = serde_json::to_string(&recovery).unwrap();
    let recovery = Recovery::from_json(&json).unwrap();
    let (_folder, to) = store().await;
    let imported = to.import_recovery(recovery.clone(), false).await.unwrap();
    let expected = Imported {
        incarnations: 3,
        samples: 11,
        evidence: 2,
        cursor: true,
        knowledge: true,
    };
    assert_eq!(imported, expected);
    assert_eq!(alike(&export(&to).await), alike(&recovery));
    assert_eq!(
        to.sample_counts().await.unwrap(),
        from.sample_counts().await.unwrap()
    );
    let again = to.import_recovery(recovery.clone(), false).await.unwrap();
    assert_eq!(again, Imported::default());
    assert_eq!(alike(&export(&to).await), alike(&recovery));
}

#[tokio::test]
async fn a_newer_cursor_is_replaced_only_by_order() {
    let (_folder, store) = store().await;
    fill(&store).await;
    let recovery = export(&store).await;
    set_cursor(&store, 9, 44).await;
    poll(&store, "dc1", facts(1, 9_000, 90), keep).await;
    let refused = store.import_recovery(recovery.clone(), false).await;
    let error = refused.unwrap_err().to_string();
    assert!(
        error.contains("`cursor.generation` is 4") && error.contains("generation 9"),
        "{error}"
    );
    assert_eq!(
        export(&store).await.cursor.unwrap().cursor.last_updated,
        usn(44)
    );
    let imported = store.import_recovery(recovery.clone(), true).await.unwrap();
    assert!(imported.cursor);
    let cursor = export(&store).await.cursor.unwrap();
    assert_eq!(
        (cursor.generation, cursor.cursor.last_updated),
        (10, usn(25))
    );
    set_cursor(&store, 3, 11).await;
    assert!(store.import_recovery(recovery, false).await.unwrap().cursor);
    assert_eq!(export(&store).await.cursor.unwrap().generation, 4);
}

#[tokio::test]
async fn a_quarantine_comes_in_and_never_goes_out_by_an_import() {
    let (_folder, from) = store().await;
    poll(&from, "dc1", facts(1, 1_000, 50), keep).await;
    let clean = export(&from).await;
    from.quarantine(&dc("dc1"), "fell", at(2_000))
        .await
        .unwrap();
    let held = export(&from).await;
    let (_folder, to) = store().await;
    to.import_recovery(clean.clone(), false).await.unwrap();
    to.import_recovery(held.clone(), false).await.unwrap();
    assert_eq!(to.quarantined().await.unwrap().len(), 1);
    to.import_recovery(clean, false).await.unwrap();
    assert_eq!(to.quarantined().await.unwrap().len(), 1);
    to.release(&dc("dc1"), "ann", "checked", at(3_000))
        .await
        .unwrap();
    to.import_recovery(held, false).await.unwrap();
    assert!(to.quarantined().await.unwrap().is_empty());
}

#[tokio::test]
async fn every_error_names_its_field_and_keeps_nothing() {
    let (_folder, from) = store().await;
    fill(&from).await;
    let good = serde_json::to_value(export(&from).await).unwrap();
    let twin = good["dcs"][0]["incarnations"][0]["invocationId"].clone();
    let cases = [
        ("/version", json!(2), "version"),
        ("/name", json!("ADSyncRecovery_other"), "name"),
        ("/exportedAt", json!("yesterday"), "exportedAt"),
        ("/dcs/0/name", json!("no name"), "dcs[0].name"),
        ("/dcs/1/name", json!("dc1"), "dcs[1].name"),
        (
            "/dcs/1/incarnations/0/invocationId",
            twin,
            "dcs[1].incarnations[0].invocationId",
        ),
        (
            "/dcs/0/incarnations/0/lastSeen",
            json!("1969-01-01T00:00:00Z"),
            "dcs[0].incarnations[0].lastSeen",
        ),
        (
            "/dcs/0/incarnations/0/samples/1/0",
            json!(1),
            "dcs[0].incarnations[0].samples[1]",
        ),
        (
            "/dcs/0/incarnations/0/samples/1/1",
            json!(-1),
            "dcs[0].incarnations[0].samples[1][1]",
        ),
        (
            "/evidence/0/invocationId",
            json!(id(99)),
            "evidence[0].invocationId",
        ),
        (
            "/evidence/1/collectedAt",
            good["evidence"][0]["collectedAt"].clone(),
            "evidence[1].collectedAt",
        ),
        ("/evidence/0/vectors", json!({}), "evidence[0].vectors"),
        ("/cursor/generation", json!(0), "cursor.generation"),
        ("/cursorSeen/readUpTo", json!("x"), "cursorSeen.readUpTo"),
    ];
    for (place, value, field) in cases {
        let mut wrong = good.clone();
        *wrong.pointer_mut(place).unwrap() = value;
        let error = Recovery::from_json(&wrong.to_string()).unwrap_err();
        let named = matches!(&error, StoreError::Recovery { field: found, .. } if found == field);
        assert!(named, "{place}: {error}");
    }
    // One that only the store can see: the incarnation is another DC's here. Nothing before it stays.
    let (_folder, to) = store().await;
    poll(&to, "elsewhere", facts(2, 1_000, 50), keep).await;
    let refused = to
        .import_recovery(serde_json::from_value(good).unwrap(), false)
        .await;
    let error = refused.unwrap_err().to_string();
    assert!(
        error.contains("dcs[1].incarnations[0].invocationId") && error.contains("elsewhere"),
        "{error}"
    );
    assert_eq!(to.dcs().await.unwrap(), [dc("elsewhere")]);
}

#[tokio::test]
async fn a_week_of_ten_dcs_goes_out_and_in() {
    let (_folder, from) = store().await;
    poll(&from, "dc1", facts(1, 1, 1), keep).await;
    let mut recovery = export(&from).await;
    let mut life = recovery.dcs[0].incarnations[0].clone();
    life.samples = (0..10_080)
        .map(|minute| RecoverySample(minute * 60_000, usn(minute * 37), 20, None))
        .collect();
    recovery.dcs.clear();
    for number in 0..10 {
        life.invocation_id = id(100 + number);
        recovery.dcs.push(crate::store::RecoveryDc {
            name: dc(&format!("dc{number}")),
            incarnations: vec![life.clone()],
        });
    }
    let watch = Stopwatch::start();
    let json = serde_json::to_string(&recovery).unwrap();
    let (_folder, to) = store().await;
    let imported = to
        .import_recovery(Recovery::from_json(&json).unwrap(), false)
        .await
        .unwrap();
    assert_eq!(imported.samples, 100_800);
    let dcs: Vec<_> = recovery.dcs.iter().map(|dc| dc.name.clone()).collect();
    let out = to.export_recovery(hr(), &dcs).await.unwrap();
    assert_eq!(alike(&out), alike(&recovery));
    assert!(watch.elapsed().as_secs() < 60 && json.len() < 10_000_000);
}
