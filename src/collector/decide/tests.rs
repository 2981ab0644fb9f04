//! Every branch of `accept`, and that a healthy DC never raises an alarm.

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests"
)]

use proptest::prelude::*;

use super::*;
use crate::model::{Identity, InvocationId, KnownUsn, NcVectors, Quarantine, Usn};

fn id(n: u128) -> InvocationId {
    InvocationId::from_uuid(uuid::Uuid::from_u128(n))
}

fn ms(at: i64) -> UtcMs {
    UtcMs::from_millis(at)
}

fn facts(life: u128, started: i64, committed: i64) -> DcFacts {
    DcFacts {
        started_at: ms(started),
        committed_at: ms(started + 5),
        vectors_at: ms(started + 6),
        identity: Identity {
            server_name: "DC1".to_owned(),
            ds_service_name: "CN=NTDS Settings,CN=DC1".parse().unwrap(),
            dns_host_name: "dc1.example.com".to_owned(),
            site: "Site".to_owned(),
            invocation_id: id(life),
            is_global_catalog: false,
            is_read_only: false,
        },
        synchronized: true,
        global_catalog_ready: false,
        committed: Usn::new(committed).unwrap(),
        committed_after: None,
        skew_ms: Some(7),
        took_ms: 9,
        vectors: NcVectors::new(),
        unreadable: std::collections::BTreeMap::new(),
        instance_types: std::collections::BTreeMap::new(),
        tombstone_lifetime_days: None,
    }
}

fn life(n: u128, first: i64, last: i64) -> Incarnation {
    Incarnation {
        invocation_id: id(n),
        server_name: "dc1".to_owned(),
        ds_service_name: "CN=NTDS Settings,CN=DC1".parse().unwrap(),
        site: "Site".to_owned(),
        is_global_catalog: false,
        is_read_only: false,
        first_seen: ms(first),
        last_seen: ms(last),
        quarantine: None,
        released_at: None,
    }
}

fn sample(at: i64, committed: i64) -> Sample {
    Sample {
        collected_at: ms(at),
        committed: Usn::new(committed).unwrap(),
        took_ms: 1,
        skew_ms: None,
    }
}

fn known(at: i64, usn: i64) -> KnownUsn {
    KnownUsn {
        usn: Usn::new(usn).unwrap(),
        partner: "dc2".parse().unwrap(),
        read_at: ms(at),
    }
}

fn judged(facts: &DcFacts, seen: &PollContext) -> Accepted {
    accept(&"dc1".parse().unwrap(), None, facts, seen)
}

/// (restored, rollback) of a poll that is kept.
fn kept(facts: &DcFacts, seen: &PollContext) -> (bool, Option<String>) {
    match judged(facts, seen) {
        Accepted::Kept {
            restored, rollback, ..
        } => (restored, rollback),
        Accepted::Rejected(failure) => panic!("rejected: {failure}"),
    }
}

fn seen(lives: &[Incarnation], last: Option<Sample>, known: Option<KnownUsn>) -> PollContext {
    PollContext {
        incarnations: lives.to_vec(),
        owner: None,
        last,
        known,
    }
}

#[test]
fn the_sample_bears_the_time_of_the_answer() {
    let Accepted::Kept { sample, .. } = judged(&facts(1, 100, 50), &PollContext::default()) else {
        panic!("a first poll is kept");
    };
    assert_eq!(
        sample,
        Sample {
            collected_at: ms(105),
            committed: Usn::new(50).unwrap(),
            took_ms: 9,
            skew_ms: Some(7)
        }
    );
}

#[test]
fn only_a_new_life_beside_another_is_restored() {
    let answer = facts(2, 100, 50);
    assert!(!kept(&answer, &PollContext::default()).0);
    assert!(!kept(&answer, &seen(&[life(2, 1, 2)], None, None)).0);
    assert!(!kept(&answer, &seen(&[life(1, 1, 2), life(2, 3, 4)], None, None)).0);
    assert_eq!(
        kept(&answer, &seen(&[life(1, 1, 2)], None, None)),
        (true, None)
    );
}

#[test]
fn another_server_is_rejected() {
    let rejected = |expected: Option<&str>, seen: &PollContext| match accept(
        &"dc1".parse().unwrap(),
        expected,
        &facts(1, 100, 50),
        seen,
    ) {
        Accepted::Rejected(failure) => {
            assert_eq!(failure.kind, FailureKind::WrongDc);
            Some(failure.detail)
        }
        Accepted::Kept { .. } => None,
    };
    let mut other = life(1, 1, 2);
    other.server_name = "DC9".to_owned();
    let recorded = seen(&[other], None, None);
    let owned = PollContext {
        owner: Some("dc7".parse().unwrap()),
        ..PollContext::default()
    };
    assert!(rejected(Some("dc1"), &PollContext::default()).is_none());
    assert!(rejected(None, &PollContext::default()).is_none());
    assert!(
        rejected(Some("DC1"), &recorded).is_none(),
        "configured wins"
    );
    assert!(rejected(None, &recorded).unwrap().contains("DC9"));
    assert!(
        rejected(Some("dc3"), &PollContext::default())
            .unwrap()
            .contains("dc3")
    );
    assert!(rejected(Some("dc1"), &owned).unwrap().contains("[dc.dc7]"));
}

#[test]
fn a_rollback_is_what_was_read_wholly_before() {
    let answer = facts(1, 100, 50);
    let one = [life(1, 1, 99)];
    let alarm = |last, known| kept(&answer, &seen(&one, last, known)).1;
    assert!(
        alarm(Some(sample(99, 51)), None)
            .unwrap()
            .contains("fell from 51")
    );
    assert_eq!(alarm(Some(sample(99, 50)), None), None);
    assert_eq!(
        alarm(Some(sample(100, 51)), None),
        None,
        "may have overlapped"
    );
    assert_eq!(alarm(Some(sample(101, 51)), None), None);
    assert!(alarm(None, Some(known(99, 51))).unwrap().contains("dc2"));
    assert_eq!(alarm(None, Some(known(100, 51))), None);
    assert_eq!(alarm(None, Some(known(99, 50))), None);
}

#[test]
fn a_release_voids_what_was_known_before() {
    let mut released = life(1, 1, 60);
    released.released_at = Some(ms(60));
    released.quarantine = Some(Quarantine {
        since: ms(50),
        reason: "put back".to_owned(),
    });
    let lives = [released, life(2, 61, 70)];
    let alarm = |last, known| kept(&facts(1, 100, 50), &seen(&lives[..1], last, known)).1;
    assert_eq!(alarm(Some(sample(60, 90)), Some(known(60, 90))), None);
    assert!(alarm(Some(sample(61, 90)), None).is_some());
    assert!(alarm(None, Some(known(61, 90))).is_some());
}

#[test]
fn an_old_life_that_comes_back_is_a_rollback() {
    let lives = [life(1, 1, 20), life(2, 30, 99)];
    let alarm = |started| kept(&facts(1, started, 50), &seen(&lives, None, None)).1;
    assert!(alarm(100).unwrap().contains("had moved on to"));
    assert_eq!(
        alarm(99),
        None,
        "the newer life may have been read meanwhile"
    );
    assert_eq!(kept(&facts(2, 100, 50), &seen(&lives, None, None)).1, None);
}

/// A poll of the DC, or of a partner's vector: when it began, when the USN was read, when it ended.
#[derive(Debug, Clone, Copy)]
struct Poll {
    started: i64,
    ended: i64,
    value: i64,
    partner: bool,
}

/// A healthy DC: its USN at fine time t is the sum of the steps before; a partner is behind.
fn healthy() -> impl Strategy<Value = Vec<Poll>> {
    let steps = prop::collection::vec(0_i64..4, 400);
    let poll = (0_i64..300, 0_i64..40, 0_i64..40, any::<bool>(), 0_i64..100);
    (steps, prop::collection::vec(poll, 1..40)).prop_map(|(steps, polls)| {
        let at = |time: i64| -> i64 { steps[..usize::try_from(time).unwrap()].iter().sum() };
        polls
            .into_iter()
            .map(|(begin, read, end, partner, behind)| Poll {
                // Ten fine steps of time are one millisecond, cut off.
                started: begin / 10,
                ended: (begin + read + end) / 10,
                value: if partner {
                    at((begin + read - behind).max(0))
                } else {
                    at(begin + read)
                },
                partner,
            })
            .collect()
    })
}

/// The alarms of these polls, judged and stored in this order.
fn alarms(polls: &[Poll]) -> Vec<Option<String>> {
    let mut store = PollContext::default();
    polls
        .iter()
        .map(|poll| {
            if poll.partner {
                let shown = known(poll.ended, poll.value);
                if store.known.as_ref().is_none_or(|old| old.usn < shown.usn) {
                    store.known = Some(shown);
                }
                return None;
            }
            let mut answer = facts(1, poll.started, poll.value);
            answer.committed_at = ms(poll.ended);
            let (_, alarm) = kept(&answer, &store);
            let new = sample(poll.ended, poll.value);
            if store
                .last
                .is_none_or(|old| old.collected_at <= new.collected_at)
            {
                store.last = Some(new);
            }
            if store.incarnations.is_empty() {
                store.incarnations.push(life(1, poll.ended, poll.ended));
            }
            alarm
        })
        .collect()
}

proptest! {
    #[test]
    fn a_healthy_dc_raises_no_alarm(polls in healthy(), order in any::<prop::sample::Index>()) {
        let mut polls = polls;
        let turn = order.index(polls.len());
        polls.rotate_left(turn);
        for alarm in alarms(&polls) {
            prop_assert_eq!(alarm, None);
        }
    }

    /// Polls of one DC one after the other: the first that reads less than an earlier one is reported.
    #[test]
    fn a_fall_is_always_reported(steps in prop::collection::vec((0_i64..30, 1_i64..20), 2..20),
                                 at in any::<prop::sample::Index>(), back in 1_i64..200) {
        let fallen = at.index(steps.len() - 1) + 1;
        let (mut clock, mut usn, mut polls) = (0, 300, Vec::new());
        for (index, (written, pause)) in steps.iter().enumerate() {
            usn += written;
            if index == fallen {
                usn -= back;
            }
            polls.push(Poll { started: clock, ended: clock + 3, value: usn, partner: false });
            clock += 3 + pause;
        }
        let visible = polls[fallen].value < polls[fallen - 1].value;
        let reported = alarms(&polls);
        prop_assert_eq!(reported[fallen].is_some(), visible);
        prop_assert!(reported.iter().enumerate().all(|(index, alarm)| index == fallen || alarm.is_none()));
    }

    #[test]
    fn what_a_partner_read_before_is_always_reported(usn in 0_i64..1_000, shown in 0_i64..1_000,
                                                     read_at in 0_i64..50, started in 0_i64..50) {
        let polls = [
            Poll { started: 0, ended: read_at, value: shown, partner: true },
            Poll { started, ended: started + 2, value: usn, partner: false },
        ];
        prop_assert_eq!(alarms(&polls)[1].is_some(), read_at < started && shown > usn);
    }
}
