use std::collections::BTreeMap;

use proptest::prelude::*;

use super::feed_harness::*;
use super::harness::*;
use crate::model::{
    AttributeOid, Dn, FeedContext, FeedPage, Reread, RereadWhy, Stamp, Standing, Told, Usn, Vector,
};
use crate::store::{FeedCommit, FeedCommitted, JournalSize, Store};

fn vectors() -> impl Strategy<Value = Vector> {
    proptest::collection::btree_map(1..4_u128, 1..100_i64, 0..4)
        .prop_map(|entries| entries.into_iter().map(|(o, u)| (id(o), usn(u))).collect())
}

fn contexts() -> impl Strategy<Value = FeedContext> {
    (vectors(), 0..3, vectors()).prop_map(|(told, kind, other)| FeedContext {
        held: match kind {
            0 => None,
            1 => Some(told.clone()),
            _ => Some(other),
        },
        told,
        ..FeedContext::default()
    })
}

fn journals() -> impl Strategy<Value = BTreeMap<AttributeOid, Stamp>> {
    proptest::collection::btree_map(1..30_u32, (1..5_u128, 1..110_i64), 0..6).prop_map(|all| {
        all.into_iter()
            .map(|(number, (origin, at_usn))| (oid(number), stamp(origin, at_usn)))
            .collect()
    })
}

type Candidates = BTreeMap<Dn, Vec<Vector>>;

/// What R6 says may go.
fn may_go(stamp: Stamp, context: Option<&FeedContext>, candidates: Option<&Vec<Vector>>) -> bool {
    let (Some(context), Some(candidates)) = (context, candidates) else {
        return false;
    };
    // Of the DC that is read S ends below K, though a pass there is complete.
    let covers = |a: &Vector, b: &Vector| {
        b.iter()
            .all(|(origin, usn)| origin == id(1) || a.get(origin).is_some_and(|have| have >= usn))
    };
    let knows = |vector: &Vector| vector.get(stamp.origin).unwrap_or(Usn::ZERO) >= stamp.usn;
    context
        .held
        .as_ref()
        .is_some_and(|held| covers(held, &context.told))
        && knows(&context.told)
        && candidates.iter().all(knows)
}

async fn prune(
    contexts: BTreeMap<Dn, FeedContext>,
    journals: Vec<(u32, BTreeMap<AttributeOid, Stamp>)>,
    candidates: Candidates,
) {
    let (_folder, store, tag) = feed_after_a_pass(contexts.clone()).await;
    let mut expected = BTreeMap::new();
    let (mut dropped, mut size) = (0, JournalSize::default());
    let mut all = Vec::new();
    for (number, (context, journal)) in (0..).zip(journals) {
        let before = Told {
            nc: nc(context),
            journal,
            ..told(&format!("CN=o{number},DC=b"), Standing::In)
        };
        let mut after = before.clone();
        after.journal.retain(|_, stamp| {
            !may_go(*stamp, contexts.get(&before.nc), candidates.get(&before.nc))
        });
        dropped += (before.journal.len() - after.journal.len()) as u64;
        size.entries += after.journal.len() as u64;
        size.objects += u64::from(!after.journal.is_empty());
        expected.insert(guid(number), after);
        all.push((number, before));
    }
    write(&store, &tag, page_of(&all)).await;
    counters_are_right(&store).await;
    assert_eq!(
        store
            .prune_journal(&hr(), candidates.clone())
            .await
            .unwrap(),
        dropped
    );
    let numbers: Vec<_> = all.iter().map(|(number, _)| *number).collect();
    assert_eq!(all_told(&store, &numbers).await, expected);
    counters_are_right(&store).await;
    settled_is_what_may_go(&feed_of(&store).await.contexts, &contexts, &candidates);
    let found = store.journal_size(&hr()).await.unwrap();
    assert_eq!((found.objects, found.entries), (size.objects, size.entries));
    assert_eq!(store.prune_journal(&hr(), candidates).await.unwrap(), 0);
}

/// A DC that has all that is settled has every stamp that went, and nothing more is asked of it.
fn settled_is_what_may_go(
    found: &BTreeMap<Dn, FeedContext>,
    before: &BTreeMap<Dn, FeedContext>,
    candidates: &Candidates,
) {
    for (nc, context) in found {
        for (origin, at_usn) in (1..5).flat_map(|origin| (1..110).map(move |usn| (origin, usn))) {
            let stamp = stamp(origin, at_usn);
            let went = may_go(stamp, before.get(nc), candidates.get(nc));
            assert_eq!(stamp.is_within(&context.settled), went, "{nc}: {stamp:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn just_what_no_start_can_need_is_dropped(
        one in contexts(),
        two in contexts(),
        journals in proptest::collection::vec((1..4_u32, journals()), 0..12),
        candidates in proptest::collection::btree_map(1..3_u32, proptest::collection::vec(vectors(), 0..3), 0..3),
    ) {
        let contexts = BTreeMap::from([(nc(1), one), (nc(2), two)]);
        let candidates = candidates.into_iter().map(|(n, all)| (nc(n), all)).collect();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(prune(contexts, journals, candidates));
    }
}

async fn journalled(count: u128) -> (tempfile::TempDir, Store) {
    let (folder, store, tag) = feed_after_a_pass(level()).await;
    let all: Vec<_> = (0..count)
        .map(|n| {
            let at_usn = i64::try_from(n % 200).unwrap() + 1;
            let stamps = [stamp(1, at_usn), stamp(2, 10)];
            (n, with_journal(&format!("CN=o{n},OU=x{n},DC=b"), &stamps))
        })
        .collect();
    write(&store, &tag, page_of(&all)).await;
    (folder, store)
}

#[tokio::test]
async fn pruning_goes_through_all_chunks_and_lets_go_of_unused_names() {
    let (_folder, store) = journalled(2_500).await;
    let candidates = BTreeMap::from([(nc(1), vec![vector(&[(1, 150), (2, 99)])])]);
    // K knows 1 up to 100: half of the first entries, and all of the second.
    let dropped = store
        .prune_journal(&hr(), candidates.clone())
        .await
        .unwrap();
    assert_eq!(dropped, 2_500 + 1_300);
    counters_are_right(&store).await;
    assert_eq!(
        number(&store, "SELECT count(*) FROM feed_container").await,
        2_500
    );
    let tag = feed_of(&store).await.cursor.tag;
    let moved: Vec<_> = (0..2_400)
        .map(|n| (n, told(&format!("CN=o{n},OU=here,DC=b"), Standing::In)))
        .collect();
    write(&store, &tag, page_of(&moved)).await;
    store.prune_journal(&hr(), candidates).await.unwrap();
    assert_eq!(
        number(&store, "SELECT count(*) FROM feed_container").await,
        101
    );
    assert_eq!(
        all_told(&store, &[5]).await[&guid(5)].dn,
        "CN=o5,OU=here,DC=b"
    );
}

#[tokio::test]
async fn of_what_is_to_be_read_again_nothing_goes() {
    let (_folder, store) = journalled(3).await;
    let tag = feed_of(&store).await.cursor.tag;
    let gone = Told {
        journal: BTreeMap::new(),
        ..told("CN=gone,DC=b", Standing::Deleted)
    };
    let partial = Told {
        is_partial: true,
        ..told("CN=partial,DC=b", Standing::In)
    };
    write(&store, &tag, page_of(&[(7, gone), (8, partial)])).await;
    let rereads = [1, 7, 8].map(|number| Reread {
        guid: guid(number),
        nc: nc(1),
        why: RereadWhy::Held,
    });
    let resource = hr();
    let order = store.order_rereads(&resource, rereads.to_vec());
    order.await.unwrap();
    let before = all_told(&store, &[1, 7, 8]).await;
    let everywhere = BTreeMap::from([(nc(1), vec![vector(&[(1, 100), (2, 50)])])]);
    let prune = async || {
        store
            .prune_journal(&hr(), everywhere.clone())
            .await
            .unwrap()
    };
    assert_eq!(prune().await, 4);
    assert_eq!(all_told(&store, &[1, 7, 8]).await, before);
    let page = FeedPage {
        done: rereads.into(),
        ..FeedPage::default()
    };
    write(&store, &tag, page).await;
    assert_eq!(prune().await, 2);
    let after = all_told(&store, &[1, 7, 8]).await;
    assert_eq!(after.keys().collect::<Vec<_>>(), [&guid(1), &guid(8)]);
    assert!(!after[&guid(8)].is_partial);
    counters_are_right(&store).await;
}

#[tokio::test]
async fn what_is_settled_falls_with_a_lost_dc_and_goes_with_a_released_one() {
    let (_folder, store) = journalled(10).await;
    let candidates = BTreeMap::from([(nc(1), vec![vector(&[(1, 90), (2, 50)])])]);
    let settled = async |store: &Store| feed_of(store).await.contexts[&nc(1)].settled.clone();
    store.prune_journal(&hr(), candidates).await.unwrap();
    assert_eq!(settled(&store).await, vector(&[(1, 90), (2, 50)]));
    // A commit says nothing of it.
    let tag = feed_of(&store).await.cursor.tag;
    committed(&store, &tag, commit(60)).await;
    assert_eq!(settled(&store).await, vector(&[(1, 90), (2, 50)]));
    let known = BTreeMap::from([(nc(1), vector(&[(1, 60), (2, 50)]))]);
    store.forget_origin(&hr(), id(1), known).await.unwrap();
    assert_eq!(settled(&store).await, vector(&[(1, 60), (2, 50)]));
    store.release_origin(&hr(), id(2)).await.unwrap();
    assert_eq!(settled(&store).await, vector(&[(1, 60)]));
}

#[tokio::test]
async fn a_lost_dc_lowers_k_and_has_read_again_what_only_it_said() {
    let (_folder, store) = journalled(200).await;
    let before = feed_of(&store).await;
    let known = BTreeMap::from([(nc(1), vector(&[(1, 60), (2, 50)]))]);
    let forgotten = store
        .forget_origin(&hr(), id(1), known)
        .await
        .unwrap()
        .unwrap();
    let feed = feed_of(&store).await;
    assert_eq!(feed.cursor.tag, forgotten.tag);
    assert_ne!(feed.cursor.tag, before.cursor.tag);
    let lowered = vector(&[(1, 60), (2, 50)]);
    assert_eq!(feed.contexts[&nc(1)], context(&lowered, None));
    // No vector of it was read there.
    let nothing = Vector::new();
    assert_eq!(feed.contexts[&nc(2)], context(&nothing, None));
    assert_eq!(feed.cursor.cursor.read_up_to(), Usn::ZERO);
    assert_eq!(forgotten.count, 140);
    let rereads = store.feed_rereads(&hr(), None, 999).await.unwrap();
    assert_eq!(rereads.len(), 140);
    let first = Reread {
        guid: guid(60),
        nc: nc(1),
        why: RereadWhy::Lost,
    };
    assert!(rereads.contains(&first));
    assert!(!rereads.iter().any(|reread| reread.guid == guid(59)));
    assert_eq!(store.journal_size(&hr()).await.unwrap().entries, 400);
    let nobody = "nobody".parse().unwrap();
    assert_eq!(
        store
            .forget_origin(&nobody, id(1), BTreeMap::new())
            .await
            .unwrap(),
        None
    );
}

#[tokio::test]
async fn a_released_dc_is_forgotten_altogether() {
    let (_folder, store) = journalled(1_200).await;
    let tag = feed_of(&store).await.cursor.tag;
    let (_, tag) = started(&store, &tag).await;
    let forgotten = store.release_origin(&hr(), id(1)).await.unwrap().unwrap();
    assert_eq!(forgotten.count, 1_200);
    assert_ne!(forgotten.tag, tag);
    let feed = feed_of(&store).await;
    assert_eq!((feed.cursor.tag, feed.load), (forgotten.tag, None));
    assert_eq!(feed.contexts[&nc(1)], context(&vector(&[(2, 50)]), None));
    assert_eq!(feed.contexts[&nc(2)], context(&Vector::new(), None));
    let left = all_told(&store, &[7]).await;
    let stamps: Vec<_> = left[&guid(7)].journal.values().copied().collect();
    assert_eq!(stamps, [stamp(2, 10)]);
    counters_are_right(&store).await;
}

#[tokio::test]
async fn no_vector_of_a_partner_has_k_cover_a_released_dc_again() {
    let (_folder, store) = journalled(10).await;
    poll(&store, "dc1", facts(1, 1, 10), keep).await;
    store
        .quarantine(&dc("dc1"), "it went back", at(2))
        .await
        .unwrap();
    let released = store.release(&dc("dc1"), "ada", "it is known", at(3)).await;
    assert_eq!(released.unwrap().len(), 1);
    store.release_origin(&hr(), id(1)).await.unwrap().unwrap();
    let feed = feed_of(&store).await;
    let (all, others) = (vector(&[(1, 90), (2, 60)]), vector(&[(2, 60)]));
    let commit = FeedCommit {
        cursor: feed.cursor.cursor,
        dc: None,
        contexts: [(nc(1), context(&all, Some(&all)))].into(),
        events: Vec::new(),
        load: None,
        at: at(4),
    };
    let committed = store.commit_feed(&hr(), &feed.cursor.tag, commit).await;
    assert!(
        matches!(committed, Ok(FeedCommitted::Written(_))),
        "{committed:?}"
    );
    let feed = feed_of(&store).await;
    assert_eq!(feed.contexts[&nc(1)], context(&others, Some(&all)));
}
