//! The two orders that lower K (R9): a DC is declared lost, or released after its database went back in time.
//!
//! # Decisions
//! - Each is one transaction over all objects with journal entries: rare, ordered by a person, and never half done.
//! - In the place of a lost DC's entries stands one that everything supersedes, until their objects have been read again.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::{Transaction, params};

use super::codec::decode_journal;
use super::journal::{drop_entries, journalled};
use super::numbers::{Meanings, garbled, origin_number};
use super::told::{Change, by_guid, rewrite_journal};
use super::{contexts, id_of, rereads, switching, waiting};
use crate::model::{
    CursorTag, Dn, FeedContext, InvocationId, NcVectors, ObjectGuid, Reread, RereadWhy,
    ResourceName, Stamp, Usn, Vector,
};
use crate::store::{Store, StoreError};

/// What came of giving up an origin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forgotten {
    /// How many objects will be read again (a lost DC), or journal entries were dropped (a released one).
    pub count: u64,
    /// The new fence.
    pub tag: CursorTag,
}

impl Store {
    /// Declares a DC's incarnation lost: K of it, and of those declared so before, falls to what `vectors`, those of the DC
    /// in use, hold of it (not at all where a naming context has none), and every object whose journal has a later stamp of
    /// it is to be read again. Where K falls, S is void, and the next pass reads everything. `None` where the resource has
    /// no feed.
    pub async fn forget_origin(
        &self,
        resource: &ResourceName,
        origin: InvocationId,
        vectors: NcVectors,
    ) -> Result<Option<Forgotten>, StoreError> {
        let resource = resource.clone();
        self.write(move |tx| {
            let Some(feed) = id_of(tx, &resource)? else {
                return Ok(None);
            };
            tx.prepare_cached(
                "INSERT INTO feed_lost (feed_id, invocation_id) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
            )?
            .execute(params![feed, origin.to_octets()])?;
            let mut read_again = BTreeSet::new();
            let before = contexts::load(tx, feed)?;
            for lost in lost(tx, feed, origin)? {
                read_again.extend(forget_above(tx, feed, lost, bound(&vectors, lost))?);
            }
            let count = read_again.len() as u64;
            let after = contexts::load(tx, feed)?;
            if before.iter().any(|(nc, context)| {
                after.get(nc).is_some_and(|after| after.told != context.told)
            }) {
                read_all(tx, &resource)?;
            }
            give_up(tx, feed)?;
            let tag = switching::bump(tx, &resource)?;
            Ok(Some(Forgotten { count, tag }))
        })
        .await
    }

    /// How many objects [`Store::forget_origin`] would have read again, now. `None` where the resource has no feed.
    pub async fn count_forgettable(
        &self,
        resource: &ResourceName,
        origin: InvocationId,
        vectors: NcVectors,
    ) -> Result<Option<u64>, StoreError> {
        let resource = resource.clone();
        self.read(move |tx| {
            let Some(feed) = id_of(tx, &resource)? else {
                return Ok(None);
            };
            let mut read_again = BTreeSet::new();
            for lost in lost(tx, feed, origin)? {
                read_again.extend(above(tx, feed, lost, &bound(&vectors, lost))?);
            }
            Ok(Some(read_again.len() as u64))
        })
        .await
    }

    /// Forgets all that was told of an incarnation that is released after its database went back in time: its USNs
    /// stand for other changes now. K and J no longer have it, S is void, a load under way is dropped: a full pass
    /// follows. `None` where the resource has no feed.
    pub async fn release_origin(
        &self,
        resource: &ResourceName,
        origin: InvocationId,
    ) -> Result<Option<Forgotten>, StoreError> {
        let resource = resource.clone();
        self.write(move |tx| {
            let Some(feed) = id_of(tx, &resource)? else {
                return Ok(None);
            };
            let all = contexts::load(tx, feed)?.into_iter().map(|(nc, context)| {
                let mut told = context.told;
                told.set(origin, Usn::ZERO);
                let context = FeedContext {
                    told,
                    held: None,
                    settled: context.settled,
                };
                (nc, context)
            });
            contexts::replace(tx, feed, &all.collect::<BTreeMap<_, _>>())?;
            contexts::settle(tx, feed, |_, settled| settled.with(origin, Usn::ZERO))?;
            switching::void(tx, &resource)?;
            let mut count = 0;
            if let Some(number) = origin_number(tx, origin)? {
                let mut change = Change::default();
                for (guid, _, journal) in journalled(tx, feed, &[], -1)? {
                    count += drop_entries(tx, feed, guid, &journal, &mut change, |stamp| {
                        stamp.origin == number
                    })?;
                }
                change.apply(tx, feed)?;
            }
            waiting::give_up(tx, feed, origin)?;
            give_up(tx, feed)?;
            let tag = switching::bump(tx, &resource)?;
            Ok(Some(Forgotten { count, tag }))
        })
        .await
    }
}

/// Has the next pass read everything: K covered what J says nothing of, such as an object that was kept from the consumer by
/// what the lost DC alone had. Delivered is only what differs.
fn read_all(tx: &Transaction<'_>, resource: &ResourceName) -> Result<(), StoreError> {
    switching::void(tx, resource)?;
    tx.prepare_cached("UPDATE cursor SET last_updated = 0, last_deleted = 0 WHERE resource = ?1")?
        .execute([resource.as_str()])?;
    Ok(())
}

/// The incarnations that are lost with this one: those declared so before may have left changes with it alone.
fn lost(
    tx: &Transaction<'_>,
    feed: i64,
    origin: InvocationId,
) -> Result<BTreeSet<InvocationId>, StoreError> {
    let mut query = tx.prepare_cached("SELECT invocation_id FROM feed_lost WHERE feed_id = ?1")?;
    let before = query.query_map([feed], |row| row.get::<_, [u8; 16]>(0))?;
    before
        .map(|id| Ok(InvocationId::from_octets(id?)))
        .chain(std::iter::once(Ok(origin)))
        .collect()
}

/// Lowers K of a lost incarnation, and gives up what was delivered of it above that; what is to be read again.
fn forget_above(
    tx: &Transaction<'_>,
    feed: i64,
    origin: InvocationId,
    bound: impl Fn(&Dn) -> Usn,
) -> Result<Vec<Reread>, StoreError> {
    let mut all = contexts::load(tx, feed)?;
    for (nc, context) in &mut all {
        lower(&mut context.told, origin, bound(nc));
    }
    contexts::replace(tx, feed, &all)?;
    contexts::settle(tx, feed, |nc, mut settled| {
        lower(&mut settled, origin, bound(nc));
        settled
    })?;
    let lost = above(tx, feed, origin, &bound)?;
    for reread in &lost {
        rereads::queue(tx, feed, reread)?;
        if reread.why == RereadWhy::Lost {
            give_up_stamps(tx, feed, reread, origin, bound(&reread.nc))?;
        }
    }
    waiting::give_up(tx, feed, origin)?;
    Ok(lost)
}

/// Puts in the place of an object's stamps of `origin` above `bound` one that everything supersedes: what the DC in use
/// shows counts. Other DCs' stamps stay, or what was delivered of them would go back.
fn give_up_stamps(
    tx: &Transaction<'_>,
    feed: i64,
    reread: &Reread,
    origin: InvocationId,
    bound: Usn,
) -> Result<(), StoreError> {
    let found = by_guid(tx, feed, std::iter::once(reread.guid.to_octets()))?;
    for (guid, mut told) in found {
        for last in told.journal.values_mut() {
            if last.origin == origin && last.usn > bound {
                *last = Stamp::GIVEN_UP;
            }
        }
        rewrite_journal(tx, feed, guid, &told)?;
    }
    Ok(())
}

/// Counts that something told can be told once more.
fn give_up(tx: &Transaction<'_>, feed: i64) -> Result<(), StoreError> {
    tx.execute(
        "UPDATE feed SET given_up = given_up + 1 WHERE id = ?1",
        [feed],
    )?;
    Ok(())
}

fn lower(vector: &mut Vector, origin: InvocationId, bound: Usn) {
    if vector.get(origin).is_some_and(|usn| usn > bound) {
        vector.set(origin, bound);
    }
}

/// What these vectors hold of `origin`, by naming context.
fn bound(vectors: &NcVectors, origin: InvocationId) -> impl Fn(&Dn) -> Usn {
    move |nc| {
        let known = vectors.get(nc).and_then(|vector| vector.get(origin));
        known.unwrap_or(Usn::ZERO)
    }
}

/// Every object whose journal has a stamp of `origin` above its naming context's bound, or whose links were delivered by its
/// word alone: those are compared with what the DC in use shows.
fn above(
    tx: &Transaction<'_>,
    feed: i64,
    origin: InvocationId,
    bound: &impl Fn(&Dn) -> Usn,
) -> Result<Vec<Reread>, StoreError> {
    let Some(number) = origin_number(tx, origin)? else {
        return Ok(Vec::new());
    };
    let meanings = Meanings::load(tx)?;
    let mut lost = Vec::new();
    for (guid, nc, journal) in journalled(tx, feed, &[], -1)? {
        let nc = meanings.nc(nc)?;
        let above = bound(nc).get();
        let entries = decode_journal(&journal).map_err(garbled)?;
        if entries
            .iter()
            .any(|(_, stamp)| stamp.origin == number && stamp.usn > above)
        {
            lost.push(Reread {
                guid: ObjectGuid::from_octets(guid),
                nc: nc.clone(),
                why: RereadWhy::Lost,
            });
        }
    }
    let known: BTreeSet<ObjectGuid> = lost.iter().map(|reread| reread.guid).collect();
    let mut query = tx.prepare_cached(
        "SELECT guid, nc_id, links_usn FROM feed_object WHERE feed_id = ?1 AND links_origin = ?2",
    )?;
    let mut rows = query.query(params![feed, number])?;
    while let Some(row) = rows.next()? {
        let (guid, usn) = (ObjectGuid::from_octets(row.get(0)?), row.get::<_, i64>(2)?);
        let nc = meanings.nc(row.get(1)?)?;
        if usn > bound(nc).get() && !known.contains(&guid) {
            lost.push(Reread {
                guid,
                nc: nc.clone(),
                why: RereadWhy::Held,
            });
        }
    }
    Ok(lost)
}
