use proptest::prelude::*;
use rusqlite::{Connection, Transaction};

use super::harness::*;
use crate::model::{Dn, FailureKind, NcVectors, PollFailure, SourceSample};
use crate::store::{CursorNeed, Pruned, prune, vectors};

fn with(nc_number: u32, value: i64) -> NcVectors {
    NcVectors::from([(nc(nc_number), vector(&[(2, value)]))])
}

#[tokio::test]
async fn old_samples_go_and_the_newest_of_each_life_stays() {
    let (_folder, store) = store().await;
    for ms in 1..=6_000 {
        sql_sample(&store, ms).await;
    }
    poll(&store, "dc1", facts(1, 6_001, 9_000), keep).await;
    poll(&store, "dc1", facts(2, 10, 5), keep).await;
    let failure = PollFailure {
        kind: FailureKind::Timeout,
        detail: String::new(),
    };
    for ms in [5, 5_999] {
        store
            .record_failure(dc("dc1"), at(ms), failure.clone(), 1)
            .await
            .unwrap();
    }
    let before = store.sample_counts().await.unwrap()[&dc("dc1")];
    let pruned = store.prune(at(5_900), Vec::new()).await.unwrap();
    let expected = Pruned {
        samples: 5_899,
        source_samples: 0,
        failures: 1,
    };
    assert_eq!((before, pruned), (6_002, expected));
    assert_eq!(store.sample_counts().await.unwrap()[&dc("dc1")], 103);
    assert_eq!(number(&store, "SELECT count(*) FROM sample").await, 103);
    let pruned = store.prune(at(i64::MAX), Vec::new()).await.unwrap();
    assert_eq!((pruned.samples, pruned.failures), (101, 1));
    for who in [1, 2] {
        assert!(store.newest_sample(id(who)).await.unwrap().is_some());
    }
    assert_eq!(
        store.prune(at(i64::MAX), Vec::new()).await.unwrap(),
        Pruned::default()
    );
}

/// A sample row of the first incarnation, without the cost of a synced poll each.
async fn sql_sample(store: &crate::store::Store, ms: i64) {
    if ms == 1 {
        poll(store, "dc1", facts(1, 1, 1), keep).await;
        sql(
            store,
            "INSERT INTO sample WITH RECURSIVE t(ms) AS (SELECT 2 UNION ALL SELECT ms + 1 FROM t WHERE ms < 6000) \
             SELECT 1, ms, ms, 1, NULL FROM t",
        )
        .await;
        sql(store, "UPDATE incarnation SET samples = 6000").await;
    }
}

#[tokio::test]
async fn evidence_of_every_kind_of_cursor_stays() {
    let (_folder, store) = store().await;
    for poll in 1..=70 {
        poll_source(&store, poll * 100, poll * 10, with(1, poll)).await;
    }
    see_cursor(&store, Some(id(1)), 255).await;
    let undo = CursorNeed {
        invocation_id: id(1),
        read_up_to: usn(105),
    };
    sql(
        &store,
        "INSERT INTO cursor SELECT 'other', 1, 'h', NULL, invocation_id, 405, 999, 1 FROM incarnation",
    )
    .await;
    let pruned = store.prune(at(i64::MAX), vec![undo]).await.unwrap();
    assert_eq!((pruned.source_samples, pruned.samples), (67, 69));
    for (read_up_to, value) in [(255, 25), (105, 10), (405, 40)] {
        let found = store
            .source_sample_for(id(1), &[nc(1)], usn(read_up_to))
            .await;
        assert_eq!(found.unwrap().unwrap().vectors, with(1, value));
    }
    // All three hang on the first whole vector, the second is free.
    assert_eq!(number(&store, "SELECT count(*) FROM vector_base").await, 1);
    // A cursor that does not say its incarnation may count on any of its DC.
    see_cursor(&store, None, 105).await;
    sql(&store, "DELETE FROM cursor").await;
    assert_eq!(
        store
            .prune(at(i64::MAX), Vec::new())
            .await
            .unwrap()
            .source_samples,
        2
    );
    sql(&store, "DELETE FROM cursor_seen").await;
    assert_eq!(
        store
            .prune(at(i64::MAX), Vec::new())
            .await
            .unwrap()
            .source_samples,
        1
    );
    assert_eq!(number(&store, "SELECT count(*) FROM vector_base").await, 0);
}

#[tokio::test]
async fn pages_are_given_back_where_most_are_free() {
    let (folder, store) = store().await;
    poll(&store, "dc1", facts(1, 1, 1), keep).await;
    sql(
        &store,
        "INSERT INTO sample WITH RECURSIVE t(ms) AS (SELECT 2 UNION ALL SELECT ms + 1 FROM t WHERE ms < 400000) \
         SELECT 1, ms, ms, 1, NULL FROM t",
    )
    .await;
    let full = store.size_bytes().await.unwrap();
    store.prune(at(390_000), Vec::new()).await.unwrap();
    let small = store.size_bytes().await.unwrap();
    assert!(small * 2 < full, "{full} to {small}");
    assert_eq!(
        std::fs::metadata(folder.path().join("store.db"))
            .unwrap()
            .len(),
        small
    );
    assert_eq!(number(&store, "SELECT count(*) FROM sample").await, 10_001);
}

/// Polls as (which of three NCs had a vector, how far the USN rose).
fn polls() -> impl Strategy<Value = Vec<(u8, i64)>> {
    proptest::collection::vec((1..8_u8, 0..4_i64), 1..40)
}

fn fill(tx: &Transaction<'_>, polls: &[(u8, i64)]) {
    let mut committed = 0;
    for (ms, (ncs, rise)) in (1..).zip(polls) {
        committed += rise;
        let read = (0..3).filter(|number| ncs & (1 << number) != 0);
        let vectors = read
            .map(|number| (nc(number), vector(&[(2, ms)])))
            .collect();
        vectors::insert(tx, 1, at(ms), usn(committed), &vectors).unwrap();
    }
}

/// The evidence for every set of NCs.
fn all_evidence(tx: &Transaction<'_>, read_up_to: i64) -> Vec<Option<SourceSample>> {
    let found = (1..8_u8).map(|ncs| {
        let wanted: Vec<Dn> = (0..3)
            .filter(|number| ncs & (1 << number) != 0)
            .map(nc)
            .collect();
        vectors::find(tx, id(1), &wanted, usn(read_up_to)).unwrap()
    });
    found.collect()
}

fn with_incarnation(connection: &mut Connection) -> Transaction<'_> {
    connection
        .execute_batch("INSERT INTO dc VALUES (1, 'dc1')")
        .unwrap();
    connection
        .execute(
            "INSERT INTO incarnation (id, dc_id, invocation_id, server_name, ds_service_name, site, \
             is_global_catalog, is_read_only, first_seen, last_seen) VALUES (1, 1, ?1, 'a', 'b', 'c', 0, 0, 1, 1)",
            [id(1).to_octets()],
        )
        .unwrap();
    connection.transaction().unwrap()
}

proptest! {
    #[test]
    fn pruning_never_takes_evidence(
        polls in polls(),
        seen in 0..80_i64,
        undo in 0..80_i64,
        older_than in 0..45_i64,
    ) {
        let mut connection = in_memory();
        let tx = with_incarnation(&mut connection);
        fill(&tx, &polls);
        tx.execute(
            "INSERT INTO cursor_seen VALUES ('hr', 'dc1', ?1, ?2, 1)",
            rusqlite::params![id(1).to_octets(), seen],
        ).unwrap();
        let also = [CursorNeed { invocation_id: id(1), read_up_to: usn(undo) }];
        let before = [seen, undo].map(|cursor| all_evidence(&tx, cursor));
        let mut chunks = 0;
        while prune::source_samples(&tx, 1, at(older_than), &also).unwrap() > 0 {
            chunks += 1;
            prop_assert!(chunks < 3, "a second chunk finds nothing in so few rows");
        }
        prop_assert_eq!(&before, &[seen, undo].map(|cursor| all_evidence(&tx, cursor)));
        // And what stays is either young or the evidence of some set of NCs.
        let needed: Vec<i64> = before.iter().flatten().flatten().map(|found| found.collected_at.as_millis()).collect();
        let mut query = tx.prepare("SELECT DISTINCT collected_at FROM source_sample").unwrap();
        let left: Vec<i64> = query.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
        prop_assert!(left.iter().all(|at| *at >= older_than || needed.contains(at)), "{:?} {:?}", left, needed);
        let stray = "SELECT count(*) FROM vector_base WHERE id NOT IN (SELECT base_id FROM source_sample)";
        prop_assert_eq!(tx.query_row(stray, [], |row| row.get::<_, i64>(0)).unwrap(), 0);
    }
}
