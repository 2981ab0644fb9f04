//! Active Sync at the wire: the whole task on a forest of simulated DCs that speak LDAP, with a sink that is a file; what
//! a consumer makes of its lines is what the directory holds, whatever dies.
//!
//! A failure names its seed: `HIGHWATER_SEED=N cargo test --test active_sync NAME` runs it again (the traffic and the
//! faults are the same, the moments at which the task meets them are not), and `HIGHWATER_SEEDS=N` runs that many.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "tests"
)]

mod bed;
mod first_load;
mod lost;
mod moving;
mod receiver;
mod sinks;

#[path = "../../src/store/tests/structure.rs"]
mod structure;
mod truth;
mod waiting;

/// The seeds of a run that usually has so many.
fn seeds(usually: u64) -> Vec<u64> {
    let number = |name| {
        let value = std::env::var(name).ok()?;
        let number = value.parse::<u64>();
        Some(number.unwrap_or_else(|_| panic!("{name} = {value} is no number")))
    };
    match number("HIGHWATER_SEED") {
        Some(seed) => vec![seed],
        None => (1..=number("HIGHWATER_SEEDS").unwrap_or(usually)).collect(),
    }
}
