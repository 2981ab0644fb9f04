//! The forest as a directory: every question a feed asks is a point at which the world may go on first.

use std::collections::BTreeSet;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;

use highwater::config::DcSettings;
use highwater::directory::{
    ChangePage, ChangeQuery, ChangeSource, Directory, DirectoryError, PageMark, Port, Position,
    Reading, Target,
};
use highwater::lab::forest::{DOMAIN, Dc, Forest, Object, Rng, Traffic, find};
use highwater::model::{Dn, Identity, Image, ObjectGuid, Schema};
use uuid::Uuid;

use crate::shown::{Scale, guid, identity, is_below, matches, schema, uuid};

/// The forest and its time, and the gate at which questions wait.
pub(crate) struct Sky {
    pub(crate) forest: Forest,
    pub(crate) traffic: Traffic,
    pub(crate) now: i64,
    pub(crate) scale: Scale,
    /// What the size of pages is drawn from.
    pub(crate) rng: Rng,
    /// The most objects on a page.
    pub(crate) page: usize,
    /// How often each DC's connections broke.
    pub(crate) breaks: Vec<u64>,
    /// Whether the next question breaks the connection.
    pub(crate) reset: bool,
    asked: Option<Asked>,
    is_open: bool,
}

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    Open,
    Vectors,
    Committed,
    Identity,
    Schema,
    Tombstones,
    Page,
    Object,
    Matching,
    MemberOf,
    Children,
}

/// The forest that DCs are opened of; clones share it.
#[derive(Clone)]
pub(crate) struct Sim(Arc<Mutex<Sky>>);

impl Sim {
    pub(crate) fn new(forest: Forest, traffic: Traffic, now: i64, scale: i64, seed: u64) -> Self {
        let breaks = vec![0; forest.dcs.len()];
        Self(Arc::new(Mutex::new(Sky {
            forest,
            traffic,
            now,
            scale: Scale(scale),
            rng: Rng::new(seed ^ 0xA9E5),
            page: 12,
            breaks,
            reset: false,
            asked: None,
            is_open: false,
        })))
    }

    pub(crate) fn sky(&self) -> MutexGuard<'_, Sky> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What waits at the gate.
    pub(crate) fn asked(&self) -> Option<Asked> {
        let sky = self.sky();
        sky.asked.filter(|_| !sky.is_open)
    }

    /// Lets what waits go on.
    pub(crate) fn answer(&self) {
        self.sky().is_open = true;
    }

    /// Nobody waits any more: who did was dropped.
    pub(crate) fn forget(&self) {
        let mut sky = self.sky();
        (sky.asked, sky.is_open) = (None, false);
    }

    /// Waits until the world lets a question through.
    async fn ask(&self, what: Asked) {
        let mut begun = false;
        poll_fn(|_| {
            let mut sky = self.sky();
            if !begun {
                begun = true;
                (sky.asked, sky.is_open) = (Some(what), false);
            } else if sky.is_open {
                (sky.asked, sky.is_open) = (None, false);
                return Poll::Ready(());
            }
            // The harness polls again once it has opened the gate.
            Poll::Pending
        })
        .await;
    }
}

impl Directory for Sim {
    type Source = Way;

    async fn open(&self, dc: &DcSettings, _: Port) -> Result<Way, DirectoryError> {
        self.ask(Asked::Open).await;
        let sky = self.sky();
        let host = dc.name.to_string();
        let number = sky
            .forest
            .dcs
            .iter()
            .position(|dc| dc.name.eq_ignore_ascii_case(&host));
        let number = number.unwrap();
        if !sky.forest.dcs[number].is_alive {
            return Err(DirectoryError::Refused { target: host });
        }
        Ok(Way {
            sim: self.clone(),
            dc: number,
            breaks: sky.breaks[number],
        })
    }
}

/// A way to one DC.
pub(crate) struct Way {
    sim: Sim,
    dc: usize,
    /// How often its connections had broken when it was opened.
    breaks: u64,
}

impl Way {
    /// The world as it is once it has gone on, if the DC still answers.
    async fn ask(&mut self, what: Asked) -> Result<MutexGuard<'_, Sky>, DirectoryError> {
        self.sim.ask(what).await;
        let mut sky = self.sim.sky();
        if std::mem::take(&mut sky.reset) {
            self.breaks = u64::MAX;
        }
        if sky.forest.dcs[self.dc].is_alive && sky.breaks[self.dc] == self.breaks {
            return Ok(sky);
        }
        Err(DirectoryError::Disconnected {
            target: sky.forest.dcs[self.dc].name.clone(),
            what: format!("{what:?}"),
            cause: "the DC is gone".to_owned(),
        })
    }
}

impl Sky {
    fn images(&self, dc: &Dc, some: &[&Object]) -> Vec<Image> {
        let shown = |object: &&Object| self.scale.image(&self.forest, dc, object);
        some.iter().map(shown).collect()
    }

    /// The page after the place `at` in the order of a search, and where the next one begins.
    fn page(&mut self, dc: usize, query: &ChangeQuery<'_>, at: usize) -> ChangePage {
        let most = 1 + self.rng.below(self.page);
        let dc = &self.forest.dcs[dc];
        let base = match &query.base {
            Target::Guid(guid) => Some(uuid(*guid)),
            Target::Dn(dn) => find(&self.forest, dc, dn),
        };
        let base = base.unwrap_or_default();
        let (mut found, mut next) = (Vec::new(), at);
        while found.len() < most && next < dc.order.len() {
            let object = &dc.objects[&dc.order[next]];
            next += 1;
            let changed = self.scale.usn(object.changed);
            let asked = changed > query.floor
                && query.ceiling.is_none_or(|ceiling| changed <= ceiling)
                && object.nc == DOMAIN
                && matches(query.filter, object);
            if asked && is_below(&self.forest, dc, object, base) {
                found.push(object);
            }
        }
        let mark = (next < dc.order.len()).then(|| PageMark(next.to_le_bytes().to_vec()));
        ChangePage {
            images: self.images(dc, &found),
            next: mark,
        }
    }
}

impl ChangeSource for Way {
    async fn position(&mut self, _: &[Dn]) -> Result<Position, DirectoryError> {
        let dc = self.dc;
        let (vector, id) = {
            let sky = self.ask(Asked::Vectors).await?;
            let dc = &sky.forest.dcs[dc];
            (sky.scale.vector(dc), dc.invocation_id)
        };
        let sky = self.ask(Asked::Committed).await?;
        let mut position = sky.scale.position(&sky.forest.dcs[dc], vector);
        position.identity.invocation_id = id;
        Ok(position)
    }

    async fn identify(&mut self) -> Result<Identity, DirectoryError> {
        let dc = self.dc;
        let sky = self.ask(Asked::Identity).await?;
        Ok(identity(&sky.forest.dcs[dc]))
    }

    async fn schema(&mut self, _: &Dn) -> Result<Schema, DirectoryError> {
        drop(self.ask(Asked::Schema).await?);
        Ok(schema())
    }

    async fn tombstone_lifetime(&mut self) -> Result<Option<u32>, DirectoryError> {
        drop(self.ask(Asked::Tombstones).await?);
        Ok(None)
    }

    async fn changes(
        &mut self,
        _: &Reading<'_>,
        query: &ChangeQuery<'_>,
        mark: PageMark,
    ) -> Result<ChangePage, DirectoryError> {
        let dc = self.dc;
        let at = <[u8; 8]>::try_from(mark.0).map_or(0, usize::from_le_bytes);
        let mut sky = self.ask(Asked::Page).await?;
        Ok(sky.page(dc, query, at))
    }

    async fn object(
        &mut self,
        guid: ObjectGuid,
        _: &Reading<'_>,
    ) -> Result<Option<Image>, DirectoryError> {
        let dc = self.dc;
        let sky = self.ask(Asked::Object).await?;
        let dc = &sky.forest.dcs[dc];
        let object = dc.objects.get(&uuid(guid));
        Ok(object.map(|object| sky.scale.image(&sky.forest, dc, object)))
    }

    async fn matching(
        &mut self,
        base: &Dn,
        filter: &str,
        guids: &[ObjectGuid],
    ) -> Result<BTreeSet<ObjectGuid>, DirectoryError> {
        let dc = self.dc;
        let sky = self.ask(Asked::Matching).await?;
        let dc = &sky.forest.dcs[dc];
        let base = find(&sky.forest, dc, base).unwrap_or_default();
        let found = guids.iter().filter(|guid| {
            dc.objects.get(&uuid(**guid)).is_some_and(|object| {
                !object.is_deleted()
                    && matches(Some(filter), object)
                    && is_below(&sky.forest, dc, object, base)
            })
        });
        Ok(found.copied().collect())
    }

    async fn has_children(&mut self, guid: ObjectGuid) -> Result<bool, DirectoryError> {
        let dc = self.dc;
        let sky = self.ask(Asked::Children).await?;
        Ok(!sky.forest.dcs[dc].children(uuid(guid)).is_empty())
    }

    async fn member_of(&mut self, member: ObjectGuid) -> Result<Vec<ObjectGuid>, DirectoryError> {
        let dc = self.dc;
        let sky = self.ask(Asked::MemberOf).await?;
        let groups: Vec<Uuid> = sky.forest.dcs[dc].groups_of(uuid(member));
        Ok(groups.into_iter().map(guid).collect())
    }
}
