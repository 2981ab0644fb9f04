//! The rules of finding a start, tried on a simulated forest: whole, they lose nothing; with any one of them
//! broken, something is lost.
//!
//! The collector's recording and pruning, the gathering, the decision and the carrying out are the code that ships, on
//! a store of its own for every seed; simulated are the DCs, the consumer and the time.
//!
//! The seeds are others each time. A failure names its seed: `HIGHWATER_SEED=N cargo test --test rules NAME` runs it
//! again, and `HIGHWATER_SEEDS=N` runs that many (`-- --nocapture` shows what was run).
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "tests"
)]

mod broken;
mod consumer;
mod forest;
mod product;
mod rng;
mod source;
mod world;

use std::ops::Range;
use std::sync::OnceLock;

use highwater::model::StartMethod;

use broken::Broken;
use world::{Outcome, run};

/// How many seeds a start is run with, unless `HIGHWATER_SEEDS` says otherwise.
const SEEDS: u64 = 200;

/// In how many seeds at most a broken rule has to show.
const TO_BE_CAUGHT: u64 = 2_000;

fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap())
}

/// `count` seeds from one that is drawn anew each time, or from the one that is asked for.
fn seeds(count: u64) -> Range<u64> {
    static DRAWN: OnceLock<u64> = OnceLock::new();
    let drawn = || uuid::Uuid::new_v4().as_u64_pair().0 >> 32;
    let first = number("HIGHWATER_SEED").unwrap_or_else(|| *DRAWN.get_or_init(drawn));
    first..first + count
}

/// Names the seed where a run ends in a panic.
struct Running(u64);

impl Drop for Running {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("this was seed {}", self.0);
        }
    }
}

/// Runs all seeds of the whole rules; nothing may be lost. `shows` is what many seeds together have to have shown.
fn sound(method: StartMethod, shows: fn(&Outcome) -> bool) {
    let only = number("HIGHWATER_SEED").map(|_| 1);
    let count = number("HIGHWATER_SEEDS").or(only).unwrap_or(SEEDS);
    let seeds = seeds(count);
    println!("{method:?}: seeds {seeds:?}");
    let mut all = Outcome::default();
    for seed in seeds {
        let _running = Running(seed);
        let outcome = run(seed, method, None);
        assert!(
            outcome.lost.is_empty(),
            "seed {seed}, method {method:?}: {outcome:#?}"
        );
        all.add(&outcome);
    }
    println!("{method:?}: {count} runs: {all:?}");
    assert!(count < SEEDS || shows(&all), "{all:?}");
}

/// Runs seeds with one rule broken until something is lost.
fn caught(broken: Broken, method: StartMethod) {
    let bound = number("HIGHWATER_SEEDS").unwrap_or(0).max(TO_BE_CAUGHT);
    let seeds = seeds(bound);
    let found = seeds.clone().find(|seed| {
        let _running = Running(*seed);
        !run(*seed, method, Some(broken)).lost.is_empty()
    });
    let Some(found) = found else {
        panic!("{broken:?} lost nothing in the seeds {seeds:?}: the simulation does not see it");
    };
    let took = found - seeds.start + 1;
    println!("{broken:?}: seen by seed {found}, the {took}. tried");
}

#[test]
fn the_same_seed_gives_the_same_run() {
    for seed in seeds(3) {
        let _running = Running(seed);
        let twice = [(); 2].map(|()| run(seed, StartMethod::Best, None));
        assert_eq!(twice[0], twice[1]);
    }
}

#[test]
fn the_vector_start_loses_nothing() {
    sound(StartMethod::Vector, |all| {
        all.switches > all.refused
            && all.from_last_switch > 0
            && all.undone > 0
            && all.restored > 0
            && all.rolled_back > 0
            && all.pruned > 0
    });
}

#[test]
fn the_best_start_loses_nothing() {
    sound(StartMethod::Best, |all| {
        all.switches > all.refused && all.by_time > 0 && all.by_time < all.switches
    });
}

#[test]
fn the_time_start_with_an_honest_bound_loses_nothing() {
    sound(StartMethod::Time, |all| {
        all.switches > 0 && all.by_time == all.switches
    });
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
