use std::collections::{BTreeMap, BTreeSet};

use crate::config::Position;
use crate::failover::decide::{Candidate, Input, Source, decide};
use crate::model::{
    Ask, Cursor, CursorTag, DcFacts, Dn, Evidence, HeldCursor, HostAttribute, Hours, How, Identity,
    Incarnation, InstanceType, InvocationId, Knowledge, Method, Plan, Preference, Quarantine,
    SourceSample, StartMethod, Usn, UtcMs, Vector, WhyNoStart,
};

fn id(number: u128) -> InvocationId {
    InvocationId::from_uuid(uuid::Uuid::from_u128(number))
}

fn at(ms: i64) -> UtcMs {
    UtcMs::from_millis(ms)
}

fn usn(value: i64) -> Usn {
    Usn::new(value).unwrap()
}

fn nc() -> Dn {
    "DC=lab,DC=test".parse().unwrap()
}

/// A DC that answers at 50,000 ms.
fn facts(number: u128, committed: i64) -> DcFacts {
    DcFacts {
        started_at: at(50_000),
        committed_at: at(50_001),
        vectors_at: at(50_002),
        identity: Identity {
            server_name: format!("DC{number}"),
            ds_service_name: "CN=NTDS Settings,CN=DC,DC=lab,DC=test".parse().unwrap(),
            dns_host_name: format!("dc{number}.lab.test"),
            site: "Home".to_owned(),
            invocation_id: id(number),
            is_global_catalog: true,
            is_read_only: false,
        },
        synchronized: true,
        global_catalog_ready: true,
        committed: usn(committed),
        committed_after: Some(usn(committed)),
        skew_ms: None,
        took_ms: 1,
        vectors: BTreeMap::from([(nc(), Vector::new().with(id(1), usn(900)))]),
        unreadable: BTreeMap::new(),
        instance_types: BTreeMap::from([(nc(), InstanceType(5))]),
        tombstone_lifetime_days: Some(180),
    }
}

fn life(number: u128) -> Incarnation {
    Incarnation {
        invocation_id: id(number),
        server_name: format!("DC{number}"),
        ds_service_name: "CN=NTDS Settings,CN=DC,DC=lab,DC=test".parse().unwrap(),
        site: "Home".to_owned(),
        is_global_catalog: true,
        is_read_only: false,
        first_seen: at(1),
        last_seen: at(40_000),
        quarantine: None,
        released_at: None,
    }
}

fn candidate(number: u128, committed: i64) -> Candidate {
    Candidate {
        dc: format!("dc{number}").parse().unwrap(),
        host: format!("dc{number}.lab.test"),
        server_name: None,
        preference: Preference::Neutral,
        incarnations: vec![life(number)],
        probe: Ok(facts(number, committed)),
        at_target: None,
        by_hand: None,
        known: None,
        newest: None,
        received: None,
    }
}

/// A cursor on dc1, whose vector of 40,000 ms, complete at USN 950, had dc2 up to 70.
fn input(cursor: i64, end_of_dc1: i64) -> Input {
    let vectors = BTreeMap::from([(nc(), Vector::new().with(id(2), usn(70)))]);
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
            replication_time: Hours::DEFAULT_REPLICATION,
            allow_gap: false,
            restart: true,
        },
        cursor: HeldCursor {
            cursor: Cursor {
                ldap_host: "dc1.lab.test".to_owned(),
                global_catalog: None,
                invocation_id: Some(id(1)),
                last_updated: usn(cursor),
                last_deleted: usn(cursor),
            },
            tag: CursorTag("1".to_owned()),
        },
        source: Source {
            dc: "dc1".parse().unwrap(),
            incarnations: vec![life(1)],
            evidence: (cursor >= 950).then(|| SourceSample {
                invocation_id: id(1),
                collected_at: at(40_000),
                committed_after: usn(950),
                vectors,
            }),
            read_by: None,
            naming_contexts: BTreeSet::from([nc()]),
        },
        knowledge: None,
        feed: None,
        candidates: vec![candidate(1, end_of_dc1), candidate(2, 100)],
    }
}

fn why_dc2_has_none(plan: &Plan) -> Option<WhyNoStart> {
    let dc2 = plan
        .candidates
        .iter()
        .find(|one| one.dc.as_str() == "dc2")?;
    dc2.starts.as_ref()?.vector.clone().err()
}

#[test]
fn a_cursor_above_the_end_of_its_dc_proves_nothing() {
    let ahead = input(1_001, 1_000);
    let plan = decide(&ahead, at(50_010));
    assert_eq!(plan.chosen, None);
    let expected = WhyNoStart::CursorAhead {
        source_dc: "dc1".parse().unwrap(),
        read_up_to: usn(1_001),
        committed: usn(1_000),
    };
    assert_eq!(why_dc2_has_none(&plan), Some(expected));
    let level = decide(&input(1_000, 1_000), at(50_010)).chosen.unwrap();
    assert_eq!((level.start.usn, level.start.proven), (usn(70), true));
}

#[test]
fn a_dc_known_to_have_gone_back_still_has_its_earlier_evidence() {
    let mut ahead = input(1_001, 500);
    ahead.source.incarnations[0].quarantine = Some(Quarantine {
        since: at(45_000),
        reason: "fell".to_owned(),
    });
    let chosen = decide(&ahead, at(50_010)).chosen.unwrap();
    assert_eq!((chosen.start.usn, chosen.start.proven), (usn(70), true));
}

#[test]
fn a_consumer_that_has_read_nothing_starts_at_0_anywhere() {
    let mut fresh = input(0, 1_000);
    // Neither an unproven switch before nor an unknown incarnation matters to a full pass.
    fresh.knowledge = Some(Knowledge::Void {
        since: at(1),
        dc: "dc1".parse().unwrap(),
        reason: "not proven".to_owned(),
    });
    fresh.cursor.cursor.invocation_id = None;
    fresh.source.incarnations.push(life(9));
    let chosen = decide(&fresh, at(50_010)).chosen.unwrap();
    assert_eq!(chosen.switch.to.as_str(), "dc2");
    assert_eq!(chosen.method, Method::Vector);
    assert_eq!((chosen.start.usn, chosen.start.proven), (Usn::ZERO, true));
    assert_eq!(chosen.start.evidence, Evidence::NothingRead);
    assert_eq!(
        chosen.switch.knowledge.held().unwrap()[&nc()],
        Vector::new()
    );
    // Half a position is one: it needs evidence as any other.
    let mut half = input(0, 1_000);
    half.cursor.cursor.last_updated = usn(5);
    assert_eq!(decide(&half, at(50_010)).chosen, None);
}

#[test]
fn a_cookie_is_kept_and_a_reset_reads_everything_so_no_evidence_is_needed() {
    for (position, evidence) in [
        (Position::Cookie, Evidence::OwnCookie),
        (Position::Reset, Evidence::Reset),
    ] {
        let mut opaque = input(0, 1_000);
        opaque.position = position;
        opaque.cursor.cursor.invocation_id = None;
        opaque.source.evidence = None;
        opaque.source.incarnations.push(life(9));
        opaque.knowledge = Some(Knowledge::Void {
            since: at(1),
            dc: "dc1".parse().unwrap(),
            reason: "not proven".to_owned(),
        });
        let plan = decide(&opaque, at(50_010));
        let chosen = plan.chosen.unwrap();
        assert_eq!(chosen.switch.to.as_str(), "dc2");
        assert_eq!((chosen.start.usn, chosen.start.proven), (Usn::ZERO, true));
        assert_eq!(chosen.start.evidence, evidence);
        // A USN means nothing to it, so none is offered.
        let starts = plan.candidates.iter().filter_map(|one| one.starts.as_ref());
        assert!(starts.clone().count() > 0);
        assert!(starts.into_iter().all(|starts| starts.time.is_err()));
    }
}

#[test]
fn the_owner_of_a_cursor_without_an_incarnation_is_named_only_where_no_other_can_be() {
    let lived = |number, until| Incarnation {
        last_seen: at(until),
        ..life(number)
    };
    let moved = |to: &str, number| Knowledge::Held {
        since: at(2_000),
        dc: to.parse().unwrap(),
        invocation_id: id(number),
        start: usn(5),
        held: BTreeMap::new(),
    };
    let (one, two) = (
        vec![lived(1, 1_000)],
        vec![lived(1, 1_000), lived(9, 3_000)],
    );
    let dc1 = "dc1".parse().unwrap();
    let cases = [
        (&one, None, Some(1)),
        (&two, None, None),
        // Moved to the later life: the earlier one had ended by then.
        (&two, Some(moved("dc1", 9)), Some(9)),
        // Moved to the earlier life, which may have been restored since.
        (&two, Some(moved("dc1", 1)), None),
        (&two, Some(moved("dc2", 9)), None),
    ];
    for (lives, knowledge, wanted) in cases {
        let owner = super::owner(lives, &dc1, knowledge.as_ref());
        assert_eq!(owner, wanted.map(id), "{knowledge:?}");
    }
}

#[test]
fn no_vector_proves_a_start_on_a_dc_that_was_released() {
    let released = |ms| {
        let mut input = input(1_000, 1_000);
        input.candidates[1].incarnations[0].released_at = Some(at(ms));
        input
    };
    let late = decide(&released(45_000), at(50_010));
    assert!(matches!(
        why_dc2_has_none(&late),
        Some(WhyNoStart::BeforeRelease { .. })
    ));
    // Newer evidence has the same old numbers in it.
    let early = decide(&released(30_000), at(50_010));
    let expected = WhyNoStart::Released {
        released_at: at(30_000),
    };
    assert_eq!(why_dc2_has_none(&early), Some(expected));
    assert_eq!(early.chosen, None);
    let mut fresh = released(30_000);
    fresh.cursor = input(0, 1_000).cursor;
    let chosen = decide(&fresh, at(50_010)).chosen.unwrap();
    assert_eq!((chosen.start.usn, chosen.start.proven), (Usn::ZERO, true));
}
