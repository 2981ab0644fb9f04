//! How long a feed is silent when it loses its DC, from the loss to the first event of the next DC, by kind of loss and with
//! nobody there: a benchmark, run by itself:
//! `cargo test --features samba-lab --test samba feed_timing -- --ignored --nocapture`; `HIGHWATER_ROUNDS=N` losses of each
//! kind, `HIGHWATER_SAMBA_KEEP=FOLDER` keeps the service's log.

use std::time::Duration;

use highwater::clock::Stopwatch;

use super::failing::in_use;
use super::feed::{Fed, Tail};
use super::feeding::{act_ms, steps};
use super::lab::{Lab, show};
use super::moving::Fault;
use super::process::until;
use super::product::Configuration;
use super::writers::Writers;

/// `connect_timeout` and `operation_timeout` of [`Configuration::new`].
const TIMEOUT: Duration = Duration::from_secs(3);
/// How many failures are asked for, of the sync and of the probes.
const FAILURES: u32 = 3;

/// What an act may take, from its begin to its last step.
const ACT_MS: i64 = 200;
/// What all may take where the DC refuses or hangs up.
const AT_ONCE: Duration = Duration::from_secs(8);
/// What all may take besides the tries that time out.
const BESIDES: Duration = Duration::from_secs(5);

impl Fault {
    /// What all may take, from the loss to the first event.
    fn goal(self) -> Duration {
        match self {
            Self::Killed | Self::Stopped => AT_ONCE,
            Self::CutOff | Self::Hung => TIMEOUT * FAILURES + BESIDES,
        }
    }
}

/// The failure process as eager as it can be told to be: three failures within three seconds, and no brake after a move.
pub(crate) fn eager(lab: &Lab) -> Configuration<'_> {
    let tables = format!(
        "\n[channel.nobody]\nkind = \"command\"\nargv = [\"true\"]\n\n[notices]\ngroup_wait = \"0s\"\n\n[safety]\n\
         probe_failures = {FAILURES}\nprobe_within = \"3s\"\nstartup_grace = \"1s\"\nhold = \"1s\"\nmost_per_day = 100\n\
         flapping = 1000\n\n[process.ad]\nnotify = [\"nobody\"]\nquiet = \"1s\"\n\n[[process.ad.rule]]\nname = \"eager\"\n\
         match = '^(unknown_host|refused|unreachable|timeout|disconnected): '\noutcome = \"outage\"\n\
         count = {FAILURES}\nwithin = \"3s\"\n"
    );
    Configuration::new(lab).reaction("process = \"ad\"\nauto_failover = \"on\"\n", &tables)
}

/// A number from the environment.
pub(crate) fn number(name: &str, usually: u64) -> u64 {
    let given = std::env::var(name).ok();
    given.map_or(usually, |text| text.parse().unwrap())
}

/// Half of them were no longer, and the longest.
pub(crate) fn median_and_max(times: &[Duration]) -> (f64, f64) {
    let mut times: Vec<f64> = times.iter().map(Duration::as_secs_f64).collect();
    times.sort_by(f64::total_cmp);
    let (at, is_even) = (times.len() / 2, times.len().is_multiple_of(2));
    let median = if is_even {
        f64::midpoint(times[at - 1], times[at])
    } else {
        times[at]
    };
    (median, times[times.len() - 1])
}

/// A DC is lost while people write; how long until another one is heard of, and which.
fn lose(fed: &Fed<'_>, tail: &mut Tail, fault: Fault, writers: &Writers) -> (String, Duration) {
    let dc = in_use(&fed.product);
    let wanted = tail.of(&dc) + 20;
    until("it reads on", Duration::from_mins(1), || {
        tail.of(&dc) >= wanted
    });
    let (before, watch) = (tail.all_but(&dc), Stopwatch::start());
    let took = std::thread::scope(|scope| {
        // A stop in good order takes its time, and the feed hears of its begin.
        scope.spawn(|| fault.strike(fed.lab, &dc));
        until("the first event", Duration::from_mins(2), || {
            tail.all_but(&dc) > before
        });
        watch.elapsed()
    });
    writers.end(&dc);
    (dc, took)
}

#[test]
#[ignore = "a benchmark"]
fn from_the_loss_of_a_dc_to_the_first_event_of_the_next() {
    let lab = Lab::fresh();
    let fed = Fed::loaded_with(&lab, eager(&lab));
    let service = fed.product.service();
    let (rounds, mut tail) = (number("HIGHWATER_ROUNDS", 5), Tail::of_file(fed.path()));
    let mut slow = Vec::new();
    let mut times = Fault::ALL.map(|fault| (fault, Vec::new()));
    for round in 0..rounds {
        for (at, (fault, times)) in times.iter_mut().enumerate() {
            let seed = 50 + u32::try_from(round).unwrap() * 4 + u32::try_from(at).unwrap();
            let writers = Writers::of_everything(&lab, seed, 8);
            let (dc, took) = lose(&fed, &mut tail, *fault, &writers);
            let attempts = fed.product.json(&["attempts", "hr"]);
            show(&format!(
                "{:8} {dc} → {}: {took:.1?}; {}",
                fault.name(),
                in_use(&fed.product),
                steps(&attempts[0]),
            ));
            times.push(took);
            let act = act_ms(&attempts[0]);
            if act > ACT_MS {
                slow.push(format!("{}: an act of {act} ms", fault.name()));
            }
            fed.keep();
            fault.repair(&lab, &dc);
            writers.stop();
            lab.mesh();
        }
    }
    service.terminate().success();
    show("kind      rounds  median     max    goal   (seconds from the loss to the first event)");
    for (fault, times) in &times {
        let ((median, max), goal) = (median_and_max(times), fault.goal());
        show(&format!(
            "{:8} {:>7} {median:>7.1} {max:>7.1} {:>7}",
            fault.name(),
            times.len(),
            goal.as_secs(),
        ));
        if max > goal.as_secs_f64() {
            slow.push(format!("{}: {max:.1} s", fault.name()));
        }
    }
    assert_eq!(slow, Vec::<String>::new(), "longer than the goal");
}
