//! The pages of a feed: a thousand objects and events of 2 KB in one transaction, over a directory that is there.

use std::collections::BTreeMap;
use std::path::Path;

use highwater::clock::Stopwatch;
use highwater::model::{Cursor, FeedPage, ObjectGuid, Outgoing, ResourceName, Standing, Told, Usn};
use highwater::store::{PageWritten, Store};
use uuid::Uuid;

use super::at;

const PAGE: i64 = 1_000;
const ROUNDS: i64 = 30;

fn guid(number: i64) -> ObjectGuid {
    let number = u128::from(number.unsigned_abs());
    ObjectGuid::from_uuid(Uuid::from_u128(
        number.wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835),
    ))
}

fn person(number: i64) -> (ObjectGuid, Told) {
    let unit = number / 20 % 500;
    let told = Told {
        nc: "DC=example,DC=com".parse().unwrap(),
        dn: format!("CN=Person Number {number:07},OU=Unit {unit:04},OU=People,DC=example,DC=com"),
        standing: Standing::In,
        generation: 0,
        is_partial: false,
        life: 0,
        journal: BTreeMap::new(),
        links: BTreeMap::new(),
        links_from: None,
    };
    (guid(number), told)
}

fn event(number: i64) -> Outgoing {
    Outgoing {
        id: format!("{number:064x}"),
        guid: Some(guid(number)),
        body: "x".repeat(2_048),
    }
}

async fn write(store: &Store, hr: &ResourceName, page: FeedPage) -> i64 {
    let tag = store.feed(hr).await.unwrap().unwrap().cursor.tag;
    let written = store.write_feed_page(hr, &tag, page, at(1)).await.unwrap();
    let PageWritten::Written { last_seq, .. } = written else {
        std::process::exit(1);
    };
    let sinks = ["file".to_owned()];
    let done = store.acknowledge(hr, "file", last_seq, Vec::new(), &sinks, at(1));
    done.await.unwrap();
    last_seq
}

pub(super) async fn time_pages(path: &Path, objects: i64) {
    let store = Store::open(path).await.unwrap();
    let hr: ResourceName = "hr".parse().unwrap();
    let cursor = Cursor {
        ldap_host: "dc1".to_owned(),
        global_catalog: None,
        invocation_id: None,
        last_updated: Usn::ZERO,
        last_deleted: Usn::ZERO,
    };
    let feed = store.create_feed(&hr, &cursor, BTreeMap::new(), "people", at(0));
    feed.await.unwrap();
    for first in (0..objects).step_by(1_000) {
        let page = FeedPage {
            told: (first..first + PAGE).map(person).collect(),
            ..FeedPage::default()
        };
        write(&store, &hr, page).await;
    }
    for (name, with_objects, with_events) in [
        ("objects and events", true, true),
        ("objects", true, false),
        ("events", false, true),
    ] {
        let mut times = Vec::new();
        for round in 0..ROUNDS {
            let numbers = (0..PAGE).map(|n| (n * 7_919 + round * 31) % objects);
            let page = FeedPage {
                told: numbers.filter(|_| with_objects).map(person).collect(),
                events: (0..PAGE).filter(|_| with_events).map(event).collect(),
                ..FeedPage::default()
            };
            let tag = store.feed(&hr).await.unwrap().unwrap().cursor.tag;
            let watch = Stopwatch::start();
            store.write_feed_page(&hr, &tag, page, at(1)).await.unwrap();
            times.push(watch.elapsed());
            write(&store, &hr, FeedPage::default()).await;
        }
        times.sort();
        let median = times.get(times.len() / 2).copied().unwrap_or_default();
        let worst = times.last().copied().unwrap_or_default();
        println!("feed: a page of 1,000 {name} over {objects}: {median:.1?}, at worst {worst:.1?}");
    }
    let guids: Vec<_> = (0..PAGE).map(|n| guid(n * 7_919 % objects)).collect();
    let watch = Stopwatch::start();
    store.told(&hr, &guids).await.unwrap();
    println!("feed: 1,000 objects looked up: {:.1?}", watch.elapsed());
}
