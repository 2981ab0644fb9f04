//! What waits for changes of a DC: objects of which the DC in use shows something older than was delivered (R4).
//!
//! # Decisions
//! - An object waits from the first look that shows it so, whatever later looks find, until one finds it otherwise or S
//!   has the change that it waits for.

use std::collections::BTreeMap;

use rusqlite::{Transaction, params};
use serde::Serialize;

use crate::model::{DcName, Dn, FeedContext, InvocationId, ObjectGuid, ResourceName, UtcMs, Waits};
use crate::store::{Store, StoreError, cursors, values, vectors};

/// What waits for the changes of one DC.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Waiting {
    /// The DC; `None` where it was never polled.
    pub dc: Option<DcName>,
    /// The incarnation that made them.
    pub invocation_id: InvocationId,
    /// How many objects.
    pub objects: u64,
    /// Since when the first of them.
    pub since: UtcMs,
}

impl Store {
    /// What waits for changes that were delivered and that the DC in use lacks, by the DC that made them, the longest wait
    /// first.
    pub async fn feed_waiting(&self, resource: &ResourceName) -> Result<Vec<Waiting>, StoreError> {
        let resource = resource.clone();
        self.read(move |tx| {
            let mut query = tx.prepare_cached(
                "SELECT w.invocation_id, count(*), min(w.since), d.name FROM feed f \
                 JOIN feed_waiting w ON w.feed_id = f.id LEFT JOIN incarnation i ON i.invocation_id = w.invocation_id \
                 LEFT JOIN dc d ON d.id = i.dc_id \
                 WHERE f.resource = ?1 GROUP BY w.invocation_id ORDER BY min(w.since)",
            )?;
            let rows = query.query_and_then([resource.as_str()], |row| {
                let dc: Option<String> = row.get(3)?;
                Ok(Waiting {
                    dc: dc.map(|dc| cursors::parsed("dc.name", &dc)).transpose()?,
                    invocation_id: InvocationId::from_octets(row.get(0)?),
                    objects: values::count("feed_waiting", row.get(1)?)?,
                    since: UtcMs::from_millis(row.get(2)?),
                })
            })?;
            rows.collect()
        })
        .await
    }
}

/// Takes down what each object that was read waits for now.
pub(super) fn write(
    tx: &Transaction<'_>,
    feed: i64,
    all: &BTreeMap<ObjectGuid, (Dn, Waits)>,
    at: UtcMs,
) -> Result<(), StoreError> {
    let some_wait: bool = tx
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM feed_waiting WHERE feed_id = ?1)")?
        .query_row([feed], |row| row.get(0))?;
    let wait_now = |(_, (_, waits)): &(&ObjectGuid, &(Dn, Waits))| some_wait || !waits.is_empty();
    for (guid, (nc, waits)) in all.iter().filter(wait_now) {
        let guid = guid.to_octets();
        let since: BTreeMap<[u8; 16], i64> = tx
            .prepare_cached(
                "DELETE FROM feed_waiting WHERE feed_id = ?1 AND guid = ?2 RETURNING invocation_id, since",
            )?
            .query_map(params![feed, guid], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<rusqlite::Result<_>>()?;
        for (origin, usn) in waits {
            let origin = origin.to_octets();
            tx.prepare_cached(
                "INSERT INTO feed_waiting (feed_id, guid, invocation_id, nc_id, usn, since) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?
            .execute(params![
                feed,
                guid,
                origin,
                vectors::ensure_nc(tx, nc)?,
                usn.get(),
                since.get(&origin).copied().unwrap_or(at.as_millis())
            ])?;
        }
    }
    Ok(())
}

/// Takes off the list what S has now.
pub(super) fn settle(
    tx: &Transaction<'_>,
    feed: i64,
    contexts: &BTreeMap<Dn, FeedContext>,
) -> Result<(), StoreError> {
    for (nc, context) in contexts {
        let (Some(nc), Some(held)) = (vectors::nc_row(tx, nc)?, &context.held) else {
            continue;
        };
        for (origin, usn) in held.iter() {
            tx.prepare_cached(
                "DELETE FROM feed_waiting WHERE feed_id = ?1 AND nc_id = ?2 AND invocation_id = ?3 AND usn <= ?4",
            )?
            .execute(params![feed, nc, origin.to_octets(), usn.get()])?;
        }
    }
    Ok(())
}

/// Nothing waits for a DC that was given up.
pub(super) fn give_up(
    tx: &Transaction<'_>,
    feed: i64,
    origin: InvocationId,
) -> Result<(), StoreError> {
    tx.prepare_cached("DELETE FROM feed_waiting WHERE feed_id = ?1 AND invocation_id = ?2")?
        .execute(params![feed, origin.to_octets()])?;
    Ok(())
}
