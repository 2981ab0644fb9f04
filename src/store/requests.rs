//! What one process asks of the running service, and whether a sync may run.
//!
//! # Decisions
//! - Whether a service is alive is told by a lock the operating system drops with its process, never by a time stamp.
//! - Asking again, or setting the switch directly, answers every older open request of the resource as superseded:
//!   a service that starts later must not carry out an order whose giver is long gone.

use std::fs::File;
use std::time::Duration;

use rusqlite::{OptionalExtension, Transaction, params};
use serde::{Deserialize, Serialize};

use super::cursors::{from_json, parsed, to_json};
use super::worker::beside;
use super::{Store, StoreError, file_lock};
use crate::model::{ResourceName, UtcMs};

/// What can be asked of the running service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestKind {
    /// Stop the resource's sync; answered once it stands still.
    StopSync,
    /// Let the resource's sync run again.
    StartSync,
}

impl RequestKind {
    /// The stable code.
    pub fn code(self) -> &'static str {
        match self {
            Self::StopSync => "stop_sync",
            Self::StartSync => "start_sync",
        }
    }

    fn stops(self) -> bool {
        self == Self::StopSync
    }
}

/// A request that waits for its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Its number; requests are answered in this order.
    pub id: i64,
    /// What is asked.
    pub kind: RequestKind,
    /// Of which resource.
    pub resource: ResourceName,
    /// When it was asked.
    pub asked_at: UtcMs,
    /// By whom.
    pub asked_by: String,
}

/// The answer to a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "answer")]
pub enum Answer {
    /// It was done.
    Done,
    /// It was not done.
    Refused {
        /// Why, for a person.
        why: String,
    },
    /// A later order took its place before it was answered.
    Superseded,
}

/// Whether a sync may run, as the last order left it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyncSwitch {
    /// It must stand still.
    pub stopped: bool,
    /// Since when.
    pub since: UtcMs,
    /// By whose order.
    pub set_by: String,
}

/// Held by the running service for as long as it lives.
#[derive(Debug)]
pub struct ServiceLock {
    _file: File,
}

/// How long the service tries for its lock: longer than anyone's look at it.
const SERVICE_LOCK_WAIT: Duration = Duration::from_secs(1);

impl Store {
    /// Takes the lock that marks this process as the running service; `None` while another one runs.
    pub async fn hold_service_lock(&self) -> Result<Option<ServiceLock>, StoreError> {
        let path = beside(self.path(), "service.lock");
        let taken = blocking(move || file_lock::exclusive(&path, SERVICE_LOCK_WAIT)).await?;
        Ok(taken.map(|file| ServiceLock { _file: file }))
    }

    /// Whether a service runs on this store.
    pub async fn service_is_alive(&self) -> Result<bool, StoreError> {
        let path = beside(self.path(), "service.lock");
        blocking(move || file_lock::is_held(&path)).await
    }

    /// Asks the running service; the number is for [`Store::answer_to`].
    pub async fn ask(
        &self,
        kind: RequestKind,
        resource: &ResourceName,
        by: &str,
        at: UtcMs,
    ) -> Result<i64, StoreError> {
        let (resource, by) = (resource.clone(), by.to_owned());
        self.write(move |transaction| {
            supersede(transaction, &resource, at)?;
            transaction.execute(
                "INSERT INTO request (kind, resource, asked_at, asked_by) VALUES (?1, ?2, ?3, ?4)",
                params![kind.code(), resource.as_str(), at.as_millis(), by],
            )?;
            Ok(transaction.last_insert_rowid())
        })
        .await
    }

    /// The answer to a request, once there is one.
    pub async fn answer_to(&self, request: i64) -> Result<Option<Answer>, StoreError> {
        self.read(move |transaction| answer_in(transaction, request))
            .await
    }

    /// Takes a request back; `Some` where it had been answered meanwhile.
    pub async fn withdraw(&self, request: i64) -> Result<Option<Answer>, StoreError> {
        self.write(move |transaction| {
            let answer = answer_in(transaction, request)?;
            if answer.is_none() {
                transaction.execute("DELETE FROM request WHERE id = ?1", [request])?;
            }
            Ok(answer)
        })
        .await
    }

    /// The requests that wait for an answer, oldest first: for the service.
    pub async fn open_requests(&self) -> Result<Vec<Request>, StoreError> {
        self.read(|transaction| {
            let mut query = transaction.prepare_cached(
                "SELECT id, kind, resource, asked_at, asked_by FROM request WHERE answered_at IS NULL ORDER BY id",
            )?;
            let mut rows = query.query([])?;
            let mut all = Vec::new();
            while let Some(row) = rows.next()? {
                all.push(Request {
                    id: row.get(0)?,
                    kind: kind_of(&row.get::<_, String>(1)?)?,
                    resource: parsed("request.resource", &row.get::<_, String>(2)?)?,
                    asked_at: UtcMs::from_millis(row.get(3)?),
                    asked_by: row.get(4)?,
                });
            }
            Ok(all)
        })
        .await
    }

    /// Answers a request: for the service. `Done` sets the sync's switch in the same transaction. `false`, and
    /// nothing written, where the request was withdrawn or answered before.
    pub async fn answer_request(
        &self,
        request: &Request,
        answer: &Answer,
        at: UtcMs,
    ) -> Result<bool, StoreError> {
        let (request, answer) = (request.clone(), answer.clone());
        self.write(move |transaction| {
            let answered = transaction.execute(
                "UPDATE request SET answered_at = ?2, answer = ?3 WHERE id = ?1 AND answered_at IS NULL",
                params![request.id, at.as_millis(), to_json(&answer)?],
            )?;
            if answered == 1 && answer == Answer::Done {
                switch_in(transaction, &request.resource, request.kind.stops(), &request.asked_by, at)?;
            }
            Ok(answered == 1)
        })
        .await
    }

    /// The switch of a resource's sync; `None` where it was never set, which means it may run.
    pub async fn sync_switch(
        &self,
        resource: &ResourceName,
    ) -> Result<Option<SyncSwitch>, StoreError> {
        let resource = resource.clone();
        self.read(move |transaction| {
            let found = transaction
                .prepare_cached(
                    "SELECT stopped, since, set_by FROM sync_switch WHERE resource = ?1",
                )?
                .query_row([resource.as_str()], |row| {
                    Ok(SyncSwitch {
                        stopped: row.get(0)?,
                        since: UtcMs::from_millis(row.get(1)?),
                        set_by: row.get(2)?,
                    })
                })
                .optional()?;
            Ok(found)
        })
        .await
    }

    /// Sets the switch of a resource's sync without a service.
    pub async fn set_sync_switch(
        &self,
        resource: &ResourceName,
        stopped: bool,
        by: &str,
        at: UtcMs,
    ) -> Result<(), StoreError> {
        let (resource, by) = (resource.clone(), by.to_owned());
        self.write(move |transaction| {
            supersede(transaction, &resource, at)?;
            switch_in(transaction, &resource, stopped, &by, at)
        })
        .await
    }
}

/// Whether the sync has been stopped by order, inside a transaction.
pub(super) fn is_stopped_in(
    transaction: &Transaction<'_>,
    resource: &ResourceName,
) -> Result<bool, StoreError> {
    let stopped = transaction
        .prepare_cached("SELECT stopped FROM sync_switch WHERE resource = ?1")?
        .query_row([resource.as_str()], |row| row.get(0))
        .optional()?;
    Ok(stopped.unwrap_or(false))
}

fn switch_in(
    transaction: &Transaction<'_>,
    resource: &ResourceName,
    stopped: bool,
    by: &str,
    at: UtcMs,
) -> Result<(), StoreError> {
    transaction.execute(
        "INSERT INTO sync_switch (resource, stopped, since, set_by) VALUES (?1, ?2, ?3, ?4) \
         ON CONFLICT (resource) DO UPDATE SET stopped = excluded.stopped, since = excluded.since, \
         set_by = excluded.set_by",
        params![resource.as_str(), stopped, at.as_millis(), by],
    )?;
    Ok(())
}

fn supersede(
    transaction: &Transaction<'_>,
    resource: &ResourceName,
    at: UtcMs,
) -> Result<(), StoreError> {
    transaction.execute(
        "UPDATE request SET answered_at = ?2, answer = ?3 WHERE resource = ?1 AND answered_at IS NULL",
        params![resource.as_str(), at.as_millis(), to_json(&Answer::Superseded)?],
    )?;
    Ok(())
}

fn answer_in(transaction: &Transaction<'_>, request: i64) -> Result<Option<Answer>, StoreError> {
    let text: Option<String> = transaction
        .prepare_cached("SELECT answer FROM request WHERE id = ?1")?
        .query_row([request], |row| row.get(0))
        .optional()?
        .flatten();
    text.map(|text| from_json("request.answer", &text))
        .transpose()
}

fn kind_of(code: &str) -> Result<RequestKind, StoreError> {
    [RequestKind::StopSync, RequestKind::StartSync]
        .into_iter()
        .find(|kind| kind.code() == code)
        .ok_or_else(|| StoreError::Unreadable(format!("request.kind: `{code}`")))
}

/// Runs a short look at the file system off the async threads.
pub(super) async fn blocking<T: Send + 'static>(
    job: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    tokio::task::spawn_blocking(job)
        .await
        .map_err(|_| StoreError::Closed)?
}

#[cfg(test)]
mod tests;
