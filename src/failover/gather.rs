//! Reads everything a decision is made from: the cursor, the store's evidence, and every candidate's answer now.

use std::collections::{BTreeMap, BTreeSet};

use tokio::task::JoinSet;

use super::decide::{self, ByHand, Candidate, FeedState, Input, Source};
use super::error::FailoverError;
use crate::config::{DcSettings, ResourceSettings, Settings};
use crate::consumer::Consumer;
use crate::directory::{self, Session, Wanted};
use crate::model::{
    Ask, DcFacts, DcName, Dn, FailureKind, HeldCursor, How, Incarnation, InvocationId, Knowledge,
    PollFailure, Preference, Sample, UtcMs,
};
use crate::store::Store;

/// A time named without milliseconds means the sample within that second.
const SECOND_MS: i64 = 1_000;

/// A candidate and its answer just now.
#[derive(Debug, Clone)]
pub struct Probe {
    /// The candidate.
    pub dc: DcSettings,
    /// How gladly it is taken.
    pub preference: Preference,
    /// What it answered.
    pub answer: Result<DcFacts, PollFailure>,
}

/// Where a consumer stands, read before any candidate is asked.
#[derive(Debug, Clone)]
pub struct Standing {
    /// Its cursor.
    pub cursor: HeldCursor,
    /// Our own feed, where it is one.
    pub feed: Option<FeedState>,
}

/// Reads where a resource's consumer stands; cursor, K and S of a feed in one look.
pub(super) async fn standing(
    store: &Store,
    resource: &ResourceSettings,
) -> Result<Standing, FailoverError> {
    let consumer = Consumer::new(&resource.name, &resource.consumer, store);
    let Some(settings) = &resource.feed else {
        let cursor = consumer.read().await?;
        return Ok(Standing { cursor, feed: None });
    };
    let found = store.feed(&resource.name).await?;
    let (cursor, contexts, load) = match found {
        Some(feed) => (feed.cursor, feed.contexts, feed.load),
        None => (consumer.read().await?, BTreeMap::new(), None),
    };
    let written_at = store.cursor_written_at(&resource.name).await?;
    let feed = FeedState {
        contexts,
        loading_since: load.map(|load| load.since),
        written_at: written_at.unwrap_or(UtcMs::from_millis(0)),
        start_margin: settings.start_margin,
    };
    Ok(Standing {
        cursor,
        feed: Some(feed),
    })
}

/// Gathers the input for one resource, where it stands and the candidates' answers from the store.
pub async fn gather(
    store: &Store,
    settings: &Settings,
    resource: &ResourceSettings,
    ask: Ask,
    standing: Standing,
    probes: Vec<Probe>,
) -> Result<Input, FailoverError> {
    let Standing { cursor, feed } = standing;
    let source_dc = dc_in_use(settings, resource, &cursor)?;
    let naming_contexts = match &feed {
        // One that the configuration added since is read by a pass of its own.
        Some(feed) if !feed.contexts.is_empty() => feed.contexts.keys().cloned().collect(),
        _ => naming_contexts(resource, &probes),
    };
    let knowledge = store.knowledge(&resource.name).await?;
    let known = knowledge.as_ref();
    let source = source(store, source_dc, &cursor, naming_contexts, known).await?;
    let target = decide::target(&ask, source.read_by.as_ref().map(Sample::not_begun_at));
    let mut candidates = Vec::new();
    for probe in probes {
        candidates.push(candidate(store, probe, &source, &ask, target).await?);
    }
    Ok(Input {
        resource: resource.name.clone(),
        host_attribute: resource.host_attribute,
        position: resource.consumer.position,
        site: resource.site.clone(),
        ask,
        knowledge,
        cursor,
        source,
        feed,
        candidates,
    })
}

/// The DC that the cursor's host names.
pub(super) fn dc_in_use<'a>(
    settings: &'a Settings,
    resource: &ResourceSettings,
    cursor: &HeldCursor,
) -> Result<&'a DcSettings, FailoverError> {
    let host = cursor.cursor.host(resource.host_attribute).ok_or_else(|| {
        FailoverError::NoGlobalCatalog {
            resource: resource.name.clone(),
        }
    })?;
    settings
        .dc_of_host(host)
        .ok_or_else(|| FailoverError::UnknownHost {
            resource: resource.name.clone(),
            host: host.to_owned(),
        })
}

/// What is read of a DC for this resource.
pub(super) fn wanted(resource: &ResourceSettings) -> Wanted {
    Wanted {
        bases: resource.base_contexts.clone(),
        subdomains: resource.search_subdomains,
        tombstones: true,
        ..Wanted::default()
    }
}

/// One complete reading of a DC over a new connection.
pub(super) async fn probe(dc: &DcSettings, wanted: &Wanted) -> Result<DcFacts, PollFailure> {
    let read = async {
        let mut session = Session::open(dc, directory::Port::Directory).await?;
        directory::read_facts(&mut session, wanted).await
    };
    read.await.map_err(|error| error.failure())
}

/// Reads every candidate at once, those left out that cannot be chosen anyway, and the one that is known to be down.
pub(super) async fn probe_all(
    settings: &Settings,
    resource: &ResourceSettings,
    ask: &Ask,
    down: Option<(DcName, PollFailure)>,
) -> Vec<Probe> {
    let mut probing = JoinSet::new();
    let (mut probes, mut named) = (Vec::new(), BTreeMap::new());
    for (name, preference) in &resource.backup_dcs {
        let Some(dc) = settings.dcs.get(name).cloned() else {
            continue;
        };
        let preference = *preference;
        if let Some((_, failure)) = down.as_ref().filter(|(down, _)| down == name) {
            let answer = Err(failure.clone());
            probes.push(Probe {
                dc,
                preference,
                answer,
            });
            continue;
        }
        let spared =
            ask.only.as_ref().is_some_and(|only| only != name) || preference == Preference::MustNot;
        if spared {
            let answer = Err(not_asked());
            probes.push(Probe {
                dc,
                preference,
                answer,
            });
            continue;
        }
        let wanted = wanted(resource);
        let asked = dc.clone();
        let handle = probing.spawn(async move { probe(&asked, &wanted).await });
        named.insert(handle.id(), (dc, preference));
    }
    while let Some(ended) = probing.join_next_with_id().await {
        let (id, answer) = match ended {
            Ok(ended) => ended,
            Err(panic) => (panic.id(), Err(internal(panic.to_string()))),
        };
        if let Some((dc, preference)) = named.remove(&id) {
            probes.push(Probe {
                dc,
                preference,
                answer,
            });
        }
    }
    probes.sort_by(|a: &Probe, b| a.dc.name.cmp(&b.dc.name));
    probes
}

fn not_asked() -> PollFailure {
    internal("not probed, since it is out anyway".to_owned())
}

fn internal(detail: String) -> PollFailure {
    PollFailure {
        kind: FailureKind::Internal,
        detail,
    }
}

/// The naming contexts the resource reads: per base the longest that any candidate holds.
fn naming_contexts(resource: &ResourceSettings, probes: &[Probe]) -> BTreeSet<Dn> {
    let held: BTreeSet<Dn> = probes
        .iter()
        .filter_map(|probe| probe.answer.as_ref().ok())
        .flat_map(|facts| facts.instance_types.keys().cloned())
        .collect();
    let longest = |base: &Dn| {
        let holders = held.iter().filter(|nc| base.is_within(nc));
        holders
            .max_by_key(|nc| nc.folded().len())
            .cloned()
            .unwrap_or_else(|| domain_of(base))
    };
    let mut ncs: BTreeSet<Dn> = resource.base_contexts.iter().map(longest).collect();
    if resource.search_subdomains {
        let below: Vec<Dn> = held
            .into_iter()
            .filter(|nc| ncs.iter().any(|top| nc.is_within(top)))
            .collect();
        ncs.extend(below);
    }
    ncs
}

/// The domain part of a name: its trailing DC components, or the whole name where it has none.
fn domain_of(base: &Dn) -> Dn {
    let folded = base.folded();
    let at = if folded.starts_with("dc=") {
        Some(0)
    } else {
        folded.find(",dc=").map(|at| at + 1)
    };
    at.and_then(|at| folded.get(at..))
        .and_then(|tail| tail.parse().ok())
        .unwrap_or_else(|| base.clone())
}

async fn source(
    store: &Store,
    dc: &DcSettings,
    cursor: &HeldCursor,
    naming_contexts: BTreeSet<Dn>,
    knowledge: Option<&Knowledge>,
) -> Result<Source, FailoverError> {
    let incarnations = store.incarnations(&dc.name).await?;
    let read_up_to = cursor.cursor.read_up_to();
    let only = decide::owner(&incarnations, &dc.name, knowledge);
    let (mut evidence, mut read_by) = (None, None);
    if let Some(id) = cursor.cursor.invocation_id.or(only) {
        let ncs: Vec<Dn> = naming_contexts.iter().cloned().collect();
        evidence = store.source_sample_for(id, &ncs, read_up_to).await?;
        // From the rollback on, its USNs say nothing of when a cursor reached them.
        let rolled_back = incarnations
            .iter()
            .find(|life| life.invocation_id == id)
            .and_then(|life| life.quarantine.as_ref())
            .map(|quarantine| quarantine.since);
        read_by = store
            .newest_sample_up_to(id, read_up_to, rolled_back)
            .await?;
    }
    Ok(Source {
        dc: dc.name.clone(),
        incarnations,
        evidence,
        read_by,
        naming_contexts,
    })
}

async fn candidate(
    store: &Store,
    probe: Probe,
    source: &Source,
    ask: &Ask,
    target: Option<UtcMs>,
) -> Result<Candidate, FailoverError> {
    let dc = probe.dc;
    let incarnations = store.incarnations(&dc.name).await?;
    let by_hand = match ask.how {
        How::Manual { usn_date } if ask.only.as_ref() == Some(&dc.name) => {
            Some(by_hand(store, &dc, usn_date).await?)
        }
        _ => None,
    };
    let mut found = Candidate {
        dc: dc.name,
        host: dc.host,
        server_name: dc.server_name,
        preference: probe.preference,
        incarnations,
        probe: probe.answer,
        at_target: None,
        by_hand,
        known: None,
        newest: None,
        received: None,
    };
    if let Some(id) = found
        .probe
        .as_ref()
        .ok()
        .map(|facts| facts.identity.invocation_id)
    {
        let released = found
            .incarnations
            .iter()
            .find(|life| life.invocation_id == id)
            .and_then(released_at);
        if let Some(target) = target {
            found.at_target = store.sample_at_or_before(id, target, released).await?;
        }
        found.known = store.known_usn(id).await?;
        found.newest = store.newest_sample(id).await?;
        found.received = received(store, source, id).await?;
    }
    Ok(found)
}

fn released_at(life: &Incarnation) -> Option<UtcMs> {
    life.released_at
}

/// The newest sample of `id` that the DC in use had in full when the evidence was taken.
async fn received(
    store: &Store,
    source: &Source,
    id: InvocationId,
) -> Result<Option<Sample>, FailoverError> {
    let Some(evidence) = &source.evidence else {
        return Ok(None);
    };
    let entries = evidence.vectors.values().map(|vector| vector.get(id));
    match entries.min().flatten() {
        Some(usn) => Ok(store.newest_sample_up_to(id, usn, None).await?),
        None => Ok(None),
    }
}

/// The sample at the time named, taken to the millisecond or, where only one lies in it, to the second.
async fn by_hand(store: &Store, dc: &DcSettings, usn_date: UtcMs) -> Result<ByHand, FailoverError> {
    let exact = store.sample_matching(&dc.name, usn_date, usn_date).await?;
    let whole_second = usn_date.as_millis() % SECOND_MS == 0;
    let within = if exact.is_empty() && whole_second {
        store
            .sample_matching(&dc.name, usn_date, usn_date.plus_ms(SECOND_MS - 1))
            .await?
    } else {
        exact
    };
    if let [row] = within.as_slice() {
        return Ok(ByHand {
            at: Some((row.invocation_id, row.sample)),
            before: None,
            after: None,
        });
    }
    let near = store.samples_near(&dc.name, usn_date, 1).await?;
    let times: Vec<UtcMs> = near.iter().map(|row| row.sample.collected_at).collect();
    let before = times.iter().copied().filter(|at| *at <= usn_date).max();
    let after = times.iter().copied().filter(|at| *at > usn_date).min();
    Ok(ByHand {
        at: None,
        before,
        after,
    })
}
