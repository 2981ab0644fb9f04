//! Each rule broken once: some run must miss, repeat or go backwards. Those that chance hardly ever needs are in `directed`.

use std::sync::PoisonError;

use highwater::active_sync::decide::rules::{Broken, Rule};

use crate::running::{RULES, seeds};
use crate::world::{COURSE, World};

/// Runs with the rule broken until one shows it.
fn shows(rule: Rule, what: fn(&World) -> bool) {
    let _alone = RULES.write().unwrap_or_else(PoisonError::into_inner);
    let _broken = Broken::new(rule);
    for seed in seeds(300) {
        let run = std::panic::catch_unwind(|| {
            let mut world = World::new(seed);
            world.run(COURSE);
            world.settle();
            what(&world)
        });
        // An update of an object the consumer never had ends a run, and is a miss as well.
        if run.unwrap_or(true) {
            println!("{rule:?} broken: seen by seed {seed}");
            return;
        }
    }
    panic!(
        "{rule:?} broken, and nothing was seen: the rule is not needed, or the runs are too tame"
    );
}

fn misses(world: &World) -> bool {
    !world.missed().is_empty()
}

fn repeats(world: &World) -> bool {
    !world.consumer.repeated.is_empty()
}

fn goes_back(world: &World) -> bool {
    !world.consumer.backwards.is_empty()
}

#[test]
fn a_vector_read_after_the_search_misses() {
    shows(Rule::VectorBefore, misses);
}

#[test]
fn a_cursor_read_after_the_search_misses() {
    shows(Rule::CursorBefore, misses);
}

#[test]
fn without_the_journal_changes_are_repeated() {
    shows(Rule::Journal, repeats);
}

#[test]
fn without_repairs_changes_are_missed() {
    shows(Rule::Repair, misses);
}

#[test]
fn with_the_rdn_stamp_compared_changes_are_repeated() {
    shows(Rule::RdnLeftOut, |world| {
        repeats(world) || !world.consumer.unproven.is_empty()
    });
}

#[test]
fn delivering_more_than_the_news_repeats() {
    shows(Rule::OnlyNews, repeats);
}

#[test]
fn whole_images_from_a_lagging_dc_go_backwards() {
    shows(Rule::ImageLessNewer, goes_back);
}

#[test]
fn without_holding_the_deleted_come_back_to_life() {
    shows(Rule::DeletedHeld, |world| goes_back(world) || misses(world));
}

#[test]
fn without_digests_memberships_are_missed() {
    shows(Rule::Links, misses);
}

#[test]
fn without_reading_the_subtree_names_are_missed() {
    shows(Rule::Subtree, misses);
}
