//! J: how large it is, and dropping what no start anywhere can need again (R6).

use std::collections::BTreeMap;

use rusqlite::{OptionalExtension, Transaction, params};

use super::codec::{Numbered, decode_journal, encode_journal};
use super::numbers::{garbled, origins};
use super::told::{Change, row_limit, standing_code};
use super::{contexts, id_of, rereads};
use crate::model::{Dn, InvocationId, ResourceName, Stamp, Standing, Vector};
use crate::store::{Store, StoreError, values, vectors};

/// How many objects one transaction looks at.
const CHUNK: i64 = 1_000;
/// How many containers one transaction looks at.
const CONTAINERS: i64 = 5_000;

/// How large J is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct JournalSize {
    /// Objects with entries.
    pub objects: u64,
    /// Entries: one per attribute.
    pub entries: u64,
    /// The octets they take, without their rows.
    pub octets: u64,
}

/// Of an object with entries: objectGUID, naming context, journal.
pub(super) type Journalled = ([u8; 16], i64, Vec<u8>);

impl Store {
    /// Drops the journal entries of naming contexts whose S covers K, where the entry is within K and within every one
    /// of the context's vectors in `candidates`: those of all DCs that a failover may choose. After a switch nothing goes
    /// before a pass there is complete: what S says of the DC in use ends below K. Of an object that is to be read again
    /// nothing goes: what this DC showed of it may not have been delivered. A context that is not in
    /// `candidates` keeps its entries: leave it out where a candidate's vector could not be read. K and S are looked
    /// up in the transactions that drop. Container names that no object has any more go too. Gives the number of
    /// entries dropped.
    pub async fn prune_journal(
        &self,
        resource: &ResourceName,
        candidates: BTreeMap<Dn, Vec<Vector>>,
    ) -> Result<u64, StoreError> {
        let (mut dropped, mut after) = (0, Some(Vec::new()));
        while let Some(place) = after {
            let (resource, candidates) = (resource.clone(), candidates.clone());
            let chunk = self.write(move |tx| prune_chunk(tx, &resource, &candidates, &place));
            let (entries, next) = chunk.await?;
            dropped += entries;
            after = next;
        }
        let mut after = Some(0);
        while let Some(place) = after {
            after = self.write(move |tx| sweep_containers(tx, place)).await?;
        }
        Ok(dropped)
    }

    /// How large J is, from counters that every write keeps right.
    pub async fn journal_size(&self, resource: &ResourceName) -> Result<JournalSize, StoreError> {
        let resource = resource.clone();
        self.read(move |tx| {
            let counts: Option<[i64; 3]> = tx
                .prepare_cached(
                    "SELECT journal_objects, journal_entries, journal_octets FROM feed WHERE resource = ?1",
                )?
                .query_row([resource.as_str()], |row| {
                    Ok([row.get(0)?, row.get(1)?, row.get(2)?])
                })
                .optional()?;
            let [objects, entries, octets] = counts.unwrap_or_default();
            Ok(JournalSize {
                objects: values::count("feed.journal_objects", objects)?,
                entries: values::count("feed.journal_entries", entries)?,
                octets: values::count("feed.journal_octets", octets)?,
            })
        })
        .await
    }
}

/// By naming context and origin, the USN up to which entries may go.
type Limits = BTreeMap<i64, BTreeMap<u32, i64>>;

/// What every DC that may take over has of what K has, by naming context: those where entries may go.
fn settled(
    tx: &Transaction<'_>,
    feed: i64,
    candidates: &BTreeMap<Dn, Vec<Vector>>,
) -> Result<BTreeMap<Dn, Vector>, StoreError> {
    let reader: Option<[u8; 16]> = tx
        .prepare_cached(
            "SELECT c.invocation_id FROM feed f JOIN cursor c ON c.resource = f.resource \
             WHERE f.id = ?1 AND f.has_completed_pass",
        )?
        .query_row([feed], |row| row.get(0))
        .optional()?
        .flatten();
    let Some(reader) = reader.map(InvocationId::from_octets) else {
        return Ok(BTreeMap::new());
    };
    let all = contexts::load(tx, feed)?.into_iter();
    let level = all.filter(|(_, context)| context.is_level_on(reader));
    let known = level.filter_map(|(nc, context)| {
        let others = candidates.get(&nc)?.iter();
        let within = others.fold(context.told, |bound, vector| bound.meet(vector));
        Some((nc, within))
    });
    Ok(known.collect())
}

fn limits(tx: &Transaction<'_>, settled: &BTreeMap<Dn, Vector>) -> Result<Limits, StoreError> {
    let numbers: BTreeMap<_, u32> = origins(tx)?
        .map(|row| row.map(|(number, origin)| (origin, number)))
        .collect::<Result<_, _>>()?;
    let mut limits = Limits::new();
    for (nc, within) in settled {
        let Some(nc) = vectors::nc_row(tx, nc)? else {
            continue;
        };
        let within = within
            .iter()
            .filter_map(|(origin, usn)| Some((*numbers.get(&origin)?, usn.get())));
        limits.insert(nc, within.collect());
    }
    Ok(limits)
}

/// Prunes the objects after `place`; how many entries went, and where to go on.
fn prune_chunk(
    tx: &Transaction<'_>,
    resource: &ResourceName,
    candidates: &BTreeMap<Dn, Vec<Vector>>,
    place: &[u8],
) -> Result<(u64, Option<Vec<u8>>), StoreError> {
    let Some(feed) = id_of(tx, resource)? else {
        return Ok((0, None));
    };
    let settled = settled(tx, feed, candidates)?;
    if settled.is_empty() {
        return Ok((0, None));
    }
    contexts::settle(tx, feed, |nc, before| match settled.get(nc) {
        Some(now) => before.join(now),
        None => before,
    })?;
    let limits = limits(tx, &settled)?;
    if place.is_empty() {
        sweep_rows(tx, feed, &limits)?;
    }
    let rows = journalled(tx, feed, place, CHUNK)?;
    let next = rows.last().map(|(guid, _, _)| guid.to_vec());
    let mut dropped = 0;
    let mut change = Change::default();
    for (guid, nc, journal) in rows {
        let Some(limits) = limits.get(&nc) else {
            continue;
        };
        if rereads::exists(tx, feed, guid)? {
            continue;
        }
        dropped += drop_entries(tx, feed, guid, &journal, &mut change, |stamp| {
            let limit = limits.get(&stamp.origin);
            is_given_up(stamp) || limit.is_some_and(|usn| stamp.usn <= *usn)
        })?;
    }
    change.apply(tx, feed)?;
    Ok((dropped, next))
}

/// Whether it is the mark of one that was given up, whose object is read again whatever J says. That of one that was not
/// told stays until it is.
fn is_given_up(stamp: &Numbered) -> bool {
    let mark = Stamp::GIVEN_UP;
    (stamp.version, stamp.usn) == (mark.version, mark.usn.get())
}

/// Forgets the objects that are not the consumer's and have no journal, in naming contexts that are level, and takes the
/// mark of a partial image from the others: K speaks for all of them again.
fn sweep_rows(tx: &Transaction<'_>, feed: i64, limits: &Limits) -> Result<(), StoreError> {
    for nc in limits.keys() {
        tx.prepare_cached(
            "UPDATE feed_object AS o SET is_partial = 0 WHERE feed_id = ?1 AND nc_id = ?2 AND is_partial \
             AND NOT EXISTS (SELECT 1 FROM feed_reread r WHERE r.feed_id = o.feed_id AND r.guid = o.guid)",
        )?
        .execute([feed, *nc])?;
        for (standing, column) in [
            (Standing::Out, "objects_out"),
            (Standing::Deleted, "objects_deleted"),
        ] {
            let gone = tx
                .prepare_cached(
                    "DELETE FROM feed_object AS o WHERE feed_id = ?1 AND nc_id = ?2 AND standing = ?3 AND standing <> 0 \
                     AND entries = 0 \
                     AND NOT EXISTS (SELECT 1 FROM feed_reread r WHERE r.feed_id = o.feed_id AND r.guid = o.guid)",
                )?
                .execute([feed, *nc, standing_code(standing)])?;
            tx.execute(
                &format!("UPDATE feed SET {column} = {column} - ?2 WHERE id = ?1"),
                params![feed, i64::try_from(gone).unwrap_or(i64::MAX)],
            )?;
        }
    }
    Ok(())
}

/// The objects with entries after `place`, in order.
pub(super) fn journalled(
    tx: &Transaction<'_>,
    feed: i64,
    place: &[u8],
    limit: i64,
) -> Result<Vec<Journalled>, StoreError> {
    let mut query = tx.prepare_cached(
        "SELECT guid, nc_id, journal FROM feed_object WHERE feed_id = ?1 AND entries > 0 AND guid > ?2 \
         ORDER BY guid LIMIT ?3",
    )?;
    let rows = query.query_map(params![feed, place, limit], |row| {
        Ok((row.get(0)?, row.get(1)?, row.get(2)?))
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Drops an object's entries that are `needless`; how many.
pub(super) fn drop_entries(
    tx: &Transaction<'_>,
    feed: i64,
    guid: [u8; 16],
    journal: &[u8],
    change: &mut Change,
    needless: impl Fn(&Numbered) -> bool,
) -> Result<u64, StoreError> {
    let mut entries = decode_journal(journal).map_err(garbled)?;
    let before = entries.len();
    entries.retain(|(_, stamp)| !needless(stamp));
    if entries.len() == before {
        return Ok(0);
    }
    let kept = encode_journal(&entries);
    change.journal(-1, row_limit(before), row_limit(journal.len()));
    change.journal(1, row_limit(entries.len()), row_limit(kept.len()));
    tx.prepare_cached(
        "UPDATE feed_object SET entries = ?3, journal = ?4 WHERE feed_id = ?1 AND guid = ?2",
    )?
    .execute(params![feed, guid, row_limit(entries.len()), kept])?;
    Ok((before - entries.len()) as u64)
}

/// Removes unused container names after `place`; where to go on.
fn sweep_containers(tx: &Transaction<'_>, place: i64) -> Result<Option<i64>, StoreError> {
    let end: Option<i64> = tx
        .prepare_cached(
            "SELECT max(id) FROM (SELECT id FROM feed_container WHERE id > ?1 ORDER BY id LIMIT ?2)",
        )?
        .query_row([place, CONTAINERS], |row| row.get(0))?;
    if let Some(end) = end {
        tx.prepare_cached(
            "DELETE FROM feed_container WHERE id > ?1 AND id <= ?2 \
             AND NOT EXISTS (SELECT 1 FROM feed_object o WHERE o.container_id = feed_container.id)",
        )?
        .execute([place, end])?;
    }
    Ok(end)
}
