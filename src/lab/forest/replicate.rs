//! Inbound replication: cycles in packets that can break off (DRSR 4.1.10).
//!
//! Marks move with every packet, vectors only with a completed cycle: to the greatest of the own entry, the source's
//! vector as it stood when the cycle began, and the source's own USN as the cycle reached it.

use std::collections::BTreeSet;

use uuid::Uuid;

use super::dc::{Dc, Known};
use super::index::Kind;
use super::object::{Attr, Object};
use super::schema::Attribute;
use super::{CONTEXTS, Forest, ForestError};
use crate::model::InvocationId;

/// An inbound cycle under way.
#[derive(Debug, Clone)]
pub(super) struct Cycle {
    to: usize,
    from: usize,
    nc: usize,
    to_id: InvocationId,
    from_id: InvocationId,
    /// The destination's vector at the start: what the source leaves out.
    had: Known,
    /// The source's vector at the start: what the destination has when the cycle is complete.
    brings: Known,
}

/// What one packet did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// There is more.
    More,
    /// The cycle is complete and the vector has moved.
    Complete,
    /// The cycle broke off, or there was none.
    Broken,
}

impl Forest {
    /// Cuts two DCs off from each other, or joins them again; cycles between them break off.
    pub fn cut(&mut self, one: usize, other: usize, cut: bool) {
        let pair = (one.min(other), one.max(other));
        if cut {
            self.cuts.insert(pair);
        } else {
            self.cuts.remove(&pair);
        }
    }

    /// Whether `to` can read from `from` now.
    pub fn can_replicate(&self, to: usize, from: usize) -> bool {
        let pair = (to.min(from), to.max(from));
        let alive = |dc: usize| self.dcs.get(dc).is_some_and(|dc| dc.is_alive);
        let writable = self.dcs.get(from).is_some_and(|dc| !dc.is_read_only);
        let rolled_back = self.knows_more_of(to, from) || self.knows_more_of(from, to);
        let joined = to != from && !self.cuts.contains(&pair);
        joined && alive(to) && alive(from) && writable && !rolled_back
    }

    /// Whether one DC has received more of the other's writes than that one has made: it was rolled back, and AD stops
    /// replicating with it (event 2095) until its counter has passed what is known.
    fn knows_more_of(&self, one: usize, other: usize) -> bool {
        let (Some(one), Some(other)) = (self.dcs.get(one), self.dcs.get(other)) else {
            return false;
        };
        let known = one
            .vectors
            .iter()
            .filter_map(|vector| vector.get(&other.invocation_id));
        known.max().is_some_and(|known| *known > other.usn)
    }

    /// Begins an inbound cycle, unless one of the same pair and naming context is under way.
    pub fn begin_cycle(&mut self, to: usize, from: usize, nc: usize) -> Result<(), ForestError> {
        if !self.can_replicate(to, from) || self.cycle_of(to, from, nc).is_some() {
            return Ok(());
        }
        let (dest, source) = (self.dc(to)?, self.dc(from)?);
        let cycle = Cycle {
            to,
            from,
            nc,
            to_id: dest.invocation_id,
            from_id: source.invocation_id,
            had: dest.has(nc),
            brings: source.vector(nc),
        };
        self.cycles.push(cycle);
        Ok(())
    }

    /// The pairs and naming contexts of the cycles under way: (to, from, naming context).
    pub fn running(&self) -> Vec<(usize, usize, usize)> {
        self.cycles
            .iter()
            .map(|cycle| (cycle.to, cycle.from, cycle.nc))
            .collect()
    }

    /// Breaks a cycle off: what it brought stays, the vector does not move.
    pub fn break_off(&mut self, to: usize, from: usize, nc: usize) {
        self.cycles
            .retain(|cycle| (cycle.to, cycle.from, cycle.nc) != (to, from, nc));
    }

    fn cycle_of(&self, to: usize, from: usize, nc: usize) -> Option<usize> {
        self.cycles
            .iter()
            .position(|cycle| (cycle.to, cycle.from, cycle.nc) == (to, from, nc))
    }

    /// Breaks off every cycle a DC takes part in.
    pub(super) fn break_off_all_of(&mut self, dc: usize) {
        self.cycles
            .retain(|cycle| cycle.to != dc && cycle.from != dc);
    }

    /// One packet of a cycle.
    pub fn step_cycle(
        &mut self,
        to: usize,
        from: usize,
        nc: usize,
        now: i64,
    ) -> Result<Progress, ForestError> {
        let Some(at) = self.cycle_of(to, from, nc) else {
            return Ok(Progress::Broken);
        };
        let cycle = self.cycles.swap_remove(at);
        let same = self.dc(to)?.invocation_id == cycle.to_id
            && self.dc(from)?.invocation_id == cycle.from_id;
        if !same || !self.can_replicate(to, from) {
            return Ok(Progress::Broken);
        }
        let mark = (cycle.from_id, nc);
        let begun = self.dc(to)?.high_water.get(&mark).copied().unwrap_or(0);
        let source = self.dc(from)?;
        let mut batch: Vec<(i64, Uuid)> = source
            .changed_after(begun)
            .filter(|(_, guid)| source.objects.get(guid).is_some_and(|found| found.nc == nc))
            .take(self.packet.saturating_add(1))
            .collect();
        let complete = batch.len() <= self.packet;
        batch.truncate(self.packet);
        let reached = if complete {
            source.usn
        } else {
            batch.last().map_or(begun, |(changed, _)| *changed)
        };
        let (dest, source) = two(&mut self.dcs, to, from).ok_or(ForestError::NoDc(to))?;
        for (_, guid) in &batch {
            receive(dest, source, *guid, &cycle.had, now);
        }
        dest.high_water.insert(mark, reached);
        if complete {
            let mut brings = cycle.brings;
            brings.insert(cycle.from_id, reached);
            dest.learn(nc, &brings, now);
            self.find_lost(to, now)?;
            return Ok(Progress::Complete);
        }
        self.cycles.push(cycle);
        Ok(Progress::More)
    }

    /// One whole cycle of every naming context from one DC to another.
    pub fn pull(&mut self, to: usize, from: usize, now: i64) -> Result<(), ForestError> {
        for nc in 0..CONTEXTS {
            self.begin_cycle(to, from, nc)?;
            while self.step_cycle(to, from, nc, now)? == Progress::More {}
        }
        Ok(())
    }

    /// Replicates among the DCs that live until all that can arrive has arrived.
    pub fn settle(&mut self, now: i64) -> Result<(), ForestError> {
        let count = self.dcs.len();
        let moved = |forest: &Self| -> Vec<i64> { forest.dcs.iter().map(|dc| dc.usn).collect() };
        // As many rounds as there can be hops, and as many again for what is written on the way, to LostAndFound.
        for _ in 0..count.saturating_mul(2) {
            let before = moved(self);
            for to in 0..count {
                for from in 0..count {
                    self.pull(to, from, now)?;
                }
            }
            if before == moved(self) {
                break;
            }
        }
        Ok(())
    }

    /// How long before `at` the oldest change was committed on `backup` that `source` did not hold in full at `at`, by
    /// its vector of one naming context; in milliseconds.
    pub fn lag_ms(
        &self,
        source: usize,
        backup: usize,
        nc: usize,
        at: i64,
    ) -> Result<i64, ForestError> {
        let (source, backup) = (self.dc(source)?, self.dc(backup)?);
        let held = source
            .moves
            .iter()
            .filter(|(when, of, id, _)| *when <= at && (*of, *id) == (nc, backup.invocation_id))
            .map(|(.., usn)| *usn)
            .max()
            .unwrap_or(0);
        let missing = backup.commits.iter().find(|(_, usn)| *usn > held);
        Ok(missing.map_or(0, |(when, _)| at.saturating_sub(*when).max(0)))
    }
}

fn two(dcs: &mut [Dc], to: usize, from: usize) -> Option<(&mut Dc, &Dc)> {
    let [to, from] = dcs.get_disjoint_mut([to, from]).ok()?;
    Some((to, from))
}

/// Takes one object in, the parents and link targets that are missing here before it.
fn receive(dest: &mut Dc, source: &Dc, guid: Uuid, had: &Known, now: i64) {
    receive_with(dest, source, guid, had, now, &mut BTreeSet::new());
}

/// `begun` are those whose turn comes when this one is in: two groups may be members of each other.
fn receive_with(
    dest: &mut Dc,
    source: &Dc,
    guid: Uuid,
    had: &Known,
    now: i64,
    begun: &mut BTreeSet<Uuid>,
) {
    let Some(object) = source.objects.get(&guid) else {
        return;
    };
    let needed: Vec<Uuid> = object
        .place
        .parent
        .into_iter()
        .chain(object.links.keys().copied())
        .filter(|needed| *needed != guid && !dest.objects.contains_key(needed))
        .collect();
    begun.insert(guid);
    for missing in needed {
        if !begun.contains(&missing) {
            receive_with(dest, source, missing, had, now, begun);
        }
    }
    apply(dest, object, had, now);
}

/// Takes over what wins, in one transaction with one USN; nothing where nothing does.
fn apply(dest: &mut Dc, object: &Object, had: &Known, now: i64) {
    let known = |by: &InvocationId, usn: i64| had.get(by).is_some_and(|known| *known >= usn);
    let mine = dest.objects.get(&object.guid);
    let wins = |attribute: &Attribute, attr: &Attr| {
        let held = mine.and_then(|mine| mine.attrs.get(attribute));
        held.is_none_or(|held| attr.stamp > held.stamp)
    };
    let attrs: Vec<(Attribute, Attr)> = object
        .attrs
        .iter()
        .filter(|(attribute, _)| !attribute.is_rdn() && !attribute.is_local())
        .filter(|(_, attr)| !known(&attr.stamp.by, attr.stamp.usn))
        .filter(|(attribute, attr)| wins(attribute, attr))
        .map(|(attribute, attr)| (*attribute, attr.clone()))
        .collect();
    let links: Vec<_> = object
        .links
        .iter()
        .filter(|(_, link)| !known(&link.stamp.by, link.stamp.usn))
        .filter(|(target, link)| {
            let held = mine.and_then(|mine| mine.links.get(target));
            held.is_none_or(|held| link.supersedes(held))
        })
        .map(|(target, link)| (*target, *link))
        .collect();
    if attrs.is_empty() && links.is_empty() {
        return;
    }
    let local = dest.commit(now);
    let own = dest.invocation_id;
    if !dest.objects.contains_key(&object.guid) {
        let fresh = Object {
            attrs: std::collections::BTreeMap::new(),
            links: std::collections::BTreeMap::new(),
            created: local,
            ..object.clone()
        };
        dest.admit(fresh, Kind::of(object));
    }
    dest.touch(object.guid, local, now);
    if attrs
        .iter()
        .any(|(attribute, _)| *attribute == Attribute::Name)
    {
        dest.put(object.guid, object.place.clone());
    }
    for (target, link) in links {
        dest.put_link(object.guid, target, super::Link { local, ..link });
    }
    let Some(entry) = dest.objects.get_mut(&object.guid) else {
        return;
    };
    for (attribute, attr) in attrs {
        if attribute == Attribute::Name {
            let mut rdn = Attr {
                local,
                ..attr.clone()
            };
            // The RDN attribute is stamped by every DC for itself: same version and time, its own USN.
            rdn.stamp.by = own;
            rdn.stamp.usn = local;
            entry.attrs.insert(entry.rdn_type, rdn);
        }
        entry.attrs.insert(attribute, Attr { local, ..attr });
    }
}
