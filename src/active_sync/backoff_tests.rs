//! The waits between tries, failure by failure.

use std::time::Duration;

use super::Backoff;
use crate::active_sync::place::Place;

const POLL: Duration = Duration::from_secs(1);

fn dc(host: &str) -> Place {
    Place {
        host: Some(host.to_owned()),
        invocation_id: None,
    }
}

/// The waits after so many failures in a row.
fn waits(backoff: &mut Backoff, at: &Place, count: usize) -> Vec<u64> {
    let mut waits = Vec::new();
    for _ in 0..count {
        backoff.failed(Some(at));
        waits.push(backoff.wait(POLL).as_secs());
    }
    waits
}

#[test]
fn waits_double_to_a_bound() {
    let mut backoff = Backoff::default();
    let found = waits(&mut backoff, &dc("dc1"), 8);
    assert_eq!(found, [1, 2, 4, 8, 16, 30, 30, 30]);
    let long = Duration::from_hours(1);
    assert_eq!(backoff.wait(long), Duration::from_secs(30));
}

#[test]
fn a_good_pass_ends_the_count_however_many_failures_there_were() {
    let mut backoff = Backoff::default();
    waits(&mut backoff, &dc("dc1"), 9);
    backoff.went_well();
    assert_eq!(waits(&mut backoff, &dc("dc1"), 2), [1, 2]);
}

#[test]
fn the_failures_of_one_dc_are_not_those_of_the_next() {
    let mut backoff = Backoff::default();
    waits(&mut backoff, &dc("dc1"), 9);
    assert_eq!(waits(&mut backoff, &dc("dc2"), 3), [1, 2, 4]);
    assert_eq!(waits(&mut backoff, &dc("dc1"), 1), [1]);
    backoff.failed(None);
    assert_eq!(backoff.wait(POLL), POLL);
}
