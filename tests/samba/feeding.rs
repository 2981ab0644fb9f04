//! The feed on three DCs with writers of everything on all of them: whatever happens to the DC in use and to Highwater, a
//! receiver of the events ends with what the directory holds, and is told nothing twice that can be proved a repeat.

use std::time::Duration;

use highwater::clock::Stopwatch;
use highwater::model::UtcMs;
use serde_json::Value;

use super::feed::Fed;
use super::lab::{DCS, Lab, show};
use super::moving::Fault;
use super::process::{Running, until};
use super::product::Product;
use super::writers::Writers;

/// A bound on replication and on what the feed has to do after the last write.
const SETTLED: Duration = Duration::from_secs(100);

/// Moves the feed, to `to` where it is named, and says where and what it took.
fn move_feed(product: &Product, to: Option<&str>) -> (String, Value) {
    let watch = Stopwatch::start();
    let words = match to {
        Some(to) => vec!["failover", "hr", "--to", to, "--yes"],
        None => vec!["failover", "hr", "--auto", "--yes"],
    };
    let done = product.json(&words);
    let took = watch.elapsed();
    assert_eq!(done["complete"], true, "{done:#}");
    let attempt = done["attempt"].clone();
    let switch = &attempt["plan"]["chosen"]["switch"];
    let to = switch["to"].as_str().unwrap().to_owned();
    show(&format!(
        "moved to {to} in {} ms: {}",
        took.as_millis(),
        steps(&attempt)
    ));
    (to, attempt)
}

/// When each step ended, from the begin of the attempt, as it is on record.
pub(crate) fn steps(attempt: &Value) -> String {
    let at = |value: &Value| value.as_str().unwrap().parse::<UtcMs>().unwrap();
    let begun = at(&attempt["made_at"]);
    let steps = attempt["steps"].as_array().unwrap().iter();
    let told = steps.map(|step| {
        let name = step["step"].as_str().unwrap();
        format!("{name} {} ms", at(&step["at"]).ms_since(begun))
    });
    told.collect::<Vec<_>>().join(", ")
}

/// From the begin of an attempt to its last step.
pub(crate) fn act_ms(attempt: &Value) -> i64 {
    let at = |value: &Value| value.as_str().unwrap().parse::<UtcMs>().unwrap();
    let last = attempt["steps"].as_array().unwrap().last().unwrap();
    at(&last["at"]).ms_since(at(&attempt["made_at"]))
}

pub(crate) fn killed(service: Running) {
    service.signal("KILL");
    assert_eq!(service.wait(Duration::from_secs(5)).code, None);
}

fn the_dc_in_use_fails(fault: Fault) {
    let lab = Lab::fresh();
    let fed = Fed::loaded(&lab);
    let product = &fed.product;
    let service = product.service();
    let writers = Writers::of_everything(&lab, 21, 15);
    fed.wait_events("dc1", 150);
    killed(service);
    let service = product.service();
    fed.wait_events("dc1", 50);

    fault.strike(&lab, "dc1");
    writers.end("dc1");
    let (to, _) = move_feed(product, None);
    assert_ne!(to, "dc1");
    fed.wait_events(&to, 50);
    killed(service);
    let service = product.service();
    fed.wait_events(&to, 50);

    fault.repair(&lab, "dc1");
    until("dc1 answers", Duration::from_mins(1), || lab.answers("dc1"));
    move_feed(product, Some("dc1"));
    fed.wait_events("dc1", 50);
    let written = writers.stop_and_count();
    assert!(written > 300, "hardly a write: {written}");

    for dc in ["dc1", "dc2", "dc3"] {
        let truth = fed.catch_up(dc, SETTLED);
        assert_eq!(
            truth.wrong(),
            0,
            "missed, compared with {dc}: {:#}",
            truth.0
        );
    }
    service.terminate().success();
    let truth = fed.truth("dc1");
    truth.tell(&format!("{fault:?}"), &fed, written);
    fed.check_schema();
    for kind in ["unknown_object", "repeated", "names_repeated"] {
        assert_eq!(truth.number(kind), 0, "{kind}: {:#}", truth.0);
    }
}

#[test]
fn nothing_is_missed_or_repeated_when_the_dc_in_use_is_killed() {
    the_dc_in_use_fails(Fault::Killed);
}

#[test]
fn nothing_is_missed_or_repeated_when_the_dc_in_use_hangs() {
    the_dc_in_use_fails(Fault::Hung);
}

#[test]
fn nothing_is_missed_or_repeated_when_the_dc_in_use_is_cut_off() {
    the_dc_in_use_fails(Fault::CutOff);
}

#[test]
fn without_a_fault_every_change_on_every_dc_is_told_once() {
    let lab = Lab::fresh();
    let fed = Fed::loaded(&lab);
    let service = fed.product.service();
    let writers = Writers::of_everything(&lab, 22, 20);
    fed.wait_events("dc1", 400);
    killed(service);
    let service = fed.product.service();
    fed.wait_events("dc1", 200);
    let written = writers.stop_and_count();
    for dc in DCS {
        let truth = fed.catch_up(dc, SETTLED);
        assert_eq!(
            truth.wrong(),
            0,
            "missed, compared with {dc}: {:#}",
            truth.0
        );
    }
    service.terminate().success();
    let truth = fed.truth("dc1");
    truth.tell("no fault", &fed, written);
    fed.check_schema();
    for kind in [
        "unknown_object",
        "repeated",
        "repaired",
        "links_repeated",
        "names_repeated",
    ] {
        assert_eq!(truth.number(kind), 0, "{kind}: {:#}", truth.0);
    }
}
