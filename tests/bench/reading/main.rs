//! What reading many objects costs a client: our pages and our images beside `ldapsearch`, python-ldap and go-ldap, all
//! with pages of 1,000 from one slapd on this machine.
//!
//! - `cargo bench --bench reading` reads 50,000 users of 35 attributes; `-- --users 5000` makes it short.
//! - `-- load` loads 5,000 users of a simulated forest with `highwater sync --once`.
//! - `-- serve` prints the ports of slapd and of the relay and waits, for a look at one client with a profiler.
//!
//! # Decisions
//! - Every client is a process of its own, ours this program started again, so that wall, CPU and memory are its own, the
//!   start included. The cores are shared with slapd all the same: a wall time holds what it needs, too.
//! - The clients take turns, so that other work on the machine meets them all; of each the quickest round counts.
//! - A peer that is not installed is named as missing in the table.
//! - slapd refuses the control that shows deleted objects, which our images need: they come through a relay that makes it
//!   uncritical, and a second `ldapsearch` reads what the images are made of through the same relay.
#![expect(
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a measuring program prints, and stops at the first problem"
)]

mod attributes;
mod directory;
mod load;
mod ours;
mod peers;
mod process;
mod relay;

use std::io::Read as _;

use attributes::{IMAGE, PLAIN};
use directory::Directory;
use peers::Peer;
use process::{Cost, print};

const ROUNDS: usize = 5;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let after = |name: &str| {
        let at = arguments.iter().position(|argument| argument == name)?;
        arguments.get(at + 1).cloned()
    };
    if let Some(kind) = after(ours::CHILD) {
        let port = after("--port").unwrap().parse().unwrap();
        return ours::read(&kind, port);
    }
    if let Some(users) = after(load::CHILD) {
        return load::serve(users.parse().unwrap());
    }
    if arguments.iter().any(|argument| argument == "load") {
        let users = after("--users").map_or(5_000, |count| count.parse().unwrap());
        return load::measure(users);
    }
    let users: usize = after("--users").map_or(50_000, |count| count.parse().unwrap());
    let directory = Directory::start(users);
    let relay = relay::start(directory.port);
    if arguments.iter().any(|argument| argument == "serve") {
        println!("{} {relay}", directory.port);
        drop(std::io::stdin().read(&mut [0]));
        return;
    }
    let (direct, relayed) = (Directory::source(directory.port), Directory::source(relay));
    let mut peers = vec![
        ours::peer("pages", "highwater: entries", directory.port),
        peers::ldapsearch("ldapsearch -LLL", &direct, &PLAIN, &[]),
        peers::python(&direct),
        peers::go(&direct),
        ours::peer(
            "images",
            "highwater: images with their stamps, relayed",
            relay,
        ),
        peers::ldapsearch(
            "ldapsearch -LLL, the same attributes, relayed",
            &relayed,
            &IMAGE,
            &[],
        ),
    ];
    println!("{users} users, the quickest of {ROUNDS} rounds");
    for _ in 0..ROUNDS {
        for peer in &mut peers {
            peer.round(users);
        }
    }
    print(&peers, users);
    compare(&peers, 0, 1);
    compare(&peers, 4, 5);
}

/// The bounds that reading is held to.
fn compare(peers: &[Peer], ours: usize, theirs: usize) {
    let (ours, theirs) = (peers.get(ours).unwrap(), peers.get(theirs).unwrap());
    let (Some(cost), Some(theirs)) = (ours.best(), theirs.best()) else {
        println!(
            "{}: nothing to compare with, ldapsearch is missing",
            ours.what
        );
        return;
    };
    let part = |of: fn(&Cost) -> f64| of(&cost) / of(&theirs);
    println!(
        "{}, to ldapsearch: wall {:.2} (goal: at most 1.5), CPU {:.2} (goal: at most 2), {:.0} MB (goal: below 50)",
        ours.what,
        part(|cost| cost.wall.as_secs_f64()),
        part(|cost| cost.cpu.as_secs_f64()),
        cost.megabytes
    );
}
