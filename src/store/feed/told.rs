//! What is remembered of objects: by objectGUID, below a name, and what a pass did not come across.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::{OptionalExtension, Row, Transaction, params};

use super::numbers::{Meanings, Numbers};
use super::{id_of, place};
use crate::model::{Dn, InvocationId, ObjectGuid, ResourceName, Standing, TargetFate, Told, Usn};
use crate::store::{Store, StoreError, values, vectors};

const COLUMNS: &str = "o.guid, o.nc_id, o.rdn, c.dn, o.standing, o.journal, o.links, o.is_partial, o.life, o.generation, \
                       o.links_origin, o.links_usn \
                       FROM feed_object o \
                       LEFT JOIN feed_container c ON c.id = o.container_id";

/// How many objects are remembered, by where they stand.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ToldCount {
    /// `In`: delivered, and not left.
    pub within: u64,
    /// `Out`: met, never delivered or told to have left.
    pub out: u64,
    /// `Deleted`.
    pub deleted: u64,
}

impl Store {
    /// What is remembered of these objects; those never met are left out.
    pub async fn told(
        &self,
        resource: &ResourceName,
        guids: &[ObjectGuid],
    ) -> Result<BTreeMap<ObjectGuid, Told>, StoreError> {
        let (resource, guids) = (resource.clone(), guids.to_vec());
        self.read(move |tx| {
            let Some(feed) = id_of(tx, &resource)? else {
                return Ok(BTreeMap::new());
            };
            let all = by_guid(tx, feed, guids.into_iter().map(ObjectGuid::to_octets))?;
            Ok(all.into_iter().collect())
        })
        .await
    }

    /// Those of these objects that were told, or seen, to be deleted, and those told to have come back.
    pub async fn told_fates(
        &self,
        resource: &ResourceName,
        guids: &[ObjectGuid],
    ) -> Result<BTreeMap<ObjectGuid, TargetFate>, StoreError> {
        let (resource, guids) = (resource.clone(), guids.to_vec());
        self.read(move |tx| {
            let Some(feed) = id_of(tx, &resource)? else {
                return Ok(BTreeMap::new());
            };
            let mut query = tx.prepare_cached(
                "SELECT standing = ?3, life FROM feed_object WHERE feed_id = ?1 AND guid = ?2 AND (standing = ?3 OR life > 0)",
            )?;
            let mut fates = BTreeMap::new();
            for guid in guids {
                let key = params![feed, guid.to_octets(), standing_code(Standing::Deleted)];
                let fate = query.query_row(key, |row| {
                    Ok(if row.get(0)? {
                        TargetFate::Deleted
                    } else {
                        TargetFate::Revived(row.get(1)?)
                    })
                });
                if let Some(fate) = fate.optional()? {
                    fates.insert(guid, fate);
                }
            }
            Ok(fates)
        })
        .await
    }

    /// The objects of `nc` that stand `In` and whose names lie below `dn`, at most `limit`, in an order of their own:
    /// the next ones are those `after` the last one given.
    pub async fn told_below(
        &self,
        resource: &ResourceName,
        nc: &Dn,
        dn: &str,
        after: Option<ObjectGuid>,
        limit: usize,
    ) -> Result<Vec<(ObjectGuid, Told)>, StoreError> {
        let (resource, nc, path) = (resource.clone(), nc.clone(), place::path(dn));
        self.read(move |tx| {
            let (Some(feed), Some(nc)) = (id_of(tx, &resource)?, vectors::nc_row(tx, &nc)?) else {
                return Ok(Vec::new());
            };
            let found = below(tx, feed, nc, &path, after, limit)?;
            by_guid(tx, feed, found.into_iter())
        })
        .await
    }

    /// The objects of `nc` that stand `In`, or `Deleted`, and that the newest pass, which is `pass`, did not come across, at
    /// most `limit`, in an order of their own: the next ones are those `after` the last one given.
    pub async fn told_not_of_pass(
        &self,
        resource: &ResourceName,
        nc: &Dn,
        pass: i64,
        after: Option<ObjectGuid>,
        limit: usize,
    ) -> Result<Vec<(ObjectGuid, Told)>, StoreError> {
        let (resource, nc) = (resource.clone(), nc.clone());
        self.read(move |tx| {
            let (Some(feed), Some(nc)) = (id_of(tx, &resource)?, vectors::nc_row(tx, &nc)?) else {
                return Ok(Vec::new());
            };
            let mut query = tx.prepare_cached(
                "SELECT guid FROM feed_object WHERE feed_id = ?1 AND guid > ?2 AND nc_id = ?3 AND standing <> 1 \
                 AND pass <> ?4 ORDER BY guid LIMIT ?5",
            )?;
            let after = octets(after);
            let found = query.query_map(params![feed, after, nc, pass, row_limit(limit)], |row| {
                row.get::<_, [u8; 16]>(0)
            })?;
            let found: Vec<_> = found.collect::<rusqlite::Result<_>>()?;
            by_guid(tx, feed, found.into_iter())
        })
        .await
    }

    /// How many objects are remembered, by where they stand.
    pub async fn count_told(&self, resource: &ResourceName) -> Result<ToldCount, StoreError> {
        let resource = resource.clone();
        self.read(move |tx| {
            let counts = tx
                .prepare_cached(
                    "SELECT objects_in, objects_out, objects_deleted FROM feed WHERE resource = ?1",
                )?
                .query_row([resource.as_str()], |row| {
                    Ok([row.get(0)?, row.get(1)?, row.get(2)?])
                })
                .optional()?
                .unwrap_or([0_i64; 3]);
            let [within, out, deleted] = counts;
            Ok(ToldCount {
                within: values::count("feed.objects_in", within)?,
                out: values::count("feed.objects_out", out)?,
                deleted: values::count("feed.objects_deleted", deleted)?,
            })
        })
        .await
    }
}

/// Before every objectGUID: no octets.
pub(super) fn octets(after: Option<ObjectGuid>) -> Vec<u8> {
    after.map_or_else(Vec::new, |guid| guid.to_octets().to_vec())
}

pub(super) fn row_limit(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

/// The first objectGUIDs `after` one, over all containers at or below a path.
fn below(
    tx: &Transaction<'_>,
    feed: i64,
    nc: i64,
    path: &str,
    after: Option<ObjectGuid>,
    limit: usize,
) -> Result<BTreeSet<[u8; 16]>, StoreError> {
    let mut containers =
        tx.prepare_cached("SELECT id FROM feed_container WHERE path >= ?1 AND path < ?2")?;
    let containers =
        containers.query_map([path, &place::end_of(path)], |row| row.get::<_, i64>(0))?;
    let mut objects = tx.prepare_cached(
        "SELECT guid FROM feed_object WHERE container_id = ?1 AND feed_id = ?2 AND nc_id = ?3 AND standing = 0 \
         AND guid > ?4 ORDER BY guid LIMIT ?5",
    )?;
    let after = octets(after);
    let mut first: BTreeSet<[u8; 16]> = BTreeSet::new();
    for container in containers {
        let mut rows = objects.query(params![container?, feed, nc, after, row_limit(limit)])?;
        while let Some(row) = rows.next()? {
            let guid = row.get(0)?;
            if first.len() >= limit && first.last().is_none_or(|last| guid >= *last) {
                break;
            }
            first.insert(guid);
            if first.len() > limit {
                first.pop_last();
            }
        }
    }
    Ok(first)
}

pub(super) fn by_guid(
    tx: &Transaction<'_>,
    feed: i64,
    guids: impl Iterator<Item = [u8; 16]>,
) -> Result<Vec<(ObjectGuid, Told)>, StoreError> {
    let meanings = Meanings::load(tx)?;
    let sql = format!("SELECT {COLUMNS} WHERE o.feed_id = ?1 AND o.guid = ?2");
    let mut query = tx.prepare_cached(&sql)?;
    let mut all = Vec::new();
    for guid in guids {
        let mut rows = query.query(params![feed, guid])?;
        if let Some(row) = rows.next()? {
            all.push(read(row, &meanings)?);
        }
    }
    Ok(all)
}

fn read(row: &Row<'_>, meanings: &Meanings) -> Result<(ObjectGuid, Told), StoreError> {
    let guid = ObjectGuid::from_octets(row.get(0)?);
    let (rdn, container): (String, Option<String>) = (row.get(2)?, row.get(3)?);
    let blob = |index| -> Result<Vec<u8>, StoreError> { Ok(row.get(index)?) };
    let told = Told {
        nc: meanings.nc(row.get(1)?)?.clone(),
        dn: place::join(&rdn, container.as_deref()),
        standing: standing(row.get(4)?)?,
        journal: meanings.journal(&blob(5)?)?,
        links: meanings.links(&blob(6)?)?,
        is_partial: row.get(7)?,
        life: row.get(8)?,
        generation: row.get::<_, i64>(9)?.unsigned_abs(),
        links_from: links_from(row, meanings)?,
    };
    Ok((guid, told))
}

fn links_from(
    row: &Row<'_>,
    meanings: &Meanings,
) -> Result<Option<(InvocationId, Usn)>, StoreError> {
    let (Some(origin), Some(usn)) = (row.get(10)?, row.get(11)?) else {
        return Ok(None);
    };
    let usn = values::usn("feed_object.links_usn", usn)?;
    Ok(Some((meanings.origin(origin)?, usn)))
}

pub(super) fn standing_code(standing: Standing) -> i64 {
    match standing {
        Standing::In => 0,
        Standing::Out => 1,
        Standing::Deleted => 2,
    }
}

fn standing(code: i64) -> Result<Standing, StoreError> {
    [Standing::In, Standing::Out, Standing::Deleted]
        .into_iter()
        .find(|standing| standing_code(*standing) == code)
        .ok_or_else(|| StoreError::Unreadable(format!("feed_object.standing: {code}")))
}

/// What a transaction changes of a feed's counters.
#[derive(Default)]
pub(super) struct Change {
    standing: [i64; 3],
    objects: i64,
    entries: i64,
    octets: i64,
}

impl Change {
    /// Counts one row in (`sign` 1) or out (-1).
    fn row(&mut self, sign: i64, standing: i64, entries: i64, octets: i64) {
        let place = usize::try_from(standing).ok();
        if let Some(count) = place.and_then(|place| self.standing.get_mut(place)) {
            *count += sign;
        }
        self.journal(sign, entries, octets);
    }

    /// Counts one journal in or out.
    pub(super) fn journal(&mut self, sign: i64, entries: i64, octets: i64) {
        self.objects += sign * i64::from(entries > 0);
        self.entries += sign * entries;
        self.octets += sign * octets;
    }

    pub(super) fn apply(&self, tx: &Transaction<'_>, feed: i64) -> Result<(), StoreError> {
        let [inside, out, deleted] = self.standing;
        tx.prepare_cached(
            "UPDATE feed SET objects_in = objects_in + ?2, objects_out = objects_out + ?3, \
             objects_deleted = objects_deleted + ?4, journal_objects = journal_objects + ?5, \
             journal_entries = journal_entries + ?6, journal_octets = journal_octets + ?7 WHERE id = ?1",
        )?
        .execute(params![
            feed,
            inside,
            out,
            deleted,
            self.objects,
            self.entries,
            self.octets
        ])?;
        Ok(())
    }
}

/// Writes what is now remembered of these objects, as met by `pass`.
pub(super) fn write(
    tx: &Transaction<'_>,
    feed: i64,
    pass: i64,
    all: &BTreeMap<ObjectGuid, Told>,
) -> Result<(), StoreError> {
    if all.is_empty() {
        return Ok(());
    }
    let mut numbers = Numbers::load(tx)?;
    let mut before = tx.prepare_cached(
        "SELECT standing, entries, length(journal) FROM feed_object WHERE feed_id = ?1 AND guid = ?2",
    )?;
    let mut put = tx.prepare_cached(
        "INSERT INTO feed_object (feed_id, guid, nc_id, container_id, rdn, standing, pass, entries, journal, links, \
         is_partial, life, generation, links_origin, links_usn) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15) ON CONFLICT (feed_id, guid) DO UPDATE SET \
         nc_id = excluded.nc_id, container_id = excluded.container_id, rdn = excluded.rdn, \
         standing = excluded.standing, pass = excluded.pass, entries = excluded.entries, \
         journal = excluded.journal, links = excluded.links, \
         is_partial = excluded.is_partial, life = excluded.life, generation = excluded.generation, \
         links_origin = excluded.links_origin, links_usn = excluded.links_usn",
    )?;
    let mut change = Change::default();
    for (guid, told) in all {
        let guid = guid.to_octets();
        let old: Option<(i64, i64, i64)> = before
            .query_row(params![feed, guid], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?))
            })
            .optional()?;
        if let Some((standing, entries, octets)) = old {
            change.row(-1, standing, entries, octets);
        }
        let (rdn, container) = place::cut(&told.dn);
        let container = container.map(|dn| numbers.container(dn)).transpose()?;
        let (journal, links) = (numbers.journal(told)?, numbers.links(told)?);
        let (standing, entries) = (standing_code(told.standing), row_limit(told.journal.len()));
        let nc = numbers.nc(&told.nc)?;
        let links_from = told.links_from;
        let origin = links_from.map(|(origin, _)| numbers.origin(origin));
        put.execute(params![
            feed,
            guid,
            nc,
            container,
            rdn,
            standing,
            pass,
            entries,
            journal,
            links,
            told.is_partial,
            told.life,
            i64::try_from(told.generation).unwrap_or(i64::MAX),
            origin.transpose()?,
            links_from.map(|(_, usn)| usn.get()),
        ])?;
        change.row(1, standing, entries, row_limit(journal.len()));
    }
    change.apply(tx, feed)
}

/// Writes an object's journal anew, and nothing else of it.
pub(super) fn rewrite_journal(
    tx: &Transaction<'_>,
    feed: i64,
    guid: ObjectGuid,
    told: &Told,
) -> Result<(), StoreError> {
    let journal = Numbers::load(tx)?.journal(told)?;
    let key = guid.to_octets();
    let (entries, octets): (i64, i64) = tx
        .prepare_cached(
            "SELECT entries, length(journal) FROM feed_object WHERE feed_id = ?1 AND guid = ?2",
        )?
        .query_row(params![feed, key], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let mut change = Change::default();
    change.journal(-1, entries, octets);
    let entries = row_limit(told.journal.len());
    change.journal(1, entries, row_limit(journal.len()));
    tx.prepare_cached(
        "UPDATE feed_object SET entries = ?3, journal = ?4 WHERE feed_id = ?1 AND guid = ?2",
    )?
    .execute(params![feed, key, entries, journal])?;
    change.apply(tx, feed)
}

/// Forgets of all objects what was delivered of them, and those altogether that the consumer does not have: it was told
/// more since than this store knows, under ids that must not come again.
pub(super) fn forget(tx: &Transaction<'_>, feed: i64) -> Result<(), StoreError> {
    for sql in [
        "DELETE FROM feed_object WHERE feed_id = ?1 AND standing <> 0",
        "UPDATE feed_object SET entries = 0, journal = x'', links = x'', is_partial = 0 WHERE feed_id = ?1",
        "UPDATE feed SET objects_out = 0, objects_deleted = 0, journal_objects = 0, journal_entries = 0, \
         journal_octets = 0, given_up = given_up + 1 + abs(random() % 1000000000) WHERE id = ?1",
        "DELETE FROM feed_waiting WHERE feed_id = ?1",
        "DELETE FROM feed_reread WHERE feed_id = ?1",
    ] {
        tx.execute(sql, [feed])?;
    }
    Ok(())
}
