//! Who drives a feed, whether it may write, how it fares, and the resync an operator ordered.

use std::fs::File;
use std::time::Duration;

use rusqlite::{OptionalExtension, params};

use super::{id_of, required};
use crate::model::{CursorTag, ResourceName, UtcMs};
use crate::store::requests::{blocking, is_stopped_in};
use crate::store::worker::beside;
use crate::store::{Store, StoreError, file_lock, values};

/// Held by the one process that drives a feed.
#[derive(Debug)]
pub struct FeedLock {
    _file: File,
}

/// A pass over everything that an operator ordered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResyncOrder {
    /// Who.
    pub by: String,
    /// When.
    pub at: UtcMs,
    /// The most objects that it may delete; `None` goes by the configuration.
    pub max_deletes: Option<u64>,
}

/// How a feed fares.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FeedHealth {
    /// When its last pass or load was complete.
    pub last_pass: Option<UtcMs>,
    /// What has kept it from going on since then, with the time it was last met.
    pub problem: Option<(String, UtcMs)>,
}

impl Store {
    /// Takes the lock that lets one process drive the feed of a resource; `None` where another holds it for all of `wait`.
    /// What who held it before in this process had still to write is written when this returns: a reader that was
    /// dropped in the middle must not write beside the one that takes its place.
    pub async fn lock_feed(
        &self,
        resource: &ResourceName,
        wait: Duration,
    ) -> Result<Option<FeedLock>, StoreError> {
        let path = beside(self.path(), &format!("feed-{resource}.lock"));
        let taken = blocking(move || file_lock::exclusive(&path, wait)).await?;
        if taken.is_some() {
            self.write(|_| Ok(())).await?;
        }
        Ok(taken.map(|file| FeedLock { _file: file }))
    }

    /// Whether who holds `fence` may still write: the feed is not stopped, and its cursor is the same.
    pub async fn feed_stands(
        &self,
        resource: &ResourceName,
        fence: &CursorTag,
    ) -> Result<bool, StoreError> {
        let (resource, fence) = (resource.clone(), fence.clone());
        self.read(move |tx| {
            let generation: Option<i64> = tx
                .prepare_cached("SELECT generation FROM cursor WHERE resource = ?1")?
                .query_row([resource.as_str()], |row| row.get(0))
                .optional()?;
            let same = generation.is_some_and(|generation| fence.0 == generation.to_string());
            Ok(same && !is_stopped_in(tx, &resource)?)
        })
        .await
    }

    /// Takes down that a pass or load was complete: the problem there was is over.
    pub async fn note_feed_pass(
        &self,
        resource: &ResourceName,
        at: UtcMs,
    ) -> Result<(), StoreError> {
        let resource = resource.clone();
        self.write(move |tx| {
            tx.prepare_cached(
                "UPDATE feed SET last_pass_at = ?2, problem = NULL, problem_at = NULL WHERE resource = ?1",
            )?
            .execute(params![resource.as_str(), at.as_millis()])?;
            Ok(())
        })
        .await
    }

    /// Takes down what keeps the feed from going on; nothing where it was never begun.
    pub async fn note_feed_problem(
        &self,
        resource: &ResourceName,
        problem: &str,
        at: UtcMs,
    ) -> Result<(), StoreError> {
        let (resource, problem) = (resource.clone(), problem.to_owned());
        self.write(move |tx| {
            tx.prepare_cached("UPDATE feed SET problem = ?2, problem_at = ?3 WHERE resource = ?1")?
                .execute(params![resource.as_str(), problem, at.as_millis()])?;
            Ok(())
        })
        .await
    }

    /// How the feed of a resource fares; `None` where it was never begun.
    pub async fn feed_health(
        &self,
        resource: &ResourceName,
    ) -> Result<Option<FeedHealth>, StoreError> {
        let resource = resource.clone();
        self.read(move |tx| {
            let found: Option<(Option<i64>, Option<String>, Option<i64>)> = tx
                .prepare_cached(
                    "SELECT last_pass_at, problem, problem_at FROM feed WHERE resource = ?1",
                )?
                .query_row([resource.as_str()], |row| {
                    Ok((row.get(0)?, row.get(1)?, row.get(2)?))
                })
                .optional()?;
            Ok(found.map(|(pass, problem, at)| FeedHealth {
                last_pass: pass.map(UtcMs::from_millis),
                problem: problem.zip(at.map(UtcMs::from_millis)),
            }))
        })
        .await
    }

    /// Orders a pass over everything; it takes the place of one ordered before and not begun. Whether there is a feed.
    pub async fn order_resync(
        &self,
        resource: &ResourceName,
        order: &ResyncOrder,
    ) -> Result<bool, StoreError> {
        let (resource, order) = (resource.clone(), order.clone());
        self.write(move |tx| {
            let Some(feed) = id_of(tx, &resource)? else {
                return Ok(false);
            };
            let max = order.max_deletes.map(|max| i64::try_from(max).unwrap_or(i64::MAX));
            tx.execute(
                "INSERT INTO feed_resync (feed_id, ordered_by, ordered_at, max_deletes) VALUES (?1, ?2, ?3, ?4) \
                 ON CONFLICT (feed_id) DO UPDATE SET ordered_by = excluded.ordered_by, \
                 ordered_at = excluded.ordered_at, max_deletes = excluded.max_deletes",
                params![feed, order.by, order.at.as_millis(), max],
            )?;
            Ok(true)
        })
        .await
    }

    /// The pass over everything that was ordered and not begun.
    pub async fn resync_order(
        &self,
        resource: &ResourceName,
    ) -> Result<Option<ResyncOrder>, StoreError> {
        let resource = resource.clone();
        self.read(move |tx| {
            let feed = required(tx, &resource)?;
            let found: Option<(String, i64, Option<i64>)> = tx
                .prepare_cached(
                    "SELECT ordered_by, ordered_at, max_deletes FROM feed_resync WHERE feed_id = ?1",
                )?
                .query_row([feed], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
                .optional()?;
            found
                .map(|(by, at, max)| {
                    let max = max.map(|max| values::count("feed_resync.max_deletes", max));
                    Ok(ResyncOrder {
                        by,
                        at: UtcMs::from_millis(at),
                        max_deletes: max.transpose()?,
                    })
                })
                .transpose()
        })
        .await
    }
}
