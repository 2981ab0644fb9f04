//! The store side of the change feed: what its consumers were told, what is still to be delivered, K, S and J.
//!
//! Owns the tables of `schema/0002_feed.sql`. It decides nothing about changes: what it is given it writes whole or
//! not at all, where the writer still is the one that may.
//!
//! # Decisions
//! - The fence of a feed is its cursor's generation. Everything that changes K or S other than a page does raises it
//!   (commit, load, failover, import, an origin given up): who decided on the old ones is refused.
//! - The switch that stops a sync stops its pages and commits in the very transaction, not at the reader's next look.
//! - Acknowledgements are not fenced: what a sink took it took, whoever delivered it. Places in the outbox are never
//!   used twice, so a late one does no harm.
//! - Every row written carries the number of the newest pass, in a load or after it: what was met since a pass began
//!   is not gone at its end.
//! - Where the import of a recovery document changes a feed's cursor or what is known of its consumer, S is void and a
//!   load is dropped; K and J stay: what this store's sinks were told they were told, and where another store told
//!   them more, K is only lower than it might be, which repeats and never skips.
//! - A backup holds the feed's tables, a recovery document does not: J may be gigabytes and means nothing without the
//!   sinks' own state.

pub(super) mod codec;
mod contexts;
mod driving;
mod journal;
mod letters;
mod numbers;
mod origins;
mod outbox;
pub(super) mod place;
mod rereads;
mod switched;
mod switching;
mod told;
mod waiting;
mod write;

use std::collections::BTreeMap;

use rusqlite::params;

pub use driving::{FeedHealth, FeedLock, ResyncOrder};
pub use journal::JournalSize;
pub use letters::{DeadLetter, Replay};
pub use origins::Forgotten;
pub use outbox::{FeedBacklog, Undeliverable};
pub use switched::FeedSwitch;
pub(super) use switching::{apply_knowledge, bump, void};
pub use told::ToldCount;
pub use waiting::Waiting;
pub use write::{FeedCommit, FeedCommitted, LoadOrder, LoadStarted, PageWritten};

use super::cursors::{self, from_json};
use super::requests::is_stopped_in;
use super::{Store, StoreError};
use crate::model::{Cursor, Dn, Feed, FeedContext, FullPassReason, ResourceName, UtcMs};

impl Store {
    /// The feed of a resource as it stands; `None` where none was ever begun.
    pub async fn feed(&self, resource: &ResourceName) -> Result<Option<Feed>, StoreError> {
        let resource = resource.clone();
        self.read(move |tx| feed_in(tx, &resource)).await
    }

    /// Begins the feed of a resource, with its first cursor where the store keeps none yet; gives the feed as it then
    /// stands. One that is there already stays as it is.
    pub async fn create_feed(
        &self,
        resource: &ResourceName,
        cursor: &Cursor,
        contexts: BTreeMap<Dn, FeedContext>,
        projection: &str,
        at: UtcMs,
    ) -> Result<Feed, StoreError> {
        let (resource, cursor) = (resource.clone(), cursor.clone());
        let projection = projection.to_owned();
        self.write(move |tx| {
            cursors::create_in(tx, &resource, &cursor, at)?;
            let created = tx.execute(
                "INSERT INTO feed (resource, projection, created_at, needs_full_pass) VALUES (?1, ?2, ?3, \
                 CASE WHEN EXISTS (SELECT 1 FROM restored_backup) THEN ?4 END) ON CONFLICT (resource) DO NOTHING",
                params![
                    resource.as_str(),
                    projection,
                    at.as_millis(),
                    FullPassReason::Restored.code()
                ],
            )?;
            if created == 1 {
                contexts::replace(tx, tx.last_insert_rowid(), &contexts)?;
            }
            feed_in(tx, &resource)?.ok_or_else(|| no_feed(&resource))
        })
        .await
    }
}

fn feed_in(
    tx: &rusqlite::Transaction<'_>,
    resource: &ResourceName,
) -> Result<Option<Feed>, StoreError> {
    let mut query = tx.prepare_cached(
        "SELECT id, projection, load, given_up, needs_full_pass FROM feed WHERE resource = ?1",
    )?;
    let mut rows = query.query([resource.as_str()])?;
    let Some(row) = rows.next()? else {
        return Ok(None);
    };
    let load: Option<String> = row.get(2)?;
    let cursor = cursors::cursor_in(tx, resource)?
        .ok_or_else(|| StoreError::Unreadable(format!("the feed of {resource} has no cursor")))?;
    Ok(Some(Feed {
        cursor,
        contexts: contexts::load(tx, row.get(0)?)?,
        load: load.map(|load| from_json("feed.load", &load)).transpose()?,
        projection: row.get(1)?,
        is_stopped: is_stopped_in(tx, resource)?,
        given_up: row.get::<_, i64>(3)?.unsigned_abs(),
        needs_full_pass: row
            .get::<_, Option<String>>(4)?
            .map(|code| cursors::parsed("feed.needs_full_pass", &code))
            .transpose()?,
        released: contexts::released(tx)?,
    }))
}

/// The row of a resource's feed, where it has one.
fn id_of(
    tx: &rusqlite::Transaction<'_>,
    resource: &ResourceName,
) -> Result<Option<i64>, StoreError> {
    use rusqlite::OptionalExtension as _;
    Ok(tx
        .prepare_cached("SELECT id FROM feed WHERE resource = ?1")?
        .query_row([resource.as_str()], |row| row.get(0))
        .optional()?)
}

fn required(tx: &rusqlite::Transaction<'_>, resource: &ResourceName) -> Result<i64, StoreError> {
    id_of(tx, resource)?.ok_or_else(|| no_feed(resource))
}

fn no_feed(resource: &ResourceName) -> StoreError {
    StoreError::Other(format!(
        "resource {resource} has no feed yet: it is begun by the service, or by `highwater sync {resource}`"
    ))
}
