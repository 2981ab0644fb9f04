//! The vectors of the DCs in use: evidence for cursors, stored as what changed.
//!
//! A whole vector is stored when an (incarnation, NC) has none yet, after every [`SAMPLES_PER_BASE`] source samples,
//! and where what changed would take more than half of it; in between only what changed against it. So reading one
//! vector takes two rows, whatever its age.
//!
//! # Decisions
//! - Evidence is looked for by NCs that were read in the same poll: vectors of different moments say nothing together.

use std::collections::BTreeSet;

use rusqlite::{OptionalExtension, Transaction, params};

use super::vector_codec::{apply_changes, decode_whole, encode_changes, encode_whole};
use super::{Store, StoreError, values};
use crate::model::{Dn, InvocationId, NcVectors, SourceSample, Usn, UtcMs, Vector};

/// How many source samples share one whole vector.
const SAMPLES_PER_BASE: i64 = 60;

impl Store {
    /// The newest source sample with a vector of every one of `ncs` and `committed_after` at most `read_up_to`;
    /// it carries the vectors of `ncs` only. `None` where there is none, or `ncs` is empty.
    pub async fn source_sample_for(
        &self,
        invocation_id: InvocationId,
        ncs: &[Dn],
        read_up_to: Usn,
    ) -> Result<Option<SourceSample>, StoreError> {
        let ncs = ncs.to_vec();
        self.read(move |tx| find(tx, invocation_id, &ncs, read_up_to))
            .await
    }

    /// The newest source sample with a vector of every one of `ncs`, whatever its USN.
    pub async fn newest_source_sample(
        &self,
        invocation_id: InvocationId,
        ncs: &[Dn],
    ) -> Result<Option<SourceSample>, StoreError> {
        let highest = values::usn("USN", i64::MAX)?;
        self.source_sample_for(invocation_id, ncs, highest).await
    }
}

/// See [`Store::source_sample_for`].
pub(super) fn find(
    tx: &Transaction<'_>,
    invocation_id: InvocationId,
    ncs: &[Dn],
    read_up_to: Usn,
) -> Result<Option<SourceSample>, StoreError> {
    let Some(incarnation) = incarnation_row(tx, invocation_id)? else {
        return Ok(None);
    };
    let mut ids = Vec::with_capacity(ncs.len());
    for nc in ncs {
        match nc_row(tx, nc)? {
            Some(id) => ids.push(id),
            None => return Ok(None),
        }
    }
    let Some((first, others)) = ids.split_first() else {
        return Ok(None);
    };
    let mut polls = tx.prepare_cached(
        "SELECT collected_at, committed_after FROM source_sample \
         WHERE incarnation_id = ?1 AND nc_id = ?2 AND committed_after <= ?3 ORDER BY collected_at DESC",
    )?;
    let mut polls = polls.query(params![incarnation, first, read_up_to.get()])?;
    while let Some(poll) = polls.next()? {
        let (at, committed_after): (i64, i64) = (poll.get(0)?, poll.get(1)?);
        if has_all(tx, incarnation, others, at)? {
            let mut vectors = NcVectors::new();
            for (nc, id) in ncs.iter().zip(&ids) {
                vectors.insert(nc.clone(), load(tx, incarnation, *id, at)?);
            }
            return Ok(Some(SourceSample {
                invocation_id,
                collected_at: UtcMs::from_millis(at),
                committed_after: values::usn("source_sample.committed_after", committed_after)?,
                vectors,
            }));
        }
    }
    Ok(None)
}

fn has_all(
    tx: &Transaction<'_>,
    incarnation: i64,
    ncs: &[i64],
    at: i64,
) -> Result<bool, StoreError> {
    let mut query = tx.prepare_cached(
        "SELECT 1 FROM source_sample WHERE incarnation_id = ?1 AND nc_id = ?2 AND collected_at = ?3",
    )?;
    for nc in ncs {
        if !query.exists(params![incarnation, nc, at])? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Every vector of the poll at `at`, by NC.
pub(super) fn load_poll(
    tx: &Transaction<'_>,
    incarnation: i64,
    at: i64,
) -> Result<NcVectors, StoreError> {
    let mut query = tx.prepare_cached(
        "SELECT n.id, n.dn FROM naming_context n CROSS JOIN source_sample s ON s.nc_id = n.id \
         WHERE s.incarnation_id = ?1 AND s.collected_at = ?2",
    )?;
    let rows = query.query_map(params![incarnation, at], |row| {
        Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?))
    })?;
    let mut vectors = NcVectors::new();
    for row in rows {
        let (nc, dn) = row?;
        let dn = values::text("naming_context.dn", &dn)?;
        vectors.insert(dn, load(tx, incarnation, nc, at)?);
    }
    Ok(vectors)
}

fn load(tx: &Transaction<'_>, incarnation: i64, nc: i64, at: i64) -> Result<Vector, StoreError> {
    let mut query = tx.prepare_cached(
        "SELECT s.changes, b.entries FROM source_sample s JOIN vector_base b ON b.id = s.base_id \
         WHERE s.incarnation_id = ?1 AND s.nc_id = ?2 AND s.collected_at = ?3",
    )?;
    let (changes, base): (Vec<u8>, Vec<u8>) = query
        .query_row(params![incarnation, nc, at], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .optional()?
        .ok_or_else(|| {
            let at = UtcMs::from_millis(at);
            StoreError::Unreadable(format!("the whole vector of the poll of {at} is missing"))
        })?;
    let unreadable = |error: super::octets::Garbled| {
        let at = UtcMs::from_millis(at);
        StoreError::Unreadable(format!("vector of the poll of {at}: {error}"))
    };
    let base = decode_whole(&base).map_err(unreadable)?;
    apply_changes(&base, &changes).map_err(unreadable)
}

/// Stores the vectors of one poll, moved by milliseconds where the moment is taken; gives the moment back.
pub(super) fn insert(
    tx: &Transaction<'_>,
    incarnation: i64,
    collected_at: UtcMs,
    committed_after: Usn,
    vectors: &NcVectors,
) -> Result<UtcMs, StoreError> {
    let mut at = collected_at;
    while has_poll(tx, incarnation, at)? {
        at = at.plus_ms(1);
    }
    for (nc, vector) in vectors {
        let nc = ensure_nc(tx, nc)?;
        let (base, changes) = match against_base(tx, incarnation, nc, vector)? {
            Some(stored) => stored,
            None => (insert_base(tx, incarnation, nc, vector)?, Vec::new()),
        };
        tx.prepare_cached(
            "INSERT INTO source_sample (incarnation_id, nc_id, collected_at, committed_after, base_id, changes) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![
            incarnation,
            nc,
            at.as_millis(),
            committed_after.get(),
            base,
            changes
        ])?;
    }
    Ok(at)
}

/// Whether any NC of this incarnation has a vector of exactly this moment.
pub(super) fn has_poll(
    tx: &Transaction<'_>,
    incarnation: i64,
    at: UtcMs,
) -> Result<bool, StoreError> {
    let mut query = tx.prepare_cached(
        "SELECT 1 FROM naming_context n CROSS JOIN source_sample s ON s.nc_id = n.id \
         WHERE s.incarnation_id = ?1 AND s.collected_at = ?2",
    )?;
    Ok(query.exists(params![incarnation, at.as_millis()])?)
}

/// The base in use and what `vector` changes of it; `None` where a new base is due.
fn against_base(
    tx: &Transaction<'_>,
    incarnation: i64,
    nc: i64,
    vector: &Vector,
) -> Result<Option<(i64, Vec<u8>)>, StoreError> {
    let mut newest = tx.prepare_cached(
        "SELECT b.id, b.entries, (SELECT count(*) FROM source_sample c WHERE c.base_id = b.id) \
         FROM source_sample s JOIN vector_base b ON b.id = s.base_id \
         WHERE s.incarnation_id = ?1 AND s.nc_id = ?2 ORDER BY s.collected_at DESC LIMIT 1",
    )?;
    let newest: Option<(i64, Vec<u8>, i64)> = newest
        .query_row(params![incarnation, nc], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })
        .optional()?;
    let Some((base, entries, used)) = newest else {
        return Ok(None);
    };
    // A base that cannot be read costs the old samples, not the new one.
    let Ok(decoded) = decode_whole(&entries) else {
        return Ok(None);
    };
    let changes = encode_changes(&decoded, vector);
    let due = used >= SAMPLES_PER_BASE || changes.len() > entries.len() / 2;
    Ok((!due).then_some((base, changes)))
}

fn insert_base(
    tx: &Transaction<'_>,
    incarnation: i64,
    nc: i64,
    vector: &Vector,
) -> Result<i64, StoreError> {
    tx.prepare_cached(
        "INSERT INTO vector_base (incarnation_id, nc_id, entries) VALUES (?1, ?2, ?3)",
    )?
    .execute(params![incarnation, nc, encode_whole(vector)])?;
    Ok(tx.last_insert_rowid())
}

/// The row of a naming context, where it has one.
pub(super) fn nc_row(tx: &Transaction<'_>, nc: &Dn) -> Result<Option<i64>, StoreError> {
    Ok(tx
        .prepare_cached("SELECT id FROM naming_context WHERE folded = ?1")?
        .query_row([nc.folded()], |row| row.get(0))
        .optional()?)
}

/// The row of a naming context, made where it has none.
pub(super) fn ensure_nc(tx: &Transaction<'_>, nc: &Dn) -> Result<i64, StoreError> {
    if let Some(id) = nc_row(tx, nc)? {
        return Ok(id);
    }
    tx.prepare_cached("INSERT INTO naming_context (dn, folded) VALUES (?1, ?2)")?
        .execute([nc.as_str(), nc.folded()])?;
    Ok(tx.last_insert_rowid())
}

fn incarnation_row(
    tx: &Transaction<'_>,
    invocation_id: InvocationId,
) -> Result<Option<i64>, StoreError> {
    Ok(tx
        .prepare_cached("SELECT id FROM incarnation WHERE invocation_id = ?1")?
        .query_row([invocation_id.to_octets()], |row| row.get(0))
        .optional()?)
}

/// Removes what no cursor had reached when the DC went back in time: cursors reach those USNs again, without what
/// they stood for.
pub(super) fn forget_unread(tx: &Transaction<'_>, incarnation: i64) -> Result<(), StoreError> {
    tx.execute(
        "DELETE FROM source_sample WHERE incarnation_id = ?1 AND committed_after > coalesce(( \
         SELECT max(c.read_up_to) FROM incarnation i JOIN dc d ON d.id = i.dc_id JOIN cursor_seen c \
         ON c.invocation_id = i.invocation_id OR (c.invocation_id IS NULL AND c.dc = d.name) WHERE i.id = ?1), 0)",
        [incarnation],
    )?;
    tx.execute(
        "DELETE FROM vector_base WHERE incarnation_id = ?1 \
         AND NOT EXISTS (SELECT 1 FROM source_sample s WHERE s.base_id = vector_base.id)",
        [incarnation],
    )?;
    Ok(())
}

/// The polls that are evidence for a cursor at `read_up_to`, whichever NCs it needs: of the polls at or below it,
/// newest first, each whose NCs were not all in one newer poll. For every set of NCs the newest poll that has them
/// all is among these, because no newer one can contain its NCs.
pub(super) fn evidence(
    tx: &Transaction<'_>,
    incarnation: i64,
    read_up_to: i64,
) -> Result<BTreeSet<i64>, StoreError> {
    let all: i64 = tx
        .prepare_cached(
            "SELECT count(*) FROM naming_context n WHERE EXISTS \
             (SELECT 1 FROM source_sample s WHERE s.incarnation_id = ?1 AND s.nc_id = n.id)",
        )?
        .query_row([incarnation], |row| row.get(0))?;
    let all: usize = values::count("naming_context", all)?;
    let mut query = tx.prepare_cached(
        "SELECT collected_at, nc_id FROM source_sample WHERE incarnation_id = ?1 AND committed_after <= ?2 \
         ORDER BY collected_at DESC",
    )?;
    let mut rows = query.query(params![incarnation, read_up_to])?;
    let mut kept: Vec<(i64, BTreeSet<i64>)> = Vec::new();
    let mut poll: Option<(i64, BTreeSet<i64>)> = None;
    let is_new = |kept: &[(i64, BTreeSet<i64>)], ncs: &BTreeSet<i64>| {
        !kept.iter().any(|(_, newer)| ncs.is_subset(newer))
    };
    while let Some(row) = rows.next()? {
        let (at, nc): (i64, i64) = (row.get(0)?, row.get(1)?);
        if let Some((_, ncs)) = poll.as_mut().filter(|(current, _)| *current == at) {
            ncs.insert(nc);
            continue;
        }
        let finished = poll.replace((at, BTreeSet::from([nc])));
        if let Some(finished) = finished.filter(|(_, ncs)| is_new(&kept, ncs)) {
            let complete = finished.1.len() == all;
            kept.push(finished);
            if complete {
                poll = None;
                break;
            }
        }
    }
    kept.extend(poll.filter(|(_, ncs)| is_new(&kept, ncs)));
    Ok(kept.into_iter().map(|(at, _)| at).collect())
}
