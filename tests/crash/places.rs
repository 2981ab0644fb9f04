//! An outside cursor in two places of which one fails, and a started sync that does not go on.

use std::fs;
use std::time::Duration;

use highwater::config::Confirm;
use highwater::consumer::{Consumer, Stands};
use highwater::failover::{ApplyError, SyncNow, resume};
use highwater::model::{AttemptState, HeldCursor, Step, StepReport, UtcMs};
use highwater::store::{NewAttempt, Opened, Store};

use crate::scene::{Kind, Scene, new, resource, runtime};

/// Takes the name that the second place's new content has until it is put in place.
fn block(scene: &Scene) {
    fs::create_dir_all(scene.dir.join(".sync.properties.highwater-new/x")).unwrap();
}

fn unblock(scene: &Scene) {
    fs::remove_dir_all(scene.dir.join(".sync.properties.highwater-new")).unwrap();
}

#[test]
fn a_second_place_that_fails_leaves_both_as_they_were() {
    let scene = Scene::new(Kind::Outside);
    block(&scene);
    let failed = runtime().block_on(scene.apply(true)).unwrap_err();
    match &failed {
        ApplyError::Step { step, sync, .. } => {
            assert_eq!((*step, sync), (Step::Write, &SyncNow::Started));
        }
        other => panic!("{other:?}"),
    }
    let told = failed.to_string();
    assert!(
        told.contains("sync.properties") && told.contains("the cursor is as it was"),
        "{told}"
    );
    scene.check_files(false);
    assert!(scene.dir.join("running").exists());
}

/// An attempt whose process came as far as the first of the two places.
async fn cut_in_half(scene: &Scene, store: &Store, consumer: &Consumer) -> HeldCursor {
    let order = scene.order(consumer, true).await;
    let expected = order.switch.expected.clone();
    let at = UtcMs::from_millis(1_000);
    let lock = store.lock_attempts(&resource(), Duration::ZERO).await;
    let lock = lock.unwrap().unwrap();
    let attempt = NewAttempt {
        kind: order.kind,
        made_at: at,
        who: order.who,
        channel: order.channel,
        plan: order.plan_json,
        plan_hash: order.plan_hash,
        orders: order.switch,
    };
    let Opened::New(attempt) = store.open_attempt(&lock, attempt).await.unwrap() else {
        panic!("an attempt is open already");
    };
    consumer.stop("the test").await.unwrap();
    let saved = StepReport {
        step: Step::Save,
        at,
        failed: false,
        outcome: "saved".to_owned(),
    };
    let saving = store.save_old_cursor(&attempt, &expected, &saved);
    saving.await.unwrap();
    block(scene);
    consumer
        .compare_and_set(&expected, &new())
        .await
        .unwrap_err();
    let look = consumer.look(&expected, &new()).await.unwrap();
    assert_eq!(look.stands, Some(Stands::Half));
    expected
}

#[test]
fn a_half_is_completed_by_the_next_or_taken_back_where_it_cannot_be() {
    for is_blocked in [false, true] {
        let scene = Scene::new(Kind::Outside);
        runtime().block_on(async {
            let store = scene.open().await;
            let consumer = scene.consumer(&store);
            cut_in_half(&scene, &store, &consumer).await;
            if !is_blocked {
                unblock(&scene);
            }
            let resumed = resume(&store, &consumer, "the test", |_| {}).await;
            let resumed = resumed.unwrap().unwrap();
            let wanted = if is_blocked {
                AttemptState::RolledBack
            } else {
                AttemptState::Done
            };
            assert_eq!(resumed.state, wanted, "{resumed:?}");
            let told = "one of two places held the new cursor; the other could not be written";
            assert_eq!(resumed.text.contains(told), is_blocked, "{resumed:?}");
            assert_eq!(scene.check(true).await, Some(wanted));
        });
    }
}

#[test]
fn a_half_that_somebody_started_is_nobodys() {
    let scene = Scene::new(Kind::Outside);
    runtime().block_on(async {
        let store = scene.open().await;
        let consumer = scene.consumer(&store);
        cut_in_half(&scene, &store, &consumer).await;
        unblock(&scene);
        // It has read the old DC from the new DC's USN on.
        let state = scene.dir.join("state.json");
        let text = fs::read_to_string(&state).unwrap();
        fs::write(&state, text.replace("9000", "9001")).unwrap();
        let conflict = resume(&store, &consumer, "the test", |_| {}).await;
        let told = conflict.unwrap_err();
        assert!(matches!(told, ApplyError::Conflict { .. }), "{told}");
        assert!(!scene.is_running(&store).await);
    });
}

#[test]
fn a_sync_that_is_not_seen_to_go_on_makes_it_done_in_part() {
    let mut scene = Scene::new(Kind::Outside);
    scene.confirm = Some(Confirm {
        within: Duration::from_secs(1),
        command: None,
    });
    runtime().block_on(async {
        let applied = scene.apply(true).await.unwrap();
        assert!(!applied.is_complete());
        let told = applied.sync.to_string();
        assert!(
            told.contains("its cursor has not moved on within 1s") && told.contains("undo"),
            "{told}"
        );
        let store = scene.open().await;
        let attempt = store.attempts(&resource(), 1).await.unwrap().remove(0);
        assert_eq!(attempt.state, AttemptState::DoneInPart);
        let steps = attempt.steps.iter().rev();
        let last: Vec<_> = steps.map(|step| (step.step, step.failed)).take(2).collect();
        assert_eq!(last, [(Step::Confirm, true), (Step::Start, false)]);
        scene.check_files(true);
    });

    // One that reads on is seen, and the attempt is done.
    let mut scene = Scene::new(Kind::Outside);
    scene.confirm = Some(Confirm {
        within: Duration::from_secs(20),
        command: None,
    });
    scene
        .start
        .push_str(r#"; (sleep 0.3; sed -i s/9000/9001/ "$0/state.json") > "$0/out" 2>&1 &"#);
    runtime().block_on(async {
        let applied = scene.apply(true).await.unwrap();
        assert_eq!(applied.sync, SyncNow::Started);
        let store = scene.open().await;
        let attempt = store.attempts(&resource(), 1).await.unwrap().remove(0);
        let outcome = attempt.outcome.unwrap();
        assert!(outcome.contains("moved its cursor on to"), "{outcome}");
    });
}
