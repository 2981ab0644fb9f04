use std::collections::{BTreeMap, BTreeSet};

use super::feed_harness::*;
use super::harness::*;
use crate::model::{CursorTag, FeedPage, Reread, RereadWhy, Standing};
use crate::store::{
    FeedCommit, FeedCommitted, LoadOrder, LoadStarted, PageWritten, StoreError, ToldCount,
};

#[tokio::test]
async fn a_feed_is_begun_once() {
    let (_folder, store, tag) = feed_with(level()).await;
    let feed = feed_of(&store).await;
    assert_eq!(feed.cursor.cursor, cursor("dc1", 10));
    assert_eq!(
        (feed.contexts, feed.load, feed.is_stopped),
        (level(), None, false)
    );
    assert_eq!(feed.projection, "people");
    let again = store
        .create_feed(&hr(), &cursor("dc9", 1), BTreeMap::new(), "other", at(2))
        .await
        .unwrap();
    assert_eq!((again.cursor.tag, again.contexts), (tag, level()));
    let other = "other".parse().unwrap();
    assert_eq!(store.feed(&other).await.unwrap(), None);
    let missing = store
        .write_feed_page(
            &other,
            &CursorTag("1".to_owned()),
            FeedPage::default(),
            at(1),
        )
        .await;
    assert!(matches!(missing, Err(StoreError::Other(text)) if text.contains("other has no feed")));
}

#[tokio::test]
async fn a_feed_takes_the_cursor_that_is_there() {
    let (_folder, store) = store().await;
    let first = cursor("dc3", 77);
    store.create_cursor(&hr(), &first, at(1)).await.unwrap();
    let feed = store
        .create_feed(&hr(), &cursor("dc1", 0), level(), "p", at(2))
        .await
        .unwrap();
    assert_eq!(feed.cursor.cursor, first);
}

#[tokio::test]
async fn a_page_is_kept_whole_and_read_back() {
    let (_folder, store, tag) = feed_with(level()).await;
    let rich = with_journal(
        "CN=Ann\\, B,OU=People,DC=nc1,DC=example,DC=com",
        &[stamp(1, 90), stamp(2, 30), stamp(1, 91)],
    );
    let bare = told("DC=nc1", Standing::Out);
    let odd = told("CN=X, DC=b ,DC=c", Standing::Deleted);
    let reread = |number, why| Reread {
        guid: guid(number),
        nc: nc(1),
        why,
    };
    let page = FeedPage {
        rereads: BTreeSet::from([reread(1, RereadWhy::Subtree), reread(2, RereadWhy::Held)]),
        counts: BTreeMap::from([("repeat", 5), ("news", 1)]),
        events: vec![event(1)],
        ..page_of(&[(1, rich.clone()), (2, bare.clone()), (3, odd.clone())])
    };
    assert_eq!(write(&store, &tag, page).await, 1);
    let expected = BTreeMap::from([(guid(1), rich), (guid(2), bare), (guid(3), odd)]);
    assert_eq!(all_told(&store, &[1, 2, 3, 4]).await, expected);
    let count = ToldCount {
        within: 1,
        out: 1,
        deleted: 1,
    };
    assert_eq!(store.count_told(&hr()).await.unwrap(), count);
    let done = FeedPage {
        done: BTreeSet::from([reread(1, RereadWhy::Subtree), reread(2, RereadWhy::Whole)]),
        rereads: BTreeSet::from([reread(3, RereadWhy::Whole)]),
        counts: BTreeMap::from([("repeat", 2)]),
        ..page_of(&[(1, told("CN=Ann,DC=c", Standing::Deleted))])
    };
    assert_eq!(write(&store, &tag, done).await, 1);
    let left = store.feed_rereads(&hr(), None, 9).await.unwrap();
    let left: BTreeSet<_> = left.into_iter().collect();
    assert_eq!(
        left,
        BTreeSet::from([reread(2, RereadWhy::Held), reread(3, RereadWhy::Whole)])
    );
    let counts = store.feed_counts(&hr()).await.unwrap();
    let expected = [("news".to_owned(), 1), ("repeat".to_owned(), 7)];
    assert_eq!(counts, BTreeMap::from(expected));
    counters_are_right(&store).await;
    assert_eq!(number(&store, "SELECT journal_entries FROM feed").await, 0);
}

#[tokio::test]
async fn rereads_come_in_pages() {
    let (_folder, store, tag) = feed_with(level()).await;
    let all: BTreeSet<Reread> = (0..40)
        .map(|n| Reread {
            guid: guid(n % 20),
            nc: nc(u32::try_from(n % 2).unwrap()),
            why: if n < 20 {
                RereadWhy::Whole
            } else {
                RereadWhy::Memberships
            },
        })
        .collect();
    let page = FeedPage {
        rereads: all.clone(),
        ..FeedPage::default()
    };
    write(&store, &tag, page).await;
    let (mut found, mut after) = (BTreeSet::new(), None);
    loop {
        let next = store.feed_rereads(&hr(), after.as_ref(), 7).await.unwrap();
        after = next.last().cloned();
        if after.is_none() {
            break;
        }
        for reread in next {
            assert!(found.insert(reread));
        }
    }
    assert_eq!(found, all);
}

#[tokio::test]
async fn who_lost_the_fence_or_was_stopped_writes_nothing() {
    let (_folder, store, tag) = feed_with(level()).await;
    let page = || FeedPage {
        events: vec![event(1)],
        rereads: BTreeSet::from([Reread {
            guid: guid(1),
            nc: nc(1),
            why: RereadWhy::Whole,
        }]),
        counts: BTreeMap::from([("news", 1)]),
        ..page_of(&[(1, told("CN=a,DC=b", Standing::In))])
    };
    let order = || LoadOrder {
        load: load(),
        contexts: BTreeMap::new(),
        projection: "void".to_owned(),
        events: Vec::new(),
    };
    let untouched = feed_of(&store).await;
    for fence in ["0", "2", "01", "", "abc"] {
        let fence = CursorTag(fence.to_owned());
        let written = store.write_feed_page(&hr(), &fence, page(), at(5)).await;
        assert_eq!(written.unwrap(), PageWritten::Fenced);
        let placed = store.commit_feed(&hr(), &fence, commit(60)).await;
        assert_eq!(placed.unwrap(), FeedCommitted::Fenced);
        let begun = store.start_load(&hr(), &fence, order()).await;
        assert_eq!(begun.unwrap(), LoadStarted::Fenced);
    }
    store
        .set_sync_switch(&hr(), true, "ann", at(6))
        .await
        .unwrap();
    let written = store.write_feed_page(&hr(), &tag, page(), at(5)).await;
    assert_eq!(written.unwrap(), PageWritten::Stopped);
    let placed = store.commit_feed(&hr(), &tag, commit(60)).await;
    assert_eq!(placed.unwrap(), FeedCommitted::Stopped);
    let begun = store.start_load(&hr(), &tag, order()).await;
    assert_eq!(begun.unwrap(), LoadStarted::Stopped);
    assert!(feed_of(&store).await.is_stopped);
    store
        .set_sync_switch(&hr(), false, "ann", at(8))
        .await
        .unwrap();
    assert_eq!(feed_of(&store).await, untouched);
    for table in [
        "feed_object",
        "feed_outbox",
        "feed_reread",
        "feed_count",
        "cursor_seen",
    ] {
        let rows = number(&store, &format!("SELECT count(*) FROM {table}")).await;
        assert_eq!(rows, 0, "{table}");
    }
    assert_eq!(write(&store, &tag, page()).await, 1);
}

#[tokio::test]
async fn a_commit_waits_for_no_sink_and_is_seen() {
    let (_folder, store, tag) = feed_with(BTreeMap::new()).await;
    write(&store, &tag, events([1, 2])).await;
    let waits = store.feed_backlog(&hr()).await.unwrap();
    assert_eq!((waits.events, waits.octets > 0), (2, true));
    let next = committed(&store, &tag, commit(60)).await;
    let feed = feed_of(&store).await;
    assert_eq!(feed.contexts, level());
    assert_eq!(feed.cursor.cursor, cursor("dc1", 60));
    assert_eq!(feed.cursor.tag, next);
    assert_ne!(next, tag);
    let seen = store.cursors_seen().await.unwrap().pop().unwrap();
    assert_eq!(
        (seen.dc, seen.invocation_id),
        (Some(dc("dc1")), Some(id(1)))
    );
    assert_eq!((seen.read_up_to, seen.seen_at), (usn(60), at(7)));
    let late = store.commit_feed(&hr(), &tag, commit(70)).await.unwrap();
    assert_eq!(late, FeedCommitted::Fenced);
}

#[tokio::test]
async fn a_load_gets_a_number_of_its_own_and_fences_its_forerunner() {
    let (_folder, store, tag) = feed_with(BTreeMap::new()).await;
    write(
        &store,
        &tag,
        page_of(&[(1, told("CN=old,DC=b", Standing::In))]),
    )
    .await;
    let (first, next) = started(&store, &tag).await;
    assert_eq!(first.pass, 1);
    let feed = feed_of(&store).await;
    assert_eq!((feed.load, feed.contexts), (Some(first.clone()), level()));
    assert_eq!(
        (feed.projection.as_str(), &feed.cursor.tag),
        ("people and groups", &next)
    );
    let fenced = store
        .write_feed_page(&hr(), &tag, FeedPage::default(), at(5))
        .await;
    assert_eq!(fenced.unwrap(), PageWritten::Fenced);

    let further = crate::model::Load {
        done: BTreeMap::from([(nc(1), usn(250))]),
        ..first.clone()
    };
    let page = FeedPage {
        load: Some(further.clone()),
        ..page_of(&[
            (2, told("CN=new,DC=b", Standing::In)),
            (3, told("CN=out,DC=b", Standing::Out)),
        ])
    };
    write(&store, &next, page).await;
    assert_eq!(feed_of(&store).await.load, Some(further.clone()));
    // A page that is not the load's own still shows that the object lives.
    write(
        &store,
        &next,
        page_of(&[(4, told("CN=met,DC=b", Standing::In))]),
    )
    .await;
    let gone = store
        .told_not_of_pass(&hr(), &nc(1), 1, None, 9)
        .await
        .unwrap();
    assert_eq!(gone.len(), 1);
    assert_eq!((gone[0].0, gone[0].1.dn.as_str()), (guid(1), "CN=old,DC=b"));
    let none = store
        .told_not_of_pass(&hr(), &nc(2), 1, None, 9)
        .await
        .unwrap();
    assert_eq!(none, []);

    let between = FeedCommit {
        load: Some(further),
        ..commit(20)
    };
    let next = committed(&store, &next, between).await;
    assert!(feed_of(&store).await.load.is_some());
    let wrong = FeedPage {
        load: Some(load()),
        ..FeedPage::default()
    };
    let wrong = store.write_feed_page(&hr(), &next, wrong, at(5)).await;
    assert!(matches!(wrong, Err(StoreError::Other(text)) if text.contains("pass -1")));
    let next = committed(&store, &next, commit(500)).await;
    assert_eq!(feed_of(&store).await.load, None);
    let (second, _) = started(&store, &next).await;
    assert_eq!(second.pass, 2);
}

#[tokio::test]
async fn what_lies_below_a_name_is_found_whatever_its_case() {
    let (_folder, store, tag) = feed_with(level()).await;
    let names = [
        "CN=a,OU=Staff,DC=nc1,DC=example,DC=com",
        "CN=b,OU=Deep,OU=staff , dc=nc1,DC=example,DC=com",
        "CN=c\\,OU=Staff,OU=STAFF,DC=nc1,DC=example,DC=com",
        "OU=Deep,OU=staff,DC=nc1,DC=example,DC=com",
    ];
    let others = [
        "OU=Staff,DC=nc1,DC=example,DC=com",
        "CN=d,OU=Staff2,DC=nc1,DC=example,DC=com",
        "CN=e,OU=My Staff,DC=nc1,DC=example,DC=com",
        "CN=f,OU=x\\,OU=Staff,DC=nc1,DC=example,DC=com",
        "CN=g,OU=Staff,DC=nc2,DC=example,DC=com",
    ];
    let mut all: Vec<_> = names.iter().chain(&others).collect();
    all.sort();
    let mut page = FeedPage::default();
    for (number, dn) in (0..).zip(all) {
        page.told.insert(guid(number), told(dn, Standing::In));
    }
    let below = "OU=Staff,DC=nc1,DC=example,DC=com";
    let gone = told("CN=h,OU=Staff,DC=nc1,DC=example,DC=com", Standing::Out);
    page.told.insert(guid(100), gone);
    let mut foreign = told("CN=i,OU=Staff,DC=nc1,DC=example,DC=com", Standing::In);
    foreign.nc = nc(2);
    page.told.insert(guid(101), foreign);
    write(&store, &tag, page).await;
    for limit in [1, 2, 3, 100] {
        let ask = |after| {
            let store = store.clone();
            async move {
                let found = store
                    .told_below(&hr(), &nc(1), below, after, limit)
                    .await
                    .unwrap();
                assert!(found.len() <= limit);
                found
            }
        };
        let expected: BTreeSet<_> = names.iter().map(|name| (*name).to_owned()).collect();
        assert_eq!(names_of(ask).await, expected);
    }
}

#[tokio::test]
async fn a_stale_pass_is_paged_through() {
    let (_folder, store, tag) = feed_with(level()).await;
    let all: Vec<_> = (0..50)
        .map(|n| {
            (
                n,
                told(&format!("CN=p{n},OU=o{},DC=nc1", n % 7), Standing::In),
            )
        })
        .collect();
    write(&store, &tag, page_of(&all)).await;
    let (load, tag) = started(&store, &tag).await;
    write(&store, &tag, page_of(&all[..20])).await;
    let ask = |after| {
        let store = store.clone();
        async move {
            let found = store
                .told_not_of_pass(&hr(), &nc(1), load.pass, after, 4)
                .await;
            found.unwrap()
        }
    };
    let expected: BTreeSet<_> = all[20..].iter().map(|(_, told)| told.dn.clone()).collect();
    assert_eq!(names_of(ask).await, expected);
    counters_are_right(&store).await;
}
