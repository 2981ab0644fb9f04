//! A week of samples of 1,000 DCs, one a minute: the size of the database, and what pruning and commands take on it.
//!
//! # Decisions
//! - The samples come in hour by hour over all DCs, as they would: the rows of a DC are spread over the file, and its
//!   pages are filled as growth fills them, not as a bulk load does.
//! - Commands are processes of the program as built. No DC listens, so `plan` is refused by each at once: its time is
//!   the program's and the store's own.

use std::fmt::Write as _;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use highwater::clock::Stopwatch;
use highwater::store::Store;

use super::{at, planning, ratio, recovery, settled_size};

const HOUR: i64 = 60;

/// Fills the store and prints the table.
pub(super) async fn measure(folder: &Path, dcs: u32, hours: i64) {
    let path = folder.join("week.db");
    let rows = i64::from(dcs) * hours * HOUR;
    println!("{dcs} DCs, a sample a minute for {hours} hours: {rows} samples");
    let store = Store::open(&path).await.unwrap();
    let watch = Stopwatch::start();
    for hour in 0..hours {
        import(&store, dcs, hour * HOUR..(hour + 1) * HOUR).await;
    }
    line("filled by the hour", watch.elapsed());
    let size = settled_size(store, &path).await;
    println!(
        "{:<60} {:>8.0} MiB, {:.1} bytes a sample",
        "size of the database",
        ratio(size / 1024, 1024),
        ratio(size / 1024, rows) * 1024.0
    );
    let config = configuration(folder, &path, dcs);
    for (what, arguments) in [
        ("`highwater status`, all DCs", &["status"] as &[&str]),
        (
            "`highwater history`, the newest 100 of each of 11 DCs",
            &["history", "bench", "--limit", "100"],
        ),
        (
            "`highwater plan`, 10 DCs, none of which listens",
            &["plan", "bench"],
        ),
    ] {
        line(what, command(&config, arguments));
    }
    let store = Store::open(&path).await.unwrap();
    let mut steady = Vec::new();
    for hour in 1..=3 {
        // As in the service: what an hour adds, the next pruning takes away.
        import(
            &store,
            dcs,
            (hours + hour - 1) * HOUR..(hours + hour) * HOUR,
        )
        .await;
        let watch = Stopwatch::start();
        let pruned = store.prune(at(hour * HOUR), Vec::new()).await.unwrap();
        steady.push(watch.elapsed());
        assert_eq!(
            i64::try_from(pruned.samples).unwrap(),
            i64::from(dcs) * HOUR
        );
    }
    steady.sort_unstable();
    line(
        "pruning of one hour, as the service does it",
        *steady.get(1).unwrap(),
    );
    planning::time_plans(&store, hours * HOUR).await;
    let watch = Stopwatch::start();
    let half = store.prune(at(hours * HOUR / 2), Vec::new()).await.unwrap();
    line(
        &format!("pruning of {} samples", half.samples),
        watch.elapsed(),
    );
}

async fn import(store: &Store, dcs: u32, minutes: Range<i64>) {
    let recovery = recovery(0..dcs, &minutes);
    store.import_recovery(recovery, false).await.unwrap();
}

fn line(what: &str, took: Duration) {
    println!("{what:<60} {took:>10.1?}");
}

/// The median of some runs of the program.
fn command(config: &Path, arguments: &[&str]) -> Duration {
    let mut times: Vec<Duration> = (0..5)
        .map(|_| {
            let watch = Stopwatch::start();
            let status = Command::new(env!("CARGO_BIN_EXE_highwater"))
                .arg("--config")
                .arg(config)
                .args(arguments)
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status()
                .unwrap();
            // 0, or that no DC may take over; not a mistake in the configuration or the command line.
            assert!(
                matches!(status.code(), Some(0 | 3 | 5)),
                "{arguments:?}: {status}"
            );
            watch.elapsed()
        })
        .collect();
    times.sort_unstable();
    *times.get(times.len() / 2).unwrap()
}

/// A configuration of so many DCs at a port where nobody listens, and a resource with ten of them.
fn configuration(folder: &Path, store: &Path, dcs: u32) -> PathBuf {
    let cursor = folder.join("cursor.json");
    let content = "{\"version\":1,\"resource\":\"bench\",\"ldapHost\":\"dc0.example.com\",\"globalCatalog\":null,\
                   \"invocationId\":null,\"lastUpdated\":5001000,\"lastDeleted\":5001000}";
    std::fs::write(&cursor, content).unwrap();
    let mut text = format!(
        "[store]\npath = \"{}\"\n[connection]\nsecurity = \"clear, passwords readable on the network\"\n\
         credentials = \"nobody\"\n[credentials.nobody]\nmethod = \"anonymous\"\n",
        store.display()
    );
    for number in 0..dcs {
        writeln!(
            text,
            "[dc.dc{number}]\nhost = \"dc{number}.example.com\"\naddress = \"127.0.0.1\"\nport = 1"
        )
        .unwrap();
    }
    let backups: Vec<String> = (1..=10.min(dcs - 1))
        .map(|number| format!("\"dc{number}\""))
        .collect();
    write!(
        text,
        "[resource.bench]\nbase_contexts = [\"DC=example,DC=com\"]\nbackup_dcs = [{}]\n[resource.bench.consumer]\n\
         kind = \"file\"\npath = \"{}\"\nposition = \"before_search\"\nstop = [\"true\"]\nstart = [\"true\"]\n",
        backups.join(", "),
        cursor.display()
    )
    .unwrap();
    let file = folder.join("week.toml");
    std::fs::write(&file, text).unwrap();
    file
}
