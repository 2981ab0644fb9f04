//! What is to be read again by its objectGUID.

use rusqlite::{Transaction, params};

use super::told::row_limit;
use crate::model::{ObjectGuid, Reread, ResourceName};
use crate::store::{Store, StoreError, cursors, vectors};

impl Store {
    /// Has these read again; those on the list already stay on it once.
    pub async fn order_rereads(
        &self,
        resource: &ResourceName,
        orders: Vec<Reread>,
    ) -> Result<(), StoreError> {
        let resource = resource.clone();
        self.write(move |tx| {
            let feed = super::required(tx, &resource)?;
            for order in &orders {
                queue(tx, feed, order)?;
            }
            Ok(())
        })
        .await
    }

    /// What is to be read again, at most `limit`, in an order of its own: the next ones are those `after` the last one
    /// given.
    pub async fn feed_rereads(
        &self,
        resource: &ResourceName,
        after: Option<&Reread>,
        limit: usize,
    ) -> Result<Vec<Reread>, StoreError> {
        let (resource, after) = (resource.clone(), after.cloned());
        self.read(move |tx| list(tx, &resource, after.as_ref(), limit))
            .await
    }
}

/// Queues something to be read again, once.
pub(super) fn queue(tx: &Transaction<'_>, feed: i64, reread: &Reread) -> Result<(), StoreError> {
    let nc = vectors::ensure_nc(tx, &reread.nc)?;
    tx.prepare_cached(
        "INSERT INTO feed_reread (feed_id, guid, nc_id, why) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING",
    )?
    .execute(params![feed, reread.guid.to_octets(), nc, reread.why.code()])?;
    Ok(())
}

/// Whether an object is on the list.
pub(super) fn exists(tx: &Transaction<'_>, feed: i64, guid: [u8; 16]) -> Result<bool, StoreError> {
    let found = tx
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM feed_reread WHERE feed_id = ?1 AND guid = ?2)",
        )?
        .query_row(params![feed, guid], |row| row.get(0))?;
    Ok(found)
}

/// Takes something off the list again.
pub(super) fn remove(tx: &Transaction<'_>, feed: i64, reread: &Reread) -> Result<(), StoreError> {
    let nc = vectors::ensure_nc(tx, &reread.nc)?;
    tx.prepare_cached(
        "DELETE FROM feed_reread WHERE feed_id = ?1 AND guid = ?2 AND nc_id = ?3 AND why = ?4",
    )?
    .execute(params![
        feed,
        reread.guid.to_octets(),
        nc,
        reread.why.code()
    ])?;
    Ok(())
}

fn list(
    tx: &Transaction<'_>,
    resource: &ResourceName,
    after: Option<&Reread>,
    limit: usize,
) -> Result<Vec<Reread>, StoreError> {
    let (guid, nc, why) = match after {
        None => (Vec::new(), 0, ""),
        Some(after) => (
            after.guid.to_octets().to_vec(),
            vectors::nc_row(tx, &after.nc)?.unwrap_or(0),
            after.why.code(),
        ),
    };
    let mut query = tx.prepare_cached(
        "SELECT r.guid, n.dn, r.why FROM feed f JOIN feed_reread r ON r.feed_id = f.id \
         JOIN naming_context n ON n.id = r.nc_id WHERE f.resource = ?1 AND (r.guid, r.nc_id, r.why) > (?2, ?3, ?4) \
         ORDER BY r.guid, r.nc_id, r.why LIMIT ?5",
    )?;
    let limit = row_limit(limit);
    let rows = query.query_and_then(params![resource.as_str(), guid, nc, why, limit], |row| {
        Ok(Reread {
            guid: ObjectGuid::from_octets(row.get(0)?),
            nc: cursors::parsed("naming_context.dn", &row.get::<_, String>(1)?)?,
            why: cursors::parsed("feed_reread.why", &row.get::<_, String>(2)?)?,
        })
    })?;
    rows.collect()
}
