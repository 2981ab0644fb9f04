#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "tests"
)]

mod acting;
mod build;
mod error_texts;
mod limiting;
mod telling;
mod traces;
mod unrecognized;
