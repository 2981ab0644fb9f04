//! The failure process: what a sync's errors mean, what is done about them, and who is told.
//!
//! Owns the rules' verdicts, the incidents, the proposals' way to an approval, and the outbox. It moves nothing itself:
//! it writes down that a plan is wanted or approved, and the layer above plans and carries out.
//!
//! A failure comes in by [`crate::store::Store::report_failure`]; [`serve`] does the rest.

mod answer;
mod approvals;
pub mod channels;
mod compose;
mod consider;
pub mod decide;
mod desk;
mod outbox;
pub mod render;
mod task;
mod watch;

pub use answer::{AnswerError, Person};
pub use desk::{Desk, Eyes};
pub use task::{Lookout, serve};

#[cfg(test)]
mod tests;
