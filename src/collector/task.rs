//! The collector task: one round for a timer or the command line, or for as long as the service runs.
//!
//! # Decisions
//! - Every DC has a task of its own with its own connection, so a slow or hung DC delays nobody; a semaphore
//!   bounds how many polls are under way at once.
//! - A task that panics (in a library, say) counts as a failed poll of its DC and is started again.
//! - A connection is kept between polls, and who answers on it is read anew at every poll: a restore changes the
//!   invocationId. What closes it is the DC (AD's `MaxConnIdleTime` is 900 s, MS-ADTS 3.1.1.3.4.6). Where a kept one turns out broken, the poll is tried once more on a new
//!   one before it counts as failed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::decide;
use super::target::Target;
use crate::clock::{self, Stopwatch};
use crate::config::Settings;
use crate::directory::{self, DirectoryError, Session};
use crate::model::{
    Accepted, DcFacts, DcName, FailureKind, InvocationId, PollContext, PollFailure, Usn, UtcMs,
};
use crate::store::{Pruned, Store, StoreError};

/// Milliseconds in a day.
const DAY_MS: i64 = 86_400_000;

/// What one poll of one DC brought.
#[derive(Debug, Clone, Serialize)]
pub struct PollReport {
    /// The DC.
    pub dc: DcName,
    /// The sample, or why there is none.
    #[serde(flatten)]
    pub outcome: Outcome,
    /// How long the poll took, in milliseconds.
    pub took_ms: u32,
}

/// The outcome of one poll.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "snake_case", tag = "outcome")]
pub enum Outcome {
    /// A sample was stored.
    Sampled {
        /// The incarnation that answered.
        invocation_id: InvocationId,
        /// Its highestCommittedUSN.
        committed: Usn,
        /// When it had been read, by the store's clock.
        collected_at: UtcMs,
        /// The DC's clock less ours, in milliseconds.
        skew_ms: Option<i64>,
        /// The naming contexts whose vector was read.
        vectors: usize,
        /// Why vectors could not be read, per naming context.
        unreadable: BTreeMap<String, String>,
        /// The DC runs a new incarnation: its earlier samples are void.
        restored: bool,
        /// The evidence of a USN rollback; the DC is quarantined.
        rollback: Option<String>,
    },
    /// Nothing was sampled; the failure is on record.
    Failed(PollFailure),
}

/// What one round brought.
#[derive(Debug, Clone, Serialize)]
pub struct Round {
    /// One report per DC, by name.
    pub polls: Vec<PollReport>,
    /// What was pruned.
    pub pruned: Pruned,
}

impl Round {
    /// How many polls brought a sample.
    pub fn sampled(&self) -> usize {
        self.polls
            .iter()
            .filter(|poll| matches!(poll.outcome, Outcome::Sampled { .. }))
            .count()
    }
}

/// Polls every target once and prunes; `done` is called as each poll ends.
pub async fn collect_once(
    store: &Store,
    settings: &Settings,
    targets: Vec<Target>,
    mut done: impl FnMut(&PollReport),
) -> Result<Round, StoreError> {
    let permits = Arc::new(Semaphore::new(settings.collector.concurrency));
    let mut polls = JoinSet::new();
    let mut named = BTreeMap::new();
    for target in targets {
        let (store, permits) = (store.clone(), Arc::clone(&permits));
        let dc = target.dc.name.clone();
        let handle = polls.spawn(async move {
            let _permit = permits.acquire_owned().await;
            // In a box of its own: what a poll needs is large, and most DCs wait for their turn.
            Box::pin(poll_and_record(&store, &target, &mut None)).await
        });
        named.insert(handle.id(), dc);
    }
    let mut reports = Vec::new();
    while let Some(ended) = polls.join_next_with_id().await {
        let report = match ended {
            Ok((_, report)) => report?,
            Err(panic) => match named.get(&panic.id()) {
                Some(dc) => record_panic(store, dc).await?,
                None => continue,
            },
        };
        done(&report);
        reports.push(report);
    }
    reports.sort_by(|a, b| a.dc.cmp(&b.dc));
    Ok(Round {
        polls: reports,
        pruned: prune(store, settings).await?,
    })
}

/// Removes samples older than the days to keep; what a cursor depends on stays.
pub async fn prune(store: &Store, settings: &Settings) -> Result<Pruned, StoreError> {
    let kept_ms = i64::from(settings.collector.days_to_keep_usns) * DAY_MS;
    store
        .prune(clock::now().minus_ms(kept_ms), Vec::new())
        .await
}

/// Records that a poll ended in a panic of ours or of a library.
pub(super) async fn record_panic(store: &Store, dc: &DcName) -> Result<PollReport, StoreError> {
    let detail = format!(
        "the poll of {dc} ended in a panic; the log has the place, the poll is started again"
    );
    let failure = PollFailure {
        kind: FailureKind::Internal,
        detail,
    };
    store
        .record_failure(dc.clone(), clock::now(), failure.clone(), 0)
        .await?;
    Ok(PollReport {
        dc: dc.clone(),
        outcome: Outcome::Failed(failure),
        took_ms: 0,
    })
}

/// Polls one DC, on the kept connection if there is one, and stores what it brought.
pub(super) async fn poll_and_record(
    store: &Store,
    target: &Target,
    kept: &mut Option<Session>,
) -> Result<PollReport, StoreError> {
    let watch = Stopwatch::start();
    let dc = target.dc.name.clone();
    let outcome = match poll(target, kept).await {
        Ok(facts) => record(store, target, facts).await?,
        Err(error) => {
            let failure = error.failure();
            tracing::warn!(%dc, kind = failure.kind.code(), "poll failed: {}", failure.detail);
            store
                .record_failure(
                    dc.clone(),
                    clock::now(),
                    failure.clone(),
                    watch.elapsed_ms(),
                )
                .await?;
            Outcome::Failed(failure)
        }
    };
    Ok(PollReport {
        dc,
        outcome,
        took_ms: watch.elapsed_ms(),
    })
}

async fn poll(target: &Target, kept: &mut Option<Session>) -> Result<DcFacts, DirectoryError> {
    if let Some(mut session) = kept.take() {
        match directory::read_facts(&mut session, &target.wanted).await {
            Ok(facts) => {
                *kept = Some(session);
                return Ok(facts);
            }
            // The DC may have closed an idle connection; only a new one tells whether it is down.
            Err(error) => tracing::debug!(dc = %target.dc.name, "kept connection dropped: {error}"),
        }
    }
    let mut session = Session::open(&target.dc, directory::Port::Directory).await?;
    let facts = directory::read_facts(&mut session, &target.wanted).await?;
    *kept = Some(session);
    Ok(facts)
}

/// Takes down what one reading of the target brought, as it was read: judges it, stores the sample and what is evidence,
/// and quarantines a DC it proves to have gone back in time.
pub async fn record(store: &Store, target: &Target, facts: DcFacts) -> Result<Outcome, StoreError> {
    let (vectors, invocation_id) = (facts.vectors.len(), facts.identity.invocation_id);
    let unreadable = facts
        .unreadable
        .iter()
        .map(|(nc, why)| (nc.to_string(), why.clone()))
        .collect();
    let (expected, configured) = (
        target.dc.server_name.clone(),
        Arc::clone(&target.configured),
    );
    let accepted = store
        .record_poll(
            target.dc.name.clone(),
            facts,
            target.keep_vectors,
            move |dc, facts, seen| {
                let owner = seen
                    .owner
                    .clone()
                    .filter(|owner| configured.contains(owner));
                let seen = PollContext {
                    owner,
                    ..seen.clone()
                };
                decide::accept(dc, expected.as_deref(), facts, &seen)
            },
        )
        .await?;
    let dc = &target.dc.name;
    Ok(match accepted {
        Accepted::Kept {
            sample,
            restored,
            rollback,
        } => {
            if restored {
                tracing::warn!(%dc, %invocation_id, "new invocationId: the DC was restored, its earlier samples are void");
            }
            if let Some(evidence) = &rollback {
                tracing::error!(%dc, "quarantined: {evidence}");
            }
            let (committed, collected_at) = (sample.committed, sample.collected_at);
            let skew_ms = sample.skew_ms;
            Outcome::Sampled {
                invocation_id,
                committed,
                collected_at,
                skew_ms,
                vectors,
                unreadable,
                restored,
                rollback,
            }
        }
        Accepted::Rejected(failure) => {
            tracing::warn!(%dc, kind = failure.kind.code(), "poll rejected: {}", failure.detail);
            Outcome::Failed(failure)
        }
    })
}

/// The pause before the next poll: the period, moved by up to `jitter` of it; `chance` is from 0 to 1.
pub(super) fn pause(period: Duration, jitter: f64, chance: f64) -> Duration {
    period.mul_f64((1.0 + jitter * (2.0 * chance - 1.0)).max(0.1))
}
