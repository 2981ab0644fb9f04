//! The change feed's decisions on a simulated forest: nothing missed, nothing repeated that can be proved a repeat,
//! whatever dies; and each rule broken once, to see that it is needed.
//!
//! A failure names its seed: `HIGHWATER_SEED=N cargo test --features rule-switches --test feed NAME` repeats it, and
//! `HIGHWATER_SEEDS=N` runs that many.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::struct_field_names,
    reason = "tests"
)]

mod breaking;
mod consumer;
mod directed;
mod reader;
mod running;
mod shown;
mod world;
