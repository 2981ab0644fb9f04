#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

use tempfile::TempDir;

use super::{NewAttempt, OpenAttempt, Opened, Placed};
use crate::model::{
    AttemptKind, AttemptState, Cursor, CursorTag, HeldCursor, Knowledge, ResourceName, Step,
    StepReport, Switch, Usn, UtcMs,
};
use crate::store::{Store, StoreError};

fn hr() -> ResourceName {
    "hr".parse().unwrap()
}

fn cursor(host: &str, usn: i64) -> Cursor {
    Cursor {
        ldap_host: host.to_owned(),
        global_catalog: None,
        invocation_id: None,
        last_updated: Usn::new(usn).unwrap(),
        last_deleted: Usn::new(usn).unwrap(),
    }
}

fn new_attempt() -> NewAttempt {
    let made_at = UtcMs::from_millis(5);
    let switch = Switch {
        resource: hr(),
        to: "dc2".parse().unwrap(),
        expected: HeldCursor {
            cursor: cursor("dc1", 10),
            tag: CursorTag("1".to_owned()),
        },
        new: cursor("dc2", 20),
        knowledge: Knowledge::Void {
            since: made_at,
            dc: "dc2".parse().unwrap(),
            reason: "by hand".to_owned(),
        },
        restart: true,
    };
    NewAttempt {
        kind: AttemptKind::Undo,
        made_at,
        who: "root".to_owned(),
        channel: "test".to_owned(),
        plan: "{}".to_owned(),
        plan_hash: "h".to_owned(),
        orders: switch,
    }
}

async fn open() -> (TempDir, Store, OpenAttempt) {
    let dir = TempDir::new().unwrap();
    let store = Store::open(&dir.path().join("hw.db")).await.unwrap();
    let lock = store
        .lock_attempts(&hr(), std::time::Duration::ZERO)
        .await
        .unwrap()
        .unwrap();
    match store.open_attempt(&lock, new_attempt()).await.unwrap() {
        Opened::New(attempt) => (dir, store, attempt),
        Opened::Unfinished(id) => panic!("{id} is open in a new store"),
    }
}

fn step(step: Step) -> StepReport {
    StepReport {
        step,
        at: UtcMs::from_millis(9),
        failed: false,
        outcome: "well".to_owned(),
    }
}

#[tokio::test]
async fn an_attempt_reads_back_with_its_steps() {
    let (_dir, store, attempt) = open().await;
    let expected = new_attempt().orders.expected;
    store
        .save_old_cursor(&attempt, &expected, &step(Step::Save))
        .await
        .unwrap();
    let at = UtcMs::from_millis(11);
    let last = step(Step::Start);
    store
        .end_attempt(&attempt, AttemptState::Done, "moved", Some(&last), None, at)
        .await
        .unwrap();
    let read = store.newest_completed(&hr()).await.unwrap().unwrap();
    assert_eq!(store.attempts(&hr(), 5).await.unwrap(), vec![read.clone()]);
    assert_eq!(read.orders, new_attempt().orders);
    assert_eq!(read.old_cursor, Some(expected));
    assert_eq!(
        (read.kind, read.state, read.ended_at),
        (AttemptKind::Undo, AttemptState::Done, Some(at))
    );
    let steps: Vec<Step> = read.steps.iter().map(|step| step.step).collect();
    assert_eq!(steps, [Step::Begin, Step::Save, Step::Start]);
}

#[tokio::test]
async fn one_is_open_at_a_time_and_an_ended_one_stays_ended() {
    let (_dir, store, attempt) = open().await;
    let second = store.open_attempt(attempt.lock(), new_attempt()).await;
    assert!(matches!(second.unwrap(), Opened::Unfinished(id) if id == attempt.id()));
    assert!(
        store
            .lock_attempts(&hr(), std::time::Duration::ZERO)
            .await
            .unwrap()
            .is_none()
    );
    let at = UtcMs::from_millis(11);
    let end = store.end_attempt(&attempt, AttemptState::Failed, "no", None, None, at);
    end.await.unwrap();
    let late = store
        .note_attempt(&attempt, Some(AttemptState::Writing), None)
        .await;
    assert!(matches!(late, Err(StoreError::Other(text)) if text.contains("already ended")));
    assert_eq!(store.newest_completed(&hr()).await.unwrap(), None);
    let taken = store.take_over_attempt(attempt.lock()).await.unwrap();
    assert!(taken.is_none());
    let third = store.open_attempt(attempt.lock(), new_attempt()).await;
    assert!(matches!(third.unwrap(), Opened::New(_)));
}

#[tokio::test]
async fn cursor_knowledge_and_state_change_together_or_not_at_all() {
    let (_dir, store, attempt) = open().await;
    let orders = new_attempt().orders;
    let write = step(Step::Write);
    let none = store.switch_in_store(&attempt, &orders, &write).await;
    assert_eq!(none.unwrap(), Placed::Moved(None));
    let at = UtcMs::from_millis(1);
    let other = cursor("dc1", 11);
    store.create_cursor(&hr(), &other, at).await.unwrap();
    let moved = store.switch_in_store(&attempt, &orders, &write).await;
    assert!(matches!(moved.unwrap(), Placed::Moved(Some(found)) if found.cursor == other));
    assert_eq!(store.knowledge(&hr()).await.unwrap(), None);
    assert_eq!(store.cursors_seen().await.unwrap(), vec![]);

    let orders = Switch {
        expected: HeldCursor {
            cursor: other,
            tag: CursorTag("1".to_owned()),
        },
        ..orders
    };
    let written = store.switch_in_store(&attempt, &orders, &write).await;
    assert_eq!(written.unwrap(), Placed::Written(CursorTag("2".to_owned())));
    let held = store.store_cursor(&hr()).await.unwrap().unwrap();
    assert_eq!(held.cursor, orders.new);
    let knowledge = store.knowledge(&hr()).await.unwrap();
    assert_eq!(knowledge, Some(orders.knowledge));
    let (_, read) = store
        .take_over_attempt(attempt.lock())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(read.state, AttemptState::Switched);
}
