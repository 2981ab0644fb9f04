//! Databases that go back in time, with and without a new invocationId, and the quarantine.

use std::time::Duration;

use serde_json::Value;

use super::consumer::Consumer;
use super::lab::{CLIENT, DCS, Lab, show};
use super::process::until;
use super::product::{Configuration, Product, verdict};
use super::writers::Writers;

fn polls<'r>(round: &'r Value, dc: &str) -> &'r Value {
    let all = round["polls"].as_array().unwrap();
    all.iter().find(|poll| poll["dc"] == dc).unwrap()
}

/// The kinds of the reasons against a DC in a plan that chooses nothing or another DC.
fn against(product: &Product, words: &[&str], dc: &str) -> String {
    let outcome = product.run(&[&["-o", "json", "plan", "hr"], words].concat());
    verdict(&outcome.json(), dc)["why_not"].to_string()
}

/// The evidence of a rollback of dc2 that a round came across.
fn rolled_back(round: &Value) -> String {
    let evidence = polls(round, "dc2")["rollback"].as_str();
    let evidence = evidence.unwrap_or_else(|| panic!("not seen: {round:#}"));
    assert!(evidence.contains("its database was put back without a new invocationId"));
    show(evidence);
    evidence.to_owned()
}

/// A collection, then a poll of the sync, until a start by vector on `dc` is proven.
fn until_proven(product: &Product, sync: &Consumer, dc: &str) {
    until("a proven start by vector", Duration::from_mins(1), || {
        product.run(&["collect"]);
        sync.poll().success();
        let plan = product.run(&["-o", "json", "plan", "hr", "--to", dc, "--method", "vector"]);
        plan.code == Some(0) && plan.json()["chosen"]["start"]["proven"] == true
    });
}

#[test]
fn a_rolled_back_dc_is_quarantined() {
    let lab = Lab::fresh();
    let sync = Consumer::new(&lab, "dc1", &["--record-id"]);
    let product = Configuration::new(&lab).sync(&sync, "").write();
    lab.stop("dc2");
    lab.save("dc2");
    lab.start("dc2");
    let names: Vec<String> = (0..20).map(|number| format!("gone{number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    lab.add("dc2", &names);
    lab.settle();
    until_proven(&product, &sync, "dc2");
    // another store, which never sampled dc2 itself
    let second = Configuration::new(&lab).store("second.db");
    let second = second.sync(&sync, "").write_as("second.toml");
    second.run(&["collect", "--dc", "dc1"]).success();
    let (id, _) = lab.identity("dc2");

    lab.kill("dc2");
    lab.restore("dc2");
    // alone: in two seconds its partners give it back its own lost writes, and its USN looks right again
    lab.cut("dc1");
    lab.cut("dc3");
    lab.start("dc2");
    assert_eq!(
        lab.identity("dc2").0,
        id,
        "the lab gave it a new invocationId"
    );
    // without a collection: the plan's own reading proves it
    let why_not = against(&product, &["--to", "dc2"], "dc2");
    assert!(why_not.contains("rolled_back"), "{why_not}");

    let evidence = rolled_back(&product.json(&["collect", "--dc", "dc2"]));
    assert!(
        evidence.contains("highestCommittedUSN of dc2 fell"),
        "{evidence}"
    );
    let other = rolled_back(&second.json(&["collect", "--dc", "dc2"]));
    assert!(other.contains("dc1 had received changes of dc2"), "{other}");
    lab.mend("dc1");
    lab.mend("dc3");
    lab.mesh();
    let round = product.json(&["collect"]);
    for dc in ["dc1", "dc3"] {
        assert!(polls(&round, dc)["rollback"].is_null(), "{round:#}");
    }
    let listed = product.json(&["quarantine", "list"]);
    assert_eq!(listed[0]["dc"], "dc2");
    assert_eq!(listed[0]["reason"], evidence);
    assert_eq!(listed.as_array().unwrap().len(), 1);
    let why_not = against(&product, &["--to", "dc2"], "dc2");
    assert!(why_not.contains("quarantined"), "{why_not}");
    let shown = product.run(&["plan", "hr"]).success();
    assert!(shown.stdout.contains("quarantined since"), "{shown}");

    // released on somebody's word: what was known before counts for nothing
    product
        .run(&["quarantine", "release", "dc2", "--yes"])
        .success();
    assert_eq!(product.json(&["quarantine", "list"]), serde_json::json!([]));
    let why_not = against(&product, &["--to", "dc2", "--method", "vector"], "dc2");
    assert!(why_not.contains("before_release"), "{why_not}");

    // the supported way: the same copy with a new invocationId is another life, and sound
    lab.kill("dc2");
    lab.restore("dc2");
    lab.new_invocation("dc2");
    lab.start("dc2");
    lab.mesh();
    until_proven(&product, &sync, "dc2");
    assert_ne!(lab.identity("dc2").0, id);
}

#[test]
fn what_was_sampled_before_a_release_starts_nothing() {
    let lab = Lab::fresh();
    let sync = Consumer::new(&lab, "dc1", &["--record-id"]);
    let product = Configuration::new(&lab).sync(&sync, "").write();
    until_proven(&product, &sync, "dc3");
    let old = product.samples("hr", "dc3").pop().unwrap();
    let old = old["usn_date"].as_str().unwrap().to_owned();

    product
        .run(&["quarantine", "add", "dc3", "--reason", "restored by hand"])
        .success();
    let why_not = against(&product, &["--to", "dc3"], "dc3");
    assert!(why_not.contains("restored by hand"), "{why_not}");
    assert_eq!(product.samples("hr", "dc3"), Vec::<Value>::new());

    product
        .run(&[
            "quarantine",
            "release",
            "dc3",
            "--yes",
            "--reason",
            "it was not",
        ])
        .success();
    for words in [&["--method", "vector"][..], &["--usn-date", &old]] {
        let why_not = against(&product, &[&["--to", "dc3"], words].concat(), "dc3");
        assert!(why_not.contains("before_release"), "{words:?}: {why_not}");
    }
    let now = lab
        .exec(CLIENT, &["date", "-u", "+%FT%T.%3NZ"])
        .success()
        .stdout;
    let words = [
        "--to",
        "dc3",
        "--method",
        "time",
        "--failure-timestamp",
        now.trim(),
        "--replication-time",
        "0",
    ];
    let why_not = against(&product, &words, "dc3");
    assert!(why_not.contains("no_sample_before"), "{why_not}");
    let all = product.json(&["history", "hr", "--dc", "dc3", "--all"]);
    for row in all.as_array().unwrap() {
        assert_eq!(row["void"], "before the release from quarantine");
    }
    // what is sampled from now on starts again, but no vector tells its old changes from its new ones
    product.run(&["collect"]).success();
    let new = product.samples("hr", "dc3").pop().unwrap();
    let new = new["usn_date"].as_str().unwrap();
    let plan = product.json(&["plan", "hr", "--to", "dc3", "--usn-date", new]);
    assert_eq!(plan["chosen"]["method"], "manual", "{plan:#}");
    let plan = against(&product, &["--to", "dc3", "--method", "vector"], "dc3");
    assert!(plan.contains("released"), "{plan}");
    assert_eq!(product.json(&["quarantine", "list"]), serde_json::json!([]));
}

#[test]
fn a_busy_healthy_dc_is_never_quarantined() {
    let lab = Lab::fresh();
    let sync = Consumer::new(&lab, "dc1", &["--record-id"]);
    let product = Configuration::new(&lab).sync(&sync, "").write();
    let service = product.service();
    sync.start();
    let writers = Writers::start(&lab, 31, 0);
    // the service, and three collections at a time beside it
    let collectors = std::thread::scope(|scope| {
        let round = || {
            (0..10)
                .map(|_| product.run(&["collect"]))
                .collect::<Vec<_>>()
        };
        let threads = [(); 3].map(|()| scope.spawn(round));
        threads.map(|thread| thread.join().unwrap())
    });
    for outcome in collectors.into_iter().flatten() {
        outcome.success();
    }
    until("dc1 is sampled 40 times", Duration::from_secs(40), || {
        product.samples("hr", "dc1").len() >= 40
    });
    let written = writers.stop_and_count();
    let counts = DCS.map(|dc| product.samples("hr", dc).len());
    show(&format!(
        "{counts:?} samples of busy DCs amid {written} writes"
    ));
    assert!(written > 500, "hardly busy: {written}");
    assert_eq!(product.json(&["quarantine", "list"]), serde_json::json!([]));
    service.terminate().success();
    lab.settle();
    sync.stop();
    sync.poll().success();
    sync.compare("dc1").success();
}

#[test]
fn a_new_invocation_id_opens_a_new_life() {
    let lab = Lab::fresh();
    let sync = Consumer::new(&lab, "dc1", &["--record-id"]);
    let product = Configuration::new(&lab).sync(&sync, "").write();
    until_proven(&product, &sync, "dc3");
    let (old, _) = lab.identity("dc3");
    let sample = product.samples("hr", "dc3").pop().unwrap();
    let usn_date = sample["usn_date"].as_str().unwrap();

    lab.stop("dc3");
    lab.new_invocation("dc3");
    lab.start("dc3");
    let (new, _) = lab.identity("dc3");
    let round = product.json(&["collect", "--dc", "dc3"]);
    let poll = polls(&round, "dc3");
    assert_eq!(poll["restored"], true, "{poll:#}");
    assert_eq!(poll["invocation_id"], new);
    assert!(poll["rollback"].is_null(), "{poll:#}");

    let all = product.json(&["history", "hr", "--dc", "dc3", "--all"]);
    for row in all.as_array().unwrap() {
        let of_old = row["invocation_id"] == old;
        assert_eq!(row["void"] == "of an earlier invocationId", of_old, "{row}");
    }
    assert_eq!(product.samples("hr", "dc3").len(), 1);
    // dc1 was not sampled since: no vector there is knows the new id
    for (words, why) in [
        (&["--method", "vector"][..], "not_in_vector"),
        (
            &[
                "--method",
                "time",
                "--failure-timestamp",
                usn_date,
                "--replication-time",
                "0",
            ],
            "no_sample_before",
        ),
        (&["--usn-date", usn_date], "other_incarnation"),
    ] {
        let why_not = against(&product, &[&["--to", "dc3"], words].concat(), "dc3");
        assert!(why_not.contains(why), "{words:?}: {why_not}");
    }
    until_proven(&product, &sync, "dc3");
    let lives = &product.json(&["status"])["dcs"][2];
    assert_eq!(lives["incarnations"], 2, "{lives:#}");
}
