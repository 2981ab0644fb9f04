//! Dead letters: events that a sink refused for good, kept until a person has them delivered anew or drops them.
//!
//! # Decisions
//! - A letter's body is as old as the refusal. To deliver it anew is to read the whole object again: what is sent is
//!   what is true then, to every sink.

use rusqlite::{OptionalExtension, Row, params};

use super::rereads;
use super::told::row_limit;
use crate::model::{ObjectGuid, Outgoing, Queued, Reread, RereadWhy, ResourceName, UtcMs};
use crate::store::{Store, StoreError, values};

/// An event that a sink refused for good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// Its number.
    pub id: i64,
    /// The sink.
    pub sink: String,
    /// The event, and its place in the order of delivery.
    pub queued: Queued,
    /// When it was refused.
    pub at: UtcMs,
    /// Why, in the sink's words.
    pub why: String,
    /// The sink's status code, where it has such.
    pub status: Option<u16>,
}

/// What came of having a dead letter delivered anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Replay {
    /// Its object will be read again; the letter is gone.
    Queued(Reread),
    /// It tells of no object that is remembered; the letter stays, to be dropped.
    NoObject,
    /// There is no such letter.
    Missing,
}

impl Store {
    /// The dead letters of a resource, oldest first, at most `limit`; those with numbers above `after`.
    pub async fn dead_letters(
        &self,
        resource: &ResourceName,
        after: i64,
        limit: usize,
    ) -> Result<Vec<DeadLetter>, StoreError> {
        let resource = resource.clone();
        self.read(move |tx| {
            let mut query = tx.prepare_cached(
                "SELECT l.id, l.sink, l.seq, l.event_id, l.guid, l.body, l.at, l.why, l.status \
                 FROM feed f JOIN feed_dead_letter l ON l.feed_id = f.id WHERE f.resource = ?1 AND l.id > ?2 \
                 ORDER BY l.id LIMIT ?3",
            )?;
            let rows =
                query.query_and_then(params![resource.as_str(), after, row_limit(limit)], letter)?;
            rows.collect()
        })
        .await
    }

    /// How many dead letters a resource has.
    pub async fn count_dead_letters(&self, resource: &ResourceName) -> Result<u64, StoreError> {
        let resource = resource.clone();
        self.read(move |tx| {
            let n = tx
                .prepare_cached(
                    "SELECT count(*) FROM feed f JOIN feed_dead_letter l ON l.feed_id = f.id WHERE f.resource = ?1",
                )?
                .query_row([resource.as_str()], |row| row.get(0))?;
            values::count("feed_dead_letter", n)
        })
        .await
    }

    /// Has the whole object of a dead letter read and delivered again, and removes the letter.
    pub async fn replay_dead_letter(&self, id: i64) -> Result<Replay, StoreError> {
        self.write(move |tx| {
            let found: Option<(i64, Option<[u8; 16]>)> = tx
                .prepare_cached("SELECT feed_id, guid FROM feed_dead_letter WHERE id = ?1")?
                .query_row([id], |row| Ok((row.get(0)?, row.get(1)?)))
                .optional()?;
            let Some((feed, guid)) = found else {
                return Ok(Replay::Missing);
            };
            let nc: Option<String> = tx
                .prepare_cached(
                    "SELECT n.dn FROM feed_object o JOIN naming_context n ON n.id = o.nc_id \
                     WHERE o.feed_id = ?1 AND o.guid = ?2",
                )?
                .query_row(params![feed, guid], |row| row.get(0))
                .optional()?;
            let (Some(guid), Some(nc)) = (guid, nc) else {
                return Ok(Replay::NoObject);
            };
            let reread = Reread {
                guid: ObjectGuid::from_octets(guid),
                nc: values::text("naming_context.dn", &nc)?,
                why: RereadWhy::Whole,
            };
            rereads::queue(tx, feed, &reread)?;
            tx.execute("DELETE FROM feed_dead_letter WHERE id = ?1", [id])?;
            Ok(Replay::Queued(reread))
        })
        .await
    }

    /// Removes a dead letter for good; whether there was one.
    pub async fn drop_dead_letter(&self, id: i64) -> Result<bool, StoreError> {
        self.write(move |tx| {
            let dropped = tx.execute("DELETE FROM feed_dead_letter WHERE id = ?1", [id])?;
            Ok(dropped == 1)
        })
        .await
    }
}

fn letter(row: &Row<'_>) -> Result<DeadLetter, StoreError> {
    let guid: Option<[u8; 16]> = row.get(4)?;
    Ok(DeadLetter {
        id: row.get(0)?,
        sink: row.get(1)?,
        queued: Queued {
            seq: row.get(2)?,
            event: Outgoing {
                id: row.get(3)?,
                guid: guid.map(ObjectGuid::from_octets),
                body: row.get(5)?,
            },
        },
        at: UtcMs::from_millis(row.get(6)?),
        why: row.get(7)?,
        status: row.get(8)?,
    })
}
