//! Highwater under a service manager: the unit files, and the service that they start.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]
#![cfg(target_os = "linux")]

mod files;
mod service;
mod supervisor;
