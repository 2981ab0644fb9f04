//! Sinks that are down, refuse, and work again.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::time::Duration;

use highwater::active_sync::Task;
use highwater::clock::Pulse;
use highwater::config::{CommandSink, FileSink, Sink};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use crate::bed::{Bed, Make, hr};
use crate::moving::Tally;
use crate::receiver::Receiver;
use crate::seeds;
use crate::truth::Filter;

pub(crate) const MAKE: Make = Make {
    dcs: 3,
    users: 12,
    filter: Filter::Accounts,
    below: false,
    overlap: 5,
};

/// A program that does as the file `mode` beside it says: takes the event, is down (75), or refuses it (65).
const PROGRAM: &str = "#!/bin/sh\nread -r line\ncase $(cat \"$1/mode\" 2>/dev/null) in\ndown) exit 75;;\nrefuse) exit 65;;\n*) printf '%s\\n' \"$line\" >> \"$1/events.jsonl\";;\nesac\n";

/// The folder with the program, the sink that it is, and its mode.
fn program() -> (TempDir, Sink, PathBuf) {
    let folder = TempDir::new().unwrap();
    let program = folder.path().join("take");
    std::fs::write(&program, PROGRAM).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o700)).unwrap();
    let sink = Sink::Command(CommandSink {
        argv: [&program, folder.path()]
            .map(|path| path.display().to_string())
            .to_vec(),
        timeout: Duration::from_secs(10),
    });
    let mode = folder.path().join("mode");
    (folder, sink, mode)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sink_that_is_down_gets_everything_later_and_what_it_refuses_is_kept() {
    let mut tally = Tally::default();
    for seed in seeds(2) {
        let (folder, sink, mode) = program();
        let file = folder.path().join("events.jsonl");
        let mut bed = Bed::with_sink(seed, MAKE, folder, sink, Receiver::new(&file)).await;
        bed.start();
        bed.begun(true).await;
        std::fs::write(&mode, "down").unwrap();
        bed.pass_time(60).await;
        bed.kill_at_random(50).await;
        bed.fail_over().await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        let waits = bed.store.feed_backlog(&hr()).await.unwrap();
        bed.receiver.read_on();
        let before = bed.receiver.events;
        assert!(waits.events > 0, "seed {seed}: nothing waits");
        std::fs::write(&mode, "take").unwrap();
        bed.check().await;
        assert!(bed.receiver.events > before, "seed {seed}");
        // What is refused is kept by itself and holds nothing back.
        std::fs::write(&mode, "refuse").unwrap();
        bed.write_again();
        bed.pass_time(40).await;
        bed.rest().await;
        let refused = bed.store.dead_letters(&hr(), 0, 1_000).await.unwrap();
        assert!(!refused.is_empty(), "seed {seed}: nothing was refused");
        assert_eq!(bed.store.feed_backlog(&hr()).await.unwrap().events, 0);
        tally.add(&bed).await;
        bed.stop().await;
    }
    tally.tell("a sink that is down and refuses");
}

/// `sync --once` beside a scheduler: it ends, and the next one delivers.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_pass_does_not_wait_for_ever_for_a_sink_and_loses_nothing() {
    let (folder, sink, mode) = program();
    let file = folder.path().join("events.jsonl");
    std::fs::write(&mode, "down").unwrap();
    let mut bed = Bed::with_sink(1, MAKE, folder, sink, Receiver::new(&file)).await;
    bed.live(40);
    let once = |bed: &Bed| {
        let (pulse, stop) = (Pulse::start(), CancellationToken::new());
        let task = Task::new(&bed.store, &bed.settings, &hr(), false, pulse, stop).unwrap();
        Box::pin(async move { task.once(Duration::from_millis(300), &mut |_| ()).await })
    };
    let down = once(&bed).await.unwrap_err().to_string();
    assert!(
        down.contains("sink `out`") && down.contains("stays queued"),
        "{down}"
    );
    std::fs::write(&mode, "take").unwrap();
    assert!(once(&bed).await.unwrap() > 0);
    bed.receiver.read_on();
    assert!(bed.receiver.wrong.is_empty(), "{:#?}", bed.receiver.wrong);
    let missed = bed.missed(bed.in_use().await.unwrap());
    assert!(missed.is_empty(), "{missed:#?}");
}

/// A program that takes its time with every event.
const SLOW: &str =
    "#!/bin/sh\nread -r line\nsleep 0.05\nprintf '%s\\n' \"$line\" >> \"$1/events.jsonl\"\n";

/// A whole batch takes longer than anybody who watches waits: each event it takes is a sign of life, and what it has taken
/// is soon on record.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_sink_is_no_dead_feed() {
    let folder = TempDir::new().unwrap();
    let program = folder.path().join("take");
    std::fs::write(&program, SLOW).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o700)).unwrap();
    let file = folder.path().join("events.jsonl");
    let sink = Sink::Command(CommandSink {
        argv: [&program, folder.path()]
            .map(|path| path.display().to_string())
            .to_vec(),
        timeout: Duration::from_secs(10),
    });
    let make = Make { users: 150, ..MAKE };
    let mut bed = Bed::with_sink(1, make, folder, sink, Receiver::new(&file)).await;
    let pulse = bed.start();
    let mut longest = Duration::ZERO;
    let mut waiting = Vec::new();
    for _ in 0..400 {
        tokio::time::sleep(Duration::from_millis(10)).await;
        longest = longest.max(pulse.silence());
        if bed.feed().await.is_some() {
            let waits = bed.store.feed_backlog(&hr()).await.unwrap().events;
            if waiting.last() != Some(&waits) {
                waiting.push(waits);
            }
        }
    }
    bed.stop().await;
    assert!(longest < Duration::from_secs(2), "no beat for {longest:?}");
    assert!(waiting.len() > 3, "not on record: {waiting:?} wait");
}

/// A sink that was down is taken out of the configuration: what only it still had to take holds nothing back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sink_that_is_taken_out_holds_nothing_back() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("events.jsonl");
    let sink = Sink::File(FileSink {
        path: file.clone(),
        rotate_bytes: u64::MAX,
        keep: 1,
    });
    let mut bed = Bed::with_sink(1, MAKE, folder, sink, Receiver::new(&file)).await;
    bed.start();
    bed.begun(true).await;
    bed.rest().await;
    bed.stop().await;
    let down = Sink::Command(CommandSink {
        argv: vec!["/bin/false".to_owned()],
        timeout: Duration::from_secs(10),
    });
    bed.sinks(|sinks| drop(sinks.insert("spare".to_owned(), down)));
    let used = bed.in_use().await.unwrap();
    bed.with(|forest, now| forest.new_user(used, 900, now).unwrap());
    bed.start();
    while bed
        .store
        .feed_backlog(&hr())
        .await
        .unwrap()
        .by_sink
        .get("out")
        != Some(&0)
        || bed.store.feed_backlog(&hr()).await.unwrap().events == 0
    {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    bed.stop().await;
    bed.sinks(|sinks| drop(sinks.remove("spare")));
    bed.start();
    bed.rest().await;
    bed.look().await;
    bed.stop().await;
}

/// A delete that was refused is told anew when its letter is replayed, whether its tombstone still shows or not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_delete_is_told_anew() {
    let folder = TempDir::new().unwrap();
    let program = folder.path().join("take");
    std::fs::write(&program, PROGRAM).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o700)).unwrap();
    let (mode, file) = (
        folder.path().join("mode"),
        folder.path().join("events.jsonl"),
    );
    let sink = Sink::Command(CommandSink {
        argv: [&program, folder.path()]
            .map(|path| path.display().to_string())
            .to_vec(),
        timeout: Duration::from_secs(10),
    });
    let mut bed = Bed::with_sink(1, MAKE, folder, sink, Receiver::new(&file)).await;
    bed.start();
    bed.begun(true).await;
    bed.rest().await;
    let gone = *bed.receiver.entries.keys().next().unwrap();
    std::fs::write(&mode, "refuse").unwrap();
    let used = bed.in_use().await.unwrap();
    bed.with(|forest, now| forest.delete(used, now, gone).unwrap());
    let mut letters = Vec::new();
    while letters.is_empty() {
        tokio::time::sleep(Duration::from_millis(20)).await;
        letters = bed.store.dead_letters(&hr(), 0, 10).await.unwrap();
    }
    bed.rest().await;
    std::fs::write(&mode, "take").unwrap();
    for letter in letters {
        bed.store.replay_dead_letter(letter.id).await.unwrap();
    }
    bed.rest().await;
    bed.receiver.read_on();
    assert!(
        !bed.receiver.entries.contains_key(&gone),
        "{gone} is deleted, and the sink was never told"
    );
    bed.stop().await;
}
