use super::harness::*;
use crate::model::{Accepted, DcFacts, DcName, FailureKind, NcVectors, PollContext, PollFailure};

#[tokio::test]
async fn a_poll_leaves_incarnation_and_sample() {
    let (_folder, store) = store().await;
    poll(&store, "dc1", facts(1, 1_000, 50), keep).await;
    poll(&store, "dc1", facts(1, 2_000, 60), keep).await;
    let lives = store.incarnations(&dc("dc1")).await.unwrap();
    assert_eq!(lives.len(), 1);
    assert_eq!(
        (lives[0].first_seen, lives[0].last_seen),
        (at(1_000), at(2_000))
    );
    assert_eq!(
        (lives[0].invocation_id, lives[0].site.as_str()),
        (id(1), "Home")
    );
    let newest = store.newest_sample(id(1)).await.unwrap().unwrap();
    assert_eq!(newest, sample_of(&facts(1, 2_000, 60)));
    assert_eq!(store.sample_counts().await.unwrap()[&dc("dc1")], 2);
}

#[tokio::test]
async fn a_new_invocation_id_opens_a_new_life() {
    let (_folder, store) = store().await;
    poll(&store, "dc1", facts(1, 1_000, 50), keep).await;
    let accepted = poll(&store, "dc1", facts(2, 2_000, 10), keep).await;
    assert!(matches!(accepted, Accepted::Kept { restored: true, .. }));
    let lives = store.incarnations(&dc("dc1")).await.unwrap();
    let ids: Vec<_> = lives.iter().map(|life| life.invocation_id).collect();
    assert_eq!(ids, [id(1), id(2)]);
}

#[tokio::test]
async fn the_decision_sees_the_owner_and_a_refusal_is_a_failure() {
    let (_folder, store) = store().await;
    poll(&store, "dc1", facts(1, 1_000, 50), keep).await;
    poll(&store, "dc2", facts(1, 2_000, 51), refuse).await;
    let failed = store.newest_failure(&dc("dc2")).await.unwrap().unwrap();
    assert_eq!(failed.failure.kind, FailureKind::WrongDc);
    assert_eq!(failed.failure.detail, "owner Some(\"dc1\")");
    assert_eq!(
        store.newest_sample(id(1)).await.unwrap().unwrap().committed,
        usn(50)
    );
    // Kept all the same, the incarnation goes over to the new name.
    poll(&store, "dc2", facts(1, 3_000, 52), keep).await;
    assert!(store.incarnations(&dc("dc1")).await.unwrap().is_empty());
    assert_eq!(
        store
            .history(&dc("dc2"), None, None, 9)
            .await
            .unwrap()
            .len(),
        2
    );
}

#[tokio::test]
async fn two_polls_in_one_millisecond_are_both_kept_unless_equal() {
    let (_folder, store) = store().await;
    poll(&store, "dc1", facts(1, 1_000, 50), keep).await;
    poll(&store, "dc1", facts(1, 1_000, 50), keep).await;
    assert_eq!(store.sample_counts().await.unwrap()[&dc("dc1")], 1);
    let moved = poll(&store, "dc1", facts(1, 1_000, 51), keep).await;
    let Accepted::Kept { sample, .. } = moved else {
        panic!("kept");
    };
    assert_eq!(sample.collected_at, at(1_001));
    let history = store.history(&dc("dc1"), None, None, 9).await.unwrap();
    let committed: Vec<_> = history
        .iter()
        .map(|row| row.sample.committed.get())
        .collect();
    assert_eq!(committed, [51, 50]);
    let failure = |kind| PollFailure {
        kind,
        detail: "x".to_owned(),
    };
    for kind in [FailureKind::Timeout, FailureKind::Busy] {
        store
            .record_failure(dc("dc1"), at(5), failure(kind), 1)
            .await
            .unwrap();
    }
    assert_eq!(store.failures(&dc("dc1"), at(0), 9).await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_rollback_quarantines_and_the_first_reason_stays() {
    let (_folder, store) = store().await;
    for (ms, committed) in [(1_000, 50), (2_000, 40), (3_000, 30)] {
        poll(&store, "dc1", facts(1, ms, committed), judge).await;
    }
    let held = store.quarantined().await.unwrap();
    assert_eq!(held.len(), 1);
    let quarantine = held[0].1.quarantine.clone().unwrap();
    assert_eq!(
        (quarantine.since, quarantine.reason.as_str()),
        (at(2_000), "fell to 40")
    );
    let again = store
        .quarantine(&dc("dc1"), "by hand", at(4_000))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(again.quarantine, Some(quarantine));
    let released = store
        .release(&dc("dc1"), "ann", "demoted", at(5_000))
        .await
        .unwrap();
    assert_eq!(released.len(), 1);
    assert!(store.quarantined().await.unwrap().is_empty());
    let life = store.incarnations(&dc("dc1")).await.unwrap().remove(0);
    assert_eq!((life.quarantine, life.released_at), (None, Some(at(5_000))));
    let by_hand = store
        .quarantine(&dc("dc1"), "by hand", at(6_000))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(by_hand.quarantine.unwrap().reason, "by hand");
    assert!(
        store
            .quarantine(&dc("dc9"), "x", at(1))
            .await
            .unwrap()
            .is_none()
    );
}

#[tokio::test]
async fn quarantine_by_hand_takes_the_newest_life_only() {
    let (_folder, store) = store().await;
    poll(&store, "dc1", facts(1, 1_000, 50), keep).await;
    poll(&store, "dc1", facts(2, 2_000, 10), keep).await;
    store
        .quarantine(&dc("dc1"), "why", at(3_000))
        .await
        .unwrap();
    let held = store.quarantined().await.unwrap();
    assert_eq!(
        held.iter()
            .map(|(_, life)| life.invocation_id)
            .collect::<Vec<_>>(),
        [id(2)]
    );
}

#[tokio::test]
async fn a_partners_vector_is_evidence_and_only_rises() {
    let (_folder, store) = store().await;
    let partner = |ms: i64, shown: [(u128, i64); 2]| DcFacts {
        vectors: NcVectors::from([
            (nc(1), vector(&[shown[0]])),
            (nc(2), vector(&[shown[1], (9, 500)])),
        ]),
        ..facts(9, ms, 900)
    };
    poll(&store, "dc9", partner(1_000, [(1, 70), (1, 80)]), keep).await;
    poll(&store, "dc8", partner(2_000, [(1, 60), (1, 75)]), keep).await;
    let known = |number: u128| {
        let store = store.clone();
        async move {
            let known = store.read(move |tx| crate::store::polls::known(tx, id(number)));
            known.await.unwrap()
        }
    };
    let shown = known(1).await.unwrap();
    assert_eq!(
        (shown.usn, shown.partner, shown.read_at),
        (usn(80), dc("dc9"), at(1_001))
    );
    assert!(known(9).await.is_none(), "its own entry is no evidence");
    poll(&store, "dc1", facts(1, 3_000, 79), judge).await;
    let held = store.quarantined().await.unwrap();
    assert_eq!(
        held[0].1.quarantine.clone().unwrap().reason,
        "dc9 has seen 80"
    );
}

#[tokio::test]
async fn vectors_are_kept_only_where_asked_for() {
    let (_folder, store) = store().await;
    let with = |ms| DcFacts {
        vectors: NcVectors::from([(nc(1), vector(&[(2, 5)]))]),
        ..facts(1, ms, 50)
    };
    store
        .record_poll(dc("dc1"), with(1_000), false, keep)
        .await
        .unwrap();
    let half = DcFacts {
        committed_after: None,
        ..with(2_000)
    };
    store
        .record_poll(dc("dc1"), half, true, keep)
        .await
        .unwrap();
    assert!(
        store
            .newest_source_sample(id(1), &[nc(1)])
            .await
            .unwrap()
            .is_none()
    );
    store
        .record_poll(dc("dc1"), with(3_000), true, keep)
        .await
        .unwrap();
    let newest = store
        .newest_source_sample(id(1), &[nc(1)])
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (newest.collected_at, newest.committed_after),
        (at(3_001), usn(51))
    );
}

fn broken(_: &DcName, _: &DcFacts, _: &PollContext) -> Accepted {
    panic!("a defect in the decision")
}

#[tokio::test]
async fn a_panicking_write_keeps_nothing_and_harms_no_other() {
    let (_folder, store) = store().await;
    poll(&store, "dc1", facts(1, 1_000, 50), keep).await;
    let lost = store
        .record_poll(dc("dc2"), facts(2, 2_000, 60), true, broken)
        .await;
    assert!(matches!(lost, Err(crate::store::StoreError::Closed)));
    poll(&store, "dc1", facts(1, 3_000, 70), keep).await;
    assert_eq!(store.dcs().await.unwrap(), [dc("dc1")]);
    assert_eq!(store.sample_counts().await.unwrap()[&dc("dc1")], 2);
}

#[tokio::test]
async fn a_quarantined_source_gives_no_more_evidence_and_no_time() {
    let (_folder, store) = store().await;
    let with_vector = |ms, committed, seen| DcFacts {
        vectors: NcVectors::from([(nc(1), vector(&[(2, seen)]))]),
        ..facts(1, ms, committed)
    };
    poll(&store, "dc1", with_vector(900, 880, 9), judge).await;
    poll(&store, "dc1", with_vector(1_000, 900, 10), judge).await;
    // The newest vector is complete at 951, which the cursor has not reached and never will in this sense.
    poll(&store, "dc1", with_vector(1_500, 950, 15), judge).await;
    see_cursor(&store, Some(id(1)), 940).await;
    // Put back to 500, it counts up again below a cursor at 1000 that has passed all this.
    poll(&store, "dc1", with_vector(2_000, 500, 20), judge).await;
    poll(&store, "dc1", with_vector(3_000, 960, 30), judge).await;
    let found = store.source_sample_for(id(1), &[nc(1)], usn(1_000)).await;
    assert_eq!(found.unwrap().unwrap().vectors[&nc(1)], vector(&[(2, 10)]));
    let since = store.quarantined().await.unwrap()[0]
        .1
        .quarantine
        .clone()
        .unwrap()
        .since;
    let read_by = async |before| {
        let newest = store.newest_sample_up_to(id(1), usn(1_000), before).await;
        newest.unwrap().map(|sample| sample.collected_at)
    };
    assert_eq!(read_by(Some(since)).await, Some(at(1_500)));
    assert_eq!(
        number(&store, "SELECT count(*) FROM source_sample").await,
        2
    );
    assert_eq!(read_by(None).await, Some(at(3_000)));
    // Once released, vectors are kept again.
    let released = store.release(&dc("dc1"), "me", "sound", at(3_500)).await;
    assert_eq!(released.unwrap().len(), 1);
    poll(&store, "dc1", with_vector(4_000, 970, 40), keep).await;
    let found = store.source_sample_for(id(1), &[nc(1)], usn(1_000)).await;
    assert_eq!(found.unwrap().unwrap().vectors[&nc(1)], vector(&[(2, 40)]));
}
