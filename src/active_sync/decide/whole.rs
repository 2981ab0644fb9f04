//! Whole images: of a load or a resync, and of what is new to the consumer.

use super::change::Changed;
use super::object::{Seen, same_name};
use super::rules::{Rule, holds};
use super::{Change, IS_DELETED, Judgement, Reading, Silence, Verdict, digest};
use crate::model::{
    AttributeOid, Image, ObjectGuid, Op, RereadWhy, Stamp, Standing, Told, Usn, Vector, Waits,
};

/// Why everything is read.
#[derive(Debug, Clone, Copy)]
pub enum Purpose<'a> {
    /// A load or resync.
    Load {
        /// Its number.
        pass: i64,
        /// What K will cover when it is complete and every DC that may take over has: J need not hold it (R6).
        settled: &'a Vector,
        /// What the DC had when it began.
        has: &'a Vector,
    },
    /// An operator wants this object once more.
    Requested {
        /// The moment, which makes the event's id its own.
        at: i64,
    },
}

/// Judges an object that is delivered whole; it is in the bases and the filter, or deleted.
pub fn judge_whole(
    reading: &Reading<'_>,
    image: &Image,
    purpose: Purpose<'_>,
    told: Option<&Told>,
) -> Judgement {
    let seen = Seen::new(reading, image, told, None);
    if image.is_deleted {
        return Judgement::nothing(Silence::NeverTold);
    }
    let deleted = told.is_some_and(|told| told.standing == Standing::Deleted);
    if deleted && !seen.is_news(&seen.is_deleted) && !seen.level && holds(Rule::DeletedHeld) {
        return Judgement::held();
    }
    let (reason, pass) = match purpose {
        Purpose::Load { pass, .. } => ("load", pass),
        Purpose::Requested { at } => ("requested", at),
    };
    let mut change = Change::new(Op::Snapshot, image, reason);
    change.pass = Some(pass);
    let mut told = seen.whole(&mut change);
    if let Purpose::Load { settled, has, .. } = purpose {
        // A load that ends early leaves K as it is: what K does not have, J must.
        let known = |stamp: &Stamp| reading.told.is_empty() || stamp.is_within(reading.told);
        told.is_partial &= !has.covers_but(reading.told, reading.reader);
        if !told.is_partial {
            told.journal
                .retain(|_, stamp| !(stamp.is_within(settled) && known(stamp)));
        }
    }
    if !deleted {
        return seen.deliver(change, told);
    }
    // The consumer dropped the links to it with the delete.
    told.life = seen.next_life();
    let mut judgement = seen.deliver(change, told);
    judgement.rereads.push(RereadWhy::Memberships);
    judgement
}

/// Judges an object that the consumer has and that a load or resync did not come across, by what the DC shows of it
/// when asked for it alone: it changed meanwhile, has left, or was deleted. Where the DC does not know it, only a pass
/// that an operator ordered (`is_resync`) takes it for deleted; else it is kept and looked at again. So it is where the DC
/// lacks something that was delivered of it (R5).
pub fn judge_unseen(
    reading: &Reading<'_>,
    guid: ObjectGuid,
    image: Option<&Image>,
    in_scope: bool,
    purpose: Purpose<'_>,
    is_resync: bool,
    told: &Told,
) -> Judgement {
    let Some(image) = image else {
        return if is_resync && !lacks(reading, purpose, told) {
            absent(guid, told)
        } else {
            Judgement::held()
        };
    };
    if !image.is_deleted && in_scope {
        return judge_whole(reading, image, purpose, Some(told));
    }
    let seen = Seen::new(reading, image, Some(told), None);
    if seen.is_news(&seen.is_deleted) {
        return seen.gone();
    }
    if !seen.waits().is_empty() && holds(Rule::UnseenHeld) {
        return seen.unseen();
    }
    told_again(seen.gone(), purpose)
}

/// Whether something of an object was delivered that the DC does not have.
fn lacks(reading: &Reading<'_>, purpose: Purpose<'_>, told: &Told) -> bool {
    let has = match purpose {
        Purpose::Load { has, .. } => Some(has),
        Purpose::Requested { .. } => reading.held,
    };
    let is_here = |stamp: &Stamp| {
        stamp.is_mark()
            || stamp.origin == reading.reader
            || has.is_some_and(|has| stamp.is_within(has))
    };
    holds(Rule::UnseenHeld) && !told.journal.values().all(is_here)
}

/// Tells once more, on request, that an object was deleted or has left.
pub fn judge_gone(reading: &Reading<'_>, image: &Image, at: i64, told: &Told) -> Judgement {
    let seen = Seen::new(reading, image, Some(told), None);
    told_again(seen.gone(), Purpose::Requested { at })
}

/// Tells once more, on request, that an object was deleted that the DC does not know any more. What is remembered of it
/// stays as it is.
pub fn tell_gone(guid: ObjectGuid, at: i64, told: &Told) -> Judgement {
    let gone = Judgement {
        remember: None,
        ..absent(guid, told)
    };
    told_again(gone, Purpose::Requested { at })
}

/// Of the occasion as well: a DC that was restored shows a delete again that was told, taken back by one that is lost.
fn told_again(mut gone: Judgement, purpose: Purpose<'_>) -> Judgement {
    if let Verdict::Deliver(change) = &mut gone.verdict {
        change.pass = Some(match purpose {
            Purpose::Load { pass, .. } => pass,
            Purpose::Requested { at } => at,
        });
    }
    gone
}

/// An object the DC does not know: deleted so long ago that its tombstone is gone, or never there.
fn absent(guid: ObjectGuid, told: &Told) -> Judgement {
    let mut change = Change::of(guid, &told.dn, Usn::ZERO, Op::Delete, "absent");
    change.generation = told.generation;
    let mut told = told.clone();
    told.standing = Standing::Deleted;
    // It stays known until the object is seen again: its links are gone without a word.
    told.journal = [(AttributeOid::new(IS_DELETED), Stamp::BEFORE_ALL)].into();
    told.links.clear();
    Judgement {
        verdict: Verdict::Deliver(Box::new(change)),
        remember: Some(told),
        rereads: Vec::new(),
        waits: Waits::new(),
    }
}

impl Seen<'_> {
    /// Held in a load. Where K has nothing, J need not say what of it was delivered: then all of it is, once more.
    fn unseen(&self) -> Judgement {
        if self.reading.told.is_empty() {
            let mut whole = Judgement::nothing(Silence::Held);
            whole.rereads.push(RereadWhy::Load);
            return whole;
        }
        self.untold(Judgement::held())
    }

    /// The object is told to be deleted, or to have left.
    fn gone(&self) -> Judgement {
        if self.image.is_deleted {
            self.delete()
        } else {
            self.leave()
        }
    }

    /// Fills in everything the DC shows; of an object the consumer still has, less what it was told newer (R5). Gives
    /// what is remembered then.
    pub(super) fn whole(&self, change: &mut Change) -> Told {
        let has = self.told.filter(|told| told.standing == Standing::In);
        let newer = |oid: &AttributeOid, shown: Stamp| {
            let last = has.and_then(|told| told.journal.get(oid));
            last.is_some_and(|last| *last > shown)
                && !self.is_news(oid)
                && holds(Rule::ImageLessNewer)
        };
        let mut told = self.remembered(Standing::In);
        if has.is_none() {
            // What was told before it was gone is gone with it, and told again when this DC hears of it.
            told.journal.retain(|oid, _| {
                *oid == self.is_deleted || !self.wants(oid) || self.stamp(oid).is_some()
            });
        }
        // What is not told any more is gone from the consumer with this image.
        told.journal
            .retain(|oid, _| has.is_none() || self.is_told(oid));
        told.is_partial = !self.level && !self.reading.told.is_empty();
        for (oid, shown) in &self.image.stamps {
            let internal = *oid == self.name || *oid == self.is_deleted;
            if self.is_rdn(oid) || !(self.wants(oid) || internal) {
                continue;
            }
            if newer(oid, shown.stamp) {
                change.kept.insert(oid.clone());
                continue;
            }
            self.list(oid, change);
            told.journal.insert(oid.clone(), shown.stamp);
            if self.wants(oid) {
                self.take(oid, change);
            }
        }
        // What this DC has never seen written was told newer as well.
        let unseen = has.into_iter().flat_map(|told| told.journal.keys());
        let unseen = unseen.filter(|oid| self.wants(oid) && self.stamp(oid).is_none());
        let unseen = unseen.filter(|oid| self.last(oid).is_some_and(|last| !last.is_mark()));
        change
            .kept
            .extend(unseen.filter(|_| holds(Rule::ImageLessNewer)).cloned());
        let is_renamed_later = change.kept.contains(&self.name);
        if is_renamed_later {
            change.dn = self.told_dn();
            let rdn = self.rdn.iter().filter(|rdn| self.wants(rdn));
            change.kept.extend(rdn.cloned());
        }
        let before = self.told.map(|told| told.dn.clone());
        change.previous_dn = before.filter(|dn| !same_name(dn, &change.dn));
        told.dn.clone_from(&change.dn);
        if !is_renamed_later {
            self.take_rdn(change);
        }
        self.take_unstamped(change);
        told.links.clear();
        for (oid, values) in self.image.links.iter().filter(|(oid, _)| self.wants(oid)) {
            let digest = digest(values);
            told.links.insert(oid.clone(), digest);
            change.changed.push(Changed::Linked {
                oid: oid.clone(),
                digest,
            });
            change.links.insert(oid.clone(), values.clone());
        }
        told
    }

    /// Values without a stamp: objectGUID's like, which never change, and all where the stamps cannot be read.
    fn take_unstamped(&self, change: &mut Change) {
        for (oid, values) in &self.image.values {
            if self.wants(oid) && !self.image.stamps.contains_key(oid) {
                change.values.insert(oid.clone(), values.clone());
            }
        }
    }
}

/// Up to which USN one chunk of a load reads, from where the last ended: so wide that a page or a few come back.
///
/// `found` is how many objects the last chunk brought, `width` how wide it was.
pub fn next_width(width: u64, found: usize) -> u64 {
    match found {
        0..500 => width.saturating_mul(2).min(1 << 40),
        500..5_000 => width,
        _ => (width / 2).max(100),
    }
}

/// The end of a chunk that begins above `done`, never above `bound`.
pub fn chunk_end(done: Usn, width: u64, bound: Usn) -> Usn {
    let width = i64::try_from(width).unwrap_or(i64::MAX);
    Usn::new(done.get().saturating_add(width)).map_or(bound, |end| end.min(bound))
}
