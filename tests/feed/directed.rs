//! Rules that chance hardly ever needs: what happens is laid out step by step, with the rule and without it.

use std::sync::PoisonError;

use highwater::active_sync::decide::rules::{Broken, Rule};
use highwater::lab::forest::{Attribute, Changes, DOMAIN, Kind, text};
use uuid::Uuid;

use crate::run::{Make, Run, Stepped};
use crate::running::{RULES, block_on};
use crate::shown::Filter;
use crate::source::Asked;
use crate::weather::Weather;

/// A world in which nobody writes, and nothing is read yet.
async fn still(seed: u64, filter: Filter) -> Run {
    let make = Make {
        filter: Some(filter),
        is_still: true,
        is_below: false,
    };
    Run::new(seed, &Weather::FAIR, make).await
}

/// The story shows something exactly where the rule does not hold.
fn needs(rule: Rule, story: &impl AsyncFn(&mut Run) -> bool, filter: Filter) {
    let _alone = RULES.write().unwrap_or_else(PoisonError::into_inner);
    let told = |seed: u64| {
        block_on(async {
            let mut run = still(seed, filter).await;
            let seen = story(&mut run).await;
            let wrong = run.wrong().await;
            seen || !wrong.is_empty()
        })
    };
    for seed in 1..=6 {
        assert!(!told(seed), "seed {seed}: all rules hold");
        let _broken = Broken::new(rule);
        assert!(
            told(seed),
            "seed {seed}: {rule:?} is broken, and nothing was seen"
        );
    }
}

/// A group with one member, known everywhere.
async fn group_with_a_member(run: &mut Run) -> (Uuid, Uuid, Uuid) {
    let group = run.live(Kind::Group, 1)[0];
    let users = run.live(Kind::User, 2);
    run.read_on().await;
    let used = run.in_use().await.unwrap().0;
    run.link(used, group, users[0]);
    run.read_on().await;
    (group, users[0], users[1])
}

#[test]
fn a_member_told_deleted_would_stay_for_ever() {
    needs(
        Rule::DeletedTargets,
        &async |run| {
            let (group, gone, other) = group_with_a_member(run).await;
            let (used, other_dc) = run.two().await;
            run.cut_all(true);
            run.delete(used, gone);
            run.read_on().await;
            run.move_proven(other_dc).await;
            // The group changes where nobody knows that the member is deleted.
            run.link(other_dc, group, other);
            run.read_on().await;
            run.settle().await;
            false
        },
        Filter::Everything,
    );
}

#[test]
fn a_member_told_alive_would_be_lost() {
    needs(
        Rule::Regained,
        &async |run| {
            let (group, back, other) = group_with_a_member(run).await;
            let (used, other_dc) = run.two().await;
            run.delete(used, back);
            run.read_on().await;
            run.cut_all(true);
            run.undelete(used, back, Changes::new());
            run.read_on().await;
            run.move_proven(other_dc).await;
            // The group changes where the member is a tombstone.
            run.link(other_dc, group, other);
            run.read_on().await;
            run.settle().await;
            false
        },
        Filter::Everything,
    );
}

/// What left, and whether it comes back once J was pruned.
async fn left_and_pruned(run: &mut Run, prune: impl AsyncFn(&mut Run)) -> bool {
    run.read_on().await;
    let (used, other_dc) = run.two().await;
    let user = run.live(Kind::User, 1)[0];
    assert!(run.holds(user));
    run.cut_all(true);
    run.set(used, user, [(Attribute::Mail, Vec::new())].into());
    run.read_on().await;
    assert!(!run.holds(user));
    prune(run).await;
    if !run.move_to(other_dc).await {
        return false;
    }
    run.set(other_dc, user, [(Attribute::Sn, text("another"))].into());
    run.read_on().await;
    let came_back = run.holds(user);
    run.settle().await;
    came_back
}

#[test]
fn what_left_would_come_back() {
    needs(
        Rule::LeftHeld,
        &async |run| left_and_pruned(run, async |run| run.prune().await).await,
        Filter::WithMail,
    );
}

/// The store's pruning goes by the vectors it is given: by none of them it forgets what it should not. A DC that lacks what
/// it forgot must not be read.
#[test]
fn what_left_would_come_back_once_its_journal_is_gone() {
    needs(
        Rule::HasSettled,
        &async |run| left_and_pruned(run, async |run| run.prune_by(Vec::new()).await).await,
        Filter::WithMail,
    );
}

/// A DC that is put back from a backup lacks what all had, and writes something older than was delivered.
#[test]
fn a_dc_put_back_from_a_backup_would_have_a_value_go_back() {
    needs(
        Rule::HasSettled,
        &async |run| {
            run.read_on().await;
            let (used, other_dc) = run.two().await;
            let user = run.live(Kind::User, 1)[0];
            let saved = run.sim.sky().forest.save(other_dc).unwrap();
            for number in ["1", "2"] {
                run.set(used, user, [(Attribute::TestTag, text(number))].into());
            }
            run.read_on().await;
            run.prune().await;
            run.cut_all(true);
            run.put_dc_back(other_dc, &saved);
            if run.move_to(other_dc).await {
                run.set(other_dc, user, [(Attribute::TestTag, text("0"))].into());
                run.read_on().await;
            }
            run.settle().await;
            false
        },
        Filter::Everything,
    );
}

#[test]
fn what_a_tombstone_showed_would_be_taken_for_told() {
    needs(
        Rule::Untold,
        &async |run| {
            run.read_on().await;
            let (used, behind) = run.two().await;
            let third = (behind + 1) % run.remaining().len();
            let user = run.live(Kind::User, 1)[0];
            run.cut_all(true);
            // One DC hears of the delete and not of the undelete, and of a write by one that heard of neither.
            run.delete(used, user);
            run.pull(behind, used);
            run.read_on().await;
            run.undelete(used, user, Changes::new());
            run.set(
                third,
                user,
                [(Attribute::TelephoneNumber, text("1"))].into(),
            );
            run.read_on().await;
            run.pull(behind, third);
            run.move_proven(behind).await;
            run.read_on().await;
            run.settle().await;
            false
        },
        Filter::Everything,
    );
}

/// A load on a DC where the user is not the consumer's yet: what that DC wrote of it is told once it is.
#[test]
fn what_a_load_finds_of_an_object_that_it_holds_would_be_taken_for_told() {
    needs(
        Rule::Untold,
        &async |run| {
            let user = run.live(Kind::User, 1)[0];
            run.set(0, user, [(Attribute::Mail, Vec::new())].into());
            run.read_on().await;
            let (used, behind) = run.two().await;
            run.cut_all(true);
            run.set(used, user, [(Attribute::Mail, text("a@sim.test"))].into());
            run.read_on().await;
            assert!(run.holds(user));
            run.set(behind, user, [(Attribute::Sn, text("another"))].into());
            run.move_proven(behind).await;
            run.resync().await;
            run.read_on().await;
            run.settle().await;
            false
        },
        Filter::WithMail,
    );
}

/// A DC that does not know that the user is back reads everything anew.
#[test]
fn what_came_back_would_be_lost_by_a_load_of_a_dc_that_is_behind() {
    needs(
        Rule::UnseenHeld,
        &async |run| {
            run.read_on().await;
            let (used, behind) = run.two().await;
            let user = run.live(Kind::User, 1)[0];
            run.delete(used, user);
            run.read_on().await;
            run.cut_all(true);
            run.undelete(used, user, Changes::new());
            run.read_on().await;
            assert!(run.holds(user));
            run.move_proven(behind).await;
            run.resync().await;
            run.read_on().await;
            let is_lost = !run.holds(user);
            run.settle().await;
            is_lost
        },
        Filter::Everything,
    );
}

/// Told as an update, lost with a delete by another DC, and wanted again once the object is back.
#[test]
fn what_came_before_a_delete_would_have_its_old_id_after_it() {
    needs(
        Rule::Generations,
        &async |run| {
            run.read_on().await;
            let (used, other_dc) = run.two().await;
            let user = run.live(Kind::User, 1)[0];
            run.cut_all(true);
            run.set(used, user, [(Attribute::TestTag, text("1"))].into());
            // It is told, and the pass is never complete: K does not have it.
            run.dies_at = Some(Asked::Identity);
            assert_eq!(run.step().await, Stepped::Crashed);
            run.drain().await;
            run.delete(other_dc, user);
            run.move_proven(other_dc).await;
            run.read_on().await;
            run.undelete(other_dc, user, Changes::new());
            run.read_on().await;
            run.settle().await;
            false
        },
        Filter::Everything,
    );
}

/// A tombstone that came to two DCs by a cycle that broke off, before the feed began: K does not have it, nor J.
#[test]
fn what_the_dc_had_at_the_start_would_be_told() {
    needs(
        Rule::LocalAboveCursor,
        &async |run| {
            let (used, other_dc, third) = (0, 1, 2);
            let users = run.live(Kind::User, 2);
            let user = users[0];
            run.cut_all(true);
            run.set(used, user, [(Attribute::TestTag, text("1"))].into());
            run.delete(third, user);
            // What the cycle does not bring any more.
            run.set(third, users[1], [(Attribute::Sn, text("later"))].into());
            {
                let mut sky = run.sim.sky();
                let now = sky.now;
                sky.forest.packet = 1;
                sky.forest.cut(other_dc, third, false);
                sky.forest.begin_cycle(other_dc, third, DOMAIN).unwrap();
                sky.forest.step_cycle(other_dc, third, DOMAIN, now).unwrap();
                sky.forest.break_off(other_dc, third, DOMAIN);
                sky.forest.cut(other_dc, third, true);
                assert!(!sky.forest.dcs[other_dc].is_live(user));
            }
            run.pull(used, other_dc);
            run.read_on().await;
            assert_eq!(run.in_use().await.unwrap().0, used);
            run.move_proven(other_dc).await;
            run.read_on().await;
            let before = run.events();
            run.pull(other_dc, used);
            run.read_on().await;
            let told = run.events() - before;
            run.settle().await;
            told > 0
        },
        Filter::Everything,
    );
}
