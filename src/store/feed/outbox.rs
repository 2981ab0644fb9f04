//! The outbox: what is to be delivered, in order, until every sink has acknowledged it.
//!
//! # Decisions
//! - A sink never heard of begins at the oldest event still queued: older ones are gone. One taken out of the
//!   configuration holds nothing back; put in again, it begins where it stopped or at the oldest queued.

use std::collections::BTreeMap;

use rusqlite::{OptionalExtension, Transaction, params};

use super::told::row_limit;
use super::{id_of, required};
use crate::model::{ObjectGuid, Outgoing, Queued, ResourceName, UtcMs};
use crate::store::{Store, StoreError, values};

/// An event that a sink refused for good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undeliverable {
    /// Its place in the outbox.
    pub seq: i64,
    /// Why, in the sink's words, for a person.
    pub why: String,
    /// The sink's status code, where it has such.
    pub status: Option<u16>,
}

/// What waits in the outbox.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FeedBacklog {
    /// How many events at least one sink has not acknowledged.
    pub events: u64,
    /// How many octets they take, without their rows.
    pub octets: u64,
    /// When the oldest of them was queued.
    pub oldest: Option<UtcMs>,
    /// How many of them each sink has not acknowledged; only sinks that ever acknowledged anything.
    pub by_sink: BTreeMap<String, u64>,
}

impl Store {
    /// The events a sink has not acknowledged, in order, at most `limit_rows` and about `limit_bytes` of bodies: at
    /// least one where there is any.
    pub async fn feed_queue(
        &self,
        resource: &ResourceName,
        sink: &str,
        limit_rows: usize,
        limit_bytes: usize,
    ) -> Result<Vec<Queued>, StoreError> {
        let (resource, sink) = (resource.clone(), sink.to_owned());
        self.read(move |tx| {
            let Some(feed) = id_of(tx, &resource)? else {
                return Ok(Vec::new());
            };
            let mut query = tx.prepare_cached(
                "SELECT seq, event_id, guid, body FROM feed_outbox WHERE feed_id = ?1 AND seq > ?2 ORDER BY seq \
                 LIMIT ?3",
            )?;
            let acknowledged = acknowledged(tx, feed, &sink)?;
            let mut rows = query.query(params![feed, acknowledged, row_limit(limit_rows)])?;
            let (mut queued, mut bytes) = (Vec::new(), 0_usize);
            while let Some(row) = rows.next()? {
                let body: String = row.get(3)?;
                bytes = bytes.saturating_add(body.len());
                if !queued.is_empty() && bytes > limit_bytes {
                    break;
                }
                let guid: Option<[u8; 16]> = row.get(2)?;
                queued.push(Queued {
                    seq: row.get(0)?,
                    event: Outgoing {
                        id: row.get(1)?,
                        guid: guid.map(ObjectGuid::from_octets),
                        body,
                    },
                });
            }
            Ok(queued)
        })
        .await
    }

    /// Takes down that a sink has everything up to `up_to`, but for those it refused, which become dead letters; what
    /// all of `sinks` have is removed. To say it again changes nothing. A place never given away is an error.
    pub async fn acknowledge(
        &self,
        resource: &ResourceName,
        sink: &str,
        up_to: i64,
        refused: Vec<Undeliverable>,
        sinks: &[String],
        at: UtcMs,
    ) -> Result<(), StoreError> {
        let (resource, sink, sinks) = (resource.clone(), sink.to_owned(), sinks.to_vec());
        self.write(move |tx| {
            let feed = required(tx, &resource)?;
            let last: i64 = tx
                .prepare_cached("SELECT last_seq FROM feed WHERE id = ?1")?
                .query_row([feed], |row| row.get(0))?;
            if up_to > last {
                return Err(StoreError::Other(format!(
                    "sink {sink} of resource {resource} acknowledged event {up_to}, the last one is {last}"
                )));
            }
            let before = acknowledged(tx, feed, &sink)?;
            let new = |letter: &&Undeliverable| letter.seq > before && letter.seq <= up_to;
            for letter in refused.iter().filter(new) {
                bury(tx, feed, &sink, letter, at)?;
            }
            tx.prepare_cached(
                "INSERT INTO feed_sink (feed_id, sink, acknowledged) VALUES (?1, ?2, ?3) \
                 ON CONFLICT (feed_id, sink) DO UPDATE SET acknowledged = excluded.acknowledged",
            )?
            .execute(params![feed, sink, before.max(up_to)])?;
            clear(tx, feed, &sinks)
        })
        .await
    }

    /// Removes what all of `sinks` have acknowledged, whatever others have.
    pub async fn clear_outbox(
        &self,
        resource: &ResourceName,
        sinks: &[String],
    ) -> Result<(), StoreError> {
        let (resource, sinks) = (resource.clone(), sinks.to_vec());
        self.write(move |tx| match id_of(tx, &resource)? {
            Some(feed) => clear(tx, feed, &sinks),
            None => Ok(()),
        })
        .await
    }

    /// How many octets of events wait for a sink; 0 where there is no feed.
    pub async fn feed_backlog_octets(&self, resource: &ResourceName) -> Result<u64, StoreError> {
        let resource = resource.clone();
        self.read(move |tx| {
            let octets = tx
                .prepare_cached("SELECT outbox_octets FROM feed WHERE resource = ?1")?
                .query_row([resource.as_str()], |row| row.get(0))
                .optional()?;
            values::count("feed.outbox_octets", octets.unwrap_or(0))
        })
        .await
    }

    /// What waits to be delivered.
    pub async fn feed_backlog(&self, resource: &ResourceName) -> Result<FeedBacklog, StoreError> {
        let resource = resource.clone();
        self.read(move |tx| {
            let Some(feed) = id_of(tx, &resource)? else {
                return Ok(FeedBacklog::default());
            };
            let oldest: Option<i64> = tx
                .prepare_cached(
                    "SELECT queued_at FROM feed_outbox WHERE feed_id = ?1 ORDER BY seq LIMIT 1",
                )?
                .query_row([feed], |row| row.get(0))
                .optional()?;
            let mut by_sink = tx.prepare_cached(
                "SELECT s.sink, (SELECT count(*) FROM feed_outbox o WHERE o.feed_id = s.feed_id \
                 AND o.seq > s.acknowledged) FROM feed_sink s WHERE s.feed_id = ?1",
            )?;
            let by_sink = by_sink.query_and_then([feed], |row| {
                Ok::<_, StoreError>((row.get(0)?, values::count("feed_outbox", row.get(1)?)?))
            })?;
            let octets = tx
                .prepare_cached("SELECT outbox_octets FROM feed WHERE id = ?1")?
                .query_row([feed], |row| row.get(0))?;
            Ok(FeedBacklog {
                events: count(tx, feed)?,
                octets: values::count("feed.outbox_octets", octets)?,
                oldest: oldest.map(UtcMs::from_millis),
                by_sink: by_sink.collect::<Result<_, _>>()?,
            })
        })
        .await
    }
}

/// Queues events for every sink; gives the place of the newest event ever queued, and how many octets of events wait.
pub(super) fn queue(
    tx: &Transaction<'_>,
    feed: i64,
    events: &[Outgoing],
    at: UtcMs,
) -> Result<(i64, u64), StoreError> {
    let (mut last, mut octets): (i64, i64) = tx
        .prepare_cached("SELECT last_seq, outbox_octets FROM feed WHERE id = ?1")?
        .query_row([feed], |row| Ok((row.get(0)?, row.get(1)?)))?;
    if events.is_empty() {
        return Ok((last, values::count("feed.outbox_octets", octets)?));
    }
    let mut insert = tx.prepare_cached(
        "INSERT INTO feed_outbox (feed_id, seq, event_id, guid, queued_at, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?;
    for event in events {
        last += 1;
        octets = octets.saturating_add(row_limit(event.body.len()));
        let guid = event.guid.map(ObjectGuid::to_octets);
        insert.execute(params![
            feed,
            last,
            event.id,
            guid,
            at.as_millis(),
            event.body
        ])?;
    }
    tx.prepare_cached("UPDATE feed SET last_seq = ?2, outbox_octets = ?3 WHERE id = ?1")?
        .execute([feed, last, octets])?;
    Ok((last, values::count("feed.outbox_octets", octets)?))
}

/// How many events are queued.
pub(super) fn count(tx: &Transaction<'_>, feed: i64) -> Result<u64, StoreError> {
    let n = tx
        .prepare_cached("SELECT count(*) FROM feed_outbox WHERE feed_id = ?1")?
        .query_row([feed], |row| row.get(0))?;
    values::count("feed_outbox", n)
}

/// Removes what all of `sinks` have; nothing where there are none.
fn clear(tx: &Transaction<'_>, feed: i64, sinks: &[String]) -> Result<(), StoreError> {
    let places = sinks.iter().map(|sink| acknowledged(tx, feed, sink));
    let places: Vec<i64> = places.collect::<Result<_, _>>()?;
    let Some(by_all) = places.into_iter().min() else {
        return Ok(());
    };
    let gone: i64 = tx
        .prepare_cached(
            "SELECT coalesce(sum(length(CAST(body AS BLOB))), 0) FROM feed_outbox WHERE feed_id = ?1 AND seq <= ?2",
        )?
        .query_row(params![feed, by_all], |row| row.get(0))?;
    let removed = tx
        .prepare_cached("DELETE FROM feed_outbox WHERE feed_id = ?1 AND seq <= ?2")?
        .execute(params![feed, by_all])?;
    if removed > 0 {
        tx.prepare_cached("UPDATE feed SET outbox_octets = outbox_octets - ?2 WHERE id = ?1")?
            .execute(params![feed, gone])?;
    }
    Ok(())
}

fn acknowledged(tx: &Transaction<'_>, feed: i64, sink: &str) -> Result<i64, StoreError> {
    let found = tx
        .prepare_cached("SELECT acknowledged FROM feed_sink WHERE feed_id = ?1 AND sink = ?2")?
        .query_row(params![feed, sink], |row| row.get(0))
        .optional()?;
    Ok(found.unwrap_or(0))
}

fn bury(
    tx: &Transaction<'_>,
    feed: i64,
    sink: &str,
    letter: &Undeliverable,
    at: UtcMs,
) -> Result<(), StoreError> {
    let buried = tx
        .prepare_cached(
            "INSERT INTO feed_dead_letter (feed_id, sink, seq, event_id, guid, body, at, why, status) \
             SELECT feed_id, ?3, seq, event_id, guid, body, ?4, ?5, ?6 FROM feed_outbox \
             WHERE feed_id = ?1 AND seq = ?2",
        )?
        .execute(params![
            feed,
            letter.seq,
            sink,
            at.as_millis(),
            letter.why,
            letter.status
        ])?;
    if buried == 1 {
        Ok(())
    } else {
        Err(StoreError::Other(format!(
            "sink {sink} refused event {}, which is not in the outbox",
            letter.seq
        )))
    }
}
