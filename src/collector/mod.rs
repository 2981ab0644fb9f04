//! The collector task: samples every DC's highestCommittedUSN and vectors, and prunes the history.
//!
//! It owns when and how often a DC is polled ([`collect_once`], [`serve`]) and what an answer means ([`decide`]).
//! A poll has two halves, reading a DC ([`crate::directory::read_facts`]) and taking down what came ([`record`]), so that
//! a simulation of DCs can stand in for the first.
//! It reads cursors to know which evidence is needed, but never changes a consumer; and it never removes the newest
//! evidence a cursor depends on.

mod cursors;
pub mod decide;
mod serve;
mod target;
mod task;

pub use cursors::note_cursors;
pub use serve::serve;
pub use target::{Target, targets};
pub use task::{Outcome, PollReport, Round, collect_once, prune, record};

#[cfg(test)]
mod tests;
