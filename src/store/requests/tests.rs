#![expect(clippy::unwrap_used, reason = "tests")]

use tempfile::TempDir;

use super::{Answer, RequestKind};
use crate::model::{ResourceName, UtcMs};
use crate::store::Store;

async fn open() -> (TempDir, Store) {
    let dir = TempDir::new().unwrap();
    let store = Store::open(&dir.path().join("hw.db")).await.unwrap();
    (dir, store)
}

fn hr() -> ResourceName {
    "hr".parse().unwrap()
}

const AT: UtcMs = UtcMs::from_millis(7);

#[tokio::test]
async fn one_service_at_a_time_and_it_is_seen_alive() {
    let (dir, store) = open().await;
    let other = Store::open(&dir.path().join("hw.db")).await.unwrap();
    assert!(!other.service_is_alive().await.unwrap());
    let lock = store.hold_service_lock().await.unwrap();
    assert!(lock.is_some());
    assert!(other.service_is_alive().await.unwrap());
    assert!(other.hold_service_lock().await.unwrap().is_none());
    drop(lock);
    assert!(!other.service_is_alive().await.unwrap());
    assert!(other.hold_service_lock().await.unwrap().is_some());
}

#[tokio::test]
async fn an_answer_and_the_switch_come_together() {
    let (_dir, store) = open().await;
    assert_eq!(store.sync_switch(&hr()).await.unwrap(), None);
    let asked = store
        .ask(RequestKind::StopSync, &hr(), "cli", AT)
        .await
        .unwrap();
    assert_eq!(store.answer_to(asked).await.unwrap(), None);
    let open = store.open_requests().await.unwrap();
    let [request] = open.as_slice() else {
        unreachable!("one request was asked: {open:?}")
    };
    assert_eq!((request.id, request.kind), (asked, RequestKind::StopSync));
    let done = store.answer_request(request, &Answer::Done, AT).await;
    assert!(done.unwrap());
    assert_eq!(store.answer_to(asked).await.unwrap(), Some(Answer::Done));
    let switch = store.sync_switch(&hr()).await.unwrap().unwrap();
    assert_eq!(
        (switch.stopped, switch.since, switch.set_by.as_str()),
        (true, AT, "cli")
    );
    let again = store.answer_request(request, &Answer::Done, AT).await;
    assert!(!again.unwrap());
}

#[tokio::test]
async fn a_refusal_leaves_the_switch() {
    let (_dir, store) = open().await;
    let asked = store.ask(RequestKind::StopSync, &hr(), "cli", AT).await;
    let request = store.open_requests().await.unwrap().remove(0);
    let refused = Answer::Refused {
        why: "a search is under way".to_owned(),
    };
    let answered = store.answer_request(&request, &refused, AT).await;
    assert!(answered.unwrap());
    let answer = store.answer_to(asked.unwrap()).await.unwrap();
    assert_eq!(answer, Some(refused));
    assert_eq!(store.sync_switch(&hr()).await.unwrap(), None);
}

#[tokio::test]
async fn what_was_withdrawn_or_overtaken_acts_no_more() {
    let (_dir, store) = open().await;
    let stop = store
        .ask(RequestKind::StopSync, &hr(), "cli", AT)
        .await
        .unwrap();
    let taken = store.open_requests().await.unwrap().remove(0);
    assert_eq!(store.withdraw(stop).await.unwrap(), None);
    let late = store.answer_request(&taken, &Answer::Done, AT).await;
    assert!(!late.unwrap());
    assert_eq!(store.sync_switch(&hr()).await.unwrap(), None);

    let stop = store
        .ask(RequestKind::StopSync, &hr(), "cli", AT)
        .await
        .unwrap();
    store
        .set_sync_switch(&hr(), false, "cli", AT)
        .await
        .unwrap();
    assert!(store.open_requests().await.unwrap().is_empty());
    let answer = store.withdraw(stop).await.unwrap();
    assert_eq!(answer, Some(Answer::Superseded));
    assert!(!store.sync_switch(&hr()).await.unwrap().unwrap().stopped);
}
