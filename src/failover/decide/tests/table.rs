//! One case or more for every reason against a DC, the order and every warning.

use super::build::*;
use crate::config::Position;
use crate::failover::decide::{ByHand, Input};
use crate::model::{
    FailureKind, HostAttribute, InstanceType, Knowledge, KnownUsn, Method, PollFailure, Preference,
    Quarantine, StartMethod, Warning, WhyNot,
};

fn is_rolled_back(reasons: &[WhyNot]) -> bool {
    matches!(reasons, [WhyNot::RolledBack { .. }, ..])
}

#[test]
fn where_all_is_well_the_vector_start_is_taken() {
    let plan = plan(&input());
    let chosen = plan.chosen.clone().unwrap();
    assert_eq!(
        (chosen.method, chosen.start.usn, chosen.start.proven),
        (Method::Vector, usn(200), true)
    );
    assert_eq!(
        chosen.switch.to,
        dc(2),
        "dc2 covers the consumer, dc3 does not"
    );
    assert_eq!(chosen.ghosts_at_most, Some(10));
    let held = vectors(&[(1, 90), (2, 200), (3, 300)]);
    assert_eq!(
        chosen.switch.knowledge.held(),
        Some(&held),
        "R3: the minimum, and the start"
    );
    assert_eq!(
        (of(&plan, 2).lag_ms, of(&plan, 2).covers_consumer),
        (Some(100), true)
    );
}

#[test]
fn every_reason_against_a_dc() {
    assert_eq!(against(|_| ()), []);
    assert_eq!(
        against(|i| answer(i).identity.invocation_id = id(1))[0],
        WhyNot::InUse
    );
    assert_eq!(against(|i| i.source.dc = dc(2))[0], WhyNot::InUse);
    assert_eq!(
        against(|i| i.candidates[0].preference = Preference::MustNot),
        [WhyNot::MustNot]
    );
    assert_eq!(against(|i| i.ask.only = Some(dc(3))), [WhyNot::NotAskedFor]);
    assert_eq!(
        against(|i| answer(i).synchronized = false),
        [WhyNot::NotSynchronized]
    );
    assert_eq!(
        against(|i| answer(i).identity.is_read_only = true),
        [WhyNot::ReadOnly]
    );
    let failure = PollFailure {
        kind: FailureKind::Timeout,
        detail: "no answer within 5 s".to_owned(),
    };
    let down = failure.clone();
    assert_eq!(
        against(|i| i.candidates[0].probe = Err(down)),
        [WhyNot::Unreachable { failure }]
    );
    let wrong = |expected: &str| WhyNot::WrongServer {
        expected: expected.to_owned(),
        found: "DC2".to_owned(),
    };
    assert_eq!(
        against(|i| i.candidates[0].server_name = Some("DC8".to_owned())),
        [wrong("DC8")]
    );
    assert_eq!(
        against(|i| i.candidates[0].incarnations[0].server_name = "DC9".to_owned()),
        [wrong("DC9")]
    );
    let quarantine = Quarantine {
        since: ms(3),
        reason: "put back".to_owned(),
    };
    let kept = quarantine.clone();
    assert_eq!(
        against(|i| i.candidates[0].incarnations[0].quarantine = Some(kept)),
        [WhyNot::Quarantined {
            since: quarantine.since,
            reason: quarantine.reason
        }]
    );
}

#[test]
fn like_for_like_and_whole_replicas() {
    let catalog = |i: &mut Input| i.host_attribute = HostAttribute::GlobalCatalog;
    let kind = |bits: i32| {
        against(|i| {
            answer(i).instance_types.insert(nc(), InstanceType(bits));
        })
    };
    assert_eq!(against(catalog), []);
    assert_eq!(
        against(|i| {
            catalog(i);
            answer(i).identity.is_global_catalog = false;
        }),
        [WhyNot::NotGlobalCatalog]
    );
    assert_eq!(
        against(|i| {
            catalog(i);
            answer(i).global_catalog_ready = false;
        }),
        [WhyNot::GlobalCatalogNotReady]
    );
    assert_eq!(
        against(|i| {
            catalog(i);
            answer(i).instance_types.insert(nc(), InstanceType(0));
        }),
        []
    );
    assert_eq!(
        against(|i| answer(i).instance_types.clear()),
        [WhyNot::NoReplica { nc: nc() }]
    );
    assert_eq!(kind(0), [WhyNot::NoReplica { nc: nc() }]);
    assert_eq!(kind(0x14), [WhyNot::BeingBuilt { nc: nc() }]);
    assert_eq!(kind(0x24), [WhyNot::BeingRemoved { nc: nc() }]);
}

#[test]
fn a_probe_below_what_was_read_before_is_a_rollback() {
    let known = |at, value| {
        Some(KnownUsn {
            usn: usn(value),
            partner: dc(3),
            read_at: ms(at),
        })
    };
    assert!(is_rolled_back(&against(
        |i| i.candidates[0].newest = Some(sample(9_999, 251))
    )));
    assert!(is_rolled_back(&against(
        |i| i.candidates[0].known = known(9_999, 251)
    )));
    assert!(
        is_rolled_back(&against(|i| answer(i).committed = usn(199))),
        "the consumer holds up to 200"
    );
    assert_eq!(
        against(|i| i.candidates[0].newest = Some(sample(10_000, 251))),
        [],
        "may have overlapped"
    );
    assert_eq!(against(|i| i.candidates[0].known = known(10_000, 251)), []);
    let released = against(|i| {
        i.candidates[0].incarnations[0].released_at = Some(ms(9_600));
        i.candidates[0].newest = Some(sample(9_600, 251));
        i.source.evidence.as_mut().unwrap().collected_at = ms(9_601);
        i.candidates[0].at_target = None;
    });
    assert!(
        !is_rolled_back(&released),
        "what was before the release counts for nothing"
    );
}

#[test]
fn a_start_that_would_skip_is_refused_or_void() {
    let around = ByHand {
        at: Some((id(2), sample(7_000, 201))),
        ..ByHand::default()
    };
    let skips = WhyNot::WouldSkip {
        start: usn(201),
        proven: usn(200),
    };
    assert_eq!(against(|i| by_hand(i, 7_000, &around)), vec![skips.clone()]);
    assert_eq!(
        against(|i| {
            i.ask.how = by(StartMethod::Time);
            i.candidates[0].at_target = Some(sample(7_000, 201));
        }),
        [skips]
    );
    let forced = plan(&with(|i| {
        by_hand(i, 7_000, &around);
        i.ask.allow_gap = true;
        i.ask.only = Some(dc(2));
    }));
    let chosen = forced.chosen.unwrap();
    assert_eq!(
        (chosen.method, chosen.start.usn, chosen.start.proven),
        (Method::Manual, usn(201), false)
    );
    assert!(matches!(chosen.switch.knowledge, Knowledge::Void { .. }));
    assert!(matches!(forced.warnings[0], Warning::Unproven { .. }));
}

#[test]
fn every_other_warning() {
    let warned = |change: &dyn Fn(&mut Input)| plan(&with(change)).warnings;
    let ghosts = Warning::Ghosts {
        dc: dc(2),
        source_dc: dc(1),
        at_most: 10,
    };
    assert_eq!(warned(&|_| ()), [ghosts]);
    assert_eq!(
        warned(&|i| answer(i).vectors = vectors(&[(1, 100), (3, 310)])),
        []
    );
    let unheard = warned(&|i| {
        answer(i).vectors = vectors(&[(3, 310)]);
        i.ask.only = Some(dc(2));
    });
    assert_eq!(
        unheard,
        [Warning::Ghosts {
            dc: dc(2),
            source_dc: dc(1),
            at_most: 100
        }],
        "absent is 0"
    );
    let slow = warned(&|i| i.candidates[1].received = Some(sample(7_999, 1)));
    assert_eq!(
        slow[0],
        Warning::LagAboveReplicationTime {
            dc: dc(3),
            lag_ms: 1_001,
            bound_ms: 1_000
        }
    );
    assert_eq!(
        warned(&|i| answer(i).skew_ms = Some(-5_001))[0],
        Warning::ClockSkew {
            dc: dc(2),
            skew_ms: -5_001
        }
    );
    assert!(!matches!(
        warned(&|i| answer(i).skew_ms = Some(5_000))[0],
        Warning::ClockSkew { .. }
    ));
}

#[test]
fn a_dc_in_use_that_answers_is_warned_of_and_has_no_ghosts_of_its_own() {
    let well = plan(&with(|i| {
        i.candidates
            .push(candidate(1, 120, &[(2, 200), (3, 300)], 100));
    }));
    let answers = Warning::SourceAnswers {
        dc: dc(1),
        committed: usn(120),
    };
    assert_eq!(well.warnings[0], answers);
    let own = well.candidates.iter().find(|verdict| verdict.dc == dc(1));
    assert_eq!(own.unwrap().ghosts_at_most, None);
}

#[test]
fn where_neither_way_gives_a_start_both_reasons_are_told() {
    let neither = plan(&with(|i| {
        i.position = Position::LargestSeen;
        i.candidates.truncate(1);
        i.candidates[0].at_target = None;
    }));
    assert_eq!(neither.chosen, None);
    let by = |why: &WhyNot| match why {
        WhyNot::NoStart { method, .. } => Some(*method),
        _ => None,
    };
    let methods: Vec<_> = neither.candidates[0]
        .why_not
        .iter()
        .filter_map(by)
        .collect();
    assert_eq!(methods, [Method::Vector, Method::Time]);
}

#[test]
fn a_failure_after_the_last_read_counts_only_as_far_as_it() {
    let late = |change: &dyn Fn(&mut Input)| {
        plan(&with(|i| {
            i.source.evidence = None;
            i.ask.failure_timestamp = Some(ms(10_001));
            change(i);
        }))
    };
    let taken = late(&|_| ());
    assert_eq!(
        (taken.failure_timestamp, taken.target),
        (Some(ms(8_999)), Some(ms(7_999)))
    );
    let told = Warning::FailureTakenEarlier {
        given: ms(10_001),
        taken: ms(8_999),
    };
    assert!(taken.warnings.contains(&told), "{:?}", taken.warnings);
    let text = told.to_string();
    assert!(
        text.contains(&ms(10_001).to_string()) && text.contains(&ms(8_999).to_string()),
        "{text}"
    );
    assert_eq!(taken.needs_person(), None);
    // A sample that lies between the two moments is no start.
    let between = late(&|i| i.candidates[0].at_target = Some(sample(8_500, 240)));
    assert!(of(&between, 2).starts.as_ref().unwrap().time.is_err());

    let accepted = late(&|i| i.ask.allow_gap = true);
    assert_eq!(accepted.failure_timestamp, Some(ms(10_001)));
    let skips = Warning::FailureAfterLastRead {
        given: ms(10_001),
        proven: ms(8_999),
    };
    assert!(
        accepted.warnings.contains(&skips),
        "{:?}",
        accepted.warnings
    );
    assert_eq!(accepted.needs_person(), Some(&skips));

    let early = late(&|i| i.ask.failure_timestamp = Some(ms(8_998)));
    assert_eq!(early.failure_timestamp, Some(ms(8_998)));
    let by_vector = plan(&with(|i| i.ask.failure_timestamp = Some(ms(10_001))));
    assert_eq!(by_vector.warnings, plan(&input()).warnings, "no news there");
}

#[test]
fn what_may_skip_takes_a_person() {
    let unknown = plan(&with(|i| {
        (i.source.evidence, i.source.read_by) = (None, None);
        i.ask.failure_timestamp = Some(ms(8_500));
    }));
    let alone = Warning::LastReadUnknown { given: ms(8_500) };
    assert_eq!(unknown.needs_person(), Some(&alone), "{unknown:?}");

    let slow = |change: &dyn Fn(&mut Input)| {
        plan(&with(|i| {
            i.position = Position::LargestSeen;
            i.candidates[0].received = Some(sample(7_000, 1));
            change(i);
        }))
    };
    let lagging = slow(&|_| ());
    assert_eq!(lagging.chosen.as_ref().unwrap().switch.to, dc(2));
    assert!(
        matches!(lagging.needs_person(), Some(Warning::LagAboveReplicationTime { dc: of, .. }) if *of == dc(2)),
        "{lagging:?}"
    );
    // What was shown before the lag was known is the same move, and another risk.
    let shown = slow(&|i| i.candidates[0].received = None);
    assert_eq!(shown.needs_person(), None, "{shown:?}");
    assert_eq!(shown.hash, lagging.hash);
    assert_eq!(lagging.unseen_risk(Some(&shown)), lagging.needs_person());
    assert_eq!(lagging.unseen_risk(Some(&lagging)), None, "it was accepted");
    let proven = slow(&|i| i.position = Position::BeforeSearch);
    assert!(proven.chosen.as_ref().unwrap().start.proven);
    assert_eq!(proven.needs_person(), None, "the vector knows what it lags");
    let other = slow(&|i| i.candidates[0].preference = Preference::PreferNot);
    assert_eq!(other.chosen.as_ref().unwrap().switch.to, dc(3));
    assert_eq!(other.needs_person(), None, "another DC lags");
}

#[test]
fn the_order_is_preference_site_coverage_reading_name() {
    let first = |change: &dyn Fn(&mut Input)| plan(&with(change)).candidates[0].dc.clone();
    assert_eq!(first(&|_| ()), dc(2));
    assert_eq!(
        first(&|i| i.candidates[1].preference = Preference::Prefer),
        dc(3)
    );
    assert_eq!(
        first(&|i| i.candidates[0].preference = Preference::PreferNot),
        dc(3)
    );
    assert_eq!(
        first(&|i| answer(i).identity.site = "Away".to_owned()),
        dc(3)
    );
    assert_eq!(
        first(&|i| {
            i.site = Some("away".to_owned());
            i.candidates[1].probe.as_mut().unwrap().identity.site = "Away".to_owned();
        }),
        dc(3)
    );
    assert_eq!(
        first(&|i| answer(i).vectors = vectors(&[(1, 90), (3, 299)])),
        dc(3),
        "less to read"
    );
}
