//! A sync that nobody wrote for Highwater (`outside.py`), moved by its own files and its own database.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use super::lab::{CLIENT, DCS, Lab, host, script};
use super::moving::collect_for;
use super::postgres::Postgres;
use super::postgres_places;
use super::process::{Outcome, until};
use super::product::{Configuration, Product};
use super::writers::Writers;

/// The sync with everything it keeps.
struct Sync<'a> {
    lab: &'a Lab,
    folder: PathBuf,
    keep: &'static str,
    environment: Vec<String>,
}

impl<'a> Sync<'a> {
    fn new(lab: &'a Lab, keep: &'static str, environment: Vec<String>) -> Self {
        let folder = lab.scratch().join("product");
        std::fs::create_dir(&folder).unwrap();
        let sync = Self {
            lab,
            folder,
            keep,
            environment,
        };
        sync.order("init").success();
        sync
    }

    /// The words of one of its commands.
    fn words(&self, verb: &str) -> Vec<String> {
        let mut words = vec!["env".to_owned()];
        words.extend(self.environment.clone());
        let folder = self.folder.to_str().unwrap().to_owned();
        words.extend([script("outside.py"), verb.to_owned(), folder]);
        words.extend([self.keep.to_owned(), host("dc1")]);
        words
    }

    fn order(&self, verb: &str) -> Outcome {
        let words = self.words(verb);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        self.lab.exec(CLIENT, &words)
    }

    fn text(&self, name: &str) -> String {
        let bytes = std::fs::read(self.folder.join(name)).unwrap_or_default();
        bytes.into_iter().map(char::from).collect()
    }

    /// The completed polls of a DC so far.
    fn polls(&self, dc: &str) -> usize {
        let mark = host(dc);
        let out = self.text("out");
        let lines = out
            .split_inclusive('\n')
            .filter(|line| line.ends_with('\n'));
        let reports = lines.map(|line| serde_json::from_str::<Value>(line).unwrap());
        reports
            .filter(|report| report["moved"] == true)
            .filter(|report| report["url"].as_str().unwrap().contains(&mark))
            .count()
    }

    fn wait_polls(&self, dc: &str) {
        let wanted = self.polls(dc) + 2;
        until("two more polls", Duration::from_mins(1), || {
            self.polls(dc) >= wanted
        });
    }

    /// How many objects it does not hold as the DC does.
    fn differences(&self, dc: &str) -> usize {
        let state = self.folder.join("objects.json");
        let (sync, host) = (script("sync.py"), host(dc));
        let words = [
            "compare",
            "--state",
            state.to_str().unwrap(),
            "--host",
            &host,
        ];
        let found = self
            .lab
            .exec(CLIENT, &[&[sync.as_str()], &words[..]].concat());
        assert_ne!(found.code, Some(2), "{dc} could not be read: {found}");
        let found = found.json();
        assert!(found["objects"].as_u64().unwrap() > 5, "{found}");
        let kinds = ["missing", "surplus", "different"].iter();
        kinds
            .map(|kind| found[*kind].as_array().unwrap().len())
            .sum()
    }

    /// The lines of a consumer's table that every kind has.
    fn lines(&self) -> String {
        format!(
            "kind = \"outside\"\nshape = \"one_usn\"\nposition = \"before_search\"\nstop = {:?}\nstart = {:?}\n\
             confirm = \"30s\"\n",
            self.words("stop"),
            self.words("start")
        )
    }
}

impl Drop for Sync<'_> {
    fn drop(&mut self) {
        drop(self.order("stop"));
    }
}

fn steps(done: &Value) -> Vec<&str> {
    let steps = done["attempt"]["steps"].as_array().unwrap().iter();
    steps.map(|step| step["step"].as_str().unwrap()).collect()
}

const COMPLETE: [&str; 8] = [
    "begin", "stop", "save", "write", "verify", "record", "start", "confirm",
];

/// Collects, lets writers and sync work, and kills the DC in use while they do.
fn until_dc1_dies(lab: &Lab, product: &Product, sync: &Sync) -> Writers {
    let writers = Writers::start(lab, 11, 6);
    sync.order("start").success();
    collect_for(product, "hr", Duration::from_secs(6));
    sync.wait_polls("dc1");
    writers.end("dc1");
    lab.kill("dc1");
    writers
}

/// Nothing is missed: with dc1 back, and what only it had come through, the sync holds what its new DC holds.
fn equals_in_the_end(lab: &Lab, sync: &Sync, writers: Writers, dc: &str) {
    writers.stop();
    lab.start("dc1");
    lab.settle();
    sync.wait_polls(dc);
    assert_eq!(sync.differences(dc), 0);
}

#[test]
fn files_of_another_product_are_moved_and_moved_back_and_nothing_is_missed() {
    let lab = Lab::fresh();
    let sync = Sync::new(&lab, "files", Vec::new());
    let lines = format!(
        "{}\n[resource.hr.consumer.cursor]\nfile = {:?}\njson = {{ updated = \"/sync/lastUsn\" }}\n\
         [resource.hr.consumer.host]\nfile = {:?}\nproperties = {{ host = \"ldap.url\" }}\n",
        sync.lines(),
        sync.folder.join("state.json"),
        sync.folder.join("sync.properties"),
    );
    let product = Configuration::new(&lab).consumer("hr", &lines).write();
    product.run(&["config", "check"]).success();
    product.run(&["check", "hr"]).success();
    let (properties, before) = (sync.text("sync.properties"), sync.text("state.json"));
    let service = product.service();
    let writers = until_dc1_dies(&lab, &product, &sync);

    let done = product.json(&["failover", "hr", "--method", "vector", "--yes"]);
    assert_eq!(done["complete"], true, "{done:#}");
    assert_eq!(steps(&done), COMPLETE);
    let to = done["attempt"]["orders"]["to"].as_str().unwrap().to_owned();
    assert!(DCS[1..].contains(&to.as_str()), "{done:#}");
    equals_in_the_end(&lab, &sync, writers, &to);
    // Everything else in its files is as it was.
    assert_eq!(sync.text("sync.properties"), properties.replace("dc1", &to));
    let usn = |text: &str| text.split('"').nth(9).unwrap().to_owned();
    let now = sync.text("state.json");
    assert_eq!(now, before.replace("\"0\"", &format!("\"{}\"", usn(&now))));

    let undone = product.json(&["undo", "hr", "--yes"]);
    assert_eq!(undone["complete"], true, "{undone:#}");
    assert_eq!(sync.text("sync.properties"), properties);
    lab.add("dc1", &["after-the-undo"]);
    sync.wait_polls("dc1");
    assert_eq!(sync.differences("dc1"), 0);
    service.terminate().success();
}

/// What is wrong with a way in is told before anything is touched.
fn refusals(lab: &Lab, database: &Postgres, lines: &str) {
    let with = |from: &str, to: &str, name: &str| {
        assert!(lines.contains(from), "{lines}");
        let spoiled = lines.replacen(from, to, 1);
        let other = Configuration::new(lab).consumer("hr", &spoiled);
        other.store("other.db").write_as(name)
    };
    let authority = Path::new(lab.folder()).join("ca/other-ca.pem");
    let foreign = with("ca/ca.pem", "ca/other-ca.pem", "foreign.toml");
    assert!(authority.exists());
    let told = foreign.run(&["plan", "hr"]).exits(7).stderr;
    assert!(told.contains("no secure connection"), "{told}");
    let clear = with(
        "password = {",
        "security = \"clear, passwords readable on the network\"\npassword = {",
        "clear.toml",
    );
    // `ca_file` and clear contradict each other.
    clear.run(&["config", "check"]).exits(78);
    let unknown = with(
        "table = \"sync_state\"",
        "table = \"nothing\"",
        "unknown.toml",
    );
    let told = unknown.run(&["plan", "hr"]).exits(1).stderr;
    assert!(
        told.contains("nothing") && told.contains("correct the"),
        "{told}"
    );
    database.sql("ALTER ROLE product PASSWORD 'other'");
    let same = with("postgres", "postgres", "same.toml");
    let told = same.run(&["plan", "hr"]).exits(6).stderr;
    assert!(told.contains("password"), "{told}");
    database.sql("ALTER ROLE product PASSWORD 'product'");
}

#[test]
fn a_row_in_postgres_is_moved_and_a_cut_between_the_two_places_is_completed() {
    let lab = Lab::fresh();
    let database = Postgres::start(&lab);
    postgres_places::all(&database);
    let sync = Sync::new(&lab, "postgres", database.environment());
    let keeper = [
        script("outside.py"),
        "host".to_owned(),
        sync.folder.to_str().unwrap().to_owned(),
    ];
    let lines = format!(
        "{}\n[resource.hr.consumer.cursor]\ntable = \"sync_state\"\nwhere = {{ name = \"lab\" }}\n\
         columns = {{ updated = \"last_usn\" }}\n{}\n\
         [resource.hr.consumer.host]\ncommand = {keeper:?}\nfields = [\"host\"]\n",
        sync.lines(),
        database.settings(lab.scratch(), "resource.hr.consumer.cursor"),
    );
    let product = Configuration::new(&lab).consumer("hr", &lines).write();
    product.run(&["check", "hr"]).success();
    refusals(&lab, &database, &lines);
    let service = product.service();
    let writers = until_dc1_dies(&lab, &product, &sync);
    service.terminate().success();

    let usn = || database.sql("SELECT last_usn FROM sync_state WHERE name = 'lab'");
    let old = usn();
    std::fs::write(sync.folder.join("deadly"), "").unwrap();
    let words = [
        "failover", "hr", "--to", "dc2", "--method", "vector", "--yes",
    ];
    let killed = product.run(&words);
    assert_eq!(killed.code, None, "{killed}");
    // One place is new and the other is old.
    assert_eq!(sync.text("host"), host("dc1"));
    let attempts = product.json(&["attempts", "hr"]);
    assert_eq!(attempts[0]["state"], "writing", "{attempts:#}");
    let start = attempts[0]["orders"]["new"]["lastUpdated"].clone();
    assert_eq!(usn(), start.to_string());
    assert_ne!(usn(), old);

    // The next command completes it and says so; there is nothing left for itself to do.
    let next = product.run(&words);
    assert!(
        next.stderr
            .contains("unfinished attempt 1: the move to dc2 was finished"),
        "{next}"
    );
    assert!(
        next.stderr
            .contains("one of two places held the new cursor"),
        "{next}"
    );
    let attempts = product.json(&["attempts", "hr"]);
    let first = attempts.as_array().unwrap().last().unwrap();
    assert_eq!(first["state"], "done", "{attempts:#}");
    assert_eq!(sync.text("host"), host("dc2"));
    equals_in_the_end(&lab, &sync, writers, "dc2");
    let others = database.sql("SELECT last_usn, note FROM sync_state ORDER BY name DESC LIMIT 1");
    assert_eq!(others, "0|kept");
}
