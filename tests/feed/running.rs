//! Runs over many seeds: nothing missed, nothing told twice that could be proved a repeat, nothing backwards.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{OnceLock, PoisonError, RwLock, RwLockReadGuard};
use std::time::Instant;

use crate::run::{Counted, Make, Run};
use crate::weather::Weather;

/// Read by every run with all rules, written by one that breaks a rule: rules are broken in the whole process.
pub(crate) static RULES: RwLock<()> = RwLock::new(());

pub(crate) fn with_all_rules() -> RwLockReadGuard<'static, ()> {
    RULES.read().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{name} is no number: {text}")),
    )
}

/// After so many failed seeds a scenario ends.
const MOST_FAILED: usize = 10;

/// The seeds of a scenario: fresh ones each time, the one that is asked for, or as many as are asked for.
fn seeds(usually: u64) -> Vec<u64> {
    static BASE: OnceLock<u64> = OnceLock::new();
    if let Some(seed) = number("HIGHWATER_SEED") {
        return vec![seed];
    }
    let chance = || {
        let guid = uuid::Uuid::new_v4().as_u128();
        u64::try_from(guid % 1_000_000).unwrap() * 10_000
    };
    let base = *BASE.get_or_init(|| number("HIGHWATER_BASE").unwrap_or_else(chance));
    let count = number("HIGHWATER_SEEDS").unwrap_or(usually);
    (base + 1..=base + count).collect()
}

/// Does some work in a world of its own, without a thread beside it but the store's.
pub(crate) fn block_on<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.unwrap().block_on(work)
}

/// What the runs of one scenario came to.
#[derive(Debug, Default)]
struct Tally {
    runs: usize,
    writes: usize,
    events: usize,
    again: usize,
    repeats: BTreeMap<String, usize>,
    reasons: BTreeMap<String, usize>,
    counted: Vec<Counted>,
}

impl Tally {
    fn add(&mut self, run: &Run) {
        self.runs += 1;
        self.writes += run.sim.sky().forest.oracle.written().len();
        self.counted.push(run.count.clone());
        for inbox in &run.inboxes {
            self.events += inbox.events;
            self.again += inbox.again;
            for (cause, count) in &inbox.account.repeats {
                *self.repeats.entry(cause.clone()).or_default() += count;
            }
            for (reason, count) in &inbox.account.reasons {
                *self.reasons.entry(reason.clone()).or_default() += count;
            }
        }
    }

    fn tell(&self, scenario: &str, seeds: &[u64], failed: usize, began: Instant) {
        let sum = |of: fn(&Counted) -> usize| self.counted.iter().map(of).sum::<usize>();
        println!(
            "{scenario}: {} runs (seeds {}..={}), {} s; {} writes, {} questions, {} passes, {} loads, {} moves ({} unproven, \
             {} anew), {} crashes, {} DCs lost, {} restored, {} rolled back, {} resyncs, {} stores put back; {} events by {:?}, {} again from \
             the queue; {failed} runs with anything missed, told twice or backwards; told again by cause: {:?}",
            self.runs,
            seeds.first().unwrap(),
            seeds.last().unwrap(),
            began.elapsed().as_secs(),
            self.writes,
            sum(|count| count.questions),
            sum(|count| count.passes),
            sum(|count| count.loads),
            sum(|count| count.moves),
            sum(|count| count.unproven),
            sum(|count| count.anew),
            sum(|count| count.crashes),
            sum(|count| count.lost),
            sum(|count| count.restored),
            sum(|count| count.rolled_back),
            sum(|count| count.resyncs),
            sum(|count| count.put_back),
            self.events,
            self.reasons,
            self.again,
            self.repeats,
        );
    }
}

/// One whole run; what is wrong at its end.
pub(crate) fn whole(seed: u64, weather: &Weather) -> (Run, Vec<String>) {
    block_on(async {
        let mut run = Run::new(seed, weather, Make::default()).await;
        run.run().await;
        run.settle().await;
        let wrong = run.wrong().await;
        (run, wrong)
    })
}

fn check(scenario: &str, weather: &Weather, usually: u64) {
    let _all = with_all_rules();
    let (seeds, began) = (seeds(usually), Instant::now());
    let mut tally = Tally::default();
    let mut failed = Vec::new();
    for seed in &seeds {
        match catch_unwind(AssertUnwindSafe(|| whole(*seed, weather))) {
            Ok((run, wrong)) if wrong.is_empty() => tally.add(&run),
            Ok((_, wrong)) => {
                let some = &wrong[..wrong.len().min(6)];
                println!("{scenario}, seed {seed}: {} wrong: {some:#?}", wrong.len());
                failed.push(*seed);
            }
            Err(_) => {
                println!("{scenario}, seed {seed}: the run ended early");
                failed.push(*seed);
            }
        }
        if failed.len() == MOST_FAILED {
            break;
        }
    }
    tally.tell(scenario, &seeds, failed.len(), began);
    assert!(failed.is_empty(), "{scenario}: seeds {failed:?} failed");
}

macro_rules! scenarios {
    ($($name:ident: $weather:ident, $usually:literal;)+) => {
        $(
            #[test]
            fn $name() {
                check(stringify!($name), &Weather::$weather, $usually);
            }
        )+
    };
}

scenarios! {
    one_dc: FAIR, 20;
    failovers: FAILOVERS, 20;
    exact_starts: EXACT, 20;
    unproven_starts: UNPROVEN, 20;
    frequent_pruning: PRUNING, 20;
    leaving_and_returning: LEAVING, 20;
    undeletes: UNDELETES, 20;
    interrupted_passes: CRASHES, 20;
    splits_and_heals: SPLITS, 20;
    declared_losses: LOSSES, 20;
    restored_dcs: RESTORES, 20;
    rolled_back_dcs: ROLLBACKS, 20;
    several_sinks: SINKS, 20;
    stores_put_back: PUT_BACKS, 20;
    everything_at_once: EVERYTHING, 40;
}
