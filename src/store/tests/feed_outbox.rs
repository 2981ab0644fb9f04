use std::collections::BTreeMap;

use super::feed_harness::*;
use super::harness::*;
use crate::model::{FeedPage, Outgoing, Reread, RereadWhy, Standing};
use crate::store::{Replay, Store, StoreError, Undeliverable};

async fn seqs(store: &Store, sink: &str) -> Vec<i64> {
    let queued = store.feed_queue(&hr(), sink, 100, 1 << 20).await.unwrap();
    queued.iter().map(|queued| queued.seq).collect()
}

async fn acknowledge(store: &Store, sink: &str, up_to: i64, refused: &[i64]) {
    let refused = refused.iter().map(|seq| Undeliverable {
        seq: *seq,
        why: format!("not {seq}"),
        status: Some(422),
    });
    let sinks = ["file".to_owned(), "hook".to_owned()];
    store
        .acknowledge(&hr(), sink, up_to, refused.collect(), &sinks, at(9))
        .await
        .unwrap();
}

#[tokio::test]
async fn two_sinks_go_at_their_own_pace_and_both_must_have_an_event() {
    let (_folder, store, tag) = feed_with(level()).await;
    assert_eq!(write(&store, &tag, events(1..=3)).await, 3);
    assert_eq!(write(&store, &tag, events(4..=5)).await, 5);
    let queued = store.feed_queue(&hr(), "file", 2, 1 << 20).await.unwrap();
    let expected: Vec<_> = (1..=2).map(event).collect();
    assert_eq!(
        queued
            .into_iter()
            .map(|queued| queued.event)
            .collect::<Vec<_>>(),
        expected
    );
    acknowledge(&store, "file", 4, &[]).await;
    assert_eq!(seqs(&store, "file").await, [5]);
    assert_eq!(seqs(&store, "hook").await, [1, 2, 3, 4, 5]);
    acknowledge(&store, "hook", 2, &[]).await;
    assert_eq!(seqs(&store, "hook").await, [3, 4, 5]);
    let backlog = store.feed_backlog(&hr()).await.unwrap();
    assert_eq!((backlog.events, backlog.oldest), (3, Some(at(5))));
    let by_sink = [("file".to_owned(), 1), ("hook".to_owned(), 3)];
    assert_eq!(backlog.by_sink, BTreeMap::from(by_sink));
    // Said late, or again: nothing goes back.
    acknowledge(&store, "file", 1, &[]).await;
    assert_eq!(seqs(&store, "file").await, [5]);
    // A sink that is new begins at the oldest still queued.
    assert_eq!(seqs(&store, "new").await, [3, 4, 5]);
    acknowledge(&store, "hook", 5, &[]).await;
    acknowledge(&store, "file", 5, &[]).await;
    assert_eq!(store.feed_backlog(&hr()).await.unwrap().events, 0);
    // Places are not used again when the outbox was empty.
    assert_eq!(write(&store, &tag, events([6])).await, 6);
    assert_eq!(seqs(&store, "file").await, [6]);
}

#[tokio::test]
async fn a_sink_that_left_the_configuration_holds_nothing_back() {
    let (_folder, store, tag) = feed_with(level()).await;
    write(&store, &tag, events(1..=3)).await;
    acknowledge(&store, "hook", 1, &[]).await;
    let only = ["file".to_owned()];
    store
        .acknowledge(&hr(), "file", 3, Vec::new(), &only, at(9))
        .await
        .unwrap();
    assert_eq!(store.feed_backlog(&hr()).await.unwrap().events, 0);
}

#[tokio::test]
async fn a_batch_is_bounded_in_octets_but_never_empty() {
    let (_folder, store, tag) = feed_with(level()).await;
    let big = |number: u128| Outgoing {
        id: format!("big-{number}"),
        guid: None,
        body: "x".repeat(1_000),
    };
    let page = FeedPage {
        events: (1..=5).map(big).collect(),
        ..FeedPage::default()
    };
    write(&store, &tag, page).await;
    for (limit, expected) in [(0, 1), (999, 1), (2_000, 2), (2_999, 2), (100_000, 5)] {
        let queued = store.feed_queue(&hr(), "file", 9, limit).await.unwrap();
        assert_eq!(queued.len(), expected, "{limit}");
        assert_eq!(queued[0].event, big(1));
    }
}

#[tokio::test]
async fn what_was_never_queued_cannot_be_acknowledged() {
    let (_folder, store, tag) = feed_with(level()).await;
    write(&store, &tag, events(1..=2)).await;
    let sinks = ["file".to_owned()];
    let beyond = store
        .acknowledge(&hr(), "file", 3, Vec::new(), &sinks, at(9))
        .await;
    assert!(matches!(beyond, Err(StoreError::Other(text)) if text.contains("the last one is 2")));
    assert_eq!(seqs(&store, "file").await, [1, 2]);
}

#[tokio::test]
async fn a_refused_event_becomes_a_letter_once() {
    let (_folder, store, tag) = feed_with(level()).await;
    write(&store, &tag, events(1..=3)).await;
    acknowledge(&store, "hook", 2, &[2]).await;
    acknowledge(&store, "hook", 2, &[2]).await;
    acknowledge(&store, "file", 3, &[1]).await;
    let letters = store.dead_letters(&hr(), 0, 9).await.unwrap();
    assert_eq!(store.count_dead_letters(&hr()).await.unwrap(), 2);
    let first = &letters[0];
    assert_eq!(
        (first.sink.as_str(), first.queued.seq, first.at),
        ("hook", 2, at(9))
    );
    assert_eq!((first.why.as_str(), first.status), ("not 2", Some(422)));
    assert_eq!(first.queued.event, event(2));
    assert_eq!(letters[1].sink, "file");
    let later = store.dead_letters(&hr(), first.id, 9).await.unwrap();
    assert_eq!(later, letters[1..]);
    assert!(store.drop_dead_letter(first.id).await.unwrap());
    assert!(!store.drop_dead_letter(first.id).await.unwrap());
    assert_eq!(store.dead_letters(&hr(), 0, 9).await.unwrap(), letters[1..]);
}

#[tokio::test]
async fn a_replayed_letter_has_its_object_read_again() {
    let (_folder, store, tag) = feed_with(level()).await;
    let page = FeedPage {
        events: vec![
            event(1),
            event(2),
            Outgoing {
                guid: None,
                ..event(3)
            },
        ],
        ..page_of(&[(1, told("CN=a,DC=b", Standing::In))])
    };
    write(&store, &tag, page).await;
    acknowledge(&store, "hook", 3, &[1, 2, 3]).await;
    let ids: Vec<_> = store
        .dead_letters(&hr(), 0, 9)
        .await
        .unwrap()
        .iter()
        .map(|l| l.id)
        .collect();
    let reread = Reread {
        guid: guid(1),
        nc: nc(1),
        why: RereadWhy::Whole,
    };
    let replayed = store.replay_dead_letter(ids[0]).await.unwrap();
    assert_eq!(replayed, Replay::Queued(reread.clone()));
    assert_eq!(
        store.replay_dead_letter(ids[0]).await.unwrap(),
        Replay::Missing
    );
    // Object 2 was never remembered, and the third is a heartbeat.
    assert_eq!(
        store.replay_dead_letter(ids[1]).await.unwrap(),
        Replay::NoObject
    );
    assert_eq!(
        store.replay_dead_letter(ids[2]).await.unwrap(),
        Replay::NoObject
    );
    assert_eq!(store.feed_rereads(&hr(), None, 9).await.unwrap(), [reread]);
    assert_eq!(store.count_dead_letters(&hr()).await.unwrap(), 2);
    // The number of a letter that is gone is not given to another.
    for id in &ids[1..] {
        assert!(store.drop_dead_letter(*id).await.unwrap());
    }
    write(&store, &tag, events([4])).await;
    acknowledge(&store, "hook", 4, &[4]).await;
    let fresh = store.dead_letters(&hr(), 0, 9).await.unwrap();
    assert!(fresh[0].id > ids[2]);
}
