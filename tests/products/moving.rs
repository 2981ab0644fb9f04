//! A move and its undo, in fair weather and beside others who write.

use highwater::failover::ApplyError;

use crate::product::{Fault, Request};
use crate::scene::{CASES, Scene};

#[tokio::test]
async fn a_move_and_its_undo_leave_every_byte() {
    for case in CASES {
        let scene = Scene::new(case).await;
        assert_eq!(scene.documents(), scene.wanted(1, true));
        let applied = scene.move_to(2).await.unwrap();
        assert!(applied.is_complete(), "{applied:?}");
        assert_eq!(scene.documents(), scene.wanted(2, true), "{}", case.preset);
        assert!(scene.is_active());
        let read = scene.consumer.read().await.unwrap().cursor;
        assert_eq!(read.last_updated, scene.cursor(2).last_updated);
        assert_eq!(read.last_deleted, scene.cursor(2).last_deleted);
        let applied = scene.move_to(1).await.unwrap();
        assert!(applied.is_complete(), "{applied:?}");
        assert_eq!(scene.documents(), scene.wanted(1, true), "{}", case.preset);
    }
}

#[tokio::test]
async fn a_revision_goes_along_where_there_is_one() {
    let scene = Scene::new(CASES[0]).await;
    scene.move_to(2).await.unwrap();
    let requests = scene.product.requests();
    let put = |path: &str| {
        let of = |request: &&Request| request.method == "PUT" && request.path.contains(path);
        requests.iter().find(of).unwrap().headers.clone()
    };
    assert_eq!(put("pooledSyncStage")["if-match"], "\"7\"");
    assert!(!put("provisioner.openicf").contains_key("if-match"));
}

#[tokio::test]
async fn a_run_under_way_is_waited_for() {
    for case in CASES {
        let scene = Scene::new(case).await;
        scene.product.state.lock().unwrap().runs_on = 2;
        scene.move_to(2).await.unwrap();
        assert_eq!(scene.documents(), scene.wanted(2, true), "{}", case.preset);
        assert_eq!(scene.product.state.lock().unwrap().runs_on, 0);
    }
}

#[tokio::test]
async fn a_run_that_does_not_end_stops_the_move() {
    for case in CASES {
        let scene = Scene::new(case).await;
        scene.product.state.lock().unwrap().runs_on = 1_000;
        let error = scene.move_to(2).await.unwrap_err();
        assert!(
            error.to_string().contains("is still"),
            "{}: {error}",
            case.preset
        );
        assert_eq!(scene.documents(), scene.wanted(1, true), "{}", case.preset);
        assert!(scene.is_active(), "{}", case.preset);
    }
}

#[tokio::test]
async fn what_was_written_after_the_plan_stands() {
    for case in CASES {
        let scene = Scene::new(case).await;
        let order = scene.plan(2).await;
        {
            let mut world = scene.product.state.lock().unwrap();
            for text in world.documents.values_mut() {
                *text = text.replace("5000", "5017").replace("dc1.", "dc7.");
            }
            world.revision += 1;
        }
        let before = scene.documents();
        let error = scene.apply(order).await.unwrap_err();
        assert!(matches!(error, ApplyError::Moved { .. }), "{error}");
        assert_eq!(scene.documents(), before, "{}", case.preset);
        assert!(scene.is_active());
    }
}

#[tokio::test]
async fn a_wrong_password_stops_before_anything_is_done() {
    for case in CASES {
        let scene = Scene::new(case).await;
        let order = scene.plan(2).await;
        for number in 1..20 {
            scene.product.fail(number, Fault::Instead(401));
        }
        let error = scene.apply(order).await.unwrap_err().to_string();
        assert!(
            error.contains("401") && !error.contains("hunter2"),
            "{error}"
        );
        assert_eq!(scene.documents(), scene.wanted(1, true));
        assert!(scene.is_active());
    }
}
