//! A sink's queue as the product's delivery takes it, and who receives it: one that drops events whose id it knows, and one
//! that takes everything. Both keep what `schema/event.schema.json` says they are to keep.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use highwater::model::{InvocationId, Queued, Usn};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::account::Account;

/// An object as a receiver holds it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) dn: String,
    pub(crate) attributes: BTreeMap<String, Value>,
    pub(crate) members: BTreeSet<Uuid>,
    /// The load that was under way when it was last told.
    pub(crate) load: usize,
}

/// What holds of events from a place in the queue on.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Turn {
    /// A DC was declared lost: what was told of it above this USN may be taken back, and come once more.
    GivenUp(InvocationId, Usn),
}

/// One sink of the feed.
pub(crate) struct Inbox {
    pub(crate) name: String,
    /// In how many of a hundred chances it takes something.
    pub(crate) pace: usize,
    /// By id or by everything.
    pub(crate) trusting: Receiver,
    pub(crate) plain: Receiver,
    pub(crate) account: Account,
    /// The newest place in the queue that was taken.
    pub(crate) newest: i64,
    ids: BTreeMap<String, i64>,
    /// The ids of before the store was put back: what it knows no more may come again.
    old: BTreeSet<String>,
    turns: VecDeque<(i64, Turn)>,
    /// All there were, and those of before the backup.
    all_turns: Vec<(i64, Turn)>,
    backed_up: Vec<(i64, Turn)>,
    /// How many events came again from the queue.
    pub(crate) again: usize,
    pub(crate) events: usize,
}

impl Inbox {
    pub(crate) fn new(name: &str, pace: usize) -> Self {
        Self {
            name: name.to_owned(),
            pace,
            trusting: Receiver::default(),
            plain: Receiver::default(),
            account: Account::default(),
            newest: 0,
            ids: BTreeMap::new(),
            old: BTreeSet::new(),
            turns: VecDeque::new(),
            all_turns: Vec::new(),
            backed_up: Vec::new(),
            again: 0,
            events: 0,
        }
    }

    /// Has this hold of all events after a place in the queue.
    pub(crate) fn turn(&mut self, after: i64, turn: Turn) {
        self.turns.push_back((after, turn));
        self.all_turns.push((after, turn));
    }

    /// The store is backed up.
    pub(crate) fn back_up(&mut self) {
        self.backed_up.clone_from(&self.all_turns);
    }

    /// The store was put back from a backup: places come again, and what was told is told anew.
    pub(crate) fn put_back(&mut self) {
        self.newest = -1;
        self.all_turns = std::mem::take(&mut self.backed_up);
        self.turns = self.all_turns.iter().copied().collect();
        self.old.extend(std::mem::take(&mut self.ids).into_keys());
        self.account.put_back();
    }

    pub(crate) fn take(&mut self, queued: &Queued) {
        let body: Value = serde_json::from_str(&queued.event.body).unwrap();
        let id = body["id"].as_str().unwrap();
        assert_eq!(id, queued.event.id);
        let is_again = queued.seq <= self.newest;
        self.plain.take(&body, is_again || !self.old.is_empty());
        if is_again {
            self.again += 1;
            assert!(self.ids.contains_key(id), "{id} was another event");
            return;
        }
        while self
            .turns
            .front()
            .is_some_and(|(after, _)| *after < queued.seq)
        {
            if let Some((_, turn)) = self.turns.pop_front() {
                self.account.turn(turn);
            }
        }
        self.newest = queued.seq;
        self.events += 1;
        let first = self.ids.insert(id.to_owned(), queued.seq);
        if body["data"]["replaces"] == Value::Bool(true) {
            // From here on everything is told anew, whatever it was before.
            self.account.put_back();
        }
        if body["data"].get("op").is_some() {
            self.account.take(&body["data"], &queued.event.body);
        }
        match first {
            None if self.old.contains(id) => {}
            None => self.trusting.take(&body, !self.old.is_empty()),
            Some(first) => self.account.wrong.push(format!(
                "the id of event {first} came again: {}",
                queued.event.body
            )),
        }
    }

    /// What was not applied, in words.
    pub(crate) fn wrong(&self) -> Vec<String> {
        let all = [&self.account.wrong, &self.trusting.wrong, &self.plain.wrong];
        all.into_iter().flatten().cloned().collect()
    }
}

/// A receiver's state, made of events alone.
#[derive(Debug, Default)]
pub(crate) struct Receiver {
    pub(crate) entries: BTreeMap<Uuid, Entry>,
    pub(crate) wrong: Vec<String>,
    /// The number of the load that is under way or was last.
    load: usize,
}

impl Receiver {
    /// `is_lenient` where some of what an event rests on may have been taken back.
    fn take(&mut self, body: &Value, is_lenient: bool) {
        let data = &body["data"];
        match body["type"].as_str().unwrap() {
            "highwater.feed.load.started" => self.load += 1,
            "highwater.feed.load.completed" if data["replaces"] == Value::Bool(true) => {
                let load = self.load;
                self.entries.retain(|_, entry| entry.load == load);
            }
            _ if data.get("op").is_some() => self.change(data, body, is_lenient),
            _ => {}
        }
    }

    fn change(&mut self, data: &Value, body: &Value, is_lenient: bool) {
        let guid: Uuid = data["objectGuid"].as_str().unwrap().parse().unwrap();
        let load = self.load;
        match data["op"].as_str().unwrap() {
            op @ ("delete" | "leave") => {
                self.entries.remove(&guid);
                if op == "delete" {
                    self.drop_links_to(guid);
                }
            }
            op @ ("create" | "undelete" | "snapshot") => {
                if op == "undelete" {
                    self.drop_links_to(guid);
                }
                let before = self.entries.remove(&guid).unwrap_or_default();
                let mut entry = Entry {
                    load,
                    ..Entry::default()
                };
                for kept in kept(data) {
                    if let Some(value) = before.attributes.get(kept) {
                        entry.attributes.insert(kept.to_owned(), value.clone());
                    }
                }
                entry.apply(data);
                self.entries.insert(guid, entry);
            }
            _ => match self.entries.get_mut(&guid) {
                Some(entry) => {
                    entry.load = load;
                    entry.apply(data);
                }
                None if is_lenient => {}
                None => self.wrong.push(format!("of an object never told: {body}")),
            },
        }
    }

    /// A delete implies dropping links to the object; what was brought back had been deleted.
    fn drop_links_to(&mut self, guid: Uuid) {
        for entry in self.entries.values_mut() {
            entry.members.remove(&guid);
        }
    }
}

/// The names of what an object keeps of what it had.
pub(crate) fn kept(data: &Value) -> impl Iterator<Item = &str> {
    let kept = data.get("kept").and_then(Value::as_array);
    kept.into_iter()
        .flatten()
        .map(|name| name.as_str().unwrap())
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
