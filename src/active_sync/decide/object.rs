//! One object with what its stamps say, and what follows from where it stands with the consumer.

use std::collections::BTreeMap;

use super::rules::{Rule, holds};
use super::{
    Change, IS_DELETED, Judgement, NAME, News, Reading, Recall, Silence, Sought, Verdict, news,
};
use crate::model::{
    Attribute, AttributeOid, Dn, Image, LocalStamp, Op, RereadWhy, Schema, Stamp, Standing, Told,
    Waits,
};

/// An object with what its stamps say.
pub(super) struct Seen<'a> {
    pub(super) reading: &'a Reading<'a>,
    pub(super) image: &'a Image,
    pub(super) told: Option<&'a Told>,
    /// The object's own RDN attribute.
    pub(super) rdn: Option<AttributeOid>,
    pub(super) name: AttributeOid,
    pub(super) is_deleted: AttributeOid,
    /// The attributes, wanted or not, that are news.
    pub(super) news: BTreeMap<AttributeOid, News>,
    /// Whether the DC shows the object no older than it was told (R5).
    pub(super) level: bool,
    /// Why it was looked for without a change of its own.
    pub(super) sought: Option<Sought>,
}

impl<'a> Seen<'a> {
    pub(super) fn new(
        reading: &'a Reading<'a>,
        image: &'a Image,
        told: Option<&'a Told>,
        sought: Option<Sought>,
    ) -> Self {
        let mut seen = Self {
            reading,
            image,
            told,
            rdn: rdn_attribute(reading.schema, &image.dn),
            name: AttributeOid::new(NAME),
            is_deleted: AttributeOid::new(IS_DELETED),
            news: BTreeMap::new(),
            level: is_level(reading, image, told),
            sought,
        };
        seen.news = image
            .stamps
            .iter()
            .filter(|(oid, _)| !seen.is_rdn(oid))
            .filter_map(|(oid, shown)| {
                let recall = Recall {
                    last: seen.last(oid),
                    // Of what the consumer does not want J never says anything.
                    is_partial: told.is_some_and(|told| told.is_partial) && seen.is_told(oid),
                };
                Some((
                    oid.clone(),
                    news(*shown, recall, reading.told, reading.cursor)?,
                ))
            })
            .collect();
        seen
    }

    pub(super) fn is_rdn(&self, oid: &AttributeOid) -> bool {
        self.rdn.as_ref() == Some(oid) && holds(Rule::RdnLeftOut)
    }

    pub(super) fn last(&self, oid: &AttributeOid) -> Option<Stamp> {
        self.told.and_then(|told| told.journal.get(oid).copied())
    }

    pub(super) fn stamp(&self, oid: &AttributeOid) -> Option<LocalStamp> {
        self.image.stamps.get(oid).copied()
    }

    /// Whether J says of an attribute what was delivered.
    pub(super) fn is_told(&self, oid: &AttributeOid) -> bool {
        self.wants(oid) || *oid == self.name || *oid == self.is_deleted
    }

    /// Whose changes this DC lacks: those that it shows something older of than was delivered.
    pub(super) fn waits(&self) -> Waits {
        let mut waits = Waits::new();
        let told = self.told.into_iter().flat_map(|told| &told.journal);
        for (oid, last) in told.filter(|(oid, last)| self.is_told(oid) && !last.is_mark()) {
            let is_here = self.stamp(oid).is_some_and(|shown| shown.stamp >= *last);
            if is_here || self.is_rdn(oid) {
                continue;
            }
            let usn = waits.entry(last.origin).or_insert(last.usn);
            *usn = last.usn.max(*usn);
        }
        waits
    }

    pub(super) fn is_news(&self, oid: &AttributeOid) -> bool {
        self.news.contains_key(oid)
    }

    pub(super) fn wants(&self, oid: &AttributeOid) -> bool {
        self.reading.wanted.contains(oid)
    }

    /// Told to the consumer, now a tombstone.
    pub(super) fn deleted(self) -> Judgement {
        if self.is_news(&self.is_deleted) || self.level {
            self.delete()
        } else {
            self.untold(Judgement::nothing(Silence::Repeat))
        }
    }

    /// An object that the consumer has, which this DC shows as it was before: a tombstone where it does not know yet that
    /// the object was brought back, or out of the scope. What it shows of other attributes is not told now, and K and S will
    /// cover it when this reading is complete: J says that it was not, and the object is looked at again, on this DC or
    /// another one, until that knows better.
    pub(super) fn untold(&self, nothing: Judgement) -> Judgement {
        let Some(told) = self.told.filter(|_| holds(Rule::Untold)) else {
            return nothing;
        };
        let mut told = told.clone();
        let fresh = self.news.keys().filter(|oid| self.wants(oid));
        for oid in fresh.clone().filter(|oid| self.last(oid).is_none()) {
            told.journal.insert(oid.clone(), Stamp::BEFORE_ALL);
        }
        let marked = told.journal.values().any(|last| *last == Stamp::BEFORE_ALL);
        if !marked && fresh.count() == 0 {
            return nothing;
        }
        let mut untold = nothing.remembering(told);
        if !untold.rereads.contains(&RereadWhy::Held) {
            untold.rereads.push(RereadWhy::Held);
        }
        untold
    }

    pub(super) fn delete(&self) -> Judgement {
        let mut change = Change::new(Op::Delete, self.image, "deleted");
        change.dn = self.told_dn();
        change
            .last_known_parent
            .clone_from(&self.image.last_known_parent);
        self.list(&self.is_deleted, &mut change);
        let mut told = self.remembered(Standing::Deleted);
        told.dn = self.told_dn();
        told.keep_only(&self.is_deleted);
        told.links.clear();
        self.deliver(change, told)
    }

    /// A tombstone of something the consumer does not have. Its links may lead there all the same, and nothing else
    /// tells it that they do no more: no DC touches a group when a member is deleted.
    pub(super) fn tombstone(self) -> Judgement {
        if !self.is_news(&self.is_deleted) {
            return Judgement::nothing(Silence::NeverTold);
        }
        let mut told = self.remembered(Standing::Deleted);
        told.keep_only(&self.is_deleted);
        told.links.clear();
        if !self.wants_links() {
            return Judgement::nothing(Silence::NeverTold).remembering(told);
        }
        let mut change = Change::new(Op::Delete, self.image, "link_target_deleted");
        change
            .last_known_parent
            .clone_from(&self.image.last_known_parent);
        self.list(&self.is_deleted, &mut change);
        self.deliver(change, told)
    }

    pub(super) fn wants_links(&self) -> bool {
        let wanted = self.reading.wanted.iter();
        wanted
            .filter_map(|oid| self.reading.schema.attribute(oid))
            .any(Attribute::is_forward_link)
    }

    /// Told or seen deleted, now alive: brought back, or the DC does not know of the deletion yet.
    pub(super) fn alive_again(self, in_scope: bool) -> Judgement {
        let undeleted = self.is_news(&self.is_deleted);
        if !undeleted && !self.level && holds(Rule::DeletedHeld) {
            return Judgement::held();
        }
        let mut judgement = if in_scope {
            let mut change = Change::new(Op::Undelete, self.image, "undeleted");
            let told = self.whole(&mut change);
            self.deliver(change, told)
        } else if self.told.is_some_and(|told| told.standing == Standing::In) {
            self.leave()
        } else {
            let told = self.remembered(Standing::Out);
            Judgement::nothing(Silence::OutOfScope).remembering(told)
        };
        if let Some(told) = &mut judgement.remember {
            told.life = self.next_life();
        }
        judgement.rereads.push(RereadWhy::Memberships);
        judgement.rereads.push(RereadWhy::Subtree);
        judgement
    }

    /// The number of the life that begins for the consumer: by the version of `isDeleted`, so that it differs from all before
    /// it even where what was remembered of those is forgotten.
    pub(super) fn next_life(&self) -> u32 {
        let version = self.stamp(&self.is_deleted);
        let version = version.map_or(0, |shown| shown.stamp.version);
        let before = self.told.map_or(0, |told| told.life);
        version.max(before.saturating_add(1))
    }

    /// The consumer has it, and it still belongs there.
    pub(super) fn changed(self) -> Judgement {
        let renamed = self.has_other_name();
        let op = if renamed { Op::Move } else { Op::Update };
        let mut change = Change::new(op, self.image, "changed");
        change.dn = if renamed {
            self.image.dn.clone()
        } else {
            self.told_dn()
        };
        if renamed {
            change.previous_dn = Some(self.told_dn());
        }
        let fresh = !self.news.is_empty();
        self.list_news(&mut change);
        if renamed {
            self.take_rdn(&mut change);
        }
        let links = self.list_links(&mut change);
        if change.changed.is_empty() && !renamed {
            let why = if fresh {
                Silence::Unwanted
            } else {
                Silence::Repeat
            };
            let mut nothing = self.with_subtree(Judgement::nothing(why));
            if !same_name(&self.told_dn(), &self.image.dn) {
                nothing.rereads.push(RereadWhy::Held);
            }
            return nothing;
        }
        change.reason = self.reason(&change, renamed, links);
        let mut told = self.remembered(Standing::In);
        told.dn.clone_from(&change.dn);
        told.links = self.digests(&change);
        let waits = !same_name(&told.dn, &self.image.dn);
        let mut judgement = self.with_subtree(self.deliver(change, told));
        if waits {
            judgement.rereads.push(RereadWhy::Held);
        }
        judgement
    }

    /// The consumer has it, and it does not belong there any more.
    pub(super) fn left(self) -> Judgement {
        if self.news.is_empty() && !self.level && !self.is_below_renamed() {
            return self.held();
        }
        self.with_subtree(self.leave())
    }

    pub(super) fn leave(&self) -> Judgement {
        let mut change = Change::new(Op::Leave, self.image, "left");
        change.previous_dn = Some(self.told_dn()).filter(|dn| !same_name(dn, &self.image.dn));
        for oid in self.news.keys() {
            self.list(oid, &mut change);
        }
        let mut told = self.remembered(Standing::Out);
        // Whatever the filter asks for may be among what is not wanted.
        for oid in self.news.keys() {
            if let Some(shown) = self.stamp(oid) {
                told.journal.insert(oid.clone(), shown.stamp);
            }
        }
        told.links.clear();
        self.deliver(change, told)
    }

    /// The consumer does not have it, and it belongs there.
    pub(super) fn entered(self) -> Judgement {
        let nothing_new = self.news.is_empty() && !self.level && !self.is_below_renamed();
        if nothing_new || self.left_by_what_is_unknown_here() {
            return self.held();
        }
        let born = self
            .stamp(&self.name)
            .is_none_or(|name| name.stamp.version <= 1);
        let reason = if born && self.told.is_none() {
            "created"
        } else {
            "entered"
        };
        let mut change = Change::new(Op::Create, self.image, reason);
        let told = self.whole(&mut change);
        self.with_subtree(self.deliver(change, told))
    }

    /// Whether the consumer was told that the object left, by a change that this DC does not have yet.
    pub(super) fn left_by_what_is_unknown_here(&self) -> bool {
        let journal = self.told.into_iter().flat_map(|told| &told.journal);
        journal
            .filter(|(oid, last)| holds(Rule::LeftHeld) && !self.is_rdn(oid) && !last.is_mark())
            .any(|(oid, last)| self.stamp(oid).is_none_or(|shown| shown.stamp < *last))
    }

    /// Not the consumer's, before and now; a container among them may have been renamed.
    pub(super) fn elsewhere(self) -> Judgement {
        let nothing = self.with_subtree(Judgement::nothing(Silence::OutOfScope));
        if self.is_news(&self.name) && !nothing.rereads.is_empty() {
            // What J says of a leave, or of its being brought back, still counts.
            let journal = self.told.map(|told| told.journal.clone());
            let mut told = self.remembered(Standing::Out);
            told.keep_only(&self.name);
            told.journal.extend(
                journal
                    .into_iter()
                    .flatten()
                    .filter(|(oid, _)| *oid != self.name),
            );
            return nothing.remembering(told);
        }
        nothing
    }

    /// The delivery of a change, after which this is remembered.
    pub(super) fn deliver(&self, mut change: Change, told: Told) -> Judgement {
        change.found_by = self.sought;
        change.generation = told.generation;
        Judgement {
            verdict: Verdict::Deliver(Box::new(change)),
            remember: Some(told),
            rereads: Vec::new(),
            waits: Waits::new(),
        }
    }

    /// Whether the object goes by another name than it was told with, as far as this DC's word counts.
    pub(super) fn has_other_name(&self) -> bool {
        let other = self
            .told
            .is_some_and(|told| !same_name(&told.dn, &self.image.dn));
        other && (self.is_news(&self.name) || self.level || self.is_below_renamed())
    }

    /// With the order to read again all below the object, where it has been renamed or moved since the cursor, and the
    /// groups that it is in, where it has come back to life.
    ///
    /// What the consumer was told before counts too, where it came to this DC late: until then the DC showed the old names
    /// below it, and the groups without it, and it touches neither now.
    pub(super) fn with_subtree(&self, mut judgement: Judgement) -> Judgement {
        let renamed = self.stamp(&self.name).is_some_and(|name| {
            name.stamp.version > 1 && (self.is_news(&self.name) || self.is_late(&self.name, name))
        });
        if renamed && holds(Rule::Subtree) {
            judgement.rereads.push(RereadWhy::Subtree);
        }
        self.with_memberships(judgement)
    }

    fn with_memberships(&self, mut judgement: Judgement) -> Judgement {
        let revived = self
            .stamp(&self.is_deleted)
            .is_some_and(|deleted| self.is_late(&self.is_deleted, deleted));
        if revived && !self.image.is_deleted && self.wants_links() && holds(Rule::Regained) {
            judgement.rereads.push(RereadWhy::Memberships);
        }
        judgement
    }

    /// Whether a stamp came to this DC since the cursor that the consumer may have been told by another DC before. A DC is
    /// not late with what S says it has; and where S is unknown, everything is read.
    fn is_late(&self, oid: &AttributeOid, shown: LocalStamp) -> bool {
        let held = self.reading.held;
        let lacked = held.is_some_and(|held| !shown.stamp.is_within(held));
        let came = shown.local > self.reading.cursor;
        let older = self.last(oid).is_some_and(|last| last > shown.stamp);
        lacked && came && !older && self.sought.is_none()
    }

    /// Held, with what is to be read again besides.
    fn held(&self) -> Judgement {
        self.with_subtree(Judgement::held())
    }

    /// Whether it was found below a renamed container, and its own name is not older than it was told: what a DC that is
    /// behind in the object's name says of its place is no news, and when it has caught up, no stamp would tell.
    pub(super) fn is_below_renamed(&self) -> bool {
        let shown = self.stamp(&self.name).map(|name| name.stamp);
        matches!(self.sought, Some(Sought::Below { .. })) && self.last(&self.name) <= shown
    }

    pub(super) fn told_dn(&self) -> String {
        self.told
            .map_or_else(|| self.image.dn.clone(), |told| told.dn.clone())
    }

    /// What is remembered once all that is news has been told.
    pub(super) fn remembered(&self, standing: Standing) -> Told {
        let mut told = self.told.cloned().unwrap_or_else(|| Told {
            nc: self.reading.nc.clone(),
            dn: self.image.dn.clone(),
            standing,
            journal: BTreeMap::new(),
            is_partial: false,
            life: 0,
            generation: 0,
            links: BTreeMap::new(),
            links_from: None,
        });
        told.standing = standing;
        if self.wants_links() {
            told.links_from = Some((self.reading.reader, self.image.usn_changed));
        }
        for oid in self.news.keys() {
            if let Some(shown) = self.stamp(oid).filter(|_| self.is_told(oid)) {
                told.journal.insert(oid.clone(), shown.stamp);
            }
        }
        told
    }
}

/// Whether the DC shows the object no older than it was told: S covers K, and what J says of the object (R5). A DC has what
/// it has written itself, though S ends below that by the overlap.
fn is_level(reading: &Reading<'_>, image: &Image, told: Option<&Told>) -> bool {
    reading.held.is_some_and(|held| {
        // What the image shows needs no vector's word: those of a DC that is lost may never have it.
        let has = |(oid, last): (&AttributeOid, &Stamp)| {
            let shown = image.stamps.get(oid);
            shown.is_some_and(|shown| shown.stamp >= *last)
                || last.is_mark()
                || last.is_within(held)
        };
        held.covers_but(reading.told, reading.reader)
            && told.is_none_or(|told| told.journal.iter().all(has))
    })
}

/// The attribute the first part of a DN names; every DC stamps it by itself (ad-facts: seen on Samba).
fn rdn_attribute(schema: &Schema, dn: &str) -> Option<AttributeOid> {
    let (kind, _) = dn.split_once('=')?;
    schema
        .named(kind.trim())
        .map(|attribute| attribute.oid.clone())
}

pub(super) fn same_name(one: &str, other: &str) -> bool {
    one == other
        || matches!((one.parse::<Dn>(), other.parse::<Dn>()), (Ok(one), Ok(other)) if one == other)
}
