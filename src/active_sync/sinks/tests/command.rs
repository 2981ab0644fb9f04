//! Programs that take, refuse, fail, hang and do not read.

use std::fs;

use tempfile::TempDir;

use super::*;
use crate::clock::Stopwatch;

fn script(text: &str, timeout: Duration) -> Sink {
    let settings = config::CommandSink {
        argv: ["/bin/sh", "-c", text].map(str::to_owned).to_vec(),
        timeout,
    };
    Sink::new("script", &config::Sink::Command(settings)).unwrap()
}

const AMPLE: Duration = Duration::from_secs(20);

#[tokio::test]
async fn each_event_is_the_input_of_a_run_of_its_own() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("got");
    let text = format!("cat >> {0}; echo ran >> {0}.runs", path.display());
    let mut sink = script(&text, AMPLE);
    assert_eq!(sink.deliver(&events(1..4)).await, all_up_to(3));
    assert_eq!(numbers(&fs::read_to_string(&path).unwrap()), [1, 2, 3]);
    let runs = fs::read_to_string(folder.path().join("got.runs")).unwrap();
    assert_eq!(runs, "ran\n".repeat(3));
}

#[tokio::test]
async fn status_65_is_a_dead_letter_and_any_other_holds_up_the_rest() {
    let text = r#"read line
case "$line" in
*'"n":2,'*) echo some words >&2; printf 'no such\033 user\n\n' >&2; exit 65;;
*'"n":4,'*) echo out; echo 'cannot reach the database' >&2; exit 1;;
esac"#;
    let delivered = script(text, AMPLE).deliver(&events(1..9)).await;
    assert_eq!(delivered.acknowledged_up_to, Some(3));
    let dead = Dead {
        seq: 2,
        why: "`/bin/sh` refused the event; it said: no such user".to_owned(),
        status: 65,
    };
    assert_eq!(delivered.dead, [dead]);
    assert_eq!(
        down(&delivered).why,
        "`/bin/sh` failed with exit status: 1; it said: cannot reach the database"
    );
    assert!(!down(&delivered).is_fatal);
}

#[tokio::test]
async fn one_that_hangs_is_killed_with_all_it_started() {
    let folder = TempDir::new().unwrap();
    let pid = folder.path().join("pid");
    let text = format!("sleep 60 & echo $! > {}; echo hm >&2; wait", pid.display());
    let watch = Stopwatch::start();
    let delivered = script(&text, Duration::from_millis(500))
        .deliver(&events(1..2))
        .await;
    assert!(watch.elapsed() < Duration::from_secs(10));
    let why = &down(&delivered).why;
    assert!(why.contains("longer than timeout (0.5 s)"), "{why}");
    assert!(why.ends_with("it said: hm"), "{why}");
    let pid = fs::read_to_string(&pid).unwrap();
    for _ in 0..100 {
        let stat = fs::read_to_string(format!("/proc/{}/stat", pid.trim()));
        if stat.map_or(true, |stat| stat.contains(") Z ")) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the sleep outlived its command");
}

#[tokio::test]
async fn a_delivery_that_is_broken_off_leaves_no_program_behind() {
    let folder = TempDir::new().unwrap();
    let late = folder.path().join("late");
    let text = format!("sleep 1; echo late > {}", late.display());
    let mut sink = script(&text, AMPLE);
    let events = events(1..2);
    let broken_off = tokio::time::timeout(Duration::from_millis(300), sink.deliver(&events));
    assert!(broken_off.await.is_err());
    tokio::time::sleep(Duration::from_millis(1200)).await;
    assert!(!late.exists());
}

#[tokio::test]
async fn one_that_reads_nothing_of_a_large_event_may_still_take_it() {
    let large = [sized(1, 2_000_000)];
    assert_eq!(script("exit 0", AMPLE).deliver(&large).await, all_up_to(1));
    // And one that talks without end does not fill our memory or stand still.
    let loud = "cat > /dev/null; i=0; while [ $i -lt 3000 ]; do echo line $i >&2; echo out; i=$((i+1)); done; exit 2";
    let delivered = script(loud, AMPLE).deliver(&large).await;
    assert!(down(&delivered).why.ends_with("it said: line 2999"));
}

#[tokio::test]
async fn a_program_that_is_not_there_is_named() {
    let settings = config::CommandSink {
        argv: vec!["/nowhere/on-event".to_owned()],
        timeout: AMPLE,
    };
    let mut sink = Sink::new("gone", &config::Sink::Command(settings)).unwrap();
    let delivered = sink.deliver(&events(1..3)).await;
    assert_eq!(delivered.acknowledged_up_to, None);
    let why = &down(&delivered).why;
    assert!(
        why.contains("`/nowhere/on-event` could not be run"),
        "{why}"
    );
}
