use std::time::Duration;

use super::feed_harness::*;
use super::harness::*;
use crate::model::{
    AttemptKind, AttemptState, CursorTag, FeedContext, FeedPage, HeldCursor, InvocationId,
    Knowledge, Standing, Step, StepReport, Switch, Vector,
};
use crate::store::{NewAttempt, OpenAttempt, Opened, PageWritten, Placed, Store};

fn held(vectors: &[(u32, Vector)]) -> Knowledge {
    Knowledge::Held {
        since: at(20),
        dc: dc("dc2"),
        invocation_id: id(2),
        start: usn(40),
        held: vectors
            .iter()
            .map(|(n, vector)| (nc(*n), vector.clone()))
            .collect(),
    }
}

fn void() -> Knowledge {
    Knowledge::Void {
        since: at(20),
        dc: dc("dc2"),
        reason: "by hand".to_owned(),
    }
}

fn switch(expected: HeldCursor, knowledge: Knowledge) -> Switch {
    Switch {
        resource: hr(),
        to: dc("dc2"),
        expected,
        new: cursor("dc2", 40),
        knowledge,
        restart: true,
    }
}

fn step(step: Step) -> StepReport {
    StepReport {
        step,
        at: at(21),
        failed: false,
        outcome: "well".to_owned(),
    }
}

async fn attempt(store: &Store, orders: &Switch) -> OpenAttempt {
    let lock = store
        .lock_attempts(&hr(), Duration::ZERO)
        .await
        .unwrap()
        .unwrap();
    let new = NewAttempt {
        kind: AttemptKind::Failover,
        made_at: at(20),
        who: "root".to_owned(),
        channel: "test".to_owned(),
        plan: "{}".to_owned(),
        plan_hash: "h".to_owned(),
        orders: orders.clone(),
    };
    match store.open_attempt(&lock, new).await.unwrap() {
        Opened::New(attempt) => attempt,
        Opened::Unfinished(id) => panic!("{id} is open"),
    }
}

/// Carries out a switch of the feed as it stands; gives the new fence.
async fn moved(store: &Store, knowledge: Knowledge) -> CursorTag {
    moved_to(store, id(1), knowledge).await
}

async fn moved_to(store: &Store, reader: InvocationId, knowledge: Knowledge) -> CursorTag {
    let mut orders = switch(feed_of(store).await.cursor, knowledge);
    orders.new.invocation_id = Some(reader);
    let attempt = attempt(store, &orders).await;
    let placed = store
        .switch_in_store(&attempt, &orders, &step(Step::Write))
        .await;
    let Placed::Written(tag) = placed.unwrap() else {
        panic!("the cursor moved");
    };
    store
        .end_attempt(&attempt, AttemptState::Done, "moved", None, None, at(22))
        .await
        .unwrap();
    tag
}

fn ks(feed: &crate::model::Feed) -> Vec<(Vector, Option<Vector>)> {
    feed.contexts
        .values()
        .map(|FeedContext { told, held, .. }| (told.clone(), held.clone()))
        .collect()
}

fn told_vectors() -> [Vector; 2] {
    let all: Vec<_> = level().into_values().map(|context| context.told).collect();
    [all[0].clone(), all[1].clone()]
}

#[tokio::test]
async fn a_switch_rewrites_s_with_the_cursor_and_fences_the_reader() {
    let (_folder, store, tag) = feed_with(level()).await;
    let told_of = with_journal("CN=a,DC=b", &[stamp(1, 5)]);
    write(
        &store,
        &tag,
        FeedPage {
            events: vec![event(1)],
            ..page_of(&[(1, told_of.clone())])
        },
    )
    .await;
    let s = vector(&[(2, 40)]);
    let next = moved(&store, held(&[(1, s.clone()), (3, s.clone())])).await;
    let feed = feed_of(&store).await;
    assert_eq!(
        (&feed.cursor.cursor, &feed.cursor.tag),
        (&cursor("dc2", 40), &next)
    );
    let [one, two] = told_vectors();
    // K stays; the second context's S is not in the switch.
    assert_eq!(ks(&feed), [(one, Some(s)), (two, None)]);
    let late = store
        .write_feed_page(&hr(), &tag, FeedPage::default(), at(30))
        .await;
    assert_eq!(late.unwrap(), PageWritten::Fenced);
    // J and what was queued stay.
    assert_eq!(all_told(&store, &[1]).await[&guid(1)], told_of);
    assert_eq!(store.feed_backlog(&hr()).await.unwrap().events, 1);
    // And back, by the same path.
    let back = vector(&[(1, 8), (2, 40)]);
    moved(&store, held(&[(1, back.clone()), (2, back.clone())])).await;
    let [one, two] = told_vectors();
    assert_eq!(ks(&feed_of(&store).await), [(one, Some(back)), (two, None)]);
}

/// S of the DC in use ends below K there, though both are said to be level (R5).
#[tokio::test]
async fn nothing_is_pruned_between_a_switch_and_the_first_complete_pass() {
    let (_folder, store, tag) = feed_after_a_pass(level()).await;
    let of_the_second = with_journal("CN=a,DC=b", &[stamp(2, 45)]);
    write(&store, &tag, page_of(&[(1, of_the_second)])).await;
    let [one, two] = told_vectors();
    let s = one.clone().with(id(2), usn(40));
    let switched = held(&[(1, s), (2, two.clone())]);
    let tag = moved_to(&store, id(2), switched).await;
    let everywhere = [(nc(1), vec![one.clone()]), (nc(2), vec![two])];
    let pruned = store.prune_journal(&hr(), everywhere.clone().into()).await;
    assert_eq!(pruned.unwrap(), 0);
    let mut order = commit(60);
    order.cursor.invocation_id = Some(id(2));
    committed(&store, &tag, order).await;
    let pruned = store.prune_journal(&hr(), everywhere.into()).await;
    assert_eq!(pruned.unwrap(), 1);
}

#[tokio::test]
async fn an_unproven_switch_voids_s() {
    let (_folder, store, _) = feed_with(level()).await;
    moved(&store, void()).await;
    let [one, two] = told_vectors();
    let expected = [(one, None), (two, None)];
    assert_eq!(ks(&feed_of(&store).await), expected);
    // What is unknown no later switch makes known.
    moved(&store, held(&[(1, vector(&[(2, 9)]))])).await;
    assert_eq!(ks(&feed_of(&store).await), expected);
}

#[tokio::test]
async fn a_load_under_way_ends_with_the_switch() {
    let (_folder, store, tag) = feed_with(level()).await;
    started(&store, &tag).await;
    moved(&store, held(&[(1, vector(&[(2, 40)]))])).await;
    let feed = feed_of(&store).await;
    let [one, two] = told_vectors();
    assert_eq!(feed.load, None);
    assert_eq!(ks(&feed), [(one, None), (two, None)]);
    let (again, _) = started(&store, &feed.cursor.tag).await;
    assert_eq!(again.pass, 2);
}

#[tokio::test]
async fn a_switch_that_finds_another_cursor_leaves_the_feed_alone() {
    let (_folder, store, _) = feed_with(level()).await;
    let before = feed_of(&store).await;
    let mut orders = switch(before.cursor.clone(), void());
    orders.expected.tag = CursorTag("9".to_owned());
    let attempt = attempt(&store, &orders).await;
    let placed = store
        .switch_in_store(&attempt, &orders, &step(Step::Write))
        .await;
    assert!(matches!(placed.unwrap(), Placed::Moved(Some(_))));
    assert_eq!(feed_of(&store).await, before);
    // An attempt that ends in conflict voids S, and fences whoever knew it.
    store
        .end_attempt(
            &attempt,
            AttemptState::Conflict,
            "",
            None,
            Some(&void()),
            at(22),
        )
        .await
        .unwrap();
    let after = feed_of(&store).await;
    assert_eq!(after.cursor.cursor, before.cursor.cursor);
    assert_ne!(after.cursor.tag, before.cursor.tag);
    assert!(
        after
            .contexts
            .values()
            .all(|context| context.held.is_none())
    );
}

#[tokio::test]
async fn a_declared_pass_says_nothing_of_a_feed_and_void_does() {
    let (_folder, store, _) = feed_with(level()).await;
    let before = feed_of(&store).await;
    let pass = Knowledge::Pass {
        since: at(5),
        by: "ann".to_owned(),
        invocation_id: None,
    };
    store.put_knowledge(&hr(), &pass).await.unwrap();
    assert_eq!(feed_of(&store).await, before);
    store.put_knowledge(&hr(), &void()).await.unwrap();
    let after = feed_of(&store).await;
    assert!(
        after
            .contexts
            .values()
            .all(|context| context.held.is_none())
    );
    assert_ne!(after.cursor.tag, before.cursor.tag);
}

#[tokio::test]
async fn an_import_that_moves_the_cursor_voids_s_and_keeps_what_was_told() {
    let (_folder, store, tag) = feed_with(level()).await;
    let all = page_of(&[(1, told("CN=a,DC=b", Standing::In))]);
    write(&store, &tag, all).await;
    let recovery = store.export_recovery(hr(), &[]).await.unwrap();
    let before = feed_of(&store).await;
    // The document of this very state changes nothing.
    store.import_recovery(recovery.clone(), true).await.unwrap();
    assert_eq!(feed_of(&store).await, before);
    let mut known = recovery.clone();
    known.knowledge = Some(void());
    assert!(store.import_recovery(known, false).await.unwrap().knowledge);
    let voided = feed_of(&store).await;
    assert!(
        voided
            .contexts
            .values()
            .all(|context| context.held.is_none())
    );
    assert_ne!(voided.cursor.tag, before.cursor.tag);

    let (_, tag) = started(&store, &voided.cursor.tag).await;
    let mut other = recovery;
    other.cursor.as_mut().unwrap().cursor = cursor("dc2", 77);
    assert!(store.import_recovery(other, true).await.unwrap().cursor);
    let moved = feed_of(&store).await;
    assert_eq!(
        (&moved.cursor.cursor, &moved.load),
        (&cursor("dc2", 77), &None)
    );
    let [one, two] = told_vectors();
    assert_eq!(ks(&moved), [(one, None), (two, None)]);
    let late = store
        .write_feed_page(&hr(), &tag, FeedPage::default(), at(30))
        .await;
    assert_eq!(late.unwrap(), PageWritten::Fenced);
    assert_eq!(all_told(&store, &[1]).await.len(), 1);
}

#[tokio::test]
async fn a_backup_holds_the_feed() {
    let (folder, store, tag) = feed_with(level()).await;
    write(
        &store,
        &tag,
        FeedPage {
            events: vec![event(1)],
            ..page_of(&[(1, told("CN=a,DC=b", Standing::In))])
        },
    )
    .await;
    let copy = folder.path().join("copy.db");
    store.backup(&copy, false).await.unwrap();
    let copy = Store::open(&copy).await.unwrap();
    // What was delivered since the backup it does not know.
    let restored = crate::model::Feed {
        needs_full_pass: Some(crate::model::FullPassReason::Restored),
        ..feed_of(&store).await
    };
    assert_eq!(feed_of(&copy).await, restored);
    assert_eq!(all_told(&copy, &[1]).await, all_told(&store, &[1]).await);
    assert_eq!(
        copy.feed_queue(&hr(), "file", 9, 999).await.unwrap().len(),
        1
    );
    assert_eq!(copy.knowledge(&hr()).await.unwrap(), None);
}
