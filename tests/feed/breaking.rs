//! Each rule broken once: some run must miss, repeat or go backwards. Those that chance hardly ever needs are in `directed`.

use std::sync::PoisonError;

use highwater::active_sync::decide::rules::{Broken, Rule};

use crate::running::{RULES, number, whole};
use crate::weather::Weather;

/// The most seeds that a broken rule may take.
const MOST: u64 = 200;

/// Runs with the rule broken until one shows it. The seeds are always the same.
fn shows(rule: Rule, weather: &Weather) {
    let _alone = RULES.write().unwrap_or_else(PoisonError::into_inner);
    let only = number("HIGHWATER_SEED");
    for seed in only.map_or(1..=MOST, |seed| seed..=seed) {
        let run = || {
            let run = std::panic::catch_unwind(|| whole(seed, weather).1);
            // A run that does not end well has shown it too.
            run.unwrap_or_else(|_| vec!["the run ended early".to_owned()])
        };
        let broken = Broken::new(rule);
        let wrong = run();
        drop(broken);
        // Not where it is wrong with the rule as well.
        if let Some(first) = wrong.first().filter(|_| run().is_empty()) {
            let first: String = first.chars().take(160).collect();
            println!("{rule:?} broken: seen after {seed} seeds: {first}");
            return;
        }
    }
    panic!(
        "{rule:?} broken, and nothing was seen: the rule is not needed, or the runs are too tame"
    );
}

#[test]
fn a_vector_read_after_the_search_misses() {
    shows(Rule::VectorBefore, &Weather::FAILOVERS);
}

#[test]
fn a_cursor_read_after_the_search_misses() {
    shows(Rule::CursorBefore, &Weather::FAIR);
}

#[test]
fn without_the_journal_changes_are_repeated() {
    shows(Rule::Journal, &Weather::FAIR);
}

#[test]
fn losers_that_are_told_go_backwards() {
    shows(Rule::LoserSilent, &Weather::FAILOVERS);
}

#[test]
fn without_repairs_changes_are_missed() {
    shows(Rule::Repair, &Weather::PRUNING);
}

#[test]
fn with_the_rdn_stamp_compared_changes_are_repeated() {
    shows(Rule::RdnLeftOut, &Weather::LEAVING);
}

#[test]
fn delivering_more_than_the_news_repeats() {
    shows(Rule::OnlyNews, &Weather::FAIR);
}

#[test]
fn whole_images_from_a_lagging_dc_go_backwards() {
    shows(Rule::ImageLessNewer, &Weather::LOSSES);
}

#[test]
fn without_holding_the_deleted_come_back_to_life() {
    shows(Rule::DeletedHeld, &Weather::FAILOVERS);
}

#[test]
fn without_digests_memberships_are_missed() {
    shows(Rule::Links, &Weather::FAIR);
}

#[test]
fn without_reading_the_subtree_names_are_missed() {
    shows(Rule::Subtree, &Weather::FAIR);
}
