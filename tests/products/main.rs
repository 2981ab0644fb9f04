//! Known products by their presets, against imitations of their interfaces: what a move and its undo leave behind, and
//! what becomes of one in the middle of which the product dies.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

mod cuts;
mod imitations;
mod local;
mod moving;
#[path = "../../src/consumer/outside/http/tests/product.rs"]
mod product;
mod scene;
