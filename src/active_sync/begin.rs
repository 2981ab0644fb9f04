//! The begin of a feed, and of a load.

use std::collections::BTreeMap;

use super::decide::load_started;
use super::decide::position::cursor_after;
use super::error::FeedError;
use super::pass::Work;
use super::prune::candidates;
use super::reader::Reader;
use crate::clock;
use crate::config::{self, ResourceSettings, Settings};
use crate::directory::{ChangeSource, Directory, Position};
use crate::model::{
    Cursor, Dn, Feed, FeedContext, FullPassReason, HostAttribute, Load, NcVectors, Preference, Usn,
    Vector,
};
use crate::store::{LoadOrder, LoadStarted, Store};

/// Begins the feed of a resource on the first of its DCs that answers, the preferred ones first.
pub(super) async fn begin(
    directory: &impl Directory,
    store: &Store,
    settings: &Settings,
    resource: &ResourceSettings,
    feed: &config::Feed,
) -> Result<Feed, FeedError> {
    let wishes = resource.backup_dcs.iter();
    let mut wishes: Vec<_> = wishes
        .filter(|(_, preference)| **preference != Preference::MustNot)
        .collect();
    wishes.sort_by_key(|(name, preference)| (**preference, (*name).clone()));
    let mut problem = "none is configured".to_owned();
    for (name, _) in wishes {
        let Some(dc) = settings.dcs.get(name) else {
            continue;
        };
        match Reader::open(directory, resource, feed, dc).await {
            Ok(reader) => return create(store, resource, feed, &reader).await,
            Err(FeedError::Directory(error)) => problem = error.to_string(),
            Err(error) => return Err(error),
        }
    }
    Err(FeedError::NowhereToBegin {
        resource: resource.name.clone(),
        problem,
    })
}

async fn create(
    store: &Store,
    resource: &ResourceSettings,
    feed: &config::Feed,
    reader: &Reader<impl ChangeSource>,
) -> Result<Feed, FeedError> {
    let is_catalog = resource.host_attribute == HostAttribute::GlobalCatalog;
    let cursor = Cursor {
        ldap_host: reader.host.clone(),
        global_catalog: is_catalog.then(|| reader.host.clone()),
        invocation_id: Some(reader.identity.invocation_id),
        last_updated: Usn::ZERO,
        last_deleted: Usn::ZERO,
    };
    let contexts = reader
        .contexts
        .iter()
        .map(|nc| (nc.clone(), FeedContext::default()));
    let contexts: BTreeMap<_, _> = contexts.collect();
    let fingerprint = reader.fingerprint(resource, feed);
    let created = store.create_feed(
        &resource.name,
        &cursor,
        contexts,
        &fingerprint,
        clock::now(),
    );
    Ok(created.await?)
}

/// The load that is under way, or begins now: the first one, or one that an operator ordered. `None` where a pass over
/// the changes is due.
pub(super) async fn start_load<D: Directory>(
    directory: &D,
    settings: &Settings,
    work: &Work<'_>,
    reader: &mut Reader<impl ChangeSource>,
    feed: &Feed,
    fingerprint: &str,
) -> Result<Option<(Feed, Load)>, FeedError> {
    let resource = &work.resource.name;
    let ordered = work.store.resync_order(resource).await?;
    // What is projected otherwise meanwhile would be missing from what was read before: a first load begins anew, and a
    // resync is ordered anew, since what it may delete was said of another one.
    let same = feed.projection == fingerprint;
    if let Some(load) = feed.load.clone().filter(|_| ordered.is_none()) {
        if same {
            return Ok(Some((feed.clone(), load)));
        }
        if load.is_resync {
            return Err(FeedError::OtherProjection(resource.clone()));
        }
    }
    let is_first = feed
        .contexts
        .values()
        .all(|context| context.held.is_none() && context.told.is_empty());
    let is_due = ordered.is_some() || is_first;
    if let Some(reason) = feed.needs_full_pass.filter(|_| !is_due) {
        return Err(FeedError::NeedsFullPass {
            resource: resource.clone(),
            reason,
        });
    }
    if ordered.is_none() && !is_first {
        if same {
            return Ok(None);
        }
        return Err(FeedError::OtherProjection(resource.clone()));
    }
    let position = reader.position(work.resource, &feed.cursor.cursor).await?;
    let known = work.store.count_told(resource).await?;
    let is_restored = feed.needs_full_pass == Some(FullPassReason::Restored);
    let load = Load {
        pass: 0,
        is_resync: (ordered.is_some() || is_restored) && known.within > 0,
        replaces: is_restored,
        since: clock::now(),
        by: ordered.as_ref().map(|order| order.by.clone()),
        invocation_id: position.identity.invocation_id,
        committed: position.committed,
        settled: settled(directory, settings, work, &position).await,
        vectors: position.vectors,
        done: BTreeMap::new(),
        max_deletes: ordered.as_ref().and_then(|order| order.max_deletes),
    };
    // What is told anew under another projection was never told under it: K says nothing then (R9).
    let to = cursor_after(Usn::ZERO, load.committed, work.settings.overlap);
    let context = |nc: &Dn| {
        let before = feed.contexts.get(nc).filter(|_| same && !is_restored);
        let context = FeedContext {
            told: before.map_or_else(Vector::new, |before| before.told.clone()),
            held: None,
            settled: super::load::settled(nc, &load, to, &feed.released),
        };
        (nc.clone(), context)
    };
    let contexts: BTreeMap<Dn, FeedContext> = reader.contexts.iter().map(context).collect();
    let started = load_started(
        &reader.origin(work.resource, feed.given_up),
        &load,
        &feed.cursor.tag,
        clock::now(),
    );
    let order = LoadOrder {
        load,
        events: vec![started],
        contexts,
        projection: fingerprint.to_owned(),
    };
    match work
        .store
        .start_load(resource, &feed.cursor.tag, order)
        .await?
    {
        LoadStarted::Started { load, .. } => {
            let now = work.store.feed(resource).await?;
            let now = now.ok_or_else(|| FeedError::Interrupted(resource.clone()))?;
            Ok(Some((now, *load)))
        }
        LoadStarted::Fenced | LoadStarted::Stopped => Err(FeedError::Interrupted(resource.clone())),
    }
}

/// What the DC that is read and every DC that may take over has of each naming context (R6). Where one of them does not
/// answer, nothing is known of it, and the load remembers every stamp until the next pruning.
async fn settled<D: Directory>(
    directory: &D,
    settings: &Settings,
    work: &Work<'_>,
    position: &Position,
) -> NcVectors {
    let candidates = match candidates(directory, settings, work.resource).await {
        Ok(candidates) => candidates,
        Err(error) => {
            tracing::warn!(resource = %work.resource.name, "the load remembers every stamp until the next pruning: {error}");
            return NcVectors::new();
        }
    };
    let own = position.identity.invocation_id;
    let of = |nc: &Dn, vector: &Vector| {
        let others = candidates.get(nc)?.iter();
        let has = vector.clone().with(own, position.committed);
        Some((nc.clone(), others.fold(has, |all, one| all.meet(one))))
    };
    let known = position.vectors.iter();
    known.filter_map(|(nc, vector)| of(nc, vector)).collect()
}
