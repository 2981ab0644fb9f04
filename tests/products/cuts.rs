//! A product that fails at one request, or dies there, in the middle of a move; each request in turn.

use highwater::failover::ApplyError;
use tokio::task::JoinSet;

use crate::product::Fault;
use crate::scene::{CASES, Case, Scene};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Failing {
    /// This request alone meets the fault.
    Once(Fault),
    /// It dies there, before or after it has done what it was asked.
    Dies { done: bool },
}

const FAILING: [Failing; 7] = [
    Failing::Once(Fault::Hang),
    Failing::Once(Fault::CutBefore),
    Failing::Once(Fault::CutAfter),
    Failing::Once(Fault::Broken),
    Failing::Once(Fault::Instead(503)),
    Failing::Dies { done: false },
    Failing::Dies { done: true },
];

/// The requests of a move in fair weather.
async fn requests(case: Case) -> usize {
    let scene = Scene::new(case).await;
    let order = scene.plan(2).await;
    let before = scene.product.asked().len();
    scene.apply(order).await.unwrap();
    scene.product.asked().len() - before
}

/// How it came out: the DC that the cursor is on in the end.
async fn one(case: Case, number: usize, failing: Failing) -> u8 {
    let name = format!("{}: request {number}, {failing:?}", case.preset);
    let scene = Scene::new(case).await;
    let order = scene.plan(2).await;
    match failing {
        Failing::Once(fault) => scene.product.fail(number, fault),
        Failing::Dies { done } => {
            if done {
                scene.product.fail(number, Fault::CutAfter);
            }
            scene.product.die(Some(number + usize::from(done)));
        }
    }
    let applied = scene.apply(order).await;
    scene.product.die(None);
    // The next command: it settles what was left open, and nothing else.
    let resumed = scene
        .resume()
        .await
        .unwrap_or_else(|error| panic!("{name}: {error}"));
    let is_open = matches!(
        applied,
        Err(ApplyError::Unsettled { .. } | ApplyError::Store(_))
    );
    assert_eq!(
        resumed.is_some(),
        is_open,
        "{name}: {applied:?}, {resumed:?}"
    );
    assert_eq!(scene.resume().await.unwrap(), None, "{name}");
    let is_active = scene.is_active();
    let documents = scene.documents();
    let dc = [1, 2]
        .into_iter()
        .find(|dc| documents == scene.wanted(*dc, is_active))
        .unwrap_or_else(|| panic!("{name}: half of a move stands: {documents:#?}"));
    let told = format!("{applied:?} {resumed:?}");
    if !is_active {
        assert!(
            told.contains("NotStarted"),
            "{name}: it stands still and nobody was told: {told}"
        );
    }
    if applied.is_ok() {
        assert_eq!(dc, 2, "{name}: {told}");
    }
    assert!(!told.contains("hunter2"), "{told}");
    // And the move can be made from whatever stands.
    scene
        .move_to(2)
        .await
        .unwrap_or_else(|error| panic!("{name}: {error}"));
    assert_eq!(scene.documents(), scene.wanted(2, true), "{name}");
    dc
}

#[tokio::test(flavor = "multi_thread")]
async fn a_product_that_fails_at_any_request_is_left_whole() {
    for case in CASES {
        let all = requests(case).await;
        assert!(all >= 8, "{}: {all}", case.preset);
        let mut runs = JoinSet::new();
        for number in 1..=all {
            for failing in FAILING {
                runs.spawn(one(case, number, failing));
            }
        }
        let ends = runs.join_all().await;
        assert_eq!(ends.len(), all * FAILING.len());
        for dc in [1, 2] {
            assert!(
                ends.contains(&dc),
                "{}: none of the cuts ends on dc{dc}",
                case.preset
            );
        }
    }
}
