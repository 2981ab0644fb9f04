//! The failure process killed at any of its writes, sends and answers, as `highwater on-error` and `highwater approve` do
//! them: no incident without its mail, no mail twice but with the same Message-ID, no move twice.
//!
//! `HIGHWATER_KILLS` says how many kills each command gets, spread evenly over its run.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::process::ExitStatusExt as _;
use std::process::Command;

use highwater::clock::Stopwatch;
use tempfile::TempDir;

use crate::bed::Bed;
use crate::outside::{Outside, folders};
use crate::smtp::{Protection, Server};

/// What writes to the disk, what speaks to DCs and the mail server, and what hears their answers.
const CALLS: [&str; 6] = [
    "pwrite64",
    "fdatasync",
    "fsync",
    "sendto",
    "recvfrom",
    "rename",
];
const FAILS: [&str; 3] = ["on-error", "hr", "the sync cannot connect"];
const APPROVES: [&str; 2] = ["approve", "1"];

fn kills() -> usize {
    let wanted = std::env::var("HIGHWATER_KILLS").ok();
    wanted.and_then(|n| n.parse().ok()).unwrap_or(30)
}

fn strace(options: &[&str]) -> Vec<String> {
    let mut words = vec!["strace", "-f", "-qq"];
    words.extend(options);
    words.into_iter().map(str::to_owned).collect()
}

/// Every point a command can be killed at: the call, and which of its thread.
fn points(scene: &Outside, words: &[&str]) -> Vec<(&'static str, usize)> {
    let log = scene.file("strace");
    let trace = format!("trace={}", CALLS.join(","));
    let before = strace(&["-o", log.to_str().unwrap(), "-e", &trace]);
    let run = scene.command(&before, words).output().unwrap();
    assert!(run.status.success(), "{run:?}");
    let mut per_thread: BTreeMap<(String, &str), usize> = BTreeMap::new();
    for line in std::fs::read_to_string(&log).unwrap().lines() {
        let (thread, rest) = line.split_once(' ').unwrap();
        let name = rest.trim_start().split('(').next().unwrap();
        if let Some(call) = CALLS.iter().find(|call| **call == name) {
            *per_thread.entry((thread.to_owned(), call)).or_default() += 1;
        }
    }
    let mut most: BTreeMap<&'static str, usize> = BTreeMap::new();
    for ((_, call), count) in per_thread {
        let name = CALLS.into_iter().find(|one| *one == call).unwrap();
        let entry = most.entry(name).or_default();
        *entry = count.max(*entry);
    }
    let all = most.into_iter();
    all.flat_map(|(call, most)| (1..=most).map(move |n| (call, n)))
        .collect()
}

/// Runs the command and kills it at that point; whether it was killed.
fn kill_at(scene: &Outside, words: &[&str], (call, n): (&str, usize)) -> bool {
    let (trace, inject) = (
        format!("trace={call}"),
        format!("inject={call}:signal=SIGKILL:when={n}"),
    );
    let before = strace(&["-o", "/dev/null", "-e", &trace, "-e", &inject]);
    let run = scene.command(&before, words).output().unwrap();
    let killed = run.status.signal() == Some(9);
    // Threads share their work differently from run to run: not every point is met.
    assert!(killed || run.status.success(), "{call} {n}: {run:?}");
    killed
}

/// The Message-IDs that came, each with how often, by what the subject begins with.
fn came(server: &Server) -> BTreeMap<String, BTreeMap<String, usize>> {
    let mut found: BTreeMap<String, BTreeMap<String, usize>> = BTreeMap::new();
    for mail in server.mails() {
        let subject = mail.header("subject").unwrap();
        let id = mail.header("message-id").unwrap();
        *found.entry(subject).or_default().entry(id).or_default() += 1;
    }
    found
}

/// A sync that read dc1, which is dead now.
async fn dead() -> (Bed, TempDir) {
    let mut bed = Bed::new(41, 3).await;
    for _ in 0..4 {
        bed.live(30);
        bed.collect().await;
        bed.poll().await;
    }
    bed.lab.kill(0).await.unwrap();
    (bed, TempDir::new().unwrap())
}

/// What all kills together came to.
#[derive(Debug, Default)]
struct Tally {
    kills: usize,
    twice: usize,
    by_call: BTreeMap<&'static str, usize>,
}

impl Tally {
    fn add(&mut self, call: &'static str, server: &Server) {
        self.kills += 1;
        *self.by_call.entry(call).or_default() += 1;
        let came = came(server);
        let counts = came.values().flat_map(|ids| ids.values());
        self.twice += usize::from(counts.into_iter().any(|count| *count > 1));
    }
}

fn chosen(points: &[(&'static str, usize)]) -> Vec<(&'static str, usize)> {
    let wanted = points.len().min(kills());
    let at = |index: usize| points[index * points.len() / wanted];
    (0..wanted).map(at).collect()
}

/// The next failure finds everything in order: one incident, one proposal, and exactly one mail that asks.
#[track_caller]
fn asks_once(scene: &Outside, server: &Server, what: &str) {
    scene.time_passes();
    assert!(scene.run(&FAILS).status.success(), "{what}");
    scene.time_passes();
    assert!(scene.run(&FAILS).status.success(), "{what}");
    let one = "SELECT count(*) FROM incident WHERE resolved_at IS NULL AND told_at IS NOT NULL";
    assert_eq!(scene.number(one), 1, "{what}");
    assert_eq!(scene.number("SELECT count(*) FROM incident"), 1, "{what}");
    let waiting = "SELECT count(*) FROM proposal WHERE state = 'waiting'";
    assert_eq!(scene.number(waiting), 1, "{what}");
    let queued = "SELECT count(*) FROM mail_outbox WHERE state <> 'sent'";
    assert_eq!(scene.number(queued), 0, "{what}");
    let came = came(server);
    let kinds: Vec<(&String, usize)> = came
        .iter()
        .map(|(subject, ids)| (subject, ids.len()))
        .collect();
    assert_eq!(kinds.len(), 1, "{what}: {came:?}");
    assert!(kinds[0].0.contains("approval wanted"), "{what}: {came:?}");
    assert_eq!(kinds[0].1, 1, "one Message-ID, {what}: {came:?}");
    assert!(
        came.values()
            .all(|ids| ids.values().all(|count| *count <= 2)),
        "{what}: {came:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_from_the_failure_to_the_mark_of_its_mail() {
    installed();
    let (bed, root) = dead().await;
    let mut folders = folders(root.path());
    let server = Server::start(Protection::Clear).await;
    let scene = Outside::of(&bed, folders(), server.port, "propose");
    let watch = Stopwatch::start();
    let all = points(
        &Outside::of(&bed, folders(), server.port, "propose"),
        &FAILS,
    );
    assert!(all.len() > 50, "strace saw only {all:?}");
    assert_eq!(came(&server).len(), 1, "one mail of an undisturbed run");
    let mut tally = Tally::default();
    for point in chosen(&all) {
        let server = Server::start(Protection::Clear).await;
        let scene = scene.copy(&bed, folders(), server.port, "propose");
        if kill_at(&scene, &FAILS, point) {
            asks_once(&scene, &server, &format!("killed at {point:?}"));
            tally.add(point.0, &server);
        }
    }
    assert!(tally.kills > chosen(&all).len() / 2, "{tally:?}");
    told(&format!(
        "on-error: killed at {} of {} points {:?} in {} s; each incident's mail came, {} times twice with one Message-ID",
        tally.kills,
        all.len(),
        tally.by_call,
        watch.elapsed().as_secs(),
        tally.twice
    ));
}

/// However far it came: the move was made once, or is proposed anew and then made once.
#[track_caller]
fn moves_once(scene: &Outside, server: &Server, what: &str) {
    scene.time_passes();
    scene.run(&APPROVES);
    let state: String = scene
        .sql()
        .query_row("SELECT state FROM proposal WHERE id = 1", [], |row| {
            row.get(0)
        })
        .unwrap();
    assert!(
        ["done", "failed", "stale"].contains(&state.as_str()),
        "{what}: {state}"
    );
    if state != "done" {
        assert!(scene.host().starts_with("dc1"), "{what}: {state}");
        assert!(scene.run(&FAILS).status.success(), "{what}");
        assert!(scene.run(&["approve", "2"]).status.success(), "{what}");
    }
    scene.time_passes();
    assert!(scene.run(&FAILS).status.success(), "{what}");
    assert!(!scene.host().starts_with("dc1"), "{what}");
    let moved = "SELECT count(*) FROM attempt WHERE state IN ('done', 'done_in_part')";
    assert_eq!(scene.number(moved), 1, "{what}");
    assert_eq!(
        scene.number("SELECT count(*) FROM attempt WHERE ended_at IS NULL"),
        0,
        "{what}"
    );
    let queued = "SELECT count(*) FROM mail_outbox WHERE state <> 'sent'";
    assert_eq!(scene.number(queued), 0, "{what}");
    let came = came(server);
    let moved: BTreeSet<&String> = came
        .iter()
        .filter(|(subject, _)| subject.contains("was moved from dc1"))
        .flat_map(|(_, ids)| ids.keys())
        .collect();
    assert_eq!(moved.len(), 1, "{what}: {came:?}");
    assert!(came.values().all(|ids| ids.len() == 1), "{what}: {came:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_from_the_approval_to_the_mark_of_its_mail() {
    installed();
    let (bed, root) = dead().await;
    let mut folders = folders(root.path());
    let server = Server::start(Protection::Clear).await;
    let scene = Outside::of(&bed, folders(), server.port, "propose");
    assert!(scene.run(&FAILS).status.success());
    assert_eq!(came(&server).len(), 1);
    let watch = Stopwatch::start();
    let all = points(
        &scene.copy(&bed, folders(), server.port, "propose"),
        &APPROVES,
    );
    assert!(all.len() > 50, "strace saw only {all:?}");
    let mut tally = Tally::default();
    let mut again = 0;
    for point in chosen(&all) {
        let server = Server::start(Protection::Clear).await;
        let scene = scene.copy(&bed, folders(), server.port, "propose");
        if kill_at(&scene, &APPROVES, point) {
            moves_once(&scene, &server, &format!("killed at {point:?}"));
            again += usize::from(scene.number("SELECT count(*) FROM proposal") > 1);
            tally.add(point.0, &server);
        }
    }
    assert!(tally.kills > chosen(&all).len() / 2, "{tally:?}");
    told(&format!(
        "approve: killed at {} of {} points {:?} in {} s; moved once each time, {again} times by a second proposal; {} times \
         a mail came twice with one Message-ID",
        tally.kills,
        all.len(),
        tally.by_call,
        watch.elapsed().as_secs(),
        tally.twice
    ));
}

fn installed() {
    let found = Command::new("strace").arg("-V").output();
    assert!(
        found.is_ok_and(|run| run.status.success()),
        "this test kills the program with strace: install it (apt-get install strace)"
    );
}

/// Prints what was done, for `--nocapture`.
#[expect(clippy::print_stdout, reason = "what the runs did")]
fn told(text: &str) {
    println!("{text}");
}
