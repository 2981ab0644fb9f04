#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod acting;
mod build;
mod limiting;
mod telling;
