//! What a sink was told, change by change: nothing twice that stamps prove a repeat, and nothing older after something newer.

use std::collections::{BTreeMap, BTreeSet};

use highwater::model::InvocationId;
use serde_json::Value;
use uuid::Uuid;

use crate::receiver::{Turn, kept};

/// A stamp as an event tells it, ordered as AD settles conflicts.
type Stamp = (u64, String, InvocationId, u64);

#[derive(Debug, Default)]
pub(crate) struct Account {
    /// The changes told of each object since it was last dropped, with their attributes and the stamps of those that have
    /// one.
    changes: BTreeMap<Uuid, BTreeMap<String, (String, Option<Stamp>)>>,
    /// The newest stamp told of each attribute in this life of its object.
    newest: BTreeMap<Uuid, BTreeMap<String, Stamp>>,
    /// What must never be, in words.
    pub(crate) wrong: Vec<String>,
    /// Changes told again, by cause.
    pub(crate) repeats: BTreeMap<String, usize>,
    /// Events by reason.
    pub(crate) reasons: BTreeMap<String, usize>,
}

impl Account {
    pub(crate) fn turn(&mut self, turn: Turn) {
        self.newest.clear();
        let Turn::GivenUp(lost, held) = turn;
        let held = held.get().unsigned_abs();
        let is_lost = |stamp: &Option<Stamp>| {
            let stamp = stamp.as_ref();
            stamp.is_some_and(|(_, _, origin, usn)| *origin == lost && *usn > held)
        };
        // What the lost change had superseded is right again.
        for told in self.changes.values_mut() {
            let taken_back = told.values().filter(|(_, stamp)| is_lost(stamp));
            let taken_back: BTreeSet<String> =
                taken_back.map(|(attribute, _)| attribute.clone()).collect();
            told.retain(|_, (attribute, _)| !taken_back.contains(attribute));
        }
    }

    /// The store knows no more what was told.
    pub(crate) fn put_back(&mut self) {
        self.newest.clear();
        self.changes.clear();
    }

    pub(crate) fn take(&mut self, data: &Value, body: &str) {
        let guid: Uuid = data["objectGuid"].as_str().unwrap().parse().unwrap();
        let op = data["op"].as_str().unwrap();
        let reason = data["reason"].as_str().unwrap();
        *self.reasons.entry(reason.to_owned()).or_default() += 1;
        if reason == "requested" {
            // By order: a DC is lost, or everything is told once more, whatever was told before.
            self.forget(guid);
        }
        if matches!(op, "create" | "undelete" | "snapshot") {
            let kept: BTreeSet<&str> = kept(data).collect();
            // What the image does not list the receiver has no more.
            let told = self.changes.entry(guid).or_default();
            told.retain(|_, (attribute, _)| kept.contains(attribute.as_str()));
            let newest = self.newest.entry(guid).or_default();
            newest.retain(|attribute, _| kept.contains(attribute.as_str()));
        }
        for changed in data["changed"].as_array().unwrap() {
            self.changed(guid, op, reason, changed, body);
        }
        if matches!(op, "delete" | "leave") {
            self.forget(guid);
        }
    }

    fn changed(&mut self, guid: Uuid, op: &str, reason: &str, changed: &Value, body: &str) {
        let piecemeal = matches!(op, "update" | "move" | "delete");
        let id = changed["changeId"].as_str().unwrap().to_owned();
        let attribute = changed["attribute"].as_str().unwrap();
        let stamp = stamp(changed);
        let told = self.changes.entry(guid).or_default();
        let change = (attribute.to_owned(), stamp.clone());
        let again = told.insert(id, change).is_some();
        let Some(stamp) = stamp else {
            if again && piecemeal {
                self.repeat(&format!("{attribute}: {reason}"));
            }
            return;
        };
        let repairs = changed["repairs"] == Value::Bool(true);
        if again && repairs {
            self.repeat("repairs");
        } else if again && piecemeal {
            self.wrong.push(format!("{attribute} told again: {body}"));
        }
        let newest = self.newest.entry(guid).or_default();
        if let Some(newest) = newest.get(attribute).filter(|newest| **newest > stamp) {
            self.wrong
                .push(format!("{attribute} goes back from {newest:?}: {body}"));
        }
        newest.insert(attribute.to_owned(), stamp);
    }

    fn repeat(&mut self, cause: &str) {
        *self.repeats.entry(cause.to_owned()).or_default() += 1;
    }

    /// What is told of the object from here on is told for the first time.
    fn forget(&mut self, guid: Uuid) {
        self.changes.remove(&guid);
        self.newest.remove(&guid);
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
