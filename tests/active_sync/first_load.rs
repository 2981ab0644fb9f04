//! The first load: while people write, killed and gone on with, begun anew on another DC.

use crate::bed::{Bed, Make};
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
