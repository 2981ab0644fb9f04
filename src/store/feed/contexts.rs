//! K and S of the naming contexts, as rows.

use std::collections::BTreeMap;

use rusqlite::{Transaction, params};

use super::numbers::Meanings;
use crate::model::{Dn, FeedContext, Vector};
use crate::store::vector_codec::{decode_whole, encode_whole};
use crate::store::{StoreError, vectors};

/// K and S of every naming context of a feed.
pub(super) fn load(
    tx: &Transaction<'_>,
    feed: i64,
) -> Result<BTreeMap<Dn, FeedContext>, StoreError> {
    let meanings = Meanings::load(tx)?;
    let mut query =
        tx.prepare_cached("SELECT nc_id, told, held FROM feed_context WHERE feed_id = ?1")?;
    let mut rows = query.query([feed])?;
    let mut contexts = BTreeMap::new();
    while let Some(row) = rows.next()? {
        let nc = meanings.nc(row.get(0)?)?.clone();
        let read = |octets: Vec<u8>| -> Result<Vector, StoreError> {
            let entries = decode_whole(&octets).map_err(|error| {
                StoreError::Unreadable(format!("feed_context of {nc}: {error}"))
            })?;
            Ok(entries.into_iter().collect())
        };
        let held: Option<Vec<u8>> = row.get(2)?;
        let context = FeedContext {
            told: read(row.get(1)?)?,
            held: held.map(read).transpose()?,
        };
        contexts.insert(nc, context);
    }
    Ok(contexts)
}

/// Makes these the naming contexts of a feed, and no others.
pub(super) fn replace(
    tx: &Transaction<'_>,
    feed: i64,
    contexts: &BTreeMap<Dn, FeedContext>,
) -> Result<(), StoreError> {
    tx.prepare_cached("DELETE FROM feed_context WHERE feed_id = ?1")?
        .execute([feed])?;
    let mut insert = tx.prepare_cached(
        "INSERT INTO feed_context (feed_id, nc_id, told, held) VALUES (?1, ?2, ?3, ?4)",
    )?;
    for (nc, context) in contexts {
        insert.execute(params![
            feed,
            vectors::ensure_nc(tx, nc)?,
            encode_whole(&context.told),
            context.held.as_ref().map(encode_whole)
        ])?;
    }
    Ok(())
}
