//! DCs that misbehave: every failure is typed, within its bound, and harms no other DC.

use std::time::Duration;

use highwater::clock::Stopwatch;
use highwater::config::Timeouts;
use highwater::lab::server::Fault;
use highwater::model::{FailureKind, StartMethod, WhyNot};

use crate::bed::{Bed, failure, name, sampled, small, why_not};

/// Bounds that are meant to be reached.
const HASTY: Timeouts = Timeouts {
    connect: Duration::from_millis(1500),
    operation: Duration::from_millis(700),
    search: Duration::from_millis(2500),
};
/// All bounds of one poll together, and a busy machine.
const ALL_BOUNDS: Duration = Duration::from_secs(8);

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_has_its_kind_within_its_bound() {
    let cases = [
        (Fault::Hang, FailureKind::Timeout),
        (Fault::ResetMidAnswer, FailureKind::Disconnected),
        (Fault::Slow(Duration::from_secs(5)), FailureKind::Timeout),
        (Fault::ExtendedResponse, FailureKind::Protocol),
        (Fault::Busy, FailureKind::Busy),
    ];
    for tls in [true, false] {
        let bed = Bed::of(1, &small(2), tls, HASTY).await;
        for (fault, kind) in cases {
            bed.lab.set_fault(1, fault).unwrap();
            let watch = Stopwatch::start();
            let round = bed.collect().await;
            assert!(watch.elapsed() < ALL_BOUNDS, "{fault:?} took too long");
            assert_eq!(failure(&round[&name(1)]), kind, "{fault:?}, TLS {tls}");
            sampled(&round[&name(0)]);
            let kept = bed.store.newest_failure(&name(1)).await.unwrap().unwrap();
            assert_eq!(kept.failure.kind, kind);
        }
        bed.lab.set_fault(1, Fault::None).unwrap();
        sampled(&bed.collect().await[&name(1)]);
    }
}

#[tokio::test]
async fn a_slow_dc_within_its_bound_is_sampled() {
    let bed = Bed::new(1, 2).await;
    let slow = Duration::from_millis(40);
    bed.lab.set_fault(1, Fault::Slow(slow)).unwrap();
    let round = bed.collect().await;
    sampled(&round[&name(1)]);
    // A bind, and at least five searches.
    assert!(
        round[&name(1)].took_ms >= 240,
        "{}",
        round[&name(1)].took_ms
    );
}

#[tokio::test]
async fn a_closed_port_is_refused_and_opens_again() {
    let mut bed = Bed::of(1, &small(2), true, HASTY).await;
    for killed in [true, false] {
        if killed {
            bed.lab.kill(1).await.unwrap();
        } else {
            bed.lab.refuse(1).await.unwrap();
        }
        for _ in 0..3 {
            let round = bed.collect().await;
            assert_eq!(failure(&round[&name(1)]), FailureKind::Refused);
        }
        bed.lab.revive(1).await.unwrap();
        sampled(&bed.collect().await[&name(1)]);
    }
}

/// dc2's name leads to DC3: neither its samples nor its answers to a plan count as dc2's.
#[tokio::test]
async fn an_alias_is_rejected() {
    let mut bed = Bed::new(1, 3).await;
    bed.collect().await;
    bed.poll().await;
    bed.lab.answer_as(1, 2).unwrap();
    let round = bed.collect().await;
    assert_eq!(failure(&round[&name(1)]), FailureKind::WrongDc);
    sampled(&round[&name(2)]);
    bed.lab.kill(0).await.unwrap();
    let plan = bed.plan(StartMethod::Best, 0.0).await;
    let reasons = why_not(&plan, 1);
    let wrong = |why: &WhyNot| matches!(why, WhyNot::WrongServer { .. });
    assert!(reasons.iter().any(wrong), "{reasons:?}");
    assert_eq!(bed.apply(&plan).await, 2);
}

#[tokio::test]
async fn a_skewed_clock_is_measured() {
    let bed = Bed::new(1, 2).await;
    bed.with(|forest, _| forest.dc_mut(1).unwrap().skew_ms = 90_000);
    let round = bed.collect().await;
    let skew = |dc: usize| match &round[&name(dc)].outcome {
        highwater::collector::Outcome::Sampled { skew_ms, .. } => skew_ms.unwrap(),
        highwater::collector::Outcome::Failed(failure) => panic!("{failure}"),
    };
    // currentTime is cut to the second.
    assert!((80_000..=90_100).contains(&skew(1)), "{}", skew(1));
    assert!((-10_000..=100).contains(&skew(0)), "{}", skew(0));
}
