//! The collector's side: readings that take their time, `accept`, and a small history in memory.

use std::collections::{BTreeMap, BTreeSet};

use highwater::collector::decide::accept;
use highwater::config::Position;
use highwater::failover::decide::{Candidate, Input, Source, target};
use highwater::model::{
    Accepted, Ask, CursorTag, DcFacts, DcName, Dn, HeldCursor, HostAttribute, Identity,
    Incarnation, InstanceType, InvocationId, KnownUsn, NcVectors, PollContext, Preference,
    Quarantine, Sample, SourceSample, Usn, UtcMs, Vector,
};

use crate::consumer::{Consumer, host};
use crate::forest::{Dc, Forest, Seen};

pub(crate) fn name(dc: usize) -> DcName {
    format!("dc{dc}").parse().unwrap()
}

fn naming_context(nc: usize) -> Dn {
    format!("DC=nc{nc},DC=example,DC=com").parse().unwrap()
}

pub(crate) fn usn(value: i64) -> Usn {
    Usn::new(value).unwrap()
}

pub(crate) fn vectors(per_nc: &[Seen]) -> NcVectors {
    let vector = |seen: &Seen| seen.iter().map(|(id, value)| (*id, usn(*value))).collect();
    per_nc
        .iter()
        .enumerate()
        .map(|(nc, seen)| (naming_context(nc), vector(seen)))
        .collect()
}

/// A reading under way; every part is read at its own tick.
struct Reading {
    dc: usize,
    id: InvocationId,
    started: i64,
    committed: Option<i64>,
    arrived: Option<i64>,
    vectors: Option<(i64, Vec<Seen>)>,
}

#[derive(Default)]
struct Record {
    lives: Vec<Incarnation>,
    samples: Vec<(InvocationId, Sample)>,
    sources: Vec<SourceSample>,
}

/// What the collector does wrong, on purpose.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Slips {
    /// The time of a sample is taken before the reading.
    pub(crate) collected_before: bool,
    /// No vector is kept, so that only times are known.
    pub(crate) no_vectors: bool,
}

pub(crate) struct Watcher {
    records: Vec<Record>,
    known: BTreeMap<InvocationId, KnownUsn>,
    readings: Vec<Reading>,
    pub(crate) slips: Slips,
}

impl Watcher {
    pub(crate) fn new(dcs: usize) -> Self {
        Self {
            records: (0..dcs).map(|_| Record::default()).collect(),
            known: BTreeMap::new(),
            readings: Vec::new(),
            slips: Slips::default(),
        }
    }

    pub(crate) fn is_quarantined(&self, dc: usize) -> bool {
        self.records[dc]
            .lives
            .iter()
            .any(|life| life.quarantine.is_some())
    }

    /// Begins a reading of `dc`, or carries the one under way a step further.
    pub(crate) fn step(&mut self, dc: usize, forest: &Forest, tick: i64) {
        let found = &forest.dcs[dc];
        let Some(at) = self.readings.iter().position(|reading| reading.dc == dc) else {
            if found.alive {
                self.readings.push(Reading {
                    dc,
                    id: found.id,
                    started: tick,
                    committed: None,
                    arrived: None,
                    vectors: None,
                });
            }
            return;
        };
        let mut reading = self.readings.remove(at);
        if !found.alive || found.id != reading.id {
            return;
        }
        match (reading.committed, reading.arrived, reading.vectors.take()) {
            (None, ..) => reading.committed = Some(found.usn),
            (_, None, _) => reading.arrived = Some(tick),
            (.., None) => reading.vectors = Some((tick, found.vectors.clone())),
            (Some(committed), Some(arrived), Some((vectors_at, vectors))) => {
                let times = [reading.started, arrived, vectors_at, tick];
                let facts = facts(dc, found, times, (committed, found.usn), &vectors);
                self.keep(dc, &facts);
                return;
            }
        }
        self.readings.push(reading);
    }

    /// One whole reading, nothing else happening meanwhile.
    pub(crate) fn read_now(&mut self, dc: usize, forest: &Forest, tick: &mut i64) {
        self.readings.retain(|reading| reading.dc != dc);
        for _ in 0..5 {
            *tick += 1;
            self.step(dc, forest, *tick);
        }
    }

    pub(crate) fn drop_readings(&mut self, dc: usize) {
        self.readings.retain(|reading| reading.dc != dc);
    }

    fn keep(&mut self, dc: usize, facts: &DcFacts) {
        let id = facts.identity.invocation_id;
        let record = &mut self.records[dc];
        let seen = PollContext {
            incarnations: record.lives.clone(),
            owner: None,
            last: newest(&record.samples, id, |_| true),
            known: self.known.get(&id).cloned(),
        };
        let accepted = accept(&name(dc), None, facts, &seen);
        let Accepted::Kept {
            mut sample,
            restored,
            rollback,
        } = accepted
        else {
            panic!("no reading here is of another DC: {accepted:?}");
        };
        assert_eq!(
            restored,
            !record.lives.is_empty() && record.lives.iter().all(|life| life.invocation_id != id)
        );
        if self.slips.collected_before {
            sample.collected_at = facts.started_at;
        }
        record_life(&mut record.lives, facts, rollback);
        record.samples.push((id, sample));
        if self.slips.no_vectors {
            return;
        }
        record.sources.push(SourceSample {
            invocation_id: id,
            collected_at: facts.committed_at,
            committed_after: facts.committed_after.unwrap(),
            vectors: facts.vectors.clone(),
        });
        for (other, value) in facts.vectors.values().flat_map(Vector::iter) {
            let shown = KnownUsn {
                usn: value,
                partner: name(dc),
                read_at: facts.vectors_at,
            };
            let known = self.known.entry(other).or_insert_with(|| shown.clone());
            if known.usn < value {
                *known = shown;
            }
        }
    }

    /// The input of a failover away from the consumer's DC, every living candidate asked just now.
    pub(crate) fn input(&self, consumer: &Consumer, forest: &Forest, ask: Ask, now: i64) -> Input {
        let cursor = consumer.cursor.clone();
        let ia = cursor.invocation_id.unwrap();
        let read_up_to = cursor.read_up_to();
        let record = &self.records[consumer.dc];
        let evidence = record
            .sources
            .iter()
            .filter(|sample| sample.invocation_id == ia && sample.committed_after <= read_up_to);
        let source = Source {
            dc: name(consumer.dc),
            incarnations: record.lives.clone(),
            evidence: evidence.max_by_key(|sample| sample.collected_at).cloned(),
            read_by: newest(&record.samples, ia, |sample| sample.committed <= read_up_to),
            naming_contexts: (0..forest.ncs)
                .map(naming_context)
                .collect::<BTreeSet<Dn>>(),
        };
        let target = target(&ask, source.read_by.as_ref().map(Sample::not_begun_at));
        let candidates = (0..forest.dcs.len())
            .filter(|dc| *dc != consumer.dc)
            .map(|dc| self.candidate(dc, &forest.dcs[dc], &source, target, now))
            .collect();
        Input {
            resource: "hr".parse().unwrap(),
            host_attribute: HostAttribute::LdapHost,
            position: Position::BeforeSearch,
            site: None,
            ask,
            cursor: HeldCursor {
                cursor,
                tag: CursorTag(now.to_string()),
            },
            source,
            knowledge: consumer.knowledge.clone(),
            feed: None,
            candidates,
        }
    }

    fn candidate(
        &self,
        dc: usize,
        found: &Dc,
        source: &Source,
        target: Option<UtcMs>,
        now: i64,
    ) -> Candidate {
        let id = found.id;
        let record = &self.records[dc];
        let held = source
            .evidence
            .as_ref()
            .and_then(|sample| sample.vectors.values().map(|vector| vector.get(id)).min()?);
        Candidate {
            dc: name(dc),
            host: host(dc),
            server_name: None,
            preference: Preference::Neutral,
            incarnations: record.lives.clone(),
            probe: probe(dc, found, now),
            at_target: target.and_then(|target| {
                newest(&record.samples, id, |sample| sample.collected_at <= target)
            }),
            by_hand: None,
            known: self.known.get(&id).cloned(),
            newest: newest(&record.samples, id, |_| true),
            received: held
                .and_then(|held| newest(&record.samples, id, |sample| sample.committed <= held)),
        }
    }

    /// The newest reading of the consumer's DC, whatever the cursor has reached.
    pub(crate) fn newest_source(&self, consumer: &Consumer) -> Option<SourceSample> {
        let ia = consumer.cursor.invocation_id?;
        let of_life = self.records[consumer.dc]
            .sources
            .iter()
            .filter(|sample| sample.invocation_id == ia);
        of_life.max_by_key(|sample| sample.collected_at).cloned()
    }

    /// The newest sample of any earlier life of `dc`, which counts for nothing.
    pub(crate) fn of_an_old_life(&self, dc: usize, id: InvocationId) -> Option<Sample> {
        let old = self.records[dc].samples.iter().filter(|(of, _)| *of != id);
        old.map(|(_, sample)| *sample)
            .max_by_key(|sample| sample.collected_at)
    }

    /// The first sample of `id` after `target`.
    pub(crate) fn just_after(&self, dc: usize, id: InvocationId, target: UtcMs) -> Option<Sample> {
        let later = self.records[dc]
            .samples
            .iter()
            .filter(|(of, sample)| *of == id && sample.collected_at > target);
        later
            .map(|(_, sample)| *sample)
            .min_by_key(|sample| sample.collected_at)
    }
}

fn newest(
    samples: &[(InvocationId, Sample)],
    id: InvocationId,
    fits: impl Fn(&Sample) -> bool,
) -> Option<Sample> {
    samples
        .iter()
        .filter(|(of, sample)| *of == id && fits(sample))
        .map(|(_, sample)| *sample)
        .max_by_key(|sample| sample.collected_at)
}

fn record_life(lives: &mut Vec<Incarnation>, facts: &DcFacts, rollback: Option<String>) {
    let id = facts.identity.invocation_id;
    let quarantine = rollback.map(|reason| Quarantine {
        since: facts.committed_at,
        reason,
    });
    if let Some(life) = lives.iter_mut().find(|life| life.invocation_id == id) {
        life.last_seen = life.last_seen.max(facts.committed_at);
        life.quarantine = life.quarantine.take().or(quarantine);
        return;
    }
    lives.push(Incarnation {
        invocation_id: id,
        server_name: facts.identity.server_name.clone(),
        ds_service_name: facts.identity.ds_service_name.clone(),
        site: facts.identity.site.clone(),
        is_global_catalog: false,
        is_read_only: false,
        first_seen: facts.committed_at,
        last_seen: facts.committed_at,
        quarantine,
        released_at: None,
    });
}

pub(crate) fn probe(
    dc: usize,
    found: &Dc,
    now: i64,
) -> Result<DcFacts, highwater::model::PollFailure> {
    if !found.alive {
        return Err(highwater::model::PollFailure {
            kind: highwater::model::FailureKind::Refused,
            detail: "it is dead".to_owned(),
        });
    }
    Ok(facts(
        dc,
        found,
        [now, now, now, now],
        (found.usn, found.usn),
        &found.vectors,
    ))
}

fn facts(
    dc: usize,
    found: &Dc,
    [started, arrived, vectors_at, ended]: [i64; 4],
    (committed, committed_after): (i64, i64),
    per_nc: &[Seen],
) -> DcFacts {
    let server = format!("DC{dc}");
    let instance = (0..per_nc.len()).map(|nc| (naming_context(nc), InstanceType(4)));
    DcFacts {
        started_at: UtcMs::from_millis(started),
        committed_at: UtcMs::from_millis(arrived),
        vectors_at: UtcMs::from_millis(vectors_at),
        identity: Identity {
            ds_service_name: format!("CN=NTDS Settings,CN={server},DC=example,DC=com")
                .parse()
                .unwrap(),
            dns_host_name: host(dc),
            server_name: server,
            site: "Site".to_owned(),
            invocation_id: found.id,
            is_global_catalog: false,
            is_read_only: false,
        },
        synchronized: true,
        global_catalog_ready: false,
        committed: usn(committed),
        committed_after: Some(usn(committed_after)),
        skew_ms: None,
        took_ms: u32::try_from(ended - started).unwrap(),
        vectors: vectors(per_nc),
        unreadable: BTreeMap::new(),
        instance_types: instance.collect(),
        tombstone_lifetime_days: Some(180),
    }
}
