//! The feed for as long as one likes: writers of everything on all DCs, the DC in use lost in all four ways in turn, every
//! other time after a split, Highwater killed now and then, moves by itself or by order; in the end two receivers of the
//! events must know what the directory holds. By hand:
//! `cargo test --features samba-lab --test samba feed_enduring -- --ignored --nocapture`.
//!
//! `HIGHWATER_SECONDS=1200` says how long, usually a short look; `HIGHWATER_LOSSES=30` and `HIGHWATER_KILLS=10` how much
//! happens in that time, `HIGHWATER_RATE` the writes a second on each DC, `HIGHWATER_SEED` repeats a run as far as machines
//! and networks let it; `HIGHWATER_SAMBA_KEEP=FOLDER` keeps events, store and log.

use std::collections::BTreeMap;
use std::time::Duration;

use highwater::clock::{self, Stopwatch};
use highwater::lab::forest::Rng;

use super::failing::in_use;
use super::feed::{Fed, Tail, Truth};
use super::feed_timing::{eager, median_and_max, number};
use super::feeding::killed;
use super::lab::{DCS, Lab, show};
use super::moving::Fault;
use super::process::{Running, until};
use super::writers::Writers;

/// A bound on replication and on what the feed has to do after the last write.
const SETTLED: Duration = Duration::from_mins(5);
/// A bound on a move, whatever stands in its way.
const MOVED: Duration = Duration::from_mins(3);

/// What a run did.
#[derive(Default)]
struct Tally {
    written: u64,
    losses: BTreeMap<&'static str, Vec<Duration>>,
    splits: usize,
    kills: usize,
    by_order: usize,
}

struct Run<'f> {
    fed: &'f Fed<'f>,
    rng: Rng,
    rate: u32,
    seed: u32,
    tail: Tail,
    writers: BTreeMap<&'static str, Writers>,
    service: Option<Running>,
    tally: Tally,
}

/// Lets this much time go by.
fn pass(time: Duration) {
    let watch = Stopwatch::start();
    until("time goes by", time * 10 + SETTLED, || {
        watch.elapsed() >= time
    });
}

impl Run<'_> {
    /// A writer to this DC, with names of its own.
    fn write_on(&mut self, dc: &'static str) {
        self.seed += 1;
        let writers = Writers::of_everything_on(self.fed.lab, dc, self.seed, self.rate);
        self.writers.insert(dc, writers);
    }

    fn some_ms(&mut self, below: usize) -> Duration {
        Duration::from_millis(self.rng.below(below) as u64)
    }

    /// Kills Highwater where it stands, and starts it again.
    fn kill(&mut self) {
        killed(self.service.take().unwrap());
        self.tally.kills += 1;
        let more = self.some_ms(1_500);
        pass(more);
        self.service = Some(self.fed.product.service());
    }

    /// The DC in use is lost, and comes back when another one was read for a while.
    fn lose(&mut self, fault: Fault, is_split: bool, kills: bool, by_order: bool) {
        let lab = self.fed.lab;
        let dc = in_use(&self.fed.product);
        let dc = DCS.into_iter().find(|name| *name == dc).unwrap();
        let wanted = self.tail.of(dc) + 10;
        until("it reads on", SETTLED, || self.tail.of(dc) >= wanted);
        if is_split {
            lab.split();
            self.tally.splits += 1;
            let more = Duration::from_secs(2) + self.some_ms(6_000);
            pass(more);
        }
        let kills_before = kills && self.rng.percent(30);
        if kills_before {
            self.kill();
        }
        let (before, watch) = (self.tail.all_but(dc), Stopwatch::start());
        fault.strike(lab, dc);
        self.writers[dc].end(dc);
        if kills && !kills_before {
            let more = self.some_ms(9_000);
            pass(more);
            self.kill();
        }
        if by_order {
            // It may have moved by itself meanwhile: then this is refused, or moves it once more.
            self.fed.product.run(&["failover", "hr", "--auto", "--yes"]);
            self.tally.by_order += 1;
        }
        until("another DC is heard of", MOVED, || {
            self.tail.all_but(dc) > before
        });
        let took = watch.elapsed();
        let times = self.tally.losses.entry(fault.name()).or_default();
        times.push(took);
        let more = Duration::from_secs(1) + self.some_ms(3_000);
        pass(more);
        lab.join();
        fault.repair(lab, dc);
        until("it answers", SETTLED, || lab.answers(dc));
        self.tally.written += self.writers.remove(dc).unwrap().stop_and_count();
        self.write_on(dc);
        show(&format!(
            "{} {dc} → {}: {took:.1?}{}{}",
            fault.name(),
            in_use(&self.fed.product),
            if is_split { ", after a split" } else { "" },
            if by_order { ", by order" } else { "" },
        ));
    }

    /// What two receivers know, compared with every DC.
    fn compare(&mut self) -> Truth {
        for dc in DCS {
            let truth = self.fed.catch_up(dc, SETTLED);
            let wrong = truth.wrong();
            assert_eq!(wrong, 0, "wrong, compared with {dc}: {:#}", truth.0);
        }
        self.fed.truth("dc1")
    }
}

/// The counts as `tests/bench/README.md` has them.
fn summary(tally: &Tally, truth: &Truth, moves: usize, took: Duration) {
    let line = |name: &str, value: String| show(&format!("| {name} | {value} |"));
    show("| what | how much |\n|---|---|");
    line("minutes", format!("{:.0}", took.as_secs_f64() / 60.0));
    line("writes", tally.written.to_string());
    for (kind, times) in &tally.losses {
        let (median, max) = median_and_max(times);
        let count = times.len();
        let value =
            format!("{count}; first event of the next DC after {median:.1} s, at most {max:.1} s");
        line(&format!("losses: {kind}"), value);
    }
    line("after a split", tally.splits.to_string());
    line(
        "moves",
        format!("{moves}, {} of them by order", tally.by_order),
    );
    line("Highwater killed", tally.kills.to_string());
    line("events", truth.number("events").to_string());
    line(
        "delivered again from the outbox, same id",
        truth.number("delivered_again").to_string(),
    );
    line("objects compared", truth.number("objects").to_string());
    line(
        "attributes compared",
        truth.number("attributes").to_string(),
    );
    line(
        "missed or wrong, ids dropped / all taken",
        format!(
            "{} / {}",
            truth.wrong() - truth.wrong_of_all(),
            truth.wrong_of_all()
        ),
    );
    line("told again, by reason", truth.0["again"].to_string());
    line(
        "of that with `repairs`",
        truth.number("repaired").to_string(),
    );
    line(
        "told again though the stamp proves a repeat",
        truth.number("repeated").to_string(),
    );
    line(
        "values going backwards",
        truth.number("backwards").to_string(),
    );
}

#[test]
#[ignore = "as long as one likes"]
fn whatever_is_lost_two_receivers_know_what_the_directory_holds() {
    let drawn = u64::try_from(clock::now().as_millis() % 1_000_000).unwrap();
    let seed = number("HIGHWATER_SEED", drawn);
    let time = Duration::from_secs(number("HIGHWATER_SECONDS", 10));
    let losses = number("HIGHWATER_LOSSES", (time.as_secs() / 40).max(2));
    let losses = u32::try_from(losses).unwrap();
    let kills = number("HIGHWATER_KILLS", u64::from(losses.div_ceil(3)));
    let kills = usize::try_from(kills).unwrap();
    show(&format!("HIGHWATER_SEED={seed}"));
    let lab = Lab::fresh();
    let fed = Fed::loaded_with(&lab, eager(&lab));
    let mut run = Run {
        fed: &fed,
        rng: Rng::new(seed),
        rate: u32::try_from(number("HIGHWATER_RATE", 6)).unwrap(),
        seed: u32::try_from(seed % 1_000_000).unwrap() * 100,
        tail: Tail::of_file(fed.path()),
        writers: BTreeMap::new(),
        service: Some(fed.product.service()),
        tally: Tally::default(),
    };
    for dc in DCS {
        run.write_on(dc);
    }
    let watch = Stopwatch::start();
    for at in 0..losses {
        // Spread evenly, as far as the losses themselves leave time.
        let due = time * at / losses;
        until("its time", time + SETTLED, || watch.elapsed() >= due);
        let (at, left) = (at as usize, (losses - at) as usize);
        let kills = run.rng.below(left) < kills.saturating_sub(run.tally.kills);
        // Every way of losing a DC comes with and without a split, with and without a person.
        run.lose(
            Fault::ALL[at % 4],
            (at / 4 + at) % 2 == 1,
            kills,
            at % 3 == 2,
        );
    }
    until("the end", time + SETTLED, || watch.elapsed() >= time);
    let writers = std::mem::take(&mut run.writers);
    for writers in writers.into_values() {
        run.tally.written += writers.stop_and_count();
    }
    lab.mesh();
    lab.settle();
    let truth = run.compare();
    let took = watch.elapsed();
    run.service.take().unwrap().terminate().success();
    fed.check_schema();
    fed.keep();
    let attempts = fed.product.json(&["attempts", "hr"]);
    summary(&run.tally, &truth, attempts.as_array().unwrap().len(), took);
    for kind in ["unknown_object", "repeated", "names_repeated", "backwards"] {
        assert_eq!(truth.number(kind), 0, "{kind}: {:#}", truth.0);
    }
}
