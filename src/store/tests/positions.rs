//! From a USN back to the newest sample at or below it.

use proptest::prelude::*;

use super::harness::{at, facts, id, keep, poll, store, usn};

fn newest_up_to(samples: &[(i64, i64)], bound: i64, before: i64) -> Option<i64> {
    let below = samples
        .iter()
        .filter(|(ms, committed)| *committed <= bound && *ms < before);
    below.map(|(ms, _)| *ms).max()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn bisection_finds_what_a_scan_finds(
        steps in proptest::collection::vec((1_i64..5_000, 0_i64..40), 1..40),
        bounds in proptest::collection::vec(0_i64..900, 12),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (_folder, store) = store().await;
            let mut samples = Vec::new();
            let (mut ms, mut committed) = (10_000, 100);
            for (later, more) in steps {
                ms += later;
                committed += more;
                poll(&store, "dc1", facts(1, ms, committed), keep).await;
                samples.push((ms, committed));
            }
            for bound in bounds {
                let found = store.newest_sample_up_to(id(1), usn(bound), None).await.unwrap();
                let expected = newest_up_to(&samples, bound, i64::MAX).map(at);
                assert_eq!(found.map(|sample| sample.collected_at), expected, "bound {bound} of {samples:?}");
                let before = 10_000 + bound * 100;
                let found = store.newest_sample_up_to(id(1), usn(bound), Some(at(before))).await.unwrap();
                let expected = newest_up_to(&samples, bound, before).map(at);
                assert_eq!(found.map(|sample| sample.collected_at), expected, "before {before}: {samples:?}");
            }
        });
    }
}

#[tokio::test]
async fn an_unknown_incarnation_has_no_position() {
    let (_folder, store) = store().await;
    assert_eq!(
        store
            .newest_sample_up_to(id(9), usn(5), None)
            .await
            .unwrap(),
        None
    );
    assert_eq!(store.known_usn(id(9)).await.unwrap(), None);
    assert_eq!(store.evidence_at(id(9), usn(5)).await.unwrap(), None);
}
