//! One pass over the changes since the cursor, from the vectors read before it to the commit (R1).

use std::collections::BTreeMap;

use super::decide::position::{after_pass, cursor_after, rolled_back};
use super::decide::rules::{Rule, holds};
use super::error::FeedError;
use super::outbox::Outbox;
use super::page::{Pages, Why};
use super::reader::Reader;
use super::reread::read_again;
use super::scope::Scope;
use crate::clock;
use crate::config::{self, ResourceSettings};
use crate::directory::{ChangeQuery, ChangeSource, Position, Reading, Search, Target};
use crate::model::{CursorTag, Dn, Feed, FeedContext, NcVectors, Outgoing, RereadWhy, Usn};
use crate::store::{FeedCommit, FeedCommitted, Store};

/// Milliseconds in a day.
const DAY_MS: i64 = 86_400_000;
/// The lifetime where none can be read (ADTS 6.1.1.2.4.1.1).
const SHORTEST_TOMBSTONE_DAYS: u32 = 60;

/// How many of those that are to be read again are looked at at once.
const SOME: usize = 500;

/// Where a DC stood when a pass over its changes was committed.
pub(super) struct Rest {
    tag: CursorTag,
    committed: Usn,
    vectors: NcVectors,
}

/// What a pass needs besides the reader.
pub(super) struct Work<'a> {
    pub(super) store: &'a Store,
    pub(super) resource: &'a ResourceSettings,
    pub(super) settings: &'a config::Feed,
    pub(super) scope: &'a Scope,
}

impl Work<'_> {
    /// Reads everything that changed since the feed's cursor; the new fence once it is committed.
    pub(super) async fn pass(
        &self,
        reader: &mut Reader<impl ChangeSource>,
        feed: &Feed,
        outbox: &Outbox,
    ) -> Result<CursorTag, FeedError> {
        let cursor = &feed.cursor.cursor;
        self.not_too_old(reader).await?;
        let position = reader.position(self.resource, cursor).await?;
        self.not_rolled_back(reader, feed, &position)?;
        self.has_settled(reader, feed, &position)?;
        if self.rests(reader, feed, &position).await? {
            return Ok(feed.cursor.tag.clone());
        }
        for (nc, why) in &position.unreadable {
            tracing::warn!(resource = %self.resource.name, dc = %reader.dc, %nc, "its vector cannot be read: {why}");
        }
        for nc in reader.contexts.clone() {
            let context = feed.contexts.get(&nc).cloned().unwrap_or_default();
            self.read_context(reader, feed, (&nc, &context), outbox)
                .await?;
        }
        read_again(self, reader, feed, outbox).await?;
        reader.verify(self.resource, cursor).await?;
        let position = if holds(Rule::VectorBefore) && holds(Rule::CursorBefore) {
            position
        } else {
            let late = reader.position(self.resource, cursor).await?;
            Position {
                vectors: if holds(Rule::VectorBefore) {
                    position.vectors
                } else {
                    late.vectors
                },
                committed: if holds(Rule::CursorBefore) {
                    position.committed
                } else {
                    late.committed
                },
                ..late
            }
        };
        let tag = self.commit(reader, feed, &position).await?;
        reader.rest = Some(Rest {
            tag: tag.clone(),
            committed: position.committed,
            vectors: position.vectors,
        });
        Ok(tag)
    }

    /// Whether a search would find nothing: the DC ends where it did when the last pass was committed, and its vectors are
    /// the same, so nothing came in late below its end either. What is to be read again waits for no reason but that the
    /// DC is behind, which it still is.
    async fn rests(
        &self,
        reader: &Reader<impl ChangeSource>,
        feed: &Feed,
        position: &Position,
    ) -> Result<bool, FeedError> {
        let same = reader.rest.as_ref().is_some_and(|rest| {
            rest.tag == feed.cursor.tag
                && rest.committed == position.committed
                && rest.vectors == position.vectors
        });
        if !same {
            return Ok(false);
        }
        let id = position.identity.invocation_id;
        let is_level = |nc: &Dn| {
            let context = feed.contexts.get(nc);
            context.is_some_and(|context| context.is_level_on(id))
        };
        let waits = |why| matches!(why, RereadWhy::Held | RereadWhy::Load);
        let mut after = None;
        loop {
            let resource = &self.resource.name;
            let some = self.store.feed_rereads(resource, after.as_ref(), SOME);
            let some = some.await?;
            if some
                .iter()
                .any(|reread| !waits(reread.why) || is_level(&reread.nc))
            {
                return Ok(false);
            }
            match some.last() {
                Some(last) => after = Some(last.clone()),
                None => return Ok(true),
            }
        }
    }

    async fn read_context(
        &self,
        reader: &mut Reader<impl ChangeSource>,
        feed: &Feed,
        (nc, context): (&Dn, &FeedContext),
        outbox: &Outbox,
    ) -> Result<(), FeedError> {
        let floor = feed.cursor.cursor.read_up_to();
        let (source, parts) = reader.parts();
        let pages = Pages::new(
            self.store,
            self.resource,
            parts,
            self.scope,
            (nc, context),
            (floor, feed),
        );
        let reading = Reading::new(&parts.0.schema, &parts.0.projection);
        let query = ChangeQuery {
            base: Target::Dn(nc.clone()),
            floor,
            ceiling: None,
            filter: None,
        };
        let mut search = Search::new(&reading, &query);
        while let Some(images) = search.next(source).await? {
            pages
                .take(source, outbox, images, Why::Changes(None), &[])
                .await?;
        }
        Ok(())
    }

    /// Whether every deletion since the last complete pass still has its tombstone; a shorter absence than any lifetime is
    /// not looked into.
    pub(super) async fn not_too_old(
        &self,
        reader: &mut Reader<impl ChangeSource>,
    ) -> Result<(), FeedError> {
        let health = self.store.feed_health(&self.resource.name).await?;
        let Some(last) = health.and_then(|health| health.last_pass) else {
            return Ok(());
        };
        let days = clock::now().ms_since(last) / DAY_MS;
        if days < 1 {
            return Ok(());
        }
        let lifetime = reader.source.tombstone_lifetime().await?;
        let lifetime = lifetime.unwrap_or(SHORTEST_TOMBSTONE_DAYS);
        if days < i64::from(lifetime) {
            return Ok(());
        }
        Err(FeedError::TombstonesExpired {
            resource: self.resource.name.clone(),
            dc: reader.dc.clone(),
            days,
            lifetime,
        })
    }

    /// R10: the DC ends below what was read of it.
    fn not_rolled_back(
        &self,
        reader: &Reader<impl ChangeSource>,
        feed: &Feed,
        position: &Position,
    ) -> Result<(), FeedError> {
        let id = position.identity.invocation_id;
        let read = Some(feed.cursor.cursor.read_up_to()).filter(|read| *read > position.committed);
        let known = feed
            .contexts
            .values()
            .filter_map(|context| rolled_back(context, id, position.committed));
        match known.chain(read).max() {
            None => Ok(()),
            Some(known) => Err(FeedError::RolledBack {
                resource: self.resource.name.clone(),
                dc: reader.dc.clone(),
                committed: position.committed,
                known,
            }),
        }
    }

    /// R6: the DC has everything that J was pruned of.
    pub(super) fn has_settled(
        &self,
        reader: &Reader<impl ChangeSource>,
        feed: &Feed,
        position: &Position,
    ) -> Result<(), FeedError> {
        let id = position.identity.invocation_id;
        let mut known = position.vectors.iter();
        let lacks = known.find_map(|(nc, vector)| feed.contexts.get(nc)?.lacks_settled(id, vector));
        match lacks.filter(|_| holds(Rule::HasSettled)) {
            None => Ok(()),
            Some((origin, needed, has)) => Err(FeedError::LacksSettled {
                resource: self.resource.name.clone(),
                dc: reader.dc.clone(),
                origin,
                needed,
                has,
            }),
        }
    }

    async fn commit(
        &self,
        reader: &Reader<impl ChangeSource>,
        feed: &Feed,
        position: &Position,
    ) -> Result<CursorTag, FeedError> {
        let old = &feed.cursor.cursor;
        let id = position.identity.invocation_id;
        let to = cursor_after(old.read_up_to(), position.committed, self.settings.overlap);
        let contexts = reader.contexts.iter().map(|nc| {
            let context = feed.contexts.get(nc).cloned().unwrap_or_default();
            let vector = position.vectors.get(nc).cloned().unwrap_or_default();
            let context = after_pass(&context, &vector, id, old.read_up_to(), to);
            (nc.clone(), context)
        });
        let contexts: BTreeMap<Dn, FeedContext> = contexts.collect();
        self.write_commit(reader, feed, to, contexts, Vec::new())
            .await
    }

    /// Writes a commit with the cursor at `to`; an interruption where the feed was stopped or moved meanwhile.
    pub(super) async fn write_commit(
        &self,
        reader: &Reader<impl ChangeSource>,
        feed: &Feed,
        to: Usn,
        contexts: BTreeMap<Dn, FeedContext>,
        events: Vec<Outgoing>,
    ) -> Result<CursorTag, FeedError> {
        let mut cursor = feed.cursor.cursor.clone();
        cursor.invocation_id = Some(reader.identity.invocation_id);
        cursor.last_updated = to;
        cursor.last_deleted = to;
        let commit = FeedCommit {
            cursor,
            dc: Some(reader.dc.clone()),
            contexts,
            events,
            load: None,
            at: clock::now(),
        };
        let fence = &feed.cursor.tag;
        match self
            .store
            .commit_feed(&self.resource.name, fence, commit)
            .await?
        {
            FeedCommitted::Written(tag) => Ok(tag),
            FeedCommitted::Fenced | FeedCommitted::Stopped => {
                Err(FeedError::Interrupted(self.resource.name.clone()))
            }
        }
    }
}
