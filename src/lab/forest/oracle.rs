//! The record of every originating write, and the truth about what a reader of the directory holds.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::names::dn;
use super::object::{Object, Stamp};
use super::schema::Attribute;
use super::{DOMAIN, Dc, Forest, ForestError};

/// What a write changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// An attribute; of [`Attribute::Name`] the value is the whole DN, of [`Attribute::LastKnownParent`] the objectGUID.
    Attribute {
        /// Which.
        attribute: Attribute,
        /// The new values.
        values: Vec<Vec<u8>>,
    },
    /// A member of a group.
    Link {
        /// The member.
        target: Uuid,
        /// Whether it was added.
        present: bool,
        /// When the value was first made, in seconds since 1970.
        created: i64,
    },
}

/// One originating write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// When, in milliseconds.
    pub at: i64,
    /// On which DC.
    pub dc: usize,
    /// The object.
    pub guid: Uuid,
    /// What it changed.
    pub what: What,
    /// The stamp it made.
    pub stamp: Stamp,
}

/// Every write there was.
#[derive(Debug, Clone, Default)]
pub struct Oracle {
    written: Vec<Written>,
    names: BTreeMap<String, Uuid>,
    once_deleted: BTreeSet<Uuid>,
    /// How many writes there were that only one DC knows of: they bump its USN and have no stamp.
    pub local_writes: usize,
}

impl Oracle {
    pub(super) fn note(&mut self, written: Written) {
        if let What::Attribute { attribute, values } = &written.what {
            if let (Attribute::Name, Some(name)) = (attribute, values.first()) {
                let name = String::from_utf8_lossy(name).to_ascii_lowercase();
                self.names.insert(name, written.guid);
            }
            if *attribute == Attribute::IsDeleted && !values.is_empty() {
                self.once_deleted.insert(written.guid);
            }
        }
        self.written.push(written);
    }

    /// Every write, oldest first.
    pub fn written(&self) -> &[Written] {
        &self.written
    }

    /// The object that has or had this DN.
    pub fn object_named(&self, dn: &str) -> Option<Uuid> {
        self.names.get(&dn.to_ascii_lowercase()).copied()
    }
}

/// An object as a reader of the directory holds it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Held {
    /// The values it was shown; of [`Attribute::Name`] the DN.
    pub attributes: BTreeMap<Attribute, Vec<Vec<u8>>>,
    /// The stamps that came with them: for the comparison only, a reader of this kind does not use them.
    pub stamps: BTreeMap<Attribute, Stamp>,
    /// The members it was shown.
    pub members: BTreeSet<Uuid>,
}

/// What a reader holds beside what a DC holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Comparison {
    /// Every value of the DC that the reader lacks, for a person.
    pub missed: Vec<String>,
    /// Values and objects the reader has that are newer than the DC's: changes made elsewhere and not here yet.
    pub ahead: usize,
}

impl Forest {
    /// Compares what a reader of the domain holds with what a DC holds now.
    pub fn compare(
        &self,
        dc: usize,
        held: &BTreeMap<Uuid, Held>,
    ) -> Result<Comparison, ForestError> {
        let mut found = Comparison::default();
        let holder = self.dc(dc)?;
        let nothing = Held::default();
        let objects = holder.objects.values();
        for object in objects.filter(|object| object.nc == DOMAIN) {
            let theirs = held.get(&object.guid);
            if object.is_deleted() {
                compare_deleted(object, theirs, &mut found);
                continue;
            }
            self.compare_values(dc, object, theirs.unwrap_or(&nothing), &mut found)?;
            self.compare_members(dc, object, theirs.unwrap_or(&nothing), &mut found)?;
        }
        found.ahead = held
            .keys()
            .filter(|guid| !holder.objects.contains_key(guid))
            .count()
            .saturating_add(found.ahead);
        Ok(found)
    }

    /// The DNs of what values of objectGUIDs, as `lastKnownParent` is stored, lead to.
    pub fn named(&self, dc: &Dc, values: &[Vec<u8>]) -> Vec<Vec<u8>> {
        let guids = values
            .iter()
            .filter_map(|value| Uuid::from_slice_le(value).ok());
        guids
            .filter_map(|guid| dn(self, dc, guid))
            .map(String::into_bytes)
            .collect()
    }

    fn compare_values(
        &self,
        dc: usize,
        object: &Object,
        theirs: &Held,
        found: &mut Comparison,
    ) -> Result<(), ForestError> {
        let none = Vec::new();
        for (attribute, attr) in &object.attrs {
            if attribute.is_rdn() || attribute.is_local() || attribute.is_confidential() {
                continue;
            }
            let ours = match attribute {
                Attribute::Name => dn(self, self.dc(dc)?, object.guid)
                    .map(|name| vec![name.into_bytes()])
                    .unwrap_or_default(),
                Attribute::LastKnownParent => self.named(self.dc(dc)?, &attr.values),
                _ => attr.values.clone(),
            };
            let held = theirs.attributes.get(attribute).unwrap_or(&none);
            if *held == ours {
                continue;
            }
            let stamp = theirs.stamps.get(attribute);
            let is_name = matches!(attribute, Attribute::Name | Attribute::LastKnownParent);
            if is_name && stamp == Some(&attr.stamp) {
                // The same place under another name: a container was renamed, or it was deleted, which counts by itself.
                continue;
            }
            if stamp.is_some_and(|stamp| *stamp > attr.stamp) {
                found.ahead = found.ahead.saturating_add(1);
            } else {
                found.missed.push(format!(
                    "{} of {}: {:?}",
                    attribute.ldap_name(),
                    object.guid,
                    ours.iter()
                        .map(|value| String::from_utf8_lossy(value))
                        .collect::<Vec<_>>()
                ));
            }
        }
        let only_theirs = theirs.attributes.iter().filter(|(attribute, values)| {
            !attribute.is_rdn() && !values.is_empty() && !object.attrs.contains_key(attribute)
        });
        found.ahead = found.ahead.saturating_add(only_theirs.count());
        Ok(())
    }

    /// Links to objects that were ever deleted are left out: neither a deletion nor an undeletion of a member touches
    /// the group, so no reader of groups can see it there.
    fn compare_members(
        &self,
        dc: usize,
        object: &Object,
        theirs: &Held,
        found: &mut Comparison,
    ) -> Result<(), ForestError> {
        let holder = self.dc(dc)?;
        let visible = |target: &Uuid| !self.oracle.once_deleted.contains(target);
        for (target, link) in object.links.iter().filter(|(target, _)| visible(target)) {
            if link.present == theirs.members.contains(target)
                || !holder.objects.contains_key(target)
            {
                continue;
            }
            let newer = self.oracle.written.iter().any(|write| match write.what {
                What::Link {
                    target: other,
                    present,
                    created,
                } => {
                    let opposite = other == *target && present != link.present;
                    let later = (created, write.stamp) > (link.created, link.stamp);
                    write.guid == object.guid && opposite && later
                }
                What::Attribute { .. } => false,
            });
            if newer {
                found.ahead = found.ahead.saturating_add(1);
            } else {
                let verb = if link.present { "has" } else { "lost" };
                found
                    .missed
                    .push(format!("{} {verb} member {target}", object.guid));
            }
        }
        let only_theirs = theirs
            .members
            .iter()
            .filter(|target| visible(target) && !object.links.contains_key(target));
        found.ahead = found.ahead.saturating_add(only_theirs.count());
        Ok(())
    }
}

fn compare_deleted(object: &Object, theirs: Option<&Held>, found: &mut Comparison) {
    // Whoever never had the object has nothing to delete.
    let Some(theirs) = theirs else { return };
    let shown = theirs.attributes.get(&Attribute::IsDeleted);
    if shown.is_some_and(|values| !values.is_empty()) {
        return;
    }
    let ours = object.attrs.get(&Attribute::IsDeleted);
    if theirs.stamps.get(&Attribute::IsDeleted) > ours.map(|attr| &attr.stamp) {
        found.ahead = found.ahead.saturating_add(1);
    } else {
        found.missed.push(format!("{} is deleted", object.guid));
    }
}
