//! The consumer: it takes every event as it comes, and keeps account of what it was told more than once.

use std::collections::{BTreeMap, BTreeSet};

use highwater::active_sync::decide::{Change, Changed, change_id};
use highwater::model::{AttributeOid, ObjectGuid, Op, Stamp};

/// An object as the consumer holds it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) dn: String,
    pub(crate) values: BTreeMap<AttributeOid, Vec<Vec<u8>>>,
    pub(crate) members: BTreeSet<ObjectGuid>,
}

#[derive(Debug, Default)]
pub(crate) struct Consumer {
    pub(crate) entries: BTreeMap<ObjectGuid, Entry>,
    /// Every change told of an object since it was last dropped, by its id.
    told: BTreeMap<ObjectGuid, BTreeSet<String>>,
    /// Every stamp told of an attribute, in the order of telling.
    stamps: BTreeMap<(ObjectGuid, AttributeOid), Vec<Stamp>>,
    pub(crate) events: usize,
    /// Changes told twice where a stamp could have proved it.
    pub(crate) repeated: Vec<String>,
    /// Values told again after a newer one had been told.
    pub(crate) backwards: Vec<String>,
    /// Repeats that no stamp can prove, by cause.
    pub(crate) unproven: BTreeMap<&'static str, usize>,
}

impl Consumer {
    pub(crate) fn take(&mut self, change: &Change) {
        self.events += 1;
        self.account(change);
        match change.op {
            Op::Delete | Op::Leave => {
                self.entries.remove(&change.guid);
                self.told.remove(&change.guid);
                self.stamps.retain(|(guid, _), _| *guid != change.guid);
                if change.op == Op::Delete {
                    self.drop_links_to(change.guid);
                }
            }
            Op::Create | Op::Undelete | Op::Snapshot => {
                if change.op == Op::Undelete {
                    self.drop_links_to(change.guid);
                }
                let before = self.entries.remove(&change.guid).unwrap_or_default();
                let mut entry = Entry::default();
                for oid in &change.kept {
                    if let Some(values) = before.values.get(oid) {
                        entry.values.insert(oid.clone(), values.clone());
                    }
                }
                apply(&mut entry, change);
                self.entries.insert(change.guid, entry);
            }
            Op::Update | Op::Move => {
                let entry = self.entries.get_mut(&change.guid);
                let entry = entry.unwrap_or_else(|| {
                    panic!("{} of an object never created: {change:?}", change.op)
                });
                apply(entry, change);
            }
        }
    }

    /// A delete implies dropping links to the object; what was brought back had been deleted.
    fn drop_links_to(&mut self, guid: ObjectGuid) {
        for entry in self.entries.values_mut() {
            entry.members.remove(&guid);
        }
    }

    fn account(&mut self, change: &Change) {
        let piecemeal = matches!(change.op, Op::Update | Op::Move | Op::Delete);
        for changed in &change.changed {
            let id = change_id(change.guid, changed);
            let again = !self.told.entry(change.guid).or_default().insert(id);
            match changed {
                Changed::Stamped {
                    oid,
                    stamp,
                    repairs,
                } => {
                    let stamps = self.stamps.entry((change.guid, oid.clone())).or_default();
                    if matches!(change.op, Op::Snapshot | Op::Undelete | Op::Create) {
                        stamps.clear();
                    }
                    if again && repairs.is_some() {
                        *self.unproven.entry("repaired").or_default() += 1;
                    } else if again && piecemeal {
                        self.repeated.push(format!("{change:?}"));
                    }
                    let newest = stamps.last().copied();
                    if newest.is_some_and(|newest| newest > *stamp) {
                        self.backwards
                            .push(format!("{oid} {stamp:?} after {newest:?}: {change:?}"));
                    }
                    stamps.push(*stamp);
                }
                Changed::Linked { .. } if again && piecemeal => {
                    *self.unproven.entry(change.reason).or_default() += 1;
                }
                Changed::Linked { .. } => {}
            }
        }
    }
}

fn apply(entry: &mut Entry, change: &Change) {
    entry.dn.clone_from(&change.dn);
    for (oid, values) in &change.values {
        if values.is_empty() {
            entry.values.remove(oid);
        } else {
            entry.values.insert(oid.clone(), values.clone());
        }
    }
    for values in change.links.values() {
        entry.members = values.iter().map(|value| value.target).collect();
    }
}
