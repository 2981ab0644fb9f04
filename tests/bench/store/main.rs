//! The size and speed of the store: a DC in use and 10 candidates with a million samples each, vectors of 1,000 entries,
//! and a week of 1,000 DCs.
//!
//! `cargo bench --bench store` prints the figures; `-- --samples 10000 --hours 2` makes it short, `-- week` is the week
//! alone.
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a measuring program prints, and stops at the first problem"
)]

mod feeding;
mod planning;
mod week;

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;
use std::time::Duration;

use highwater::clock::Stopwatch;
use highwater::model::{
    Accepted, DcFacts, DcName, Dn, Identity, InvocationId, NcVectors, PollContext, Sample, Usn,
    UtcMs, Vector,
};
use highwater::store::{Recovery, RecoveryDc, RecoveryIncarnation, RecoverySample, Store};
use uuid::Uuid;

const DCS: u32 = 11;
const RUNS: i64 = 2_000;
const POLLS: i64 = 300;
const ENTRIES: u64 = 1_000;
const BEGIN: i64 = 1_767_225_600_000;

#[tokio::main]
async fn main() {
    let after = |name: &str, otherwise: i64| {
        let given = std::env::args().skip_while(|arg| arg != name).nth(1);
        given.map_or(otherwise, |count| count.parse().unwrap())
    };
    let folder = tempfile::tempdir().unwrap();
    week::measure(folder.path(), 1_000, after("--hours", 7 * 24)).await;
    if std::env::args().any(|arg| arg == "week") {
        return;
    }
    let samples = after("--samples", 1_000_000);
    time_samples(&folder.path().join("samples.db"), samples).await;
    feeding::time_pages(&folder.path().join("feed.db"), samples.min(200_000)).await;
    for changing in [0, ENTRIES / 10, ENTRIES] {
        let path = folder.path().join(format!("vectors-{changing}.db"));
        time_vectors(&path, changing).await;
    }
}

fn name(number: u32) -> DcName {
    format!("dc{number}").parse().unwrap()
}

fn id(number: u64) -> InvocationId {
    InvocationId::from_uuid(Uuid::from_u64_pair(
        number.wrapping_mul(0x9E37_79B9_7F4A_7C15),
        number,
    ))
}

fn at(minute: i64) -> UtcMs {
    UtcMs::from_millis(BEGIN + minute * 60_000)
}

async fn time_samples(path: &Path, samples: i64) {
    let store = Store::open(path).await.unwrap();
    let watch = Stopwatch::start();
    for number in 0..DCS {
        store
            .import_recovery(recovery(number..number + 1, &(0..samples)), false)
            .await
            .unwrap();
    }
    let size = settled_size(store, path).await;
    let rows = samples * i64::from(DCS);
    println!(
        "samples: {rows} rows in {:.1?}, {} bytes, {:.1} bytes per sample",
        watch.elapsed(),
        size,
        ratio(size, rows)
    );
    let watch = Stopwatch::start();
    let store = Store::open(path).await.unwrap();
    println!("open: {:.1?}", watch.elapsed());
    time_lookups(&store, samples).await;
    planning::time_plans(&store, samples).await;
    let mut one_poll = Vec::new();
    for run in 0..200 {
        let facts = facts(samples + run, NcVectors::new());
        let watch = Stopwatch::start();
        store
            .record_poll(name(0), facts, false, keep)
            .await
            .unwrap();
        one_poll.push(watch.elapsed());
    }
    report("record_poll without vectors, synced", one_poll);
    let watch = Stopwatch::start();
    let pruned = store.prune(at(samples / 2), Vec::new()).await.unwrap();
    println!(
        "prune: {} samples in {:.1?}",
        pruned.samples,
        watch.elapsed()
    );
}

async fn time_lookups(store: &Store, samples: i64) {
    let (mut plan, mut counts, mut recent) = (Vec::new(), Vec::new(), Vec::new());
    for run in 0..RUNS {
        let minute = run.wrapping_mul(7_919) % samples;
        let watch = Stopwatch::start();
        for number in 0..DCS {
            let found = store
                .sample_at_or_before(id(u64::from(number)), at(minute).plus_ms(30_000), None)
                .await
                .unwrap();
            assert_eq!(found.map(|sample| sample.collected_at), Some(at(minute)));
        }
        plan.push(watch.elapsed());
    }
    report("sample_at_or_before for 10 candidates", plan);
    for _ in 0..100 {
        let watch = Stopwatch::start();
        store.sample_counts().await.unwrap();
        counts.push(watch.elapsed());
        let watch = Stopwatch::start();
        store.history(&name(3), None, None, 100).await.unwrap();
        recent.push(watch.elapsed());
    }
    report("sample_counts", counts);
    report("history, newest 100", recent);
}

async fn time_vectors(path: &Path, changing: u64) {
    let store = Store::open(path).await.unwrap();
    let nc: Dn = "DC=example,DC=com".parse().unwrap();
    let empty = settled_size(store, path).await;
    let store = Store::open(path).await.unwrap();
    let mut usns: Vec<i64> = (0..ENTRIES)
        .map(|entry| 1_000_000 + entry.cast_signed() * 977)
        .collect();
    let mut times = Vec::new();
    for poll in 0..POLLS {
        let offset = poll.unsigned_abs().wrapping_mul(changing);
        for entry in (0..changing).map(|entry| (offset + entry) % ENTRIES) {
            *usns.get_mut(usize::try_from(entry).unwrap()).unwrap() += 40;
        }
        let entries = usns.iter().zip(1_u64..);
        let vector: Vector = entries
            .map(|(usn, entry)| (id(entry), Usn::new(*usn).unwrap()))
            .collect();
        let facts = facts(poll, NcVectors::from([(nc.clone(), vector)]));
        let watch = Stopwatch::start();
        store.record_poll(name(0), facts, true, keep).await.unwrap();
        times.push(watch.elapsed());
    }
    report(
        &format!("record_poll with {ENTRIES} entries, {changing} changed"),
        times,
    );
    let mut reads = Vec::new();
    for run in 0..POLLS {
        let watch = Stopwatch::start();
        let found = store
            .source_sample_for(id(0), std::slice::from_ref(&nc), usn(run))
            .await;
        assert_eq!(
            found.unwrap().map(|found| found.collected_at),
            Some(at(run))
        );
        reads.push(watch.elapsed());
    }
    report("source_sample_for", reads);
    let size = settled_size(store, path).await - empty;
    println!(
        "source samples of {ENTRIES} entries, {changing} changed per poll: {:.0} bytes each",
        ratio(size, POLLS)
    );
}

/// The size of the file once everything has been written back into it.
async fn settled_size(store: Store, path: &Path) -> u64 {
    drop(store);
    assert!(
        !path.with_extension("db-wal").exists(),
        "the log was not written back"
    );
    tokio::fs::metadata(path).await.unwrap().len()
}

fn ratio(bytes: u64, rows: i64) -> f64 {
    f64::from(u32::try_from(bytes).unwrap()) / f64::from(u32::try_from(rows).unwrap())
}

fn report(what: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    let place = |part: usize| times.get((times.len() - 1) * part / 100).unwrap();
    println!("{what}: median {:.1?}, 99 % {:.1?}", place(50), place(99));
}

fn usn(minute: i64) -> Usn {
    Usn::new(5_000_000 + minute * 37).unwrap()
}

/// The samples of these minutes of these DCs, as an import takes them.
fn recovery(dcs: Range<u32>, minutes: &Range<i64>) -> Recovery {
    Recovery {
        name: "ADSyncRecovery_bench".to_owned(),
        version: 1,
        resource: "bench".parse().unwrap(),
        exported_at: at(minutes.end),
        dcs: dcs.map(|number| filled(number, minutes.clone())).collect(),
        evidence: Vec::new(),
        cursor: None,
        cursor_seen: None,
        knowledge: None,
    }
}

fn filled(number: u32, minutes: Range<i64>) -> RecoveryDc {
    let row = |minute| RecoverySample(at(minute).as_millis(), usn(minute), 180, Some(minute % 90));
    let incarnation = RecoveryIncarnation {
        invocation_id: id(u64::from(number)),
        server_name: format!("DC{number}"),
        ds_service_name: "CN=NTDS Settings,CN=DC,DC=example,DC=com".parse().unwrap(),
        site: "Default-First-Site-Name".to_owned(),
        is_global_catalog: true,
        is_read_only: false,
        first_seen: at(0),
        last_seen: at(minutes.end),
        quarantine: None,
        released_at: None,
        released_by: None,
        release_reason: None,
        known_usn: None,
        samples: minutes.map(row).collect(),
    };
    RecoveryDc {
        name: name(number),
        incarnations: vec![incarnation],
    }
}

fn facts(minute: i64, vectors: NcVectors) -> DcFacts {
    DcFacts {
        started_at: at(minute),
        committed_at: at(minute),
        vectors_at: at(minute),
        identity: Identity {
            server_name: "DC0".to_owned(),
            ds_service_name: "CN=NTDS Settings,CN=DC,DC=example,DC=com".parse().unwrap(),
            dns_host_name: "dc0.example.com".to_owned(),
            site: "Default-First-Site-Name".to_owned(),
            invocation_id: id(0),
            is_global_catalog: true,
            is_read_only: false,
        },
        synchronized: true,
        global_catalog_ready: true,
        committed: usn(minute),
        committed_after: Some(usn(minute)),
        skew_ms: Some(12),
        took_ms: 180,
        vectors,
        unreadable: BTreeMap::new(),
        instance_types: BTreeMap::new(),
        tombstone_lifetime_days: Some(180),
    }
}

fn keep(_: &DcName, facts: &DcFacts, _: &PollContext) -> Accepted {
    Accepted::Kept {
        sample: Sample {
            collected_at: facts.committed_at,
            committed: facts.committed,
            took_ms: facts.took_ms,
            skew_ms: facts.skew_ms,
        },
        restored: false,
        rollback: None,
    }
}
