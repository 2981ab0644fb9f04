//! What the tests of the feed share.

use std::collections::{BTreeMap, BTreeSet};

use tempfile::TempDir;
use uuid::Uuid;

use super::harness::*;
use crate::model::{
    AttributeOid, Cursor, CursorTag, Dn, Feed, FeedContext, FeedPage, LinkDigest, Load, ObjectGuid,
    Outgoing, ResourceName, Stamp, Standing, Told, Vector,
};
use crate::store::{FeedCommit, FeedCommitted, LoadOrder, LoadStarted, PageWritten, Store};

pub(super) fn hr() -> ResourceName {
    "hr".parse().unwrap()
}

pub(super) fn guid(number: u128) -> ObjectGuid {
    // Spread over the whole range, so that the orders of numbers, GUIDs and octets all differ.
    ObjectGuid::from_uuid(Uuid::from_u128(
        number.wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835),
    ))
}

pub(super) fn oid(number: u32) -> AttributeOid {
    AttributeOid::new(&format!("1.2.840.113556.1.4.{number}"))
}

pub(super) fn stamp(origin: u128, at_usn: i64) -> Stamp {
    Stamp {
        version: 3,
        seconds: 1_767_225_600 + at_usn,
        origin: id(origin),
        usn: usn(at_usn),
    }
}

pub(super) fn told(dn: &str, standing: Standing) -> Told {
    Told {
        nc: nc(1),
        dn: dn.to_owned(),
        standing,
        generation: 0,
        is_partial: false,
        life: 0,
        journal: BTreeMap::new(),
        links: BTreeMap::new(),
        links_from: None,
    }
}

/// With one journal entry per stamp and a link.
pub(super) fn with_journal(dn: &str, stamps: &[Stamp]) -> Told {
    let journal = (1..).map(oid).zip(stamps.iter().copied()).collect();
    Told {
        journal,
        links: BTreeMap::from([(oid(700), LinkDigest([7; 16]))]),
        ..told(dn, Standing::In)
    }
}

pub(super) fn event(number: u128) -> Outgoing {
    Outgoing {
        id: format!("event-{number}"),
        guid: Some(guid(number)),
        body: format!("{{\"n\":{number}}}"),
    }
}

pub(super) fn page_of(all: &[(u128, Told)]) -> FeedPage {
    FeedPage {
        told: all
            .iter()
            .map(|(number, told)| (guid(*number), told.clone()))
            .collect(),
        ..FeedPage::default()
    }
}

pub(super) fn events(numbers: impl IntoIterator<Item = u128>) -> FeedPage {
    FeedPage {
        events: numbers.into_iter().map(event).collect(),
        ..FeedPage::default()
    }
}

pub(super) fn cursor(host: &str, up_to: i64) -> Cursor {
    Cursor {
        ldap_host: host.to_owned(),
        global_catalog: None,
        invocation_id: Some(id(1)),
        last_updated: usn(up_to),
        last_deleted: usn(up_to),
    }
}

pub(super) fn context(told: &Vector, held: Option<&Vector>) -> FeedContext {
    FeedContext {
        told: told.clone(),
        held: held.cloned(),
        ..FeedContext::default()
    }
}

/// K and S of two contexts, both known.
pub(super) fn level() -> BTreeMap<Dn, FeedContext> {
    let (one, two) = (vector(&[(1, 100), (2, 50)]), vector(&[(1, 100)]));
    BTreeMap::from([
        (nc(1), context(&one, Some(&one))),
        (nc(2), context(&two, Some(&two))),
    ])
}

/// A feed at USN 10 of dc1, with its first fence.
pub(super) async fn feed_with(contexts: BTreeMap<Dn, FeedContext>) -> (TempDir, Store, CursorTag) {
    let (folder, store) = store().await;
    let first = cursor("dc1", 10);
    let feed = store
        .create_feed(&hr(), &first, contexts, "people", at(1))
        .await;
    let tag = feed.unwrap().cursor.tag;
    (folder, store, tag)
}

pub(super) async fn feed_of(store: &Store) -> Feed {
    store.feed(&hr()).await.unwrap().unwrap()
}

pub(super) async fn write(store: &Store, tag: &CursorTag, page: FeedPage) -> i64 {
    match store
        .write_feed_page(&hr(), tag, page, at(5))
        .await
        .unwrap()
    {
        PageWritten::Written { last_seq, .. } => last_seq,
        refused => panic!("{refused:?}"),
    }
}

pub(super) fn commit(up_to: i64) -> FeedCommit {
    FeedCommit {
        cursor: cursor("dc1", up_to),
        dc: Some(dc("dc1")),
        contexts: level(),
        events: Vec::new(),
        load: None,
        at: at(7),
    }
}

pub(super) async fn committed(store: &Store, tag: &CursorTag, order: FeedCommit) -> CursorTag {
    match store.commit_feed(&hr(), tag, order).await.unwrap() {
        FeedCommitted::Written(tag) => tag,
        refused => panic!("{refused:?}"),
    }
}

/// A feed with a complete pass on dc1, with the fence after it.
pub(super) async fn feed_after_a_pass(
    contexts: BTreeMap<Dn, FeedContext>,
) -> (TempDir, Store, CursorTag) {
    let (folder, store, tag) = feed_with(contexts.clone()).await;
    let order = FeedCommit {
        contexts,
        ..commit(10)
    };
    let tag = committed(&store, &tag, order).await;
    (folder, store, tag)
}

pub(super) fn load() -> Load {
    Load {
        pass: -1,
        is_resync: true,
        replaces: false,
        since: at(3),
        by: Some("ann".to_owned()),
        invocation_id: id(1),
        committed: usn(500),
        vectors: BTreeMap::from([(nc(1), vector(&[(1, 500)]))]),
        settled: BTreeMap::new(),
        done: BTreeMap::new(),
        max_deletes: Some(9),
    }
}

pub(super) async fn started(store: &Store, tag: &CursorTag) -> (Load, CursorTag) {
    let order = LoadOrder {
        load: load(),
        contexts: level(),
        projection: "people and groups".to_owned(),
        events: Vec::new(),
    };
    match store.start_load(&hr(), tag, order).await.unwrap() {
        LoadStarted::Started { load, tag } => (*load, tag),
        refused => panic!("{refused:?}"),
    }
}

pub(super) async fn all_told(store: &Store, numbers: &[u128]) -> BTreeMap<ObjectGuid, Told> {
    let guids: Vec<_> = numbers.iter().copied().map(guid).collect();
    store.told(&hr(), &guids).await.unwrap()
}

/// Pages through something that gives at most `limit` at a time, and checks that nothing comes twice.
pub(super) async fn names_of<F, R>(mut ask: F) -> BTreeSet<String>
where
    F: FnMut(Option<ObjectGuid>) -> R,
    R: Future<Output = Vec<(ObjectGuid, Told)>>,
{
    let (mut names, mut after) = (BTreeSet::new(), None);
    loop {
        let found = ask(after).await;
        let Some((last, _)) = found.last() else {
            return names;
        };
        after = Some(*last);
        for (_, told) in found {
            assert!(names.insert(told.dn.clone()), "{} came twice", told.dn);
        }
    }
}

/// The counters as kept, and as counted.
pub(super) async fn counters_are_right(store: &Store) {
    for (kept, counted) in [
        ("objects_in", "count(*) FILTER (WHERE standing = 0)"),
        ("objects_out", "count(*) FILTER (WHERE standing = 1)"),
        ("objects_deleted", "count(*) FILTER (WHERE standing = 2)"),
        ("journal_objects", "count(*) FILTER (WHERE entries > 0)"),
        ("journal_entries", "coalesce(sum(entries), 0)"),
        ("journal_octets", "coalesce(sum(length(journal)), 0)"),
    ] {
        let counted = number(store, &format!("SELECT {counted} FROM feed_object")).await;
        let kept_now = number(store, &format!("SELECT {kept} FROM feed")).await;
        assert_eq!(kept_now, counted, "{kept}");
    }
}
