//! Two at once, and a worker that dies while its stop command still runs.

use std::fs;
use std::process::Child;
use std::time::Duration;

use highwater::failover::{ApplyError, SyncNow, apply, apply_or_replan, resume};
use highwater::model::AttemptState;
use highwater::store::Answer;

use crate::kills::spawn;
use crate::scene::{Kind, Scene, cursor, order, resource, runtime};

/// The service spawns it on threads.
fn goes_to_any_thread<T: Send>(future: T) -> T {
    future
}

#[test]
fn of_two_at_once_one_wins_and_the_other_hears_it() {
    for kind in [Kind::Store, Kind::File, Kind::Outside] {
        let scene = Scene::new(kind);
        runtime().block_on(async {
            let (here, there) = (scene.open().await, scene.open().await);
            let (ours, theirs) = (scene.consumer(&here), scene.consumer(&there));
            let order = scene.order(&ours, true).await;
            let (a, b) = tokio::join!(
                goes_to_any_thread(apply(&here, &ours, order.clone(), |_| {})),
                apply(&there, &theirs, order, |_| {}),
            );
            let busy = |result: &Result<_, ApplyError>| matches!(result, Err(ApplyError::Busy(_)));
            assert!(
                a.is_ok() && busy(&b) || b.is_ok() && busy(&a),
                "{a:?} {b:?}"
            );
            assert_eq!(scene.check(true).await, Some(AttemptState::Done));
        });
    }
}

/// Another process that has begun and waits for its stop command, which ends once `hold` is gone.
fn held_up(scene: &Scene) -> Child {
    fs::write(scene.dir.join("hold"), "").unwrap();
    let child = spawn(scene, "apply", true);
    runtime().block_on(async {
        let store = scene.open().await;
        for _ in 0..1000 {
            let newest = store.attempts(&resource(), 1).await.unwrap().pop();
            if newest.is_some_and(|attempt| attempt.state == AttemptState::Stopping)
                && scene.dir.join("stopping").exists()
            {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("the other process never began");
    });
    child
}

#[test]
fn of_two_processes_one_wins_and_the_other_hears_it() {
    let scene = Scene::new(Kind::File);
    let mut child = held_up(&scene);
    runtime().block_on(async {
        let refused = scene.apply(true).await;
        assert!(matches!(refused, Err(ApplyError::Busy(_))), "{refused:?}");
        fs::remove_file(scene.dir.join("hold")).unwrap();
        assert!(child.wait().unwrap().success());
        assert_eq!(scene.check(true).await, Some(AttemptState::Done));
    });
}

#[test]
fn nobody_takes_over_while_a_killed_workers_stop_command_runs() {
    let scene = Scene::new(Kind::File);
    let mut child = held_up(&scene);
    child.kill().unwrap();
    assert!(!child.wait().unwrap().success());
    runtime().block_on(async {
        let store = scene.open().await;
        let consumer = scene.consumer(&store);
        let early = resume(&store, &consumer, "the test", |_| {}).await;
        assert_eq!(early.unwrap(), None);
        let refused = scene.apply(true).await;
        assert!(matches!(refused, Err(ApplyError::Busy(_))), "{refused:?}");
        fs::remove_file(scene.dir.join("hold")).unwrap();
        let resumed = scene.resume().await.unwrap().unwrap();
        assert_eq!(resumed.sync, SyncNow::Started);
        assert_eq!(scene.check(true).await, Some(AttemptState::RolledBack));
    });
}

#[test]
fn an_attempt_left_open_has_to_be_settled_first() {
    let scene = Scene::new(Kind::Store);
    runtime().block_on(async {
        let store = scene.open().await;
        let consumer = scene.consumer(&store);
        let order = scene.order(&consumer, true).await;
        {
            let cut = apply(&store, &consumer, order.clone(), |_| {});
            // Long enough to be begun, and dropped wherever it is by then.
            let mut cut = Box::pin(cut);
            while store.attempts(&resource(), 1).await.unwrap().is_empty() {
                let nap = tokio::time::sleep(Duration::from_micros(1));
                tokio::select! { biased; () = nap => {}, done = &mut cut => { done.unwrap(); } }
            }
        }
        scene.wait_for_lock(&store).await;
        let open = store.attempts(&resource(), 1).await.unwrap().remove(0);
        if open.ended_at.is_none() {
            let refused = apply(&store, &consumer, order, |_| {}).await;
            assert!(
                matches!(refused, Err(ApplyError::Unfinished { attempt, .. }) if attempt == open.id)
            );
        }
        resume(&store, &consumer, "the test", |_| {}).await.unwrap();
        scene.check(true).await;
    });
}

#[test]
fn a_cursor_that_moved_after_the_plan_is_left_alone() {
    for kind in [Kind::Store, Kind::File, Kind::Outside] {
        let mut scene = Scene::new(kind);
        // The sync's last act before it stands still.
        scene
            .stop
            .push_str(r#"; sed -i s/5000/5001/ "$0/cursor.json" "$0/state.json""#);
        runtime().block_on(async {
            let store = scene.open().await;
            let consumer = scene.consumer(&store);
            let expected = consumer.read().await.unwrap();
            let moved = scene.kept(cursor(1, 5001, 4990));
            if kind == Kind::Store {
                consumer.compare_and_set(&expected, &moved).await.unwrap();
            }
            let refused = apply(&store, &consumer, order(expected, false), |_| {}).await;
            match refused {
                Err(ApplyError::Moved { found, sync, .. }) => {
                    assert_eq!((*found, sync), (moved.clone(), SyncNow::Started));
                }
                other => panic!("{other:?}"),
            }
            assert_eq!(consumer.read().await.unwrap().cursor, moved);
            assert!(scene.is_running(&store).await);
            let attempt = store.attempts(&resource(), 1).await.unwrap().remove(0);
            assert_eq!(attempt.state, AttemptState::Stale);
            assert!(attempt.ended_at.is_some());
        });
    }
}

#[test]
fn a_running_service_is_asked_and_its_answer_awaited() {
    let scene = Scene::new(Kind::Store);
    runtime().block_on(async {
        let store = scene.open().await;
        let service = scene.open().await;
        let lock = service.hold_service_lock().await.unwrap().unwrap();
        let serve = async {
            let mut answered = Vec::new();
            while answered.len() < 2 {
                for request in service.open_requests().await.unwrap() {
                    let at = request.asked_at;
                    let done = service.answer_request(&request, &Answer::Done, at).await;
                    assert!(done.unwrap());
                    answered.push(request.kind.code());
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            answered
        };
        let (applied, answered) = tokio::join!(scene.apply(true), serve);
        assert!(applied.unwrap().is_complete());
        assert_eq!(answered, ["stop_sync", "start_sync"]);

        // One that does not answer: nothing is stopped, and no late answer can stop it.
        let consumer = scene
            .consumer(&store)
            .with_answer_wait(Duration::from_millis(200));
        let silent = consumer.stop("the test").await.unwrap_err().to_string();
        assert!(silent.contains("did not stop the sync"), "{silent}");
        assert!(service.open_requests().await.unwrap().is_empty());
        assert!(scene.is_running(&store).await);
        drop(lock);
        consumer.stop("the test").await.unwrap();
        assert!(!scene.is_running(&store).await);
    });
}

#[test]
fn a_cursor_that_moved_before_the_stop_is_planned_with_again() {
    for kind in [Kind::Store, Kind::File, Kind::Outside] {
        let scene = Scene::new(kind);
        runtime().block_on(async {
            let store = scene.open().await;
            let consumer = scene.consumer(&store);
            let planned = scene.order(&consumer, true).await;
            let moved = scene.kept(cursor(1, 5100, 5090));
            let read_on = consumer.compare_and_set(&planned.switch.expected, &moved);
            read_on.await.unwrap();
            // An order for the old cursor, or to another DC, is none for this one.
            let same = planned.clone();
            let stale = apply_or_replan(
                &store,
                &consumer,
                planned.clone(),
                |_| {},
                async |_| Some(same),
            );
            let stale = stale.await.unwrap_err();
            assert!(stale.is_stale(), "{stale}");
            assert!(scene.is_running(&store).await);
            let elsewhere = apply_or_replan(
                &store,
                &consumer,
                planned.clone(),
                |_| {},
                async |found| {
                    let mut other = order(found.clone(), true);
                    other.switch.to = "dc3".parse().unwrap();
                    Some(other)
                },
            );
            assert!(elsewhere.await.unwrap_err().is_stale());
            let again = apply_or_replan(
                &store,
                &consumer,
                planned,
                |_| {},
                async |found| {
                    // It is asked for while the sync stands still.
                    assert!(!scene.is_running(&store).await);
                    assert_eq!(found.cursor, moved);
                    let mut order = order(found.clone(), true);
                    order.plan_hash = "second".to_owned();
                    Some(order)
                },
            );
            assert!(again.await.unwrap().is_complete());
            let attempt = store.attempts(&resource(), 1).await.unwrap().pop().unwrap();
            assert_eq!(attempt.state, AttemptState::Done);
            assert_eq!(attempt.plan_hash, "second");
            assert_eq!(attempt.orders.expected.cursor, moved);
            assert_eq!(attempt.old_cursor.unwrap().cursor, moved);
            assert!(scene.is_running(&store).await);
        });
    }
}
