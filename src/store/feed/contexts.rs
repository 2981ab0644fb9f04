//! K and S of the naming contexts, and what J was pruned of, as rows.
//!
//! # Decisions
//! - A commit carries K and S as its pass found them; what J was pruned of meanwhile is none of its business and stays.
//! - K is never written with an incarnation that was released after its database went back in time: its partners go on
//!   showing what they had of it before, and K with that would keep its new changes, which have the same USNs, from being
//!   told. What was told of it is J's to know, until it has a new invocationId.

use std::collections::BTreeMap;

use rusqlite::{Transaction, params};

use super::numbers::Meanings;
use crate::model::{Dn, FeedContext, InvocationId, Vector};
use crate::store::vector_codec::{decode_whole, encode_whole};
use crate::store::{StoreError, vectors};

/// K and S of every naming context of a feed.
pub(super) fn load(
    tx: &Transaction<'_>,
    feed: i64,
) -> Result<BTreeMap<Dn, FeedContext>, StoreError> {
    let meanings = Meanings::load(tx)?;
    let mut query = tx
        .prepare_cached("SELECT nc_id, told, held, settled FROM feed_context WHERE feed_id = ?1")?;
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
            settled: read(row.get(3)?)?,
        };
        contexts.insert(nc, context);
    }
    Ok(contexts)
}

/// Makes these the naming contexts of a feed, and no others: K and S of them, what J was pruned of stays.
pub(super) fn replace(
    tx: &Transaction<'_>,
    feed: i64,
    contexts: &BTreeMap<Dn, FeedContext>,
) -> Result<(), StoreError> {
    let settled: BTreeMap<Dn, Vector> = load(tx, feed)?
        .into_iter()
        .map(|(nc, context)| (nc, context.settled))
        .collect();
    tx.prepare_cached("DELETE FROM feed_context WHERE feed_id = ?1")?
        .execute([feed])?;
    let mut insert = tx.prepare_cached(
        "INSERT INTO feed_context (feed_id, nc_id, told, held, settled) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?;
    let released = released(tx)?;
    for (nc, context) in contexts {
        let told = context.told.clone().without(&released);
        insert.execute(params![
            feed,
            vectors::ensure_nc(tx, nc)?,
            encode_whole(&told),
            context.held.as_ref().map(encode_whole),
            encode_whole(settled.get(nc).unwrap_or(&Vector::new()))
        ])?;
    }
    Ok(())
}

/// Changes what J was pruned of in every naming context.
pub(super) fn settle(
    tx: &Transaction<'_>,
    feed: i64,
    change: impl Fn(&Dn, Vector) -> Vector,
) -> Result<(), StoreError> {
    let released = released(tx)?;
    for (nc, context) in load(tx, feed)? {
        let settled = change(&nc, context.settled.clone()).without(&released);
        if settled != context.settled {
            tx.prepare_cached(
                "UPDATE feed_context SET settled = ?3 WHERE feed_id = ?1 AND nc_id = ?2",
            )?
            .execute(params![
                feed,
                vectors::ensure_nc(tx, &nc)?,
                encode_whole(&settled)
            ])?;
        }
    }
    Ok(())
}

/// The incarnations that were ever released from quarantine.
pub(super) fn released(tx: &Transaction<'_>) -> Result<Vec<InvocationId>, StoreError> {
    let mut query =
        tx.prepare_cached("SELECT invocation_id FROM incarnation WHERE released_at IS NOT NULL")?;
    let ids = query.query_map([], |row| row.get::<_, [u8; 16]>(0))?;
    ids.map(|id| Ok(InvocationId::from_octets(id?))).collect()
}
