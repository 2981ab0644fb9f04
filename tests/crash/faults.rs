//! Steps that fail: what stands, how the sync is left, what is recorded.

use std::fs;

use highwater::failover::{ApplyError, SyncNow, apply, resume};
use highwater::model::{AttemptState, Knowledge, Step};

use crate::scene::{Kind, Scene, cursor, new, old, resource, runtime};

#[test]
fn a_stop_that_fails_leaves_the_old_cursor_and_a_running_sync() {
    let mut scene = Scene::new(Kind::File);
    scene.stop.push_str("; echo no such unit >&2; exit 5");
    runtime().block_on(async {
        let error = scene.apply(false).await.unwrap_err();
        let text = error.to_string();
        assert!(
            text.contains("no such unit") && text.contains("exit status: 5"),
            "{text}"
        );
        assert!(
            matches!(
                error,
                ApplyError::Step {
                    step: Step::Stop,
                    sync: SyncNow::Started,
                    ..
                }
            ),
            "{text}"
        );
        let store = scene.open().await;
        assert!(scene.is_running(&store).await);
        assert_eq!(scene.consumer(&store).read().await.unwrap().cursor, old());
        let attempt = store.attempts(&resource(), 1).await.unwrap().remove(0);
        assert_eq!(attempt.state, AttemptState::Failed);
        let steps: Vec<_> = attempt
            .steps
            .iter()
            .map(|step| (step.step, step.failed))
            .collect();
        let wanted = [
            (Step::Begin, false),
            (Step::Stop, true),
            (Step::StartAgain, false),
        ];
        assert_eq!(steps, wanted);
    });
}

#[test]
fn a_start_that_fails_leaves_the_new_cursor_and_says_what_to_do() {
    let mut scene = Scene::new(Kind::File);
    scene.start = "echo license expired; exit 1".to_owned();
    runtime().block_on(async {
        let applied = scene.apply(true).await.unwrap();
        assert!(!applied.is_complete());
        let told = applied.sync.to_string();
        assert!(
            told.contains("license expired") && told.contains("by hand"),
            "{told}"
        );
        let store = scene.open().await;
        assert_eq!(scene.consumer(&store).read().await.unwrap().cursor, new());
        let attempt = store.newest_completed(&resource()).await.unwrap().unwrap();
        assert_eq!(attempt.state, AttemptState::DoneInPart);
        assert!(attempt.outcome.unwrap().contains("license expired"));
        let knowledge = store.knowledge(&resource()).await.unwrap().unwrap();
        assert_eq!(knowledge, attempt.orders.knowledge);
    });
}

#[test]
fn a_sync_stopped_by_order_before_is_not_started_by_a_roll_back() {
    let scene = Scene::new(Kind::Store);
    runtime().block_on(async {
        let store = scene.open().await;
        let consumer = scene.consumer(&store);
        consumer.stop("the operator").await.unwrap();
        let expected = consumer.read().await.unwrap();
        let moved = cursor(1, 5001, 4990);
        consumer.compare_and_set(&expected, &moved).await.unwrap();
        let order = crate::scene::order(expected, true);
        let error = apply(&store, &consumer, order, |_| {}).await.unwrap_err();
        assert!(
            matches!(
                error,
                ApplyError::Moved {
                    sync: SyncNow::LeftStopped,
                    ..
                }
            ),
            "{error}"
        );
        assert!(!scene.is_running(&store).await);
    });
}

#[test]
fn a_cursor_that_is_neither_ends_the_attempt_and_names_both() {
    let scene = Scene::new(Kind::File);
    runtime().block_on(async {
        let store = scene.open().await;
        let consumer = scene.consumer(&store);
        let order = scene.order(&consumer, true).await;
        {
            // Cut off when the old cursor is saved: from there on either may stand.
            let (saved, is_saved) = tokio::sync::oneshot::channel();
            let mut saved = Some(saved);
            let work = apply(&store, &consumer, order, |step| {
                if step.step == Step::Save {
                    saved.take().unwrap().send(()).unwrap();
                }
            });
            tokio::select! { biased; _ = is_saved => {}, done = work => panic!("{done:?}") }
        }
        scene.wait_for_lock(&store).await;
        let text = fs::read_to_string(scene.file()).unwrap();
        let text = text.replace("dc1.lab.test", "dc3.lab.test");
        let text = text.replace("dc2.lab.test", "dc3.lab.test");
        fs::write(scene.file(), &text).unwrap();
        let error = resume(&store, &consumer, "the test", |_| {})
            .await
            .unwrap_err();
        let told = error.to_string();
        for part in ["dc1.lab.test", "dc2.lab.test", "dc3.lab.test", "by hand"] {
            assert!(told.contains(part), "{told}");
        }
        assert_eq!(fs::read_to_string(scene.file()).unwrap(), text);
        let attempt = store.attempts(&resource(), 1).await.unwrap().remove(0);
        assert_eq!(attempt.state, AttemptState::Conflict);
        let knowledge = store.knowledge(&resource()).await.unwrap().unwrap();
        assert!(matches!(knowledge, Knowledge::Void { .. }));
        let again = resume(&store, &consumer, "the test", |_| {}).await;
        assert_eq!(again.unwrap(), None);
    });
}

#[test]
fn a_file_that_cannot_be_written_is_rolled_back() {
    let scene = Scene::new(Kind::File);
    // In the way of the temporary file; a folder stops root too.
    fs::create_dir(scene.dir.join(".cursor.json.highwater-new")).unwrap();
    runtime().block_on(async {
        let error = scene.apply(true).await.unwrap_err();
        assert!(
            matches!(
                error,
                ApplyError::Step {
                    step: Step::Write,
                    sync: SyncNow::Started,
                    ..
                }
            ),
            "{error}"
        );
        let store = scene.open().await;
        assert_eq!(scene.consumer(&store).read().await.unwrap().cursor, old());
        assert!(scene.is_running(&store).await);
    });
}
