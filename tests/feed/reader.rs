//! The feed as its task runs it, step by step: passes over the changes, loads, switches, and crashes between steps.

use std::collections::{BTreeMap, BTreeSet};

use highwater::active_sync::decide::rules::{Rule, holds};
use highwater::active_sync::decide::{
    Judgement, Purpose, Reading, Silence, Sought, Verdict, judge, judge_unseen, judge_whole,
    position, settle_targets,
};
use highwater::lab::forest::{Attribute, DOMAIN, Dc, Forest, Object};
use highwater::model::{
    AttributeOid, Dn, FeedContext, Image, InvocationId, ObjectGuid, RereadWhy, Schema, Standing,
    TargetFate, Told, Usn, Vector,
};
use uuid::Uuid;

use crate::consumer::Consumer;
use crate::shown::{guid, id, image, schema, usn, vector, wanted};

/// What a consumer reads.
#[derive(Debug, Clone)]
pub(crate) struct Scope {
    pub(crate) base: Uuid,
    /// Only objects with this attribute set match the filter.
    pub(crate) with: Option<Attribute>,
}

impl Scope {
    pub(crate) fn has(&self, forest: &Forest, dc: &Dc, object: &Object) -> bool {
        if object.is_deleted() || object.nc != DOMAIN {
            return false;
        }
        let kind = object.is_a("user") || object.is_a("group");
        let matches = kind
            && self
                .with
                .is_none_or(|attribute| !object.values(attribute).is_empty());
        matches && is_below(forest, dc, object, self.base)
    }
}

pub(crate) fn is_below(_forest: &Forest, dc: &Dc, object: &Object, above: Uuid) -> bool {
    let mut at = Some(object.guid);
    while let Some(guid) = at {
        if guid == above {
            return true;
        }
        at = dc.objects.get(&guid).and_then(|object| object.place.parent);
    }
    false
}

/// The vectors of all DCs, each with its own end: what R6 asks of candidates.
pub(crate) fn usn_vectors(forest: &Forest) -> Vec<Vector> {
    let own = |dc: &Dc| vector(dc).with(id(dc), usn(dc.usn));
    forest.dcs.iter().map(own).collect()
}

struct Pass {
    vector: Vector,
    committed: Usn,
    at: usize,
}

struct Loading {
    vector: Vector,
    committed: Usn,
    done: Usn,
}

pub(crate) struct Reader {
    pub(crate) dc: usize,
    pub(crate) reader: InvocationId,
    pub(crate) cursor: Usn,
    pub(crate) context: FeedContext,
    pub(crate) told: BTreeMap<ObjectGuid, Told>,
    /// The load that last wrote each row.
    written: BTreeMap<ObjectGuid, i64>,
    rereads: BTreeSet<(Uuid, RereadWhy)>,
    scope: Scope,
    overlap: u32,
    page: usize,
    pass: Option<Pass>,
    load: Option<Loading>,
    loads: i64,
    generations: u64,
    nc: Dn,
    schema: Schema,
    wanted: BTreeSet<AttributeOid>,
    pub(crate) silences: BTreeMap<&'static str, usize>,
    pub(crate) passes: usize,
}

impl Reader {
    pub(crate) fn new(
        dc: usize,
        reader: InvocationId,
        scope: Scope,
        overlap: u32,
        page: usize,
    ) -> Self {
        Self {
            dc,
            reader,
            cursor: Usn::ZERO,
            context: FeedContext::default(),
            told: BTreeMap::new(),
            written: BTreeMap::new(),
            rereads: BTreeSet::new(),
            scope,
            overlap,
            page,
            pass: None,
            load: None,
            loads: 0,
            generations: 0,
            nc: "DC=sim,DC=test".parse().unwrap(),
            schema: schema(),
            wanted: wanted(),
            silences: BTreeMap::new(),
            passes: 0,
        }
    }

    /// Everything that is not on disk is gone.
    pub(crate) fn crash(&mut self) {
        self.pass = None;
    }

    /// Whether a switch could be proven: a load is not under way.
    pub(crate) fn start_on(&self, dc: &Dc) -> Option<Usn> {
        let start = self.context.held.as_ref()?.get(id(dc))?;
        (start <= usn(dc.usn)).then_some(start)
    }

    /// Moves to another DC (R3); without a start everything is read there.
    pub(crate) fn switch(&mut self, number: usize, dc: &Dc, start: Option<Usn>) {
        self.pass = None;
        self.load = None;
        self.dc = number;
        self.reader = id(dc);
        self.cursor = start.unwrap_or_default();
        self.context.held = match (&self.context.held, start) {
            (Some(held), Some(start)) => Some(held.meet(&vector(dc)).with(id(dc), start)),
            _ => None,
        };
    }

    /// Moves to another DC, or stays, with a start that nothing proves (R7).
    pub(crate) fn switch_unproven(&mut self, number: usize, dc: &Dc, start: Usn) {
        self.switch(number, dc, None);
        self.cursor = start;
    }

    /// One step of the work: a page, the end of a pass, a chunk of a load.
    pub(crate) fn step(&mut self, forest: &Forest, consumer: &mut Consumer) {
        let dc = &forest.dcs[self.dc];
        if !dc.is_alive || id(dc) != self.reader {
            self.pass = None;
            return;
        }
        if self.context.held.is_none() && self.context.told.is_empty() {
            self.load_step(forest, dc, consumer);
            return;
        }
        let Some(mut pass) = self.pass.take() else {
            self.pass = Some(Pass {
                vector: vector(dc),
                committed: usn(dc.usn),
                at: 0,
            });
            return;
        };
        let mut page = Vec::new();
        while page.len() < self.page && pass.at < dc.order.len() {
            let object = &dc.objects[&dc.order[pass.at]];
            pass.at += 1;
            if object.nc == DOMAIN && usn(object.changed) > self.cursor {
                page.push(object);
            }
        }
        for object in page {
            self.read(forest, dc, object, None, consumer);
        }
        if pass.at < dc.order.len() {
            self.pass = Some(pass);
        } else {
            self.end(forest, dc, pass, consumer);
        }
    }

    fn end(&mut self, forest: &Forest, dc: &Dc, mut pass: Pass, consumer: &mut Consumer) {
        self.read_again(forest, dc, consumer);
        if !holds(Rule::VectorBefore) {
            pass.vector = vector(dc);
        }
        if !holds(Rule::CursorBefore) {
            pass.committed = usn(dc.usn);
        }
        let cursor = position::cursor_after(self.cursor, pass.committed, self.overlap);
        self.context = position::after_pass(
            &self.context,
            &pass.vector,
            self.reader,
            self.cursor,
            cursor,
        );
        self.cursor = cursor;
        self.passes += 1;
    }

    fn read_again(&mut self, forest: &Forest, dc: &Dc, consumer: &mut Consumer) {
        let all: Vec<_> = self.rereads.iter().copied().collect();
        for (at, why) in all {
            let Some(found) = dc.objects.get(&at) else {
                // Not known here: looked at again until it is.
                continue;
            };
            if why != RereadWhy::Held {
                self.rereads.remove(&(at, why));
            }
            match why {
                RereadWhy::Subtree => {
                    let shown = image(forest, dc, found);
                    let name = shown.stamps[&crate::shown::oid(Attribute::Name)].stamp;
                    let sought = Some(Sought::Below {
                        container: guid(at),
                        name,
                    });
                    for object in dc
                        .objects
                        .values()
                        .filter(|object| object.guid != at && object.nc == DOMAIN)
                    {
                        if is_below(forest, dc, object, at) {
                            self.read(forest, dc, object, sought, consumer);
                        }
                    }
                }
                RereadWhy::Memberships => {
                    let shown = image(forest, dc, found);
                    let undeleted = shown.stamps.get(&crate::shown::oid(Attribute::IsDeleted));
                    let sought = undeleted.map(|shown| Sought::Regained {
                        member: guid(at),
                        undeleted: shown.stamp,
                    });
                    for object in dc
                        .objects
                        .values()
                        .filter(|object| object.links.contains_key(&at))
                    {
                        self.read(forest, dc, object, sought, consumer);
                    }
                }
                RereadWhy::Held | RereadWhy::Whole | RereadWhy::Lost => {
                    self.rereads.remove(&(at, why));
                    self.read(forest, dc, found, Some(Sought::Held), consumer);
                }
            }
        }
    }

    fn read(
        &mut self,
        forest: &Forest,
        dc: &Dc,
        object: &Object,
        sought: Option<Sought>,
        consumer: &mut Consumer,
    ) {
        let shown = self.shown(forest, dc, object);
        let reading = Reading {
            nc: &self.nc,
            schema: &self.schema,
            wanted: &self.wanted,
            reader: self.reader,
            told: &self.context.told,
            held: self.context.held.as_ref(),
            cursor: self.cursor,
        };
        let in_scope = self.scope.has(forest, dc, object);
        let judgement = judge(
            &reading,
            &shown,
            in_scope,
            sought,
            self.told.get(&shown.guid),
        );
        self.take(object.guid, judgement, consumer);
    }

    fn take(&mut self, of: Uuid, judgement: Judgement, consumer: &mut Consumer) {
        if let Some(told) = judgement.remember {
            self.told.insert(guid(of), told);
            if self.context.held.is_none() {
                self.written.insert(guid(of), self.loads);
            }
        }
        self.rereads
            .extend(judgement.rereads.into_iter().map(|why| (of, why)));
        match judgement.verdict {
            Verdict::Deliver(change) => {
                if matches!(change.op, highwater::model::Op::Create | highwater::model::Op::Undelete | highwater::model::Op::Snapshot) {
                    self.generations += 1;
                    self.told.get_mut(&guid(of)).unwrap().generation = self.generations;
                }
                consumer.take(&change);
            }
            Verdict::Nothing(why) => self.count(why),
        }
    }

    fn count(&mut self, why: Silence) {
        *self.silences.entry(why.code()).or_default() += 1;
    }

    /// A chunk of a load, or its end.
    fn load_step(&mut self, forest: &Forest, dc: &Dc, consumer: &mut Consumer) {
        let Some(mut load) = self.load.take() else {
            self.loads += 1;
            self.load = Some(Loading {
                vector: vector(dc),
                committed: usn(dc.usn),
                done: Usn::ZERO,
            });
            return;
        };
        let end = usn((load.done.get() + 40).min(load.committed.get()));
        let chunk = dc.objects.values().filter(|object| {
            object.nc == DOMAIN && usn(object.changed) > load.done && usn(object.changed) <= end
        });
        let cursor = position::cursor_after(Usn::ZERO, load.committed, self.overlap);
        let own = load.vector.clone().with(self.reader, cursor);
        let covers = usn_vectors(forest).iter().fold(own, |one, other| one.meet(other));
        for object in chunk
            .filter(|object| self.scope.has(forest, dc, object))
            .collect::<Vec<_>>()
        {
            let shown = self.shown(forest, dc, object);
            let reading = Reading {
                nc: &self.nc,
                schema: &self.schema,
                wanted: &self.wanted,
                reader: self.reader,
                told: &self.context.told,
                held: None,
                cursor: Usn::ZERO,
            };
            let purpose = Purpose::Load {
                pass: self.loads,
                settled: &covers,
            };
            let judgement = judge_whole(&reading, &shown, purpose, self.told.get(&shown.guid));
            self.take(object.guid, judgement, consumer);
        }
        load.done = end;
        if end < load.committed {
            self.load = Some(load);
            return;
        }
        self.read_unseen(forest, dc, &covers, consumer);
        self.context = position::after_load(&self.context, &load.vector, self.reader, cursor);
        self.cursor = cursor;
    }

    /// What the consumer has and the load did not come across.
    fn read_unseen(&mut self, forest: &Forest, dc: &Dc, covers: &Vector, consumer: &mut Consumer) {
        let loads = self.loads;
        let unseen = self.told.iter().filter(|(guid, told)| {
            told.standing == Standing::In && self.written.get(guid) != Some(&loads)
        });
        for (of, told) in unseen
            .map(|(guid, told)| (*guid, told.clone()))
            .collect::<Vec<_>>()
        {
            let found = dc.objects.values().find(|object| guid(object.guid) == of);
            let shown = found.map(|object| self.shown(forest, dc, object));
            let in_scope = found.is_some_and(|object| self.scope.has(forest, dc, object));
            let reading = Reading {
                nc: &self.nc,
                schema: &self.schema,
                wanted: &self.wanted,
                reader: self.reader,
                told: &self.context.told,
                held: None,
                cursor: Usn::ZERO,
            };
            let purpose = Purpose::Load {
                pass: loads,
                settled: covers,
            };
            let judgement = judge_unseen(
                &reading,
                of,
                shown.as_ref(),
                in_scope,
                purpose,
                false,
                &told,
            );
            self.take(Uuid::from_bytes_le(of.to_octets()), judgement, consumer);
        }
    }

    /// An object as the DC shows it, less links to what was told deleted.
    fn shown(&self, forest: &Forest, dc: &Dc, object: &Object) -> Image {
        let mut shown = image(forest, dc, object);
        settle_targets(&mut shown, |target| {
            let told = self.told.get(&target)?;
            match told.standing {
                Standing::Deleted => Some(TargetFate::Deleted),
                _ => Some(TargetFate::Revived(told.life)).filter(|_| told.life > 0),
            }
        });
        shown
    }

    /// R6, `candidates` being the vectors of every DC that may take over.
    pub(crate) fn prune(&mut self, candidates: &[Vector]) {
        if !self.context.is_level_on(self.reader) {
            return;
        }
        let told = &self.context.told;
        for row in self.told.values_mut() {
            row.is_partial = false;
            row.journal.retain(|_, stamp| {
                let covered = candidates.iter().all(|vector| stamp.is_within(vector));
                !(stamp.is_within(told) && (covered || !holds(Rule::JournalKept)))
            });
        }
        self.told
            .retain(|_, row| row.standing == Standing::In || !row.journal.is_empty());
    }

    pub(crate) fn scope(&self) -> Scope {
        self.scope.clone()
    }

    #[expect(dead_code, reason = "for a person who looks into a failing seed")]
    pub(crate) fn journal(&self) -> usize {
        self.told.values().map(|told| told.journal.len()).sum()
    }
}
