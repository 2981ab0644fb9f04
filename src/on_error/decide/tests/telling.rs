//! Rules, counting, and who is told when.

use std::time::Duration;

use proptest::prelude::*;

use super::super::*;
use super::build::at;
use crate::config::{Notices, Process, Rule, Scope};
use crate::model::{Failure, Incident, NoticeKind, ResourceName, Verdicted};

fn rule(name: &str, pattern: &str, outcome: Outcome) -> Rule {
    Rule {
        name: name.to_owned(),
        pattern: regex::Regex::new(pattern).unwrap(),
        outcome,
        count: 3,
        within: Duration::from_secs(90),
        scope: Scope::Resource,
        notify: None,
        samples: Vec::new(),
        counter_samples: Vec::new(),
        is_shipped: false,
    }
}

pub(super) fn process(rules: Vec<Rule>) -> Process {
    Process {
        name: "ad".to_owned(),
        rules,
        notify: vec!["operators".to_owned()],
        patience: Duration::from_mins(15),
        quiet: Duration::from_mins(10),
    }
}

fn errors(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

#[test]
fn the_first_rule_that_matches_any_error_counts() {
    let process = process(vec![
        rule("special", "refused by proxy", Outcome::Transient),
        rule("general", "refused", Outcome::Outage),
    ]);
    let of = |texts: &[&str]| classify(&process, &errors(texts));
    assert_eq!(
        of(&["x", "refused by proxy"]).rule.as_deref(),
        Some("special")
    );
    assert_eq!(of(&["refused"]).outcome, Outcome::Outage);
    assert_eq!(
        of(&["odd"]),
        Verdicted {
            outcome: Outcome::Unknown,
            rule: None
        }
    );
    assert_eq!(
        of(&[]),
        Verdicted {
            outcome: Outcome::Unknown,
            rule: None
        }
    );
}

#[test]
fn samples_are_judged_by_their_own_rule() {
    let mut rules = vec![
        rule("general", "refused", Outcome::Outage),
        rule("special", "refused by proxy", Outcome::Transient),
    ];
    rules[0].samples = errors(&["refused", "odd"]);
    rules[0].counter_samples = errors(&["refused on purpose", "fine"]);
    rules[1].samples = errors(&["refused by proxy"]);
    let found = test_rules(&process(rules));
    let problems: Vec<(&str, &str)> = found
        .iter()
        .map(|one| (one.sample.as_str(), one.problem.as_str()))
        .collect();
    assert_eq!(
        problems,
        [
            ("odd", "is not matched"),
            ("refused on purpose", "is matched and must not be"),
            (
                "refused by proxy",
                "is taken by the rule `general`, which stands before it"
            ),
        ]
    );
}

fn failure(resource: &str, seconds: i64, outcome: Outcome) -> Failure {
    Failure {
        id: 1,
        resource: resource.parse().unwrap(),
        dc: None,
        at: at(seconds),
        took_ms: 0,
        failure_timestamp: None,
        source: "test".to_owned(),
        errors: Vec::new(),
        verdict: Some(Verdicted {
            outcome,
            rule: None,
        }),
        incident: None,
    }
}

#[test]
fn failures_are_counted_within_the_window_per_resource_or_together() {
    let hr: ResourceName = "hr".parse().unwrap();
    let failures = [
        failure("hr", -91, Outcome::Outage),
        failure("hr", -90, Outcome::Outage),
        failure("hr", -50, Outcome::Data),
        failure("crm", -20, Outcome::Outage),
        failure("hr", -1, Outcome::Outage),
        failure("hr", 1, Outcome::Outage),
    ];
    let mut rule = rule("refused", "refused", Outcome::Outage);
    let have = |rule: &Rule| trouble(&hr, Outcome::Outage, Some(rule), &failures, at(0)).have;
    assert_eq!(have(&rule), 2);
    rule.scope = Scope::Global;
    assert_eq!(have(&rule), 3);
    let unknown = trouble(&hr, Outcome::Unknown, None, &failures, at(0));
    assert_eq!((unknown.have, unknown.need), (0, 1));
}

#[test]
fn the_time_that_a_try_waits_is_not_of_the_window() {
    let hr: ResourceName = "hr".parse().unwrap();
    let failure = |seconds, took_ms| Failure {
        took_ms,
        ..failure("hr", seconds, Outcome::Outage)
    };
    let mut rule = rule("refused", "refused", Outcome::Outage);
    rule.within = Duration::from_secs(3);
    let have = |failures: &[Failure]| {
        let signal = trouble(&hr, Outcome::Outage, Some(&rule), failures, at(0));
        signal.have
    };
    let refused = [failure(-9, 0), failure(-5, 0), failure(-1, 0)];
    assert_eq!(have(&refused), 1);
    // From the first one's end to now 8 s, of which 6 were waits.
    let hung = [failure(-8, 3_000), failure(-4, 3_000), failure(0, 3_000)];
    assert_eq!(have(&hung), 3);
    let rare = [failure(-12, 3_000), failure(-6, 3_000), failure(0, 3_000)];
    assert_eq!(have(&rare), 2);
    // Waits that ran side by side count once: 9 s, of which 3.
    let beside = [failure(-9, 0), failure(0, 3_000), failure(0, 3_000)];
    assert_eq!(have(&beside), 2);
    let long = [failure(-9, 0), failure(-8, 0), failure(0, 20_000)];
    assert_eq!(have(&long), 3, "all of it");
    // The next one may be waiting since a second after the last.
    let under_way = [failure(-10, 3_000), failure(-6, 3_000), failure(-2, 3_000)];
    assert_eq!(have(&under_way), 3);
    let over = [failure(-15, 3_000), failure(-11, 3_000), failure(-7, 3_000)];
    assert_eq!(have(&over), 0);
}

pub(super) fn incident(outcome: Outcome, opened: i64) -> Incident {
    Incident {
        id: 1,
        resource: "hr".parse().unwrap(),
        opened_at: at(opened),
        failure_timestamp: None,
        outcome,
        rule: None,
        dc: None,
        failures: 1,
        last_failure_at: at(opened),
        stance: None,
        acknowledged_by: None,
        acknowledged_at: None,
        thread: None,
        told_at: None,
        told_as: None,
        told_to: Vec::new(),
        resolved_at: None,
        resolution: None,
        events: Vec::new(),
    }
}

const WAITS: Waits = Waits {
    group: Duration::from_secs(10),
    plan: Duration::from_secs(90),
};

fn due_with(incident: &Incident, have: u32) -> Due {
    due_after(incident, have, WAITS)
}

fn due_after(incident: &Incident, have: u32, waits: Waits) -> Due {
    let signal = Signal {
        have,
        need: 3,
        within: Duration::from_secs(90),
    };
    due(
        incident,
        &signal,
        &process(Vec::new()),
        &Notices::default(),
        waits,
        at(0),
    )
}

#[test]
fn people_are_told_once_it_counts_and_others_may_join() {
    let fresh = incident(Outcome::Outage, -5);
    assert_eq!(due_with(&fresh, 2), Due::Nothing);
    assert_eq!(due_with(&fresh, 3), Due::At(at(5)));
    assert_eq!(
        due_with(&incident(Outcome::Outage, -10), 3),
        Due::Now(NoticeKind::Opened)
    );
    assert_eq!(
        due_with(&incident(Outcome::Transient, -800), 9),
        Due::Nothing
    );
    assert_eq!(
        due_with(&incident(Outcome::Transient, -900), 9),
        Due::Now(NoticeKind::Opened)
    );
    assert_eq!(
        due_with(&incident(Outcome::Outage, -900), 1),
        Due::Now(NoticeKind::Opened)
    );
}

#[test]
fn the_first_word_waits_for_a_plan_and_not_for_ever() {
    let stands = |action, why| Incident {
        stance: Some(Stance { action, why }),
        ..incident(Outcome::Outage, -20)
    };
    let dc = || "dc1".parse().unwrap();
    let few = WhyWait::TooFewProbes {
        dc: dc(),
        have: 1,
        need: 3,
        within_s: 90,
    };
    let gathering = stands(ActionKind::Wait, vec![few.clone()]);
    assert_eq!(due_with(&gathering, 3), Due::Nothing);
    assert_eq!(
        due_after(&gathering, 3, Waits::NONE),
        Due::Now(NoticeKind::Opened),
        "who will not look again tells at once"
    );
    let long_ago = Incident {
        opened_at: at(-100),
        ..gathering
    };
    assert_eq!(due_with(&long_ago, 3), Due::Now(NoticeKind::Opened));
    assert_eq!(
        due_with(&stands(ActionKind::Propose, vec![]), 3),
        Due::Nothing
    );
    let answers = WhyWait::DcAnswers {
        dc: dc(),
        at: at(-1),
    };
    for (action, why) in [
        (ActionKind::Wait, vec![few.clone(), answers]),
        (ActionKind::Tell, vec![few, WhyWait::Off]),
    ] {
        let told = due_with(&stands(action, why), 3);
        assert_eq!(told, Due::Now(NoticeKind::Opened));
    }
}

#[test]
fn what_was_told_is_told_again_only_if_it_changes_or_lasts() {
    let told = Incident {
        told_at: Some(at(-300)),
        told_as: Some(Outcome::Outage),
        ..incident(Outcome::Outage, -100)
    };
    assert_eq!(due_with(&told, 5), Due::Nothing);
    let changed = Incident {
        outcome: Outcome::Credentials,
        ..told.clone()
    };
    assert_eq!(due_with(&changed, 5), Due::Now(NoticeKind::Changed));
    let just_told = Incident {
        told_at: Some(at(-299)),
        ..changed
    };
    assert_eq!(due_with(&just_told, 5), Due::Nothing);
    let old = Incident {
        told_at: Some(at(-4 * 3_600)),
        ..told
    };
    assert_eq!(due_with(&old, 5), Due::Now(NoticeKind::Repeated));
    let acknowledged = Incident {
        acknowledged_at: Some(at(-1)),
        ..old
    };
    assert_eq!(due_with(&acknowledged, 5), Due::Nothing);
}

#[test]
fn the_cap_holds_back_all_but_what_asks_for_an_answer() {
    let notices = Notices::default();
    assert_eq!(admit(NoticeKind::Opened, 19, &notices), Admitted::Yes);
    assert_eq!(admit(NoticeKind::Opened, 20, &notices), Admitted::HeldBack);
    assert_eq!(
        admit(NoticeKind::Resolved, 20, &notices),
        Admitted::HeldBack
    );
    assert_eq!(admit(NoticeKind::Proposed, 99, &notices), Admitted::Yes);
    assert_eq!(admit(NoticeKind::HeldBack, 99, &notices), Admitted::Yes);
}

proptest! {
    /// A delivery is tried for three days, ever less often, and never in the past.
    #[test]
    fn deliveries_are_tried_for_three_days(tries in 0_u32..2_000, waited in 0_i64..10 * 86_400) {
        let next = after_failure(at(-waited), tries, at(0));
        let given_up = waited * 1_000 >= GIVE_UP_MS && tries >= GIVE_UP_TRIES;
        prop_assert_eq!(next.is_none(), given_up);
        if let Some(next) = next {
            let pause = next.ms_since(at(0));
            prop_assert!((15_000..=1_800_000).contains(&pause));
            let later = after_failure(at(-waited), tries + 1, at(0));
            prop_assert!(later.is_none_or(|later| later >= next));
        }
    }
}
