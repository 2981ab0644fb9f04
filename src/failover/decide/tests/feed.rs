//! The starts of our own feed, and what holds of all of them.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::build::*;
use crate::failover::decide::{
    ByHand, FeedState, Input, Reads, UndoInput, UndoRefused, decide, undo,
};
use crate::model::{
    Chosen, Evidence, FeedContext, Knowledge, Method, Plan, SourceSample, StartMethod, UtcMs,
    WhyNoStart, WhyNot,
};

fn context(told: &[(u8, i64)], held: Option<&[(u8, i64)]>) -> FeedContext {
    FeedContext {
        told: vector(told),
        held: held.map(vector),
        ..FeedContext::default()
    }
}

const LEVEL: &[(u8, i64)] = &[(1, 100), (2, 200), (3, 300)];

fn feed(contexts: BTreeMap<crate::model::Dn, FeedContext>) -> FeedState {
    FeedState {
        contexts,
        loading_since: None,
        written_at: ms(9_500),
        start_margin: 50,
    }
}

/// The usual input as our own feed has it, S = K, with one thing changed; no sample of dc1 is any evidence.
fn fed(change: impl FnOnce(&mut Input)) -> Input {
    with(|input| {
        input.source.evidence = None;
        input.feed = Some(feed(BTreeMap::from([(nc(), context(LEVEL, Some(LEVEL)))])));
        input.ask.only = Some(dc(2));
        change(input);
    })
}

fn state(input: &mut Input) -> &mut FeedState {
    input.feed.as_mut().unwrap()
}

fn the_context(input: &mut Input) -> &mut FeedContext {
    state(input).contexts.get_mut(&nc()).unwrap()
}

fn chosen(change: impl FnOnce(&mut Input)) -> Chosen {
    plan(&fed(change)).chosen.unwrap()
}

fn start(chosen: &Chosen) -> (Method, i64, bool) {
    (chosen.method, chosen.start.usn.get(), chosen.start.proven)
}

fn refused(plan: &Plan) -> Vec<WhyNot> {
    of(plan, 2).why_not.clone()
}

#[test]
fn best_is_the_lower_of_vector_and_time_or_lower_still() {
    let by_time = chosen(|_| ());
    assert_eq!(start(&by_time), (Method::Time, 190, true));
    assert_eq!(by_time.start.read_at_most, 60);
    let by_vector = chosen(|i| i.candidates[0].at_target = Some(sample(7_000, 230)));
    assert_eq!(start(&by_vector), (Method::Vector, 200, true));
    let exact = Evidence::Feed {
        since: ms(9_500),
        margin: 0,
    };
    assert_eq!(by_vector.start.evidence, exact);
    let less = Evidence::Feed {
        since: ms(9_500),
        margin: 50,
    };
    for short in [
        |i: &mut Input| i.candidates[0].at_target = None,
        |i: &mut Input| i.source.read_by = None,
        |i: &mut Input| i.candidates[0].at_target = Some(sample(7_000, 251)),
    ] {
        let lower = chosen(short);
        assert_eq!(start(&lower), (Method::Vector, 150, true));
        assert_eq!(lower.start.evidence, less);
        assert_eq!(lower.start.read_at_most, 100);
    }
    let none_below = chosen(|i| {
        state(i).start_margin = 1_000;
        i.candidates[0].at_target = None;
    });
    assert_eq!(none_below.start.usn, usn(0));
}

#[test]
fn a_start_by_vector_is_s_exactly_whatever_samples_say() {
    for committed in [0, 190, 230] {
        let exact = chosen(|i| {
            i.ask.how = by(StartMethod::Vector);
            i.candidates[0].at_target = Some(sample(7_000, committed));
            i.source.evidence = Some(SourceSample {
                invocation_id: id(1),
                collected_at: ms(9_900),
                committed_after: usn(100),
                vectors: vectors(&[(2, 240)]),
            });
            i.knowledge = Some(void());
        });
        assert_eq!(start(&exact), (Method::Vector, 200, true));
    }
}

#[test]
fn s_after_the_switch_is_what_both_hold() {
    let Knowledge::Held { held, start, .. } = chosen(|_| ()).switch.knowledge else {
        panic!("a proven start leaves S known");
    };
    let own = "of dc2 itself what is proven, though reading begins at 190";
    assert_eq!(held, vectors(&[(1, 90), (2, 200), (3, 300)]), "{own}");
    assert_eq!(start, usn(190));
    let unread = chosen(|i| answer(i).vectors.clear()).switch.knowledge;
    assert_eq!(unread.held(), Some(&vectors(&[(2, 200)])));
    let released = chosen(|i| {
        i.candidates[0].incarnations[0].released_at = Some(ms(9_999));
        i.ask.allow_gap = true;
    });
    let held = vectors(&[(1, 90), (2, 0), (3, 300)]);
    assert_eq!(
        released.switch.knowledge.held(),
        Some(&held),
        "S of it is void"
    );
}

#[test]
fn above_s_nothing_is_started_unless_a_gap_is_allowed() {
    let above = |i: &mut Input| {
        i.ask.how = by(StartMethod::Time);
        i.candidates[0].at_target = Some(sample(7_000, 201));
    };
    let would_skip = WhyNot::WouldSkip {
        start: usn(201),
        proven: usn(200),
    };
    let wanted = [would_skip];
    assert_eq!(refused(&plan(&fed(above))), wanted);
    let around = ByHand {
        at: Some((id(2), sample(7_000, 201))),
        ..ByHand::default()
    };
    assert_eq!(refused(&plan(&fed(|i| by_hand(i, 7_000, &around)))), wanted);
    let forced = chosen(|i| {
        above(i);
        i.ask.allow_gap = true;
    });
    assert_eq!(start(&forced), (Method::Time, 201, false));
    assert!(matches!(forced.switch.knowledge, Knowledge::Void { .. }));
}

#[test]
fn before_its_first_load_is_complete_it_begins_anew_anywhere() {
    let untold = |i: &mut Input| *the_context(i) = context(&[], None);
    let first = |loading: Option<UtcMs>| {
        chosen(|i| {
            untold(i);
            state(i).loading_since = loading;
        })
    };
    for begun in [first(None), first(Some(ms(9_000)))] {
        assert_eq!(start(&begun), (Method::Vector, 0, true));
        assert_eq!(begun.start.evidence, Evidence::NothingRead);
        assert_eq!(begun.start.read_at_most, 250);
    }
    let nothing_stored = chosen(|i| state(i).contexts.clear());
    assert_eq!(start(&nothing_stored), (Method::Vector, 0, true));
    let resync = chosen(|i| state(i).loading_since = Some(ms(9_000)));
    assert_eq!(start(&resync), (Method::Vector, 0, true));
    let since = Some(ms(9_000));
    assert_eq!(resync.start.evidence, Evidence::FullPass { since });
    let due = chosen(|i| {
        i.cursor = cursor(1, 0);
        the_context(i).held = None;
    });
    assert_eq!(start(&due), (Method::Vector, 0, true));
}

#[test]
fn a_cursor_at_0_asks_for_everything_only_where_s_is_unknown() {
    let at_0 = |change: fn(&mut Input)| {
        chosen(|i| {
            i.cursor = cursor(1, 0);
            i.candidates[0].at_target = None;
            change(i);
        })
    };
    let known = at_0(|_| ());
    assert_eq!(start(&known), (Method::Vector, 150, true), "200 less 50");
    let newcomer = at_0(|i| the_context(i).held = Some(vector(&[(1, 100)])));
    assert_eq!(start(&newcomer), (Method::Vector, 0, true), "no new order");
    assert_eq!(newcomer.start.evidence, Evidence::NothingRead);
}

#[test]
fn where_s_is_unknown_only_a_person_orders_a_full_pass() {
    let unknown = |i: &mut Input| the_context(i).held = None;
    let plan_of_it = plan(&fed(|i| {
        unknown(i);
        i.ask.how = by(StartMethod::Vector);
    }));
    let why = WhyNoStart::FeedUnknown {
        resource: "hr".parse().unwrap(),
        nc: nc(),
    };
    assert!(why.to_string().contains("`highwater resync hr`"));
    let method = Method::Vector;
    assert_eq!(refused(&plan_of_it), [WhyNot::NoStart { method, why }]);
    let by_time = chosen(unknown);
    assert_eq!(start(&by_time), (Method::Time, 190, false));
    assert!(matches!(by_time.switch.knowledge, Knowledge::Void { .. }));
    let newcomer = |i: &mut Input| the_context(i).held = Some(vector(&[(1, 100)]));
    let released = |i: &mut Input| i.candidates[0].incarnations[0].released_at = Some(ms(9_999));
    for change in [unknown, newcomer, released] {
        let ordered = chosen(|i| {
            change(i);
            i.ask.allow_gap = true;
        });
        assert_eq!(start(&ordered), (Method::Vector, 0, true));
        let since = None;
        assert_eq!(ordered.start.evidence, Evidence::FullPass { since });
    }
}

/// A DC that was put back from a backup: the journal says nothing any more of what it lacks.
#[test]
fn a_dc_that_lacks_what_the_journal_was_pruned_of_has_to_catch_up_first() {
    let asks_for = |usn| {
        plan(&fed(|i| {
            the_context(i).settled = vector(&[(1, usn), (2, 9_999)]);
        }))
    };
    let has = fed(|_| ()).candidates[0].probe.clone().unwrap().vectors[&nc()]
        .get(id(1))
        .unwrap();
    let lacks = |why: &WhyNot| matches!(why, WhyNot::LacksSettled { .. });
    assert!(!refused(&asks_for(has.get())).iter().any(lacks));
    let why_not = WhyNot::LacksSettled {
        origin: id(1),
        needed: usn(has.get() + 1),
        has,
    };
    assert!(refused(&asks_for(has.get() + 1)).contains(&why_not));
}

#[test]
fn a_dc_behind_what_was_told_of_it_is_to_be_quarantined() {
    for (told, held) in [(251, 200), (100, 251)] {
        let plan = plan(&fed(|i| {
            *the_context(i) = context(&[(2, told)], Some(&[(1, 100), (2, held)]));
        }));
        let behind = WhyNot::BehindFeed {
            dc: dc(2),
            told: usn(251),
            committed: usn(250),
        };
        assert!(refused(&plan).contains(&behind), "{:?}", refused(&plan));
        assert!(
            behind
                .to_string()
                .contains("`highwater quarantine add dc2 --reason")
        );
    }
    let released = plan(&fed(|i| {
        the_context(i).told = vector(&[(2, 251)]);
        i.candidates[0].incarnations[0].released_at = Some(ms(9_999));
    }));
    let behind = |why: &WhyNot| matches!(why, WhyNot::BehindFeed { .. });
    assert!(!refused(&released).iter().any(behind));
}

#[test]
fn a_dc_that_has_all_that_was_told_is_preferred() {
    let to = |change: &dyn Fn(&mut Input)| {
        let plan = plan(&fed(|i| {
            i.ask.only = None;
            change(i);
        }));
        plan.chosen.unwrap().switch.to
    };
    // dc3 has dc2 up to 190, and 200 was told; of dc1 nobody has all.
    assert_eq!(to(&|_| ()), dc(2));
    let third = |i: &mut Input| {
        answer(i).vectors = vectors(&[(1, 90), (3, 299)]);
        i.candidates[1].probe.as_mut().unwrap().vectors = vectors(&[(2, 200)]);
        i.candidates[1].at_target = Some(sample(7_000, 1));
    };
    assert_eq!(to(&third), dc(3), "although more is read there");
    // Equal but for the way the start was found: the least to read counts.
    let least = |i: &mut Input| {
        i.candidates[1].probe.as_mut().unwrap().vectors = vectors(&[(2, 200)]);
        i.candidates[0].at_target = Some(sample(7_000, 210));
        i.candidates[1].at_target = Some(sample(7_000, 290));
    };
    assert_eq!(to(&least), dc(3), "40 changes by time, 50 by vector");
}

fn undone(
    feed: &FeedState,
    change: impl FnOnce(&mut UndoInput),
) -> Result<crate::model::Switch, UndoRefused> {
    let done = chosen(|_| ()).switch;
    let now = cursor(2, 230);
    let mut input = UndoInput {
        back_to: dc(1),
        knowledge: Some(feed.knowledge(&now, &done.to)),
        reads: match feed.begins_anew(&now) {
            Some(_) => Reads::AllAnywhere,
            None => Reads::Changes,
        },
        cursor: now,
        incarnation: Some(id(1)),
        facts: Some(facts(1, 120, &[(2, 240), (3, 280)])),
        allow_gap: false,
        restart: true,
        done,
    };
    change(&mut input);
    undo(&input, ms(20_000))
}

#[test]
fn an_undo_is_a_switch_back_at_s_or_lower() {
    let told: &[(u8, i64)] = &[(1, 100), (2, 230), (3, 300)];
    let of = |held: Option<&[(u8, i64)]>| feed(BTreeMap::from([(nc(), context(told, held))]));
    let known = of(Some(&[(1, 95), (2, 230), (3, 300)]));
    let back = undone(&known, |_| ()).unwrap();
    assert_eq!(back.new, cursor(1, 95).cursor);
    let held = vectors(&[(1, 95), (2, 230), (3, 280)]);
    assert_eq!(back.knowledge.held(), Some(&held));
    let lower = undone(&known, |i| i.done.expected = cursor(1, 70)).unwrap();
    assert_eq!(
        lower.new,
        cursor(1, 70).cursor,
        "never above the old cursor"
    );
    assert_eq!(
        lower.knowledge.held(),
        Some(&held),
        "what is held stays held"
    );
    let newcomer = of(Some(&[(2, 230)]));
    let unproven = undone(&newcomer, |_| ());
    assert!(matches!(unproven, Err(UndoRefused::Unproven { .. })));
    let from_0 = undone(&newcomer, |i| i.reads = Reads::AllHere).unwrap();
    assert_eq!(from_0.new, cursor(1, 0).cursor);
    let dead = undone(&known, |i| i.facts = None).unwrap();
    assert_eq!(dead.knowledge.held(), Some(&vectors(&[(1, 95)])));
    assert!(matches!(
        undone(&of(None), |_| ()),
        Err(UndoRefused::Unproven { .. })
    ));
    let mut loading = of(None);
    loading.loading_since = Some(ms(9_900));
    let anew = undone(&loading, |_| ()).unwrap();
    assert_eq!(anew.new, cursor(1, 0).cursor);
    let first = feed(BTreeMap::from([(nc(), context(&[], None))]));
    assert_eq!(undone(&first, |_| ()).unwrap().new, cursor(1, 0).cursor);
}

fn entries() -> impl Strategy<Value = Vec<(u8, i64)>> {
    prop::collection::vec((1_u8..5, 0_i64..400), 0..6)
}

prop_compose! {
    fn any_fed()(
        contexts in prop::collection::vec((entries(), prop::option::weighted(0.9, entries())), 0..3),
        margin in 0_u32..300, loading in prop::bool::weighted(0.1), read in 0_i64..200,
        at_target in prop::collection::vec(prop::option::of(0_i64..400), 2),
        how in prop_oneof![Just(StartMethod::Best), Just(StartMethod::Vector), Just(StartMethod::Time)],
        hand in prop::option::weighted(0.2, 0_i64..400), allow_gap in prop::bool::weighted(0.3),
    ) -> Input {
        let second: crate::model::Dn = "CN=Configuration,DC=example,DC=com".parse().unwrap();
        fed(|input| {
            input.ask.only = None;
            input.ask.allow_gap = allow_gap;
            input.cursor = cursor(1, read);
            let contexts = contexts.iter().zip([nc(), second.clone()]);
            let contexts = contexts.map(|((told, held), nc)| (nc, context(told, held.as_deref())));
            state(input).contexts = contexts.collect();
            state(input).start_margin = margin;
            state(input).loading_since = loading.then(|| ms(9_000));
            let ncs: std::collections::BTreeSet<_> = state(input).contexts.keys().cloned().collect();
            for (candidate, at) in input.candidates.iter_mut().zip(at_target) {
                candidate.at_target = at.map(|at| sample(7_000, at));
                let facts = candidate.probe.as_mut().unwrap();
                facts.instance_types.insert(second.clone(), crate::model::InstanceType(4));
            }
            if !ncs.is_empty() {
                input.source.naming_contexts = ncs;
            }
            input.ask.how = by(how);
            if let Some(hand) = hand {
                let around = ByHand { at: Some((id(2), sample(7_000, hand))), ..ByHand::default() };
                by_hand(input, 7_000, &around);
            }
        })
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn no_start_lies_above_s(input in any_fed().boxed()) {
        let plan = decide(&input, ms(10_001));
        let Some(chosen) = &plan.chosen else { return Ok(()) };
        let state = input.feed.as_ref().unwrap();
        let start = &chosen.start;
        let verdict = &plan.candidates[0];
        prop_assert_eq!(start.read_at_most, verdict.committed.unwrap().above(start.usn));
        let ib = verdict.invocation_id.unwrap();
        let of = |context: &FeedContext| context.held.as_ref()?.get(ib);
        let s = state.contexts.values().map(of).min().flatten();
        let is_void = matches!(chosen.switch.knowledge, Knowledge::Void { .. });
        prop_assert_eq!(is_void, !start.proven);
        // And what is said to be held of it was held before: no more, and with no margin taken from it.
        let own = chosen.switch.knowledge.held().into_iter().flat_map(|held| held.values());
        for own in own.filter_map(|vector| vector.get(ib)) {
            prop_assert!(own == usn(0) || Some(own) == s);
        }
        if start.proven {
            prop_assert!(start.usn == usn(0) || s.is_some_and(|s| start.usn <= s));
        } else {
            prop_assert!(s.is_none() || input.ask.allow_gap);
        }
        // Nothing the feed knows of is missing on it.
        let known = state.contexts.values().filter_map(|context| context.told.get(ib)).max();
        prop_assert!(known <= verdict.committed);
    }

    #[test]
    fn best_is_never_above_vector_or_time(input in any_fed().boxed()) {
        for verdict in decide(&input, ms(10_001)).candidates {
            let starts = verdict.starts.unwrap();
            let (vector, time) = (starts.vector.ok(), starts.time.ok());
            prop_assert_eq!(starts.best.is_some(), vector.is_some());
            let (Some(best), Some(vector)) = (starts.best, vector) else { continue };
            let margin = u64::from(input.feed.as_ref().unwrap().start_margin);
            match (&time, &vector.evidence) {
                (Some(time), _) => prop_assert_eq!(best.start.usn, vector.usn.min(time.usn)),
                (None, Evidence::Feed { .. }) => prop_assert_eq!(best.start.usn, vector.usn.less(margin)),
                (None, _) => prop_assert_eq!(best.start.usn, usn(0)),
            }
        }
    }
}
