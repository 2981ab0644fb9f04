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
//! - `product`: Highwater with its configuration
//! - `the_lab_itself`: proves all of these without Highwater
//! - `collecting`: sampling, discovery, and vectors decoded a second time
//! - `moving`: every fault of the DC in use, against every method

#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod collecting;
mod consumer;
mod lab;
mod moving;
mod process;
mod product;
mod the_lab_itself;
mod writers;
