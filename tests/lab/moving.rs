//! Failover after failover, and back, at the wire: in the end the consumer holds what the directory holds.

use highwater::lab::forest::Rng;
use highwater::model::{Method, Plan, StartMethod};

use crate::bed::Bed;

/// How many seeds are run where `HIGHWATER_SEEDS` says nothing.
const SEEDS: u64 = 8;
const HOPS: usize = 5;

fn seeds() -> Vec<u64> {
    let number = |name: &str| {
        let value = std::env::var(name).ok()?;
        Some(
            value
                .parse::<u64>()
                .unwrap_or_else(|_| panic!("{name} = {value} is no number")),
        )
    };
    match number("HIGHWATER_SEED") {
        Some(seed) => vec![seed],
        None => (1..=number("HIGHWATER_SEEDS").unwrap_or(SEEDS)).collect(),
    }
}

/// What the runs did, so that they cannot pass by doing nothing.
#[derive(Debug, Default)]
struct Tally {
    moved: usize,
    by_vector: usize,
    back: usize,
    ghosts: usize,
    read: usize,
    /// What starts at the end of the new DC would have missed: so much was there to lose.
    control_missed: usize,
}

#[tokio::test(flavor = "multi_thread")]
async fn the_consumer_holds_what_the_directory_holds() {
    let mut tally = Tally::default();
    let seeds = seeds();
    for seed in &seeds {
        run(*seed, &mut tally).await;
    }
    #[expect(clippy::print_stdout, reason = "what the runs did, for --nocapture")]
    {
        println!("{} seeds: {tally:?}", seeds.len());
    }
    assert!(tally.moved >= seeds.len() * 2, "{tally:?}");
    assert_eq!(tally.moved, tally.by_vector, "{tally:?}");
    assert!(seeds.len() < 4 || tally.back > 0, "{tally:?}");
    assert!(seeds.len() < 4 || tally.ghosts > 0, "{tally:?}");
    assert!(tally.control_missed > tally.moved, "{tally:?}");
}

async fn run(seed: u64, tally: &mut Tally) {
    let mut rng = Rng::new(seed ^ 0xD1CE);
    let mut bed = Bed::new(seed, 3 + rng.below(2)).await;
    let mut visited = vec![0];
    for hop in 0..HOPS {
        for _ in 0..=rng.below(3) {
            bed.live(10 + rng.below(40));
            bed.collect().await;
            bed.live(rng.below(10));
            bed.poll().await;
        }
        bed.live(rng.below(40));
        let dead = bed.in_use();
        bed.lab.kill(dead).await.unwrap();
        bed.live(rng.below(30));
        let plan = bed.plan(StartMethod::Best, 0.0).await;
        if let Some(chosen) = &plan.chosen {
            check(seed, hop, &plan, dead);
            tally.by_vector += usize::from(chosen.method == Method::Vector);
            tally.control_missed += control(&bed, &plan).await;
            let to = bed.apply(&plan).await;
            tally.moved += 1;
            tally.back += usize::from(visited.contains(&to));
            visited.push(to);
            if rng.percent(70) {
                bed.poll().await;
                let found = bed.compare();
                assert!(found.missed.is_empty(), "seed {seed}, hop {hop}: {found:?}");
                tally.ghosts += usize::from(found.ahead > 0);
            }
        }
        bed.live(rng.below(40));
        bed.lab.revive(dead).await.unwrap();
    }
    bed.traffic.writes = false;
    bed.settle();
    bed.poll().await;
    let found = bed.compare();
    // All DCs are back and everything has replicated: nothing is missed, and nobody is ahead.
    assert!(
        found.missed.is_empty() && found.ahead == 0,
        "seed {seed}: {found:?}"
    );
    tally.read += bed.sync.tally.read;
}

/// What a copy of the consumer misses that goes on at the end of the chosen DC: the same comparison must show it.
async fn control(bed: &Bed, plan: &Plan) -> usize {
    let to = &plan.chosen.as_ref().unwrap().switch.to;
    let verdict = plan
        .candidates
        .iter()
        .find(|verdict| verdict.dc == *to)
        .unwrap();
    let (id, end) = (verdict.invocation_id.unwrap(), verdict.committed.unwrap());
    let dc = &bed.settings.dcs[to];
    let mut copy = bed
        .sync
        .fork(&bed.file("control.json"), dc, id, end)
        .unwrap();
    copy.poll(dc).await.unwrap();
    let number = crate::bed::number(to);
    let found = bed.with(|forest, _| forest.compare(number, &copy.held(&forest.oracle)).unwrap());
    found.missed.len()
}

/// What holds of every plan, whatever the truth.
fn check(seed: u64, hop: usize, plan: &Plan, dead: usize) {
    let chosen = plan.chosen.as_ref().unwrap();
    assert_ne!(
        crate::bed::number(&chosen.switch.to),
        dead,
        "seed {seed}, hop {hop}"
    );
    assert!(chosen.start.proven, "seed {seed}, hop {hop}: {plan:#?}");
}
