//! What collecting from 1,000 simulated DCs costs the client: one round beside a raw exchange of the same bytes, two
//! LDAP libraries of Python and `ldapsearch`; and the memory of `highwater run` over many rounds.
//!
//! - `cargo bench --bench collect` prints the round's figures; `-- --dcs 100` makes it short.
//! - `cargo bench --bench collect -- run` watches the service: `--polls 600` rounds, `--period 1s` apart.
//!
//! # Decisions
//! - The servers are a process of their own, this program started again, so that wall, CPU and memory of a client are
//!   its own. The machine's cores are shared all the same: a wall time holds what the servers need, too.
//! - The round and the raw exchange take turns, so that other work on the machine meets both.
//! - A peer that is not installed is named as missing in the table.
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a measuring program prints, and stops at the first problem"
)]

mod cost;
mod peers;
mod raw;
mod round;
mod servers;
mod service;

use std::time::Duration;

use cost::{Cost, Row};
use servers::{Kind, Servers};

/// The most polls under way at once, as the collector has it by default.
const CONCURRENCY: usize = 64;
const ROUNDS: usize = 11;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let after = |name: &str| {
        let at = arguments.iter().position(|argument| argument == name)?;
        arguments.get(at + 1).cloned()
    };
    let dcs: usize = after("--dcs").map_or(1_000, |count| count.parse().unwrap());
    let runtime = || {
        tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .unwrap()
    };
    if let Some(folder) = after(servers::CHILD) {
        return runtime().block_on(servers::serve(dcs, folder.as_ref()));
    }
    if arguments.iter().any(|argument| argument == "run") {
        let polls = after("--polls").map_or(60, |count| count.parse().unwrap());
        let period = after("--period").unwrap_or_else(|| "1s".to_owned());
        return runtime().block_on(service::watch(dcs, polls, &period));
    }
    runtime().block_on(compare(dcs));
}

async fn compare(dcs: usize) {
    let servers = Servers::start(dcs, Kind::Clear);
    println!("{dcs} DCs, {CONCURRENCY} polls at once, {ROUNDS} rounds");
    let (mut ours, mut bare) = (round::Client::new(&servers).await, Vec::new());
    let mut raw = raw::Client::new(&servers).await;
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        let watch = cost::Watch::start(&servers);
        ours.round().await;
        rounds.push(watch.stop(&servers));
        let watch = cost::Watch::start(&servers);
        raw.round().await;
        bare.push(watch.stop(&servers));
    }
    let bytes = raw.bytes() / dcs;
    drop((ours, raw));
    let mut table = vec![
        Row::of("raw exchange of the same bytes, open connections", &bare),
        Row::of(
            "highwater: read, judge and store, open connections",
            &rounds,
        ),
    ];
    table.extend(peers::all(&servers).await);
    println!("{} requests and {bytes} bytes a poll", round::REQUESTS);
    cost::print(&table, dcs);
    goals(&table);
}

/// The two bounds that the collector is held to.
fn goals(table: &[Row]) {
    let find = |begin: &str| -> Option<Cost> {
        let row = table.iter().find(|row| row.what.starts_with(begin))?;
        row.cost
    };
    let part = |part: Duration, whole: Duration| part.as_secs_f64() / whole.as_secs_f64();
    let (ours, raw) = (find("highwater: read").unwrap(), find("raw").unwrap());
    println!(
        "wall of highwater to that of the raw exchange: {:.2} (goal: at most 1.5)",
        part(ours.wall, raw.wall)
    );
    match find("ldapsearch") {
        Some(theirs) => println!(
            "client CPU of ldapsearch to that of highwater: {:.0} (goal: at least 20)",
            part(theirs.client, ours.client)
        ),
        None => println!("client CPU of ldapsearch: not known, the program is missing"),
    }
}
