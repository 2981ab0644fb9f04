//! What a DC of the simulated forest answers: its state turned into facts, every part read at its own moment.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use highwater::model::{
    DcFacts, DcName, Dn, FailureKind, Identity, InstanceType, InvocationId, NcVectors, PollFailure,
    Usn, UtcMs, Vector,
};

use crate::forest::{Dc, Forest, Seen};

pub(crate) fn name(dc: usize) -> DcName {
    format!("dc{dc}").parse().unwrap()
}

pub(crate) fn index_of(dc: &DcName) -> usize {
    dc.as_str().trim_start_matches("dc").parse().unwrap()
}

pub(crate) fn host(dc: usize) -> String {
    format!("dc{dc}.example.com")
}

/// One of the two there are at most.
pub(crate) fn naming_context(nc: usize) -> Dn {
    static ALL: OnceLock<[Dn; 2]> = OnceLock::new();
    let parsed = |nc| format!("DC=nc{nc},DC=example,DC=com").parse().unwrap();
    ALL.get_or_init(|| [0, 1].map(parsed))[nc].clone()
}

pub(crate) fn usn(value: i64) -> Usn {
    Usn::new(value).unwrap()
}

pub(crate) fn at(tick: i64) -> UtcMs {
    UtcMs::from_millis(tick)
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
    id: InvocationId,
    started: i64,
    committed: Option<i64>,
    arrived: Option<i64>,
    vectors: Option<(i64, Vec<Seen>)>,
}

/// The readings under way, one per DC at most.
#[derive(Default)]
pub(crate) struct Readings(BTreeMap<usize, Reading>);

impl Readings {
    /// Begins a reading of `dc`, or carries the one under way a step further; the facts where it is complete.
    pub(crate) fn step(&mut self, dc: usize, forest: &Forest, tick: i64) -> Option<DcFacts> {
        let found = &forest.dcs[dc];
        let Some(mut reading) = self.0.remove(&dc) else {
            let begun = Reading {
                id: found.id,
                started: tick,
                committed: None,
                arrived: None,
                vectors: None,
            };
            if found.alive {
                self.0.insert(dc, begun);
            }
            return None;
        };
        if !found.alive || found.id != reading.id {
            return None;
        }
        match (reading.committed, reading.arrived, reading.vectors.take()) {
            (None, ..) => reading.committed = Some(found.usn),
            (_, None, _) => reading.arrived = Some(tick),
            (.., None) => reading.vectors = Some((tick, found.vectors.clone())),
            (Some(committed), Some(arrived), Some((vectors_at, vectors))) => {
                let times = [reading.started, arrived, vectors_at, tick];
                return Some(facts(dc, found, times, (committed, found.usn), &vectors));
            }
        }
        self.0.insert(dc, reading);
        None
    }

    /// Forgets the reading of `dc` under way.
    pub(crate) fn drop_of(&mut self, dc: usize) {
        self.0.remove(&dc);
    }
}

/// What all readings together have shown, to judge by itself what the collector has to find in one.
#[derive(Default)]
pub(crate) struct Shown {
    lives: BTreeMap<usize, BTreeSet<InvocationId>>,
    highest: BTreeMap<InvocationId, Usn>,
}

impl Shown {
    /// Whether `id` is a life of `dc` after others.
    pub(crate) fn is_new_life(&self, dc: usize, id: InvocationId) -> bool {
        let lives = self.lives.get(&dc);
        lives.is_some_and(|lives| !lives.contains(&id))
    }

    /// Whether `id` has been shown above `end`, by its DC or by a partner.
    pub(crate) fn is_above(&self, id: InvocationId, end: i64) -> bool {
        self.highest.get(&id).is_some_and(|shown| *shown > usn(end))
    }

    pub(crate) fn add(&mut self, dc: usize, facts: &DcFacts) {
        let id = facts.identity.invocation_id;
        self.lives.entry(dc).or_default().insert(id);
        let of_others = facts.vectors.values().flat_map(Vector::iter);
        let of_others = of_others.filter(|(other, _)| *other != id);
        for (id, shown) in of_others.chain([(id, facts.committed)]) {
            let highest = self.highest.entry(id).or_default();
            *highest = shown.max(*highest);
        }
    }
}

/// One whole answer of `dc` at one moment.
pub(crate) fn answer(dc: usize, found: &Dc, now: i64) -> Result<DcFacts, PollFailure> {
    if !found.alive {
        return Err(PollFailure {
            kind: FailureKind::Refused,
            detail: "it is dead".to_owned(),
        });
    }
    let end = (found.usn, found.usn);
    Ok(facts(dc, found, [now; 4], end, &found.vectors))
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
        started_at: at(started),
        committed_at: at(arrived),
        vectors_at: at(vectors_at),
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
