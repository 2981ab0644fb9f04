//! The steps that carrying out and settling share: take down, start, take back, end.

use super::apply_error::{ApplyError, SyncNow, brief};
use crate::clock;
use crate::consumer::{Consumer, ConsumerError};
use crate::model::{AttemptState, Cursor, Knowledge, Step, StepReport, Switch};
use crate::store::{OpenAttempt, Store};

/// One open attempt in hand.
pub(super) struct Work<'a, P> {
    pub(super) store: &'a Store,
    pub(super) consumer: &'a Consumer,
    pub(super) attempt: OpenAttempt,
    pub(super) switch: Switch,
    pub(super) who: String,
    pub(super) progress: P,
}

/// How the attempt went back to where it began.
pub(super) struct TakenBack {
    pub(super) sync: SyncNow,
    pub(super) text: String,
}

pub(super) fn report(step: Step, failed: bool, outcome: impl Into<String>) -> StepReport {
    StepReport {
        step,
        at: clock::now(),
        failed,
        outcome: outcome.into(),
    }
}

impl<P: FnMut(&StepReport)> Work<'_, P> {
    /// Takes a step down, with the state it leads to.
    pub(super) async fn note(
        &mut self,
        state: Option<AttemptState>,
        step: StepReport,
    ) -> Result<(), ApplyError> {
        self.store
            .note_attempt(&self.attempt, state, Some(&step))
            .await?;
        (self.progress)(&step);
        Ok(())
    }

    /// Takes down what is about to be begun.
    pub(super) async fn enter(&self, state: AttemptState) -> Result<(), ApplyError> {
        self.store
            .note_attempt(&self.attempt, Some(state), None)
            .await?;
        Ok(())
    }

    async fn end(
        &mut self,
        state: AttemptState,
        outcome: &str,
        step: Option<StepReport>,
        knowledge: Option<&Knowledge>,
    ) -> Result<(), ApplyError> {
        let at = clock::now();
        self.store
            .end_attempt(&self.attempt, state, outcome, step.as_ref(), knowledge, at)
            .await?;
        if let Some(step) = step {
            (self.progress)(&step);
        }
        Ok(())
    }

    /// Records that the new cursor stands, as `found`, with what the consumer holds.
    pub(super) async fn record(&mut self, found: &Cursor) -> Result<(), ApplyError> {
        let step = report(Step::Record, false, "what the consumer holds is recorded");
        self.store
            .record_switch(&self.attempt, &self.switch, found, &step)
            .await?;
        (self.progress)(&step);
        Ok(())
    }

    /// The last steps once all is recorded: start where ordered, and end.
    pub(super) async fn start_and_end(&mut self) -> Result<SyncNow, ApplyError> {
        let moved = format!("moved to {}", self.switch.to);
        if !self.switch.restart {
            let text = format!("{moved}; the sync is left stopped, as ordered");
            self.end(AttemptState::Done, &text, None, None).await?;
            return Ok(SyncNow::LeftStopped);
        }
        self.enter(AttemptState::Starting).await?;
        match self.consumer.start(&self.who).await {
            Ok(()) => {
                let step = report(Step::Start, false, "the sync was started");
                let text = format!("{moved}; the sync was started");
                self.end(AttemptState::Done, &text, Some(step), None)
                    .await?;
                Ok(SyncNow::Started)
            }
            Err(error) => {
                let sync = SyncNow::NotStarted(error.to_string());
                let step = report(Step::Start, true, error.to_string());
                let text = format!("{moved}; {sync}");
                self.end(AttemptState::DoneInPart, &text, Some(step), None)
                    .await?;
                Ok(sync)
            }
        }
    }

    /// Ends an attempt that switched nothing; starts the sync again where `start_again`.
    pub(super) async fn take_back(
        &mut self,
        state: AttemptState,
        why: &str,
        start_again: bool,
        otherwise: SyncNow,
    ) -> Result<TakenBack, ApplyError> {
        let (sync, step) = if start_again {
            match self.consumer.start(&self.who).await {
                Ok(()) => (
                    SyncNow::Started,
                    Some(report(Step::StartAgain, false, "the sync was started")),
                ),
                Err(error) => (
                    SyncNow::NotStarted(error.to_string()),
                    Some(report(Step::StartAgain, true, error.to_string())),
                ),
            }
        } else {
            (otherwise, None)
        };
        let text = format!("{why}; the cursor is as it was, {sync}");
        self.end(state, &text, step, None).await?;
        Ok(TakenBack { sync, text })
    }

    /// Takes back because a step of this process failed, once the sync may have been stopped.
    pub(super) async fn give_up(
        &mut self,
        state: AttemptState,
        step: Step,
        why: &str,
    ) -> Result<SyncNow, ApplyError> {
        self.note(None, report(step, true, why)).await?;
        let start_again = !self.attempt.was_stopped();
        let back = self
            .take_back(state, why, start_again, SyncNow::LeftStopped)
            .await?;
        Ok(back.sync)
    }

    /// The step failed and nothing was written.
    pub(super) async fn failed(
        &mut self,
        step: Step,
        source: ConsumerError,
    ) -> Result<ApplyError, ApplyError> {
        let why = source.to_string();
        let sync = self.give_up(AttemptState::Failed, step, &why).await?;
        Ok(ApplyError::Step { step, source, sync })
    }

    /// The cursor was no longer the expected one, and nothing was written.
    pub(super) async fn stale(
        &mut self,
        step: Step,
        found: Cursor,
    ) -> Result<ApplyError, ApplyError> {
        let why = format!("the cursor has moved to {}", brief(&found));
        let sync = self.give_up(AttemptState::Stale, step, &why).await?;
        Ok(ApplyError::Moved {
            resource: self.switch.resource.clone(),
            expected: Box::new(self.switch.expected.cursor.clone()),
            found: Box::new(found),
            sync,
        })
    }

    /// The cursor is neither: ends the attempt. What the consumer holds is unknown from here on.
    pub(super) async fn conflict(
        &mut self,
        step: Step,
        found: Cursor,
    ) -> Result<ApplyError, ApplyError> {
        let error = ApplyError::Conflict {
            resource: self.switch.resource.clone(),
            attempt: self.attempt.id(),
            old: Box::new(self.switch.expected.cursor.clone()),
            new: Box::new(self.switch.new.clone()),
            found: Box::new(found),
        };
        let text = error.to_string();
        let void = Knowledge::Void {
            since: clock::now(),
            dc: self.switch.to.clone(),
            reason: format!(
                "another program wrote the cursor during attempt {}",
                self.attempt.id()
            ),
        };
        let step = report(step, true, text.clone());
        self.end(AttemptState::Conflict, &text, Some(step), Some(&void))
            .await?;
        Ok(error)
    }

    /// Whether the new cursor stands cannot be told: the attempt stays open for another try.
    pub(super) fn unsettled(&self, source: ConsumerError) -> ApplyError {
        ApplyError::Unsettled {
            resource: self.switch.resource.clone(),
            attempt: self.attempt.id(),
            source,
        }
    }
}
