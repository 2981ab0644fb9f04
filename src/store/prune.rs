//! Removing what is too old, but never what a cursor still depends on.
//!
//! # Decisions
//! - Chunks of [`CHUNK`] rows, a transaction each: the collector and other processes get their turn in between.
//! - What evidence is needed is looked up in the very transaction that deletes: a cursor that moved meanwhile counts.
//! - Pages are given back to the file system only while more than a quarter of the file is free: what pruning
//!   frees, sampling fills again.

use std::collections::BTreeSet;

use rusqlite::{Connection, Transaction, params};
use serde::Serialize;

use super::{Store, StoreError, polls, vectors};
use crate::model::{InvocationId, Usn, UtcMs};

/// How many rows one transaction removes.
const CHUNK: i64 = 5_000;
/// How many pages one transaction gives back.
const VACUUM_PAGES: i64 = 2_000;

/// A cursor, or the memory of one, whose evidence must stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CursorNeed {
    /// The incarnation it counts on.
    pub invocation_id: InvocationId,
    /// Everything up to here has been read.
    pub read_up_to: Usn,
}

/// How many rows were removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Pruned {
    /// Samples.
    pub samples: u64,
    /// Source samples, one per NC.
    pub source_samples: u64,
    /// Failed polls.
    pub failures: u64,
}

impl Store {
    /// Removes everything older than `older_than` except the newest sample of each incarnation and the evidence of
    /// cursors: those the store knows of, and those in `also_needed` (a cursor that an undo may bring back).
    pub async fn prune(
        &self,
        older_than: UtcMs,
        also_needed: Vec<CursorNeed>,
    ) -> Result<Pruned, StoreError> {
        let mut pruned = Pruned::default();
        let ids = self.read(incarnation_ids).await?;
        for id in ids {
            pruned.samples += self
                .in_chunks(move |tx| samples(tx, id, older_than))
                .await?;
            let also = also_needed.clone();
            pruned.source_samples += self
                .in_chunks(move |tx| source_samples(tx, id, older_than, &also))
                .await?;
        }
        pruned.failures = self.in_chunks(move |tx| failures(tx, older_than)).await?;
        while self.write(vacuum).await? {}
        self.workers
            .maintain(|connection| checkpoint(connection))
            .await?;
        Ok(pruned)
    }

    /// Runs `chunk`, which says how many rows it removed, until it finds none.
    async fn in_chunks<F>(&self, chunk: F) -> Result<u64, StoreError>
    where
        F: Fn(&Transaction<'_>) -> Result<u64, StoreError> + Clone + Send + 'static,
    {
        let mut total = 0;
        loop {
            let removed = self.write(chunk.clone()).await?;
            if removed == 0 {
                return Ok(total);
            }
            total += removed;
        }
    }
}

fn incarnation_ids(tx: &Transaction<'_>) -> Result<Vec<i64>, StoreError> {
    let mut query = tx.prepare_cached("SELECT id FROM incarnation ORDER BY id")?;
    let ids = query.query_map([], |row| row.get(0))?;
    Ok(ids.collect::<rusqlite::Result<_>>()?)
}

/// Removes one chunk of old samples of an incarnation.
pub(super) fn samples(
    tx: &Transaction<'_>,
    incarnation: i64,
    older_than: UtcMs,
) -> Result<u64, StoreError> {
    let removed = tx
        .prepare_cached(
            "DELETE FROM sample WHERE incarnation_id = ?1 AND collected_at IN \
             (SELECT collected_at FROM sample WHERE incarnation_id = ?1 AND collected_at < \
             min(?2, (SELECT max(collected_at) FROM sample WHERE incarnation_id = ?1)) \
             ORDER BY collected_at LIMIT ?3)",
        )?
        .execute(params![incarnation, older_than.as_millis(), CHUNK])?;
    if removed > 0 {
        let change = i64::try_from(removed).unwrap_or(i64::MAX);
        polls::count_samples(tx, incarnation, -change)?;
    }
    Ok(removed as u64)
}

/// Removes one chunk of old source samples of an incarnation, and the whole vectors nothing refers to any more.
pub(super) fn source_samples(
    tx: &Transaction<'_>,
    incarnation: i64,
    older_than: UtcMs,
    also_needed: &[CursorNeed],
) -> Result<u64, StoreError> {
    let old = |limit: i64| -> Result<Vec<(i64, i64, i64)>, StoreError> {
        let mut query = tx.prepare_cached(
            "SELECT s.nc_id, s.collected_at, s.base_id FROM naming_context n CROSS JOIN source_sample s \
             ON s.nc_id = n.id WHERE s.incarnation_id = ?1 AND s.collected_at < ?2 LIMIT ?3",
        )?;
        let rows = query.query_map(params![incarnation, older_than.as_millis(), limit], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    };
    if old(1)?.is_empty() {
        return Ok(0);
    }
    let mut kept = BTreeSet::new();
    for read_up_to in needs(tx, incarnation, also_needed)? {
        kept.extend(vectors::evidence(tx, incarnation, read_up_to)?);
    }
    // A kept poll has a row per NC at most, so this many rows hold a full chunk to remove where there is one.
    let ncs: i64 = tx
        .prepare_cached("SELECT count(*) FROM naming_context")?
        .query_row([], |row| row.get(0))?;
    let kept_rows = ncs.saturating_mul(i64::try_from(kept.len()).unwrap_or(i64::MAX));
    let rows = old(CHUNK.saturating_add(kept_rows))?;
    let mut delete = tx.prepare_cached(
        "DELETE FROM source_sample WHERE incarnation_id = ?1 AND nc_id = ?2 AND collected_at = ?3",
    )?;
    let mut bases = BTreeSet::new();
    let mut removed = 0;
    for (nc, at, base) in rows.into_iter().filter(|(_, at, _)| !kept.contains(at)) {
        removed += delete.execute(params![incarnation, nc, at])? as u64;
        bases.insert(base);
    }
    let mut free = tx.prepare_cached(
        "DELETE FROM vector_base WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM source_sample WHERE base_id = ?1)",
    )?;
    for base in &bases {
        free.execute([base])?;
    }
    Ok(removed)
}

/// The USNs up to which cursors that count on this incarnation have read. A cursor seen without an invocationId may
/// count on any life of its DC.
fn needs(
    tx: &Transaction<'_>,
    incarnation: i64,
    also_needed: &[CursorNeed],
) -> Result<BTreeSet<i64>, StoreError> {
    let mut query = tx.prepare_cached(
        "SELECT c.read_up_to FROM incarnation i JOIN cursor_seen c ON c.invocation_id = i.invocation_id \
         WHERE i.id = ?1 \
         UNION SELECT c.read_up_to FROM incarnation i JOIN dc d ON d.id = i.dc_id \
         JOIN cursor_seen c ON c.dc = d.name WHERE i.id = ?1 AND c.invocation_id IS NULL \
         UNION SELECT min(c.last_updated, c.last_deleted) FROM incarnation i \
         JOIN cursor c ON c.invocation_id = i.invocation_id WHERE i.id = ?1",
    )?;
    let known = query.query_map([incarnation], |row| row.get(0))?;
    let mut needs: BTreeSet<i64> = known.collect::<rusqlite::Result<_>>()?;
    let mut is_this =
        tx.prepare_cached("SELECT 1 FROM incarnation WHERE id = ?1 AND invocation_id = ?2")?;
    for need in also_needed {
        if is_this.exists(params![incarnation, need.invocation_id.to_octets()])? {
            needs.insert(need.read_up_to.get());
        }
    }
    Ok(needs)
}

fn failures(tx: &Transaction<'_>, older_than: UtcMs) -> Result<u64, StoreError> {
    let removed = tx
        .prepare_cached(
            "DELETE FROM poll_failure WHERE (dc_id, at) IN (SELECT f.dc_id, f.at FROM dc d \
             CROSS JOIN poll_failure f ON f.dc_id = d.id WHERE f.at < ?1 LIMIT ?2)",
        )?
        .execute(params![older_than.as_millis(), CHUNK])?;
    Ok(removed as u64)
}

/// Gives some free pages back where there are far too many; whether there may be more to give.
fn vacuum(tx: &Transaction<'_>) -> Result<bool, StoreError> {
    let pragma = |name: &str| tx.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let (pages, free) = (pragma("page_count")?, pragma("freelist_count")?);
    if free < 1_000 || free.saturating_mul(4) <= pages {
        return Ok(false);
    }
    let surplus = (free - pages / 4).clamp(1, VACUUM_PAGES);
    // Stepped to its end: each step gives one page back.
    let mut vacuum = tx.prepare(&format!("PRAGMA incremental_vacuum({surplus})"))?;
    let mut steps = vacuum.query([])?;
    while steps.next()?.is_some() {}
    Ok(pragma("freelist_count")? < free)
}

/// Writes the log back as far as no reader needs it; the rest waits for the next time.
fn checkpoint(connection: &Connection) -> Result<(), StoreError> {
    connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))?;
    Ok(())
}
