//! Originating writes: each takes one USN, stamps what it changes, and is told to the oracle.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::names::dn;
use super::object::{Attr, Link, Object, Place, Stamp};
use super::oracle::{What, Written};
use super::schema::{Attribute, Class};
use super::{Forest, ForestError};

/// Attributes with their new values.
pub type Changes = BTreeMap<Attribute, Vec<Vec<u8>>>;

/// One value of text.
pub fn text(value: impl Into<String>) -> Vec<Vec<u8>> {
    vec![value.into().into_bytes()]
}

impl Forest {
    /// Makes an object of this class below `parent`; gives its objectGUID.
    pub fn create(
        &mut self,
        dc: usize,
        now: i64,
        class: Class,
        place: Place,
        mut attributes: Changes,
    ) -> Result<Uuid, ForestError> {
        self.takes_writes(dc)?;
        let nc = match place.parent {
            Some(parent) => self.live(dc, parent)?.nc,
            None => usize::from(class == Class::Configuration),
        };
        let guid = self.rng.guid();
        let names = class.names().iter().map(|name| name.as_bytes().to_vec());
        attributes.insert(Attribute::ObjectClass, names.collect());
        let into = self.dc_mut(dc)?;
        into.order.push(guid);
        let object = Object {
            guid,
            nc,
            rdn_type: class.rdn(),
            place: place.clone(),
            attrs: BTreeMap::new(),
            links: BTreeMap::new(),
            created: into.usn.saturating_add(1),
            changed: 0,
        };
        into.objects.insert(guid, object);
        self.originate(dc, now, guid, attributes, Some(place))?;
        Ok(guid)
    }

    /// Gives attributes of a live object other values; no values clear an attribute.
    pub fn set(
        &mut self,
        dc: usize,
        now: i64,
        guid: Uuid,
        changes: Changes,
    ) -> Result<(), ForestError> {
        self.takes_writes(dc)?;
        self.live(dc, guid)?;
        self.originate(dc, now, guid, changes, None)
    }

    /// Renames or moves a live object.
    pub fn rename(
        &mut self,
        dc: usize,
        now: i64,
        guid: Uuid,
        rdn: &str,
        parent: Uuid,
    ) -> Result<(), ForestError> {
        self.takes_writes(dc)?;
        self.live(dc, guid)?;
        self.live(dc, parent)?;
        let place = Place {
            rdn: rdn.to_owned(),
            parent: Some(parent),
        };
        self.originate(dc, now, guid, Changes::new(), Some(place))
    }

    /// Makes a tombstone of a live object: what a tombstone does not keep is cleared.
    pub fn delete(&mut self, dc: usize, now: i64, guid: Uuid) -> Result<(), ForestError> {
        self.takes_writes(dc)?;
        let object = self.live(dc, guid)?.clone();
        let mut changes: Changes = object
            .attrs
            .iter()
            .filter(|(attribute, attr)| {
                !attribute.outlives_deletion() && !attribute.is_rdn() && !attr.values.is_empty()
            })
            .map(|(attribute, _)| (*attribute, Vec::new()))
            .collect();
        changes.insert(Attribute::IsDeleted, text("TRUE"));
        let parent = object
            .place
            .parent
            .and_then(|parent| dn(self, self.dcs.get(dc)?, parent));
        changes.insert(
            Attribute::LastKnownParent,
            parent.map_or_else(Vec::new, text),
        );
        self.originate(dc, now, guid, changes, Some(object.place))
    }

    /// Brings a tombstone back to life under its last parent.
    pub fn undelete(
        &mut self,
        dc: usize,
        now: i64,
        guid: Uuid,
        changes: Changes,
    ) -> Result<(), ForestError> {
        self.takes_writes(dc)?;
        let holder = self.dc(dc)?;
        let dead = holder
            .objects
            .get(&guid)
            .filter(|object| object.is_deleted())
            .ok_or_else(|| ForestError::NoObject {
                dc: holder.name.clone(),
                guid,
            })?;
        let place = dead.place.clone();
        let mut changes = changes;
        changes.insert(Attribute::IsDeleted, Vec::new());
        changes.insert(Attribute::LastKnownParent, Vec::new());
        self.originate(dc, now, guid, changes, Some(place))
    }

    /// Adds or removes one member of a group; nothing happens where it is so already.
    pub fn link(
        &mut self,
        dc: usize,
        now: i64,
        group: Uuid,
        target: Uuid,
        present: bool,
    ) -> Result<(), ForestError> {
        self.takes_writes(dc)?;
        self.live(dc, target)?;
        let old = self.live(dc, group)?.links.get(&target).copied();
        if old.map_or(!present, |old| old.present == present) {
            return Ok(());
        }
        let holder = self.dc_mut(dc)?;
        let usn = holder.commit(now);
        let seconds = holder.clock(now).div_euclid(1000);
        let stamp = Stamp {
            version: old.map_or(1, |old| old.stamp.version.saturating_add(1)),
            seconds,
            by: holder.invocation_id,
            usn,
        };
        let link = Link {
            created: old.map_or(seconds, |old| old.created),
            stamp,
            local: usn,
            present,
        };
        if let Some(object) = holder.objects.get_mut(&group) {
            object.changed = usn;
            object.links.insert(target, link);
        }
        self.oracle.note(Written {
            at: now,
            dc,
            guid: group,
            what: What::Link {
                target,
                present,
                created: link.created,
            },
            stamp,
        });
        Ok(())
    }

    pub(super) fn takes_writes(&self, dc: usize) -> Result<(), ForestError> {
        let into = self.dc(dc)?;
        if into.is_read_only || !into.is_alive {
            return Err(ForestError::NoWrites(into.name.clone()));
        }
        Ok(())
    }

    fn live(&self, dc: usize, guid: Uuid) -> Result<&Object, ForestError> {
        let holder = self.dc(dc)?;
        holder
            .objects
            .get(&guid)
            .filter(|object| !object.is_deleted())
            .ok_or_else(|| ForestError::NoObject {
                dc: holder.name.clone(),
                guid,
            })
    }

    /// One transaction: a USN, and a stamp for everything that changes.
    pub(super) fn originate(
        &mut self,
        dc: usize,
        now: i64,
        guid: Uuid,
        mut changes: Changes,
        place: Option<Place>,
    ) -> Result<(), ForestError> {
        let holder = self.dc_mut(dc)?;
        let usn = holder.commit(now);
        let (by, seconds) = (holder.invocation_id, holder.clock(now).div_euclid(1000));
        let Some(object) = holder.objects.get_mut(&guid) else {
            return Ok(());
        };
        if let Some(place) = place {
            changes.insert(Attribute::Name, text(place.rdn.clone()));
            changes.insert(object.rdn_type, text(place.rdn.clone()));
            object.place = place;
        }
        object.changed = usn;
        let mut stamps = Vec::new();
        for (attribute, values) in changes {
            let old = object.attrs.get(&attribute);
            let stamp = Stamp {
                version: old.map_or(1, |old| old.stamp.version.saturating_add(1)),
                seconds,
                by,
                usn,
            };
            stamps.push((attribute, stamp, values.clone()));
            object.attrs.insert(
                attribute,
                Attr {
                    stamp,
                    local: usn,
                    values,
                },
            );
        }
        let name = self.dcs.get(dc).and_then(|holder| dn(self, holder, guid));
        for (attribute, stamp, values) in stamps {
            let values = match (attribute, &name) {
                (Attribute::Name, Some(name)) => text(name.clone()),
                _ => values,
            };
            self.oracle.note(Written {
                at: now,
                dc,
                guid,
                what: What::Attribute { attribute, values },
                stamp,
            });
        }
        Ok(())
    }
}
