//! What a DC looks objects up by, kept in step with the objects: USN, place, group memberships, kind.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use uuid::Uuid;

use super::dc::Dc;
use super::names::folded_rdn;
use super::object::{Link, Object, Place};

/// What traffic tells apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A user.
    User,
    /// A group.
    Group,
    /// An organizational unit.
    Unit,
}

impl Kind {
    /// What an object of these objectClass values is.
    pub(super) fn of(object: &Object) -> Option<Self> {
        let kinds = [
            ("user", Self::User),
            ("group", Self::Group),
            ("organizationalUnit", Self::Unit),
        ];
        let mut kinds = kinds.into_iter();
        kinds
            .find(|(class, _)| object.is_a(class))
            .map(|(_, kind)| kind)
    }
}

/// The look-ups of one DC.
#[derive(Debug, Clone, Default)]
pub(super) struct Index {
    by_usn: BTreeMap<i64, Uuid>,
    by_place: BTreeMap<(Uuid, String), BTreeSet<Uuid>>,
    groups_of: BTreeMap<Uuid, BTreeSet<Uuid>>,
    kinds: BTreeMap<Kind, Vec<Uuid>>,
}

impl Index {
    fn enter(&mut self, object: &Object) {
        if let Some(key) = key(object) {
            self.by_place.entry(key).or_default().insert(object.guid);
        }
    }

    fn leave(&mut self, object: &Object) {
        let Some(key) = key(object) else { return };
        if let Some(there) = self.by_place.get_mut(&key) {
            there.remove(&object.guid);
            if there.is_empty() {
                self.by_place.remove(&key);
            }
        }
    }
}

fn key(object: &Object) -> Option<(Uuid, String)> {
    Some((object.place.parent?, folded_rdn(object)))
}

impl Dc {
    /// Takes in an object that is new here.
    pub(super) fn admit(&mut self, mut object: Object, kind: Option<Kind>) {
        object.seat = self.order.len();
        // A USN of another DC is no key here; the first touch gives it one.
        object.changed = 0;
        self.order.push(object.guid);
        if let Some(kind) = kind {
            self.index.kinds.entry(kind).or_default().push(object.guid);
        }
        self.index.enter(&object);
        self.objects.insert(object.guid, object);
    }

    /// Marks an object as changed at a USN.
    pub(super) fn touch(&mut self, guid: Uuid, usn: i64, now: i64) {
        let seconds = self.clock(now).div_euclid(1000);
        let Some(object) = self.objects.get_mut(&guid) else {
            return;
        };
        self.index.by_usn.remove(&object.changed);
        object.changed = usn;
        object.when_changed = seconds;
        self.index.by_usn.insert(usn, guid);
    }

    /// Puts an object elsewhere.
    pub(super) fn put(&mut self, guid: Uuid, place: Place) {
        let Some(object) = self.objects.get_mut(&guid) else {
            return;
        };
        self.index.leave(object);
        object.place = place;
        self.index.enter(object);
    }

    /// Sets a value of `member`.
    pub(super) fn put_link(&mut self, group: Uuid, target: Uuid, link: Link) {
        if let Some(object) = self.objects.get_mut(&group) {
            object.links.insert(target, link);
            let groups = self.index.groups_of.entry(target).or_default();
            groups.insert(group);
        }
    }

    /// The objects whose uSNChanged is greater than `usn`, in its order.
    pub fn changed_after(&self, usn: i64) -> impl Iterator<Item = (i64, Uuid)> {
        let above = (Bound::Excluded(usn), Bound::Unbounded);
        let found = self.index.by_usn.range(above);
        found.map(|(usn, guid)| (*usn, *guid))
    }

    /// The live object of this folded RDN (`cn=name`) below a parent.
    pub(super) fn child(&self, parent: Uuid, rdn: &str) -> Option<Uuid> {
        let there = self.index.by_place.get(&(parent, rdn.to_owned()))?;
        let mut found = there.iter().copied();
        found.find(|guid| self.is_live(*guid))
    }

    /// The live objects immediately below a container.
    pub fn children(&self, parent: Uuid) -> Vec<Uuid> {
        let from = (parent, String::new());
        self.index
            .by_place
            .range(from..)
            .take_while(|((at, _), _)| *at == parent)
            .flat_map(|(_, there)| there.iter().copied())
            .filter(|guid| self.is_live(*guid))
            .collect()
    }

    /// The live groups that a live object is a member of.
    pub fn groups_of(&self, target: Uuid) -> Vec<Uuid> {
        let groups = self.index.groups_of.get(&target);
        let shown = |group: &Uuid| {
            let object = self.objects.get(group);
            let live = object.filter(|object| !object.is_deleted());
            live.and_then(|object| object.links.get(&target))
                .is_some_and(|link| link.present)
        };
        let found = groups.into_iter().flatten().copied();
        found
            .filter(|group| self.is_live(target) && shown(group))
            .collect()
    }

    /// The objects of this kind, deleted ones too, as they came here.
    pub fn of_kind(&self, kind: Kind) -> &[Uuid] {
        self.index.kinds.get(&kind).map_or(&[], Vec::as_slice)
    }
}
