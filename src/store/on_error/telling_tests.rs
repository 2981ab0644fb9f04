//! Who is told first, in which order, and by which clock.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use super::tests::{addressed, at, outage, report, store};
use super::*;
use crate::model::{DeliveryState, Outcome};

#[tokio::test]
async fn the_first_word_is_said_once() {
    let (_folder, store) = store().await;
    let failure = report(&store, 100).await;
    store
        .take_failure(&failure, &outage(), true, None, at(101))
        .await
        .unwrap();
    let first = |id: &str| IncidentChange {
        only_if: Some(SeenTold(None)),
        told: Some(ToldAs {
            outcome: Outcome::Outage,
            channels: vec!["operators".to_owned()],
            thread: Some(format!("<{id}@example.com>")),
        }),
        notices: vec![addressed(id, 110, &["anna@example.com"])],
        ..IncidentChange::default()
    };
    let change = |id: &str| store.change_incident(1, first(id), at(110));
    assert!(change("a").await.unwrap());
    assert!(!change("b").await.unwrap(), "it was told in between");
    let queued = store.deliveries(DeliveryState::Queued, 9).await.unwrap();
    assert_eq!(queued.len(), 1);
}

#[tokio::test]
async fn of_one_target_the_oldest_goes_first_and_what_waits_follows_a_success() {
    let (_folder, store) = store().await;
    for (id, ms) in [("a", 100), ("b", 101), ("c", 102)] {
        let both = addressed(id, ms, &["anna@example.com", "bert@example.com"]);
        store.queue_notice(both).await.unwrap();
    }
    let lease = |ms| store.lease_deliveries(at(ms), 50, 9);
    let leased = lease(200).await.unwrap();
    let ids: Vec<i64> = leased.iter().map(|one| one.delivery.id).collect();
    assert_eq!(ids, [1, 2], "the first for each");
    store
        .mark_failed(&leased[0], "451 later", Some(at(9_000)), at(201))
        .await
        .unwrap();
    store.mark_sent(&leased[1], at(201)).await.unwrap();
    let second = lease(202).await.unwrap();
    assert_eq!(second[0].delivery.id, 3);
    store.mark_sent(&second[0], at(203)).await.unwrap();
    assert_eq!(
        lease(300).await.unwrap()[0].delivery.id,
        1,
        "no longer waits"
    );
}

#[tokio::test]
async fn a_clock_that_was_set_back_holds_no_mail_up() {
    let (_folder, store) = store().await;
    let day = 86_400_000;
    store
        .queue_notice(addressed("a", day, &["anna@example.com"]))
        .await
        .unwrap();
    let leased = store.lease_deliveries(at(day), 60_000, 9).await.unwrap();
    // Its sender died with the lease, and the clock goes back by hours.
    let again = store.lease_deliveries(at(1_000), 60_000, 9).await.unwrap();
    assert_eq!(again.len(), 1);
    assert!(!store.mark_sent(&leased[0], at(1_000)).await.unwrap());
    assert!(
        store
            .lease_deliveries(at(2_000), 60_000, 9)
            .await
            .unwrap()
            .is_empty(),
        "it is taken"
    );
    store
        .mark_failed(&again[0], "refused", Some(at(17_000)), at(2_000))
        .await
        .unwrap();
    assert!(
        store
            .lease_deliveries(at(16_999), 60_000, 9)
            .await
            .unwrap()
            .is_empty(),
        "its pause binds"
    );
    assert_eq!(
        store
            .lease_deliveries(at(17_000), 60_000, 9)
            .await
            .unwrap()
            .len(),
        1
    );
}

#[tokio::test]
async fn within_a_thread_a_mail_waits_for_the_one_before_it() {
    let (_folder, store) = store().await;
    let to = ["anna@example.com"];
    store.queue_notice(addressed("a", 100, &to)).await.unwrap();
    let lease = |ms| store.lease_deliveries(at(ms), 50, 9);
    let first = lease(100).await.unwrap();
    store
        .mark_failed(&first[0], "refused", Some(at(15_100)), at(101))
        .await
        .unwrap();
    assert!(lease(102).await.unwrap().is_empty(), "it waits");
    let mut over = addressed("b", 200, &to);
    over.notice.thread = Some(first[0].delivery.notice.message_id.clone());
    store.queue_notice(over).await.unwrap();
    let again = lease(200).await.unwrap();
    let ids: Vec<i64> = again.iter().map(|one| one.delivery.id).collect();
    assert_eq!(ids, [1], "the first one, before its time");
    store
        .mark_failed(&again[0], "refused", Some(at(30_200)), at(201))
        .await
        .unwrap();
    assert!(lease(300).await.unwrap().is_empty());
    let hour = 3_600_000;
    assert_eq!(lease(hour + 101).await.unwrap()[0].delivery.id, 1);
    let late = lease(hour + 102).await.unwrap();
    assert_eq!(late[0].delivery.id, 2, "it does not wait for ever");
}
