//! Highwater under a service manager: the unit files.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "tests"
)]
#![cfg(target_os = "linux")]

mod files;
