//! A resource on dc1 with the backups dc2 and dc3: all well, so that a case names only what it changes.
//!
//! dc1 (life 1) was read with its vectors at 9,000 ms (hc₂ 100, dc2 up to 200, dc3 up to 300); the cursor is at 100.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use crate::config::Position;
use crate::failover::decide::{ByHand, Candidate, Input, Source, decide};
use crate::model::{
    Ask, Cursor, CursorTag, DcFacts, DcName, Dn, HeldCursor, HostAttribute, Hours, How, Identity,
    Incarnation, InstanceType, InvocationId, Knowledge, Plan, Preference, Sample, SourceSample,
    StartMethod, Usn, UtcMs, Vector, Verdict, WhyNot,
};

pub(super) fn id(n: u8) -> InvocationId {
    InvocationId::from_uuid(Uuid::from_u128(n.into()))
}

pub(super) fn usn(value: i64) -> Usn {
    Usn::new(value).unwrap()
}

pub(super) fn ms(at: i64) -> UtcMs {
    UtcMs::from_millis(at)
}

pub(super) fn nc() -> Dn {
    "DC=example,DC=com".parse().unwrap()
}

pub(super) fn dc(n: u8) -> DcName {
    format!("dc{n}").parse().unwrap()
}

pub(super) fn vector(entries: &[(u8, i64)]) -> Vector {
    entries
        .iter()
        .map(|(n, value)| (id(*n), usn(*value)))
        .collect()
}

pub(super) fn vectors(entries: &[(u8, i64)]) -> BTreeMap<Dn, Vector> {
    BTreeMap::from([(nc(), vector(entries))])
}

pub(super) fn sample(at: i64, committed: i64) -> Sample {
    Sample {
        collected_at: ms(at),
        committed: usn(committed),
        took_ms: 0,
        skew_ms: None,
    }
}

pub(super) fn facts(n: u8, committed: i64, known: &[(u8, i64)]) -> DcFacts {
    DcFacts {
        started_at: ms(10_000),
        committed_at: ms(10_000),
        vectors_at: ms(10_000),
        identity: Identity {
            server_name: format!("DC{n}"),
            ds_service_name: format!("CN=NTDS Settings,CN=DC{n}").parse().unwrap(),
            dns_host_name: format!("dc{n}.example.com"),
            site: "Home".to_owned(),
            invocation_id: id(n),
            is_global_catalog: true,
            is_read_only: false,
        },
        synchronized: true,
        global_catalog_ready: true,
        committed: usn(committed),
        committed_after: Some(usn(committed)),
        skew_ms: Some(0),
        took_ms: 0,
        vectors: vectors(known),
        unreadable: BTreeMap::new(),
        instance_types: BTreeMap::from([(nc(), InstanceType(4))]),
        tombstone_lifetime_days: Some(60),
    }
}

pub(super) fn life(n: u8) -> Incarnation {
    Incarnation {
        invocation_id: id(n),
        server_name: format!("DC{n}"),
        ds_service_name: format!("CN=NTDS Settings,CN=DC{n}").parse().unwrap(),
        site: "Home".to_owned(),
        is_global_catalog: true,
        is_read_only: false,
        first_seen: ms(1),
        last_seen: ms(9_000),
        quarantine: None,
        released_at: None,
    }
}

pub(super) fn candidate(n: u8, committed: i64, known: &[(u8, i64)], at_target: i64) -> Candidate {
    Candidate {
        dc: dc(n),
        host: format!("dc{n}.example.com"),
        server_name: None,
        preference: Preference::Neutral,
        incarnations: vec![life(n)],
        probe: Ok(facts(n, committed, known)),
        at_target: Some(sample(7_000, at_target)),
        by_hand: None,
        known: None,
        newest: Some(sample(9_500, committed)),
        received: Some(sample(8_900, at_target)),
    }
}

pub(super) fn cursor(n: u8, read: i64) -> HeldCursor {
    HeldCursor {
        cursor: Cursor {
            ldap_host: format!("dc{n}.example.com"),
            global_catalog: None,
            invocation_id: Some(id(n)),
            last_updated: usn(read),
            last_deleted: usn(read),
        },
        tag: CursorTag("1".to_owned()),
    }
}

/// The input where all is well; replicationTime is 1 s.
pub(super) fn input() -> Input {
    Input {
        resource: "hr".parse().unwrap(),
        host_attribute: HostAttribute::LdapHost,
        position: Position::BeforeSearch,
        site: None,
        ask: Ask {
            how: How::Auto {
                method: StartMethod::Best,
            },
            only: None,
            failure_timestamp: None,
            replication_time: Hours::new(1.0 / 3_600.0).unwrap(),
            allow_gap: false,
            restart: true,
        },
        cursor: cursor(1, 100),
        source: Source {
            dc: dc(1),
            incarnations: vec![life(1)],
            evidence: Some(SourceSample {
                invocation_id: id(1),
                collected_at: ms(9_000),
                committed_after: usn(100),
                vectors: vectors(&[(2, 200), (3, 300)]),
            }),
            read_by: Some(sample(9_000, 100)),
            naming_contexts: BTreeSet::from([nc()]),
        },
        knowledge: None,
        feed: None,
        candidates: vec![
            candidate(2, 250, &[(1, 90), (3, 310)], 190),
            candidate(3, 330, &[(1, 80), (2, 190)], 280),
        ],
    }
}

/// The input with one thing changed.
pub(super) fn with(change: impl FnOnce(&mut Input)) -> Input {
    let mut input = input();
    change(&mut input);
    input
}

/// The answer of dc2, to be changed.
pub(super) fn answer(input: &mut Input) -> &mut DcFacts {
    input.candidates[0].probe.as_mut().unwrap()
}

pub(super) fn by(method: StartMethod) -> How {
    How::Auto { method }
}

/// A start by hand at `at`, with what is on record around it for every candidate.
pub(super) fn by_hand(input: &mut Input, at: i64, around: &ByHand) {
    input.ask.how = How::Manual { usn_date: ms(at) };
    for candidate in &mut input.candidates {
        candidate.by_hand = Some(around.clone());
    }
}

pub(super) fn switched(since: i64, n: u8, start: i64, held: &[(u8, i64)]) -> Knowledge {
    Knowledge::Held {
        since: ms(since),
        dc: dc(n),
        invocation_id: id(n),
        start: usn(start),
        held: vectors(held),
    }
}

pub(super) fn void() -> Knowledge {
    Knowledge::Void {
        since: ms(5),
        dc: dc(1),
        reason: "the start was not proven".to_owned(),
    }
}

pub(super) fn plan(input: &Input) -> Plan {
    decide(input, ms(10_001))
}

pub(super) fn of(plan: &Plan, n: u8) -> &Verdict {
    plan.candidates
        .iter()
        .find(|verdict| verdict.dc == dc(n))
        .unwrap()
}

/// What speaks against dc2 with this change.
pub(super) fn against(change: impl FnOnce(&mut Input)) -> Vec<WhyNot> {
    of(&plan(&with(change)), 2).why_not.clone()
}
