//! Tests over a real socket, against a server that answers as each test wants, mostly wrongly.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod changes;
mod feed;
mod reading;
mod server;
mod sessions;
mod tls;
