//! Failovers and undos from the order to the end: what a process that takes over from a dead one has to know.
//!
//! # Decisions
//! - Who works on an attempt holds a file lock, and every queued write of the attempt holds it too: the lock is free
//!   only when nothing of a dead or cancelled worker can still reach the store.
//! - What a resume decides on is read through the writer's queue, behind every write already sent.
//! - An open attempt only goes forward: a write to one that has ended fails.
//! - Where the resource has a feed of ours, its S is rewritten in the transaction that writes the cursor (R3).

use std::fs::File;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::{OptionalExtension, Row, Transaction, params};

use super::cursors::{self, CursorSeen, from_json, parsed, to_json};
use super::requests::{blocking, is_stopped_in};
use super::worker::beside;
use super::{Store, StoreError, file_lock};
use crate::model::{
    Attempt, AttemptKind, AttemptState, Cursor, CursorTag, HeldCursor, InvocationId, Knowledge,
    ResourceName, Step, StepReport, Switch, UtcMs,
};

/// Held by whoever works on the attempts of one resource; clones share it, the last one frees it.
#[derive(Debug, Clone)]
pub struct AttemptLock {
    resource: ResourceName,
    file: Arc<File>,
}

impl AttemptLock {
    /// Another handle on the lock, to be given to a child process: the lock is free when that has ended too.
    pub fn for_child(&self) -> std::io::Result<File> {
        self.file.try_clone()
    }
}

/// An order about to be carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewAttempt {
    /// Why.
    pub kind: AttemptKind,
    /// When.
    pub made_at: UtcMs,
    /// Who ordered it.
    pub who: String,
    /// How the order came.
    pub channel: String,
    /// The plan as JSON.
    pub plan: String,
    /// The plan's hash.
    pub plan_hash: String,
    /// What is to be done.
    pub orders: Switch,
}

/// An attempt in hand: its number, and the lock that says so.
#[derive(Debug, Clone)]
pub struct OpenAttempt {
    id: i64,
    was_stopped: bool,
    lock: AttemptLock,
}

impl OpenAttempt {
    /// Its number.
    pub fn id(&self) -> i64 {
        self.id
    }

    /// Whether the sync had been stopped by order before the attempt was begun.
    pub fn was_stopped(&self) -> bool {
        self.was_stopped
    }

    /// The lock that is held for it.
    pub fn lock(&self) -> &AttemptLock {
        &self.lock
    }
}

/// What came of opening an attempt.
#[derive(Debug)]
pub enum Opened {
    /// It is open.
    New(OpenAttempt),
    /// Another of this resource is open already: this number.
    Unfinished(i64),
}

/// What came of writing a cursor that is kept here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Placed {
    /// It stands, and what goes with it is recorded.
    Written(CursorTag),
    /// Another cursor was found (or none); nothing was written.
    Moved(Option<HeldCursor>),
}

impl Store {
    /// Takes the lock on the attempts of a resource; `None` where another process, or task, holds it for all of `wait`.
    pub async fn lock_attempts(
        &self,
        resource: &ResourceName,
        wait: Duration,
    ) -> Result<Option<AttemptLock>, StoreError> {
        let path = beside(self.path(), &format!("apply-{resource}.lock"));
        let taken = blocking(move || file_lock::exclusive(&path, wait)).await?;
        Ok(taken.map(|file| AttemptLock {
            resource: resource.clone(),
            file: Arc::new(file),
        }))
    }

    /// Writes an order down with its first step, unless one of the resource is open.
    pub async fn open_attempt(
        &self,
        lock: &AttemptLock,
        new: NewAttempt,
    ) -> Result<Opened, StoreError> {
        let lock = lock.clone();
        self.write(move |transaction| {
            let open = transaction
                .prepare_cached("SELECT id FROM attempt WHERE resource = ?1 AND ended_at IS NULL")?
                .query_row([lock.resource.as_str()], |row| row.get(0))
                .optional()?;
            if let Some(id) = open {
                return Ok(Opened::Unfinished(id));
            }
            let was_stopped = is_stopped_in(transaction, &lock.resource)?;
            let id = insert(transaction, &lock.resource, &new, was_stopped)?;
            let begin = StepReport {
                step: Step::Begin,
                at: new.made_at,
                failed: false,
                outcome: format!("{} ordered by {}", new.kind.code(), new.who),
            };
            add_step(transaction, id, &begin)?;
            Ok(Opened::New(OpenAttempt {
                id,
                was_stopped,
                lock,
            }))
        })
        .await
    }

    /// The open attempt of the resource the lock is for: one that another process left behind.
    pub async fn take_over_attempt(
        &self,
        lock: &AttemptLock,
    ) -> Result<Option<(OpenAttempt, Attempt)>, StoreError> {
        let lock = lock.clone();
        self.write(move |transaction| {
            let sql = format!("{SELECT} WHERE resource = ?1 AND ended_at IS NULL");
            let found = load(transaction, &sql, lock.resource.as_str(), 1)?.pop();
            Ok(found.map(|attempt| {
                let open = OpenAttempt {
                    id: attempt.id,
                    was_stopped: attempt.was_stopped,
                    lock,
                };
                (open, attempt)
            }))
        })
        .await
    }

    /// Takes down a step, a new state, or both, of an open attempt.
    pub async fn note_attempt(
        &self,
        attempt: &OpenAttempt,
        state: Option<AttemptState>,
        step: Option<&StepReport>,
    ) -> Result<(), StoreError> {
        let (attempt, step) = (attempt.clone(), step.cloned());
        self.write(move |transaction| {
            if let Some(state) = state {
                set_state(transaction, attempt.id, state)?;
            }
            step.map_or(Ok(()), |step| add_step(transaction, attempt.id, &step))
        })
        .await
    }

    /// Gives an open attempt new orders, as long as nothing was written by the old ones.
    pub async fn reorder_attempt(
        &self,
        attempt: &OpenAttempt,
        orders: &Switch,
        plan: String,
        plan_hash: String,
        step: &StepReport,
    ) -> Result<(), StoreError> {
        let (attempt, orders, step) = (attempt.clone(), to_json(orders)?, step.clone());
        self.write(move |transaction| {
            set_state(transaction, attempt.id, AttemptState::Stopped)?;
            transaction.execute(
                "UPDATE attempt SET orders = ?2, plan = ?3, plan_hash = ?4 WHERE id = ?1",
                params![attempt.id, orders, plan, plan_hash],
            )?;
            add_step(transaction, attempt.id, &step)
        })
        .await
    }

    /// Saves the cursor that is about to be replaced; from here on either may stand.
    pub async fn save_old_cursor(
        &self,
        attempt: &OpenAttempt,
        old: &HeldCursor,
        step: &StepReport,
    ) -> Result<(), StoreError> {
        let (attempt, old, step) = (attempt.clone(), to_json(old)?, step.clone());
        self.write(move |transaction| {
            set_state(transaction, attempt.id, AttemptState::Writing)?;
            transaction.execute(
                "UPDATE attempt SET old_cursor = ?2 WHERE id = ?1",
                params![attempt.id, old],
            )?;
            add_step(transaction, attempt.id, &step)
        })
        .await
    }

    /// Records that the new cursor stands: what the consumer holds, where its cursor is, and the state, in one.
    pub async fn record_switch(
        &self,
        attempt: &OpenAttempt,
        switch: &Switch,
        found: &Cursor,
        step: &StepReport,
    ) -> Result<(), StoreError> {
        let (attempt, switch, found, step) =
            (attempt.clone(), switch.clone(), found.clone(), step.clone());
        self.write(move |transaction| switched(transaction, attempt.id, &switch, &found, &step))
            .await
    }

    /// Rewrites a cursor kept here if it is still the expected one, with all that [`Store::record_switch`] records.
    pub async fn switch_in_store(
        &self,
        attempt: &OpenAttempt,
        switch: &Switch,
        step: &StepReport,
    ) -> Result<Placed, StoreError> {
        let (attempt, switch, step) = (attempt.clone(), switch.clone(), step.clone());
        self.write(move |transaction| {
            let found = cursors::cursor_in(transaction, &switch.resource)?;
            if found.as_ref() != Some(&switch.expected) {
                return Ok(Placed::Moved(found));
            }
            let tag = &switch.expected.tag;
            match cursors::put_in(transaction, &switch.resource, tag, &switch.new, step.at)? {
                None => Ok(Placed::Moved(found)),
                Some(tag) => {
                    switched(transaction, attempt.id, &switch, &switch.new, &step)?;
                    Ok(Placed::Written(tag))
                }
            }
        })
        .await
    }

    /// Ends an attempt, with its last step where there is one. `knowledge` replaces what the consumer holds.
    pub async fn end_attempt(
        &self,
        attempt: &OpenAttempt,
        state: AttemptState,
        outcome: &str,
        step: Option<&StepReport>,
        knowledge: Option<&Knowledge>,
        at: UtcMs,
    ) -> Result<(), StoreError> {
        let (attempt, outcome) = (attempt.clone(), outcome.to_owned());
        let (step, knowledge) = (step.cloned(), knowledge.cloned());
        self.write(move |transaction| {
            set_state(transaction, attempt.id, state)?;
            transaction.execute(
                "UPDATE attempt SET ended_at = ?2, outcome = ?3 WHERE id = ?1",
                params![attempt.id, at.as_millis(), outcome],
            )?;
            if let Some(knowledge) = knowledge {
                cursors::put_knowledge_fenced(transaction, &attempt.lock.resource, &knowledge)?;
            }
            step.map_or(Ok(()), |step| add_step(transaction, attempt.id, &step))
        })
        .await
    }

    /// The newest attempts of a resource with all their steps, newest first, at most `limit`.
    pub async fn attempts(
        &self,
        resource: &ResourceName,
        limit: u32,
    ) -> Result<Vec<Attempt>, StoreError> {
        let resource = resource.clone();
        self.read(move |transaction| {
            let sql = format!("{SELECT} WHERE resource = ?1 ORDER BY id DESC");
            load(transaction, &sql, resource.as_str(), limit)
        })
        .await
    }

    /// The newest attempt of a resource that rewrote its cursor: the one an undo takes back.
    pub async fn newest_completed(
        &self,
        resource: &ResourceName,
    ) -> Result<Option<Attempt>, StoreError> {
        let resource = resource.clone();
        self.read(move |transaction| {
            let sql = format!(
                "{SELECT} WHERE resource = ?1 AND state IN ('done', 'done_in_part') ORDER BY id DESC"
            );
            Ok(load(transaction, &sql, resource.as_str(), 1)?.pop())
        })
        .await
    }
}

fn insert(
    transaction: &Transaction<'_>,
    resource: &ResourceName,
    new: &NewAttempt,
    was_stopped: bool,
) -> Result<i64, StoreError> {
    transaction.execute(
        "INSERT INTO attempt (resource, kind, made_at, who, channel, plan, plan_hash, orders, was_stopped, state) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        params![
            resource.as_str(),
            new.kind.code(),
            new.made_at.as_millis(),
            new.who,
            new.channel,
            new.plan,
            new.plan_hash,
            to_json(&new.orders)?,
            was_stopped,
            AttemptState::Begun.code(),
        ],
    )?;
    Ok(transaction.last_insert_rowid())
}

fn set_state(
    transaction: &Transaction<'_>,
    attempt: i64,
    state: AttemptState,
) -> Result<(), StoreError> {
    let changed = transaction.execute(
        "UPDATE attempt SET state = ?2 WHERE id = ?1 AND ended_at IS NULL",
        params![attempt, state.code()],
    )?;
    if changed == 1 {
        Ok(())
    } else {
        Err(StoreError::Other(format!(
            "attempt {attempt} has already ended: look at `highwater attempts` before anything else is done"
        )))
    }
}

fn add_step(
    transaction: &Transaction<'_>,
    attempt: i64,
    step: &StepReport,
) -> Result<(), StoreError> {
    transaction.execute(
        "INSERT INTO attempt_step (attempt_id, seq, step, at, failed, outcome) SELECT ?1, \
         (SELECT coalesce(max(seq), 0) + 1 FROM attempt_step WHERE attempt_id = ?1), ?2, ?3, ?4, ?5",
        params![
            attempt,
            step.step.code(),
            step.at.as_millis(),
            step.failed,
            step.outcome,
        ],
    )?;
    Ok(())
}

fn switched(
    transaction: &Transaction<'_>,
    attempt: i64,
    switch: &Switch,
    found: &Cursor,
    step: &StepReport,
) -> Result<(), StoreError> {
    set_state(transaction, attempt, AttemptState::Switched)?;
    cursors::put_knowledge_in(transaction, &switch.resource, &switch.knowledge)?;
    let seen = CursorSeen {
        resource: switch.resource.clone(),
        dc: Some(switch.to.clone()),
        invocation_id: found.invocation_id.or_else(|| life(&switch.knowledge)),
        read_up_to: found.read_up_to(),
        seen_at: step.at,
    };
    cursors::note_seen_in(transaction, &seen)?;
    add_step(transaction, attempt, step)
}

fn life(knowledge: &Knowledge) -> Option<InvocationId> {
    match knowledge {
        Knowledge::Held { invocation_id, .. } => Some(*invocation_id),
        Knowledge::Pass { invocation_id, .. } => *invocation_id,
        Knowledge::Void { .. } => None,
    }
}

const SELECT: &str = "SELECT id, resource, kind, made_at, who, channel, plan, plan_hash, orders, was_stopped, state, \
                      old_cursor, ended_at, outcome FROM attempt";

fn load(
    transaction: &Transaction<'_>,
    sql: &str,
    resource: &str,
    limit: u32,
) -> Result<Vec<Attempt>, StoreError> {
    let mut query = transaction.prepare_cached(&format!("{sql} LIMIT ?2"))?;
    let mut rows = query.query(params![resource, limit])?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        let mut attempt = attempt(row)?;
        attempt.steps = steps(transaction, attempt.id)?;
        all.push(attempt);
    }
    Ok(all)
}

fn attempt(row: &Row<'_>) -> Result<Attempt, StoreError> {
    let old: Option<String> = row.get(11)?;
    Ok(Attempt {
        id: row.get(0)?,
        resource: parsed("attempt.resource", &row.get::<_, String>(1)?)?,
        kind: coded("attempt.kind", &AttemptKind::ALL, AttemptKind::code, row, 2)?,
        made_at: UtcMs::from_millis(row.get(3)?),
        who: row.get(4)?,
        channel: row.get(5)?,
        plan: row.get(6)?,
        plan_hash: row.get(7)?,
        orders: from_json("attempt.orders", &row.get::<_, String>(8)?)?,
        was_stopped: row.get(9)?,
        state: coded(
            "attempt.state",
            &AttemptState::ALL,
            AttemptState::code,
            row,
            10,
        )?,
        old_cursor: old
            .map(|text| from_json("attempt.old_cursor", &text))
            .transpose()?,
        ended_at: row.get::<_, Option<i64>>(12)?.map(UtcMs::from_millis),
        outcome: row.get(13)?,
        steps: Vec::new(),
    })
}

fn steps(transaction: &Transaction<'_>, attempt: i64) -> Result<Vec<StepReport>, StoreError> {
    let mut query = transaction.prepare_cached(
        "SELECT step, at, failed, outcome FROM attempt_step WHERE attempt_id = ?1 ORDER BY seq",
    )?;
    let mut rows = query.query([attempt])?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        all.push(StepReport {
            step: coded("attempt_step.step", &Step::ALL, Step::code, row, 0)?,
            at: UtcMs::from_millis(row.get(1)?),
            failed: row.get(2)?,
            outcome: row.get(3)?,
        });
    }
    Ok(all)
}

fn coded<T: Copy>(
    column: &str,
    all: &[T],
    code: impl Fn(T) -> &'static str,
    row: &Row<'_>,
    index: usize,
) -> Result<T, StoreError> {
    let text: String = row.get(index)?;
    all.iter()
        .copied()
        .find(|one| code(*one) == text)
        .ok_or_else(|| StoreError::Unreadable(format!("{column}: `{text}`")))
}

#[cfg(test)]
mod tests;
