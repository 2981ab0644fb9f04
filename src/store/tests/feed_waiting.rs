use std::collections::BTreeMap;

use super::feed_harness::*;
use super::harness::*;
use crate::model::{FeedPage, FullPassReason, Load, Stamp, Standing, Waits};
use crate::store::{LoadOrder, LoadStarted, Store};

fn waits(number: u128, on: &[(u128, i64)]) -> FeedPage {
    let on: Waits = on
        .iter()
        .map(|(origin, at)| (id(*origin), usn(*at)))
        .collect();
    FeedPage {
        waiting: [(guid(number), (nc(1), on))].into(),
        ..FeedPage::default()
    }
}

/// What waits: of which origin, how many, since when.
async fn waiting(store: &Store) -> Vec<(u128, u64, i64)> {
    let found = store.feed_waiting(&hr()).await.unwrap();
    let number = |found: &crate::store::Waiting| {
        (1..9)
            .find(|number| id(*number) == found.invocation_id)
            .unwrap()
    };
    found
        .iter()
        .map(|found| (number(found), found.objects, found.since.as_millis()))
        .collect()
}

#[tokio::test]
async fn an_object_waits_from_the_first_look_until_one_finds_it_otherwise() {
    let (_folder, store, tag) = feed_with(level()).await;
    assert_eq!(waiting(&store).await, []);
    write(&store, &tag, waits(1, &[(2, 60), (3, 7)])).await;
    store
        .write_feed_page(&hr(), &tag, waits(2, &[(2, 61)]), at(50))
        .await
        .unwrap();
    store
        .write_feed_page(&hr(), &tag, waits(1, &[(2, 60), (3, 8)]), at(60))
        .await
        .unwrap();
    let since = at(5).as_millis();
    assert_eq!(waiting(&store).await, [(2, 2, since), (3, 1, since)]);
    write(&store, &tag, waits(1, &[])).await;
    assert_eq!(waiting(&store).await, [(2, 1, at(50).as_millis())]);
}

#[tokio::test]
async fn nothing_waits_for_what_s_has_or_what_was_given_up() {
    let (_folder, store, tag) = feed_with(level()).await;
    write(&store, &tag, waits(1, &[(2, 60)])).await;
    write(&store, &tag, waits(2, &[(2, 61)])).await;
    write(&store, &tag, waits(3, &[(3, 5)])).await;
    let mut order = commit(60);
    let s = vector(&[(1, 100), (2, 60)]);
    order.contexts.insert(nc(1), context(&s, Some(&s)));
    committed(&store, &tag, order).await;
    let since = at(5).as_millis();
    assert_eq!(waiting(&store).await, [(2, 1, since), (3, 1, since)]);
    let known = BTreeMap::from([(nc(1), vector(&[(1, 100)]))]);
    store
        .forget_origin(&hr(), id(3), known)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(waiting(&store).await, [(2, 1, since)]);
}

#[tokio::test]
async fn with_a_lost_dc_goes_what_it_alone_had_of_those_lost_before() {
    let (_folder, store, tag) = feed_with(level()).await;
    let all = [
        (1, with_journal("CN=a,DC=b", &[stamp(2, 40), stamp(1, 3)])),
        (2, with_journal("CN=c,DC=b", &[stamp(2, 20)])),
    ];
    write(&store, &tag, page_of(&all)).await;
    // The DC in use has the second one's changes up to 50; it is lost itself later, and the next has them up to 30.
    let known = |up_to| BTreeMap::from([(nc(1), vector(&[(3, 9), (2, up_to)]))]);
    let hr = hr();
    let lost = |origin, up_to| store.forget_origin(&hr, id(origin), known(up_to));
    assert_eq!(lost(2, 50).await.unwrap().unwrap().count, 0);
    let before = all_told(&store, &[1, 2]).await;
    assert_eq!(
        store
            .count_forgettable(&hr, id(1), known(30))
            .await
            .unwrap(),
        Some(1)
    );
    assert_eq!(lost(1, 30).await.unwrap().unwrap().count, 1);
    let context = &feed_of(&store).await.contexts[&nc(1)];
    assert_eq!(
        (context.told.get(id(2)), context.told.get(id(1))),
        (Some(usn(30)), None)
    );
    let after = all_told(&store, &[1, 2]).await;
    let stamps: Vec<Stamp> = after[&guid(1)].journal.values().copied().collect();
    assert_eq!(stamps, [Stamp::GIVEN_UP, Stamp::GIVEN_UP]);
    assert_eq!(after[&guid(2)], before[&guid(2)]);
    counters_are_right(&store).await;
}

#[tokio::test]
async fn a_load_after_a_restore_forgets_what_was_delivered() {
    let (folder, store, tag) = feed_with(level()).await;
    let all = [
        (1, with_journal("CN=a,DC=b", &[stamp(2, 40)])),
        (2, told("CN=c,DC=b", Standing::Out)),
    ];
    write(&store, &tag, page_of(&all)).await;
    write(&store, &tag, waits(1, &[(2, 60)])).await;
    let copy = folder.path().join("copy.db");
    store.backup(&copy, false).await.unwrap();
    let copy = Store::open(&copy).await.unwrap();
    let feed = feed_of(&copy).await;
    assert_eq!(feed.needs_full_pass, Some(FullPassReason::Restored));
    let order = LoadOrder {
        load: Load {
            replaces: true,
            ..load()
        },
        contexts: level(),
        projection: "people".to_owned(),
        events: vec![event(7)],
    };
    let begun = copy
        .start_load(&hr(), &feed.cursor.tag, order)
        .await
        .unwrap();
    let LoadStarted::Started { tag, .. } = begun else {
        panic!("{begun:?}");
    };
    let kept = all_told(&copy, &[1, 2]).await;
    assert_eq!(kept.keys().copied().collect::<Vec<_>>(), [guid(1)]);
    assert!(kept[&guid(1)].journal.is_empty() && kept[&guid(1)].links.is_empty());
    assert_eq!(waiting(&copy).await, []);
    counters_are_right(&copy).await;
    let begun = feed_of(&copy).await;
    assert!(begun.given_up > feed.given_up);
    assert_eq!(begun.needs_full_pass, Some(FullPassReason::Restored));
    committed(&copy, &tag, commit(500)).await;
    assert_eq!(feed_of(&copy).await.needs_full_pass, None);
}

#[tokio::test]
async fn the_octets_that_wait_are_counted() {
    let (_folder, store, tag) = feed_with(level()).await;
    let octets = |all: &[u128]| -> u64 {
        all.iter()
            .map(|number| event(*number).body.len() as u64)
            .sum()
    };
    write(&store, &tag, events([1, 22])).await;
    write(&store, &tag, events([333])).await;
    let now = store.feed_backlog_octets(&hr()).await.unwrap();
    assert_eq!(now, octets(&[1, 22, 333]));
    let sinks = ["one".to_owned(), "two".to_owned()];
    let taken = |sink: &'static str, up_to| {
        let (store, sinks) = (store.clone(), sinks.clone());
        async move {
            store
                .acknowledge(&hr(), sink, up_to, Vec::new(), &sinks, at(6))
                .await
                .unwrap();
            store.feed_backlog_octets(&hr()).await.unwrap()
        }
    };
    assert_eq!(taken("one", 3).await, octets(&[1, 22, 333]));
    assert_eq!(taken("two", 2).await, octets(&[333]));
    assert_eq!(taken("two", 3).await, 0);
}
