//! A builder whose cases are one-liners, and the tables: every reason, warning and refusal.

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests"
)]

mod build;
mod feed;
mod properties;
mod starts;
mod table;
mod undoing;
