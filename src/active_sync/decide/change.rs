//! A change as it is delivered, before it is put into words.

use std::collections::{BTreeMap, BTreeSet};

use super::news::News;
use super::object::Seen;
use super::rules::{Rule, holds};
use super::{Sought, digest};
use crate::model::{AttributeOid, Image, LinkDigest, LinkValue, ObjectGuid, Op, Stamp, Usn};

/// `objectClass` (MS-ADA3 2.41): whatever is read of an object, this is among it.
const OBJECT_CLASS: &str = "2.5.4.0";

/// What is delivered of one object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// What happened.
    pub op: Op,
    /// Why it is delivered: a stable code, counted.
    pub reason: &'static str,
    /// The object.
    pub guid: ObjectGuid,
    /// Its name.
    pub dn: String,
    /// Its classes, the most special one last; none where the DC does not know the object.
    pub classes: Vec<String>,
    /// The name it was told with before, where that is another.
    pub previous_dn: Option<String>,
    /// Where a deleted object was.
    pub last_known_parent: Option<String>,
    /// uSNChanged on the DC that was read.
    pub usn_changed: Usn,
    /// What changed since the consumer last saw the object, in the order of OIDs.
    pub changed: Vec<Changed>,
    /// Values of attributes; none where one was cleared.
    pub values: BTreeMap<AttributeOid, Vec<Vec<u8>>>,
    /// Values of forward links; none where all were removed.
    pub links: BTreeMap<AttributeOid, Vec<LinkValue>>,
    /// Attributes that changed and whose values cannot be read (R13).
    pub unreadable: BTreeSet<AttributeOid>,
    /// Attributes the consumer was told newer than this DC shows them: those of a whole image that stay as they are (R5).
    pub kept: BTreeSet<AttributeOid>,
    /// By what the object was found without a change of its own.
    pub found_by: Option<Sought>,
    /// From which delivery of the whole object what the consumer has of it comes, see [`Told::generation`](crate::model::Told).
    pub generation: u64,
    /// Makes the id of what is delivered on purpose once more differ from that of the time before.
    pub pass: Option<i64>,
}

/// One change of an attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Changed {
    /// By its stamp.
    Stamped {
        /// The attribute.
        oid: AttributeOid,
        /// The stamp.
        stamp: Stamp,
        /// What was told last, where this sets an older value, or none, right that was told after it.
        repairs: Option<Option<Stamp>>,
    },
    /// By the digest of its links.
    Linked {
        /// The attribute.
        oid: AttributeOid,
        /// The digest of what it is now.
        digest: LinkDigest,
    },
}

impl Change {
    pub(super) fn new(op: Op, image: &Image, reason: &'static str) -> Self {
        let classes = image.values.get(&AttributeOid::new(OBJECT_CLASS));
        let classes = classes.into_iter().flatten();
        Self {
            classes: classes
                .map(|class| String::from_utf8_lossy(class).into_owned())
                .collect(),
            ..Self::of(image.guid, &image.dn, image.usn_changed, op, reason)
        }
    }

    pub(super) fn of(
        guid: ObjectGuid,
        dn: &str,
        usn_changed: Usn,
        op: Op,
        reason: &'static str,
    ) -> Self {
        Self {
            op,
            reason,
            guid,
            dn: dn.to_owned(),
            classes: Vec::new(),
            previous_dn: None,
            last_known_parent: None,
            usn_changed,
            changed: Vec::new(),
            values: BTreeMap::new(),
            links: BTreeMap::new(),
            unreadable: BTreeSet::new(),
            kept: BTreeSet::new(),
            found_by: None,
            generation: 0,
            pass: None,
        }
    }
}

impl Seen<'_> {
    /// Lists an attribute's stamp among what has changed.
    pub(super) fn list(&self, oid: &AttributeOid, change: &mut Change) {
        let Some(shown) = self.stamp(oid) else { return };
        let repairs = match self.news.get(oid) {
            Some(News::Repair { last }) => Some(*last),
            Some(News::Fresh) | None => None,
        };
        change.changed.push(Changed::Stamped {
            oid: oid.clone(),
            stamp: shown.stamp,
            repairs,
        });
    }

    /// Lists the attributes that are news, with their values.
    pub(super) fn list_news(&self, change: &mut Change) {
        let all = !holds(Rule::OnlyNews);
        let stamped = self.image.stamps.keys().filter(|oid| !self.is_rdn(oid));
        for oid in stamped.filter(|oid| all || self.is_news(oid)) {
            if *oid == self.name {
                self.take_rdn(change);
            }
            if self.wants(oid) || *oid == self.name {
                self.list(oid, change);
            }
            if self.wants(oid) {
                self.take(oid, change);
            }
        }
    }

    /// The RDN attribute's value goes with the name.
    pub(super) fn take_rdn(&self, change: &mut Change) {
        if let Some(rdn) = self.rdn.clone().filter(|rdn| self.wants(rdn)) {
            self.take(&rdn, change);
        }
    }

    /// Takes over an attribute's values, or that it has none, or that they cannot be read.
    pub(super) fn take(&self, oid: &AttributeOid, change: &mut Change) {
        let confidential = self
            .reading
            .schema
            .attribute(oid)
            .is_some_and(|attribute| attribute.is_confidential);
        match self.image.values.get(oid) {
            Some(values) => {
                change.values.insert(oid.clone(), values.clone());
            }
            None if confidential => {
                change.unreadable.insert(oid.clone());
            }
            None => {
                change.values.insert(oid.clone(), Vec::new());
            }
        }
    }

    /// Lists the links that are not as they were told (R8); whether there are any.
    pub(super) fn list_links(&self, change: &mut Change) -> bool {
        if !holds(Rule::Links) {
            return false;
        }
        let told = self.told.map(|told| &told.links);
        let known = told.into_iter().flat_map(BTreeMap::keys);
        let oids: BTreeSet<_> = known.chain(self.image.links.keys()).cloned().collect();
        let mut any = false;
        for oid in oids.into_iter().filter(|oid| self.wants(oid)) {
            let values = self.image.links.get(&oid).cloned().unwrap_or_default();
            let now = digest(&values);
            let before = told.and_then(|told| told.get(&oid).copied());
            if before.unwrap_or_else(|| digest(&[])) != now {
                any = true;
                change.changed.push(Changed::Linked {
                    oid: oid.clone(),
                    digest: now,
                });
                change.links.insert(oid, values);
            }
        }
        any
    }

    /// The digests once a change is told.
    pub(super) fn digests(&self, change: &Change) -> BTreeMap<AttributeOid, LinkDigest> {
        let mut digests = self.told.map(|told| told.links.clone()).unwrap_or_default();
        for (oid, values) in &change.links {
            if values.is_empty() {
                digests.remove(oid);
            } else {
                digests.insert(oid.clone(), digest(values));
            }
        }
        digests
    }

    /// Why a change is delivered, in one word.
    pub(super) fn reason(&self, change: &Change, renamed: bool, links: bool) -> &'static str {
        let stamps = || {
            change.changed.iter().filter_map(|changed| match changed {
                Changed::Stamped { repairs, .. } => Some(repairs.is_some()),
                Changed::Linked { .. } => None,
            })
        };
        let given_up = |changed: &Changed| matches!(changed, Changed::Stamped { repairs: Some(Some(last)), .. } if *last == Stamp::GIVEN_UP);
        if change.changed.iter().any(given_up) {
            return "retracted";
        }
        match stamps().any(|repair| !repair) {
            false if stamps().next().is_some() => "repaired",
            false if matches!(self.sought, Some(Sought::Regained { .. })) => "member_undeleted",
            false if links && self.level => "links",
            false if links => "links_unproven",
            false if renamed => "parent_renamed",
            _ => "changed",
        }
    }
}
