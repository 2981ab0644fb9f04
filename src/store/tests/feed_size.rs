use rusqlite::Connection;

use super::feed_harness::*;
use super::harness::*;
use crate::clock::Stopwatch;
use crate::model::{FeedPage, FullPassReason, Outgoing, Standing};
use crate::store::Store;
use crate::store::open::known_schema;

/// A store as the first version made it, with data.
fn first_version(path: &std::path::Path) {
    let old = Connection::open(path).unwrap();
    old.pragma_update(None, "auto_vacuum", "INCREMENTAL")
        .unwrap();
    old.execute_batch(include_str!("../../../schema/0001_initial.sql"))
        .unwrap();
    old.pragma_update(None, "application_id", 0x4857_5452)
        .unwrap();
    old.pragma_update(None, "user_version", 1).unwrap();
    old.execute_batch(
        "INSERT INTO dc VALUES (1, 'dc1'); \
         INSERT INTO incarnation VALUES (1, 1, zeroblob(16), 'DC1', 'CN=DC1,DC=b', 'Home', 1, 0, 5, 9, NULL, NULL, \
         NULL, NULL, NULL, 1); \
         INSERT INTO sample VALUES (1, 9, 77, 20, NULL); \
         INSERT INTO naming_context VALUES (4, 'DC=nc1,DC=example,DC=com', 'dc=nc1,dc=example,dc=com'); \
         INSERT INTO cursor VALUES ('hr', 6, 'dc1', NULL, zeroblob(16), 70, 71, 9); \
         INSERT INTO sync_switch VALUES ('hr', 1, 9, 'ann');",
    )
    .unwrap();
}

#[tokio::test]
async fn a_store_of_the_first_version_is_brought_up_with_all_it_holds() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    first_version(&path);
    let store = Store::open(&path).await.unwrap();
    assert_eq!(number(&store, "PRAGMA user_version").await, known_schema());
    assert_eq!(known_schema(), 4);
    let history = store.history(&dc("dc1"), None, None, 9).await.unwrap();
    assert_eq!(history.len(), 1);
    let held = store.store_cursor(&hr()).await.unwrap().unwrap();
    assert_eq!(
        (held.tag.0.as_str(), held.cursor.last_updated),
        ("6", usn(70))
    );
    assert_eq!(store.feed(&hr()).await.unwrap(), None);
    let feed = store
        .create_feed(&hr(), &cursor("dc9", 1), level(), "p", at(10))
        .await
        .unwrap();
    assert_eq!((&feed.cursor, feed.is_stopped), (&held, true));
    drop(store);
    let again = Store::open(&path).await.unwrap();
    assert_eq!(feed_of(&again).await, feed);
}

/// A feed of the rules before, that was moved, and one that never was.
#[tokio::test]
async fn a_feed_that_was_moved_by_the_rules_of_before_asks_for_a_full_pass() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    first_version(&path);
    let old = Connection::open(&path).unwrap();
    old.execute_batch(include_str!("../../../schema/0002_feed.sql"))
        .unwrap();
    old.execute_batch(include_str!("../../../schema/0003_on_error.sql"))
        .unwrap();
    old.pragma_update(None, "user_version", 3).unwrap();
    old.execute_batch(
        "INSERT INTO cursor VALUES ('it', 1, 'dc1', NULL, zeroblob(16), 7, 7, 9); \
         INSERT INTO feed (id, resource, projection, last_seq, created_at, objects_in, journal_objects, journal_entries, \
         journal_octets) VALUES (1, 'hr', 'p', 2, 9, 1, 1, 1, 5), (2, 'it', 'p', 0, 9, 0, 0, 0, 0); \
         INSERT INTO feed_switch VALUES (1, 4, x'', 5, 9); \
         INSERT INTO feed_attribute VALUES (1, '1.2.3'); INSERT INTO feed_origin VALUES (1, zeroblob(16)); \
         INSERT INTO feed_object (feed_id, guid, nc_id, rdn, standing, pass, entries, journal, earlier, is_partial, life, \
         links) VALUES (1, zeroblob(16), 4, 'CN=a', 0, 0, 1, x'0103020108', x'0501030201', 0, 0, x''); \
         INSERT INTO feed_outbox VALUES (1, 1, 'e', NULL, 9, 'abc'), (1, 2, 'f', NULL, 9, 'de');",
    )
    .unwrap();
    drop(old);
    let store = Store::open(&path).await.unwrap();
    let moved = feed_of(&store).await;
    assert_eq!(moved.needs_full_pass, Some(FullPassReason::OldRules));
    let other = store.feed(&"it".parse().unwrap()).await.unwrap().unwrap();
    assert_eq!(other.needs_full_pass, None);
    let guid = crate::model::ObjectGuid::from_octets([0; 16]);
    let told = store.told(&hr(), &[guid]).await.unwrap();
    assert_eq!(told[&guid].journal.len(), 1);
    assert_eq!(store.feed_backlog_octets(&hr()).await.unwrap(), 5);
    counters_are_right(&store).await;
}

/// A directory's worth of objects: 20 to a unit, names of usual length, no journal.
fn people(from: u128, count: u128) -> FeedPage {
    let person = |n: u128| {
        let unit = n / 20 % 500;
        let dn =
            format!("CN=Person Number {n:07},OU=Unit {unit:04},OU=People,DC=nc1,DC=example,DC=com");
        (
            n,
            told(
                &dn,
                if n.is_multiple_of(3) {
                    Standing::Out
                } else {
                    Standing::In
                },
            ),
        )
    };
    page_of(&(from..from + count).map(person).collect::<Vec<_>>())
}

#[tokio::test]
async fn an_object_without_a_journal_takes_little_room() {
    let (_folder, store, tag) = feed_with(level()).await;
    let before = number(&store, "PRAGMA page_count").await;
    for thousand in 0..20 {
        write(&store, &tag, people(thousand * 1_000, 1_000)).await;
    }
    let pages = number(&store, "PRAGMA page_count").await - before;
    let each = pages * number(&store, "PRAGMA page_size").await / 20_000;
    assert!(each <= 150, "{each} octets per object");
}

#[tokio::test]
async fn a_page_of_a_thousand_is_quick() {
    let (_folder, store, tag) = feed_with(level()).await;
    for thousand in 0..50 {
        write(&store, &tag, people(thousand * 1_000, 1_000)).await;
    }
    let events = |from: u128| {
        (from..from + 1_000).map(|n| Outgoing {
            body: "x".repeat(2_048),
            ..event(n)
        })
    };
    let (mut writing, mut reading) = (Vec::new(), Vec::new());
    for round in 0..5 {
        let numbers: Vec<_> = (0..1_000).map(|n| guid(n * 50 + round)).collect();
        let watch = Stopwatch::start();
        let known = store.told(&hr(), &numbers).await.unwrap();
        reading.push(watch.elapsed());
        assert_eq!(known.len(), 1_000);
        let mut page = people(60_000 + round * 1_000, 500);
        page.told.extend(known.into_iter().take(500));
        page.events = events(round * 1_000).collect();
        let watch = Stopwatch::start();
        write(&store, &tag, page).await;
        writing.push(watch.elapsed());
    }
    writing.sort();
    reading.sort();
    // Bounds that a slow disk and an unoptimised build keep; `cargo bench --bench store` shows the true figures.
    let figures = format!("page {:?}, told {:?}", writing[2], reading[2]);
    assert!(
        writing[2].as_millis() < 2_000 && reading[2].as_millis() < 500,
        "{figures}"
    );
}
