//! The first load: while people write, killed and gone on with, begun anew on another DC.

use std::time::Duration;

use highwater::clock::Stopwatch;

use crate::bed::{Bed, Make, hr};
use crate::moving::Tally;
use crate::seeds;
use crate::truth::Filter;

fn make(seed: u64) -> Make {
    let number = usize::try_from(seed).unwrap();
    Make {
        dcs: 3,
        users: 400,
        filter: Filter::ALL[number % 3],
        below: number.is_multiple_of(4),
        overlap: 20,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_people_write_and_the_task_dies_nothing_is_missed() {
    let mut tally = Tally::default();
    for seed in seeds(5) {
        let mut bed = Bed::new(seed, make(seed)).await;
        bed.live(50);
        bed.start();
        for _ in 0..6 {
            let ticks = 1 + bed.rng.below(8);
            bed.pass_time(ticks).await;
            bed.kill_at_random(80).await;
        }
        bed.check().await;
        tally.add(&bed).await;
        bed.stop().await;
    }
    tally.tell("first loads, killed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_another_dc_it_begins_anew() {
    let mut tally = Tally::default();
    for seed in seeds(5) {
        let mut bed = Bed::new(seed, make(seed)).await;
        bed.live(50);
        bed.start();
        bed.begun(false).await;
        for _ in 0..2 {
            let ticks = bed.rng.below(6);
            bed.pass_time(ticks).await;
            bed.fail_over().await;
            bed.kill_at_random(30).await;
        }
        bed.check().await;
        tally.add(&bed).await;
        bed.stop().await;
    }
    tally.tell("first loads, moved");
}

/// What changes on the DC during a load leaves its ranges upwards, and it need not change on any other: a logon is counted
/// on one DC alone, and no pass of another DC would ever show who was left out.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_leaves_its_range_on_one_dc_alone_is_loaded_all_the_same() {
    let mut bed = Bed::new(3, make(3)).await;
    bed.feed_settings(|feed| feed.poll = Duration::from_mins(1));
    bed.start();
    while bed.feed().await.is_none_or(|feed| feed.load.is_none()) {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    bed.kill().await;
    assert!(bed.feed().await.unwrap().load.is_some(), "it was too fast");
    bed.with(|forest, now| {
        let dc = forest.dc(0).unwrap();
        let users = dc.objects.values().filter(|one| one.is_a("user"));
        let users: Vec<_> = users.map(|user| user.guid).collect();
        for user in users {
            forest.count_logon(0, now, user).unwrap();
        }
    });
    bed.start();
    while bed.feed().await.is_none_or(|feed| feed.load.is_some()) {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    // It dies before a pass over the changes.
    bed.lab.kill(0).await.unwrap();
    bed.kill().await;
    bed.feed_settings(|feed| feed.poll = Duration::from_millis(5));
    bed.move_to(1).await;
    bed.settle_but(false).await;
    bed.look().await;
    bed.stop().await;
}

/// The configuration is changed in the middle of the load, and changed back after it: what was told by the other one is told
/// by this one as well.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_other_attributes_it_begins_anew() {
    let mut bed = Bed::new(1, make(1)).await;
    bed.start();
    while bed.feed().await.is_none_or(|feed| feed.load.is_none()) {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    bed.kill().await;
    assert!(bed.feed().await.unwrap().load.is_some(), "it was too fast");
    bed.feed_settings(|feed| feed.exclude.push("sAMAccountName".to_owned()));
    bed.start();
    bed.begun(true).await;
    bed.kill().await;
    bed.feed_settings(|feed| feed.exclude.clear());
    bed.start();
    // Another projection asks for a pass over everything; the same one does not, and then nothing may be missing.
    let asked = Stopwatch::start();
    while asked.elapsed() < Duration::from_secs(2) {
        let health = bed.store.feed_health(&hr()).await.unwrap().unwrap();
        if health
            .problem
            .is_some_and(|(problem, _)| problem.contains("resync"))
        {
            bed.stop().await;
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    bed.check().await;
    bed.stop().await;
}
