//! The outbox against a mail server that misbehaves, and channels against what they speak.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod sending;
mod smtp;
mod speaking;
