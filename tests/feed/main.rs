//! The change feed on a simulated forest: what ships reads it, and nothing is missed, nothing told twice that can be proved a
//! repeat, whatever dies; and each rule broken once, to see that it is needed.
//!
//! A failure names its scenario and seed: `HIGHWATER_SEED=N cargo test --features rule-switches --test feed NAME` repeats it,
//! `HIGHWATER_SEEDS=N` runs that many fresh ones, and `HIGHWATER_BASE=N` says after which number they begin.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "tests"
)]

mod account;
mod breaking;
mod directed;
mod found;
mod happenings;
mod moving;
mod receiver;
mod reviewed;
mod run;
mod running;
mod setting;
mod settling;
mod shown;
mod source;
mod steps;
mod weather;
