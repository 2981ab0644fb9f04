//! Carries out a [`Switch`]: stop, save, compare-and-set, verify, record, start. It makes no choice.
//!
//! # Decisions
//! - A sync that still reads moves its cursor on until it is stopped, so a plan made before is stale by then. Who
//!   ordered may plan again while it stands still; started and stopped once more it would only move on again.
//! - A store's own failure (a full disk) leaves the attempt open: the next command settles it.
//! - Whatever goes wrong before the new cursor stands, the sync runs again afterwards if it was to run before. After
//!   that the cursor stays, and a sync that cannot be started makes the attempt "done in part".

use std::time::Duration;

use super::apply_error::{ApplyError, SyncNow, brief};
use super::resume_decide::is_to_the_letter;
use super::work::{Work, report};
use crate::clock;
use crate::consumer::{Consumer, ConsumerError, Stands};
use crate::model::{AttemptKind, AttemptState, Cursor, HeldCursor, Step, StepReport, Switch};
use crate::store::{NewAttempt, Opened, Placed, Store};

/// What is to be carried out, and on whose word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// What is to be done.
    pub switch: Switch,
    /// The plan behind it, as JSON.
    pub plan_json: String,
    /// The plan's hash.
    pub plan_hash: String,
    /// Why.
    pub kind: AttemptKind,
    /// Who ordered it, as `root (uid 0) on host`.
    pub who: String,
    /// How the order came, as `command line`.
    pub channel: String,
}

/// An order carried out: the new cursor stands and is recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// The attempt's number.
    pub attempt: i64,
    /// How the sync was left; one that is not as ordered makes it done in part.
    pub sync: SyncNow,
}

impl Applied {
    /// Whether all of it was done, the start included.
    pub fn is_complete(&self) -> bool {
        self.sync.is_as_ordered()
    }
}

/// Carries `order` out; `progress` hears of every step once it is recorded. Dropped or killed at any point, it is
/// settled by [`super::resume()`].
pub async fn apply(
    store: &Store,
    consumer: &Consumer,
    order: Order,
    progress: impl FnMut(&StepReport),
) -> Result<Applied, ApplyError> {
    apply_or_replan(store, consumer, order, progress, async |_| None).await
}

/// The same; where the sync had moved its cursor on before it stood still, `replan` is given that cursor once and may
/// order anew. A new order to another DC, or for another cursor, is not taken.
pub async fn apply_or_replan(
    store: &Store,
    consumer: &Consumer,
    order: Order,
    progress: impl FnMut(&StepReport),
    replan: impl AsyncFnOnce(&HeldCursor) -> Option<Order>,
) -> Result<Applied, ApplyError> {
    let resource = order.switch.resource.clone();
    if *consumer.resource() != resource {
        return Err(ApplyError::OtherConsumer {
            ordered: resource,
            given: consumer.resource().clone(),
        });
    }
    let Some(lock) = store.lock_attempts(&resource, Duration::ZERO).await? else {
        return Err(ApplyError::Busy(resource));
    };
    let new = NewAttempt {
        kind: order.kind,
        made_at: clock::now(),
        who: order.who.clone(),
        channel: order.channel,
        plan: order.plan_json,
        plan_hash: order.plan_hash,
        orders: order.switch.clone(),
    };
    let attempt = match store.open_attempt(&lock, new).await? {
        Opened::New(attempt) => attempt,
        Opened::Unfinished(attempt) => return Err(ApplyError::Unfinished { resource, attempt }),
    };
    let mut work = Work {
        store,
        consumer,
        attempt,
        switch: order.switch,
        who: order.who,
        progress,
    };
    work.stop().await?;
    work.save(replan).await?;
    if consumer.is_in_store() {
        work.place_in_store().await?;
        work.verify().await?;
    } else {
        work.write().await?;
        let found = work.verify().await?;
        work.record(&found).await?;
    }
    let sync = work.start_and_end().await?;
    Ok(Applied {
        attempt: work.attempt.id(),
        sync,
    })
}

impl<P: FnMut(&StepReport)> Work<'_, P> {
    async fn stop(&mut self) -> Result<(), ApplyError> {
        self.enter(AttemptState::Stopping).await?;
        let stopped = match self.attempt.lock().for_child() {
            Ok(held) => self.consumer.stop_holding(&self.who, Some(held)).await,
            Err(_) => self.consumer.stop(&self.who).await,
        };
        if let Err(error) = stopped {
            return Err(self.failed(Step::Stop, error).await?);
        }
        let step = report(Step::Stop, false, "the sync stands still");
        self.note(Some(AttemptState::Stopped), step).await
    }

    async fn save(
        &mut self,
        replan: impl AsyncFnOnce(&HeldCursor) -> Option<Order>,
    ) -> Result<(), ApplyError> {
        let found = match self.consumer.read().await {
            Ok(found) => found,
            Err(error) => return Err(self.failed(Step::Save, error).await?),
        };
        if found != self.switch.expected {
            let order = replan(&found).await.filter(|order| {
                let new = &order.switch;
                new.expected == found
                    && new.to == self.switch.to
                    && new.resource == self.switch.resource
            });
            match order {
                Some(order) => self.take_new(order).await?,
                None => return Err(self.stale(Step::Save, found.cursor).await?),
            }
        }
        let step = report(Step::Save, false, "the old cursor is as planned, and saved");
        self.store
            .save_old_cursor(&self.attempt, &found, &step)
            .await?;
        (self.progress)(&step);
        Ok(())
    }

    async fn take_new(&mut self, order: Order) -> Result<(), ApplyError> {
        let step = report(
            Step::Stop,
            false,
            format!(
                "it had moved on to {} before; planned again with that",
                brief(&order.switch.expected.cursor)
            ),
        );
        self.store
            .reorder_attempt(
                &self.attempt,
                &order.switch,
                order.plan_json,
                order.plan_hash,
                &step,
            )
            .await?;
        self.switch = order.switch;
        (self.progress)(&step);
        Ok(())
    }

    /// Writes a cursor that is kept in the store, with everything that belongs to it, in one transaction.
    async fn place_in_store(&mut self) -> Result<(), ApplyError> {
        let step = report(
            Step::Write,
            false,
            "the new cursor is written and what the consumer holds is recorded",
        );
        match self
            .store
            .switch_in_store(&self.attempt, &self.switch, &step)
            .await?
        {
            Placed::Written(_) => {
                (self.progress)(&step);
                Ok(())
            }
            Placed::Moved(Some(found)) => Err(self.stale(Step::Write, found.cursor).await?),
            Placed::Moved(None) => {
                let gone = ConsumerError::NoCursor {
                    resource: self.switch.resource.clone(),
                };
                Err(self.failed(Step::Write, gone).await?)
            }
        }
    }

    async fn write(&mut self) -> Result<(), ApplyError> {
        let lock = self.attempt.lock().clone();
        let written = self
            .consumer
            .compare_and_set_holding(&self.switch.expected, &self.switch.new, lock)
            .await;
        match written {
            Ok(_) => {
                let step = report(Step::Write, false, "the new cursor is written");
                self.note(None, step).await
            }
            Err(ConsumerError::Moved { found, .. }) => {
                Err(self.stale(Step::Write, found.cursor).await?)
            }
            Err(error) => self.settle_write(error).await,
        }
    }

    /// A write that failed may have been carried out all the same: the cursor tells.
    async fn settle_write(&mut self, error: ConsumerError) -> Result<(), ApplyError> {
        let Ok(look) = self.look().await else {
            return Err(self.unsettled(error));
        };
        match self.stands(&look) {
            Stands::Old => Err(self.failed(Step::Write, error).await?),
            Stands::New => {
                let text = format!("the new cursor stands, although writing it said: {error}");
                self.note(None, report(Step::Write, true, text)).await
            }
            Stands::Half => Err(self.put_back(error).await?),
            Stands::Neither => Err(self.conflict(Step::Write, look.held.cursor).await?),
        }
    }

    /// One of two places was written and the other could not be: the first one is put back.
    async fn put_back(&mut self, error: ConsumerError) -> Result<ApplyError, ApplyError> {
        let (expected, new) = (&self.switch.expected, &self.switch.new);
        let back = self.consumer.put_back(expected, new).await;
        let is_old = match self.look().await {
            Ok(look) => back.is_ok() && self.stands(&look) == Stands::Old,
            Err(_) => false,
        };
        if is_old {
            return self.failed(Step::Write, error).await;
        }
        let text = format!("one of two places is written, and it could not be put back: {error}");
        self.note(None, report(Step::Write, true, text)).await?;
        Ok(self.unsettled(error))
    }

    /// Reads the new cursor back; the sync stands still, so it must be there to the letter.
    pub(super) async fn verify(&mut self) -> Result<Cursor, ApplyError> {
        let look = match self.look().await {
            Ok(look) => look,
            Err(error) => return Err(self.unsettled(error)),
        };
        let is_new = is_to_the_letter(&look, &self.switch.new);
        let found = look.held.cursor;
        if !is_new {
            return Err(self.conflict(Step::Verify, found).await?);
        }
        let step = report(Step::Verify, false, "the new cursor was read back");
        self.note(None, step).await?;
        Ok(found)
    }
}
