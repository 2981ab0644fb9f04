//! Active Sync: the change feed that goes on from another DC with nothing missed and nothing needlessly repeated.
//!
//! Owns the reading of changes ([`Task`]: passes, loads, what is read again), what of them is news to the consumer
//! ([`decide`], pure), the outbox and the [`sinks`]. It never chooses a DC: it reads the one its cursor names, and stands
//! still while its switch says so.
//!
//! # Decisions
//! - One search per naming context, from its head, with tombstones and without the consumer's filter: what left the filter
//!   or the bases must be seen as well. Which objects are the consumer's, the DC says when asked for them by objectGUID.
//! - A page is judged and written down, journal and events together, before a sink hears of it. Each sink takes what is
//!   queued at its own pace: whatever dies in between, what it has not acknowledged comes again under the same id.
//! - The store refuses what a stopped or moved feed writes, so stopping needs no answer of the feed's. A reading that is
//!   called off is given up where it waits, and what it had sent to the store is written before another begins.
//! - A failure is the DC's that was read. One that ends after the cursor has moved on is logged, and nothing waits for it.

#![doc = include_str!("RULES.md")]

pub mod decide;
pub mod sinks;

mod audit;
mod backoff;
mod begin;
mod delivery;
mod error;
mod load;
mod outbox;
mod page;
mod pass;
mod place;
mod prune;
mod reader;
mod reread;
mod scope;
mod task;

pub use audit::{Audited, Ghost, LeftOut, Rehearsal, audit, ghosts, rehearse};
pub use error::FeedError;
pub use prune::prune_journals;
pub use task::Task;
