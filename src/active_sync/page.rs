//! One page of objects: judged, written down with its events in one transaction, delivered.

use std::collections::{BTreeMap, BTreeSet};

use super::decide::rules::{Rule, holds};
use super::decide::{
    Judgement, Purpose, Reading, Sought, Verdict, event, generation, is_once, judge, judge_gone,
    judge_unseen, judge_whole, settle_targets, tell_gone,
};
use super::error::FeedError;
use super::outbox::Outbox;
use super::reader::{Reader, What};
use super::scope::Scope;
use crate::clock;
use crate::config::ResourceSettings;
use crate::directory::ChangeSource;
use crate::model::{
    CursorTag, DcName, Dn, Feed, FeedContext, FeedPage, Image, InvocationId, ObjectGuid, Op,
    Reread, RereadWhy, Stamp, Standing, Told, Usn,
};
use crate::store::{PageWritten, Store};

/// Why the objects of a page are read.
#[derive(Debug, Clone, Copy)]
pub(super) enum Why<'a> {
    /// They have changed, or something else brought them up.
    Changes(Option<Sought>),
    /// A load or resync reads everything.
    Load(Purpose<'a>),
    /// A load or resync did not come across them.
    Unseen(Purpose<'a>, bool),
    /// They are to be delivered whole once more: for an operator, a load, or a DC that was lost (R9).
    Requested(RereadWhy),
}

/// Writes pages of one pass through one naming context.
pub(super) struct Pages<'a> {
    pub(super) store: &'a Store,
    pub(super) resource: &'a ResourceSettings,
    pub(super) what: &'a What,
    pub(super) scope: &'a Scope,
    pub(super) dc: &'a DcName,
    pub(super) reader: InvocationId,
    pub(super) nc: &'a Dn,
    pub(super) context: &'a FeedContext,
    /// Where the pass begins.
    pub(super) cursor: Usn,
    pub(super) fence: &'a CursorTag,
    /// See [`Feed::given_up`].
    pub(super) given_up: u64,
}

impl<'a> Pages<'a> {
    /// The pages of a naming context as `reader` reads it.
    pub(super) fn new(
        store: &'a Store,
        resource: &'a ResourceSettings,
        parts: (&'a What, &'a DcName, InvocationId),
        scope: &'a Scope,
        (nc, context): (&'a Dn, &'a FeedContext),
        (cursor, feed): (Usn, &'a Feed),
    ) -> Self {
        let (what, dc, reader) = parts;
        Self {
            store,
            resource,
            what,
            scope,
            dc,
            reader,
            nc,
            context,
            cursor,
            fence: &feed.cursor.tag,
            given_up: feed.given_up,
        }
    }

    fn reading(&self) -> Reading<'_> {
        Reading {
            nc: self.nc,
            schema: &self.what.schema,
            wanted: &self.what.wanted,
            reader: self.reader,
            told: &self.context.told,
            held: self.context.held.as_ref(),
            cursor: self.cursor,
        }
    }

    /// Judges the objects of a page, writes what follows, and delivers it. `done` are the rereads it settles, unless an
    /// object asks for the same again.
    pub(super) async fn take(
        &self,
        source: &mut impl ChangeSource,
        outbox: &Outbox,
        images: Vec<Image>,
        why: Why<'_>,
        done: &[Reread],
    ) -> Result<(), FeedError> {
        let page = self.judged(source, images, why).await?;
        self.write(outbox, page, done).await
    }

    /// Writes what a page leaves behind, and delivers it.
    pub(super) async fn write(
        &self,
        outbox: &Outbox,
        mut page: FeedPage,
        done: &[Reread],
    ) -> Result<(), FeedError> {
        page.done.extend(done.iter().cloned());
        let nothing = page.told.is_empty() && page.rereads.is_empty() && page.load.is_none();
        if nothing && page.events.is_empty() && page.done.is_empty() && page.counts.is_empty() {
            return outbox.look(self.fence).await;
        }
        let (now, has_events) = (clock::now(), !page.events.is_empty());
        let written = self
            .store
            .write_feed_page(&self.resource.name, self.fence, page, now);
        match written.await? {
            PageWritten::Written { .. } if !has_events => Ok(()),
            PageWritten::Written { backlog, .. } => outbox.queued(backlog, self.fence).await,
            PageWritten::Fenced | PageWritten::Stopped => {
                Err(FeedError::Interrupted(self.resource.name.clone()))
            }
        }
    }

    /// What a page leaves behind; nothing is written.
    pub(super) async fn judged(
        &self,
        source: &mut impl ChangeSource,
        mut images: Vec<Image>,
        why: Why<'_>,
    ) -> Result<FeedPage, FeedError> {
        self.settle_links(&mut images).await?;
        let guids: Vec<ObjectGuid> = images.iter().map(|image| image.guid).collect();
        let told = self.store.told(&self.resource.name, &guids).await?;
        let within = match why {
            Why::Load(_) => images
                .iter()
                .filter(|image| !image.is_deleted)
                .map(|image| image.guid)
                .collect(),
            _ => self.scope.of(source, &images).await?,
        };
        let mut page = FeedPage::default();
        for image in &images {
            let before = told.get(&image.guid);
            let judgement = self.judge(image, within.contains(&image.guid), before, why);
            self.add(&mut page, image.guid, judgement);
        }
        Ok(page)
    }

    fn judge(&self, image: &Image, in_scope: bool, told: Option<&Told>, why: Why<'_>) -> Judgement {
        let reading = self.reading();
        match why {
            Why::Changes(sought) => judge(&reading, image, in_scope, sought, told),
            Why::Load(purpose) => judge_whole(&reading, image, purpose, told),
            Why::Unseen(purpose, is_resync) => match told {
                Some(told) => judge_unseen(
                    &reading,
                    image.guid,
                    Some(image),
                    in_scope,
                    purpose,
                    is_resync,
                    told,
                ),
                None => judge(&reading, image, in_scope, None, None),
            },
            Why::Requested(again) => judge_again(&reading, image, in_scope, told, again),
        }
    }

    /// Judges an object that the DC does not have, of which this is remembered.
    pub(super) fn absent(
        &self,
        guid: ObjectGuid,
        told: &Told,
        purpose: Purpose<'_>,
        is_resync: bool,
    ) -> FeedPage {
        let judgement = judge_unseen(&self.reading(), guid, None, false, purpose, is_resync, told);
        let mut page = FeedPage::default();
        self.add(&mut page, guid, judgement);
        page
    }

    /// Tells once more that an object was deleted, of which the DC shows nothing and this is remembered.
    pub(super) fn gone(&self, guid: ObjectGuid, told: &Told, at: i64) -> FeedPage {
        let mut page = FeedPage::default();
        self.add(&mut page, guid, tell_gone(guid, at, told));
        page
    }

    /// Forgets what was told of an object that the DC does not have and the consumer has no more (R9): where it comes after
    /// all, nothing stands against it.
    pub(super) fn forgotten(guid: ObjectGuid, told: &Told) -> FeedPage {
        let mut told = told.clone();
        told.forget_given_up();
        FeedPage {
            told: [(guid, told)].into(),
            ..FeedPage::default()
        }
    }

    fn add(&self, page: &mut FeedPage, guid: ObjectGuid, judgement: Judgement) {
        let mut remember = judgement.remember;
        page.waiting
            .insert(guid, (self.nc.clone(), judgement.waits));
        page.rereads
            .extend(judgement.rereads.into_iter().map(|why| Reread {
                guid,
                nc: self.nc.clone(),
                why,
            }));
        let cause = match judgement.verdict {
            Verdict::Deliver(change) => {
                let source = super::decide::Source {
                    resource: &self.resource.name,
                    dc: self.dc,
                    reader: self.reader,
                    schema: &self.what.schema,
                    given_up: self.given_up,
                };
                let event = event(&source, &change, clock::now());
                if let Some(told) = remember.as_mut().filter(|_| !is_once(&change)) {
                    told.generation = generation(&event);
                }
                page.events.push(event);
                change.reason
            }
            Verdict::Nothing(silence) => silence.code(),
        };
        if let Some(told) = remember {
            page.told.insert(guid, told);
        }
        *page.counts.entry(cause).or_default() += 1;
    }

    /// A DC that is behind shows links to what the consumer was told deleted (R8). It may be behind in that one object
    /// even where S covers K: what was told of a pass that was never completed is in neither.
    async fn settle_links(&self, images: &mut [Image]) -> Result<(), FeedError> {
        let targets: BTreeSet<ObjectGuid> = images
            .iter()
            .flat_map(|image| image.links.values().flatten())
            .map(|value| value.target)
            .collect();
        let targets: Vec<_> = targets.into_iter().collect();
        let mut fates = BTreeMap::new();
        for some in targets.chunks(1_000) {
            fates.extend(self.store.told_fates(&self.resource.name, some).await?);
        }
        for image in images {
            settle_targets(image, |target| fates.get(&target).copied());
        }
        Ok(())
    }
}

/// Judges an object that is to be delivered whole once more.
fn judge_again(
    reading: &Reading<'_>,
    image: &Image,
    in_scope: bool,
    told: Option<&Told>,
    again: RereadWhy,
) -> Judgement {
    // What J says of a lost DC counts no more.
    let forget = again == RereadWhy::Lost;
    let at = clock::now().as_millis();
    let mut before = told.cloned();
    if let Some(told) = before.as_mut().filter(|_| forget) {
        told.forget_given_up();
    }
    let purpose = Purpose::Requested { at };
    let mut judgement = match before {
        Some(told) if told.standing == Standing::In => {
            let guid = image.guid;
            judge_unseen(reading, guid, Some(image), in_scope, purpose, true, &told)
        }
        Some(told) if again == RereadWhy::Whole && is_still_gone(&told, image, in_scope) => {
            judge_gone(reading, image, at, &told)
        }
        before => judge(reading, image, in_scope, None, before.as_ref()),
    };
    let is_silent = judgement.remember.is_none() && judgement.rereads.is_empty();
    if let Some(told) = told.filter(|_| forget && is_silent) {
        judgement.remember = Some(as_shown(told, image));
    }
    if let Verdict::Deliver(change) = &mut judgement.verdict {
        match again {
            RereadWhy::Lost => change.reason = "retracted",
            RereadWhy::Load if change.op == Op::Snapshot => change.reason = "load",
            _ => {}
        }
    }
    // A name that was given up was that of all below the object as well.
    if forget && holds(Rule::LostSubtree) {
        judgement.rereads.push(RereadWhy::Subtree);
    }
    // Held, it is read again for what it was read for now. With what J says of the lost it would be held for ever.
    for why in &mut judgement.rereads {
        if *why == RereadWhy::Held {
            *why = again;
        }
    }
    judgement
}

/// What the DC shows takes the place of what was given up: it says the same, and nothing is delivered.
fn as_shown(told: &Told, image: &Image) -> Told {
    let mut told = told.clone();
    for (oid, last) in &mut told.journal {
        let shown = image.stamps.get(oid);
        if let Some(shown) = shown.filter(|_| *last == Stamp::GIVEN_UP) {
            *last = shown.stamp;
        }
    }
    told.forget_given_up();
    told
}

/// Whether the consumer was told that the object is gone, and it is.
fn is_still_gone(told: &Told, image: &Image, in_scope: bool) -> bool {
    match told.standing {
        Standing::In => false,
        Standing::Out => !image.is_deleted && !in_scope,
        Standing::Deleted => image.is_deleted,
    }
}

impl<S> Reader<S> {
    /// What pages need of the reader besides its source.
    pub(super) fn parts(&mut self) -> (&mut S, (&What, &DcName, InvocationId)) {
        (
            &mut self.source,
            (&self.what, &self.dc, self.identity.invocation_id),
        )
    }
}
