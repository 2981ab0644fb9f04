//! The failure process on real parts: Active Sync reads dc1, dc1 dies, people are told by mail, and the feed goes on.

use std::time::Duration;

use serde_json::Value;

use super::consumer::Consumer;
use super::feed::Fed;
use super::lab::{Lab, show};
use super::mailing::{Post, SECRETS};
use super::process::until;
use super::product::{Configuration, Product};
use super::writers::Writers;

const SOON: Duration = Duration::from_mins(1);
const SETTLED: Duration = Duration::from_secs(100);

/// The failure process with windows that fit a test; what a scenario is about keeps its default.
pub(crate) fn reacting<'a>(lab: &'a Lab, post: &Post<'_>, mode: &str) -> Configuration<'a> {
    reacting_within(lab, post, mode, ["1s", "3s"])
}

/// As [`reacting`], with other `group_wait` and `quiet`.
pub(crate) fn reacting_within<'a>(
    lab: &'a Lab,
    post: &Post<'_>,
    mode: &str,
    [group_wait, quiet]: [&str; 2],
) -> Configuration<'a> {
    let tables = format!(
        "{}\n[notices]\ngroup_wait = \"{group_wait}\"\n\n[safety]\nstartup_grace = \"1s\"\n\n[process.ad]\nnotify = [\"operators\"]\n\
         quiet = \"{quiet}\"\n",
        post.tables()
    );
    let lines = format!("process = \"ad\"\nauto_failover = \"{mode}\"\n");
    Configuration::new(lab).reaction(&lines, &tables)
}

/// The DC the feed reads.
pub(crate) fn in_use(product: &Product) -> String {
    let status = product.json(&["status", "hr"]);
    status["resources"][0]["dc_in_use"]
        .as_str()
        .unwrap()
        .to_owned()
}

/// The proposals that have not ended.
fn proposals(product: &Product) -> Vec<Value> {
    product.json(&["incidents"])["proposals"]
        .as_array()
        .unwrap()
        .clone()
}

fn a_dc_dies(mode: &str, seed: u32) {
    let lab = Lab::fresh();
    let post = Post::open(&lab);
    let fed = Fed::loaded_with(&lab, reacting(&lab, &post, mode));
    let product = &fed.product;
    let mut service = product.service();
    let writers = Writers::of_everything(&lab, seed, 15);
    fed.wait_events("dc1", 60);
    lab.kill("dc1");
    writers.end("dc1");

    post.wait(1, SOON);
    let asks = mode == "propose";
    let first = post.mails().remove(0);
    first.says(&[
        "refused: dc1.lab.test:636",
        "rule own-outage",
        "dc1 (dc1.lab.test) -> dc",
        "proven: nothing is skipped",
    ]);
    for seen in [
        "dc1        failed",
        "dc2        answered",
        "dc3        answered",
    ] {
        assert!(first.text().contains(seen), "{seen}: {}", first.text());
    }
    if asks {
        first.says(&["highwater approve 1", "waits for an answer until"]);
        assert_eq!(in_use(product), "dc1", "nobody has said yes");
        // what waits survives the service, and is not told again by the next one
        service.signal("KILL");
        assert_eq!(service.wait(SOON).code, None);
        service = product.service();
        until("the service runs again", SOON, || {
            product.json(&["status"])["service_runs"] == true
        });
        let waiting = proposals(product);
        assert_eq!(
            (waiting.len(), &waiting[0]["state"]),
            (1, &"waiting".into())
        );
        let approved = product.json(&["approve", "1", "--reason", "dc1 is down"]);
        assert_eq!(approved["state"], "done", "{approved:#}");
    }
    until("another DC is in use", SOON, || in_use(product) != "dc1");
    let to = in_use(product);
    fed.wait_events(&to, 40);
    let all = if asks { 3 } else { 2 };
    post.wait(all, SOON);
    lab.start("dc1");
    let written = writers.stop_and_count();
    for dc in ["dc1", "dc2", "dc3"] {
        let truth = fed.catch_up(dc, SETTLED);
        assert_eq!(
            truth.wrong(),
            0,
            "missed, compared with {dc}: {:#}",
            truth.0
        );
    }
    for kind in ["unknown_object", "repeated"] {
        assert_eq!(fed.truth("dc1").number(kind), 0, "{kind}");
    }
    check_thread(&post, asks, &to);
    let attempts = product.json(&["attempts", "hr"]);
    let channel = if asks { "approval" } else { "automatic" };
    assert_eq!(attempts.as_array().unwrap().len(), 1, "{attempts:#}");
    assert_eq!(
        (&attempts[0]["channel"], &attempts[0]["state"]),
        (&channel.into(), &"done".into())
    );
    assert_eq!(product.json(&["mail", "queue"]), Value::Array(Vec::new()));
    let ended = service.terminate().success();
    assert!(
        !SECRETS.iter().any(|secret| ended.stderr.contains(secret)),
        "{ended}"
    );
    show(&format!(
        "{mode}: dc1 → {to}, {written} writes, nothing missed; {} mails: {:?}",
        post.count(),
        post.mails()
            .iter()
            .map(|mail| mail.header("subject").to_owned())
            .collect::<Vec<_>>()
    ));
    if let Some(folder) = std::env::var_os("HIGHWATER_MAILS") {
        for (n, mail) in post.mails().iter().enumerate() {
            let file = std::path::Path::new(&folder).join(format!("{mode}-{n}"));
            std::fs::write(file.with_extension("txt"), mail.text()).unwrap();
            std::fs::write(file.with_extension("html"), mail.html()).unwrap();
            std::fs::write(file.with_extension("eml"), mail.raw()).unwrap();
        }
    }
}

/// One mail began it, every other one hangs on it, and the last one says that it is over.
fn check_thread(post: &Post, asks: bool, to: &str) {
    let mails = post.mails();
    let subjects: Vec<&str> = mails.iter().map(|mail| mail.header("subject")).collect();
    let mut wanted = vec![
        format!("[Highwater] hr was moved from dc1 to {to}"),
        "[Highwater] resolved: hr: outage of dc1 is over".to_owned(),
    ];
    if asks {
        wanted.insert(
            0,
            format!("[Highwater] approval wanted: hr: move from dc1 to {to}?"),
        );
    }
    assert_eq!(subjects, wanted);
    let root = mails[0].header("message-id");
    assert!(!mails[0].has("references"));
    let mut ids = vec![root];
    for later in &mails[1..] {
        assert_eq!(later.header("references"), root);
        assert_eq!(later.header("in-reply-to"), root);
        ids.push(later.header("message-id"));
    }
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), mails.len(), "each has an id of its own");
    mails
        .last()
        .unwrap()
        .says(&[&format!("the sync reads {to}")]);
    if asks {
        mails[1].says(&["dc1 is down"]);
    }
}

#[test]
fn a_dc_dies_one_mail_asks_and_an_approval_moves_the_feed() {
    a_dc_dies("propose", 61);
}

#[test]
fn a_dc_dies_and_the_feed_moves_by_itself_where_that_is_allowed() {
    a_dc_dies("on", 62);
}

/// The rule that the topic `incidents` gives.
const ONCE: &str = "\n[[process.ad.rule]]\nname = \"reported-once\"\nmatch = 'connection refused|timed out|\
                    contact ldap server|server.?down'\noutcome = \"outage\"\ncount = 1\n";

#[test]
fn an_outside_sync_that_reports_once_is_moved_without_a_service() {
    let lab = Lab::fresh();
    let post = Post::open(&lab);
    let sync = Consumer::new(&lab, "dc1", &["--record-id"]);
    let configuration = reacting(&lab, &post, "on").more_tables(ONCE);
    let product = configuration.sync(&sync, "").write();
    sync.start();
    for _ in 0..3 {
        product.run(&["collect"]).success();
        sync.wait_polls("dc1", 1);
    }
    lab.kill("dc1");
    sync.wait_failure();
    let error = sync.reports().pop().unwrap()["error"]
        .as_str()
        .unwrap()
        .to_owned();
    let told = product.json(&["on-error", "hr", &error]);
    assert_eq!(
        told["failure"]["verdict"]["rule"], "reported-once",
        "{told:#}"
    );
    assert_eq!(told["proposal"]["state"], "done", "{told:#}");
    let to = sync.position()["ldapHost"].as_str().unwrap().to_owned();
    let to = to.split('.').next().unwrap();
    assert_ne!(to, "dc1");
    sync.wait_polls(to, 2);
    let mails = post.mails();
    let subjects: Vec<&str> = mails.iter().map(|mail| mail.header("subject")).collect();
    // the probes took longer than `quiet`
    let moved = format!("[Highwater] hr was moved from dc1 to {to}");
    assert_eq!(
        subjects,
        [
            moved.as_str(),
            "[Highwater] resolved: hr: outage of dc1 is over"
        ]
    );
    mails[0].says(&[&error, "rule reported-once", "the sync was started"]);
    show(&format!("reported once as {error:?}: dc1 → {to}"));
    sync.stop();
}
