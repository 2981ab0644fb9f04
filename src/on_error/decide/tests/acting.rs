//! What is done about an outage, and what stands in its way.

use proptest::prelude::*;

use super::super::*;
use super::build::{Scene, answered, at, dc, failed, proposal};
use crate::model::FailureKind;

#[test]
fn two_signals_make_a_failover() {
    let mut scene = Scene::down();
    assert_eq!(
        scene.decided(),
        Stance {
            action: ActionKind::Run,
            why: vec![]
        }
    );
    scene.mode = AutoFailover::Propose;
    assert_eq!(
        scene.decided(),
        Stance {
            action: ActionKind::Propose,
            why: vec![]
        }
    );
    scene.mode = AutoFailover::Off;
    let off = scene.decided();
    assert_eq!(
        (off.action, &off.why[..]),
        (ActionKind::Tell, &[WhyWait::Off][..])
    );
}

#[test]
fn either_signal_alone_is_none() {
    let mut sync_alone =
        Scene::down().seen("dc1", vec![failed(-60, FailureKind::Refused), answered(-5)]);
    assert_eq!(sync_alone.decided().action, ActionKind::Wait);
    assert!(
        sync_alone.words().contains("answered us at"),
        "{}",
        sync_alone.words()
    );
    sync_alone.sightings.remove(&dc("dc1"));
    assert!(
        sync_alone.words().contains("0 of 3 probes"),
        "{}",
        sync_alone.words()
    );
    let mut probe_alone = Scene::down();
    probe_alone.have = 2;
    assert_eq!(
        probe_alone.words(),
        "the sync has failed 2 of 3 times within 90 s"
    );
}

#[test]
fn a_single_failed_poll_is_never_a_failover() {
    for kind in FailureKind::ALL {
        let scene = Scene::down().seen("dc1", vec![answered(-60), failed(-1, kind)]);
        assert_eq!(scene.decided().action, ActionKind::Wait, "{kind}");
    }
}

#[test]
fn probes_count_in_a_row_and_within_the_window() {
    let refused = FailureKind::Refused;
    for (seen, expected) in [
        (
            vec![
                failed(-91, refused),
                failed(-60, refused),
                failed(-1, refused),
            ],
            "2 of 3",
        ),
        (
            vec![
                failed(-60, refused),
                failed(-40, refused),
                answered(-30),
                failed(-1, refused),
            ],
            "1 of 3",
        ),
        (
            vec![
                failed(-89, refused),
                failed(-60, FailureKind::Timeout),
                failed(-1, refused),
            ],
            "",
        ),
        // What lies in the future of a clock that was set back counts for nothing.
        (
            vec![
                failed(-60, refused),
                failed(-30, refused),
                failed(5, refused),
            ],
            "2 of 3",
        ),
    ] {
        let words = Scene::down().seen("dc1", seen.clone()).words();
        assert!(words.contains(expected), "{seen:?}: {words}");
        assert_eq!(words.is_empty(), expected.is_empty(), "{seen:?}: {words}");
    }
}

#[test]
fn a_dc_that_refuses_us_is_not_down() {
    use FailureKind as Kind;
    for kind in [
        Kind::Tls,
        Kind::Credentials,
        Kind::StrongerAuthRequired,
        Kind::Permission,
        Kind::WrongDc,
    ] {
        let seen = vec![failed(-60, kind), failed(-30, kind), failed(-1, kind)];
        let scene = Scene::down().seen("dc1", seen);
        assert_eq!(scene.decided().action, ActionKind::Wait, "{kind}");
        assert!(
            scene.words().contains("it is not down"),
            "{}",
            scene.words()
        );
    }
}

#[test]
fn what_all_dcs_share_is_our_own_network() {
    use FailureKind as Kind;
    let row = |kind| vec![failed(-60, kind), failed(-30, kind), failed(-1, kind)];
    for kind in [Kind::UnknownHost, Kind::Unreachable] {
        let scene = Scene::down().seen("dc1", row(kind)).seen("dc2", row(kind));
        assert!(scene.words().contains("on all 2"), "{}", scene.words());
        // One that answers is enough to know better.
        let with_another = scene.clone().seen("dc3", vec![answered(-20)]);
        assert_eq!(with_another.words(), "");
        // One that nobody has looked at for long says nothing.
        let with_an_old_one = scene.seen("dc3", vec![answered(-2_000)]);
        assert!(
            with_an_old_one.words().contains("on all 2"),
            "{}",
            with_an_old_one.words()
        );
    }
    let both_refuse = Scene::down().seen("dc2", row(Kind::Refused));
    assert_eq!(
        both_refuse.words(),
        "",
        "two DCs that refuse are two DCs that are down"
    );
}

#[test]
fn a_dc_that_comes_and_goes_is_waited_for() {
    let mut seen = Vec::new();
    for minute in [-9, -7] {
        seen.push(failed(minute * 60, FailureKind::Refused));
        seen.push(answered(minute * 60 + 30));
    }
    seen.extend([-60, -30, -1].map(|second| failed(second, FailureKind::Refused)));
    let scene = Scene::down().seen("dc1", seen.clone());
    assert_eq!(
        scene.words(),
        "dc1 has come and gone 4 times within 600 s: it is not stably down"
    );
    let calm = Scene::down().seen("dc1", seen.split_off(2));
    assert_eq!(calm.words(), "");
}

#[test]
fn other_errors_call_for_no_other_dc() {
    let may_help = [Outcome::Outage, Outcome::Unknown];
    for outcome in Outcome::ALL.iter().filter(|one| !may_help.contains(one)) {
        let mut scene = Scene::down();
        scene.outcome = *outcome;
        let stance = scene.decided();
        assert_eq!(stance.action, ActionKind::Tell);
        assert_eq!(stance.why, [WhyWait::NotAnOutage { outcome: *outcome }]);
    }
}

#[test]
fn a_proposal_in_hand_leaves_no_room_for_another() {
    use ProposalState as State;
    for state in State::ALL {
        let mut scene = Scene::down();
        scene.proposal = Some(proposal(*state));
        let acts = scene.decided().action == ActionKind::Run;
        let room = matches!(
            state,
            State::Stale | State::Expired | State::Withdrawn | State::Done | State::Failed
        );
        assert_eq!(acts, room, "{state}: {}", scene.words());
    }
    let mut rejected = Scene::down();
    rejected.proposal = Some(Proposal {
        answered_by: Some("anna".to_owned()),
        reason: Some("dc1 is being patched".to_owned()),
        ..proposal(State::Rejected)
    });
    assert!(
        rejected
            .words()
            .contains("rejected by anna: dc1 is being patched"),
        "{}",
        rejected.words()
    );
    let mut no_plan = Scene::down();
    no_plan.proposal = Some(Proposal {
        ended_at: Some(at(-61)),
        ..proposal(State::NoPlan)
    });
    assert_eq!(
        no_plan.decided().action,
        ActionKind::Run,
        "tried again after a minute"
    );
}

#[test]
fn a_dc_that_nobody_knows_is_none_to_leave() {
    let mut scene = Scene::down();
    scene.dc = None;
    assert_eq!(scene.decided().why, [WhyWait::NoDcInUse]);
}

#[test]
fn an_answer_from_before_a_failure_does_not_end_it() {
    let seen = [(dc("dc1"), vec![answered(-5)])].into();
    assert!(has_passed(&dc("dc1"), &seen, at(-6)));
    assert!(!has_passed(&dc("dc1"), &seen, at(-5)));
    assert!(!has_passed(&dc("dc2"), &seen, at(-6)));
    let again = [(
        dc("dc1"),
        vec![answered(-5), failed(-4, FailureKind::Timeout)],
    )]
    .into();
    assert!(!has_passed(&dc("dc1"), &again, at(-6)));
}

fn kinds() -> impl Strategy<Value = Option<FailureKind>> {
    prop_oneof![
        1 => Just(None),
        4 => proptest::sample::select(&FailureKind::ALL[..]).prop_map(Some),
    ]
}

proptest! {
    /// Whatever was seen: nothing is done unless the newest three looks at the DC in use failed, all within the window.
    #[test]
    fn no_failover_without_three_failures_in_a_row(
        seen in proptest::collection::vec((-300_i64..10, kinds()), 0..12),
        others in proptest::collection::vec((-300_i64..10, kinds()), 0..6),
        have in 0_u32..6,
    ) {
        let sorted = |mut seen: Vec<(i64, Option<FailureKind>)>| {
            seen.sort_by_key(|(second, _)| *second);
            let all = seen.into_iter();
            all.map(|(second, kind)| Sighting { at: at(second), failed: kind, took_ms: 0 }).collect::<Vec<_>>()
        };
        let mut scene = Scene::down().seen("dc1", sorted(seen)).seen("dc2", sorted(others));
        scene.have = have;
        let past: Vec<Sighting> =
            scene.sightings[&dc("dc1")].iter().filter(|one| one.at <= at(0)).cloned().collect();
        let row = past.iter().rev().take(3).filter(|one| one.failed.is_some() && one.at >= at(-90)).count();
        let stance = scene.decided();
        if stance.action == ActionKind::Run {
            prop_assert_eq!(row, 3);
            prop_assert!(have >= 3);
            prop_assert!(stance.why.is_empty());
        } else {
            prop_assert!(!stance.why.is_empty(), "a reason is always given");
        }
    }

    /// A success after everything else stops what is automatic, at any time.
    #[test]
    fn a_success_is_always_heard(second in -80_i64..=0) {
        let mut scene = Scene::down();
        let seen = scene.sightings.get_mut(&dc("dc1")).unwrap();
        seen.retain(|one| one.at < at(second));
        seen.push(answered(second));
        prop_assert_ne!(scene.decided().action, ActionKind::Run);
    }
}
