//! Plans as data: their JSON, and the exit code they end with.

use highwater::cli::Exit;
use highwater::model::{Attempt, Evidence, StartPoint, Starts, Usn, WhyNoStart};
use serde_json::json;

#[test]
fn a_start_is_told_in_words_of_its_own() {
    let starts = Starts {
        vector: Ok(StartPoint {
            usn: Usn::new(42).unwrap(),
            proven: true,
            read_at_most: 7,
            evidence: Evidence::NothingRead,
        }),
        time: Err(WhyNoStart::NoFailureTimestamp),
        manual: None,
        best: None,
    };
    let value = serde_json::to_value(&starts).unwrap();
    assert_eq!(
        value,
        json!({
            "vector": { "start": {
                "usn": 42, "proven": true, "read_at_most": 7, "evidence": { "kind": "nothing_read" },
            }},
            "time": { "none": { "kind": "no_failure_timestamp" } },
            "manual": null,
        })
    );
    let again: Starts = serde_json::from_value(value).unwrap();
    assert_eq!(again, starts);
    let by_hand = Starts {
        manual: Some(starts.time.clone()),
        ..starts
    };
    let text = serde_json::to_string(&by_hand).unwrap();
    assert!(text.contains(r#""manual":{"none":{"#), "{text}");
    assert_eq!(serde_json::from_str::<Starts>(&text).unwrap(), by_hand);
}

#[test]
fn the_plan_of_an_attempt_is_part_of_its_document() {
    let cursor = json!({
        "ldapHost": "dc1.lab.test", "globalCatalog": null, "invocationId": null, "lastUpdated": 1, "lastDeleted": 1,
    });
    let knowledge = json!({
        "state": "void", "since": "2026-11-22T10:00:00Z", "dc": "dc2", "reason": "not proven",
    });
    let document = json!({
        "id": 1, "resource": "hr", "kind": "failover", "made_at": "2026-11-22T10:00:00.000Z", "who": "me",
        "channel": "command line", "plan": { "resource": "hr", "target": null }, "plan_hash": "00",
        "orders": {
            "resource": "hr", "to": "dc2", "expected": { "cursor": cursor, "tag": "1" }, "new": cursor,
            "knowledge": knowledge, "restart": true,
        },
        "was_stopped": false, "state": "done", "old_cursor": null, "ended_at": null, "outcome": null, "steps": [],
    });
    let text = document.to_string();
    let attempt: Attempt = serde_json::from_str(&text).unwrap();
    assert_eq!(attempt.plan, r#"{"resource":"hr","target":null}"#);
    let again = serde_json::to_value(&attempt).unwrap();
    assert_eq!(again["plan"], document["plan"]);
}

#[test]
fn a_plan_without_a_move_ends_as_its_candidates_say() {
    use highwater::cli::plan::outcome;
    let plan = |reasons: serde_json::Value| {
        let candidates: Vec<_> = reasons
            .as_array()
            .unwrap()
            .iter()
            .map(|why_not| {
                json!({
                    "dc": "dc2", "preference": "neutral", "site": null, "same_site": false, "invocation_id": null,
                    "committed": null, "why_not": why_not, "starts": null, "lag_ms": null,
                    "covers_consumer": false, "ghosts_at_most": null,
                })
            })
            .collect();
        let cursor = json!({
            "ldapHost": "dc1.lab.test", "globalCatalog": null, "invocationId": null, "lastUpdated": 1,
            "lastDeleted": 1,
        });
        let plan = json!({
            "resource": "hr", "made_at": "2026-11-22T10:00:00Z",
            "ask": {
                "how": { "kind": "auto", "method": "best" }, "only": null, "failure_timestamp": null,
                "replication_time": 3.0, "allow_gap": false, "restart": true,
            },
            "cursor": { "cursor": cursor, "tag": "1" }, "source": "dc1", "failure_timestamp": null, "target": null,
            "chosen": null, "candidates": candidates, "warnings": [], "hash": "00",
        });
        outcome(&serde_json::from_value(plan).unwrap())
    };
    let failed =
        |kind: &str| json!({ "kind": "unreachable", "failure": { "kind": kind, "detail": "x" } });
    let in_use = json!({ "kind": "in_use" });
    let read_only = json!({ "kind": "read_only" });
    assert_eq!(
        plan(json!([[in_use], [failed("timeout")]])),
        Exit::Unreachable
    );
    assert_eq!(
        plan(json!([[failed("credentials")], [failed("credentials")]])),
        Exit::Denied
    );
    assert_eq!(
        plan(json!([[failed("tls")], [failed("refused")]])),
        Exit::Unreachable
    );
    assert_eq!(plan(json!([[failed("tls")], [read_only]])), Exit::Refused);
    assert_eq!(plan(json!([[in_use]])), Exit::Refused);
    assert_eq!(plan(json!([])), Exit::Refused);
}
