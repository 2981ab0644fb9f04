//! What an audit needs: K as it was before the last switch (R11), and what was told that a DC does not hold.

use std::collections::BTreeMap;

use rusqlite::{OptionalExtension, Transaction, params};

use super::journal::journalled;
use super::numbers::Meanings;
use super::told::{by_guid, octets};
use super::{contexts, id_of};
use crate::model::{Knowledge, NcVectors, ObjectGuid, ResourceName, Told, Usn, UtcMs};
use crate::store::vector_codec::{decode_whole, encode_whole};
use crate::store::{Store, StoreError, values, vectors};

/// How many objects one look at the journal takes.
const CHUNK: i64 = 1_000;

/// The last switch of a feed to another DC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedSwitch {
    /// When it was made.
    pub at: UtcMs,
    /// The start it gave.
    pub start: Usn,
    /// K before it, per naming context.
    pub told: NcVectors,
}

impl Store {
    /// The last switch of a feed; `None` where it has never been moved.
    pub async fn feed_switch(
        &self,
        resource: &ResourceName,
    ) -> Result<Option<FeedSwitch>, StoreError> {
        let resource = resource.clone();
        self.read(move |tx| {
            let Some(feed) = id_of(tx, &resource)? else {
                return Ok(None);
            };
            let meanings = Meanings::load(tx)?;
            let mut query = tx.prepare_cached(
                "SELECT nc_id, told, start, at FROM feed_switch WHERE feed_id = ?1",
            )?;
            let mut rows = query.query([feed])?;
            let mut found: Option<FeedSwitch> = None;
            while let Some(row) = rows.next()? {
                let told: Vec<u8> = row.get(1)?;
                let told = decode_whole(&told).map_err(|error| {
                    StoreError::Unreadable(format!("feed_switch.told: {error}"))
                })?;
                let switch = found.get_or_insert(FeedSwitch {
                    at: UtcMs::from_millis(row.get(3)?),
                    start: values::usn("feed_switch.start", row.get(2)?)?,
                    told: BTreeMap::new(),
                });
                let nc = meanings.nc(row.get(0)?)?.clone();
                switch.told.insert(nc, told.into_iter().collect());
            }
            Ok(found)
        })
        .await
    }

    /// The objects whose journal has stamps that lie beyond `vectors`, at most `limit`: what was told and is not held
    /// there. A naming context that is not among `vectors` is left out.
    pub async fn told_beyond(
        &self,
        resource: &ResourceName,
        vectors: NcVectors,
        limit: usize,
    ) -> Result<Vec<(ObjectGuid, Told)>, StoreError> {
        let resource = resource.clone();
        self.read(move |tx| {
            let Some(feed) = id_of(tx, &resource)? else {
                return Ok(Vec::new());
            };
            let meanings = Meanings::load(tx)?;
            let (mut place, mut found) = (octets(None), Vec::new());
            loop {
                let rows = journalled(tx, feed, &place, CHUNK)?;
                let Some((last, _, _)) = rows.last() else {
                    break;
                };
                place = last.to_vec();
                for (guid, nc, journal) in rows {
                    let Some(vector) = vectors.get(meanings.nc(nc)?) else {
                        continue;
                    };
                    let journal = meanings.journal(&journal)?;
                    if journal
                        .values()
                        .any(|stamp| !stamp.is_mark() && !stamp.is_within(vector))
                    {
                        found.push(guid);
                    }
                }
                if found.len() >= limit {
                    break;
                }
            }
            found.truncate(limit);
            by_guid(tx, feed, found.into_iter())
        })
        .await
    }
}

/// Takes down K and the new start, inside the transaction of a switch.
pub(super) fn record(
    tx: &Transaction<'_>,
    resource: &ResourceName,
    knowledge: &Knowledge,
) -> Result<(), StoreError> {
    let (Knowledge::Held { since, .. } | Knowledge::Void { since, .. }) = knowledge else {
        return Ok(());
    };
    let Some(feed) = id_of(tx, resource)? else {
        return Ok(());
    };
    let start: Option<i64> = tx
        .prepare_cached("SELECT min(last_updated, last_deleted) FROM cursor WHERE resource = ?1")?
        .query_row([resource.as_str()], |row| row.get(0))
        .optional()?;
    tx.prepare_cached("DELETE FROM feed_switch WHERE feed_id = ?1")?
        .execute([feed])?;
    for (nc, context) in contexts::load(tx, feed)? {
        let nc = vectors::ensure_nc(tx, &nc)?;
        let told = encode_whole(&context.told);
        tx.prepare_cached(
            "INSERT INTO feed_switch (feed_id, nc_id, told, start, at) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![
            feed,
            nc,
            told,
            start.unwrap_or(0),
            since.as_millis()
        ])?;
    }
    Ok(())
}
