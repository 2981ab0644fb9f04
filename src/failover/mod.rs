//! The failover task: moves a resource's consumer to another DC, or back.
//!
//! *Plan then act*: [`plan`] reads the cursor, the evidence and every candidate ([`decide`] is pure) and words a
//! [`crate::model::Switch`]; [`apply()`] carries it out and makes no choice, [`resume()`] settles what a dead process
//! left behind. It never writes a cursor other than the one ordered, and only over the one expected.
//!
//! # Decisions
//! - Every state is written down before what it names is begun, so that a process killed at any point leaves enough
//!   for another to finish or to take back: forward once the new cursor stands, back while the old one does.
//! - A lock the operating system frees with its holder tells a dead worker from a live one. A stop command and a
//!   queued write hold it too: nobody takes over while one of them may still act.

mod apply;
mod apply_error;
pub mod decide;
mod error;
mod gather;
mod resume;
mod resume_decide;
mod task;
mod work;

pub use apply::{Applied, Order, apply, apply_or_replan};
pub use apply_error::{ApplyError, SyncNow};
pub use error::FailoverError;
pub use gather::{Probe, Standing, gather};
pub use resume::{Resumed, resume};
pub use resume_decide::{Remaining, what_remains, where_it_stands};
pub use task::{
    UndoPlan, note_standing, order, plan, plan_undo, plan_undo_asking, plan_without, undo_order,
};

#[cfg(test)]
#[expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "tests")]
mod feed_tests;
