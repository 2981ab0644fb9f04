//! How long a feed is silent when its DC dies, from the kill to the first event of the next DC; a benchmark, run by itself:
//! `cargo test --features samba-lab --test samba feed_timing -- --ignored --nocapture`.

use std::collections::BTreeMap;
use std::time::Duration;

use highwater::clock::Stopwatch;
use serde_json::Value;

use super::feed::Fed;
use super::feeding::{act_ms, steps};
use super::lab::{DCS, Lab, show};
use super::process::until;
use super::writers::Writers;

const ROUNDS: usize = 5;
/// What an act may take, from its begin to its last step.
const ACT_MS: i64 = 200;
/// What all may take, from the kill to the first event.
const ALL: Duration = Duration::from_secs(5);

#[test]
#[ignore = "a benchmark"]
fn from_the_kill_of_a_dc_to_the_first_event_of_the_next() {
    let lab = Lab::fresh();
    let fed = Fed::loaded(&lab);
    let service = fed.product.service();
    let mut slow = Vec::new();
    let mut dc = "dc1".to_owned();
    for round in 0..ROUNDS {
        let writers = Writers::of_everything(&lab, 50 + u32::try_from(round).unwrap(), 15);
        fed.wait_events(&dc, 40);
        // it may have been read in an earlier round
        let had: BTreeMap<&str, usize> = DCS.map(|dc| (dc, fed.read_from(dc))).into();
        let watch = Stopwatch::start();
        lab.kill(&dc);
        let killed = watch.elapsed();
        writers.end(&dc);
        let done = fed.product.json(&["failover", "hr", "--auto", "--yes"]);
        let ordered = watch.elapsed();
        let attempt: &Value = &done["attempt"];
        let to = attempt["plan"]["chosen"]["switch"]["to"].as_str().unwrap();
        until("the first event", Duration::from_secs(20), || {
            fed.read_from(to) > had[to]
        });
        let all = watch.elapsed();
        show(&format!(
            "{dc} → {to}: killed after {} ms, moved after {} ms ({}), first event after {} ms",
            killed.as_millis(),
            ordered.as_millis(),
            steps(attempt),
            all.as_millis(),
        ));
        if all > ALL || act_ms(attempt) > ACT_MS {
            slow.push(format!(
                "{dc} → {to}: act {} ms, all {all:?}",
                act_ms(attempt)
            ));
        }
        let to = to.to_owned();
        fed.wait_events(&to, 5);
        lab.start(&dc);
        lab.mesh();
        writers.stop();
        dc = to;
    }
    service.terminate().success();
    assert_eq!(slow, Vec::<String>::new());
}
