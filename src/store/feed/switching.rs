//! What a failover, an undo or an import makes of a feed, inside their own transactions (R3, R7).
//!
//! # Decisions
//! - S is taken over from the switch only where it was known before: no switch proves what the feed itself does not
//!   know. With a load under way it is unknown, and the load is dropped: its bounds count on the old DC.
//! - A declared full pass (`Knowledge::Pass`) changes nothing here: a feed knows of its own passes.

use rusqlite::{OptionalExtension, Transaction, params};

use super::{id_of, no_feed, switched};
use crate::model::{CursorTag, Knowledge, NcVectors, ResourceName};
use crate::store::vector_codec::encode_whole;
use crate::store::{StoreError, vectors};

/// Writes what is known of the consumer after a switch as S of its feed; whether there was anything to write.
pub(in crate::store) fn apply_knowledge(
    tx: &Transaction<'_>,
    resource: &ResourceName,
    knowledge: &Knowledge,
) -> Result<bool, StoreError> {
    switched::record(tx, resource, knowledge)?;
    match knowledge {
        Knowledge::Held { held, .. } => hold(tx, resource, held),
        Knowledge::Void { .. } => void(tx, resource),
        Knowledge::Pass { .. } => Ok(false),
    }
}

/// Makes S unknown and drops a load; whether there is a feed.
pub(in crate::store) fn void(
    tx: &Transaction<'_>,
    resource: &ResourceName,
) -> Result<bool, StoreError> {
    let Some(feed) = id_of(tx, resource)? else {
        return Ok(false);
    };
    tx.prepare_cached("UPDATE feed_context SET held = NULL WHERE feed_id = ?1")?
        .execute([feed])?;
    tx.prepare_cached("UPDATE feed SET load = NULL, has_completed_pass = 0 WHERE id = ?1")?
        .execute([feed])?;
    Ok(true)
}

fn hold(
    tx: &Transaction<'_>,
    resource: &ResourceName,
    held: &NcVectors,
) -> Result<bool, StoreError> {
    let Some(feed) = id_of(tx, resource)? else {
        return Ok(false);
    };
    let is_loading: bool = tx
        .prepare_cached("SELECT load IS NOT NULL FROM feed WHERE id = ?1")?
        .query_row([feed], |row| row.get(0))?;
    if is_loading {
        return void(tx, resource);
    }
    let mut known = tx
        .prepare_cached("SELECT nc_id FROM feed_context WHERE feed_id = ?1 AND held IS NOT NULL")?;
    let known: Vec<i64> = known
        .query_map([feed], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    void(tx, resource)?;
    for (nc, vector) in held {
        let nc = vectors::nc_row(tx, nc)?;
        if let Some(nc) = nc.filter(|nc| known.contains(nc)) {
            tx.prepare_cached(
                "UPDATE feed_context SET held = ?3 WHERE feed_id = ?1 AND nc_id = ?2",
            )?
            .execute(params![feed, nc, encode_whole(vector)])?;
        }
    }
    Ok(true)
}

/// Raises the generation of a feed's cursor, position as it is: whoever holds the old fence reads anew.
pub(in crate::store) fn bump(
    tx: &Transaction<'_>,
    resource: &ResourceName,
) -> Result<CursorTag, StoreError> {
    let generation: Option<i64> = tx
        .prepare_cached(
            "UPDATE cursor SET generation = generation + 1 WHERE resource = ?1 RETURNING generation",
        )?
        .query_row([resource.as_str()], |row| row.get(0))
        .optional()?;
    let generation = generation.ok_or_else(|| no_feed(resource))?;
    Ok(CursorTag(generation.to_string()))
}
