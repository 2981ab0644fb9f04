//! Failures of syncs, as they were reported.

use rusqlite::{Row, Transaction, params};

use super::{coded, maybe_time, time};
use crate::model::{DcName, Failure, NewFailure, Outcome, ResourceName, UtcMs, Verdicted};
use crate::store::cursors::{from_json, parsed, to_json};
use crate::store::{Store, StoreError};

pub(super) const SELECT: &str = "SELECT id, resource, at, failure_timestamp, source, errors, outcome, rule, incident_id, dc, took_ms \
                      FROM failure";

impl Store {
    /// Takes down a failure that a sync reports, for the failure process to look at; gives its number.
    pub async fn report_failure(&self, new: &NewFailure) -> Result<i64, StoreError> {
        let new = new.clone();
        self.write(move |tx| {
            tx.execute(
                "INSERT INTO failure (resource, at, failure_timestamp, source, errors, dc, took_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                params![
                    new.resource.as_str(),
                    new.at.as_millis(),
                    new.failure_timestamp.map(UtcMs::as_millis),
                    new.source,
                    to_json(&new.errors)?,
                    new.dc.as_ref().map(DcName::as_str),
                    new.took_ms,
                ],
            )?;
            Ok(tx.last_insert_rowid())
        })
        .await
    }

    /// The failures nobody has looked at, oldest first, at most `limit`.
    pub async fn failures_to_look_at(&self, limit: u32) -> Result<Vec<Failure>, StoreError> {
        self.read(move |tx| {
            let sql = format!("{SELECT} WHERE outcome IS NULL ORDER BY id LIMIT ?1");
            tx.prepare_cached(&sql)?
                .query_and_then([limit], failure)?
                .collect()
        })
        .await
    }

    /// The newest failures of this outcome at `since` or later, of one resource or all, newest first, at most `limit`.
    pub async fn failures_like(
        &self,
        resource: Option<&ResourceName>,
        outcome: Outcome,
        since: UtcMs,
        limit: u32,
    ) -> Result<Vec<Failure>, StoreError> {
        let resource = resource.map(ToString::to_string);
        self.read(move |tx| {
            let sql = format!(
                "{SELECT} WHERE at >= ?1 AND outcome = ?2 AND (?3 IS NULL OR resource = ?3) \
                 ORDER BY at DESC, id DESC LIMIT ?4"
            );
            tx.prepare_cached(&sql)?
                .query_and_then(
                    params![since.as_millis(), outcome.code(), resource, limit],
                    failure,
                )?
                .collect()
        })
        .await
    }

    /// Removes what nobody will ask for again: failures reported before `older_than` whose incident is over or that had
    /// none, and notices of that age that went out. Gives how many failures.
    pub async fn prune_failures(&self, older_than: UtcMs) -> Result<usize, StoreError> {
        self.write(move |tx| {
            let before = older_than.as_millis();
            let removed = tx.execute(
                "DELETE FROM failure WHERE at < ?1 AND outcome IS NOT NULL AND (incident_id IS NULL OR incident_id IN \
                 (SELECT id FROM incident WHERE resolved_at < ?1))",
                [before],
            )?;
            tx.execute(
                "DELETE FROM mail_outbox WHERE state IN ('sent', 'held_back') AND queued_at < ?1",
                [before],
            )?;
            tx.execute(
                "DELETE FROM notice WHERE at < ?1 AND NOT EXISTS \
                 (SELECT 1 FROM mail_outbox o WHERE o.notice_id = notice.id)",
                [before],
            )?;
            Ok(removed)
        })
        .await
    }

    /// The newest failures of an incident, newest first, at most `limit`.
    pub async fn failures_of(&self, incident: i64, limit: u32) -> Result<Vec<Failure>, StoreError> {
        self.read(move |tx| {
            let sql = format!("{SELECT} WHERE incident_id = ?1 ORDER BY id DESC LIMIT ?2");
            tx.prepare_cached(&sql)?
                .query_and_then(params![incident, limit], failure)?
                .collect()
        })
        .await
    }

    /// The newest failures of a resource, whether or not they belong to an incident, newest first.
    pub async fn newest_sync_failures(
        &self,
        resource: &ResourceName,
        limit: u32,
    ) -> Result<Vec<Failure>, StoreError> {
        let resource = resource.clone();
        self.read(move |tx| {
            let sql = format!("{SELECT} WHERE resource = ?1 ORDER BY id DESC LIMIT ?2");
            tx.prepare_cached(&sql)?
                .query_and_then(params![resource.as_str(), limit], failure)?
                .collect()
        })
        .await
    }

    /// One failure.
    pub async fn sync_failure(&self, id: i64) -> Result<Option<Failure>, StoreError> {
        self.read(move |tx| {
            tx.prepare_cached(&format!("{SELECT} WHERE id = ?1"))?
                .query_and_then([id], failure)?
                .next()
                .transpose()
        })
        .await
    }
}

/// Takes down what the rules made of a failure; `false` where it had been looked at before.
pub(super) fn judge_in(
    tx: &Transaction<'_>,
    id: i64,
    verdict: &Verdicted,
    incident: Option<i64>,
) -> Result<bool, StoreError> {
    let changed = tx.execute(
        "UPDATE failure SET outcome = ?2, rule = ?3, incident_id = ?4 WHERE id = ?1 AND outcome IS NULL",
        params![id, verdict.outcome.code(), verdict.rule, incident],
    )?;
    Ok(changed == 1)
}

fn failure(row: &Row<'_>) -> Result<Failure, StoreError> {
    let outcome: Option<String> = row.get(6)?;
    let rule: Option<String> = row.get(7)?;
    let dc: Option<String> = row.get(9)?;
    let outcome = outcome
        .map(|code| coded("failure.outcome", Outcome::ALL, Outcome::code, &code))
        .transpose()?;
    Ok(Failure {
        id: row.get(0)?,
        resource: parsed("failure.resource", &row.get::<_, String>(1)?)?,
        at: time(row, 2)?,
        failure_timestamp: maybe_time(row, 3)?,
        source: row.get(4)?,
        errors: from_json("failure.errors", &row.get::<_, String>(5)?)?,
        verdict: outcome.map(|outcome| Verdicted { outcome, rule }),
        incident: row.get(8)?,
        took_ms: row.get(10)?,
        dc: dc.map(|dc| parsed("failure.dc", &dc)).transpose()?,
    })
}
