//! Rules of the feed broken one at a time on real DCs, each seen to miss or to repeat. Not part of a usual run:
//! `cargo test --features samba-lab,rule-switches --test samba feed_breaking -- --ignored --nocapture`.
//!
//! A rule is broken in a whole process, so the feed is driven by this test's own binary in the client's view, with the last
//! test here; the service beside it only collects.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use highwater::active_sync::Task;
use highwater::active_sync::decide::rules::{Broken, Rule};
use highwater::clock::Pulse;
use highwater::config::{self, Secrets};
use highwater::store::Store;
use tokio_util::sync::CancellationToken;

use super::feed::{Fed, Truth};
use super::lab::{CLIENT, Lab, show};
use super::process::{Running, until};
use super::writers::Writers;

const CONFIGURATION: &str = "HIGHWATER_SAMBA_CONFIGURATION";
const RULE: &str = "HIGHWATER_SAMBA_RULE";

/// Slow enough that changes arrive between the end of a search and what is read after it.
const SLOW: &str =
    "\n[resource.hr.feed.sink.slow]\nkind = \"command\"\nargv = [\"sleep\", \"0.03\"]\n";

fn rule(name: &str) -> Option<Rule> {
    match name {
        "vector" => Some(Rule::VectorBefore),
        "rdn" => Some(Rule::RdnLeftOut),
        "links" => Some(Rule::Links),
        "none" => None,
        _ => panic!("no rule {name}"),
    }
}

/// Drives the feed in the client's view with this rule broken.
fn drive(fed: &Fed, rule: &str, name: &str) -> Running {
    let (own, rule) = (std::env::current_exe().unwrap(), format!("{RULE}={rule}"));
    let path = format!("{CONFIGURATION}={}", fed.product.path().display());
    let test = "feed_breaking::drive_in_the_clients_view";
    let words = ["env", &path, &rule, own.to_str().unwrap(), test];
    let flags = ["--exact", "--ignored", "--nocapture"];
    fed.lab.spawn(CLIENT, name, &[&words[..], &flags].concat())
}

/// What a receiver knows after writers on all DCs, a failover of a killed DC and the way back, with this rule broken.
fn told(rule: &str) -> Truth {
    let lab = Lab::fresh();
    let fed = Fed::configured(&lab, SLOW);
    let driver = drive(&fed, rule, "driver");
    until("the first load", Duration::from_secs(30), || {
        fed.events().len() > 10
    });
    let service = fed.product.service();
    let writers = Writers::of_everything(&lab, 31, 12);
    fed.wait_events("dc1", 250);
    lab.kill("dc1");
    writers.end("dc1");
    let done = fed.product.json(&["failover", "hr", "--auto", "--yes"]);
    let to = done["attempt"]["plan"]["chosen"]["switch"]["to"].clone();
    fed.wait_events(to.as_str().unwrap(), 150);
    let written = writers.stop_and_count();
    lab.start("dc1");
    lab.settle();
    // what is missed stays missed: a sound feed is done well before
    let truth = fed.catch_up(to.as_str().unwrap(), Duration::from_secs(40));
    truth.tell(&format!("with {rule} broken"), &fed, written);
    drop(driver);
    drop(service);
    truth
}

#[test]
#[ignore = "breaks a rule by hand"]
fn with_no_rule_broken_nothing_is_missed_or_repeated() {
    let truth = told("none");
    assert_eq!(truth.wrong(), 0, "{:#}", truth.0);
    for kind in ["repeated", "names_repeated"] {
        assert_eq!(truth.number(kind), 0, "{kind}: {:#}", truth.0);
    }
}

#[test]
#[ignore = "breaks a rule by hand"]
fn a_vector_read_after_the_search_misses() {
    let truth = told("vector");
    assert!(truth.wrong() > 0, "nothing was missed: {:#}", truth.0);
    show(&format!("missed: {}", truth.0["different"]));
}

#[test]
#[ignore = "breaks a rule by hand"]
fn with_the_rdn_stamp_compared_names_are_repeated() {
    let truth = told("rdn");
    assert!(truth.number("names_repeated") > 0, "{:#}", truth.0);
}

#[test]
#[ignore = "breaks a rule by hand"]
fn without_digests_memberships_are_missed() {
    let truth = told("links");
    let wrong = truth.0["different"].as_array().unwrap().iter();
    let links = wrong.filter(|one| one[2] == "member" || one[2] == "manager");
    let links = links.count();
    assert!(links > 0, "{:#}", truth.0);
    show(&format!("{links} lists of links are wrong"));
}

#[tokio::test]
#[ignore = "a part of the others, in the client's view"]
async fn drive_in_the_clients_view() {
    let Some(path) = std::env::var_os(CONFIGURATION) else {
        return; // run by itself, there is nothing to drive
    };
    let path = Path::new(&path);
    // paths in the configuration are relative to its file
    std::env::set_current_dir(path.parent().unwrap()).unwrap();
    let _broken = rule(&std::env::var(RULE).unwrap()).map(Broken::new);
    let settings = Arc::new(config::load(path, Secrets::Resolve).unwrap());
    let store = Store::open(&settings.store).await.unwrap();
    let (pulse, stop) = (Pulse::start(), CancellationToken::new());
    let task = Task::new(
        &store,
        &settings,
        &"hr".parse().unwrap(),
        false,
        pulse,
        stop,
    );
    task.unwrap().serve().await.unwrap();
}
