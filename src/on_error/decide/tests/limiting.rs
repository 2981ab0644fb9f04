//! What binds the automatic, and for how long.

use std::time::Duration;

use super::super::*;
use super::build::{Scene, at, attempt, proposal};
use crate::model::{AttemptState, Pause};

fn words_with(brakes: Brakes) -> String {
    let mut scene = Scene::down();
    scene.brakes = brakes;
    scene.words()
}

#[test]
fn the_start_is_gentle() {
    let started = |seconds| Brakes {
        started_at: Some(at(seconds)),
        ..Brakes::default()
    };
    assert!(words_with(started(-59)).contains("has just started"));
    assert_eq!(words_with(started(-60)), "");
}

#[test]
fn a_jump_of_the_clock_suspends_for_half_a_minute() {
    assert_eq!(jumped(at(0), at(10), 10_000), None);
    assert_eq!(jumped(at(0), at(10), 8_001), None);
    assert_eq!(
        jumped(at(0), at(10), 8_000),
        Some(Jump {
            at: at(10),
            by_ms: 2_000
        })
    );
    assert_eq!(
        jumped(at(10), at(0), 1_000),
        Some(Jump {
            at: at(0),
            by_ms: -11_000
        })
    );
    let jump = |seconds| Brakes {
        jump: Some(Jump {
            at: at(seconds),
            by_ms: -11_000,
        }),
        ..Brakes::default()
    };
    assert!(words_with(jump(-29)).contains("jumped by -11000 ms"));
    assert_eq!(words_with(jump(-30)), "");
}

#[test]
fn a_pause_binds_until_it_ends() {
    let pause = Pause {
        id: 3,
        resource: None,
        since: at(-100),
        until: at(50),
        owner: "anna".to_owned(),
        reason: "patching dc1".to_owned(),
        ended_at: None,
    };
    let with = |pause: Pause| {
        words_with(Brakes {
            pauses: vec![pause],
            ..Brakes::default()
        })
    };
    assert!(with(pause.clone()).contains("paused by anna until"));
    assert!(with(pause.clone()).contains("patching dc1 (pause 3)"));
    assert_eq!(
        with(Pause {
            until: at(0),
            ..pause.clone()
        }),
        ""
    );
    assert_eq!(
        with(Pause {
            since: at(1),
            ..pause.clone()
        }),
        ""
    );
    assert_eq!(
        with(Pause {
            ended_at: Some(at(-1)),
            ..pause
        }),
        ""
    );
}

#[test]
fn a_failover_holds_for_an_hour_unless_acknowledged() {
    let moved = |seconds| vec![attempt(4, seconds, "command line", AttemptState::Done)];
    let held = |seconds| Brakes {
        attempts: moved(seconds),
        ..Brakes::default()
    };
    assert!(words_with(held(-3_599)).contains("after attempt 4"));
    assert_eq!(words_with(held(-3_600)), "");
    let acknowledged = Brakes {
        acknowledged_at: Some(at(-10)),
        ..held(-100)
    };
    assert_eq!(words_with(acknowledged), "");
    let before = Brakes {
        acknowledged_at: Some(at(-101)),
        ..held(-100)
    };
    assert!(words_with(before).contains("held until"));
}

#[test]
fn three_automatic_failovers_a_day_and_no_more() {
    let at_hours = |hours: &[i64]| Brakes {
        attempts: hours
            .iter()
            .enumerate()
            .map(|(nth, hour)| {
                attempt(
                    9 - i64::try_from(nth).unwrap(),
                    hour * 3_600,
                    "automatic",
                    AttemptState::Done,
                )
            })
            .collect(),
        ..Brakes::default()
    };
    let words = words_with(at_hours(&[-2, -5, -23]));
    assert!(
        words.contains("3 automatic failovers within 24 h"),
        "{words}"
    );
    assert!(
        words.contains(&at(3_600).to_string()),
        "room when the oldest leaves: {words}"
    );
    assert_eq!(words_with(at_hours(&[-2, -5, -24])), "");
    // What people did by hand is theirs to count.
    let mut by_hand = at_hours(&[-2, -5, -23]);
    by_hand.attempts[0].channel = "command line".to_owned();
    assert_eq!(words_with(by_hand), "");
}

#[test]
fn one_that_failed_is_not_tried_again_at_once() {
    let failed = |seconds| Brakes {
        attempts: vec![attempt(4, seconds, "automatic", AttemptState::Failed)],
        ..Brakes::default()
    };
    assert!(words_with(failed(-299)).contains("attempt 4 failed"));
    assert_eq!(words_with(failed(-300)), "");
    let open = Brakes {
        attempts: vec![attempt(4, -5, "automatic", AttemptState::Stopping)],
        ..Brakes::default()
    };
    assert_eq!(words_with(open), "attempt 4 is under way");
}

#[test]
fn every_reason_is_told() {
    let mut scene = Scene::down();
    scene.have = 0;
    scene.brakes = Brakes {
        started_at: Some(at(-1)),
        attempts: vec![attempt(4, -5, "automatic", AttemptState::Done)],
        ..Brakes::default()
    };
    assert_eq!(scene.decided().why.len(), 3, "{}", scene.words());
}

#[test]
fn approvers_are_those_listed() {
    let listed = |names: &[&str]| Safety {
        approvers: names.iter().map(|name| (*name).to_owned()).collect(),
        ..Safety::default()
    };
    let automatic = proposal(ProposalState::Waiting);
    let own = Proposal {
        proposed_by: Some("anna on sync1".to_owned()),
        ..automatic.clone()
    };
    let anna = ("anna", "uid:1000");
    let two = listed(&["anna", "bert"]);
    assert_eq!(may_approve(&automatic, anna, &two), None);
    assert_eq!(may_approve(&own, ("bert", "uid:1001"), &two), None);
    assert!(
        may_approve(&own, anna, &two)
            .unwrap()
            .contains("another of anna, bert")
    );
    assert_eq!(
        may_approve(&own, anna, &listed(&["anna"])),
        None,
        "there is nobody else"
    );
    assert!(
        may_approve(&automatic, ("carl", "uid:1002"), &two)
            .unwrap()
            .contains("is no approver")
    );
    assert_eq!(
        may_approve(&automatic, ("carl", "uid:1002"), &listed(&["uid:1002"])),
        None
    );
    assert_eq!(
        may_approve(&automatic, ("root", "uid:0"), &listed(&[])),
        None
    );
    assert!(
        may_approve(&automatic, anna, &listed(&[]))
            .unwrap()
            .contains("only root")
    );
    assert!(
        may_approve(&automatic, ("root", "uid:0"), &two).is_some(),
        "the list binds root too"
    );
}

#[test]
fn whose_name_has_blanks_may_not_approve_their_own() {
    let own = |by: &str| Proposal {
        proposed_by: Some(by.to_owned()),
        ..proposal(ProposalState::Waiting)
    };
    let name = r"LAB\anna meier";
    let two = Safety {
        approvers: vec![name.to_owned(), "anna".to_owned()],
        ..Safety::default()
    };
    for by in [r"LAB\anna meier", r"LAB\anna meier on sync1"] {
        assert!(may_approve(&own(by), (name, "uid:70001"), &two).is_some());
        assert_eq!(may_approve(&own(by), ("anna", "uid:1000"), &two), None);
    }
    // Another name that begins alike is another person.
    for by in ["annabel on sync1", "anna meier on sync1"] {
        assert_eq!(may_approve(&own(by), ("anna", "uid:1000"), &two), None);
    }
}

#[test]
fn what_a_person_has_to_approve_is_not_held() {
    let mut scene = Scene::down();
    scene.brakes.attempts = (1..=3)
        .map(|id| attempt(id, -60, "automatic", AttemptState::Failed))
        .chain([attempt(9, -600, "automatic", AttemptState::Done)])
        .collect();
    assert_eq!(scene.decided().why.len(), 3, "{}", scene.words());
    scene.mode = AutoFailover::Propose;
    assert_eq!(
        scene.decided().action,
        ActionKind::Propose,
        "{}",
        scene.words()
    );
}

#[test]
fn an_approval_lasts_as_long_as_a_proposal_waits_and_no_clock_makes_it_longer() {
    let safety = Safety {
        approval: Duration::from_hours(1),
        ..Safety::default()
    };
    let answered = |seconds| Proposal {
        answered_by: Some("anna on sync1".to_owned()),
        answered_at: Some(at(seconds)),
        ..proposal(ProposalState::Approved)
    };
    let waiting = |made, until| Proposal {
        made_at: at(made),
        expires_at: Some(at(until)),
        ..proposal(ProposalState::Waiting)
    };
    let words = |one: &Proposal| lapsed(one, &safety, at(0)).unwrap_or_default();
    for fresh in [
        answered(-3_599),
        answered(0),
        answered(120),
        waiting(-30, 1),
        waiting(120, 3_720),
        proposal(ProposalState::Waiting),
        proposal(ProposalState::Approved),
    ] {
        assert_eq!(words(&fresh), "");
    }
    for (old, word) in [
        (answered(-3_600), "anna on sync1 approved it at "),
        (answered(-9_999), "was not carried out before "),
        (answered(121), "the clock was set back since anna on sync1"),
        (waiting(-3_600, 0), "nobody answered before "),
        (
            waiting(121, 3_721),
            "the clock was set back since it was made",
        ),
    ] {
        assert!(words(&old).contains(word), "{word}: {}", words(&old));
    }
}
