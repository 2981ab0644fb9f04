//! What holds of every plan, whatever the input.

use proptest::prelude::*;

use super::build::*;
use crate::config::Position;
use crate::failover::decide::{ByHand, Candidate, Input, decide};
use crate::model::{
    FailureKind, HostAttribute, Hours, How, InstanceType, Knowledge, KnownUsn, PollFailure,
    Preference, Quarantine, SourceSample, StartMethod, Usn, Verdict, WhyNoStart,
};

type Entries = Vec<(u8, i64)>;

/// USNs from 0 to 11 and times from 0 to 11 s, so that all kinds of ties come up; sometimes the extremes.
fn number() -> impl Strategy<Value = i64> {
    prop_oneof![12 => 0_i64..12, 1 => Just(i64::MAX)]
}

fn time() -> impl Strategy<Value = i64> {
    prop_oneof![12 => (0_i64..12).prop_map(|s| s * 1_000), 1 => any::<i64>()]
}

fn entries() -> impl Strategy<Value = Entries> {
    prop::collection::vec((1_u8..6, number()), 0..6)
}

fn a_sample() -> impl Strategy<Value = Option<crate::model::Sample>> {
    prop::option::weighted(
        0.8,
        (time(), number()).prop_map(|(at, value)| sample(at, value)),
    )
}

prop_compose! {
    fn a_candidate(n: u8)(
        committed in number(), known in entries().boxed(), life_of in 1_u8..6, up in prop::bool::weighted(0.9),
        flags in prop::collection::vec(prop::bool::weighted(0.92), 6), kind in prop_oneof![9 => Just(4), 1 => any::<i32>()],
        preference in prop_oneof![Just(Preference::Prefer), Just(Preference::Neutral), Just(Preference::PreferNot)],
        at_target in a_sample().boxed(), newest in a_sample().boxed(), received in a_sample().boxed(), hand in a_sample().boxed(),
        shown in prop::option::of((time(), number())), released in prop::option::weighted(0.1, time()),
    ) -> Candidate {
        let mut candidate = candidate(n, committed, &known, 0);
        let mut answer = facts(n, committed, &known);
        answer.identity.invocation_id = if flags[0] { id(n) } else { id(life_of) };
        answer.synchronized = flags[1];
        answer.identity.is_read_only = !flags[2];
        answer.identity.site = if flags[3] { "Home" } else { "Away" }.to_owned();
        answer.instance_types.insert(nc(), InstanceType(kind));
        if !flags[4] {
            answer.vectors.clear();
        }
        candidate.incarnations[0].quarantine = (!flags[5]).then(|| Quarantine { since: ms(1), reason: "x".to_owned() });
        candidate.incarnations[0].released_at = released.map(ms);
        let failure = PollFailure { kind: FailureKind::Timeout, detail: "x".to_owned() };
        candidate.probe = if up { Ok(answer) } else { Err(failure) };
        candidate.preference = preference;
        (candidate.at_target, candidate.newest, candidate.received) = (at_target, newest, received);
        candidate.known = shown.map(|(at, value)| KnownUsn { usn: usn(value), partner: dc(9), read_at: ms(at) });
        candidate.by_hand = hand.map(|sample| ByHand { at: Some((id(life_of), sample)), ..ByHand::default() });
        candidate
    }
}

fn how() -> impl Strategy<Value = How> {
    prop_oneof![
        Just(by(StartMethod::Best)),
        Just(by(StartMethod::Vector)),
        Just(by(StartMethod::Time)),
        time().prop_map(|at| How::Manual { usn_date: ms(at) }),
    ]
}

fn knowledge() -> impl Strategy<Value = Option<Knowledge>> {
    prop_oneof![
        4 => Just(None),
        1 => Just(Some(void())),
        3 => (time(), 1_u8..3, number(), entries()).prop_map(|(at, n, start, held)| Some(switched(at, n, start, &held))),
    ]
}

prop_compose! {
    fn any_input()(
        candidates in (a_candidate(2).boxed(), a_candidate(3).boxed(), a_candidate(4).boxed()), how in how().boxed(), knowledge in knowledge().boxed(),
        evidence in prop::option::weighted(0.8, (time(), number(), entries(), 1_u8..3)),
        read in (number(), number()), read_by in a_sample().boxed(), failure in prop::option::of(time()),
        hours in prop_oneof![3 => 0.0..0.003, 1 => 0.0..87_600.0], allow_gap in prop::bool::weighted(0.3),
        catalog in prop::bool::weighted(0.2), largest in prop::bool::weighted(0.1), named in prop::bool::weighted(0.9),
    ) -> Input {
        with(|input| {
            input.candidates = vec![candidates.0, candidates.1, candidates.2];
            input.ask.how = how;
            input.ask.allow_gap = allow_gap;
            input.ask.failure_timestamp = failure.map(ms);
            input.ask.replication_time = Hours::new(hours).unwrap();
            input.knowledge = knowledge;
            input.source.read_by = read_by;
            input.source.evidence = evidence.map(|(at, after, held, n)| SourceSample {
                invocation_id: id(n),
                collected_at: ms(at),
                committed_after: usn(after),
                vectors: vectors(&held),
            });
            (input.cursor.cursor.last_updated, input.cursor.cursor.last_deleted) = (usn(read.0), usn(read.1));
            if catalog {
                input.host_attribute = HostAttribute::GlobalCatalog;
            }
            if largest {
                input.position = Position::LargestSeen;
            }
            if !named {
                input.cursor.cursor.invocation_id = None;
            }
        })
    }
}

/// S before the switch as the rules define it, written down once more.
fn held_before(input: &Input) -> crate::model::Vector {
    if nothing_read(input) {
        return crate::model::Vector::new();
    }
    let ia = id(1);
    let read = input.cursor.cursor.read_up_to();
    let sample = input
        .source
        .evidence
        .as_ref()
        .filter(|sample| sample.invocation_id == ia && sample.committed_after <= read);
    let from_sample = sample.and_then(|sample| sample.vectors.get(&nc()));
    let s = match &input.knowledge {
        Some(Knowledge::Held {
            since, start, held, ..
        }) => {
            let newer = sample.is_some_and(|sample| sample.collected_at > *since) && read > *start;
            if newer { from_sample } else { held.get(&nc()) }
        }
        _ => from_sample,
    };
    s.cloned().unwrap_or_default().with(ia, read)
}

/// A consumer that has read nothing misses nothing wherever it begins.
fn nothing_read(input: &Input) -> bool {
    let cursor = &input.cursor.cursor;
    cursor.last_updated == Usn::ZERO && cursor.last_deleted == Usn::ZERO
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]

    #[test]
    fn a_plan_is_the_same_in_any_order_and_at_any_time(input in any_input().boxed(), turn in 0_usize..3, later in 1_i64..1_000) {
        let plan = decide(&input, ms(10_001));
        let mut turned = input.clone();
        turned.candidates.rotate_left(turn);
        prop_assert_eq!(&decide(&input, ms(10_001)), &plan);
        prop_assert_eq!(&decide(&turned, ms(10_001)), &plan);
        prop_assert_eq!(decide(&input, ms(10_001 + later)).hash, plan.hash);
    }

    #[test]
    fn the_hash_is_that_of_the_orders(one in any_input().boxed(), other in any_input().boxed()) {
        let (one, other) = (decide(&one, ms(10_001)), decide(&other, ms(10_001)));
        let orders = |plan: &crate::model::Plan| {
            let chosen = plan.chosen.as_ref()?;
            let switch = &chosen.switch;
            Some((switch.to.clone(), switch.new.clone(), switch.expected.clone(), chosen.method, chosen.start.proven))
        };
        if one.cursor == other.cursor || one.chosen.is_some() {
            prop_assert_eq!(orders(&one) == orders(&other) && one.cursor == other.cursor, one.hash == other.hash);
        }
    }

    #[test]
    fn what_is_chosen_is_safe(input in any_input().boxed()) {
        let plan = decide(&input, ms(10_001));
        prop_assert_eq!(plan.candidates.len(), input.candidates.len());
        let free = plan.candidates.iter().any(|verdict| verdict.why_not.is_empty());
        prop_assert_eq!(plan.chosen.is_some(), free);
        let Some(chosen) = &plan.chosen else { return Ok(()) };
        let verdict = &plan.candidates[0];
        prop_assert_eq!(&verdict.dc, &chosen.switch.to);
        prop_assert!(verdict.why_not.is_empty());
        prop_assert!(chosen.start.usn <= verdict.committed.unwrap());
        let vector = verdict.starts.as_ref().unwrap().vector.as_ref().ok();
        if let (false, Some(proven)) = (input.ask.allow_gap, vector) {
            prop_assert!(chosen.start.usn <= proven.usn && chosen.start.proven);
        }
        prop_assert!(!chosen.start.proven || vector.is_some_and(|vector| chosen.start.usn <= vector.usn));
    }

    #[test]
    fn only_what_was_asked_for_is_rewritten(input in any_input().boxed()) {
        let Some(chosen) = decide(&input, ms(10_001)).chosen else { return Ok(()) };
        let (old, new) = (&input.cursor.cursor, &chosen.switch.new);
        prop_assert_eq!(&chosen.switch.expected, &input.cursor);
        prop_assert_eq!((new.last_updated, new.last_deleted), (chosen.start.usn, chosen.start.usn));
        let host = Some(format!("{}.example.com", chosen.switch.to));
        match input.host_attribute {
            HostAttribute::LdapHost => {
                prop_assert_eq!(Some(&new.ldap_host), host.as_ref());
                prop_assert_eq!(&new.global_catalog, &old.global_catalog);
            }
            HostAttribute::GlobalCatalog => {
                prop_assert_eq!(&new.global_catalog, &host);
                prop_assert_eq!(&new.ldap_host, &old.ldap_host);
            }
        }
    }

    /// R2 and R3: the start by vector is S[ib]; afterwards S is the meet with the new DC's vector, and the same S[ib].
    #[test]
    fn a_proven_switch_leaves_the_minimum(input in any_input().boxed()) {
        let Some(chosen) = decide(&input, ms(10_001)).chosen else { return Ok(()) };
        let candidate = input.candidates.iter().find(|candidate| candidate.dc == chosen.switch.to).unwrap();
        let facts = candidate.probe.as_ref().unwrap();
        let ib = facts.identity.invocation_id;
        match &chosen.switch.knowledge {
            Knowledge::Held { start, held, invocation_id, .. } => {
                let honest = input.position == Position::BeforeSearch || nothing_read(&input);
                prop_assert!(chosen.start.proven && honest);
                prop_assert_eq!((*start, *invocation_id), (chosen.start.usn, ib));
                let before = held_before(&input);
                let own = before.get(ib).unwrap_or(Usn::ZERO);
                prop_assert!(*start <= own);
                let theirs = facts.vectors.get(&nc()).cloned().unwrap_or_default();
                prop_assert_eq!(&held[&nc()], &before.meet(&theirs).with(ib, own));
            }
            Knowledge::Void { .. } => prop_assert!(!chosen.start.proven),
            Knowledge::Pass { .. } => prop_assert!(false, "only an operator declares a full pass"),
        }
    }

    /// Whatever failure is reported, a start by time over all candidates rests on what the cursor is known to have read.
    #[test]
    fn no_failure_timestamp_moves_a_start_by_time_past_the_last_read(input in any_input().boxed(), later in 0_i64..20_000) {
        let mut input = input;
        let Some(read_by) = input.source.read_by.map(|sample| sample.not_begun_at()) else { return Ok(()) };
        if !matches!(input.ask.how, How::Auto { .. }) {
            input.ask.how = by(StartMethod::Time);
        }
        input.ask.allow_gap = false;
        let latest = read_by.minus_ms(input.ask.replication_time.as_millis());
        let plan = decide(&input, ms(10_001));
        prop_assert!(plan.target.unwrap() <= latest);
        for verdict in &plan.candidates {
            let Some(Ok(start)) = verdict.starts.as_ref().map(|starts| &starts.time) else { continue };
            let candidate = input.candidates.iter().find(|candidate| candidate.dc == verdict.dc).unwrap();
            let bound = candidate.at_target.filter(|sample| sample.collected_at <= latest);
            prop_assert_eq!(Some(start.usn), bound.map(|sample| sample.committed));
        }
        // One that is later is the same as none.
        input.ask.failure_timestamp = Some(read_by.plus_ms(later));
        let given = decide(&input, ms(10_001));
        input.ask.failure_timestamp = None;
        let none = decide(&input, ms(10_001));
        prop_assert_eq!(given.chosen, none.chosen);
        prop_assert_eq!((given.target, given.candidates), (none.target, none.candidates));
    }

    /// Neither the old cursor nor anything read later than the cursor moves a start by vector.
    #[test]
    fn a_start_by_vector_knows_no_old_cursor(input in any_input().boxed(), more in 1_i64..9) {
        let mut input = input;
        input.ask.how = by(StartMethod::Vector);
        input.ask.allow_gap = false;
        input.knowledge = None;
        if nothing_read(&input) {
            return Ok(());
        }
        let start = |input: &Input| decide(input, ms(10_001)).chosen.map(|chosen| (chosen.switch.to, chosen.start.usn));
        let Some((to, found)) = start(&input) else { return Ok(()) };
        let read = input.cursor.cursor.read_up_to().get().saturating_add(more);
        (input.cursor.cursor.last_updated, input.cursor.cursor.last_deleted) = (usn(read), usn(read));
        input.ask.only = Some(to.clone());
        let ahead = |verdict: &Verdict| {
            let vector = verdict.starts.as_ref().map(|starts| &starts.vector);
            matches!(vector, Some(Err(WhyNoStart::CursorAhead { .. })))
        };
        // Above the end of its DC it is no cursor of that DC any more.
        if decide(&input, ms(10_001)).candidates.iter().any(ahead) {
            return Ok(());
        }
        prop_assert_eq!(start(&input), Some((to, found)));
    }
}
