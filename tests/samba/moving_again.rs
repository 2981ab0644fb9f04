//! A second failover, and the way back.

use std::time::Duration;

use serde_json::Value;

use super::consumer::Consumer;
use super::lab::{Lab, show};
use super::moving::collect_for;
use super::process::Running;
use super::product::{Configuration, Product};
use super::writers::Writers;

/// A sync on dc1 in full flow.
struct Scene<'a> {
    sync: Consumer<'a>,
    product: Product<'a>,
    service: Running,
    writers: Writers,
}

impl<'a> Scene<'a> {
    fn begin(lab: &'a Lab, seed: u32) -> Self {
        let sync = Consumer::new(lab, "dc1", &["--record-id"]);
        let product = Configuration::new(lab).sync(&sync, "").write();
        let service = product.service();
        sync.start();
        let writers = Writers::start(lab, seed, 15);
        collect_for(&product, "hr", Duration::from_secs(2));
        sync.wait_polls("dc1", 3);
        Self {
            sync,
            product,
            service,
            writers,
        }
    }

    fn lose(&self, lab: &Lab, dc: &str) {
        lab.kill(dc);
        self.writers.end(dc);
    }

    /// A failover by vector; the plan it was made from.
    #[track_caller]
    fn failover(&self, words: &[&str]) -> Value {
        let start = ["failover", "hr", "--method", "vector", "--yes"];
        let done = self.product.json(&[&start[..], words].concat());
        assert_eq!(done["attempt"]["state"], "done", "{done:#}");
        let plan: Value = done["attempt"]["plan"].clone();
        assert_eq!(plan["chosen"]["start"]["proven"], true);
        plan
    }

    /// Everybody back and quiet: the sync must hold what `dc` holds.
    fn end(self, lab: &Lab, dc: &str) {
        for count in self.writers.stop() {
            assert!(
                count["succeeded"].as_u64().unwrap() > 20,
                "hardly a write: {count}"
            );
        }
        lab.settle();
        self.sync.stop();
        self.sync.poll().success();
        self.sync.compare(dc).success();
        self.service.terminate().success();
    }
}

fn evidence(plan: &Value) -> &str {
    plan["chosen"]["start"]["evidence"]["kind"]
        .as_str()
        .unwrap()
}

#[test]
fn the_second_dc_dies_too() {
    let lab = Lab::fresh();
    let scene = Scene::begin(&lab, 21);
    scene.lose(&lab, "dc1");
    scene.sync.wait_failure();
    scene.failover(&["--to", "dc2"]);
    scene.sync.wait_polls("dc2", 5);

    scene.lose(&lab, "dc2");
    scene.sync.wait_failure();
    let plan = scene.failover(&[]);
    assert_eq!(plan["chosen"]["switch"]["to"], "dc3");
    // the service has sampled dc2, and the sync has polled it since: that is better than what the switch left
    assert_eq!(evidence(&plan), "source_sample");
    scene.sync.wait_polls("dc3", 2);
    lab.start("dc1");
    lab.start("dc2");
    scene.end(&lab, "dc3");
}

#[test]
fn the_second_dc_dies_before_the_sync_has_read_anything_there() {
    let lab = Lab::fresh();
    let scene = Scene::begin(&lab, 22);
    scene.lose(&lab, "dc1");
    scene.sync.wait_failure();
    scene.failover(&["--to", "dc2", "--no-restart"]);
    let position = scene.sync.position();
    assert_eq!(position["ldapHost"], "dc2.lab.test");
    assert_eq!(
        scene.product.json(&["status", "hr"])["resources"][0]["stopped"],
        true
    );

    scene.lose(&lab, "dc2");
    let plan = scene.failover(&[]);
    assert_eq!(plan["chosen"]["switch"]["to"], "dc3");
    assert_eq!(evidence(&plan), "last_switch");
    for field in ["ldapHost", "invocationId", "lastUpdated", "lastDeleted"] {
        assert_eq!(plan["cursor"]["cursor"][field], position[field]);
    }
    scene.sync.wait_polls("dc3", 2);
    lab.start("dc1");
    lab.start("dc2");
    scene.end(&lab, "dc3");
}

#[test]
fn undo_brings_the_sync_back_to_the_healed_dc() {
    let lab = Lab::fresh();
    let scene = Scene::begin(&lab, 23);
    scene.lose(&lab, "dc1");
    scene.sync.wait_failure();
    let before = scene.sync.position();
    scene.failover(&[]);
    let there = scene.sync.position();
    let host = there["ldapHost"].as_str().unwrap();
    let dc = host.split('.').next().unwrap();
    scene.sync.wait_polls(dc, 3);

    lab.start("dc1");
    let dry = scene.product.json(&["undo", "hr", "--dry-run"]);
    assert_eq!(dry["to"], "dc1");
    assert_eq!(
        scene.sync.completed("dc1").last().unwrap()["to"],
        before["lastUpdated"]
    );
    // the sync polls on and moves its cursor meanwhile: it is planned again once the sync stands still
    let done = scene.product.json(&["undo", "hr", "--yes"]);
    assert_eq!(done["attempt"]["kind"], "undo");
    assert_eq!(done["attempt"]["state"], "done");
    let back = &done["attempt"]["orders"]["new"];
    assert_eq!(back["ldapHost"], "dc1.lab.test");
    assert_eq!(back["invocationId"], before["invocationId"]);
    let usn = |cursor: &Value| cursor["lastUpdated"].as_u64().unwrap();
    assert!(usn(back) <= usn(&before), "{back} lies above {before}");
    show(&format!(
        "undo: from {before} by way of {there} back to {back}"
    ));
    scene.sync.wait_polls("dc1", 3);
    scene.product.run(&["undo", "hr", "--yes"]).exits(1);
    scene.end(&lab, "dc1");
}
