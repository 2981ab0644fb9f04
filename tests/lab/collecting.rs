//! The collector against healthy DCs: complete readings, no false alarms, and kept connections.

use std::collections::BTreeMap;
use std::time::Duration;

use highwater::clock::Stopwatch;
use highwater::collector::{self, Outcome};
use highwater::config;
use highwater::directory::{self, Port, Session, Verdict, Wanted};
use highwater::lab::forest::{CONFIGURATION, DOMAIN};
use highwater::model::{Dn, Usn};
use tokio_util::sync::CancellationToken;

use crate::bed::{Bed, PATIENT, name, sampled, small};

#[tokio::test]
async fn a_round_brings_what_the_forest_knows() {
    let mut bed = Bed::of(1, &small(3), true, PATIENT).await;
    bed.live(100);
    let round = bed.collect().await;
    for (number, report) in round.values().enumerate() {
        assert_eq!(sampled(report), (false, None));
        let Outcome::Sampled {
            invocation_id,
            committed,
            vectors,
            ref unreadable,
            ..
        } = report.outcome
        else {
            unreachable!("sampled");
        };
        let (id, usn) = bed.with(|forest, _| {
            let dc = forest.dc(number).unwrap();
            (dc.invocation_id, dc.usn)
        });
        assert_eq!(invocation_id, id);
        assert_eq!(committed, Usn::new(usn).unwrap());
        assert_eq!((vectors, unreadable.len()), (1, 0));
    }
    let dc = &bed.settings.dcs[&name(0)];
    let mut session = Session::open(dc, Port::Directory).await.unwrap();
    let wanted = Wanted {
        every_naming_context: true,
        tombstones: true,
        ..Wanted::default()
    };
    let facts = directory::read_facts(&mut session, &wanted).await.unwrap();
    assert_eq!(facts.tombstone_lifetime_days, Some(180));
    for nc in [DOMAIN, CONFIGURATION] {
        let (context, known) = bed.with(|forest, _| {
            let context: Dn = forest.context_dn(nc).parse().unwrap();
            (context, forest.dc(0).unwrap().vector(nc))
        });
        let read = &facts.vectors[&context];
        assert_eq!(read.len(), known.len());
        for (id, usn) in known {
            assert_eq!(read.get(id), Some(Usn::new(usn).unwrap()));
        }
        assert!(facts.instance_types[&context].is_writable());
    }
}

#[tokio::test]
async fn a_feed_finds_all_it_needs() {
    let mut bed = Bed::new(3, 2).await;
    bed.live(150);
    let hr = &bed.settings.resources[&"hr".parse().unwrap()];
    let wanted = Wanted {
        bases: hr.base_contexts.clone(),
        ..Wanted::default()
    };
    let feed = config::Feed {
        filter: "(objectClass=user)".to_owned(),
        attributes: vec!["*".to_owned()],
        exclude: Vec::new(),
        poll: Duration::from_secs(1),
        overlap: 100,
        start_margin: 1_000,
        heartbeat: None,
        max_deletes: config::MaxDeletes::Number(100),
        backlog_bytes: 250_000_000,
        sinks: BTreeMap::new(),
    };
    let dc = &bed.settings.dcs[&name(0)];
    let items = directory::check_feed(dc, Port::Directory, &wanted, &feed).await;
    assert_eq!(items.len(), 4, "{items:#?}");
    assert!(
        items.iter().all(|item| item.verdict == Verdict::Ok),
        "{items:#?}"
    );
    // An attribute that is not in this forest's schema is told here, before the feed stands still over it.
    let unknown = config::Feed {
        attributes: vec!["favouriteColour".to_owned()],
        ..feed
    };
    let items = directory::check_feed(dc, Port::Directory, &wanted, &unknown).await;
    assert_eq!(items[0].verdict, Verdict::Fail, "{items:#?}");
    assert!(items[0].finding.contains("`favouriteColour`"));
}

#[tokio::test]
async fn check_and_discover_find_nothing_wrong() {
    let mut shape = small(3);
    shape.dcs[1].is_read_only = true;
    shape.dcs[1].is_global_catalog = false;
    shape.dcs[2].site = "Branch".to_owned();
    let mut bed = Bed::of(1, &shape, true, PATIENT).await;
    bed.live(150);
    let wanted = Wanted {
        every_naming_context: true,
        ..Wanted::default()
    };
    for number in 0..3 {
        let dc = &bed.settings.dcs[&name(number)];
        let items = directory::check(dc, Port::Directory, &wanted).await;
        assert!(items.len() >= 6, "{items:#?}");
        // Nothing is deleted in the configuration, and a read-only DC can stand in for none.
        let bad = items.iter().filter(|item| item.verdict != Verdict::Ok);
        let bad: Vec<_> = bad
            .filter(|item| !item.item.contains("deletions in CN=Configuration"))
            .filter(|item| number != 1 || item.item != "identity")
            .collect();
        assert!(bad.is_empty(), "{bad:#?}");
    }
    let dc = &bed.settings.dcs[&name(0)];
    let mut session = Session::open(dc, Port::Directory).await.unwrap();
    let found = directory::discover_directory(&mut session).await.unwrap();
    let told: Vec<_> = found
        .iter()
        .map(|dc| {
            (
                dc.server_name.as_str(),
                dc.site.as_str(),
                dc.is_read_only,
                dc.is_global_catalog,
            )
        })
        .collect();
    let home = "Default-First-Site-Name";
    assert_eq!(
        told,
        [
            ("DC1", home, false, true),
            ("DC2", home, true, false),
            ("DC3", "Branch", false, true)
        ]
    );
    assert_eq!(found[2].dns_host_name.as_deref(), Some("dc3.sim.test"));
    let ids: Vec<_> = bed.with(|forest, _| forest.dcs.iter().map(|dc| dc.invocation_id).collect());
    let read: Vec<_> = found.iter().filter_map(|dc| dc.invocation_id).collect();
    assert_eq!(read, ids);
}

/// Writes and replication go on during every reading, and no order of them looks like a rollback.
#[tokio::test(flavor = "multi_thread")]
async fn a_busy_healthy_forest_raises_no_alarm() {
    let bed = Bed::new(2, 4).await;
    let driving = bed.drive();
    let watch = Stopwatch::start();
    let mut rounds = 0;
    while watch.elapsed() < Duration::from_secs(2) {
        for report in bed.collect().await.values() {
            assert_eq!(sampled(report), (false, None));
        }
        rounds += 1;
    }
    driving.abort();
    assert!(rounds >= 3, "{rounds}");
    assert!(bed.store.quarantined().await.unwrap().is_empty());
    let written = bed.with(|forest, _| forest.oracle.written().len());
    assert!(written > 400, "{written}");
}

/// A kept connection that is reset between two polls costs no sample.
#[tokio::test(flavor = "multi_thread")]
async fn a_broken_kept_connection_is_retried() {
    let bed = Bed::new(3, 2).await;
    let stop = CancellationToken::new();
    let serving = tokio::spawn(collector::serve(
        bed.store.clone(),
        bed.settings.clone(),
        highwater::clock::Pulse::start(),
        stop.clone(),
    ));
    let samples = async |dc: usize| {
        let counts = bed.store.sample_counts().await.unwrap();
        counts.get(&name(dc)).copied().unwrap_or(0)
    };
    for _ in 0..4 {
        let before = samples(0).await;
        let watch = Stopwatch::start();
        while samples(0).await < before + 2 {
            assert!(watch.elapsed() < Duration::from_secs(30), "no samples");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        bed.lab.reset_connections(0).unwrap();
    }
    stop.cancel();
    serving.await.unwrap().unwrap();
    assert!(bed.store.newest_failure(&name(0)).await.unwrap().is_none());
    assert!(samples(1).await > 2);
}
