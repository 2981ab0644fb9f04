//! Scenarios on three real Samba domain controllers.
//!
//! `tests/run` installs what they need and runs them; by hand, as root:
//! `cargo test --features gssapi,samba-lab --test samba -- --nocapture`. Every scenario gets a fresh lab (`Lab::fresh`),
//! which takes about 3 s, so none depends on what another one broke; they run one after the other.
//!
//! - `lab`: the machines and their faults
//! - `process`: commands with a deadline, and long-running ones
//! - `consumer`: the test sync whose cursor Highwater rewrites
//! - `writers`: changes on every DC
//! - `the_lab_itself`: proves all of these without Highwater

#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod consumer;
mod lab;
mod process;
mod the_lab_itself;
mod writers;
