#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests stop at the first surprise"
)]

mod backups;
mod codec;
mod evidence;
mod feed;
mod feed_codec;
mod feed_harness;
mod feed_outbox;
mod feed_pruning;
mod feed_size;
mod feed_switching;
mod feed_waiting;
mod files;
mod harness;
mod polling;
mod positions;
mod pruning;
mod reading;
mod recovering;
mod structure;
