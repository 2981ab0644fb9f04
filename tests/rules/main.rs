//! The rules of finding a start, tried on a simulated forest: whole, they lose nothing; with any one of them
//! broken, something is lost.
//!
//! `HIGHWATER_SEEDS` sets the number of seeds; a failure names its seed.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

mod consumer;
mod forest;
mod rng;
mod watcher;
mod world;

use highwater::model::StartMethod;

use world::{Broken, Outcome, run};

fn seeds(default: u64) -> u64 {
    std::env::var("HIGHWATER_SEEDS").map_or(default, |text| text.parse().unwrap())
}

/// Runs all seeds of the whole rules; nothing may be lost.
fn sound(method: StartMethod) -> Outcome {
    let mut all = Outcome::default();
    for seed in 0..seeds(300) {
        let outcome = run(seed, method, None);
        assert!(
            outcome.lost.is_empty(),
            "seed {seed}, method {method:?}: {outcome:#?}"
        );
        all.switches += outcome.switches;
        all.refused += outcome.refused;
        all.by_time += outcome.by_time;
        all.from_last_switch += outcome.from_last_switch;
        all.undone += outcome.undone;
        all.restored += outcome.restored;
        all.rolled_back += outcome.rolled_back;
    }
    all
}

/// Runs seeds with one rule broken until something is lost.
fn caught(broken: Broken, method: StartMethod) {
    let bound = seeds(300).max(2_000);
    let found = (0..bound).find(|seed| !run(*seed, method, Some(broken)).lost.is_empty());
    assert!(
        found.is_some(),
        "{broken:?} lost nothing in {bound} seeds: the simulation does not see it"
    );
}

#[test]
fn the_vector_start_loses_nothing() {
    let all = sound(StartMethod::Vector);
    assert!(all.switches > all.refused, "{all:?}");
    assert!(all.from_last_switch > 0 && all.undone > 0, "{all:?}");
    assert!(all.restored > 0 && all.rolled_back > 0, "{all:?}");
}

#[test]
fn the_best_start_loses_nothing() {
    let all = sound(StartMethod::Best);
    assert!(all.switches > all.refused, "{all:?}");
    assert!(all.by_time > 0 && all.by_time < all.switches, "{all:?}");
}

#[test]
fn the_time_start_with_an_honest_bound_loses_nothing() {
    let all = sound(StartMethod::Time);
    assert!(all.switches > 0 && all.by_time == all.switches, "{all:?}");
}

#[test]
fn a_vector_read_after_the_search_is_caught() {
    caught(Broken::VectorAfterSearch, StartMethod::Vector);
}

#[test]
fn an_upper_bound_on_the_search_is_caught() {
    caught(Broken::UpperBound, StartMethod::Vector);
}

#[test]
fn a_start_at_what_was_told_is_caught() {
    caught(Broken::StartAtTold, StartMethod::Vector);
}

#[test]
fn a_switch_without_the_minimum_is_caught() {
    caught(Broken::NoMinimum, StartMethod::Vector);
}

#[test]
fn the_old_cursor_on_the_new_dc_is_caught() {
    caught(Broken::OldCursor, StartMethod::Vector);
}

#[test]
fn a_sample_of_an_old_incarnation_is_caught() {
    caught(Broken::OldIncarnation, StartMethod::Time);
}

#[test]
fn evidence_above_the_cursor_is_caught() {
    caught(Broken::NoSecondCommitted, StartMethod::Vector);
}

#[test]
fn no_replication_time_is_caught() {
    caught(Broken::NoReplicationTime, StartMethod::Time);
}

#[test]
fn a_collected_time_from_before_the_reading_is_caught() {
    caught(Broken::CollectedBefore, StartMethod::Time);
}

#[test]
fn a_sample_above_the_target_is_caught() {
    caught(Broken::AboveTarget, StartMethod::Time);
}

#[test]
fn a_cursor_of_the_largest_usn_seen_is_caught() {
    caught(Broken::LargestSeen, StartMethod::Vector);
}

#[test]
fn a_rolled_back_dc_is_caught() {
    caught(Broken::UsesRolledBack, StartMethod::Vector);
}

/// A database put back that has passed its old USN before anybody looked: AD itself does not see it either.
#[test]
fn a_rollback_that_no_reading_shows_is_the_known_limit() {
    caught(Broken::UnseenRollback, StartMethod::Vector);
}
