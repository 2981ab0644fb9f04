//! The failure process's tables: failures, incidents, proposals, pauses, probes, and the outbox of notices.
//!
//! # Decisions
//! - A change of state and the notices that tell of it are one transaction: a crash loses both or neither.
//! - A proposal moves from state to state by compare-and-set, so that an answer counts once, whoever gives it.

mod failures;
mod incidents;
mod outbox;
mod pauses;
mod proposals;
mod sightings;

use rusqlite::Row;

pub use incidents::{IncidentChange, SeenTold, Taken, ToldAs};
pub use outbox::{Addressed, HeldBackFor, LeasedDelivery, OutboxState};
pub use proposals::{NewProposal, ProposalChange, ProposalLock};

use super::StoreError;
use crate::model::UtcMs;

/// The value that a stored code stands for.
fn coded<T: Copy>(
    column: &str,
    all: &[T],
    code: impl Fn(T) -> &'static str,
    text: &str,
) -> Result<T, StoreError> {
    all.iter()
        .copied()
        .find(|one| code(*one) == text)
        .ok_or_else(|| StoreError::Unreadable(format!("{column}: `{text}`")))
}

fn time(row: &Row<'_>, index: usize) -> Result<UtcMs, StoreError> {
    Ok(UtcMs::from_millis(row.get(index)?))
}

fn maybe_time(row: &Row<'_>, index: usize) -> Result<Option<UtcMs>, StoreError> {
    Ok(row.get::<_, Option<i64>>(index)?.map(UtcMs::from_millis))
}

#[cfg(test)]
mod telling_tests;
#[cfg(test)]
mod tests;
