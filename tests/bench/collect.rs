//! One collection round over 1,000 simulated DCs with open connections, beside the bare exchange of the same bytes.
//!
//! `cargo bench --bench collect` prints the figures; `-- --dcs 100` makes it short. What is timed is what the service
//! does per poll (a complete reading, judged and stored); the floor sends the same requests over open sockets to the
//! same servers and reads as many bytes back. Both include the servers' own work, since they run in this process.
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a measuring program prints, and stops at the first problem"
)]

use std::sync::Arc;
use std::time::Duration;

use highwater::clock::{self, Stopwatch};
use highwater::collector::decide;
use highwater::config::{DcSettings, Timeouts};
use highwater::directory::{self, Port, Session, Wanted};
use highwater::lab::forest::{DOMAIN, Forest, Shape};
use highwater::lab::server::Lab;
use highwater::store::Store;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Mutex, Semaphore};
use tokio::task::JoinSet;

/// So many DCs share a forest, so that each has partners in its vector.
const PER_FOREST: usize = 5;
/// The most polls under way at once, as the collector's own default order of magnitude.
const CONCURRENCY: usize = 64;
const ROUNDS: usize = 5;

const TIMEOUTS: Timeouts = Timeouts {
    connect: Duration::from_secs(30),
    operation: Duration::from_secs(30),
    search: Duration::from_mins(1),
};

/// One request and the length of its answer.
type Exchange = (Vec<u8>, usize);

#[tokio::main]
async fn main() {
    let dcs = std::env::args().skip_while(|arg| arg != "--dcs").nth(1);
    let dcs: usize = dcs.map_or(1_000, |count| count.parse().unwrap());
    let (labs, targets) = forests(dcs);
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("bench.db")).await.unwrap();
    let wanted = Wanted {
        bases: vec!["DC=sim,DC=test".parse().unwrap()],
        ..Wanted::default()
    };
    println!(
        "{} DCs in {} forests, {CONCURRENCY} polls at once",
        targets.len(),
        labs.len()
    );

    let watch = Stopwatch::start();
    let mut sessions = Vec::new();
    for dc in &targets {
        sessions.push(Session::open(dc, Port::Directory).await.unwrap());
    }
    println!(
        "connected and bound one after another in {:.1?}",
        watch.elapsed()
    );
    let mut polls = Vec::new();
    for _ in 0..ROUNDS {
        let (cpu, watch) = (cpu_ms(), Stopwatch::start());
        sessions = round(&store, &targets, sessions, &wanted).await;
        polls.push((watch.elapsed(), cpu_ms() - cpu));
    }

    let mut floors = Vec::new();
    let mut sockets = Vec::new();
    let mut bytes = 0;
    for dc in &targets {
        let mut exchanges = recorded(dc, &wanted).await;
        let bind = exchanges.remove(0);
        let mut socket = TcpStream::connect(("127.0.0.1", dc.port)).await.unwrap();
        socket.set_nodelay(true).unwrap();
        exchange(&mut socket, &[bind]).await;
        bytes += exchanges
            .iter()
            .map(|(sent, got)| sent.len() + got)
            .sum::<usize>();
        sockets.push((socket, exchanges));
    }
    for _ in 0..ROUNDS {
        let (cpu, watch) = (cpu_ms(), Stopwatch::start());
        sockets = bare_round(sockets).await;
        floors.push((watch.elapsed(), cpu_ms() - cpu));
    }
    println!("{bytes} bytes a round in both");
    let poll = report("collection round", polls);
    let floor = report("bare exchange", floors);
    println!(
        "ratio: {:.2} in time, {:.2} in CPU",
        poll.0 / floor.0,
        poll.1 / floor.1.max(1.0)
    );
    drop(labs);
}

/// Enough forests for so many DCs, and how each DC is reached, under a name of its own.
fn forests(dcs: usize) -> (Vec<Lab>, Vec<DcSettings>) {
    let shape = Shape {
        users: 2,
        groups: 1,
        ..Shape::of(PER_FOREST)
    };
    let (mut labs, mut targets) = (Vec::new(), Vec::new());
    while targets.len() < dcs {
        let seed = u64::try_from(labs.len()).unwrap();
        let now = clock::now().as_millis();
        let mut forest = Forest::new(seed, &shape, now).unwrap();
        for dc in 0..PER_FOREST {
            forest.new_user(dc, 100 + dc, now).unwrap();
        }
        forest.settle(now).unwrap();
        assert_eq!(forest.dc(0).unwrap().vector(DOMAIN).len(), PER_FOREST - 1);
        let lab = Lab::start(forest, None).unwrap();
        for number in 0..PER_FOREST.min(dcs - targets.len()) {
            let mut dc = lab.settings(number, TIMEOUTS).unwrap();
            dc.name = format!("dc{}", targets.len() + 1).parse().unwrap();
            targets.push(dc);
        }
        labs.push(lab);
    }
    (labs, targets)
}

/// One reading of every DC over its open session, judged and stored.
async fn round(
    store: &Store,
    targets: &[DcSettings],
    sessions: Vec<Session>,
    wanted: &Wanted,
) -> Vec<Session> {
    let permits = Arc::new(Semaphore::new(CONCURRENCY));
    let mut polls = JoinSet::new();
    for (place, mut session) in sessions.into_iter().enumerate() {
        let (store, name) = (store.clone(), targets.get(place).unwrap().name.clone());
        let (wanted, permits) = (wanted.clone(), Arc::clone(&permits));
        polls.spawn(async move {
            let _permit = permits.acquire_owned().await.unwrap();
            let facts = directory::read_facts(&mut session, &wanted).await.unwrap();
            let judge = |dc: &_, facts: &_, seen: &_| decide::accept(dc, None, facts, seen);
            store.record_poll(name, facts, false, judge).await.unwrap();
            (place, session)
        });
    }
    let mut back = polls.join_all().await;
    back.sort_by_key(|(place, _)| *place);
    back.into_iter().map(|(_, session)| session).collect()
}

/// The exchanges of a bind and one reading, taken down by a proxy in between.
async fn recorded(dc: &DcSettings, wanted: &Wanted) -> Vec<Exchange> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut through = dc.clone();
    through.port = listener.local_addr().unwrap().port();
    let port = dc.port;
    let seen = Arc::new(Mutex::new(Vec::new()));
    let record = Arc::clone(&seen);
    let proxy = tokio::spawn(async move {
        let (mut client, _) = listener.accept().await.unwrap();
        let mut server = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        let (mut up, mut down) = (vec![0; 65_536], vec![0; 65_536]);
        loop {
            tokio::select! {
                read = client.read(&mut up) => {
                    let sent = up.get(..read.unwrap()).unwrap().to_vec();
                    if sent.is_empty() {
                        return;
                    }
                    server.write_all(&sent).await.unwrap();
                    record.lock().await.push((sent, 0));
                }
                read = server.read(&mut down) => {
                    let got = down.get(..read.unwrap()).unwrap();
                    if let Some((_, length)) = record.lock().await.last_mut() {
                        *length += got.len();
                    }
                    client.write_all(got).await.unwrap();
                }
            }
        }
    });
    let mut session = Session::open(&through, Port::Directory).await.unwrap();
    directory::read_facts(&mut session, wanted).await.unwrap();
    proxy.abort();
    let exchanges: Vec<Exchange> = seen.lock().await.drain(..).collect();
    assert!(
        exchanges.len() >= 6,
        "a bind and five searches: {}",
        exchanges.len()
    );
    exchanges
}

/// Sends each request and reads its answer's length; a counter that grew by a digit would block, and none does here.
async fn exchange(socket: &mut TcpStream, exchanges: &[Exchange]) {
    let mut buffer = vec![0; 65_536];
    for (sent, length) in exchanges {
        socket.write_all(sent).await.unwrap();
        let mut left = *length;
        while left > 0 {
            let read = socket.read(&mut buffer).await.unwrap();
            assert!(read > 0 && read <= left, "the answer has another length");
            left -= read;
        }
    }
}

async fn bare_round(sockets: Vec<(TcpStream, Vec<Exchange>)>) -> Vec<(TcpStream, Vec<Exchange>)> {
    let permits = Arc::new(Semaphore::new(CONCURRENCY));
    let mut running = JoinSet::new();
    for (mut socket, exchanges) in sockets {
        let permits = Arc::clone(&permits);
        running.spawn(async move {
            let _permit = permits.acquire_owned().await.unwrap();
            exchange(&mut socket, &exchanges).await;
            (socket, exchanges)
        });
    }
    running.join_all().await
}

/// CPU time of this process so far, user and system, in milliseconds; 0 where /proc does not tell.
fn cpu_ms() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The name in parentheses may hold blanks; utime and stime are the 12th and 13th fields after it, in 10 ms.
    let fields = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
    let ticks: u64 = fields
        .split(' ')
        .skip(11)
        .take(2)
        .filter_map(|field| field.parse::<u64>().ok())
        .sum();
    ticks * 10
}

/// Prints the median and the spread; gives the medians in milliseconds.
fn report(what: &str, mut rounds: Vec<(Duration, u64)>) -> (f64, f64) {
    rounds.sort();
    let median = rounds.get(rounds.len() / 2).unwrap().0;
    let mut cpu: Vec<u64> = rounds.iter().map(|(_, cpu)| *cpu).collect();
    cpu.sort_unstable();
    let cpu = *cpu.get(cpu.len() / 2).unwrap();
    println!(
        "{what}: median {median:.1?}, {:.1?} to {:.1?}, CPU {cpu} ms, of {} rounds",
        rounds.first().unwrap().0,
        rounds.last().unwrap().0,
        rounds.len()
    );
    let cpu = f64::from(u32::try_from(cpu).unwrap());
    (median.as_secs_f64() * 1000.0, cpu)
}
