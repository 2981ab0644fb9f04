//! Several writes in one transaction: one wait for the disk for all of them.
//!
//! # Decisions
//! - Each write is kept or undone by itself, under a savepoint: one that fails or panics takes nothing from the others.
//! - Nobody is answered before the commit: what an awaited write returned survives a power cut, as everywhere here.
//! - Where the database gives the whole transaction up (a full disk), those that had been written hear of it as of a
//!   failure of their own, and the ones after them get a transaction anew.

use std::panic::{AssertUnwindSafe, catch_unwind};

use rusqlite::{Connection, Transaction, TransactionBehavior};
use tokio::sync::oneshot;

use super::StoreError;

/// A write that may share its transaction.
pub(super) trait Part: Send {
    /// Does the work; where it fails, the failure as the others may have to hear it.
    fn run(&mut self, tx: &Transaction<'_>) -> Result<(), StoreError>;
    /// Answers the caller: with the work's own outcome, or with the failure of the transaction it was kept in.
    fn answer(self: Box<Self>, transaction: Result<(), StoreError>);
}

/// A job, what it brought, and who waits for it.
pub(super) struct Asked<T, F> {
    job: Option<F>,
    result: Option<Result<T, StoreError>>,
    caller: oneshot::Sender<Result<T, StoreError>>,
}

impl<T, F> Asked<T, F> {
    /// A part that does `job`, and where its outcome arrives; a job that panics closes the channel.
    pub(super) fn new(job: F) -> (Self, oneshot::Receiver<Result<T, StoreError>>) {
        let (caller, answered) = oneshot::channel();
        let part = Self {
            job: Some(job),
            result: None,
            caller,
        };
        (part, answered)
    }
}

impl<T, F> Part for Asked<T, F>
where
    T: Send,
    F: FnOnce(&Transaction<'_>) -> Result<T, StoreError> + Send,
{
    fn run(&mut self, tx: &Transaction<'_>) -> Result<(), StoreError> {
        let result = self.job.take().map(|job| job(tx));
        let ran = match &result {
            Some(Err(error)) => Err(error.again()),
            _ => Ok(()),
        };
        self.result = result;
        ran
    }

    fn answer(self: Box<Self>, transaction: Result<(), StoreError>) {
        let result = match (self.result, transaction) {
            (Some(Ok(value)), Ok(())) => Ok(value),
            (Some(Err(own)), _) => Err(own),
            (_, Err(error)) => Err(error),
            // It panicked.
            (None, Ok(())) => return,
        };
        // The caller may have stopped waiting; the work is done all the same.
        drop(self.caller.send(result));
    }
}

/// Runs the parts in order, commits, and answers each.
pub(super) fn commit_together(connection: &mut Connection, parts: Vec<Box<dyn Part>>) {
    let mut waiting = parts.into_iter();
    while waiting.len() > 0 {
        let mut done = Vec::new();
        let committed = some(connection, &mut waiting, &mut done);
        // Without one that ran, the transaction did not begin.
        if done.is_empty() {
            done.extend(waiting.by_ref());
        }
        for part in done {
            part.answer(match &committed {
                Ok(()) => Ok(()),
                Err(error) => Err(error.again()),
            });
        }
    }
}

/// Runs parts in one transaction until none is left or the transaction is lost.
fn some(
    connection: &mut Connection,
    waiting: &mut std::vec::IntoIter<Box<dyn Part>>,
    done: &mut Vec<Box<dyn Part>>,
) -> Result<(), StoreError> {
    let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for mut part in waiting.by_ref() {
        let kept = under_savepoint(&tx, part.as_mut());
        done.push(part);
        kept?;
    }
    tx.commit()?;
    Ok(())
}

/// Runs one part, and undoes it alone where it is not to be kept; an error loses the transaction.
fn under_savepoint(tx: &Transaction<'_>, part: &mut dyn Part) -> Result<(), StoreError> {
    tx.prepare_cached("SAVEPOINT part")?.execute([])?;
    let ran = catch_unwind(AssertUnwindSafe(|| part.run(tx))).unwrap_or(Err(StoreError::Closed));
    if let Err(error) = ran {
        if tx.is_autocommit() {
            return Err(error);
        }
        tx.prepare_cached("ROLLBACK TO part")?.execute([])?;
    }
    tx.prepare_cached("RELEASE part")?.execute([])?;
    Ok(())
}

#[cfg(test)]
#[path = "together_tests.rs"]
mod tests;
