//! Collector and failover at the wire: real LDAP against a simulated forest whose truth is known.
//!
//! `HIGHWATER_SEEDS` says how many seeds the random runs take; a failure names its seed, and `HIGHWATER_SEED` runs it
//! alone.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

mod approving;
mod bed;
mod collecting;
mod failing;
mod faults;
mod incarnations;
mod moving;
mod outside;
mod ports;
mod reading;
#[path = "../../src/on_error/tests/smtp.rs"]
#[expect(dead_code, reason = "what only other tests of it need")]
mod smtp;
mod surviving;
mod telling;
mod wire;
