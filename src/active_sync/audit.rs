//! Two readings that deliver nothing: the rehearsal of a failover, and the audit after one.
//!
//! # Decisions
//! - The audit compares with K as it was before the switch, and with J, never with K as it has grown since (R11): what the
//!   passes since then claim is what is to be proved.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::decide::{Proof, Reading as Judging, left_out};
use super::error::FeedError;
use super::page::{Pages, Why};
use super::reader::{Reader, dc_in_use};
use super::scope::Scope;
use crate::config::{DcSettings, ResourceSettings, Settings};
use crate::directory::{ChangeQuery, ChangeSource, Directory, Ldap, Reading, Search, Target};
use crate::model::{
    Dn, Feed, FeedContext, Image, NcVectors, ObjectGuid, Reread, RereadWhy, Standing, Told, Usn,
};
use crate::store::Store;

/// What a feed would do on another DC.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rehearsal {
    /// How many objects were read.
    pub read: u64,
    /// How many events would be delivered, by cause.
    pub delivered: BTreeMap<String, u64>,
    /// How many objects would not be told, by cause.
    pub silent: BTreeMap<String, u64>,
    /// What would be read again first, by cause.
    pub rereads: BTreeMap<&'static str, u64>,
}

/// What an audit found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Audited {
    /// How many objects were read.
    pub read: u64,
    /// How many stamps were compared.
    pub stamps: u64,
    /// How many of them K as it was before the switch covers.
    pub before: u64,
    /// How many J holds.
    pub journal: u64,
    /// How many came after the start and have been told since.
    pub since: u64,
    /// How many the next pass will read.
    pub coming: u64,
    /// How many objects the consumer was told to be gone, by changes that the DC in use does not have.
    pub gone_elsewhere: u64,
    /// What was left out: the object, its name, and the names of the attributes; none where the object itself was.
    pub left_out: Vec<LeftOut>,
}

/// An object of which something was left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// The object.
    pub guid: ObjectGuid,
    /// The naming context it lies in.
    pub nc: Dn,
    /// Its name on the DC.
    pub dn: String,
    /// The attributes; none where the consumer was never told of the object.
    pub attributes: Vec<String>,
}

impl LeftOut {
    /// The order to deliver it whole.
    pub fn repair(&self) -> Reread {
        Reread {
            guid: self.guid,
            nc: self.nc.clone(),
            why: RereadWhy::Whole,
        }
    }
}

/// What was told of an object that the DC in use does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ghost {
    /// The object.
    pub guid: ObjectGuid,
    /// Its name as last told.
    pub dn: String,
    /// Where it stands with the consumer.
    pub standing: Standing,
}

/// What the readings have in common.
struct Look<'a, S> {
    store: &'a Store,
    resource: &'a ResourceSettings,
    scope: Scope,
    feed: Feed,
    reader: Reader<S>,
}

impl<'a, S: ChangeSource> Look<'a, S> {
    async fn open(
        directory: &impl Directory<Source = S>,
        store: &'a Store,
        resource: &'a ResourceSettings,
        feed: Feed,
        dc: &DcSettings,
    ) -> Result<Self, FeedError> {
        let settings = resource.feed.as_ref();
        let settings = settings.ok_or_else(|| FeedError::NoFeed(resource.name.clone()))?;
        Ok(Self {
            store,
            resource,
            scope: Scope::new(resource, settings),
            feed,
            reader: Reader::open(directory, resource, settings, dc).await?,
        })
    }
}

/// The feed of a resource, or that it has none.
async fn feed_of(store: &Store, resource: &ResourceSettings) -> Result<Feed, FeedError> {
    let feed = store.feed(&resource.name).await?;
    feed.ok_or_else(|| FeedError::NoFeed(resource.name.clone()))
}

/// Reads on `dc` from `start` what the feed would read there after a switch that leaves `held` as S, and counts what it
/// would do. Writes nothing and delivers nothing.
pub async fn rehearse(
    store: &Store,
    resource: &ResourceSettings,
    dc: &DcSettings,
    start: Usn,
    held: &NcVectors,
) -> Result<Rehearsal, FeedError> {
    let feed = feed_of(store, resource).await?;
    let mut look = Look::open(&Ldap, store, resource, feed, dc).await?;
    let mut found = Rehearsal::default();
    for nc in look.reader.contexts.clone() {
        let told = look
            .feed
            .contexts
            .get(&nc)
            .map(|context| context.told.clone());
        let context = FeedContext {
            told: told.unwrap_or_default(),
            held: held.get(&nc).cloned(),
            ..FeedContext::default()
        };
        let (source, parts) = look.reader.parts();
        let pages = Pages::new(
            look.store,
            look.resource,
            parts,
            &look.scope,
            (&nc, &context),
            (start, &look.feed),
        );
        let reading = Reading::new(&parts.0.schema, &parts.0.projection);
        let query = ChangeQuery {
            base: Target::Dn(nc.clone()),
            floor: start,
            ceiling: None,
            filter: None,
        };
        let mut search = Search::new(&reading, &query);
        while let Some(images) = search.next(source).await? {
            found.read += images.len() as u64;
            let page = pages.judged(source, images, Why::Changes(None)).await?;
            for (cause, count) in &page.counts {
                let side = if super::decide::is_silence(cause) {
                    &mut found.silent
                } else {
                    &mut found.delivered
                };
                *side.entry((*cause).to_owned()).or_default() += count;
            }
            for reread in &page.rereads {
                *found.rereads.entry(reread.why.code()).or_default() += 1;
            }
        }
    }
    Ok(found)
}

/// Reads on the DC in use from `from` on, far below the start, and proves of every stamp there that it was told, or finds
/// it left out (R11). `limit` bounds what is listed.
pub async fn audit(
    store: &Store,
    settings: &Arc<Settings>,
    resource: &ResourceSettings,
    from: Usn,
    limit: usize,
) -> Result<Audited, FeedError> {
    let feed = feed_of(store, resource).await?;
    let dc = dc_in_use(settings, resource, &feed.cursor.cursor)?;
    let switch = store.feed_switch(&resource.name).await?;
    let mut look = Look::open(&Ldap, store, resource, feed, dc).await?;
    let mut found = Audited::default();
    for nc in look.reader.contexts.clone() {
        let context = look.feed.contexts.get(&nc).cloned().unwrap_or_default();
        let (before, start) = match &switch {
            Some(switch) => (
                switch.told.get(&nc).cloned().unwrap_or_default(),
                switch.start,
            ),
            None => (context.told.clone(), Usn::ZERO),
        };
        let cursor = look.feed.cursor.cursor.read_up_to();
        let (source, (what, _, reader)) = look.reader.parts();
        let reading = Reading::new(&what.schema, &what.projection);
        let judging = Judging {
            nc: &nc,
            schema: &what.schema,
            wanted: &what.wanted,
            reader,
            told: &context.told,
            held: context.held.as_ref(),
            cursor,
        };
        let query = ChangeQuery {
            base: Target::Dn(nc.clone()),
            floor: from,
            ceiling: None,
            filter: None,
        };
        let mut search = Search::new(&reading, &query);
        while let Some(mut images) = search.next(source).await? {
            images.retain(|image| !image.is_deleted);
            let within = look.scope.of(source, &images).await?;
            images.retain(|image| within.contains(&image.guid));
            let guids: Vec<_> = images.iter().map(|image| image.guid).collect();
            let told = look.store.told(&look.resource.name, &guids).await?;
            for image in &images {
                let proof = left_out(&judging, image, told.get(&image.guid), &before, start);
                add(&mut found, &nc, image, &proof, limit, |oid| {
                    what.schema
                        .attribute(oid)
                        .map_or_else(|| oid.to_string(), |known| known.name.clone())
                });
            }
        }
    }
    Ok(found)
}

fn add(
    found: &mut Audited,
    nc: &Dn,
    image: &Image,
    proof: &Proof,
    limit: usize,
    name: impl Fn(&crate::model::AttributeOid) -> String,
) {
    found.read += 1;
    found.before += proof.before;
    found.journal += proof.journal;
    found.since += proof.since;
    found.coming += proof.coming;
    found.gone_elsewhere += u64::from(proof.is_ghost);
    let missing = proof.left_out.len() as u64;
    found.stamps += proof.before + proof.journal + proof.since + proof.coming + missing;
    if (proof.is_unknown || missing > 0) && found.left_out.len() < limit {
        found.left_out.push(LeftOut {
            guid: image.guid,
            nc: nc.clone(),
            dn: image.dn.clone(),
            attributes: proof.left_out.iter().map(name).collect(),
        });
    }
}

/// What was told and the DC in use does not hold: the consumer is ahead of it there. At most `limit`.
pub async fn ghosts(
    store: &Store,
    settings: &Arc<Settings>,
    resource: &ResourceSettings,
    limit: usize,
) -> Result<Vec<Ghost>, FeedError> {
    let feed = feed_of(store, resource).await?;
    let dc = dc_in_use(settings, resource, &feed.cursor.cursor)?;
    let mut look = Look::open(&Ldap, store, resource, feed, dc).await?;
    let position = look
        .reader
        .position(resource, &look.feed.cursor.cursor)
        .await?;
    let id = position.identity.invocation_id;
    let vectors: NcVectors = position
        .vectors
        .into_iter()
        .map(|(nc, vector)| (nc, vector.with(id, position.committed)))
        .collect();
    let beyond = look
        .store
        .told_beyond(&resource.name, vectors, limit)
        .await?;
    Ok(beyond
        .into_iter()
        .map(|(guid, told): (ObjectGuid, Told)| Ghost {
            guid,
            dn: told.dn,
            standing: told.standing,
        })
        .collect())
}
