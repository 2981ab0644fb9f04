use super::harness::*;
use crate::model::{FailureKind, PollFailure};
use crate::store::{HistoryRow, Store};

/// Two lives of `dc1`: samples at 100, 200, 300 of the first, 400, 500 of the second.
async fn filled(store: &Store) {
    for (who, ms, committed) in [
        (1, 100, 10),
        (1, 200, 20),
        (1, 300, 30),
        (2, 400, 5),
        (2, 500, 6),
    ] {
        poll(store, "dc1", facts(who, ms, committed), keep).await;
    }
    poll(store, "dc2", facts(3, 250, 77), keep).await;
}

fn times(rows: &[HistoryRow]) -> Vec<i64> {
    rows.iter()
        .map(|row| row.sample.collected_at.as_millis())
        .collect()
}

#[tokio::test]
async fn the_sample_at_or_before_a_time_is_of_that_life_only() {
    let (_folder, store) = store().await;
    filled(&store).await;
    let cases = [
        (1, 99, None, None),
        (1, 100, None, Some(100)),
        (1, 299, None, Some(200)),
        (1, 900, None, Some(300)),
        (1, 299, Some(201), None),
        (1, 299, Some(200), Some(200)),
        (2, 399, None, None),
        (7, 999, None, None),
    ];
    for (who, t, not_before, expected) in cases {
        let found = store
            .sample_at_or_before(id(who), at(t), not_before.map(at))
            .await
            .unwrap();
        let found = found.map(|sample| sample.collected_at.as_millis());
        assert_eq!(found, expected, "{who} {t} {not_before:?}");
    }
}

#[tokio::test]
async fn history_goes_across_lives() {
    let (_folder, store) = store().await;
    filled(&store).await;
    let all = store.history(&dc("dc1"), None, None, 9).await.unwrap();
    assert_eq!(times(&all), [500, 400, 300, 200, 100]);
    assert_eq!((all[1].invocation_id, all[2].invocation_id), (id(2), id(1)));
    let some = store
        .history(&dc("dc1"), Some(at(200)), Some(at(400)), 2)
        .await
        .unwrap();
    assert_eq!(times(&some), [400, 300]);
    let near = store.samples_near(&dc("dc1"), at(350), 1).await.unwrap();
    assert_eq!(times(&near), [300, 400]);
    let near = store.samples_near(&dc("dc1"), at(400), 2).await.unwrap();
    assert_eq!(times(&near), [200, 300, 400, 500]);
    let matching = store
        .sample_matching(&dc("dc1"), at(200), at(400))
        .await
        .unwrap();
    assert_eq!(times(&matching), [200, 300, 400]);
    assert!(
        store
            .history(&dc("dc7"), None, None, 9)
            .await
            .unwrap()
            .is_empty()
    );
}

#[tokio::test]
async fn failures_counts_and_size() {
    let (_folder, store) = store().await;
    filled(&store).await;
    for (ms, kind) in [
        (10, FailureKind::Timeout),
        (20, FailureKind::Tls),
        (30, FailureKind::Busy),
    ] {
        let failure = PollFailure {
            kind,
            detail: format!("at {ms}"),
        };
        store
            .record_failure(dc("dc3"), at(ms), failure, 7)
            .await
            .unwrap();
    }
    let failed = store.failures(&dc("dc3"), at(20), 9).await.unwrap();
    let kinds: Vec<_> = failed.iter().map(|failed| failed.failure.kind).collect();
    assert_eq!(kinds, [FailureKind::Busy, FailureKind::Tls]);
    let newest = store.newest_failure(&dc("dc3")).await.unwrap().unwrap();
    assert_eq!(
        (newest.at, newest.took_ms, newest.failure.detail.as_str()),
        (at(30), 7, "at 30")
    );
    let counts = store.sample_counts().await.unwrap();
    let counts: Vec<_> = counts
        .iter()
        .map(|(dc, count)| (dc.as_str(), *count))
        .collect();
    assert_eq!(counts, [("dc1", 5), ("dc2", 1), ("dc3", 0)]);
    assert_eq!(
        store.dcs().await.unwrap(),
        [dc("dc1"), dc("dc2"), dc("dc3")]
    );
    assert!(store.size_bytes().await.unwrap() >= 40_000);
}

#[tokio::test]
async fn every_kind_of_failure_comes_back() {
    let (_folder, store) = store().await;
    for (ms, kind) in (0..).zip(FailureKind::ALL) {
        let failure = PollFailure {
            kind,
            detail: String::new(),
        };
        store
            .record_failure(dc("dc1"), at(ms), failure, 0)
            .await
            .unwrap();
    }
    let failed = store.failures(&dc("dc1"), at(0), 99).await.unwrap();
    let mut kinds: Vec<_> = failed.iter().map(|failed| failed.failure.kind).collect();
    kinds.reverse();
    assert_eq!(kinds, FailureKind::ALL);
}

#[tokio::test]
async fn a_value_no_one_here_wrote_is_named() {
    let (_folder, store) = store().await;
    filled(&store).await;
    sql(
        &store,
        "UPDATE sample SET committed = -5 WHERE collected_at = 200",
    )
    .await;
    let error = store
        .history(&dc("dc1"), None, None, 9)
        .await
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("sample.committed") && error.contains("-5"),
        "{error}"
    );
    sql(
        &store,
        "UPDATE incarnation SET invocation_id = x'0102'  WHERE id = 1",
    )
    .await;
    let error = store
        .incarnations(&dc("dc1"))
        .await
        .unwrap_err()
        .to_string();
    assert!(error.contains("invocation_id: 2 octets"), "{error}");
}
