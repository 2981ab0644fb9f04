//! What a pass reads again by objectGUID before it is complete: subtrees, groups, and what is held.

use super::decide::{IS_DELETED, NAME, Purpose, Sought};
use super::error::FeedError;
use super::outbox::Outbox;
use super::page::{Pages, Why};
use super::pass::Work;
use super::reader::Reader;
use crate::clock;
use crate::directory::{ChangeQuery, ChangeSource, Reading, Search, Target};
use crate::model::{
    AttributeOid, Feed, Image, ObjectGuid, Reread, RereadWhy, Stamp, Standing, Usn,
};

/// How many are taken from the list at once.
const SOME: usize = 200;

/// Reads again everything on the list; what one reading adds to it is read in the same pass, what stays held is looked
/// at once.
pub(super) async fn read_again(
    work: &Work<'_>,
    reader: &mut Reader<impl ChangeSource>,
    feed: &Feed,
    outbox: &Outbox,
) -> Result<(), FeedError> {
    let mut after: Option<Reread> = None;
    let mut looked = std::collections::BTreeSet::new();
    loop {
        let list = work
            .store
            .feed_rereads(&work.resource.name, after.as_ref(), SOME)
            .await?;
        if list.is_empty() {
            // What was added meanwhile may lie before the place reached.
            let all = work
                .store
                .feed_rereads(&work.resource.name, None, SOME)
                .await?;
            if after.is_none() || all.iter().all(|reread| looked.contains(reread)) {
                return Ok(());
            }
            after = None;
            continue;
        }
        after = list.last().cloned();
        for reread in list {
            if looked.insert(reread.clone()) || reread.why != RereadWhy::Held {
                one(work, reader, feed, outbox, &reread).await?;
            }
        }
    }
}

async fn one(
    work: &Work<'_>,
    reader: &mut Reader<impl ChangeSource>,
    feed: &Feed,
    outbox: &Outbox,
    reread: &Reread,
) -> Result<(), FeedError> {
    let context = feed.contexts.get(&reread.nc).cloned().unwrap_or_default();
    let (source, parts) = reader.parts();
    let cursor = feed.cursor.cursor.read_up_to();
    let pages = Pages::new(
        work.store,
        work.resource,
        parts,
        work.scope,
        (&reread.nc, &context),
        (cursor, feed),
    );
    let reading = Reading::new(&parts.0.schema, &parts.0.projection);
    let image = source.object(reread.guid, &reading).await?;
    let again = Again {
        pages,
        reading,
        reread,
    };
    match (reread.why, image) {
        (RereadWhy::Subtree, Some(image)) => again.subtree(source, outbox, &image).await,
        (RereadWhy::Memberships, Some(image)) => again.memberships(source, outbox, &image).await,
        (RereadWhy::Subtree | RereadWhy::Memberships, None) => again.settle(outbox).await,
        (RereadWhy::Held | RereadWhy::Load, None) => Ok(()),
        (RereadWhy::Held, Some(image)) => {
            let done = [reread.clone()];
            again
                .pages
                .take(
                    source,
                    outbox,
                    vec![image],
                    Why::Changes(Some(Sought::Held)),
                    &done,
                )
                .await
        }
        (RereadWhy::Whole | RereadWhy::Load | RereadWhy::Lost, image) => {
            again.whole(source, outbox, image, work).await
        }
    }
}

struct Again<'a> {
    pages: Pages<'a>,
    reading: Reading<'a>,
    reread: &'a Reread,
}

impl Again<'_> {
    /// Nothing is left to be read.
    async fn settle(&self, outbox: &Outbox) -> Result<(), FeedError> {
        let done = [self.reread.clone()];
        self.pages
            .write(outbox, crate::model::FeedPage::default(), &done)
            .await
    }

    /// All below a container that was renamed or moved.
    async fn subtree(
        &self,
        source: &mut impl ChangeSource,
        outbox: &Outbox,
        container: &Image,
    ) -> Result<(), FeedError> {
        let Some(name) = stamp_of(container, NAME) else {
            return self.settle(outbox).await;
        };
        // Most of what is renamed has nothing below it.
        if !source.has_children(container.guid).await? {
            return self.settle(outbox).await;
        }
        let sought = Some(Sought::Below {
            container: container.guid,
            name,
        });
        let query = ChangeQuery {
            base: Target::Guid(container.guid),
            floor: Usn::ZERO,
            ceiling: None,
            filter: self.pages.scope.filter(),
        };
        let mut search = Search::new(&self.reading, &query);
        while let Some(mut images) = search.next(source).await? {
            images.retain(|image| image.guid != container.guid && !image.is_deleted);
            self.pages
                .take(source, outbox, images, Why::Changes(sought), &[])
                .await?;
        }
        self.settle(outbox).await
    }

    /// The groups that show an object again that was brought back.
    async fn memberships(
        &self,
        source: &mut impl ChangeSource,
        outbox: &Outbox,
        member: &Image,
    ) -> Result<(), FeedError> {
        let undeleted = stamp_of(member, IS_DELETED);
        let sought = undeleted.map(|undeleted| Sought::Regained {
            member: member.guid,
            undeleted,
        });
        for group in source.member_of(member.guid).await? {
            if let Some(image) = source.object(group, &self.reading).await? {
                self.pages
                    .take(source, outbox, vec![image], Why::Changes(sought), &[])
                    .await?;
            }
        }
        self.settle(outbox).await
    }

    /// An object that is delivered whole for an operator, or deleted where the DC does not have it, even where that was told
    /// before: a sink may have refused it.
    async fn whole(
        &self,
        source: &mut impl ChangeSource,
        outbox: &Outbox,
        image: Option<Image>,
        work: &Work<'_>,
    ) -> Result<(), FeedError> {
        let done = [self.reread.clone()];
        if let Some(image) = image {
            let why = Why::Requested(self.reread.why);
            return self
                .pages
                .take(source, outbox, vec![image], why, &done)
                .await;
        }
        let guid: ObjectGuid = self.reread.guid;
        let told = work.store.told(&work.resource.name, &[guid]).await?;
        let told = told.get(&guid);
        match told.map(|told| (told, told.standing)) {
            Some((told, Standing::Deleted)) if self.reread.why == RereadWhy::Whole => {
                let page = self.pages.gone(guid, told, clock::now().as_millis());
                self.pages.write(outbox, page, &done).await
            }
            Some((told, Standing::Deleted | Standing::Out))
                if self.reread.why == RereadWhy::Lost =>
            {
                let page = Pages::forgotten(guid, told);
                self.pages.write(outbox, page, &done).await
            }
            Some((told, Standing::In)) => {
                let at = clock::now().as_millis();
                let purpose = Purpose::Requested { at };
                let mut page = self.pages.absent(guid, told, purpose, true);
                if !page.rereads.is_empty() {
                    // It is held, and what it is read again for stays the same.
                    page.rereads = done.clone().into();
                }
                self.pages.write(outbox, page, &done).await
            }
            _ => self.settle(outbox).await,
        }
    }
}

fn stamp_of(image: &Image, oid: &str) -> Option<Stamp> {
    image
        .stamps
        .get(&AttributeOid::new(oid))
        .map(|shown| shown.stamp)
}
