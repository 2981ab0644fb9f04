//! Incidents: failures taken in, what is to be done decided, people told, and the end found.

use std::time::Duration;

use super::compose::lives;
use super::decide::{self, Due, Signal, Situation, Waits};
use super::desk::{Desk, Eyes, Facts};
use crate::config::{Process, ResourceSettings};
use crate::model::{ActionKind, Incident, NoticeKind, Outcome, Stance, UtcMs, Verdicted, WhyWait};
use crate::store::{IncidentChange, NewProposal, SeenTold, StoreError, Taken, ToldAs};

/// How many failures are taken in at once.
const AT_ONCE: u32 = 200;
/// How long the first word waits for a plan at most, however long the probes' window is.
const PLAN_WAIT: Duration = Duration::from_mins(2);

/// An open incident with all that was read for it.
struct Case<'d> {
    incident: Incident,
    facts: Facts,
    resource: &'d ResourceSettings,
    process: &'d Process,
    due: Due,
}

impl Desk {
    /// Takes in the failures nobody has looked at; how many there were.
    pub async fn take_in(&self, now: UtcMs) -> Result<usize, StoreError> {
        let failures = self.store.failures_to_look_at(AT_ONCE).await?;
        for failure in &failures {
            let (verdict, dc) = match self.process(&failure.resource) {
                Some((resource, process)) => {
                    let dc = self.dc_in_use(resource).await?;
                    (Some(decide::classify(process, &failure.errors)), dc)
                }
                None => (None, None),
            };
            // A sync that was moved meanwhile has left that failure behind: it is on record, and that is all.
            let is_left = failure.dc.is_some() && dc.is_some() && failure.dc != dc;
            let is_ours = verdict.is_some() && !is_left;
            let verdict = verdict.unwrap_or(Verdicted {
                outcome: Outcome::Unknown,
                rule: None,
            });
            let taken = self
                .store
                .take_failure(failure, &verdict, is_ours, dc, now)
                .await?;
            if let Taken::Opened(incident) = taken {
                tracing::warn!(resource = %failure.resource, incident, outcome = %verdict.outcome, "incident opened");
            }
        }
        Ok(failures.len())
    }

    /// Considers every open incident: decides, proposes, tells, resolves.
    pub async fn consider(&self, eyes: Eyes, now: UtcMs) -> Result<(), StoreError> {
        let on_error = &self.settings.on_error;
        let waits = if eyes.is_last {
            Waits::NONE
        } else {
            Waits {
                group: on_error.notices.group_wait,
                plan: on_error.safety.probe_within.min(PLAN_WAIT),
            }
        };
        let mut cases = Vec::new();
        for incident in self.store.open_incidents().await? {
            let Some((resource, process)) = self.process(&incident.resource) else {
                let change = IncidentChange {
                    resolution: Some(WhyWait::NoProcess.to_string()),
                    ..IncidentChange::default()
                };
                self.store.change_incident(incident.id, change, now).await?;
                continue;
            };
            let facts = self.facts(&incident, resource, process, eyes, now).await?;
            let mut case = Case {
                incident,
                facts,
                resource,
                process,
                due: Due::Nothing,
            };
            if self.resolved(&case, now).await? {
                continue;
            }
            self.act(&mut case, now).await?;
            let errors = &case.facts.errors;
            case.due = decide::due(
                &case.incident,
                errors,
                process,
                &on_error.notices,
                waits,
                now,
            );
            cases.push(case);
        }
        self.tell(&cases, now).await
    }

    async fn act(&self, case: &mut Case<'_>, now: UtcMs) -> Result<(), StoreError> {
        let proposal = self.store.newest_proposal_of(case.incident.id).await?;
        let situation = Situation {
            mode: case.resource.reaction.auto_failover,
            outcome: case.incident.outcome,
            errors: case.facts.errors,
            dc: case.facts.dc.as_ref(),
            sightings: &case.facts.sightings,
            brakes: &case.facts.brakes,
            proposal: proposal.as_ref(),
            safety: &self.settings.on_error.safety,
        };
        let stance = decide::decide(&situation, now);
        self.note(&mut case.incident, &stance, now).await?;
        if !matches!(stance.action, ActionKind::Propose | ActionKind::Run) {
            return Ok(());
        }
        let new = NewProposal {
            resource: case.incident.resource.clone(),
            incident: Some(case.incident.id),
            proposed_by: None,
            runs_by_itself: stance.action == ActionKind::Run,
            failure_timestamp: case.incident.failure_timestamp,
            replication_time: None,
            plan: None,
            reason: None,
        };
        if let Some(proposal) = self.store.propose(new, now).await? {
            tracing::warn!(resource = %case.incident.resource, proposal, action = %stance.action, "a plan is wanted");
        }
        Ok(())
    }

    /// Takes down how an incident stands, and as an event where a person would call it news.
    async fn note(
        &self,
        incident: &mut Incident,
        stance: &Stance,
        now: UtcMs,
    ) -> Result<(), StoreError> {
        if incident.stance.as_ref() == Some(stance) {
            return Ok(());
        }
        let is_news = incident
            .stance
            .as_ref()
            .is_none_or(|before| !before.is_like(stance));
        let why: Vec<String> = stance.why.iter().map(ToString::to_string).collect();
        let event = match why.as_slice() {
            [] => stance.action.to_string(),
            why => format!("{}: {}", stance.action, why.join("; ")),
        };
        let change = IncidentChange {
            stance: Some(stance.clone()),
            event: is_news.then_some(event),
            ..IncidentChange::default()
        };
        self.store.change_incident(incident.id, change, now).await?;
        incident.stance = Some(stance.clone());
        Ok(())
    }

    /// Tells of the incidents that are due: those that begin together, and for the same channels, in one notice.
    async fn tell(&self, cases: &[Case<'_>], now: UtcMs) -> Result<(), StoreError> {
        let mut told: Vec<i64> = Vec::new();
        for case in cases {
            let Due::Now(kind) = case.due else { continue };
            if told.contains(&case.incident.id) {
                continue;
            }
            let channels = Self::channels_of(case);
            let joins = |other: &&Case<'_>| {
                let begins = matches!(other.due, Due::At(_) | Due::Now(NoticeKind::Opened));
                other.incident.id == case.incident.id
                    || (kind == NoticeKind::Opened
                        && begins
                        && !told.contains(&other.incident.id)
                        && other.incident.outcome == case.incident.outcome
                        && other.incident.dc == case.incident.dc
                        && Self::channels_of(other) == channels)
            };
            let group: Vec<&Case<'_>> = cases.iter().filter(joins).collect();
            told.extend(group.iter().map(|one| one.incident.id));
            let pairs: Vec<_> = group
                .iter()
                .map(|one| (&one.incident, &one.facts))
                .collect();
            let content = self.about(kind, &pairs, now).await?;
            let thread = case.incident.thread.clone();
            let addressed = self.addressed(&content, &channels, thread, now).await?;
            let root = addressed.as_ref().map(|one| one.notice.message_id.clone());
            let changes = group.iter().map(|one| {
                let change = IncidentChange {
                    only_if: Some(SeenTold(one.incident.told_at)),
                    told: Some(ToldAs {
                        outcome: one.incident.outcome,
                        channels: channels.clone(),
                        thread: root.clone(),
                    }),
                    event: addressed
                        .is_some()
                        .then(|| format!("told {} ({kind})", channels.join(", "))),
                    ..IncidentChange::default()
                };
                (one.incident.id, change)
            });
            self.store
                .change_incidents(changes.collect(), addressed.into_iter().collect(), now)
                .await?;
        }
        Ok(())
    }

    fn channels_of(case: &Case<'_>) -> Vec<String> {
        Self::channels_for(case.process, case.incident.rule.as_deref())
    }

    /// Ends an incident that is over; whether it was.
    async fn resolved(&self, case: &Case<'_>, now: UtcMs) -> Result<bool, StoreError> {
        let incident = &case.incident;
        let moved_to = case
            .facts
            .dc
            .as_ref()
            .filter(|dc| incident.dc.as_ref().is_some_and(|was| was != *dc));
        let is_busy = self
            .store
            .newest_proposal_of(incident.id)
            .await?
            .is_some_and(|proposal| {
                matches!(
                    proposal.state,
                    crate::model::ProposalState::Approved | crate::model::ProposalState::Running
                )
            });
        let lives = lives(incident, &case.facts);
        let Some(resolution) = decide::over(incident, moved_to, lives, is_busy, case.process, now)
        else {
            return Ok(false);
        };
        self.resolve(incident, &case.facts, &resolution, now).await
    }

    /// Ends an incident with this word, and tells those who were told of it.
    pub(super) async fn resolve(
        &self,
        incident: &Incident,
        facts: &Facts,
        resolution: &str,
        now: UtcMs,
    ) -> Result<bool, StoreError> {
        let over = Incident {
            resolved_at: Some(now),
            resolution: Some(resolution.to_owned()),
            ..incident.clone()
        };
        let mut notices = Vec::new();
        if incident.told_at.is_some() {
            let content = self
                .about(NoticeKind::Resolved, &[(&over, facts)], now)
                .await?;
            let thread = incident.thread.clone();
            notices.extend(
                self.addressed(&content, &incident.told_to, thread, now)
                    .await?,
            );
        }
        let change = IncidentChange {
            only_if: Some(SeenTold(incident.told_at)),
            resolution: Some(resolution.to_owned()),
            notices,
            ..IncidentChange::default()
        };
        let resolved = self.store.change_incident(incident.id, change, now).await?;
        if resolved {
            tracing::info!(resource = %incident.resource, incident = incident.id, "incident resolved: {resolution}");
        }
        Ok(resolved)
    }

    /// Ends an incident by a person's word; `false` where it is not open.
    pub async fn resolve_by_hand(
        &self,
        id: i64,
        word: &str,
        now: UtcMs,
    ) -> Result<bool, StoreError> {
        let Some(incident) = self
            .store
            .incident(id)
            .await?
            .filter(|one| one.resolved_at.is_none())
        else {
            return Ok(false);
        };
        let facts = match self.process(&incident.resource) {
            Some((resource, process)) => {
                self.facts(&incident, resource, process, Eyes::default(), now)
                    .await?
            }
            None => Facts {
                dc: None,
                errors: decide::trouble(&incident.resource, incident.outcome, None, &[], now),
                sightings: std::collections::BTreeMap::new(),
                brakes: decide::Brakes::default(),
            },
        };
        self.resolve(&incident, &facts, word, now).await
    }

    /// What stands in the way of doing the planned move by itself, the proposal itself left out. The errors that called for
    /// it are not counted again: a sync that stands still reports no more, and that the DC is back is for the probes to say.
    pub(super) async fn still_calls_for(
        &self,
        incident: &Incident,
        eyes: Eyes,
        now: UtcMs,
    ) -> Result<Stance, StoreError> {
        let Some((resource, process)) = self.process(&incident.resource) else {
            return Ok(Stance {
                action: ActionKind::Tell,
                why: vec![WhyWait::NoProcess],
            });
        };
        let facts = self.facts(incident, resource, process, eyes, now).await?;
        let situation = Situation {
            mode: resource.reaction.auto_failover,
            outcome: incident.outcome,
            errors: Signal {
                have: facts.errors.have.max(facts.errors.need),
                ..facts.errors
            },
            dc: facts.dc.as_ref(),
            sightings: &facts.sightings,
            brakes: &facts.brakes,
            proposal: None,
            safety: &self.settings.on_error.safety,
        };
        Ok(decide::decide(&situation, now))
    }

    /// Whether the DC that a waiting proposal would leave answers again.
    pub(super) async fn has_passed(
        &self,
        incident: &Incident,
        now: UtcMs,
    ) -> Result<bool, StoreError> {
        let Some((resource, process)) = self.process(&incident.resource) else {
            return Ok(true);
        };
        let facts = self
            .facts(incident, resource, process, Eyes::default(), now)
            .await?;
        Ok(lives(incident, &facts))
    }
}
