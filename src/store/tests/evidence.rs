use super::harness::*;
use crate::model::NcVectors;

fn one(nc_number: u32, entries: &[(u128, i64)]) -> NcVectors {
    NcVectors::from([(nc(nc_number), vector(entries))])
}

#[tokio::test]
async fn evidence_has_all_contexts_of_one_poll_at_or_below_the_cursor() {
    let (_folder, store) = store().await;
    let both = |value| {
        NcVectors::from([
            (nc(1), vector(&[(2, value)])),
            (nc(2), vector(&[(2, value + 1)])),
        ])
    };
    poll_source(&store, 1_000, 10, both(100)).await;
    poll_source(&store, 2_000, 20, both(200)).await;
    poll_source(&store, 3_000, 30, one(1, &[(2, 300)])).await;
    let find = |ncs: Vec<u32>, read_up_to| {
        let store = store.clone();
        async move {
            let ncs: Vec<_> = ncs.into_iter().map(nc).collect();
            let found = store.source_sample_for(id(1), &ncs, usn(read_up_to)).await;
            found
                .unwrap()
                .map(|found| (found.collected_at.as_millis(), found.vectors))
        }
    };
    // The polls' committed_after are 11, 21 and 31.
    assert_eq!(find(vec![1, 2], 99).await, Some((2_001, both(200))));
    assert_eq!(find(vec![1], 99).await, Some((3_001, one(1, &[(2, 300)]))));
    assert_eq!(find(vec![2], 99).await, Some((2_001, one(2, &[(2, 201)]))));
    assert_eq!(find(vec![1, 2], 20).await, Some((1_001, both(100))));
    assert_eq!(find(vec![1, 2], 11).await, Some((1_001, both(100))));
    assert_eq!(find(vec![1, 2], 10).await, None);
    assert_eq!(find(vec![1, 3], 99).await, None);
    assert_eq!(find(vec![], 99).await, None);
}

#[tokio::test]
async fn vectors_come_back_over_many_polls_and_bases() {
    let (_folder, store) = store().await;
    let entries = |poll: i64| -> Vec<(u128, i64)> {
        // One entry rises each time, one comes and goes; after poll 100 all rise at once.
        let jump = if poll > 100 { 1 << 50 } else { 0 };
        let mut entries: Vec<_> = (1..50).map(|number| (100 + number, 1_000 + jump)).collect();
        entries[usize::try_from(poll % 49).unwrap()].1 += poll;
        if poll % 3 == 0 {
            entries.push((7, 70 + poll));
        }
        entries
    };
    for poll in 0..150 {
        poll_source(&store, poll * 10, poll * 10, one(1, &entries(poll))).await;
    }
    for poll in 0..150 {
        let found = store
            .source_sample_for(id(1), &[nc(1)], usn(poll * 10 + 1))
            .await;
        let found = found.unwrap().unwrap();
        assert_eq!(found.collected_at, at(poll * 10 + 1));
        assert_eq!(found.vectors, one(1, &entries(poll)), "poll {poll}");
    }
    // Whole at 0 and 60 by number, at 101 because too much changed.
    assert_eq!(number(&store, "SELECT count(*) FROM vector_base").await, 3);
    assert_eq!(
        number(&store, "SELECT count(*) FROM source_sample").await,
        150
    );
}

#[tokio::test]
async fn an_unchanged_vector_costs_nothing_and_an_empty_one_is_a_vector() {
    let (_folder, store) = store().await;
    for ms in [1_000, 2_000, 3_000] {
        poll_source(&store, ms, ms, one(1, &[(5, 50), (6, 60)])).await;
        poll_source(&store, ms, ms, one(2, &[])).await;
    }
    let blobs = number(&store, "SELECT sum(length(changes)) FROM source_sample").await;
    assert_eq!(blobs, 0);
    let empty = store
        .newest_source_sample(id(1), &[nc(2)])
        .await
        .unwrap()
        .unwrap();
    assert_eq!(empty.vectors, one(2, &[]));
    // Polled in the same millisecond as the other context's vector, so it moved by one.
    assert_eq!(empty.collected_at, at(3_002));
}

#[tokio::test]
async fn damaged_vectors_are_an_error_and_do_not_stop_new_ones() {
    let (_folder, store) = store().await;
    poll_source(&store, 1_000, 10, one(1, &[(5, 50)])).await;
    poll_source(&store, 2_000, 20, one(1, &[(5, 51)])).await;
    sql(
        &store,
        "UPDATE source_sample SET changes = x'01FF' WHERE collected_at = 2001",
    )
    .await;
    let newest = store.newest_source_sample(id(1), &[nc(1)]).await;
    let error = newest.unwrap_err().to_string();
    assert!(error.contains("1970-01-01T00:00:02.001Z"), "{error}");
    sql(&store, "UPDATE vector_base SET entries = x'FFFF'").await;
    assert!(
        store
            .source_sample_for(id(1), &[nc(1)], usn(11))
            .await
            .is_err()
    );
    poll_source(&store, 3_000, 30, one(1, &[(5, 52)])).await;
    let newest = store
        .newest_source_sample(id(1), &[nc(1)])
        .await
        .unwrap()
        .unwrap();
    assert_eq!(newest.vectors, one(1, &[(5, 52)]));
}
