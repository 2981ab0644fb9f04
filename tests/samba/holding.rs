//! What is no reason to move, through Active Sync in `highwater run`: each with the reason that is shown, and who hears of
//! it. The feed may move by itself in all of them.

use std::time::Duration;

use highwater::clock::Stopwatch;
use serde_json::Value;

use super::failing::{in_use, reacting, reacting_within};
use super::feed::Fed;
use super::lab::{CLIENT, Lab};
use super::mailing::Post;
use super::process::until;
use super::product::Product;

const SOON: Duration = Duration::from_mins(1);

/// The open incident, where there is one.
fn incident(product: &Product) -> Option<Value> {
    let listed = product.json(&["incidents"]);
    listed["incidents"].as_array().unwrap().first().cloned()
}

/// Waits for an open incident whose reasons are of these kinds, among others perhaps.
fn wait_reasons(product: &Product, kinds: &[&str]) -> Value {
    let mut found = Value::Null;
    until(&format!("the reasons {kinds:?}"), SOON, || {
        found = incident(product).unwrap_or_default();
        let why = found["stance"]["why"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        kinds
            .iter()
            .all(|kind| why.iter().any(|one| one["kind"] == *kind))
    });
    found
}

/// Waits until no incident is open.
fn wait_over(product: &Product) -> Value {
    until("the incident is over", SOON, || incident(product).is_none());
    let all = product.json(&["incidents", "list", "--all"]);
    all["incidents"][0].clone()
}

/// Nothing was planned, nothing was moved.
#[track_caller]
fn stays(product: &Product) {
    assert_eq!(in_use(product), "dc1");
    assert_eq!(product.json(&["attempts", "hr"]), serde_json::json!([]));
    let listed = product.json(&["incidents", "list", "--all"]);
    for incident in listed["incidents"].as_array().unwrap() {
        let events = incident["events"].to_string();
        assert!(!events.contains("a plan is wanted"), "{incident:#}");
    }
}

/// What the client's packet filter does to packets to LDAPS ports from here on: the words of an nftables rule, or none.
fn filter(lab: &Lab, rule: Option<&str>) {
    let chain = "add table ip hold\ndelete table ip hold\nadd table ip hold\n\
                 add chain ip hold out { type filter hook output priority 0; }\n";
    let rule = rule.map_or_else(String::new, |rule| {
        format!("add rule ip hold out tcp dport 636 {rule}\n")
    });
    let file = lab.scratch().join("filter.nft");
    std::fs::write(&file, chain.to_owned() + &rule).unwrap();
    lab.exec(CLIENT, &["nft", "-f", file.to_str().unwrap()])
        .success();
}

#[test]
fn an_error_that_passes_is_nobodys_business() {
    let lab = Lab::fresh();
    let post = Post::open(&lab);
    let fed = Fed::loaded_with(&lab, reacting(&lab, &post, "on"));
    let product = &fed.product;
    let service = product.service();
    until("the service runs", SOON, || {
        product.json(&["status"])["service_runs"] == true
    });
    // one packet to dc1 is answered by a reset; it may be one of the collector's
    let one = "ip daddr 10.99.0.11 limit rate 1/hour burst 1 packets reject with tcp reset";
    let has_failed = || {
        let all = product.json(&["incidents", "list", "--all"]);
        !all["incidents"].as_array().unwrap().is_empty()
    };
    let shots = (0..20).find(|_| {
        filter(&lab, Some(one));
        let watch = Stopwatch::start();
        while !has_failed() && watch.elapsed() < Duration::from_secs(3) {}
        has_failed()
    });
    assert!(shots.is_some(), "no packet of the feed was met");
    let over = wait_over(product);
    assert_eq!(over["outcome"], "outage", "{over:#}");
    assert_eq!(over["told_at"], Value::Null, "{over:#}");
    let why = over["stance"]["why"].to_string();
    assert!(
        why.contains("too_few_errors") && why.contains("dc_answers"),
        "{why}"
    );
    stays(product);
    assert_eq!(post.count(), 0, "nobody is told");
    service.terminate().success();
}

#[test]
fn an_outage_of_our_own_network_moves_nothing_and_is_told() {
    let lab = Lab::fresh();
    let mut post = Post::open(&lab);
    let fed = Fed::loaded_with(&lab, reacting(&lab, &post, "on"));
    let product = &fed.product;
    let service = product.service();
    fed.lab.add("dc1", &["before"]);
    fed.wait_events("dc1", 1);
    let cable = |state| {
        lab.exec(CLIENT, &["ip", "link", "set", "eth0", state])
            .success();
    };
    // the mail server is beyond the same cable
    post.close();
    cable("down");
    let open = wait_reasons(product, &["own_network"]);
    assert_eq!(open["outcome"], "outage");
    assert_eq!(open["stance"]["action"], "wait");
    let failure = open["stance"]["why"].as_array().unwrap();
    let own = failure
        .iter()
        .find(|why| why["kind"] == "own_network")
        .unwrap();
    assert_eq!(
        (&own["failure"], &own["dcs"]),
        (&"unreachable".into(), &3.into()),
        "{own}"
    );
    until("the mail waits", SOON, || {
        let queue = product.json(&["mail", "queue"]);
        queue[0]["problem"].is_string()
    });
    assert_eq!(post.count(), 0);
    cable("up");
    post.reopen();
    post.wait(2, SOON);
    let mails = post.mails();
    assert_eq!(mails.len(), 2);
    assert_eq!(mails[0].header("subject"), "[Highwater] hr: outage of dc1");
    mails[0].says(&["our own network or name service is down", "unreachable: "]);
    assert_eq!(mails[1].header("references"), mails[0].header("message-id"));
    mails[1].says(&["dc1 answers again"]);
    wait_over(product);
    stays(product);
    fed.lab.add("dc1", &["after"]);
    fed.wait_events("dc1", 1);
    service.terminate().success();
}

#[test]
fn names_that_nobody_resolves_move_nothing() {
    let lab = Lab::fresh();
    let post = Post::open(&lab);
    let fed = Fed::loaded_with(&lab, reacting(&lab, &post, "on"));
    let product = &fed.product;
    let service = product.service();
    until("the service runs", SOON, || {
        product.json(&["status"])["service_runs"] == true
    });
    let client = lab.folder().join("cl");
    let (hosts, resolv) = (client.join("hosts"), client.join("resolv.conf"));
    let kept = std::fs::read(&hosts).unwrap();
    // written in place: the view has the file itself
    std::fs::write(&hosts, "127.0.0.1 localhost\n10.99.0.100 cl.lab.test\n").unwrap();
    std::fs::write(
        &resolv,
        "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n",
    )
    .unwrap();
    // connections that stand need no name
    filter(&lab, Some("reject with tcp reset"));
    let open = wait_reasons(product, &["own_network"]);
    let own = open["stance"]["why"].to_string();
    assert!(own.contains("unknown_host"), "{own}");
    post.wait(1, SOON);
    post.mails()[0].says(&["unknown_host on all 3"]);
    std::fs::write(&hosts, kept).unwrap();
    filter(&lab, None);
    post.wait(2, SOON);
    wait_over(product);
    stays(product);
    assert_eq!(post.count(), 2);
    service.terminate().success();
}

#[test]
fn a_dc_that_comes_and_goes_is_not_left() {
    let lab = Lab::fresh();
    let post = Post::open(&lab);
    // one incident for all of it, told when it has come and gone
    let windows = ["40s", "20s"];
    let fed = Fed::loaded_with(&lab, reacting_within(&lab, &post, "on", windows));
    let product = &fed.product;
    let service = product.service();
    let answers = || product.json(&["status"])["dcs"][0]["failing"] == Value::Null;
    until("dc1 is sampled", SOON, || {
        !product.samples("hr", "dc1").is_empty()
    });
    for _ in 0..2 {
        lab.kill("dc1");
        until("a look at dc1 fails", SOON, || !answers());
        lab.start("dc1");
        until("dc1 is sampled again", SOON, answers);
    }
    lab.kill("dc1");
    let open = wait_reasons(product, &["flapping"]);
    let all = open["stance"]["why"].as_array().unwrap();
    let flapping = all.iter().find(|why| why["kind"] == "flapping").unwrap();
    assert!(flapping["changes"].as_u64().unwrap() >= 4, "{flapping}");
    // both signals are there, and it is left all the same
    until("only that is in the way", SOON, || {
        let stance = incident(product).unwrap()["stance"].clone();
        stance["action"] == "wait" && stance["why"].as_array().unwrap().len() == 1
    });
    post.wait(1, SOON);
    let mails = post.mails();
    assert_eq!(mails[0].header("subject"), "[Highwater] hr: outage of dc1");
    mails[0].says(&["has come and gone"]);
    stays(product);
    lab.start("dc1");
    wait_over(product);
    stays(product);
    service.terminate().success();
}

#[test]
fn a_wrong_password_is_told_and_moves_nothing() {
    let lab = Lab::fresh();
    let post = Post::open(&lab);
    let fed = Fed::loaded_with(&lab, reacting(&lab, &post, "on"));
    let product = &fed.product;
    let file = lab.scratch().join("administrator.pass");
    let right = std::fs::read(&file).unwrap();
    std::fs::write(&file, "Wrong.Lab1\n").unwrap();
    let service = product.service();
    post.wait(1, SOON);
    let first = post.mails().remove(0);
    assert_eq!(
        first.header("subject"),
        "[Highwater] hr: the sync fails (credentials)"
    );
    first.says(&["credentials: dc1.lab.test:636", "another DC would not help"]);
    let open = incident(product).unwrap();
    assert_eq!(
        (&open["outcome"], &open["stance"]["action"]),
        (&"credentials".into(), &"tell".into())
    );
    assert_eq!(open["stance"]["why"][0]["kind"], "not_an_outage");
    std::fs::write(&file, right).unwrap();
    service.signal("HUP");
    post.wait(2, SOON);
    let mails = post.mails();
    mails[1].says(&["no failure for 3s"]);
    assert_eq!(mails[1].header("references"), first.header("message-id"));
    wait_over(product);
    stays(product);
    assert_eq!(post.count(), 2);
    service.terminate().success();
}
