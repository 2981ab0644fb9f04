//! Failures to incidents, proposals by compare-and-set, and an outbox that loses nothing.
#![expect(clippy::unwrap_used, reason = "tests")]

use tempfile::TempDir;

use super::*;
use crate::model::{
    DcName, DeliveryState, FailureKind, NewFailure, Notice, NoticeKind, Outcome, Pause,
    PollFailure, ProposalState, ResourceName, Target, Verdicted,
};
use crate::store::Store;

pub(super) async fn store() -> (TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("store.db")).await.unwrap();
    (folder, store)
}

pub(super) fn at(ms: i64) -> UtcMs {
    UtcMs::from_millis(ms)
}

fn hr() -> ResourceName {
    "hr".parse().unwrap()
}

pub(super) fn outage() -> Verdicted {
    Verdicted {
        outcome: Outcome::Outage,
        rule: Some("refused".to_owned()),
    }
}

pub(super) async fn report(store: &Store, ms: i64) -> crate::model::Failure {
    let new = NewFailure {
        resource: hr(),
        dc: None,
        at: at(ms),
        took_ms: 0,
        failure_timestamp: Some(at(ms - 5)),
        source: "hr-sync".to_owned(),
        errors: vec!["Connection refused".to_owned()],
    };
    let id = store.report_failure(&new).await.unwrap();
    store.sync_failure(id).await.unwrap().unwrap()
}

fn notice(id: &str, ms: i64) -> Notice {
    Notice {
        kind: NoticeKind::Opened,
        at: at(ms),
        message_id: format!("<{id}@example.com>"),
        thread: None,
        subject: format!("subject of {id}"),
        text: "text".to_owned(),
        html: "<p>text</p>".to_owned(),
        data: serde_json::json!({ "id": id }),
    }
}

fn target(recipient: &str) -> Target {
    Target {
        channel: "operators".to_owned(),
        recipient: recipient.to_owned(),
    }
}

pub(super) fn addressed(id: &str, ms: i64, to: &[&str]) -> Addressed {
    Addressed {
        notice: notice(id, ms),
        targets: to.iter().map(|one| target(one)).collect(),
        held_back: Vec::new(),
    }
}

#[tokio::test]
async fn failures_make_one_incident_until_it_is_resolved() {
    let (_folder, store) = store().await;
    let first = report(&store, 100).await;
    assert_eq!(
        store.failures_to_look_at(9).await.unwrap(),
        std::slice::from_ref(&first)
    );
    let dc: DcName = "dc1".parse().unwrap();
    let opened = store
        .take_failure(&first, &outage(), true, Some(dc.clone()), at(101))
        .await
        .unwrap();
    let Taken::Opened(id) = opened else {
        unreachable!("{opened:?}")
    };
    let again = store
        .take_failure(&first, &outage(), true, None, at(102))
        .await
        .unwrap();
    assert_eq!(again, Taken::Already);
    let second = report(&store, 200).await;
    let data = Verdicted {
        outcome: Outcome::Data,
        rule: None,
    };
    assert_eq!(
        store
            .take_failure(&second, &data, true, None, at(201))
            .await
            .unwrap(),
        Taken::Joined(id)
    );
    let open = store.open_incidents().await.unwrap().pop().unwrap();
    assert_eq!(
        (open.failures, open.outcome, open.dc),
        (2, Outcome::Data, Some(dc))
    );
    assert_eq!(open.failure_timestamp, Some(at(95)));
    assert_eq!(open.events.len(), 2, "{:?}", open.events);
    assert_eq!(store.failures_of(id, 9).await.unwrap().len(), 2);

    let end = IncidentChange {
        resolution: Some("over".to_owned()),
        ..IncidentChange::default()
    };
    assert!(
        store
            .change_incident(id, end.clone(), at(300))
            .await
            .unwrap()
    );
    assert!(
        !store.change_incident(id, end, at(301)).await.unwrap(),
        "resolved once"
    );
    let third = report(&store, 400).await;
    let next = store
        .take_failure(&third, &outage(), true, None, at(401))
        .await
        .unwrap();
    assert_eq!(next, Taken::Opened(id + 1));
}

#[tokio::test]
async fn without_a_process_failures_are_recorded_only() {
    let (_folder, store) = store().await;
    let failure = report(&store, 100).await;
    let taken = store
        .take_failure(&failure, &outage(), false, None, at(101))
        .await
        .unwrap();
    assert_eq!(taken, Taken::Recorded);
    assert!(store.open_incidents().await.unwrap().is_empty());
    assert!(store.failures_to_look_at(9).await.unwrap().is_empty());
    let shown = store.newest_sync_failures(&hr(), 9).await.unwrap();
    assert_eq!(shown.first().unwrap().verdict, Some(outage()));
}

#[tokio::test]
async fn a_change_and_what_tells_of_it_are_one() {
    let (_folder, store) = store().await;
    let failure = report(&store, 100).await;
    store
        .take_failure(&failure, &outage(), true, None, at(101))
        .await
        .unwrap();
    let mut change = IncidentChange {
        told: Some(ToldAs {
            outcome: Outcome::Outage,
            channels: vec!["operators".to_owned()],
            thread: Some("<a@example.com>".to_owned()),
        }),
        notices: vec![addressed(
            "a",
            110,
            &["anna@example.com", "bert@example.com"],
        )],
        ..IncidentChange::default()
    };
    assert!(
        store
            .change_incident(1, change.clone(), at(110))
            .await
            .unwrap()
    );
    // The same Message-ID again, as after a crash between the two: nothing is queued twice.
    assert!(
        store
            .change_incident(1, change.clone(), at(111))
            .await
            .unwrap()
    );
    assert_eq!(
        store
            .deliveries(DeliveryState::Queued, 9)
            .await
            .unwrap()
            .len(),
        2
    );
    change.notices = vec![addressed("b", 112, &["anna@example.com"])];
    assert!(!store.change_incident(9, change, at(112)).await.unwrap());
    assert_eq!(
        store
            .deliveries(DeliveryState::Queued, 9)
            .await
            .unwrap()
            .len(),
        2
    );
    let told = store.incident(1).await.unwrap().unwrap();
    assert_eq!(told.thread.as_deref(), Some("<a@example.com>"));
    assert_eq!(told.told_at, Some(at(111)));
}

#[tokio::test]
async fn a_delivery_is_leased_sent_and_marked() {
    let (_folder, store) = store().await;
    store
        .queue_notice(addressed("a", 100, &["anna@example.com"]))
        .await
        .unwrap();
    let leased = store.lease_deliveries(at(100), 50, 9).await.unwrap();
    let [first] = leased.as_slice() else {
        unreachable!("{leased:?}")
    };
    assert_eq!(first.delivery.tries, 1);
    assert_eq!(first.delivery.notice, notice("a", 100));
    assert!(
        store
            .lease_deliveries(at(149), 50, 9)
            .await
            .unwrap()
            .is_empty(),
        "it is taken"
    );
    // Whoever had it died: the lease runs out.
    let second = store
        .lease_deliveries(at(150), 50, 9)
        .await
        .unwrap()
        .pop()
        .unwrap();
    assert_eq!(second.delivery.tries, 2);
    assert!(
        !store.mark_sent(first, at(160)).await.unwrap(),
        "the lease is another's"
    );
    assert!(
        store
            .mark_failed(&second, "451 later", Some(at(300)), at(160))
            .await
            .unwrap()
    );
    assert!(
        store
            .lease_deliveries(at(299), 50, 9)
            .await
            .unwrap()
            .is_empty()
    );
    let third = store
        .lease_deliveries(at(300), 50, 9)
        .await
        .unwrap()
        .pop()
        .unwrap();
    assert!(
        store
            .mark_failed(&third, "550 no such user", None, at(301))
            .await
            .unwrap()
    );
    let dead = store
        .deliveries(DeliveryState::Dead, 9)
        .await
        .unwrap()
        .pop()
        .unwrap();
    assert_eq!(dead.problem.as_deref(), Some("550 no such user"));
    assert_eq!(
        store
            .resend_deliveries(Some(dead.id), at(400))
            .await
            .unwrap(),
        1
    );
    let fourth = store
        .lease_deliveries(at(400), 50, 9)
        .await
        .unwrap()
        .pop()
        .unwrap();
    assert_eq!(fourth.delivery.notice.message_id, "<a@example.com>");
    assert!(store.mark_sent(&fourth, at(401)).await.unwrap());
    assert_eq!(store.resend_deliveries(None, at(402)).await.unwrap(), 0);
    assert_eq!(
        store
            .deliveries_since(&target("anna@example.com"), at(0))
            .await
            .unwrap(),
        1
    );
}

#[tokio::test]
async fn what_is_held_back_is_told_once() {
    let (_folder, store) = store().await;
    let held = Addressed {
        targets: Vec::new(),
        held_back: vec![target("anna@example.com")],
        ..addressed("a", 100, &[])
    };
    store.queue_notice(held).await.unwrap();
    assert!(
        store
            .lease_deliveries(at(100), 50, 9)
            .await
            .unwrap()
            .is_empty()
    );
    assert_eq!(
        store
            .deliveries_since(&target("anna@example.com"), at(0))
            .await
            .unwrap(),
        0
    );
    let waiting = store.held_back().await.unwrap();
    assert_eq!(waiting.first().unwrap().subjects, ["subject of a"]);
    store
        .tell_held_back(addressed("b", 200, &["anna@example.com"]), at(200))
        .await
        .unwrap();
    assert!(store.held_back().await.unwrap().is_empty());
    assert_eq!(
        store.lease_deliveries(at(200), 50, 9).await.unwrap().len(),
        1
    );
}

#[tokio::test]
async fn an_answer_counts_once() {
    let (_folder, store) = store().await;
    let new = NewProposal {
        resource: hr(),
        incident: None,
        proposed_by: None,
        runs_by_itself: false,
        failure_timestamp: None,
        replication_time: None,
        plan: None,
        reason: None,
    };
    let id = store.propose(new.clone(), at(100)).await.unwrap().unwrap();
    assert_eq!(
        store.propose(new.clone(), at(101)).await.unwrap(),
        None,
        "one on its way"
    );
    let to = |from, to, change| store.move_proposal(id, from, to, change, at(110));
    let none = ProposalChange::default;
    assert!(
        to(ProposalState::Wanted, ProposalState::Waiting, none())
            .await
            .unwrap()
    );
    let by = |name: &str| ProposalChange {
        answered: Some((name.to_owned(), Some("it is down".to_owned()))),
        ..ProposalChange::default()
    };
    let (one, two) = tokio::join!(
        to(ProposalState::Waiting, ProposalState::Approved, by("anna")),
        to(ProposalState::Waiting, ProposalState::Rejected, by("bert")),
    );
    assert!(one.unwrap() != two.unwrap(), "one of the two");
    let now = store.proposal(id).await.unwrap().unwrap();
    let won = if now.state == ProposalState::Approved {
        "anna"
    } else {
        "bert"
    };
    assert_eq!(now.answered_by.as_deref(), Some(won));
    assert_eq!(now.ended_at.is_some(), now.state == ProposalState::Rejected);
}

#[tokio::test]
async fn pauses_bind_until_they_end() {
    let (_folder, store) = store().await;
    let pause = |resource: Option<ResourceName>| Pause {
        id: 0,
        resource,
        since: at(100),
        until: at(200),
        owner: "anna".to_owned(),
        reason: "patching".to_owned(),
        ended_at: None,
    };
    store.add_pause(&pause(None)).await.unwrap();
    store.add_pause(&pause(Some(hr()))).await.unwrap();
    assert_eq!(store.pauses(at(199)).await.unwrap().len(), 2);
    assert_eq!(store.pauses(at(200)).await.unwrap().len(), 0);
    assert_eq!(store.end_pauses(Some(&hr()), at(150)).await.unwrap(), 1);
    assert_eq!(
        store
            .pauses(at(160))
            .await
            .unwrap()
            .first()
            .unwrap()
            .resource,
        None
    );
}

#[tokio::test]
async fn every_look_at_a_dc_counts() {
    let (_folder, store) = store().await;
    let dc: DcName = "dc1".parse().unwrap();
    let refused = PollFailure {
        kind: FailureKind::Refused,
        detail: "connection refused".to_owned(),
    };
    store
        .record_failure(dc.clone(), at(300), refused.clone(), 5)
        .await
        .unwrap();
    store
        .note_probe(&dc, at(200), Some(&refused), 3_000)
        .await
        .unwrap();
    store.note_probe(&dc, at(100), None, 5).await.unwrap();
    let seen = store.sightings(&dc, at(100)).await.unwrap();
    let kinds: Vec<_> = seen
        .iter()
        .map(|one| (one.at.as_millis(), one.failed, one.took_ms))
        .collect();
    let refused = Some(FailureKind::Refused);
    let wanted = [(100, None, 5), (200, refused, 3_000), (300, refused, 5)];
    assert_eq!(kinds, wanted);
    assert_eq!(store.sightings(&dc, at(250)).await.unwrap().len(), 1);
    let newest = store.newest_failure_of(&dc).await.unwrap();
    assert_eq!(newest.unwrap().to_string(), "refused: connection refused");
}
