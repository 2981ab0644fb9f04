//! Multi-master replication in small: DCs, their writes, and inbound cycles in packets that can break off.

use std::collections::BTreeMap;

use highwater::model::InvocationId;
use uuid::Uuid;

use crate::rng::Rng;

/// The attribute that says whether an object is deleted.
pub(crate) const DELETED: u8 = 0;

/// Attributes of an object besides [`DELETED`].
const ATTRIBUTES: u8 = 3;

/// An originating stamp; ordered as AD settles conflicts (version, time, invocationId).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Stamp {
    pub(crate) version: u32,
    pub(crate) time: i64,
    pub(crate) by: InvocationId,
    pub(crate) usn: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Attr {
    pub(crate) stamp: Stamp,
    pub(crate) local: i64,
    pub(crate) value: u64,
}

#[derive(Debug, Clone)]
pub(crate) struct Object {
    pub(crate) nc: usize,
    pub(crate) attrs: BTreeMap<u8, Attr>,
    pub(crate) changed: i64,
}

impl Object {
    fn is_deleted(&self) -> bool {
        self.attrs.get(&DELETED).is_some_and(|attr| attr.value == 1)
    }
}

pub(crate) type Seen = BTreeMap<InvocationId, i64>;

#[derive(Debug, Clone)]
pub(crate) struct Dc {
    pub(crate) id: InvocationId,
    pub(crate) usn: i64,
    pub(crate) alive: bool,
    /// Cut off from replication, as AD does with a DC it finds rolled back.
    pub(crate) paused: bool,
    pub(crate) objects: BTreeMap<u64, Object>,
    /// The order in which a search walks the objects: as they came here, not by USN.
    pub(crate) order: Vec<u64>,
    /// Per NC, the up-to-dateness vector without the own entry.
    pub(crate) vectors: Vec<Seen>,
    high_water: BTreeMap<(InvocationId, usize), i64>,
    skew: i64,
    /// (tick, usn) of every commit, and (tick, nc, incarnation, usn) of every move of a vector: to measure lag.
    pub(crate) commits: Vec<(i64, i64)>,
    pub(crate) moves: Vec<(i64, usize, InvocationId, i64)>,
}

impl Dc {
    fn commit(&mut self, tick: i64) -> i64 {
        self.usn += 1;
        self.commits.push((tick, self.usn));
        self.usn
    }
}

/// An inbound cycle under way.
pub(crate) struct Cycle {
    pub(crate) to: usize,
    pub(crate) from: usize,
    nc: usize,
    to_id: InvocationId,
    from_id: InvocationId,
    /// The destination's vector at the start: what the source leaves out.
    had: Seen,
    /// The source's vector at the start: what the destination has when the cycle is complete.
    brings: Seen,
}

pub(crate) struct Forest {
    pub(crate) dcs: Vec<Dc>,
    pub(crate) ncs: usize,
    pub(crate) links: Vec<(usize, usize)>,
    pub(crate) cycles: Vec<Cycle>,
    pub(crate) packet: usize,
    next_id: u128,
    next_object: u64,
    next_value: u64,
}

impl Forest {
    pub(crate) fn new(rng: &mut Rng) -> Self {
        let count = rng.between(3, 6);
        let mut forest = Self {
            dcs: Vec::new(),
            ncs: rng.between(1, 2),
            links: Vec::new(),
            cycles: Vec::new(),
            packet: rng.between(1, 4),
            next_id: 1,
            next_object: 1,
            next_value: 2,
        };
        for index in 0..count {
            let id = forest.fresh_id(rng);
            forest.dcs.push(Dc {
                id,
                usn: i64::try_from(rng.between(0, 300)).unwrap(),
                alive: true,
                paused: false,
                objects: BTreeMap::new(),
                order: Vec::new(),
                vectors: vec![Seen::new(); forest.ncs],
                high_water: BTreeMap::new(),
                skew: i64::try_from(rng.below(5)).unwrap() - 2,
                commits: Vec::new(),
                moves: Vec::new(),
            });
            if index > 0 {
                let other = rng.below(index);
                forest.links.extend([(index, other), (other, index)]);
            }
        }
        for _ in 0..rng.below(count) {
            let (to, from) = (rng.below(count), rng.below(count));
            if to != from {
                forest.links.push((to, from));
            }
        }
        forest
    }

    fn fresh_id(&mut self, rng: &mut Rng) -> InvocationId {
        self.next_id += 1;
        // The random high part makes the order of invocationIds, which settles conflicts, a matter of chance.
        InvocationId::from_uuid(Uuid::from_u128(
            (u128::from(rng.next()) << 64) | self.next_id,
        ))
    }

    /// One originating write on `dc`.
    pub(crate) fn write(&mut self, rng: &mut Rng, dc: usize, tick: i64) {
        let live: Vec<u64> = self.dcs[dc]
            .objects
            .iter()
            .filter(|(_, object)| !object.is_deleted())
            .map(|(id, _)| *id)
            .collect();
        let create = live.len() < 4 || (live.len() < 14 && rng.percent(12));
        if create {
            let object = self.next_object;
            self.next_object += 1;
            let nc = rng.below(self.ncs);
            let attrs: Vec<u8> = (0..=ATTRIBUTES).collect();
            self.set(dc, object, nc, &attrs, false, tick);
        } else if let Some(object) = rng.pick(&live) {
            let nc = self.dcs[dc].objects[&object].nc;
            if rng.percent(8) {
                let attrs: Vec<u8> = (0..=ATTRIBUTES).collect();
                self.set(dc, object, nc, &attrs, true, tick);
            } else {
                let attr = u8::try_from(rng.between(1, ATTRIBUTES.into())).unwrap();
                self.set(dc, object, nc, &[attr], false, tick);
            }
        }
    }

    fn set(&mut self, dc: usize, id: u64, nc: usize, attrs: &[u8], delete: bool, tick: i64) {
        let value = self.next_value;
        self.next_value += 1;
        let dc = &mut self.dcs[dc];
        let usn = dc.commit(tick);
        let (by, time) = (dc.id, tick / 8 + dc.skew);
        let object = dc.objects.entry(id).or_insert_with(|| {
            dc.order.push(id);
            Object {
                nc,
                attrs: BTreeMap::new(),
                changed: 0,
            }
        });
        object.changed = usn;
        for attr in attrs {
            let version = object
                .attrs
                .get(attr)
                .map_or(1, |old| old.stamp.version + 1);
            let stamp = Stamp {
                version,
                time,
                by,
                usn,
            };
            let value = match (*attr, delete) {
                (DELETED, _) => u64::from(delete),
                (_, true) => 0,
                _ => value,
            };
            object.attrs.insert(
                *attr,
                Attr {
                    stamp,
                    local: usn,
                    value,
                },
            );
        }
    }

    pub(crate) fn can_replicate(&self, to: usize, from: usize) -> bool {
        let fit = |dc: &Dc| dc.alive && !dc.paused;
        to != from && fit(&self.dcs[to]) && fit(&self.dcs[from])
    }

    pub(crate) fn begin_cycle(&mut self, to: usize, from: usize, nc: usize) {
        if !self.can_replicate(to, from)
            || self
                .cycles
                .iter()
                .any(|cycle| (cycle.to, cycle.nc) == (to, nc))
        {
            return;
        }
        let (dest, source) = (&self.dcs[to], &self.dcs[from]);
        let mut had = dest.vectors[nc].clone();
        had.insert(dest.id, dest.usn);
        self.cycles.push(Cycle {
            to,
            from,
            nc,
            to_id: dest.id,
            from_id: source.id,
            had,
            brings: source.vectors[nc].clone(),
        });
    }

    /// One packet of the cycle at `index`; the cycle ends when the source has no more, or either side is gone.
    pub(crate) fn step_cycle(&mut self, index: usize, tick: i64) {
        let cycle = &self.cycles[index];
        let (to, from, nc) = (cycle.to, cycle.from, cycle.nc);
        let same = self.dcs[to].id == cycle.to_id && self.dcs[from].id == cycle.from_id;
        if !same || !self.can_replicate(to, from) {
            self.cycles.remove(index);
            return;
        }
        let mark = (cycle.from_id, nc);
        let from_usn = self.dcs[to].high_water.get(&mark).copied().unwrap_or(0);
        let mut changed: Vec<(i64, u64)> = self.dcs[from]
            .objects
            .iter()
            .filter(|(_, object)| object.nc == nc && object.changed > from_usn)
            .map(|(id, object)| (object.changed, *id))
            .collect();
        changed.sort_unstable();
        let complete = changed.len() <= self.packet;
        changed.truncate(self.packet);
        let batch = changed
            .iter()
            .map(|(_, id)| (*id, self.dcs[from].objects[id].clone()));
        let batch: Vec<(u64, Object)> = batch.collect();
        for (id, object) in &batch {
            apply(&mut self.dcs[to], *id, object, &cycle.had, tick);
        }
        let reached = if complete {
            self.dcs[from].usn
        } else {
            batch.last().map_or(from_usn, |(_, object)| object.changed)
        };
        self.dcs[to].high_water.insert(mark, reached);
        if complete {
            let cycle = self.cycles.remove(index);
            let mut brings = cycle.brings;
            brings.insert(cycle.from_id, reached);
            merge(&mut self.dcs[to], nc, &brings, tick);
        }
    }

    /// Puts `dc` back to `old`: under a new invocationId as a proper restore, under the old one as a USN rollback.
    pub(crate) fn put_back(
        &mut self,
        rng: &mut Rng,
        dc: usize,
        old: &Dc,
        properly: bool,
        tick: i64,
    ) {
        self.cycles
            .retain(|cycle| cycle.to != dc && cycle.from != dc);
        let mut back = old.clone();
        back.alive = true;
        back.commits = vec![(tick, back.usn)];
        if properly {
            for vector in &mut back.vectors {
                vector.insert(back.id, back.usn);
            }
            back.id = self.fresh_id(rng);
            back.moves = (back.vectors.iter().enumerate())
                .flat_map(|(nc, vector)| vector.iter().map(move |(id, usn)| (tick, nc, *id, *usn)))
                .collect();
        } else {
            back.paused = true;
        }
        self.dcs[dc] = back;
    }

    /// Replicates everything among the DCs that live.
    pub(crate) fn settle(&mut self, tick: i64) {
        self.cycles.clear();
        for _ in 0..3 {
            for to in 0..self.dcs.len() {
                for from in 0..self.dcs.len() {
                    for nc in 0..self.ncs {
                        self.begin_cycle(to, from, nc);
                        while !self.cycles.is_empty() {
                            self.step_cycle(0, tick);
                        }
                    }
                }
            }
        }
    }

    /// How long before `at` the oldest change was made on `backup` that `source` did not hold in full at `at`.
    pub(crate) fn lag(&self, source: usize, backup: usize, at: i64) -> i64 {
        let (source, backup) = (&self.dcs[source], &self.dcs[backup]);
        let held = |nc: usize| {
            let moves = source
                .moves
                .iter()
                .filter(|(when, of, id, _)| *when <= at && (*of, *id) == (nc, backup.id));
            moves.map(|(.., usn)| *usn).max().unwrap_or(0)
        };
        let held = (0..self.ncs).map(held).min().unwrap_or(0);
        let missing = backup.commits.iter().find(|(_, usn)| *usn > held);
        missing.map_or(0, |(committed, _)| (at - committed).max(0))
    }
}

fn apply(dest: &mut Dc, id: u64, object: &Object, had: &Seen, tick: i64) {
    let known = |stamp: &Stamp| had.get(&stamp.by).is_some_and(|usn| *usn >= stamp.usn);
    let mine = dest.objects.get(&id);
    let winners: Vec<(u8, Attr)> = object
        .attrs
        .iter()
        .filter(|(_, attr)| !known(&attr.stamp))
        .filter(|(name, attr)| {
            mine.and_then(|mine| mine.attrs.get(name))
                .is_none_or(|mine| attr.stamp > mine.stamp)
        })
        .map(|(name, attr)| (*name, *attr))
        .collect();
    if winners.is_empty() {
        return;
    }
    let local = dest.commit(tick);
    let entry = dest.objects.entry(id).or_insert_with(|| {
        dest.order.push(id);
        Object {
            nc: object.nc,
            attrs: BTreeMap::new(),
            changed: 0,
        }
    });
    entry.changed = local;
    for (name, attr) in winners {
        entry.attrs.insert(name, Attr { local, ..attr });
    }
}

fn merge(dest: &mut Dc, nc: usize, brings: &Seen, tick: i64) {
    for (id, usn) in brings.iter().filter(|(id, _)| **id != dest.id) {
        let entry = dest.vectors[nc].entry(*id).or_insert(0);
        if *usn > *entry {
            *entry = *usn;
            dest.moves.push((tick, nc, *id, *usn));
        }
    }
}
