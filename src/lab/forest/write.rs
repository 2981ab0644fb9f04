//! Originating writes: each takes one USN, stamps what it changes, and is told to the oracle.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::index::Kind;
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

/// A GeneralizedTime as AD writes it, from seconds since 1970.
pub fn generalized(seconds: i64) -> String {
    chrono::DateTime::from_timestamp(seconds, 0)
        .map(|time| time.format("%Y%m%d%H%M%S.0Z").to_string())
        .unwrap_or_default()
}

/// A FILETIME in decimal, from milliseconds since 1970: 100 ns since 1601 (MS-DTYP 2.3.3).
pub fn filetime(ms: i64) -> String {
    ms.saturating_add(11_644_473_600_000)
        .saturating_mul(10_000)
        .to_string()
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
        if class == Class::OrganizationalUnit {
            self.note_container(guid, place.parent)?;
        }
        let names = class.names().iter().map(|name| name.as_bytes().to_vec());
        attributes.insert(Attribute::ObjectClass, names.collect());
        if let Some(sid) = self.new_sid(class) {
            attributes.insert(Attribute::ObjectSid, vec![sid]);
        }
        let into = self.dc_mut(dc)?;
        let made = generalized(into.clock(now).div_euclid(1000));
        attributes.insert(Attribute::WhenCreated, text(made));
        let object = Object {
            guid,
            nc,
            rdn_type: class.rdn(),
            place: place.clone(),
            attrs: BTreeMap::new(),
            links: BTreeMap::new(),
            created: into.usn.saturating_add(1),
            changed: 0,
            when_changed: 0,
            seat: 0,
        };
        let kind = match class {
            Class::User => Some(Kind::User),
            Class::Group => Some(Kind::Group),
            Class::OrganizationalUnit => Some(Kind::Unit),
            _ => None,
        };
        into.admit(object, kind);
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
        let is_unit = self.live(dc, guid)?.is_a("organizationalUnit");
        self.live(dc, parent)?;
        if is_unit {
            self.note_container(guid, Some(parent))?;
        }
        let place = Place {
            rdn: rdn.to_owned(),
            parent: Some(parent),
        };
        self.originate(dc, now, guid, Changes::new(), Some(place))
    }

    /// Makes a tombstone of a live object: what a tombstone does not keep is cleared. A container must be empty here.
    pub fn delete(&mut self, dc: usize, now: i64, guid: Uuid) -> Result<(), ForestError> {
        self.takes_writes(dc)?;
        let object = self.live(dc, guid)?.clone();
        if !self.dc(dc)?.children(guid).is_empty() {
            return Err(ForestError::NotEmpty(guid));
        }
        let mut changes: Changes = object
            .attrs
            .iter()
            .filter(|(attribute, attr)| {
                let kept = attribute.outlives_deletion() || attribute.is_rdn();
                !kept && !attribute.is_local() && !attr.values.is_empty()
            })
            .map(|(attribute, _)| (*attribute, Vec::new()))
            .collect();
        changes.insert(Attribute::IsDeleted, text("TRUE"));
        let parent = object
            .place
            .parent
            .map(|parent| parent.to_bytes_le().to_vec());
        changes.insert(Attribute::LastKnownParent, parent.into_iter().collect());
        self.originate(dc, now, guid, changes, Some(object.place))
    }

    /// Brings a tombstone back to life under its last parent, which must live here.
    pub fn undelete(
        &mut self,
        dc: usize,
        now: i64,
        guid: Uuid,
        changes: Changes,
    ) -> Result<(), ForestError> {
        let parent = self.dead(dc, guid)?.place.parent.unwrap_or_default();
        self.undelete_to(dc, now, guid, parent, changes)
    }

    /// Brings a tombstone back to life under a container that lives here.
    pub fn undelete_to(
        &mut self,
        dc: usize,
        now: i64,
        guid: Uuid,
        parent: Uuid,
        changes: Changes,
    ) -> Result<(), ForestError> {
        self.takes_writes(dc)?;
        let dead = self.dead(dc, guid)?;
        let (rdn, is_unit) = (dead.place.rdn.clone(), dead.is_a("organizationalUnit"));
        self.live(dc, parent)?;
        if is_unit {
            self.note_container(guid, Some(parent))?;
        }
        let mut changes = changes;
        changes.insert(Attribute::IsDeleted, Vec::new());
        changes.insert(Attribute::LastKnownParent, Vec::new());
        let parent = Some(parent);
        self.originate(dc, now, guid, changes, Some(Place { rdn, parent }))
    }

    fn dead(&self, dc: usize, guid: Uuid) -> Result<&Object, ForestError> {
        let holder = self.dc(dc)?;
        let dead = holder
            .objects
            .get(&guid)
            .filter(|object| object.is_deleted());
        dead.ok_or_else(|| ForestError::NoTombstone {
            dc: holder.name.clone(),
            guid,
        })
    }

    /// Counts a logon on one DC: `logonCount` and uSNChanged rise there, and nothing of it is stamped or replicated.
    pub fn count_logon(&mut self, dc: usize, now: i64, guid: Uuid) -> Result<(), ForestError> {
        self.live(dc, guid)?;
        let holder = self.dc_mut(dc)?;
        if !holder.is_alive {
            return Err(ForestError::NoWrites(holder.name.clone()));
        }
        let usn = holder.commit(now);
        let (by, seconds) = (holder.invocation_id, holder.clock(now).div_euclid(1000));
        holder.touch(guid, usn, now);
        let Some(object) = holder.objects.get_mut(&guid) else {
            return Ok(());
        };
        let count: u32 = object
            .values(Attribute::LogonCount)
            .first()
            .and_then(|value| std::str::from_utf8(value).ok()?.parse().ok())
            .unwrap_or(0);
        let attr = Attr {
            stamp: Stamp {
                version: count.saturating_add(1),
                seconds,
                by,
                usn,
            },
            local: usn,
            values: text(count.saturating_add(1).to_string()),
        };
        object.attrs.insert(Attribute::LogonCount, attr);
        self.oracle.local_writes = self.oracle.local_writes.saturating_add(1);
        Ok(())
    }

    /// The SID of a new security principal (MS-DTYP 2.4.2.2), and the domain's own.
    fn new_sid(&mut self, class: Class) -> Option<Vec<u8>> {
        let rid = match class {
            Class::User | Class::Group => {
                self.next_rid = self.next_rid.saturating_add(1);
                Some(self.next_rid)
            }
            Class::DomainDns => None,
            _ => return None,
        };
        let parts = [21].into_iter().chain(self.domain_sid).chain(rid);
        let mut sid = vec![1, if rid.is_some() { 5 } else { 4 }, 0, 0, 0, 0, 0, 5];
        sid.extend(parts.flat_map(u32::to_le_bytes));
        Some(sid)
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
        holder.touch(group, usn, now);
        holder.put_link(group, target, link);
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
        let Some(rdn_type) = holder.objects.get(&guid).map(|object| object.rdn_type) else {
            return Ok(());
        };
        let usn = holder.commit(now);
        let (by, seconds) = (holder.invocation_id, holder.clock(now).div_euclid(1000));
        if let Some(place) = place {
            changes.insert(Attribute::Name, text(place.rdn.clone()));
            changes.insert(rdn_type, text(place.rdn.clone()));
            holder.put(guid, place);
        }
        holder.touch(guid, usn, now);
        let Some(object) = holder.objects.get_mut(&guid) else {
            return Ok(());
        };
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
