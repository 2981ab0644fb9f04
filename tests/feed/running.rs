//! Runs over many seeds: nothing missed, nothing repeated, nothing backwards.

use std::sync::{PoisonError, RwLock, RwLockReadGuard};

use crate::world::{COURSE, Course, World};

/// Read by every run with all rules, written by one that breaks a rule: rules are broken in the whole process.
pub(crate) static RULES: RwLock<()> = RwLock::new(());

pub(crate) fn with_all_rules() -> RwLockReadGuard<'static, ()> {
    RULES.read().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) fn seeds(usually: u64) -> Vec<u64> {
    let number = |name| {
        std::env::var(name)
            .ok()
            .and_then(|text: String| text.parse().ok())
    };
    match number("HIGHWATER_SEED") {
        Some(seed) => vec![seed],
        None => (1..=number("HIGHWATER_SEEDS").unwrap_or(usually)).collect(),
    }
}

fn check(name: &str, course: Course, usually: u64) {
    let _all = with_all_rules();
    let (mut events, mut failovers, mut writes) = (0, 0, 0);
    let mut unproven = std::collections::BTreeMap::new();
    let mut silent = std::collections::BTreeMap::new();
    let all = seeds(usually);
    for seed in &all {
        let mut world = World::new(*seed);
        world.run(course);
        world.settle();
        let missed = world.missed();
        assert!(
            missed.is_empty(),
            "{name}, seed {}: missed {missed:#?}",
            world.seed
        );
        let consumer = &world.consumer;
        assert!(
            consumer.repeated.is_empty(),
            "{name}, seed {seed}: repeated {:#?}",
            consumer.repeated
        );
        assert!(
            consumer.backwards.is_empty(),
            "{name}, seed {seed}: backwards {:#?}",
            consumer.backwards
        );
        events += consumer.events;
        failovers += world.failovers;
        writes += world.forest.oracle.written().len();
        for (cause, count) in &consumer.unproven {
            *unproven.entry(*cause).or_insert(0) += count;
        }
        for (cause, count) in &world.reader.silences {
            *silent.entry(*cause).or_insert(0) += count;
        }
    }
    println!(
        "{name}: {} runs, {writes} attribute and link writes, {failovers} failovers, {events} events delivered, 0 missed, \
         0 repeated that could be proved a repeat; told again by cause: {unproven:?}; read and not delivered: {silent:?}",
        all.len()
    );
}

#[test]
fn a_feed_on_one_dc_misses_and_repeats_nothing() {
    check(
        "one DC",
        Course {
            failovers: false,
            ..COURSE
        },
        30,
    );
}

#[test]
fn a_feed_through_failovers_misses_and_repeats_nothing() {
    check("failovers", COURSE, 60);
}

#[test]
fn a_start_that_is_exact_misses_nothing_either() {
    check(
        "exact starts",
        Course {
            margin: 0,
            prunes: false,
            ..COURSE
        },
        40,
    );
}

#[test]
fn what_an_unproven_start_left_out_a_whole_pass_brings() {
    check(
        "unproven starts",
        Course {
            unproven_percent: 40,
            ..COURSE
        },
        25,
    );
}
