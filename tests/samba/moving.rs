//! Every fault of the DC in use against every way of finding the start, with writers at work on all DCs.
//!
//! Three syncs read the same DC, so that one fault meets all methods. A sync's state must in the end equal the directory
//! of the DC it was moved to, object by object: a change that a start had skipped would be missing for ever.

use std::time::Duration;

use highwater::clock::Stopwatch;
use highwater::model::UtcMs;
use serde_json::Value;

use super::consumer::Consumer;
use super::lab::{Lab, show};
use super::process::{Outcome, until};
use super::product::{Configuration, Product, verdict};
use super::writers::Writers;

/// A bound on the lab's replication under load, well above the second or two it takes.
const HONEST: Duration = Duration::from_secs(9);

/// What happens to a DC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    Killed,
    /// In good order, as for an update.
    Stopped,
    Hung,
    CutOff,
}

impl Fault {
    pub(crate) const ALL: [Self; 4] = [Self::Killed, Self::Stopped, Self::CutOff, Self::Hung];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Killed => "kill",
            Self::Stopped => "stop",
            Self::Hung => "frozen",
            Self::CutOff => "cut link",
        }
    }

    pub(crate) fn strike(self, lab: &Lab, dc: &str) {
        match self {
            Self::Killed => lab.kill(dc),
            Self::Stopped => lab.stop(dc),
            Self::Hung => lab.pause(dc),
            Self::CutOff => lab.cut(dc),
        }
    }

    pub(crate) fn repair(self, lab: &Lab, dc: &str) {
        match self {
            Self::Killed | Self::Stopped => lab.start(dc),
            Self::Hung => lab.resume(dc),
            Self::CutOff => lab.mend(dc),
        }
    }
}

/// Waits until the samples of every DC reach back by `age`.
pub(crate) fn collect_for(product: &Product, resource: &str, age: Duration) {
    until("the first samples", Duration::from_secs(20), || {
        ["dc1", "dc2", "dc3"]
            .iter()
            .all(|dc| !product.samples(resource, dc).is_empty())
    });
    let watch = Stopwatch::start();
    until("the history is old enough", age * 2, || {
        watch.elapsed() >= age
    });
}

/// What a sample taken `HONEST` before `good` is called: what an administrator would pick.
fn usn_date(product: &Product, resource: &str, dc: &str, good: &str) -> String {
    let margin = i64::try_from(HONEST.as_millis()).unwrap();
    let good: UtcMs = good.parse().unwrap();
    let old_enough = |sample: &Value| {
        let at: UtcMs = sample["usn_date"].as_str()?.parse().ok()?;
        (at <= good.minus_ms(margin)).then_some(at)
    };
    let samples = product.samples(resource, dc);
    let picked = samples.iter().filter_map(old_enough).max();
    picked
        .unwrap_or_else(|| panic!("no sample of {dc} is older than {good} less {margin} ms"))
        .to_string()
}

/// The flags by which a sync is moved by this method; its name says which.
fn choice(product: &Product, sync: &Consumer) -> Vec<String> {
    let good = sync.last_good("dc1");
    let hours = (HONEST.as_secs_f64() / 3600.0).to_string();
    let words = match sync.name() {
        "manual" => vec![
            "--to".to_owned(),
            "dc3".to_owned(),
            "--usn-date".to_owned(),
            usn_date(product, "manual", "dc3", &good),
        ],
        "time" => [
            "--auto",
            "--method",
            "time",
            "--failure-timestamp",
            &good,
            "--replication-time",
            &hours,
        ]
        .map(str::to_owned)
        .into(),
        _ => ["--method", "vector"].map(str::to_owned).into(),
    };
    [vec![sync.name().to_owned()], words].concat()
}

fn timed(product: &Product, words: &[&str], choice: &[String]) -> (Outcome, Duration) {
    let choice: Vec<&str> = choice.iter().map(String::as_str).collect();
    let watch = Stopwatch::start();
    let outcome = product.run(&[&["-o", "json"], words, &choice].concat());
    (outcome, watch.elapsed())
}

/// One sync after its move.
struct Moved {
    to: String,
    plan: Value,
    took: Duration,
}

/// Moves a sync away from dc1 and checks what is on record of it.
fn move_away(product: &Product, sync: &Consumer) -> Moved {
    let choice = choice(product, sync);
    let (planned, took) = timed(product, &["plan"], &choice);
    assert!(took < Duration::from_secs(8), "{took:?}: {planned}");
    let plan = planned.success().json();
    assert_eq!(plan["chosen"]["method"], sync.name());

    let (outcome, took) = timed(product, &["failover", "--yes"], &choice);
    let done = outcome.success().json();
    assert_eq!(done["complete"], true, "{done:#}");
    let attempts = product.json(&["attempts", sync.name()]);
    let [attempt] = attempts.as_array().unwrap().as_slice() else {
        panic!("one attempt is on record: {attempts:#}");
    };
    assert_eq!(attempt, &done["attempt"]);
    assert_eq!(attempt["state"], "done");
    let steps: Vec<&str> = attempt["steps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| step["step"].as_str().unwrap())
        .collect();
    assert_eq!(
        steps,
        [
            "begin", "stop", "save", "write", "verify", "record", "start"
        ]
    );
    let plan: Value = attempt["plan"].clone();
    assert_eq!(plan["chosen"]["method"], sync.name());
    let to = plan["chosen"]["switch"]["to"].as_str().unwrap().to_owned();
    assert_ne!(to, "dc1");
    Moved { to, plan, took }
}

fn a_dc_fails(fault: Fault) {
    let lab = Lab::fresh();
    let syncs = ["manual", "time", "vector"]
        .map(|name| Consumer::named(&lab, name, "dc1", &["--record-id"]));
    let config = syncs.iter().fold(Configuration::new(&lab), |config, sync| {
        config.sync(sync, "")
    });
    let product = config.write();
    let service = product.service();
    for sync in &syncs {
        sync.start();
    }
    let writers = Writers::start(&lab, 11, 12);
    collect_for(&product, "vector", HONEST + Duration::from_secs(4));
    for sync in &syncs {
        sync.wait_polls("dc1", 2);
    }

    fault.strike(&lab, "dc1");
    writers.end("dc1");
    for sync in &syncs {
        sync.wait_failure();
    }
    let moves: Vec<Moved> = std::thread::scope(|scope| {
        let (product, move_away) = (&product, &move_away);
        let threads = syncs
            .each_ref()
            .map(|sync| scope.spawn(move || move_away(product, sync)));
        threads.map(|thread| thread.join().unwrap()).into()
    });
    for (sync, moved) in syncs.iter().zip(&moves) {
        sync.wait_polls(&moved.to, 2);
    }
    let written = writers.stop_and_count();
    assert!(written > 300, "hardly a write: {written}");

    // what only dc1 has is counted where it cannot come back; a hung or cut off DC slows the others down too much
    let mut ghosts = vec![None; syncs.len()];
    if fault == Fault::Killed {
        lab.settle_among(&["dc2", "dc3"]);
        for ((sync, moved), ghosts) in syncs.iter().zip(&moves).zip(&mut ghosts) {
            sync.wait_polls(&moved.to, 2);
            *ghosts = Some(sync.differences(&moved.to));
        }
    }
    fault.repair(&lab, "dc1");
    let end = lab.identity("dc1").1;
    lab.settle();
    for ((sync, moved), ghosts) in syncs.iter().zip(&moves).zip(ghosts) {
        sync.stop();
        sync.poll().success();
        sync.compare(&moved.to).success();
        if let Some(found) = ghosts {
            // a search has no upper bound: the sync can have seen all that dc1 had, not only what its cursor says
            let above_cursor = end
                - moved.plan["cursor"]["cursor"]["lastUpdated"]
                    .as_u64()
                    .unwrap();
            let up_to_cursor = moved.plan["chosen"]["ghosts_at_most"].as_u64().unwrap();
            assert!(
                found as u64 <= up_to_cursor + above_cursor,
                "{found} ghosts, but only {up_to_cursor} + {above_cursor} changes"
            );
        }
        tell(fault, sync, moved, written, ghosts);
    }
    service.terminate().success();
}

fn tell(fault: Fault, sync: &Consumer, moved: &Moved, written: u64, ghosts: Option<usize>) {
    let first = sync.completed(&moved.to).first().cloned().unwrap();
    let chosen = &moved.plan["chosen"];
    let ghosts = ghosts.map_or_else(|| "not counted".to_owned(), |real| real.to_string());
    show(&format!(
        "{fault:?}, by {}: dc1 → {} in {:.1} s; {written} writes; start {} of {}, proven {}; first poll: {} objects new \
         to the sync, {} read again, {} deleted; ghosts at most {}, really {ghosts}",
        sync.name(),
        moved.to,
        moved.took.as_secs_f64(),
        chosen["start"]["usn"],
        verdict(&moved.plan, &moved.to)["committed"],
        chosen["start"]["proven"],
        first["changed"],
        first["repeated"],
        first["deleted"],
        chosen["ghosts_at_most"],
    ));
}

#[test]
fn the_dc_in_use_is_killed() {
    a_dc_fails(Fault::Killed);
}

#[test]
fn the_dc_in_use_hangs() {
    a_dc_fails(Fault::Hung);
}

#[test]
fn the_dc_in_use_is_cut_off() {
    a_dc_fails(Fault::CutOff);
}

#[test]
fn a_start_by_time_that_would_skip_is_refused_and_with_allow_gap_really_skips() {
    let lab = Lab::fresh();
    let sync = Consumer::new(&lab, "dc1", &["--record-id"]);
    let product = Configuration::new(&lab).sync(&sync, "").write();
    let service = product.service();
    sync.start();
    let writers = Writers::start(&lab, 12, 20);
    collect_for(&product, "hr", Duration::from_secs(2));
    sync.wait_polls("dc1", 2);
    lab.kill("dc1");
    writers.end("dc1");
    sync.wait_failure();
    // changes on dc2 and dc3 that dc1 cannot have had
    let had = product.samples("hr", "dc2").len();
    until("5 further samples", Duration::from_secs(30), || {
        product.samples("hr", "dc2").len() >= had + 5
    });
    let newest = product
        .samples("hr", "dc2")
        .iter()
        .map(|sample| sample["usn_date"].as_str().unwrap().to_owned())
        .max()
        .unwrap();
    let late = [
        "hr",
        "--method",
        "time",
        "--failure-timestamp",
        &newest,
        "--replication-time",
        "0",
    ];

    let before = sync.position();
    // over all DCs it counts only as far as the sync has read
    let plan = product
        .run(&[&["-o", "json", "plan"], &late[..]].concat())
        .json();
    assert!(
        plan["failure_timestamp"].as_str().unwrap() < newest.as_str(),
        "{plan:#}"
    );
    for dc in ["dc2", "dc3"] {
        let verdict = verdict(&plan, dc);
        let usn = |method: &str| verdict["starts"][method]["start"]["usn"].as_i64();
        let skips = verdict["why_not"].to_string().contains("would_skip");
        let by_time = usn("time");
        assert!(by_time.is_some(), "{dc}: {verdict:#}");
        assert_eq!(skips, by_time > usn("vector"), "{dc}: {verdict:#}");
    }
    // the same moment by hand
    let by_hand = ["hr", "--to", "dc2", "--usn-date", &newest];
    let refused = product
        .run(&[&["-o", "json", "failover", "--yes"], &by_hand[..]].concat())
        .exits(3);
    let plan = refused.json();
    assert!(plan["chosen"].is_null(), "{plan:#}");
    let why_not = verdict(&plan, "dc2")["why_not"].to_string();
    assert!(why_not.contains("would_skip"), "{why_not}");
    assert_eq!(
        sync.position(),
        before,
        "a refused failover moved the cursor"
    );
    assert_eq!(product.json(&["attempts", "hr"]), serde_json::json!([]));

    let done = product.json(&[&["failover", "--yes", "--allow-gap"], &late[..]].concat());
    let plan: Value = done["attempt"]["plan"].clone();
    assert_eq!(plan["chosen"]["start"]["proven"], false);
    assert_eq!(plan["ask"]["allow_gap"], true);
    let to = plan["chosen"]["switch"]["to"].as_str().unwrap();
    sync.wait_polls(to, 2);
    writers.stop();

    let refused = product
        .run(&["-o", "json", "plan", "hr", "--method", "vector"])
        .exits(3);
    let plan = refused.json();
    for other in ["dc2", "dc3"].into_iter().filter(|dc| *dc != to) {
        let why_not = verdict(&plan, other)["why_not"].to_string();
        assert!(why_not.contains("knowledge_void"), "{why_not}");
    }
    lab.start("dc1");
    lab.settle();
    sync.stop();
    sync.poll().success();
    // the control: what the refusal spared, which no later poll repairs
    let missed = sync.differences(to);
    assert!(missed > 0, "nothing was skipped: was the refusal right?");
    show(&format!(
        "with --allow-gap at the wrong time {missed} objects are wrong for ever"
    ));
    service.terminate().success();
}
