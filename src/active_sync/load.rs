//! A pass over everything: the first load, and a resync that an operator ordered.
//!
//! # Decisions
//! - Chunks are ranges of uSNChanged up to a highestCommittedUSN that was read, with the vectors, before the first. The last
//!   has no upper bound (R1): what changes meanwhile leaves its range upwards, and where it changed on this DC alone (a
//!   logon is counted, a value loses against another) no pass on another DC would ever show it. A load goes on where it was
//!   left, by any process, on the same incarnation.
//! - What the consumer has and no chunk showed is asked for one by one at the end: it changed meanwhile, has left, or was
//!   deleted. Only a resync takes what the DC does not have for deleted, and not more of it than the brake allows.
//! - What is to be read again is left to the next pass. In a first load K has nothing yet, and all that J need not hold would
//!   be news once more.

use std::collections::BTreeMap;

use super::decide::position::{after_load, cursor_after};
use super::decide::{Purpose, chunk_end, load_completed, next_width};
use super::error::FeedError;
use super::outbox::Outbox;
use super::page::{Pages, Why};
use super::pass::Work;
use super::reader::Reader;
use crate::clock;
use crate::directory::{ChangeQuery, ChangeSource, Reading, Search, Target};
use crate::model::{
    CursorTag, Dn, Feed, FeedContext, FeedPage, InvocationId, Load, ObjectGuid, Standing, Told,
    Usn, Vector,
};

/// How wide the first chunk is.
const FIRST_WIDTH: u64 = 10_000;
/// How many of those that were not come across are asked for between two looks.
const SOME: usize = 200;

impl Work<'_> {
    /// Reads on with the load under way, to its end; the new fence once it is committed.
    pub(super) async fn load(
        &self,
        reader: &mut Reader<impl ChangeSource>,
        feed: &Feed,
        load: &Load,
        outbox: &Outbox,
        progress: &mut (dyn FnMut(&Load) + Send),
    ) -> Result<CursorTag, FeedError> {
        let cursor = &feed.cursor.cursor;
        let position = reader.position(self.resource, cursor).await?;
        self.has_settled(reader, feed, &position)?;
        let to = cursor_after(Usn::ZERO, load.committed, self.settings.overlap);
        let mut load = load.clone();
        for nc in reader.contexts.clone() {
            let settled = settled(&nc, &load, to, &feed.released);
            let context = feed.contexts.get(&nc).cloned().unwrap_or_default();
            self.chunks(
                reader,
                feed,
                (&nc, &context, &settled),
                &mut load,
                outbox,
                progress,
            )
            .await?;
        }
        self.unseen(reader, feed, &load, to, outbox).await?;
        reader.verify(self.resource, cursor).await?;
        let id = reader.identity.invocation_id;
        let contexts = reader.contexts.iter().map(|nc| {
            let context = feed.contexts.get(nc).cloned().unwrap_or_default();
            let vector = load.vectors.get(nc).cloned().unwrap_or_default();
            (nc.clone(), after_load(&context, &vector, id, to))
        });
        let contexts: BTreeMap<Dn, FeedContext> = contexts.collect();
        let events = vec![load_completed(
            &reader.origin(self.resource, feed.given_up),
            &load,
            clock::now(),
        )];
        self.write_commit(reader, feed, to, contexts, events).await
    }

    async fn chunks(
        &self,
        reader: &mut Reader<impl ChangeSource>,
        feed: &Feed,
        (nc, context, settled): (&Dn, &FeedContext, &Vector),
        load: &mut Load,
        outbox: &Outbox,
        progress: &mut (dyn FnMut(&Load) + Send),
    ) -> Result<(), FeedError> {
        let mut width = FIRST_WIDTH;
        loop {
            let done = load.done.get(nc).copied().unwrap_or_default();
            if done >= load.committed {
                return Ok(());
            }
            let end = chunk_end(done, width, load.committed);
            let (source, parts) = reader.parts();
            let pages = Pages::new(
                self.store,
                self.resource,
                parts,
                self.scope,
                (nc, context),
                (Usn::ZERO, feed),
            );
            let reading = Reading::new(&parts.0.schema, &parts.0.projection);
            let has = load.vectors.get(nc).cloned().unwrap_or_default();
            let why = Why::Load(Purpose::Load {
                pass: load.pass,
                settled,
                has: &has,
            });
            let mut found = 0;
            for base in self.scope.bases.iter().filter(|base| base.is_within(nc)) {
                let query = ChangeQuery {
                    base: Target::Dn(base.clone()),
                    floor: done,
                    ceiling: (end < load.committed).then_some(end),
                    filter: self.scope.filter(),
                };
                let mut search = Search::new(&reading, &query);
                while let Some(images) = search.next(source).await? {
                    found += images.len();
                    pages.take(source, outbox, images, why, &[]).await?;
                }
            }
            load.done.insert(nc.clone(), end);
            let page = FeedPage {
                load: Some(load.clone()),
                ..FeedPage::default()
            };
            pages.write(outbox, page, &[]).await?;
            width = next_width(width, found);
            progress(load);
        }
    }

    /// What the consumer has and the load did not come across.
    async fn unseen(
        &self,
        reader: &mut Reader<impl ChangeSource>,
        feed: &Feed,
        load: &Load,
        to: Usn,
        outbox: &Outbox,
    ) -> Result<(), FeedError> {
        if load.is_resync {
            self.brake(reader, load, outbox).await?;
        }
        for nc in reader.contexts.clone() {
            let settled = settled(&nc, load, to, &feed.released);
            let has = load.vectors.get(&nc).cloned().unwrap_or_default();
            let purpose = Purpose::Load {
                pass: load.pass,
                settled: &settled,
                has: &has,
            };
            let context = feed.contexts.get(&nc).cloned().unwrap_or_default();
            let mut after = None;
            loop {
                let some = self.not_come_across(&nc, load, after).await?;
                let Some((last, _)) = some.last() else { break };
                after = Some(*last);
                let (source, parts) = reader.parts();
                let pages = Pages::new(
                    self.store,
                    self.resource,
                    parts,
                    self.scope,
                    (&nc, &context),
                    (Usn::ZERO, feed),
                );
                let reading = Reading::new(&parts.0.schema, &parts.0.projection);
                for (guid, told) in &some {
                    if told.standing == Standing::Deleted {
                        // Brought back, perhaps outside of the bases and the filter, where no chunk shows it.
                        let image = source.object(*guid, &reading).await?;
                        if let Some(image) = image.filter(|image| !image.is_deleted) {
                            let why = Why::Changes(None);
                            pages.take(source, outbox, vec![image], why, &[]).await?;
                        }
                        continue;
                    }
                    if let Some(image) = source.object(*guid, &reading).await? {
                        let why = Why::Unseen(purpose, load.is_resync);
                        pages.take(source, outbox, vec![image], why, &[]).await?;
                    } else {
                        let page = pages.absent(*guid, told, purpose, load.is_resync);
                        pages.write(outbox, page, &[]).await?;
                    }
                }
            }
        }
        Ok(())
    }

    async fn not_come_across(
        &self,
        nc: &Dn,
        load: &Load,
        after: Option<ObjectGuid>,
    ) -> Result<Vec<(ObjectGuid, Told)>, FeedError> {
        let found = self
            .store
            .told_not_of_pass(&self.resource.name, nc, load.pass, after, SOME);
        Ok(found.await?)
    }

    /// Counts what a resync would delete before it deletes anything.
    async fn brake(
        &self,
        reader: &mut Reader<impl ChangeSource>,
        load: &Load,
        outbox: &Outbox,
    ) -> Result<(), FeedError> {
        let known = self.store.count_told(&self.resource.name).await?.within;
        let max = load
            .max_deletes
            .unwrap_or_else(|| self.settings.max_deletes.of(known));
        let mut deletes: u64 = 0;
        for nc in reader.contexts.clone() {
            let mut after = None;
            loop {
                let some = self.not_come_across(&nc, load, after).await?;
                let Some((last, _)) = some.last() else { break };
                after = Some(*last);
                let (source, (what, ..)) = reader.parts();
                let reading = Reading::new(&what.schema, &what.projection);
                for (guid, told) in &some {
                    outbox.beat();
                    let image = source.object(*guid, &reading).await?;
                    let is_gone = image.is_none_or(|image| image.is_deleted);
                    deletes += u64::from(is_gone && told.standing == Standing::In);
                }
            }
        }
        if deletes > max {
            return Err(FeedError::TooManyDeletes {
                resource: self.resource.name.clone(),
                deletes,
                max,
            });
        }
        Ok(())
    }
}

/// The stamps of a naming context that J need not hold once a load up to `to` is complete: K will have them, and every DC
/// that may take over has (R6). None of a DC that was released, see [`Feed::released`].
pub(super) fn settled(nc: &Dn, load: &Load, to: Usn, released: &[InvocationId]) -> Vector {
    let everywhere = load.settled.get(nc).cloned().unwrap_or_default();
    let covered = load.vectors.get(nc).cloned().unwrap_or_default();
    everywhere
        .meet(&covered.with(load.invocation_id, to))
        .without(released)
}
