//! Every reason why a method gives no start, and what each start rests on.

use super::build::*;
use crate::config::Position;
use crate::failover::decide::{ByHand, Input};
use crate::model::{
    Evidence, HostAttribute, Knowledge, Method, StartMethod, Warning, WhyNoStart, WhyNot,
};

/// Why dc2 has no vector start with this change.
fn no_vector(change: impl FnOnce(&mut Input)) -> WhyNoStart {
    of(&plan(&with(change)), 2)
        .starts
        .clone()
        .unwrap()
        .vector
        .unwrap_err()
}

fn no_time(change: impl FnOnce(&mut Input)) -> WhyNoStart {
    of(&plan(&with(change)), 2)
        .starts
        .clone()
        .unwrap()
        .time
        .unwrap_err()
}

fn no_hand(around: &ByHand, change: impl FnOnce(&mut Input)) -> WhyNoStart {
    let input = with(|input| {
        by_hand(input, 7_000, around);
        change(input);
    });
    of(&plan(&input), 2)
        .starts
        .clone()
        .unwrap()
        .manual
        .unwrap()
        .unwrap_err()
}

#[test]
fn a_start_by_hand_or_time_below_the_proven_one_is_proven() {
    let around = ByHand {
        at: Some((id(2), sample(7_000, 150))),
        ..ByHand::default()
    };
    let by_hand_plan = plan(&with(|i| {
        by_hand(i, 7_000, &around);
        i.ask.only = Some(dc(2));
    }));
    let by_time_plan = plan(&with(|i| i.ask.how = by(StartMethod::Time)));
    for (plan, start) in [(by_hand_plan, 150), (by_time_plan, 190)] {
        let chosen = plan.chosen.unwrap();
        assert_eq!((chosen.start.usn, chosen.start.proven), (usn(start), true));
        assert!(matches!(chosen.switch.knowledge, Knowledge::Held { .. }));
    }
}

#[test]
fn every_reason_for_no_vector_start() {
    let none = WhyNoStart::NoVector {
        source_dc: dc(1),
        read_up_to: usn(100),
    };
    assert_eq!(no_vector(|i| i.source.evidence = None), none);
    assert_eq!(
        no_vector(|i| i.source.evidence.as_mut().unwrap().committed_after = usn(101)),
        none
    );
    assert_eq!(
        no_vector(|i| i.source.evidence.as_mut().unwrap().invocation_id = id(9)),
        none
    );
    assert_eq!(no_vector(|i| i.source.naming_contexts.clear()), none);
    let unknown = WhyNoStart::CursorIncarnationUnknown {
        source_dc: dc(1),
        lives: 2,
    };
    assert_eq!(
        no_vector(|i| {
            i.cursor.cursor.invocation_id = None;
            i.source.incarnations.push(life(9));
        }),
        unknown
    );
    let alone = of(&plan(&with(|i| i.cursor.cursor.invocation_id = None)), 2)
        .starts
        .clone();
    assert_eq!(
        alone.unwrap().vector.unwrap().usn,
        usn(200),
        "the only life on record"
    );
    assert_eq!(
        no_vector(|i| i.position = Position::LargestSeen),
        WhyNoStart::LargestSeen
    );
    assert_eq!(
        no_vector(|i| i.host_attribute = HostAttribute::GlobalCatalog),
        WhyNoStart::PartialReplicas
    );
    let WhyNoStart::KnowledgeVoid { since, .. } = no_vector(|i| i.knowledge = Some(void())) else {
        panic!("void knowledge proves nothing");
    };
    assert_eq!(since, ms(5));
    let elsewhere = no_vector(|i| i.knowledge = Some(switched(6, 2, 50, &[(2, 50)])));
    assert!(
        matches!(elsewhere, WhyNoStart::KnowledgeVoid { .. }),
        "another hand moved the cursor"
    );
    let pass = |life| Knowledge::Pass {
        since: ms(6),
        by: "root".to_owned(),
        invocation_id: life,
    };
    let another = no_vector(|i| i.knowledge = Some(pass(Some(id(2)))));
    assert!(
        matches!(another, WhyNoStart::KnowledgeVoid { .. }),
        "the pass was made elsewhere"
    );
    for life in [None, Some(id(1))] {
        let proven = of(&plan(&with(|i| i.knowledge = Some(pass(life)))), 2)
            .starts
            .clone();
        let proven = proven.unwrap().vector.unwrap();
        assert_eq!(
            (proven.usn, proven.proven),
            (usn(200), true),
            "a full pass makes samples evidence again"
        );
    }
    assert_eq!(
        no_vector(|i| i.source.evidence.as_mut().unwrap().vectors = vectors(&[(3, 300)])),
        WhyNoStart::NotInVector {
            nc: nc(),
            invocation_id: id(2)
        }
    );
    assert_eq!(
        no_vector(|i| answer(i).committed = usn(199)),
        WhyNoStart::AboveCommitted {
            start: usn(200),
            committed: usn(199)
        }
    );
    assert_eq!(
        no_vector(|i| i.candidates[0].incarnations[0].released_at = Some(ms(9_000))),
        WhyNoStart::BeforeRelease {
            evidence_at: ms(9_000),
            released_at: ms(9_000)
        }
    );
}

#[test]
fn deletions_outlive_no_tombstone() {
    let old =
        |i: &mut Input| i.source.evidence.as_mut().unwrap().collected_at = ms(10_001 - 86_400_000);
    let one_day = |i: &mut Input| {
        old(i);
        answer(i).tombstone_lifetime_days = Some(1);
    };
    assert_eq!(
        no_vector(one_day),
        WhyNoStart::TombstonesExpired {
            evidence_at: ms(10_001 - 86_400_000),
            days: 1
        }
    );
    let unread = |i: &mut Input| {
        old(i);
        answer(i).tombstone_lifetime_days = None;
    };
    assert_eq!(against(unread), [], "60 days where it cannot be read");
    let forced = plan(&with(|i| {
        one_day(i);
        i.ask.allow_gap = true;
        i.ask.how = by(StartMethod::Vector);
        i.ask.only = Some(dc(2));
    }));
    assert!(!forced.chosen.unwrap().start.proven);
}

#[test]
fn every_reason_for_no_start_by_time_or_hand() {
    assert_eq!(
        no_time(|i| i.source.read_by = None),
        WhyNoStart::NoFailureTimestamp
    );
    let missing = WhyNoStart::NoSampleBefore {
        invocation_id: id(2),
        target: ms(7_999),
    };
    assert_eq!(no_time(|i| i.candidates[0].at_target = None), missing);
    assert_eq!(
        no_time(|i| i.candidates[0].at_target = Some(sample(8_000, 1))),
        missing
    );
    assert_eq!(
        no_time(|i| i.candidates[0].incarnations[0].released_at = Some(ms(7_000))),
        missing
    );
    assert!(matches!(
        no_time(|i| i.candidates[0].at_target = Some(sample(7_000, 251))),
        WhyNoStart::AboveCommitted { .. }
    ));
    let nothing = ByHand {
        before: Some(ms(1)),
        ..ByHand::default()
    };
    assert_eq!(
        no_hand(&nothing, |_| ()),
        WhyNoStart::NoSampleAt {
            usn_date: ms(7_000),
            before: Some(ms(1)),
            after: None
        }
    );
    let other = ByHand {
        at: Some((id(9), sample(7_000, 1))),
        ..ByHand::default()
    };
    assert_eq!(
        no_hand(&other, |_| ()),
        WhyNoStart::OtherIncarnation {
            usn_date: ms(7_000),
            sampled: id(9),
            present: id(2)
        }
    );
    let mine = ByHand {
        at: Some((id(2), sample(7_000, 1))),
        ..ByHand::default()
    };
    assert!(matches!(
        no_hand(&mine, |i| i.candidates[0].incarnations[0].released_at =
            Some(ms(7_000))),
        WhyNoStart::BeforeRelease { .. }
    ));
    assert!(matches!(
        against(|i| {
            by_hand(i, 7_000, &mine);
            i.candidates[0].by_hand = None;
        })[..],
        [WhyNot::NoStart {
            method: Method::Manual,
            why: WhyNoStart::NoSampleAt { .. }
        }]
    ));
    assert!(matches!(
        against(|i| {
            i.ask.how = by(StartMethod::Vector);
            i.source.evidence = None;
        })[..],
        [WhyNot::NoStart {
            method: Method::Vector,
            ..
        }]
    ));
}

#[test]
fn best_falls_back_to_time_and_says_that_it_is_unproven() {
    let plan = plan(&with(|i| i.source.evidence = None));
    let chosen = plan.chosen.clone().unwrap();
    assert_eq!(
        (chosen.method, chosen.start.usn, chosen.start.proven),
        (Method::Time, usn(190), false)
    );
    assert!(matches!(chosen.switch.knowledge, Knowledge::Void { .. }));
    assert!(
        plan.warnings
            .iter()
            .any(|warning| matches!(warning, Warning::Unproven { .. }))
    );
}

#[test]
fn after_a_switch_only_a_read_dc_replaces_what_is_held() {
    let start = |change: &dyn Fn(&mut Input)| {
        let plan = plan(&with(|i| {
            i.knowledge = Some(switched(8_000, 1, 60, &[(1, 60), (2, 120), (3, 130)]));
            change(i);
        }));
        let start = of(&plan, 2).starts.clone().unwrap().vector.unwrap();
        (
            start.usn,
            matches!(start.evidence, Evidence::LastSwitch { .. }),
        )
    };
    assert_eq!(start(&|_| ()), (usn(200), false));
    assert_eq!(start(&|i| i.source.evidence = None), (usn(120), true));
    assert_eq!(
        start(&|i| i.source.evidence.as_mut().unwrap().collected_at = ms(8_000)),
        (usn(120), true)
    );
    assert_eq!(
        start(&|i| i.source.evidence.as_mut().unwrap().committed_after = usn(101)),
        (usn(120), true)
    );
    let unread = |i: &mut Input| {
        i.cursor = cursor(1, 60);
        i.source.evidence.as_mut().unwrap().committed_after = usn(60);
    };
    assert_eq!(
        start(&unread),
        (usn(120), true),
        "no search was completed there"
    );
}

#[test]
fn one_counter_serves_two_naming_contexts() {
    let second: crate::model::Dn = "CN=Configuration,DC=example,DC=com".parse().unwrap();
    let both = |entries: &[(u8, i64)]| {
        with(|i| {
            i.source.naming_contexts.insert(second.clone());
            let evidence = i.source.evidence.as_mut().unwrap();
            evidence.vectors.insert(second.clone(), vector(entries));
            answer(i)
                .instance_types
                .insert(second.clone(), crate::model::InstanceType(4));
        })
    };
    let start = |entries: &[(u8, i64)]| of(&plan(&both(entries)), 2).starts.clone().unwrap().vector;
    assert_eq!(start(&[(2, 180)]).unwrap().usn, usn(180));
    assert_eq!(start(&[(2, 220)]).unwrap().usn, usn(200));
    assert_eq!(
        start(&[(3, 1)]).unwrap_err(),
        WhyNoStart::NotInVector {
            nc: second.clone(),
            invocation_id: id(2)
        }
    );
}
