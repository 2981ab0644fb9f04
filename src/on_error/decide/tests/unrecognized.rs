//! Errors that no rule recognises: they claim nothing, and the probes speak alone.

use super::super::*;
use super::build::{Scene, answered, at, attempt, failed, proposal};
use super::telling::{incident, process};
use crate::model::{AttemptState, FailureKind, Incident};

fn unknown() -> Scene {
    Scene {
        outcome: Outcome::Unknown,
        have: 3,
        ..Scene::down()
    }
}

#[test]
fn a_dc_that_the_probes_call_down_is_proposed_to_be_left_and_never_left_by_itself() {
    for mode in [AutoFailover::On, AutoFailover::Propose] {
        let mut scene = unknown();
        scene.mode = mode;
        let expected = Stance {
            action: ActionKind::Propose,
            why: vec![],
        };
        assert_eq!(scene.decided(), expected, "{mode:?}");
        // What binds the automatic alone does not bind a proposal.
        scene.brakes.attempts = vec![attempt(9, -600, "automatic", AttemptState::Done)];
        assert_eq!(scene.decided(), expected, "{mode:?}");
    }
    let mut off = unknown();
    off.mode = AutoFailover::Off;
    let stance = off.decided();
    assert_eq!(stance.action, ActionKind::Tell);
    assert_eq!(stance.why, [WhyWait::Unrecognized, WhyWait::Off]);
}

#[test]
fn nothing_is_proposed_without_the_probes() {
    let answers = unknown().seen("dc1", vec![failed(-60, FailureKind::Refused), answered(-5)]);
    let few = unknown().seen("dc1", vec![failed(-5, FailureKind::Refused)]);
    let refuses = unknown().seen(
        "dc1",
        [-60, -30, -1]
            .map(|second| failed(second, FailureKind::Credentials))
            .to_vec(),
    );
    let network = |second| failed(second, FailureKind::UnknownHost);
    let ours = unknown()
        .seen("dc1", [-60, -30, -1].map(network).to_vec())
        .seen("dc2", vec![network(-1)]);
    let mut unseen = unknown();
    unseen.sightings.clear();
    for (scene, word) in [
        (answers, "answered us at"),
        (few, "1 of 3 probes"),
        (refuses, "it is not down"),
        (ours, "our own network"),
        (unseen, "0 of 3 probes"),
    ] {
        let words = scene.words();
        assert_eq!(scene.decided().action, ActionKind::Wait, "{words}");
        assert!(
            words.starts_with("the errors are not recognised"),
            "{words}"
        );
        assert!(words.contains(word), "{word}: {words}");
        assert!(!words.contains("would not help"), "{words}");
    }
}

#[test]
fn one_that_was_rejected_is_not_proposed_again() {
    let mut scene = unknown();
    scene.proposal = Some(proposal(ProposalState::Rejected));
    assert_eq!(scene.decided().action, ActionKind::Wait);
    assert!(scene.words().contains("was rejected"), "{}", scene.words());
}

#[test]
fn the_first_word_waits_for_the_probes_and_not_where_the_dc_answers() {
    let few = unknown().seen("dc1", vec![failed(-5, FailureKind::Refused)]);
    assert!(is_gathering(&few.decided()), "{}", few.words());
    let answers = unknown().seen("dc1", vec![answered(-5)]);
    assert!(!is_gathering(&answers.decided()), "{}", answers.words());
}

#[test]
fn a_proposal_outlasts_the_silence_of_a_sync_that_ended_with_its_error() {
    let silent = |stance| Incident {
        stance,
        dc: Some("dc1".parse().unwrap()),
        ..incident(Outcome::Unknown, -3_000)
    };
    let over = |incident: &Incident, lives| {
        let process = process(Vec::new());
        super::super::over(incident, None, lives, false, &process, at(0)).is_some()
    };
    let plain = silent(Some(unknown().seen("dc1", vec![answered(-5)]).decided()));
    assert!(over(&plain, false));
    let mut waits = unknown();
    waits.proposal = Some(proposal(ProposalState::Waiting));
    for scene in [unknown(), waits] {
        let proposed = silent(Some(scene.decided()));
        assert!(!over(&proposed, false), "{}", scene.words());
        assert!(over(&proposed, true), "{}", scene.words());
    }
}

#[test]
fn those_that_answer_are_named() {
    let scene = unknown().seen("dc3", vec![failed(-1, FailureKind::Timeout)]);
    let dc1 = "dc1".parse().unwrap();
    assert_eq!(answering(&dc1, &scene.sightings), [&"dc2".parse().unwrap()]);
}
