//! Rules that chance hardly ever needs: what happens is laid out step by step, with the rule and without it.

use std::sync::PoisonError;

use highwater::active_sync::decide::rules::{Broken, Rule};
use highwater::lab::forest::{Attribute, Kind};
use uuid::Uuid;

use crate::reader::usn_vectors;
use crate::running::{RULES, with_all_rules};
use crate::shown::guid;
use crate::world::World;

/// The story shows something exactly where the rule does not hold.
fn needs(rule: Rule, story: fn(&mut World) -> bool, with: Option<Attribute>) {
    let _alone = RULES.write().unwrap_or_else(PoisonError::into_inner);
    for seed in 1..=6 {
        assert!(
            !story(&mut World::still(seed, with)),
            "seed {seed}: all rules hold"
        );
        let _broken = Broken::new(rule);
        assert!(
            story(&mut World::still(seed, with)),
            "seed {seed}: {rule:?} is broken, and nothing was seen"
        );
    }
}

fn live(world: &World, kind: Kind, count: usize) -> Vec<Uuid> {
    let dc = &world.forest.dcs[0];
    let all = dc.of_kind(kind).iter().copied();
    let live: Vec<_> = all.filter(|guid| dc.is_live(*guid)).take(count).collect();
    assert_eq!(live.len(), count);
    live
}

/// A group with one member, known everywhere.
fn group_with_a_member(world: &mut World) -> (Uuid, Uuid, Uuid) {
    let group = live(world, Kind::Group, 1)[0];
    let users = live(world, Kind::User, 2);
    world
        .forest
        .link(0, world.now(), group, users[0], true)
        .unwrap();
    world.read_on();
    (group, users[0], users[1])
}

#[test]
fn a_member_told_deleted_would_stay_for_ever() {
    needs(
        Rule::DeletedTargets,
        |world| {
            let (group, gone, other) = group_with_a_member(world);
            world.cut_all(true);
            world.forest.delete(0, world.now(), gone).unwrap();
            world.read_on();
            world.move_to(1);
            // The group changes where nobody knows that the member is deleted.
            world
                .forest
                .link(1, world.now(), group, other, true)
                .unwrap();
            world.read_on();
            world.settle();
            !world.missed().is_empty()
        },
        None,
    );
}

#[test]
fn a_member_told_alive_would_be_lost() {
    needs(
        Rule::Regained,
        |world| {
            let (group, back, other) = group_with_a_member(world);
            world.forest.delete(0, world.now(), back).unwrap();
            world.read_on();
            world.cut_all(true);
            let changes = highwater::lab::forest::Changes::new();
            let parent = world.forest.live_units(0).unwrap()[0];
            world
                .forest
                .undelete_to(0, world.now(), back, parent, changes)
                .unwrap();
            world.read_on();
            world.move_to(1);
            // The group changes where the member is a tombstone.
            world
                .forest
                .link(1, world.now(), group, other, true)
                .unwrap();
            world.read_on();
            world.settle();
            !world.missed().is_empty()
        },
        None,
    );
}

/// What left, and what J says of that once it was pruned as if every candidate knew.
fn left_and_pruned(world: &mut World) -> bool {
    let user = live(world, Kind::User, 1)[0];
    assert!(world.consumer.entries.contains_key(&guid(user)));
    world.cut_all(true);
    let clear = [(Attribute::Mail, Vec::new())].into();
    world.forest.set(0, world.now(), user, clear).unwrap();
    world.read_on();
    assert!(!world.consumer.entries.contains_key(&guid(user)));
    let vectors = usn_vectors(&world.forest);
    world.reader.prune(&vectors);
    world.move_to(1);
    let news = [(
        Attribute::Sn,
        highwater::lab::forest::text("another".to_owned()),
    )];
    world.forest.set(1, world.now(), user, news.into()).unwrap();
    world.read_on();
    let came_back = world.consumer.entries.contains_key(&guid(user));
    world.settle();
    came_back || !world.missed().is_empty()
}

#[test]
fn what_left_would_come_back() {
    needs(Rule::LeftHeld, left_and_pruned, Some(Attribute::Mail));
}

#[test]
fn what_left_would_come_back_once_its_journal_is_gone() {
    needs(Rule::JournalKept, left_and_pruned, Some(Attribute::Mail));
}

#[test]
fn what_a_tombstone_showed_would_be_taken_for_told() {
    needs(
        Rule::DeadHere,
        |world| {
            let user = live(world, Kind::User, 1)[0];
            world.cut_all(true);
            let now = world.now();
            // One DC hears of the delete and not of the undelete, and of a write by one that heard of neither.
            world.forest.delete(0, now, user).unwrap();
            world.pull(1, 0);
            world.read_on();
            let changes = highwater::lab::forest::Changes::new();
            let parent = world.forest.live_units(0).unwrap()[0];
            let now = world.now();
            world
                .forest
                .undelete_to(0, now, user, parent, changes)
                .unwrap();
            let value = highwater::lab::forest::text("1".to_owned());
            let written = [(Attribute::TelephoneNumber, value)].into();
            world.forest.set(2, now, user, written).unwrap();
            world.read_on();
            world.pull(1, 2);
            world.move_to(1);
            world.read_on();
            world.settle();
            !world.missed().is_empty()
        },
        None,
    );
}

/// What was told with its leaving, the consumer does not have: brought back by a DC that does not know it, the object has
/// it again when that DC hears of it.
#[test]
fn what_was_told_of_an_object_that_left_is_told_again_once_it_is_back() {
    let _all = with_all_rules();
    for seed in 1..=6 {
        let mut world = World::still(seed, Some(Attribute::Mail));
        let user = live(&world, Kind::User, 1)[0];
        world.cut_all(true);
        let value = |value: &str| highwater::lab::forest::text(value.to_owned());
        let written = [
            (Attribute::TelephoneNumber, value("1")),
            (Attribute::Mail, Vec::new()),
        ];
        let now = world.now();
        world.forest.set(0, now, user, written.into()).unwrap();
        world.read_on();
        assert!(!world.consumer.entries.contains_key(&guid(user)));
        let now = world.now();
        world.forest.delete(1, now, user).unwrap();
        let parent = world.forest.live_units(1).unwrap()[0];
        let back = [(Attribute::Mail, value("back@sim.test"))].into();
        let now = world.now();
        world
            .forest
            .undelete_to(1, now, user, parent, back)
            .unwrap();
        world.move_to(1);
        world.read_on();
        assert!(world.consumer.entries.contains_key(&guid(user)));
        world.settle();
        let missed = world.missed();
        assert!(missed.is_empty(), "seed {seed}: missed {missed:#?}");
    }
}
