//! What the reader of a feed writes: pages, commits, the begin of a load. All fenced, each one transaction.

use std::collections::BTreeMap;

use rusqlite::{Transaction, params};

use super::{contexts, outbox, required, rereads, switching, told, waiting};
use crate::model::{
    Counts, Cursor, CursorTag, DcName, Dn, FeedContext, FeedPage, Load, Outgoing, ResourceName,
    UtcMs, Vector,
};
use crate::store::cursors::{self, CursorSeen, to_json};
use crate::store::requests::is_stopped_in;
use crate::store::{Store, StoreError, values};

/// What came of writing a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PageWritten {
    /// It stands.
    Written {
        /// The place of the newest event ever queued, 0 before the first.
        last_seq: i64,
        /// How many octets of events wait for a sink.
        backlog: u64,
    },
    /// The cursor was written by somebody else; nothing of the page was kept.
    Fenced,
    /// The sync has been stopped by order; nothing of the page was kept.
    Stopped,
}

/// Where a feed stands once a pass is complete, or a load has come further.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedCommit {
    /// Host and position.
    pub cursor: Cursor,
    /// The DC that is its host, as configured.
    pub dc: Option<DcName>,
    /// K and S of every naming context; others are forgotten.
    pub contexts: BTreeMap<Dn, FeedContext>,
    /// What is to be delivered with it, after all that was queued before.
    pub events: Vec<Outgoing>,
    /// The load that is still under way; `None` ends one.
    pub load: Option<Load>,
    /// When.
    pub at: UtcMs,
}

/// What came of a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FeedCommitted {
    /// It stands; this is the new fence.
    Written(CursorTag),
    /// The cursor was written by somebody else; nothing was kept.
    Fenced,
    /// The sync has been stopped by order; nothing was kept.
    Stopped,
}

/// The order to begin a load.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadOrder {
    /// The load; its `pass` is set by the store.
    pub load: Load,
    /// K and S from now on: void where the projection changed (R9).
    pub contexts: BTreeMap<Dn, FeedContext>,
    /// What is projected from now on.
    pub projection: String,
    /// What is to be delivered before all that the load queues.
    pub events: Vec<Outgoing>,
}

/// What came of beginning a load.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LoadStarted {
    /// It is under way.
    Started {
        /// The load, with a number above every one before.
        load: Box<Load>,
        /// The new fence.
        tag: CursorTag,
    },
    /// The cursor was written by somebody else; nothing was begun.
    Fenced,
    /// The sync has been stopped by order; nothing was begun.
    Stopped,
}

/// Whether who holds a fence may write.
enum Gate {
    /// It may: the feed's row and its newest pass.
    Open(i64, i64),
    Fenced,
    Stopped,
}

fn gate(
    tx: &Transaction<'_>,
    resource: &ResourceName,
    fence: &CursorTag,
) -> Result<Gate, StoreError> {
    let feed = required(tx, resource)?;
    if is_stopped_in(tx, resource)? {
        return Ok(Gate::Stopped);
    }
    let generation: i64 = tx
        .prepare_cached("SELECT generation FROM cursor WHERE resource = ?1")?
        .query_row([resource.as_str()], |row| row.get(0))?;
    if fence.0 != generation.to_string() {
        return Ok(Gate::Fenced);
    }
    let pass = tx
        .prepare_cached("SELECT newest_pass FROM feed WHERE id = ?1")?
        .query_row([feed], |row| row.get(0))?;
    Ok(Gate::Open(feed, pass))
}

impl Store {
    /// Writes what one page of reading leaves behind, all of it or nothing: its events are queued for every sink.
    pub async fn write_feed_page(
        &self,
        resource: &ResourceName,
        fence: &CursorTag,
        page: FeedPage,
        at: UtcMs,
    ) -> Result<PageWritten, StoreError> {
        let (resource, fence) = (resource.clone(), fence.clone());
        self.write(move |tx| {
            let (feed, pass) = match gate(tx, &resource, &fence)? {
                Gate::Open(feed, pass) => (feed, pass),
                Gate::Fenced => return Ok(PageWritten::Fenced),
                Gate::Stopped => return Ok(PageWritten::Stopped),
            };
            if let Some(load) = &page.load {
                put_load(tx, feed, pass, Some(load))?;
            }
            told::write(tx, feed, pass, &page.told)?;
            waiting::write(tx, feed, &page.waiting, at)?;
            for reread in &page.done {
                rereads::remove(tx, feed, reread)?;
            }
            for reread in &page.rereads {
                rereads::queue(tx, feed, reread)?;
            }
            add_counts(tx, feed, &page.counts)?;
            let (last_seq, backlog) = outbox::queue(tx, feed, &page.events, at)?;
            Ok(PageWritten::Written { last_seq, backlog })
        })
        .await
    }

    /// Writes cursor, K and S in one. Every event of the pass is queued by then: that is what delivered means here, each
    /// sink takes them at its own pace (R1).
    pub async fn commit_feed(
        &self,
        resource: &ResourceName,
        fence: &CursorTag,
        commit: FeedCommit,
    ) -> Result<FeedCommitted, StoreError> {
        let (resource, fence) = (resource.clone(), fence.clone());
        self.write(move |tx| {
            let (feed, pass) = match gate(tx, &resource, &fence)? {
                Gate::Open(feed, pass) => (feed, pass),
                Gate::Fenced => return Ok(FeedCommitted::Fenced),
                Gate::Stopped => return Ok(FeedCommitted::Stopped),
            };
            let placed = cursors::put_in(tx, &resource, &fence, &commit.cursor, commit.at)?;
            let Some(tag) = placed else {
                return Ok(FeedCommitted::Fenced);
            };
            contexts::replace(tx, feed, &commit.contexts)?;
            waiting::settle(tx, feed, &commit.contexts)?;
            outbox::queue(tx, feed, &commit.events, commit.at)?;
            if commit.load.is_none() {
                // With the end of a load, everything is known again.
                tx.prepare_cached(
                    "UPDATE feed SET needs_full_pass = NULL WHERE id = ?1 AND load IS NOT NULL",
                )?
                .execute([feed])?;
                tx.prepare_cached("UPDATE feed SET has_completed_pass = 1 WHERE id = ?1")?
                    .execute([feed])?;
            }
            put_load(tx, feed, pass, commit.load.as_ref())?;
            let seen = CursorSeen {
                read_up_to: commit.cursor.read_up_to(),
                invocation_id: commit.cursor.invocation_id,
                dc: commit.dc,
                resource,
                seen_at: commit.at,
            };
            cursors::note_seen_in(tx, &seen)?;
            Ok(FeedCommitted::Written(tag))
        })
        .await
    }

    /// Begins a pass over everything; what is written from here on carries its number. One under way is replaced.
    pub async fn start_load(
        &self,
        resource: &ResourceName,
        fence: &CursorTag,
        order: LoadOrder,
    ) -> Result<LoadStarted, StoreError> {
        let (resource, fence) = (resource.clone(), fence.clone());
        self.write(move |tx| {
            let (feed, newest) = match gate(tx, &resource, &fence)? {
                Gate::Open(feed, pass) => (feed, pass),
                Gate::Fenced => return Ok(LoadStarted::Fenced),
                Gate::Stopped => return Ok(LoadStarted::Stopped),
            };
            if order.load.replaces {
                told::forget(tx, feed)?;
            }
            let pass = newest.saturating_add(1);
            let load = Load { pass, ..order.load };
            tx.execute(
                "UPDATE feed SET newest_pass = ?2, projection = ?3 WHERE id = ?1",
                params![feed, pass, order.projection],
            )?;
            tx.execute("DELETE FROM feed_resync WHERE feed_id = ?1", [feed])?;
            put_load(tx, feed, pass, Some(&load))?;
            contexts::replace(tx, feed, &order.contexts)?;
            contexts::settle(tx, feed, |nc, before| {
                let context = order.contexts.get(nc);
                let before = if load.replaces { Vector::new() } else { before };
                match context {
                    Some(context) => before.join(&context.settled),
                    None => before,
                }
            })?;
            outbox::queue(tx, feed, &order.events, load.since)?;
            let tag = switching::bump(tx, &resource)?;
            Ok(LoadStarted::Started {
                load: Box::new(load),
                tag,
            })
        })
        .await
    }

    /// Why events were delivered and changes were not, counted since the first load.
    pub async fn feed_counts(
        &self,
        resource: &ResourceName,
    ) -> Result<BTreeMap<String, u64>, StoreError> {
        let resource = resource.clone();
        self.read(move |tx| {
            let mut query = tx.prepare_cached(
                "SELECT c.cause, c.n FROM feed f JOIN feed_count c ON c.feed_id = f.id WHERE f.resource = ?1",
            )?;
            let rows = query.query_and_then([resource.as_str()], |row| {
                let n = values::count("feed_count.n", row.get(1)?)?;
                Ok((row.get(0)?, n))
            })?;
            rows.collect()
        })
        .await
    }
}

/// Sets or clears the load under way. One of another number than the newest pass is no load of this feed.
fn put_load(
    tx: &Transaction<'_>,
    feed: i64,
    newest: i64,
    load: Option<&Load>,
) -> Result<(), StoreError> {
    if let Some(load) = load.filter(|load| load.pass != newest) {
        return Err(StoreError::Other(format!(
            "the load is pass {}, the newest one begun is {newest}: read the feed again",
            load.pass
        )));
    }
    let json = load.map(to_json).transpose()?;
    tx.prepare_cached("UPDATE feed SET load = ?2 WHERE id = ?1")?
        .execute(params![feed, json])?;
    Ok(())
}

fn add_counts(tx: &Transaction<'_>, feed: i64, counts: &Counts) -> Result<(), StoreError> {
    let mut add = tx.prepare_cached(
        "INSERT INTO feed_count (feed_id, cause, n) VALUES (?1, ?2, ?3) \
         ON CONFLICT (feed_id, cause) DO UPDATE SET n = feed_count.n + excluded.n",
    )?;
    for (cause, n) in counts {
        add.execute(params![feed, cause, i64::try_from(*n).unwrap_or(i64::MAX)])?;
    }
    Ok(())
}
