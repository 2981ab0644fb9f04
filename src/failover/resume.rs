//! Settles an attempt whose process died: finishes it where the new cursor stands, takes it back where the old one does.

use std::time::Duration;

use super::apply_error::{ApplyError, SyncNow};
use super::resume_decide::{Remaining, what_remains};
use super::work::{Work, report};
use crate::consumer::{Consumer, ConsumerError, Stands};
use crate::model::{AttemptState, Cursor, Step, StepReport};
use crate::store::Store;

/// How long the lock is tried for: a handle that is just going away must not hide what its process left behind.
const LOCK_WAIT: Duration = Duration::from_millis(250);

/// An attempt that was settled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resumed {
    /// Its number.
    pub attempt: i64,
    /// How it ended.
    pub state: AttemptState,
    /// How the sync was left.
    pub sync: SyncNow,
    /// What was done, for a person.
    pub text: String,
}

/// Settles the open attempt of the consumer's resource, if there is one and nobody works on it; `who` is told as the
/// one who starts the sync. To be called before anything is planned. A conflict is an error, and ends the attempt.
pub async fn resume(
    store: &Store,
    consumer: &Consumer,
    who: &str,
    progress: impl FnMut(&StepReport),
) -> Result<Option<Resumed>, ApplyError> {
    let Some(lock) = store.lock_attempts(consumer.resource(), LOCK_WAIT).await? else {
        return Ok(None);
    };
    let Some((open, attempt)) = store.take_over_attempt(&lock).await? else {
        return Ok(None);
    };
    let mut work = Work {
        store,
        consumer,
        attempt: open,
        switch: attempt.orders.clone(),
        who: who.to_owned(),
        progress,
    };
    let mut found: Option<Cursor> = None;
    let mut remaining = what_remains(&attempt, None);
    if remaining == Remaining::Look {
        let look = work.look().await;
        let look = look.map_err(|error| work.unsettled(error))?;
        remaining = what_remains(&attempt, Some(&look));
        found = Some(look.held.cursor);
    }
    let text = format!(
        "taken over by {who}: the process that began it ended in the state {}",
        attempt.state
    );
    work.note(None, report(Step::Resume, false, text)).await?;
    let found = found.unwrap_or_else(|| attempt.orders.new.clone());
    work.carry_on(remaining, found).await
}

impl<P: FnMut(&StepReport)> Work<'_, P> {
    async fn carry_on(
        &mut self,
        remaining: Remaining,
        found: Cursor,
    ) -> Result<Option<Resumed>, ApplyError> {
        match remaining {
            Remaining::Nothing | Remaining::Look => Ok(None),
            Remaining::RollBack { start_again } => {
                let otherwise = if self.attempt.was_stopped() {
                    SyncNow::LeftStopped
                } else {
                    SyncNow::Untouched
                };
                let state = AttemptState::RolledBack;
                let why = "the process that began it died before the new cursor stood";
                let back = self.take_back(state, why, start_again, otherwise).await?;
                Ok(Some(self.resumed(state, back.sync, back.text)))
            }
            Remaining::Complete => self.complete().await,
            Remaining::Record => {
                self.record(&found).await?;
                self.finish().await
            }
            Remaining::Start => self.finish().await,
            Remaining::Conflict => Err(self.conflict(Step::Resume, found).await?),
        }
    }

    /// The process was cut between the two places of an outside cursor: the one that is missing is written, or where
    /// that fails the other is put back.
    async fn complete(&mut self) -> Result<Option<Resumed>, ApplyError> {
        let (expected, new) = (&self.switch.expected, &self.switch.new);
        let lock = self.attempt.lock().clone();
        let consumer = self.consumer;
        if let Err(error) = consumer.compare_and_set_holding(expected, new, lock).await {
            return self.uncut(error).await;
        }
        let text = "one of two places held the new cursor, the other the old one: the other is written too";
        self.note(None, report(Step::Write, false, text)).await?;
        let found = self.verify().await?;
        self.record(&found).await?;
        self.finish().await
    }

    async fn uncut(&mut self, error: ConsumerError) -> Result<Option<Resumed>, ApplyError> {
        let (expected, new) = (&self.switch.expected, &self.switch.new);
        let back = self.consumer.put_back(expected, new).await;
        let look = self.look().await;
        let is_old = look.is_ok_and(|look| self.stands(&look) == Stands::Old);
        if back.is_err() || !is_old {
            return Err(self.unsettled(error));
        }
        let why = format!(
            "one of two places held the new cursor; the other could not be written ({error}), so that one was put back"
        );
        let start_again = !self.attempt.was_stopped();
        let state = AttemptState::RolledBack;
        let otherwise = SyncNow::LeftStopped;
        let back = self.take_back(state, &why, start_again, otherwise).await?;
        Ok(Some(self.resumed(state, back.sync, back.text)))
    }

    async fn finish(&mut self) -> Result<Option<Resumed>, ApplyError> {
        let sync = self.start_and_end().await?;
        let state = if sync.is_as_ordered() {
            AttemptState::Done
        } else {
            AttemptState::DoneInPart
        };
        let text = format!("the move to {} was finished; {sync}", self.switch.to);
        Ok(Some(self.resumed(state, sync, text)))
    }

    fn resumed(&self, state: AttemptState, sync: SyncNow, text: String) -> Resumed {
        Resumed {
            attempt: self.attempt.id(),
            state,
            sync,
            text,
        }
    }
}
