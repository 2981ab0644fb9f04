//! A feed under test: its configuration, its events, and what a receiver of them knows, compared with the directory.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::Duration;

use highwater::clock::Stopwatch;
use serde_json::Value;

use super::lab::{CLIENT, Lab, host, script, show};
use super::process::until;
use super::product::{Configuration, Product};
#[path = "../../src/store/tests/structure.rs"]
mod structure;

/// Users, groups, contacts and their containers; what is described as hidden has left.
pub(crate) const FILTER: &str = "(&(|(objectClass=user)(objectClass=group)(objectClass=organizationalUnit)\
                                 (objectClass=contact))(!(description=hidden*)))";

/// One feed `hr` of OU=Lab in a fresh lab, begun on dc1 and not yet driven.
#[derive(Debug)]
pub(crate) struct Fed<'a> {
    pub(crate) lab: &'a Lab,
    pub(crate) product: Product<'a>,
    events: PathBuf,
}

impl<'a> Fed<'a> {
    /// Groups that all writers share are made, and everything there is has been loaded once.
    pub(crate) fn loaded(lab: &'a Lab) -> Self {
        Self::loaded_with(lab, Configuration::new(lab))
    }

    /// As [`Fed::loaded`], with what else is configured.
    pub(crate) fn loaded_with(lab: &'a Lab, configuration: Configuration<'a>) -> Self {
        let fed = Self::configured_with(lab, "", configuration);
        fed.product.run(&["sync", "hr", "--once"]).success();
        let (events, told) = (fed.events(), fed.truth("dc1"));
        assert_eq!(events.len() as u64, told.number("objects"), "{}", told.0);
        assert_eq!(told.wrong(), 0, "{}", told.0);
        fed
    }

    /// The groups are made, and nothing has been read; `more` are further lines of the feed's table.
    pub(crate) fn configured(lab: &'a Lab, more: &str) -> Self {
        Self::configured_with(lab, more, Configuration::new(lab))
    }

    fn configured_with(lab: &'a Lab, more: &str, configuration: Configuration<'a>) -> Self {
        let file = lab.scratch().join("teams.ldif");
        let mut ldif = String::new();
        for at in 0..3 {
            write!(
                ldif,
                "dn: CN=team{at},OU=Lab,DC=lab,DC=test\nobjectClass: group\nsAMAccountName: team{at}\n\n"
            )
            .unwrap();
        }
        std::fs::write(&file, ldif).unwrap();
        let url = format!("ldaps://{}", host("dc1"));
        let bind = ["-D", "administrator@LAB.TEST", "-w", "Passw0rd.Lab1"];
        let words = ["ldapadd", "-x", "-H", &url, "-f", file.to_str().unwrap()];
        lab.exec(CLIENT, &[&words[..], &bind].concat()).success();
        let feed = format!("filter = {FILTER:?}\npoll = \"300ms\"\nheartbeat = \"off\"\n{more}");
        let product = configuration.feed(&feed).write();
        let fed = Self {
            lab,
            product,
            events: lab.scratch().join("events.jsonl"),
        };
        // the writers on the other DCs use the groups too
        let known = |dc| {
            let url = format!("ldaps://{}", host(dc));
            let words = [
                &["ldapsearch", "-LLL", "-x", "-H", &url][..],
                &bind,
                &["-b", "CN=team2,OU=Lab,DC=lab,DC=test", "-s", "base", "dn"],
            ];
            lab.exec(CLIENT, &words.concat()).code == Some(0)
        };
        until("the groups are replicated", Duration::from_secs(30), || {
            known("dc2") && known("dc3")
        });
        fed
    }

    /// The whole events so far, in the order they were delivered in.
    pub(crate) fn events(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(&self.events).unwrap_or_default();
        let whole = text
            .split_inclusive('\n')
            .filter(|line| line.ends_with('\n'));
        whole
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// How many events were read from this DC.
    pub(crate) fn read_from(&self, dc: &str) -> usize {
        let events = self.events();
        let of_dc = events
            .iter()
            .filter(|event| event["data"]["readFrom"]["dc"] == dc);
        of_dc.count()
    }

    /// Waits for so many further events read from this DC.
    pub(crate) fn wait_events(&self, dc: &str, more: usize) {
        let wanted = self.read_from(dc) + more;
        let what = format!("{more} more events from {dc}");
        until(&what, Duration::from_mins(1), || {
            self.read_from(dc) >= wanted
        });
    }

    /// What a receiver of the events knows, compared with the database of a DC (`feed_truth.py`).
    #[track_caller]
    pub(crate) fn truth(&self, dc: &str) -> Truth {
        let program = script("feed_truth.py");
        let found = self
            .lab
            .exec(dc, &[&program, self.events.to_str().unwrap()]);
        assert!(matches!(found.code, Some(0 | 1)), "{found}");
        Truth(found.json())
    }

    /// Waits until a receiver of the events knows what the DC holds; what is still wrong after `limit`, if anything is.
    pub(crate) fn catch_up(&self, dc: &str, limit: Duration) -> Truth {
        let watch = Stopwatch::start();
        loop {
            let truth = self.truth(dc);
            if truth.wrong() == 0 {
                return truth;
            }
            if watch.elapsed() > limit {
                self.keep();
                return truth;
            }
            std::thread::sleep(Duration::from_millis(500));
        }
    }

    /// The file of the events.
    pub(crate) fn path(&self) -> &Path {
        &self.events
    }

    /// Keeps events and store for a look, in the folder that `HIGHWATER_SAMBA_KEEP` names.
    pub(crate) fn keep(&self) {
        if let Some(folder) = std::env::var_os("HIGHWATER_SAMBA_KEEP") {
            for name in [
                "events.jsonl",
                "highwater.db",
                "highwater.db-wal",
                "service.err",
            ] {
                let to = PathBuf::from(&folder).join(name);
                drop(std::fs::copy(self.lab.scratch().join(name), to));
            }
        }
    }

    /// How often each cause was counted, of events and of what was not delivered.
    pub(crate) fn causes(&self) -> BTreeMap<String, i64> {
        let store = rusqlite::Connection::open(self.lab.scratch().join("highwater.db")).unwrap();
        let mut causes = store.prepare("SELECT cause, n FROM feed_count").unwrap();
        let causes = causes.query_map([], |row| Ok((row.get(0)?, row.get(1)?)));
        causes.unwrap().map(Result::unwrap).collect()
    }

    /// Every event is what the published schema promises.
    pub(crate) fn check_schema(&self) {
        let schema: Value =
            serde_json::from_str(include_str!("../../schema/event.schema.json")).unwrap();
        for event in self.events() {
            let problems = structure::problems(&schema, &schema, &event, "");
            assert_eq!(problems, Vec::<String>::new(), "{event}");
        }
    }
}

/// The events of a file counted by the DC they were read from, as they come.
#[derive(Debug)]
pub(crate) struct Tail {
    path: PathBuf,
    read: u64,
    counts: BTreeMap<String, usize>,
}

impl Tail {
    pub(crate) fn of_file(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            read: 0,
            counts: BTreeMap::new(),
        }
    }

    fn read_on(&mut self) {
        let mut file = std::fs::File::open(&self.path).unwrap();
        file.seek(SeekFrom::Start(self.read)).unwrap();
        let mut octets = Vec::new();
        file.read_to_end(&mut octets).unwrap();
        // a line may end in the middle of a character
        let whole = octets.iter().rposition(|octet| *octet == b'\n');
        let whole = whole.map_or(0, |end| end + 1);
        for line in std::str::from_utf8(&octets[..whole]).unwrap().lines() {
            let dc = line
                .split_once("\"readFrom\":{\"dc\":\"")
                .map(|(_, rest)| &rest[..3]);
            *self
                .counts
                .entry(dc.unwrap_or_default().to_owned())
                .or_default() += 1;
        }
        self.read += whole as u64;
    }

    /// How many were read from this DC.
    pub(crate) fn of(&mut self, dc: &str) -> usize {
        self.read_on();
        self.counts.get(dc).copied().unwrap_or(0)
    }

    /// How many were read from the others.
    pub(crate) fn all_but(&mut self, dc: &str) -> usize {
        let own = self.of(dc);
        self.counts.values().sum::<usize>() - own
    }
}

/// What `feed_truth.py` says.
#[derive(Debug)]
pub(crate) struct Truth(pub(crate) Value);

impl Truth {
    /// How many objects and values the receivers have wrong, the one that takes an event once by its id and the one that
    /// takes whatever comes.
    pub(crate) fn wrong(&self) -> usize {
        let kinds = ["missing", "surplus", "different", "wrong_of_all"].iter();
        kinds
            .map(|kind| self.0[*kind].as_array().unwrap().len())
            .sum()
    }

    /// How many the receiver that takes whatever comes has wrong.
    pub(crate) fn wrong_of_all(&self) -> usize {
        self.0["wrong_of_all"].as_array().unwrap().len()
    }

    /// One of its counts.
    pub(crate) fn number(&self, name: &str) -> u64 {
        self.0[name].as_u64().unwrap()
    }

    /// Prints the counts.
    pub(crate) fn tell(&self, what: &str, fed: &Fed, written: u64) {
        let delivered = ["op", "reason"].map(|kind| self.0[kind].to_string());
        let silent = ["repeat", "unwanted", "out_of_scope", "never_told", "held"];
        let mut suppressed = fed.causes();
        suppressed.retain(|cause, _| silent.contains(&cause.as_str()));
        let attempts = fed.product.json(&["attempts", "hr"]);
        show(&format!(
            "{what}: {written} writes; {} objects with {} attributes, {} wrong; {} events with {} changes and {} of links: {} \
             {}; delivered again {}; repeated by changeId {}, links {}, names {}; repaired {}; not delivered {suppressed:?}; \
             failovers {}",
            self.0["objects"],
            self.0["attributes"],
            self.wrong(),
            self.0["events"],
            self.0["changes"],
            self.0["links"],
            delivered[0],
            delivered[1],
            self.0["delivered_again"],
            self.0["repeated"],
            self.0["links_repeated"],
            self.0["names_repeated"],
            self.0["repaired"],
            attempts.as_array().unwrap().len(),
        ));
    }
}
