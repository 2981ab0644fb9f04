//! How long the feed waits for a DC that fails, and that it waits no longer for one that it has left.

use std::time::Duration;

use highwater::clock::Stopwatch;
use highwater::lab::server::Fault;
use highwater::model::Failure;

use crate::bed::{Bed, Make, hr, name};
use crate::truth::Filter;

/// More than any step takes on a busy machine, and less than a DC that hangs is given (`bed::TIMEOUTS`).
const AT_ONCE: Duration = Duration::from_secs(2);

async fn loaded(seed: u64, poll: Duration) -> Bed {
    let make = Make {
        dcs: 3,
        users: 25,
        filter: Filter::ALL[0],
        below: false,
        overlap: 5,
    };
    let mut bed = Bed::new(seed, make).await;
    bed.feed_settings(|feed| feed.poll = poll);
    bed.live(40);
    bed.start();
    bed.begun(true).await;
    bed
}

/// What was reported of the feed, oldest first.
async fn failures(bed: &Bed) -> Vec<Failure> {
    let mut failures = bed.store.newest_sync_failures(&hr(), 50).await.unwrap();
    failures.reverse();
    failures
}

/// Waits for so many failures in all.
async fn reported(bed: &Bed, count: usize) -> Vec<Failure> {
    let waited = Stopwatch::start();
    loop {
        let failures = failures(bed).await;
        if failures.len() >= count {
            return failures;
        }
        assert!(waited.elapsed() < Duration::from_mins(1), "{failures:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Waits for a pass that begins and ends from now on.
async fn good_pass(bed: &Bed) -> Duration {
    let waited = Stopwatch::start();
    let last = async || {
        let health = bed.store.feed_health(&hr()).await.unwrap().unwrap();
        health.problem.is_none().then_some(health.last_pass)
    };
    let before = last().await;
    loop {
        let now = last().await;
        if now.is_some() && now != before {
            return waited.elapsed();
        }
        assert!(waited.elapsed() < Duration::from_mins(1));
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// Waits until no pass ends any more: the feed waits for a DC that does not answer.
async fn hangs(bed: &Bed) {
    let last = async || bed.store.feed_health(&hr()).await.unwrap().unwrap();
    let (mut before, mut same) = (last().await, 0);
    while same < 15 {
        tokio::time::sleep(Duration::from_millis(10)).await;
        let now = last().await;
        same = if now == before { same + 1 } else { 0 };
        before = now;
    }
    assert_eq!(before.problem, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_good_pass_the_first_failure_is_the_first_again() {
    let poll = Duration::from_millis(40);
    let mut bed = loaded(1, poll).await;
    bed.lab.kill(0).await.unwrap();
    let before = reported(&bed, 7).await;
    assert_eq!(before[0].dc, Some(name(0)));
    bed.lab.revive(0).await.unwrap();
    good_pass(&bed).await;
    let count = failures(&bed).await.len();

    bed.lab.kill(0).await.unwrap();
    let again = reported(&bed, count + 3).await;
    let took = again[count + 2].at.ms_since(again[count].at);
    // 40 and 80 ms; the seventh and the eighth in a row would wait 2,560 ms each.
    assert!(took < 2_000, "{took} ms from the first to the third");
    bed.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_move_ends_the_turn_that_hangs_on_the_old_dc() {
    let mut bed = loaded(2, Duration::from_millis(5)).await;
    bed.lab.set_fault(0, Fault::Hang).unwrap();
    hangs(&bed).await;
    bed.move_to(1).await;
    let took = good_pass(&bed).await;
    assert!(took < AT_ONCE, "{took:?} until the first pass on dc2");
    assert_eq!(failures(&bed).await, []);
    // What was under way on dc1 is not heard of later either.
    bed.check().await;
    assert_eq!(failures(&bed).await, []);
    bed.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failure_that_ends_after_the_move_is_not_the_new_dcs() {
    let mut bed = loaded(3, Duration::from_millis(5)).await;
    bed.lab.set_fault(0, Fault::Hang).unwrap();
    hangs(&bed).await;
    bed.move_to(2).await;
    // The reading ends with an error before anybody looked where the cursor is.
    bed.lab.kill(0).await.unwrap();
    let took = good_pass(&bed).await;
    assert!(took < AT_ONCE, "{took:?} until the first pass on dc3");
    assert_eq!(failures(&bed).await, []);
    bed.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_move_ends_the_wait_after_a_failure() {
    let mut bed = loaded(4, Duration::from_millis(5)).await;
    bed.stop().await;
    bed.feed_settings(|feed| feed.poll = Duration::from_secs(20));
    bed.lab.kill(0).await.unwrap();
    bed.start();
    reported(&bed, 1).await;
    let moved = Stopwatch::start();
    bed.move_to(1).await;
    good_pass(&bed).await;
    let took = moved.elapsed();
    assert!(took < AT_ONCE, "{took:?} until the first pass on dc2");
    assert_eq!(failures(&bed).await.len(), 1);
    bed.stop().await;
}
