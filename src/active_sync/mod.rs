//! Active Sync: the change feed that goes on from another DC with nothing missed and nothing needlessly repeated.
//!
//! Owns the reading of changes, what of them is news to the consumer (`decide`, pure), the outbox and the sinks. It
//! never chooses a DC: it reads the one its cursor names, and stands still while its switch says so.

pub mod decide;
pub mod sinks;
