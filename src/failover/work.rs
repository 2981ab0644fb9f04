//! The steps that carrying out and settling share: take down, start, take back, end.

use super::apply_error::{ApplyError, SyncNow, brief};
use super::resume_decide::where_it_stands;
use crate::clock;
use crate::consumer::{Confirmed, Consumer, ConsumerError, Look, Stands};
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
    /// Reads the cursor again, and where its place can tell, which of the two it is.
    pub(super) async fn look(&self) -> Result<Look, ConsumerError> {
        self.consumer
            .look(&self.switch.expected, &self.switch.new)
            .await
    }

    /// Which cursor stands.
    pub(super) fn stands(&self, look: &Look) -> Stands {
        let (old, new) = (&self.switch.expected.cursor, &self.switch.new);
        look.stands
            .unwrap_or_else(|| where_it_stands(old, new, &look.held.cursor))
    }

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
            Ok(()) => self.confirm_and_end(&moved).await,
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

    /// The sync was started: sees that it goes on, where there is a way to see it, and ends.
    async fn confirm_and_end(&mut self, moved: &str) -> Result<SyncNow, ApplyError> {
        let started = report(Step::Start, false, "the sync was started");
        let confirmed = if self.consumer.confirms() {
            self.note(None, started.clone()).await?;
            let (expected, new) = (&self.switch.expected, &self.switch.new);
            let seen = self.consumer.confirm(expected, new).await;
            seen.unwrap_or_else(|error| Some(Confirmed::No(error.to_string())))
        } else {
            None
        };
        let (sync, state, step, text) = match confirmed {
            None => {
                let text = format!("{moved}; the sync was started");
                (SyncNow::Started, AttemptState::Done, started, text)
            }
            Some(Confirmed::Yes(how)) => {
                let text = format!("{moved}; the sync was started: {how}");
                let step = report(Step::Confirm, false, how);
                (SyncNow::Started, AttemptState::Done, step, text)
            }
            Some(Confirmed::No(why)) => {
                let step = report(Step::Confirm, true, why.clone());
                let sync = SyncNow::NotConfirmed(why);
                let text = format!("{moved}; {sync}");
                (sync, AttemptState::DoneInPart, step, text)
            }
        };
        self.end(state, &text, Some(step), None).await?;
        Ok(sync)
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
