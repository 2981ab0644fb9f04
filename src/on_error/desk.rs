//! What every part of the failure process works with, and the facts it reads for one incident.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use uuid::Uuid;

use super::channels;
use super::decide::{self, Admitted, Brakes, Jump, Signal};
use super::render::{Content, Templates};
use crate::config::{Process, ResourceSettings, Rule, Scope, Settings};
use crate::consumer::Consumer;
use crate::model::{DcName, Failure, Incident, NoticeKind, ResourceName, Sighting, Target, UtcMs};
use crate::store::{Addressed, Store, StoreError};

/// How far back failures are counted at most, in milliseconds: the longest window a rule may have.
const WEEK_MS: i64 = 7 * 86_400_000;
/// The window of the cap on notices, in milliseconds.
const HOUR_MS: i64 = 3_600_000;
/// How many attempts are looked at for hold and cap.
const ATTEMPTS: u32 = 50;

/// What the failure process knows of itself.
#[derive(Debug, Clone, Copy, Default)]
pub struct Eyes {
    /// When the service started; `None` outside of it.
    pub started_at: Option<UtcMs>,
    /// The newest jump of the clock.
    pub jump: Option<Jump>,
    /// Nobody will look again soon: what would wait for more is told now.
    pub is_last: bool,
}

/// What every part of the failure process works with.
#[derive(Debug, Clone)]
pub struct Desk {
    /// The store.
    pub store: Store,
    /// The settings in force.
    pub settings: Arc<Settings>,
    /// The templates, known to render.
    pub templates: Arc<Templates>,
    /// The host that tells.
    pub host: String,
    /// Deliveries that were taken and could not be marked so yet: they are marked, not sent again.
    pub(super) unmarked: Arc<Mutex<BTreeSet<i64>>>,
}

/// The facts on one incident.
#[derive(Debug)]
pub(super) struct Facts {
    pub(super) dc: Option<DcName>,
    pub(super) errors: Signal,
    pub(super) sightings: BTreeMap<DcName, Vec<Sighting>>,
    pub(super) brakes: Brakes,
}

impl Desk {
    /// The failure process on this store, with these settings; `host` is named in what is told.
    pub fn new(
        store: Store,
        settings: Arc<Settings>,
        templates: Arc<Templates>,
        host: String,
    ) -> Self {
        Self {
            store,
            settings,
            templates,
            host,
            unmarked: Arc::default(),
        }
    }

    /// The resource and its process, where the configuration has both.
    pub(super) fn process(&self, resource: &ResourceName) -> Option<(&ResourceSettings, &Process)> {
        let resource = self.settings.resources.get(resource)?;
        let name = resource.reaction.process.as_ref()?;
        Some((resource, self.settings.on_error.processes.get(name)?))
    }

    /// The DC that the resource's sync reads: by its cursor, else as it was last seen.
    pub(super) async fn dc_in_use(
        &self,
        resource: &ResourceSettings,
    ) -> Result<Option<DcName>, StoreError> {
        let consumer = Consumer::new(&resource.name, &resource.consumer, &self.store);
        if let Ok(held) = consumer.read().await {
            let host = held.cursor.host(resource.host_attribute);
            let dc = host.and_then(|host| self.settings.dc_of_host(host));
            if let Some(dc) = dc {
                return Ok(Some(dc.name.clone()));
            }
        }
        let seen = self.store.cursors_seen().await?;
        let own = seen.into_iter().find(|seen| seen.resource == resource.name);
        Ok(own.and_then(|seen| seen.dc))
    }

    /// The DCs that matter to a resource: the one in use and those that may take over.
    pub(super) fn dcs_of(resource: &ResourceSettings, dc: Option<&DcName>) -> Vec<DcName> {
        let mut all: Vec<DcName> = resource.backup_dcs.keys().chain(dc).cloned().collect();
        all.sort();
        all.dedup();
        all
    }

    pub(super) async fn facts(
        &self,
        incident: &Incident,
        resource: &ResourceSettings,
        process: &Process,
        eyes: Eyes,
        now: UtcMs,
    ) -> Result<Facts, StoreError> {
        let dc = self.dc_in_use(resource).await?;
        let sightings = self.sightings(resource, dc.as_ref(), now).await?;
        let rule = decide::rule_named(process, incident.rule.as_deref());
        let attempts = self.store.attempts(&resource.name, ATTEMPTS).await?;
        let moved_at = decide::moved_at(&attempts);
        let errors = self.errors(incident, rule, moved_at, now).await?;
        let pauses = self.store.pauses(now).await?;
        let binds = |one: &crate::model::Pause| {
            one.resource
                .as_ref()
                .is_none_or(|name| *name == resource.name)
        };
        Ok(Facts {
            dc,
            errors,
            sightings,
            brakes: Brakes {
                started_at: eyes.started_at,
                jump: eyes.jump,
                pauses: pauses.into_iter().filter(binds).collect(),
                attempts,
                acknowledged_at: self.store.newest_acknowledgement(&resource.name).await?,
            },
        })
    }

    /// What was seen lately of every DC that matters to a resource.
    pub(super) async fn sightings(
        &self,
        resource: &ResourceSettings,
        dc: Option<&DcName>,
        now: UtcMs,
    ) -> Result<BTreeMap<DcName, Vec<Sighting>>, StoreError> {
        let safety = &self.settings.on_error.safety;
        let span = safety.flapping_within.max(safety.probe_within * 2);
        let since = now.minus_ms(i64::try_from(span.as_millis()).unwrap_or(WEEK_MS));
        let mut sightings = BTreeMap::new();
        for name in Self::dcs_of(resource, dc) {
            let seen = self.store.sightings(&name, since).await?;
            sightings.insert(name, seen);
        }
        Ok(sightings)
    }

    /// The sync's own signal: what it reported since the newest move, for what was before speaks of another DC.
    async fn errors(
        &self,
        incident: &Incident,
        rule: Option<&Rule>,
        moved_at: Option<UtcMs>,
        now: UtcMs,
    ) -> Result<Signal, StoreError> {
        let own = rule.is_none_or(|rule| rule.scope == Scope::Resource);
        let resource = own.then_some(&incident.resource);
        // Whether there are enough is the question: more than are wanted need not be read.
        let wanted = rule.map_or(1, |rule| rule.count);
        let since = now
            .minus_ms(WEEK_MS)
            .max(moved_at.unwrap_or(UtcMs::from_millis(0)));
        let failures: Vec<Failure> = self
            .store
            .failures_like(resource, incident.outcome, since, wanted)
            .await?;
        Ok(decide::trouble(
            &incident.resource,
            incident.outcome,
            rule,
            &failures,
            now,
        ))
    }

    /// Who hears of an incident: the channels of its rule, else those of its process.
    pub(super) fn channels_for(process: &Process, rule: Option<&str>) -> Vec<String> {
        decide::rule_named(process, rule)
            .and_then(|rule| rule.notify.clone())
            .unwrap_or_else(|| process.notify.clone())
    }

    /// A notice with its targets, those above their cap held back. `None` where nobody is to be told.
    pub(super) async fn addressed(
        &self,
        content: &Content,
        channels: &[String],
        thread: Option<String>,
        now: UtcMs,
    ) -> Result<Option<Addressed>, StoreError> {
        let all = channels::targets(&self.settings.on_error, channels);
        self.addressed_to(content, all, thread, now).await
    }

    pub(super) async fn addressed_to(
        &self,
        content: &Content,
        all: Vec<Target>,
        thread: Option<String>,
        now: UtcMs,
    ) -> Result<Option<Addressed>, StoreError> {
        if all.is_empty() {
            return Ok(None);
        }
        let (mut targets, mut held_back) = (Vec::new(), Vec::new());
        for target in all {
            match self.admitted(content.kind, &target, now).await? {
                Admitted::Yes => targets.push(target),
                Admitted::HeldBack => held_back.push(target),
            }
        }
        let message_id = format!("<{}@{}>", Uuid::new_v4(), self.domain());
        Ok(Some(Addressed {
            notice: self.templates.notice(content, message_id, thread),
            targets,
            held_back,
        }))
    }

    pub(super) async fn admitted(
        &self,
        kind: NoticeKind,
        target: &Target,
        now: UtcMs,
    ) -> Result<Admitted, StoreError> {
        // Machines are not flooded by what people are.
        if target.recipient.is_empty() {
            return Ok(Admitted::Yes);
        }
        let lately = self
            .store
            .deliveries_since(target, now.minus_ms(HOUR_MS))
            .await?;
        Ok(decide::admit(kind, lately, &self.settings.on_error.notices))
    }

    /// The part of a Message-ID that says whose it is.
    fn domain(&self) -> String {
        let mail = self.settings.on_error.mail.as_ref();
        mail.map_or_else(
            || "highwater.invalid".to_owned(),
            |mail| mail.from.email.domain().to_owned(),
        )
    }
}
