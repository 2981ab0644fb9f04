//! All SQL, behind one [`Store`] handle with async methods. No database type leaves this module.
//!
//! One writer thread per process takes jobs from a bounded channel and runs each in one immediate transaction, polls
//! that wait side by side in one for all of them; a few reader threads serve the rest from WAL snapshots. Other processes may have the same file open.
//!
//! # Decisions
//! - WAL with `synchronous = FULL`: what an awaited write returned survives a power cut. A sample a second later
//!   would do without, a rewritten cursor would not, and one rule is simpler than two.
//! - Jobs that a caller stopped waiting for still run: cancelling a future loses nothing that was sent.
//! - A store that is already up to date opens without the write lock, so a look at it never waits for a writer.
//! - Dropping the last handle waits for the queued writes and closes the file.

mod attempts;
mod backup;
mod cursors;
mod error;
mod feed;
mod file_lock;
mod octets;
mod on_error;
mod open;
mod polls;
mod positions;
mod prune;
mod quarantine;
mod recovery;
mod requests;
mod samples;
mod together;
mod values;
mod vector_codec;
mod vectors;
mod worker;

use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use attempts::{AttemptLock, NewAttempt, OpenAttempt, Opened, Placed};
pub use cursors::CursorSeen;
pub use error::StoreError;
pub use feed::{
    DeadLetter, FeedBacklog, FeedCommit, FeedCommitted, FeedHealth, FeedLock, FeedSwitch,
    Forgotten, JournalSize, LoadOrder, LoadStarted, PageWritten, Replay, ResyncOrder, ToldCount,
    Undeliverable, Waiting,
};
pub use on_error::{
    Addressed, HeldBackFor, IncidentChange, LeasedDelivery, NewProposal, OutboxState,
    ProposalChange, ProposalLock, SeenTold, Taken, ToldAs,
};
pub use prune::{CursorNeed, Pruned};
pub use recovery::{
    Imported, Recovery, RecoveryCursor, RecoveryCursorSeen, RecoveryDc, RecoveryEvidence,
    RecoveryIncarnation, RecoverySample,
};
pub use requests::{Answer, Request, RequestKind, ServiceLock, SyncSwitch};
pub use samples::{FailedPoll, HistoryRow};
use worker::Workers;

/// The handle of the store; clones share one database.
#[derive(Debug, Clone)]
pub struct Store {
    workers: Arc<Workers>,
}

impl Store {
    /// Opens or creates the database at `path` and brings its schema up to date.
    pub async fn open(path: &Path) -> Result<Self, StoreError> {
        Self::open_tuned(path, open::Tuning::default()).await
    }

    async fn open_tuned(path: &Path, tuning: open::Tuning) -> Result<Self, StoreError> {
        let path = path.to_owned();
        let workers = tokio::task::spawn_blocking(move || Workers::start(path, tuning)).await;
        let workers = workers.map_err(|_| StoreError::Closed)??;
        Ok(Self {
            workers: Arc::new(workers),
        })
    }

    /// The database file.
    pub fn path(&self) -> &PathBuf {
        self.workers.path()
    }

    /// Returns once everything that was sent to be written before is written: a future that is dropped takes none of its
    /// writes back.
    pub async fn settled(&self) -> Result<(), StoreError> {
        self.write(|_| Ok(())).await
    }

    /// Runs `job` in one immediate transaction, committed when it returns `Ok`.
    async fn write<T, F>(&self, job: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&rusqlite::Transaction<'_>) -> Result<T, StoreError> + Send + 'static,
    {
        self.workers.write(job).await
    }

    /// As [`Store::write`], in a transaction that other such writes may share; each is kept or undone by itself.
    async fn write_together<T, F>(&self, job: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&rusqlite::Transaction<'_>) -> Result<T, StoreError> + Send + 'static,
    {
        self.workers.write_together(job).await
    }

    /// Runs `job` on one snapshot of the database.
    async fn read<T, F>(&self, job: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&rusqlite::Transaction<'_>) -> Result<T, StoreError> + Send + 'static,
    {
        self.workers.read(job).await
    }
}

#[cfg(test)]
mod tests;
