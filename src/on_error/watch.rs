//! Our own probes while an incident calls for them: more often than the collector polls.
//!
//! # Decisions
//! - Only DCs of resources with an open outage, or with errors that no rule recognises, are probed, and only where nobody
//!   looked at them lately, so a collector that polls every few seconds is signal enough.
//! - A probe is a new connection with bind and rootDSE: what a sync needs at the least.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::task::JoinSet;

use super::desk::Desk;
use crate::clock::{self, Stopwatch};
use crate::config::ResourceSettings;
use crate::directory::{self, Session, Wanted};
use crate::model::{DcName, FailureKind, Outcome, PollFailure};
use crate::store::StoreError;

impl Desk {
    /// Probes the DCs of every resource whose incident they can speak of and that nobody looked at for a while; how many there were.
    pub async fn watch(&self) -> Result<usize, StoreError> {
        let mut wanted: BTreeSet<DcName> = BTreeSet::new();
        for incident in self.store.open_incidents().await? {
            // Of errors that nobody recognises the probes are all there is to go by.
            if !matches!(incident.outcome, Outcome::Outage | Outcome::Unknown) {
                continue;
            }
            let Some((resource, _)) = self.process(&incident.resource) else {
                continue;
            };
            wanted.extend(self.dcs_to_watch(resource).await?);
        }
        let pause = self.pause();
        let since = clock::now().minus_ms(i64::try_from(pause.as_millis()).unwrap_or(1_000));
        let mut due = Vec::new();
        for dc in wanted {
            if self.store.sightings(&dc, since).await?.is_empty() {
                due.push(dc);
            }
        }
        self.probe(due).await
    }

    /// Probes every DC of one resource now; how many there were.
    pub async fn probe_all(&self, resource: &ResourceSettings) -> Result<usize, StoreError> {
        let dcs = self.dcs_to_watch(resource).await?;
        self.probe(dcs).await
    }

    /// As [`Desk::probe_all`], those left out that were found down within `lately`: probes at once say less than probes
    /// over a time. That one answered just now does not say that it still does.
    pub async fn probe_unless_seen(
        &self,
        resource: &ResourceSettings,
        lately: Duration,
    ) -> Result<usize, StoreError> {
        let since = clock::now().minus_ms(i64::try_from(lately.as_millis()).unwrap_or(1_000));
        let mut due = Vec::new();
        for dc in self.dcs_to_watch(resource).await? {
            let seen = self.store.sightings(&dc, since).await?;
            if seen.last().is_none_or(|newest| newest.failed.is_none()) {
                due.push(dc);
            }
        }
        self.probe(due).await
    }

    /// The DC in use, where the newest look at it, within twice the window of the probes, failed; and what that said.
    pub async fn known_down(
        &self,
        resource: &ResourceSettings,
    ) -> Result<Option<(DcName, PollFailure)>, StoreError> {
        let Some(dc) = self.dc_in_use(resource).await? else {
            return Ok(None);
        };
        let within = self.settings.on_error.safety.probe_within * 2;
        let since = clock::now().minus_ms(i64::try_from(within.as_millis()).unwrap_or(1_000));
        let seen = self.store.sightings(&dc, since).await?;
        if seen.last().is_none_or(|newest| newest.failed.is_none()) {
            return Ok(None);
        }
        Ok(self
            .store
            .newest_failure_of(&dc)
            .await?
            .map(|failure| (dc, failure)))
    }

    async fn dcs_to_watch(&self, resource: &ResourceSettings) -> Result<Vec<DcName>, StoreError> {
        let dc = self.dc_in_use(resource).await?;
        Ok(Self::dcs_of(resource, dc.as_ref()))
    }

    /// So often that the probes wanted fit into their window, with one to spare.
    fn pause(&self) -> Duration {
        let safety = &self.settings.on_error.safety;
        let pause = safety.probe_within / safety.probe_failures.saturating_add(1);
        pause.clamp(Duration::from_millis(250), Duration::from_secs(30))
    }

    async fn probe(&self, dcs: Vec<DcName>) -> Result<usize, StoreError> {
        let mut probing = JoinSet::new();
        for name in dcs {
            let Some(dc) = self.settings.dcs.get(&name).cloned() else {
                continue;
            };
            probing.spawn(async move {
                let read = async {
                    let mut session = Session::open(&dc, directory::Port::Directory).await?;
                    directory::read_facts(&mut session, &Wanted::default()).await
                };
                let watch = Stopwatch::start();
                let failed = read.await.err().map(|error| error.failure());
                (name, failed, watch.elapsed_ms())
            });
        }
        let mut probed = 0;
        while let Some(ended) = probing.join_next().await {
            let Ok((dc, failed, took_ms)) = ended else {
                // A defect of a library says nothing of the DC.
                tracing::error!(kind = %FailureKind::Internal, "a probe ended in a panic");
                continue;
            };
            self.store
                .note_probe(&dc, clock::now(), failed.as_ref(), took_ms)
                .await?;
            if let Some(PollFailure { kind, detail }) = failed {
                tracing::warn!(%dc, %kind, "probe failed: {detail}");
            }
            probed += 1;
        }
        Ok(probed)
    }
}
