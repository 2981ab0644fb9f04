//! A consumer of the file sink's lines, as `schema/event.schema.json` says they are to be taken.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use highwater::model::{InvocationId, Usn};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::structure::problems;

/// The most events a sink may have taken without its word that they are: one batch.
const BATCH: usize = 250;

/// An object as the consumer holds it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) dn: String,
    pub(crate) attributes: BTreeMap<String, Value>,
    pub(crate) members: BTreeSet<Uuid>,
}

/// A stamp as an event tells it, ordered as AD settles conflicts.
type Stamp = (u64, String, InvocationId, u64);

#[derive(Debug)]
pub(crate) struct Receiver {
    path: PathBuf,
    read: u64,
    schema: Value,
    pub(crate) entries: BTreeMap<Uuid, Entry>,
    pub(crate) events: usize,
    /// The line each id was first seen in.
    ids: BTreeMap<String, usize>,
    /// How many lines there were when the feed was killed.
    kills: Vec<usize>,
    /// Lines that came again after a kill.
    pub(crate) again: usize,
    /// The changes told of each object, with the stamps of those that have one.
    changes: BTreeMap<Uuid, BTreeMap<String, Option<Stamp>>>,
    stamps: BTreeMap<(Uuid, String), Vec<Stamp>>,
    /// What must never be, in words.
    pub(crate) wrong: Vec<String>,
    /// Changes told again, by cause.
    pub(crate) repeats: BTreeMap<String, usize>,
    /// Events by reason.
    pub(crate) reasons: BTreeMap<String, usize>,
}

impl Receiver {
    pub(crate) fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            read: 0,
            schema: serde_json::from_str(include_str!("../../schema/event.schema.json")).unwrap(),
            entries: BTreeMap::new(),
            events: 0,
            ids: BTreeMap::new(),
            kills: Vec::new(),
            again: 0,
            changes: BTreeMap::new(),
            stamps: BTreeMap::new(),
            wrong: Vec::new(),
            repeats: BTreeMap::new(),
            reasons: BTreeMap::new(),
        }
    }

    /// The feed was killed: what its last lines told may come again.
    pub(crate) fn killed(&mut self) {
        // The thread that writes holds the file's lock and ends its write whatever became of the task.
        if let Ok(file) = std::fs::File::open(&self.path) {
            file.lock().unwrap();
        }
        self.read_on();
        self.kills.push(self.events + self.again);
    }

    /// A DC was declared lost: what was told of it above `held` is taken back, and may come once more.
    pub(crate) fn give_up(&mut self, lost: InvocationId, held: Usn) {
        self.read_on();
        for told in self.changes.values_mut() {
            told.retain(|_, stamp| {
                !matches!(stamp, Some((_, _, origin, usn)) if *origin == lost && *usn > held.get().unsigned_abs())
            });
        }
    }

    /// Takes the lines that are there and whole.
    pub(crate) fn read_on(&mut self) {
        let Ok(mut file) = std::fs::File::open(&self.path) else {
            return;
        };
        file.seek(SeekFrom::Start(self.read)).unwrap();
        let mut text = String::new();
        file.read_to_string(&mut text).unwrap();
        let whole = text.rfind('\n').map_or(0, |end| end + 1);
        for line in text[..whole].lines() {
            self.line(line);
        }
        self.read += whole as u64;
    }

    fn line(&mut self, line: &str) {
        let event: Value = serde_json::from_str(line).unwrap();
        let found = problems(&self.schema, &self.schema, &event, "");
        if !found.is_empty() {
            self.wrong.push(format!(
                "not as the schema says ({}): {line}",
                self.why(&event)
            ));
        }
        let at = self.events + self.again;
        let id = event["id"].as_str().unwrap().to_owned();
        if let Some(first) = self.ids.get(&id) {
            // The thread that writes a batch may have begun only after the kill was counted.
            let tail = |kill: &&usize| **kill <= at && first.abs_diff(**kill) <= BATCH;
            if self.kills.iter().find(tail).is_some() {
                self.again += 1;
            } else {
                self.events += 1;
                self.wrong
                    .push(format!("line {at} has the id of line {first}: {line}"));
            }
            return;
        }
        self.ids.insert(id, at);
        self.events += 1;
        if event["data"].get("op").is_some() {
            self.take(&event["data"], line);
        }
    }

    /// All lines about the object that a line, or a text with a line in it, is about.
    pub(crate) fn lines_of(&self, about: &str) -> Vec<String> {
        let Some((_, rest)) = about.split_once("\"objectGuid\":\"") else {
            return Vec::new();
        };
        let guid = &rest[..36];
        let text = std::fs::read_to_string(&self.path).unwrap();
        let numbered = text.lines().enumerate();
        let about = numbered.filter(|(_, line)| line.contains(guid));
        about.map(|(at, line)| format!("{at}: {line}")).collect()
    }

    /// What exactly the schema has against a change.
    fn why(&self, event: &Value) -> String {
        let part = &self.schema["$defs"]["change"];
        problems(&self.schema, part, event, "").join("; ")
    }

    fn take(&mut self, data: &Value, line: &str) {
        let guid: Uuid = data["objectGuid"].as_str().unwrap().parse().unwrap();
        let op = data["op"].as_str().unwrap();
        let reason = data["reason"].as_str().unwrap();
        *self.reasons.entry(reason.to_owned()).or_default() += 1;
        if reason == "requested" || reason == "retracted" {
            // By order: a DC is lost, or everything is told once more, whatever was told before.
            self.forget(guid);
        }
        self.account(guid, op, reason, data, line);
        match op {
            "delete" | "leave" => {
                self.entries.remove(&guid);
                self.forget(guid);
                if op == "delete" {
                    self.drop_links_to(guid);
                }
            }
            "create" | "undelete" | "snapshot" => {
                if op == "undelete" {
                    self.drop_links_to(guid);
                }
                let before = self.entries.remove(&guid).unwrap_or_default();
                let mut entry = Entry::default();
                for kept in data["kept"].as_array().into_iter().flatten() {
                    let name = kept.as_str().unwrap();
                    if let Some(value) = before.attributes.get(name) {
                        entry.attributes.insert(name.to_owned(), value.clone());
                    }
                }
                entry.apply(data);
                self.entries.insert(guid, entry);
            }
            _ => match self.entries.get_mut(&guid) {
                Some(entry) => entry.apply(data),
                None => self.wrong.push(format!("of an object never told: {line}")),
            },
        }
    }

    /// What is told of the object from here on is told for the first time.
    fn forget(&mut self, guid: Uuid) {
        self.changes.remove(&guid);
        self.stamps.retain(|(of, _), _| *of != guid);
    }

    /// A delete implies dropping links to the object; what was brought back had been deleted.
    fn drop_links_to(&mut self, guid: Uuid) {
        for entry in self.entries.values_mut() {
            entry.members.remove(&guid);
        }
    }

    fn account(&mut self, guid: Uuid, op: &str, reason: &str, data: &Value, line: &str) {
        let piecemeal = matches!(op, "update" | "move" | "delete");
        for changed in data["changed"].as_array().unwrap() {
            let id = changed["changeId"].as_str().unwrap().to_owned();
            let attribute = changed["attribute"].as_str().unwrap();
            let stamp = stamp(changed);
            let told = self.changes.entry(guid).or_default();
            let again = told.insert(id, stamp.clone()).is_some();
            let Some(stamp) = stamp else {
                if again && piecemeal {
                    let cause = format!("{attribute}: {reason}");
                    *self.repeats.entry(cause).or_default() += 1;
                }
                continue;
            };
            let repairs = changed["repairs"] == Value::Bool(true);
            if again && repairs {
                *self.repeats.entry("repairs".to_owned()).or_default() += 1;
            } else if again && piecemeal {
                self.wrong.push(format!("{attribute} told again: {line}"));
            }
            let told = self.stamps.entry((guid, attribute.to_owned())).or_default();
            if told.contains(&stamp) && told.last().is_some_and(|last| *last > stamp) {
                self.wrong.push(format!(
                    "{attribute} goes back from {:?}: {line}",
                    told.last()
                ));
            }
            told.push(stamp);
        }
    }
}

fn stamp(changed: &Value) -> Option<Stamp> {
    Some((
        changed["version"].as_u64()?,
        changed["at"].as_str()?.to_owned(),
        changed["origin"].as_str()?.parse().unwrap(),
        changed["usn"].as_u64()?,
    ))
}

impl Entry {
    /// Takes the values over that are listed; `null` clears one.
    fn apply(&mut self, data: &Value) {
        data["dn"].as_str().unwrap().clone_into(&mut self.dn);
        let listed: &Map<String, Value> = data["attributes"].as_object().unwrap();
        for (name, value) in listed {
            if name == "member" {
                let targets = value.as_array().into_iter().flatten();
                let guids = targets.map(|target| target["guid"].as_str().unwrap().parse().unwrap());
                self.members = guids.collect();
            } else if value.is_null() {
                self.attributes.remove(name);
            } else {
                self.attributes.insert(name.clone(), value.clone());
            }
        }
    }
}
