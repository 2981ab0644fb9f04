//! What reading many users from a Samba DC costs a client: ours beside `ldapsearch`, python-ldap and go-ldap, all over
//! LDAPS with the same simple bind and pages of 1,000; a benchmark, run by itself:
//! `cargo test --release --features samba-lab --test samba reading_cost::what -- --ignored --nocapture`.
//!
//! # Decisions
//! - Every client is a process of its own, started and measured in the client's view, as `tests/bench/reading` has it. Ours
//!   is this test's own binary again, so this has to be the release build, and refuses to be another one. The start, the
//!   TLS handshake and the bind are counted for all; ours has the test harness on top.
//! - The images come with Show Deleted and extended names, as a feed reads. A feed reads the schema once as it begins: that
//!   is counted with the images, and in a line of its own too.
//! - The users are put into the stopped DC's database, and its partners stay down: nothing is replicated meanwhile.
//! - The DC shares the cores with its clients, and most of a wall time is its own work: a ratio of walls says how little
//!   the client adds, not how quick it is. So what the DC, with all its services, took meanwhile is printed beside each
//!   wall, and the CPU column is the client's alone.
//! - CPU times come in steps of 10 ms, a tenth of what `ldapsearch` takes: its ratios are no finer than that.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use highwater::directory::{
    ChangeQuery, ChangeSource, Port, Projection, Query, Reading, Scope, Search, Session, Target,
};
use highwater::model::Usn;

use super::lab::{CLIENT, DCS, Lab, show};
use super::reading::{AUTHORITY, administrator};

#[path = "../bench/reading/attributes.rs"]
mod attributes;
#[path = "../bench/reading/peers.rs"]
mod peers;
#[expect(clippy::print_stdout, reason = "a measuring program prints")]
#[path = "../bench/reading/process.rs"]
mod process;

use attributes::{IMAGE, PLAIN};
use peers::{Peer, Source};

const USERS: usize = 10_000;
const ROUNDS: usize = 3;
const KIND: &str = "HIGHWATER_READING_COST";
const SERVER: &str = "HIGHWATER_READING_COST_DC";
const BASE: &str = "OU=Reading,DC=lab,DC=test";
const SCHEMA: &str = "CN=Schema,CN=Configuration,DC=lab,DC=test";
const FILTER: &str = "(uSNChanged>=1)";
/// Show Deleted and extended names in their standard string form, as ours asks for them; ADTS 3.1.1.3.4.1.14 and
/// 3.1.1.3.4.1.5.
const CONTROLS: [&str; 2] = [
    "1.2.840.113556.1.4.417",
    "1.2.840.113556.1.4.529=::MAMCAQE=",
];
/// Those that the schema bounds to a few characters (rangeUpper).
const SHORT: [&str; 4] = ["employeeID", "postalCode", "initials", "homeDrive"];

/// The users, each with a value of every attribute in `PLAIN`; the manager of each is the one before.
fn users() -> String {
    let mut ldif = format!("dn: {BASE}\nobjectClass: organizationalUnit\n\n");
    let mut manager = "CN=Administrator,CN=Users,DC=lab,DC=test".to_owned();
    for user in 1..=USERS {
        let dn = format!("CN=user {user:06},{BASE}");
        writeln!(ldif, "dn: {dn}\nobjectClass: user").unwrap();
        for name in PLAIN {
            match name {
                // the DC gives these itself
                "objectClass" | "cn" | "uSNChanged" => {}
                "sAMAccountName" => writeln!(ldif, "{name}: bench{user:06}").unwrap(),
                "manager" => writeln!(ldif, "{name}: {manager}").unwrap(),
                "c" => writeln!(ldif, "{name}: DE").unwrap(),
                "proxyAddresses" => (1..=3).for_each(|value| {
                    writeln!(ldif, "{name}: smtp:{value}.{user:06}@lab.test").unwrap();
                }),
                _ if SHORT.contains(&name) => writeln!(ldif, "{name}: {user:06}").unwrap(),
                _ => writeln!(ldif, "{name}: value of {name} of user {user:06}").unwrap(),
            }
        }
        ldif.push('\n');
        manager = dn;
    }
    ldif
}

#[test]
#[ignore = "a benchmark"]
fn what_reading_many_users_costs_beside_other_clients() {
    let optimised = !cfg!(debug_assertions);
    assert!(
        optimised,
        "ours would be the debug build: run it with `cargo test --release`"
    );
    let lab = Lab::fresh();
    for dc in DCS {
        lab.stop(dc);
    }
    let file = lab.scratch().join("users.ldif");
    std::fs::write(&file, users()).unwrap();
    let words = [
        "ldbadd",
        "-H",
        "/var/lib/samba/private/sam.ldb",
        file.to_str().unwrap(),
    ];
    let added = lab.spawn("dc1", "ldbadd", &words);
    added.wait(Duration::from_mins(10)).success();
    lab.start("dc1");
    // built here where modules can be had: the client's view has no way out
    drop(peers::go(&source()));
    let authority = lab.folder().join("ca/ca.pem");
    let authority = authority.to_str().unwrap();
    let server = std::fs::read_to_string(lab.folder().join("dc1/sid")).unwrap();
    let own = std::env::current_exe().unwrap();
    let words = [
        "env",
        &format!("{AUTHORITY}={authority}"),
        // where go-ldap looks
        &format!("SSL_CERT_FILE={authority}"),
        &format!("{SERVER}={}", server.trim()),
        own.to_str().unwrap(),
        "reading_cost::all_clients_in_the_clients_view",
        "--exact",
        "--ignored",
        "--nocapture",
    ];
    let clients = lab.spawn(CLIENT, "clients", &words);
    let ended = clients.wait(Duration::from_mins(30));
    show(&ended.success().stdout);
}

fn source() -> Source {
    Source {
        url: "ldaps://dc1.lab.test".to_owned(),
        user: "administrator@LAB.TEST",
        password: "Passw0rd.Lab1",
        base: BASE,
        filter: FILTER,
    }
}

fn ours(kind: &str, what: &str) -> Peer {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["reading_cost::read_as_one_client", "--exact", "--ignored"])
        .env(KIND, kind)
        // as the systemd unit has it
        .env("MALLOC_ARENA_MAX", "1")
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    Peer::of(what, command)
}

#[test]
#[ignore = "a part of what_reading_many_users_costs_beside_other_clients, in the client's view"]
fn all_clients_in_the_clients_view() {
    let source = source();
    let mut peers = [
        ours("entries", "highwater: entries"),
        peers::ldapsearch("ldapsearch -LLL", &source, &PLAIN, &[]),
        peers::python(&source),
        peers::go(&source),
        ours("images", "highwater: images with their stamps"),
        peers::ldapsearch(
            "ldapsearch -LLL, the same attributes and controls",
            &source,
            &IMAGE,
            &CONTROLS,
        ),
        ours("schema", "highwater: the schema alone"),
    ];
    let server = std::env::var(SERVER).unwrap();
    let mut served = vec![Vec::new(); peers.len()];
    for _ in 0..ROUNDS {
        for (peer, served) in peers.iter_mut().zip(&mut served) {
            let before = session_cpu(&server);
            peer.round(USERS);
            served.push(session_cpu(&server).saturating_sub(before));
        }
    }
    // the schema is no users: it has no place in a table of users a second
    let (readers, schema) = peers.split_at(peers.len() - 1);
    process::print(readers, USERS);
    let cost = schema[0].best().unwrap();
    writeln!(
        std::io::stdout(),
        "{}, counted with the images too: wall {:.2} s, CPU {:.2} s",
        schema[0].what,
        cost.wall.as_secs_f64(),
        cost.cpu.as_secs_f64()
    )
    .unwrap();
    compare(&peers, &served);
}

/// Prints each client beside the DC and beside the `ldapsearch` that reads the same, with what ours is held to.
fn compare(peers: &[Peer], served: &[Vec<Duration>]) {
    let mut out = std::io::stdout();
    let cores = std::thread::available_parallelism().unwrap();
    writeln!(
        out,
        "{USERS} users, the quickest of {ROUNDS} rounds, DC and clients on the same {cores} cores"
    )
    .unwrap();
    let mut parts = Vec::new();
    for (ours, theirs) in [(0, 1), (1, 1), (2, 1), (3, 1), (4, 5), (5, 5)] {
        let name = &peers[ours].what;
        let quickest = peers[ours].rounds.iter().zip(&served[ours]);
        let quickest = quickest.min_by_key(|(cost, _)| cost.wall);
        let (Some((cost, served)), Some(theirs)) = (quickest, peers[theirs].best()) else {
            writeln!(out, "{name}: nothing to compare with").unwrap();
            continue;
        };
        let wall = cost.wall.as_secs_f64() / theirs.wall.as_secs_f64();
        let cpu = cost.cpu.as_secs_f64() / theirs.cpu.as_secs_f64();
        let dc = served.as_secs_f64();
        let part = 100.0 * dc / cost.wall.as_secs_f64();
        parts.push(part);
        let goals = match name.strip_prefix("highwater") {
            Some(_) => " (goals for ours: at most 1.5 and 2)",
            None => "",
        };
        writeln!(
            out,
            "{name}: the DC took {dc:.2} s CPU, {part:.0} % of the wall; to ldapsearch: wall {wall:.2}, CPU {cpu:.1}{goals}"
        )
        .unwrap();
    }
    let least = parts.iter().copied().fold(f64::INFINITY, f64::min);
    writeln!(
        out,
        "Samba itself is at least {least:.0} % of every wall by its CPU: compare the clients by theirs"
    )
    .unwrap();
}

/// The CPU that the processes of a session, and those they have waited for, have taken so far (proc_pid_stat(5)).
fn session_cpu(session: &str) -> Duration {
    let mut ticks = 0;
    for process in std::fs::read_dir("/proc").unwrap() {
        // what is no process, or has ended meanwhile, has none
        let Ok(stat) = std::fs::read_to_string(process.unwrap().path().join("stat")) else {
            continue;
        };
        let Some((_, rest)) = stat.rsplit_once(") ") else {
            continue;
        };
        let fields: Vec<&str> = rest.split(' ').collect();
        // the session is the 6th field, utime, stime, cutime and cstime are the 14th to 17th; the name was the 2nd
        if fields[3] == session {
            let of_this = fields[11..15].iter();
            ticks += of_this
                .map(|field| field.parse::<u64>().unwrap())
                .sum::<u64>();
        }
    }
    Duration::from_millis(ticks * 10)
}

#[tokio::test]
#[ignore = "a part of what_reading_many_users_costs_beside_other_clients, in the client's view"]
async fn read_as_one_client() {
    let authority = PathBuf::from(std::env::var(AUTHORITY).unwrap());
    let mut session = Session::open(&administrator(Path::new(&authority)), Port::Directory)
        .await
        .unwrap();
    let read = match std::env::var(KIND).unwrap().as_str() {
        "entries" => entries(&mut session).await,
        "images" => images(&mut session).await,
        _ => {
            let schema = session.schema(&SCHEMA.parse().unwrap()).await;
            assert!(schema.unwrap().len() > 1400);
            // what every round expects to see
            USERS
        }
    };
    // on a line of its own, and past the harness, which keeps what a test prints
    writeln!(std::io::stdout(), "\n{read}").unwrap();
}

async fn entries(session: &mut Session) -> usize {
    let mut pages = session.pages(Query {
        base: BASE,
        scope: Scope::Subtree,
        filter: FILTER,
        attributes: &PLAIN,
        controls: Vec::new(),
    });
    let mut read = 0;
    while let Some(page) = pages.next_page().await.unwrap() {
        // that they came whole, not only that they came
        read += page
            .iter()
            .filter(|entry| entry.attributes().len() == PLAIN.len())
            .count();
    }
    read
}

/// All but uSNChanged, which each DC has for itself and an image has anyway.
async fn images(session: &mut Session) -> usize {
    let schema = session.schema(&SCHEMA.parse().unwrap()).await.unwrap();
    let followed: Vec<String> = PLAIN
        .iter()
        .filter(|name| **name != "uSNChanged")
        .map(|name| (*name).to_owned())
        .collect();
    let projection = Projection::new(&schema, &followed, &[]).unwrap();
    let reading = Reading::new(&schema, &projection);
    let query = ChangeQuery {
        base: Target::Dn(BASE.parse().unwrap()),
        floor: Usn::ZERO,
        ceiling: None,
        filter: None,
    };
    let (mut read, mut search) = (0, Search::new(&reading, &query));
    while let Some(images) = search.next(session).await.unwrap() {
        // the manager is a link, and links have no stamps of the object
        let whole = images.iter().filter(|image| {
            image.values.len() + 1 == followed.len()
                && image.stamps.len() + 1 >= followed.len()
                && image.links.len() == 1
        });
        read += whole.count();
    }
    read
}
