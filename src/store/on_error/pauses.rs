//! Pauses: orders that nothing happens by itself for a while.

use rusqlite::{Row, params};

use super::{maybe_time, time};
use crate::model::{Pause, ResourceName, UtcMs};
use crate::store::cursors::parsed;
use crate::store::{Store, StoreError};

const SELECT: &str = "SELECT id, resource, since, until, owner, reason, ended_at FROM pause";

impl Store {
    /// Takes a pause down; its own number and end are not read. Gives its number.
    pub async fn add_pause(&self, pause: &Pause) -> Result<i64, StoreError> {
        let pause = pause.clone();
        self.write(move |tx| {
            tx.execute(
                "INSERT INTO pause (resource, since, until, owner, reason) VALUES (?1, ?2, ?3, ?4, ?5)",
                params![
                    pause.resource.as_ref().map(ResourceName::as_str),
                    pause.since.as_millis(),
                    pause.until.as_millis(),
                    pause.owner,
                    pause.reason,
                ],
            )?;
            Ok(tx.last_insert_rowid())
        })
        .await
    }

    /// The pauses that bind at `now`, oldest first.
    pub async fn pauses(&self, now: UtcMs) -> Result<Vec<Pause>, StoreError> {
        self.read(move |tx| {
            let sql = format!("{SELECT} WHERE until > ?1 AND ended_at IS NULL ORDER BY id");
            tx.prepare_cached(&sql)?
                .query_and_then([now.as_millis()], pause)?
                .collect()
        })
        .await
    }

    /// Ends the pauses of a resource, or those of all, before their time; how many there were.
    pub async fn end_pauses(
        &self,
        resource: Option<&ResourceName>,
        at: UtcMs,
    ) -> Result<usize, StoreError> {
        let resource = resource.map(ToString::to_string);
        self.write(move |tx| {
            let ended = tx.execute(
                "UPDATE pause SET ended_at = ?2 WHERE resource IS ?1 AND ended_at IS NULL AND until > ?2",
                params![resource, at.as_millis()],
            )?;
            Ok(ended)
        })
        .await
    }
}

fn pause(row: &Row<'_>) -> Result<Pause, StoreError> {
    let resource: Option<String> = row.get(1)?;
    Ok(Pause {
        id: row.get(0)?,
        resource: resource
            .map(|resource| parsed("pause.resource", &resource))
            .transpose()?,
        since: time(row, 2)?,
        until: time(row, 3)?,
        owner: row.get(4)?,
        reason: row.get(5)?,
        ended_at: maybe_time(row, 6)?,
    })
}
