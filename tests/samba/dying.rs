//! Highwater itself is killed, at work and while it serves.

use std::time::Duration;

use serde_json::Value;

use super::consumer::Consumer;
use super::lab::Lab;
use super::process::until;
use super::product::{Configuration, Product};

/// The consumer's table of a sync one of whose commands kills the highwater that runs it.
fn deadly(sync: &Consumer, stop: &[String], start: &[String]) -> String {
    let path = sync.cursor_file().display();
    format!(
        "kind = \"file\"\nposition = \"before_search\"\npath = \"{path}\"\nstop = {stop:?}\nstart = {start:?}\n"
    )
}

fn killer() -> Vec<String> {
    ["sh", "-c", "kill -s KILL $PPID"].map(str::to_owned).into()
}

/// The states of the attempts on record, oldest first.
fn states(product: &Product) -> Vec<String> {
    let attempts = product.json(&["attempts", "hr"]);
    let states = attempts.as_array().unwrap().iter().rev();
    states
        .map(|attempt| attempt["state"].as_str().unwrap().to_owned())
        .collect()
}

fn ready(product: &Product, sync: &Consumer) {
    product.run(&["collect"]).success();
    sync.poll().success();
}

#[test]
fn a_failover_killed_before_it_wrote_is_rolled_back_by_the_next() {
    let lab = Lab::fresh();
    let sync = Consumer::new(&lab, "dc1", &["--record-id"]);
    let sound = Configuration::new(&lab).sync(&sync, "").write();
    let lines = deadly(&sync, &killer(), &sync.service("start"));
    let broken = Configuration::new(&lab)
        .consumer("hr", &lines)
        .write_as("broken.toml");
    ready(&sound, &sync);
    lab.kill("dc1");
    let before = sync.position();
    let killed = broken.run(&["failover", "hr", "--yes"]);
    assert_eq!(killed.code, None, "{killed}");
    assert_eq!(sync.position(), before);
    assert_eq!(states(&sound), ["stopping"]);

    let done = sound.run(&["failover", "hr", "--yes"]).success();
    let told = done
        .stderr
        .lines()
        .find(|line| line.contains("unfinished attempt 1"));
    assert!(
        told.is_some_and(|line| line.contains("the cursor is as it was")),
        "{done}"
    );
    assert_eq!(states(&sound), ["rolled_back", "done"]);
    let to = sync.position()["ldapHost"].as_str().unwrap().to_owned();
    sync.wait_polls(to.split('.').next().unwrap(), 1);
    sync.stop();
}

#[test]
fn a_failover_killed_after_it_wrote_is_finished_by_the_service() {
    let lab = Lab::fresh();
    let sync = Consumer::new(&lab, "dc1", &["--record-id"]);
    let sound = Configuration::new(&lab).sync(&sync, "").write();
    let lines = deadly(&sync, &sync.service("stop"), &killer());
    let broken = Configuration::new(&lab)
        .consumer("hr", &lines)
        .write_as("broken.toml");
    ready(&sound, &sync);
    lab.kill("dc1");
    let killed = broken.run(&["failover", "hr", "--to", "dc3", "--yes"]);
    assert_eq!(killed.code, None, "{killed}");
    assert_eq!(sync.position()["ldapHost"], "dc3.lab.test");
    assert_eq!(states(&sound), ["starting"]);

    let service = sound.service();
    until("the service finishes it", Duration::from_secs(20), || {
        states(&sound) == ["done"]
    });
    sync.wait_polls("dc3", 1);
    let ended = service.terminate().success();
    assert!(
        ended.stderr.contains("the move to dc3 was finished"),
        "{ended}"
    );
    sync.stop();
}

#[test]
fn a_killed_service_loses_nothing_and_a_terminated_one_ends_at_once() {
    let lab = Lab::fresh();
    let sync = Consumer::new(&lab, "dc1", &["--record-id"]);
    let product = Configuration::new(&lab).sync(&sync, "").write();
    let count = |dc| product.samples("hr", dc).len();
    let runs = || product.json(&["status"])["service_runs"] == true;
    let service = product.service();
    until("3 samples", Duration::from_secs(20), || count("dc1") >= 3);
    assert!(runs());
    let second = product.run(&["run"]).exits(3);
    assert!(
        second.stderr.contains("another `highwater run`"),
        "{second}"
    );

    service.signal("KILL");
    let ended = service.wait(Duration::from_secs(5));
    assert_eq!(ended.code, None, "{ended}");
    assert!(!runs());
    let kept: Vec<Value> = product.samples("hr", "dc1");
    assert!(kept.len() >= 3);

    let service = product.service();
    until("more samples", Duration::from_secs(20), || {
        count("dc1") >= kept.len() + 2
    });
    let now = product.samples("hr", "dc1");
    assert!(
        kept.iter().all(|sample| now.contains(sample)),
        "samples are lost"
    );
    service.signal("TERM");
    service.wait(Duration::from_secs(3)).success();
    assert!(!runs());

    // also while a poll hangs
    lab.pause("dc2");
    let service = product.service();
    until("it runs", Duration::from_secs(20), runs);
    let had = count("dc1");
    until("dc1 is sampled", Duration::from_secs(20), || {
        count("dc1") > had
    });
    service.signal("TERM");
    service.wait(Duration::from_secs(8)).success();
    lab.resume("dc2");
}
