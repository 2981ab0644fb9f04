//! Puts the state together for the command line.

use serde::Serialize;

use super::failing::{self, FailuresStatus};
use super::feed::{self, FeedStatus, Standing};
use crate::config::{ResourceSettings, Settings};
use crate::consumer::Consumer;
use crate::model::{
    Attempt, Cursor, DcName, InvocationId, Knowledge, Quarantine, ResourceName, Sample, UtcMs,
};
use crate::store::{FailedPoll, Store, StoreError};

/// Everything `status` shows.
#[derive(Debug, Clone, Serialize)]
pub struct Status {
    /// When this was looked at.
    pub at: UtcMs,
    /// Whether a `highwater run` has the store.
    pub service_runs: bool,
    /// The size of the database, in bytes.
    pub store_bytes: u64,
    /// Every resource, by name.
    pub resources: Vec<ResourceStatus>,
    /// Every configured DC, by name.
    pub dcs: Vec<DcStatus>,
    /// What the failure process has in hand.
    pub failures: FailuresStatus,
}

/// How one resource stands.
#[derive(Debug, Clone, Serialize)]
pub struct ResourceStatus {
    /// Its name.
    pub resource: ResourceName,
    /// The DC its cursor reads, where the cursor names a configured one.
    pub dc_in_use: Option<DcName>,
    /// The cursor.
    pub cursor: Option<Cursor>,
    /// Why there is no cursor.
    pub cursor_problem: Option<String>,
    /// How old what a start by vector would rest on is: the newest vector the cursor covers, or the last switch.
    pub evidence_at: Option<UtcMs>,
    /// Whether the sync is stopped by order.
    pub stopped: bool,
    /// Why what the consumer holds is unknown, after a start that was not proven.
    pub unproven_since: Option<String>,
    /// How a feed of our own stands; `None` for somebody else's sync, and before it was begun.
    pub feed: Option<FeedStatus>,
    /// The newest failover or undo.
    pub newest_attempt: Option<Attempt>,
}

/// How one DC stands.
#[derive(Debug, Clone, Serialize)]
pub struct DcStatus {
    /// Its name.
    pub dc: DcName,
    /// Its present incarnation.
    pub invocation_id: Option<InvocationId>,
    /// Its site.
    pub site: Option<String>,
    /// How many incarnations are on record.
    pub incarnations: usize,
    /// How many samples are kept.
    pub samples: u64,
    /// The newest sample.
    pub newest: Option<Sample>,
    /// Set while it is in quarantine.
    pub quarantine: Option<Quarantine>,
    /// The newest failed poll, where it is newer than the newest sample.
    pub failing: Option<FailedPoll>,
}

/// Looks at one resource, or at all, and at every DC.
pub async fn look(
    store: &Store,
    settings: &Settings,
    only: Option<&ResourceName>,
    at: UtcMs,
) -> Result<Status, StoreError> {
    let mut resources = Vec::new();
    for settings_of in settings
        .resources
        .values()
        .filter(|one| only.is_none_or(|only| *only == one.name))
    {
        resources.push(resource(store, settings, settings_of).await?);
    }
    let counts = store.sample_counts().await?;
    let mut dcs = Vec::new();
    for name in settings.dcs.keys() {
        dcs.push(dc(store, name, counts.get(name).copied().unwrap_or(0)).await?);
    }
    Ok(Status {
        at,
        service_runs: store.service_is_alive().await?,
        store_bytes: store.size_bytes().await?,
        resources,
        dcs,
        failures: failing::look(store, only, at).await?,
    })
}

async fn resource(
    store: &Store,
    settings: &Settings,
    resource: &ResourceSettings,
) -> Result<ResourceStatus, StoreError> {
    let read = Consumer::new(&resource.name, &resource.consumer, store)
        .read()
        .await;
    let (cursor, cursor_problem) = match read {
        Ok(held) => (Some(held.cursor), None),
        Err(error) => (None, Some(error.to_string())),
    };
    let host = cursor
        .as_ref()
        .and_then(|cursor| cursor.host(resource.host_attribute));
    let dc_in_use = host
        .and_then(|host| settings.dc_of_host(host))
        .map(|dc| dc.name.clone());
    let sampled_at = match (&cursor, &dc_in_use) {
        (Some(cursor), Some(dc)) => evidence_at(store, cursor, dc).await?,
        _ => None,
    };
    let feed = match resource.feed {
        Some(_) => feed::look(store, &resource.name).await?,
        None => None,
    };
    let (evidence_at, unproven_since) = match store.knowledge(&resource.name).await? {
        // S is the feed's own: neither samples nor a switch say more.
        _ if resource.feed.is_some() => (feed.as_ref().and_then(held_at), None),
        // Until a later vector is covered, what was known at the switch is the evidence.
        Some(Knowledge::Held { since, .. }) => (sampled_at.max(Some(since)), None),
        Some(Knowledge::Void { since, reason, .. }) => (None, Some(format!("{since}: {reason}"))),
        _ => (sampled_at, None),
    };
    Ok(ResourceStatus {
        resource: resource.name.clone(),
        dc_in_use,
        cursor,
        cursor_problem,
        evidence_at,
        stopped: store
            .sync_switch(&resource.name)
            .await?
            .is_some_and(|switch| switch.stopped),
        unproven_since,
        feed,
        newest_attempt: store.attempts(&resource.name, 1).await?.pop(),
    })
}

/// How old S of a feed is, where it is known.
fn held_at(feed: &FeedStatus) -> Option<UtcMs> {
    let is_known = matches!(feed.standing(), Standing::Level | Standing::Behind);
    feed.written_at.filter(|_| is_known && feed.load.is_none())
}

async fn evidence_at(
    store: &Store,
    cursor: &Cursor,
    dc: &DcName,
) -> Result<Option<UtcMs>, StoreError> {
    let only = match store.incarnations(dc).await?.as_slice() {
        [only] => Some(only.invocation_id),
        _ => None,
    };
    match cursor.invocation_id.or(only) {
        Some(id) => store.evidence_at(id, cursor.read_up_to()).await,
        None => Ok(None),
    }
}

async fn dc(store: &Store, name: &DcName, samples: u64) -> Result<DcStatus, StoreError> {
    let lives = store.incarnations(name).await?;
    let present = lives.last();
    let newest = match present {
        Some(life) => store.newest_sample(life.invocation_id).await?,
        None => None,
    };
    let failed = store.newest_failure(name).await?;
    Ok(DcStatus {
        dc: name.clone(),
        invocation_id: present.map(|life| life.invocation_id),
        site: present.map(|life| life.site.clone()),
        incarnations: lives.len(),
        samples,
        quarantine: present.and_then(|life| life.quarantine.clone()),
        failing: failed
            .filter(|failed| newest.is_none_or(|newest| failed.at > newest.collected_at)),
        newest,
    })
}
