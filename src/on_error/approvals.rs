//! Proposals on their way: told once they are planned, expired, withdrawn, concluded.
//!
//! # Decisions
//! - What runs by itself is decided anew when its plan is there, and again before it is carried out: planning takes time,
//!   and a pause may have come, or the DC come back.
//! - A plan whose start can skip changes, as far as is known, does not run by itself: it waits for a person, as if
//!   `auto_failover` were "propose".
//! - An approval that nobody carried out lapses like a proposal that nobody answered: what was true then need not be.

use super::decide;
use super::desk::{Desk, Eyes};
use crate::model::{
    ActionKind, Outcome, Plan, Proposal, ProposalState, ResourceName, Stance, UtcMs,
};
use crate::store::{Addressed, ProposalChange, StoreError, ToldAs};

impl Desk {
    /// Carries every open proposal on, as far as it is the failure process's part.
    pub async fn carry_on(&self, eyes: Eyes, now: UtcMs) -> Result<(), StoreError> {
        for proposal in self.store.open_proposals().await? {
            match proposal.state {
                ProposalState::Planned => self.planned(&proposal, eyes, now).await?,
                ProposalState::Waiting => self.waiting(&proposal, now).await?,
                _ => {}
            }
        }
        Ok(())
    }

    async fn planned(&self, proposal: &Proposal, eyes: Eyes, now: UtcMs) -> Result<(), StoreError> {
        if !proposal.runs_by_itself || proposal.incident.is_none() {
            let said = proposal.reason.clone().unwrap_or_default();
            return self.wait_for_answer(proposal, &said, now).await;
        }
        if let Some(why) = self.no_longer_called_for(proposal, eyes, now).await? {
            return self
                .end(proposal, ProposalState::Withdrawn, &why, now)
                .await;
        }
        if let Some(risk) = proposal.plan.as_ref().and_then(Plan::needs_person) {
            let said = format!(
                "auto_failover is \"on\", but this may skip changes, so it takes a person: {risk}; an approval accepts \
                 that"
            );
            return self.wait_for_answer(proposal, &said, now).await;
        }
        let said = "auto_failover is \"on\": it is carried out without an approval";
        let change = ProposalChange {
            answered: Some(("auto_failover".to_owned(), None)),
            ..ProposalChange::default()
        };
        self.step(proposal, ProposalState::Approved, said, change, now)
            .await
            .map(drop)
    }

    /// Has a person approve it, from now on for as long as an approval is waited for.
    async fn wait_for_answer(
        &self,
        proposal: &Proposal,
        said: &str,
        now: UtcMs,
    ) -> Result<(), StoreError> {
        let approval = self.settings.on_error.safety.approval;
        let expires = now.plus_ms(i64::try_from(approval.as_millis()).unwrap_or(i64::MAX));
        let waiting = Proposal {
            expires_at: Some(expires),
            runs_by_itself: false,
            ..proposal.clone()
        };
        let change = ProposalChange {
            expires_at: Some(expires),
            takes_person: true,
            ..ProposalChange::default()
        };
        self.step(&waiting, ProposalState::Waiting, said, change, now)
            .await
            .map(drop)
    }

    /// What stands against carrying an approved proposal out at this moment, and the state it ends in; `None` where
    /// nothing does. What runs by itself has to be called for still; a person's approval counts for as long as a
    /// proposal waits for one.
    pub async fn stands_against(
        &self,
        proposal: &Proposal,
        eyes: Eyes,
        now: UtcMs,
    ) -> Result<Option<(ProposalState, String)>, StoreError> {
        if proposal.runs_by_itself {
            let why = self.no_longer_called_for(proposal, eyes, now).await?;
            return Ok(why.map(|why| (ProposalState::Withdrawn, why)));
        }
        let lapsed = decide::lapsed(proposal, &self.settings.on_error.safety, now);
        Ok(lapsed.map(|why| (ProposalState::Expired, format!("{why}; nothing was done"))))
    }

    /// Why what runs by itself is called for no more; `None` where it is, and where there is no incident to ask.
    async fn no_longer_called_for(
        &self,
        proposal: &Proposal,
        eyes: Eyes,
        now: UtcMs,
    ) -> Result<Option<String>, StoreError> {
        let Some(id) = proposal.incident else {
            return Ok(None);
        };
        let open = self.store.incident(id).await?;
        let Some(incident) = open.filter(|incident| incident.resolved_at.is_none()) else {
            return Ok(Some(format!(
                "what called for it has passed: incident {id} is over"
            )));
        };
        if incident.outcome == Outcome::Unknown {
            let why = "the newest errors are not recognised, so it takes a person";
            return Ok(Some(why.to_owned()));
        }
        let stance = self.still_calls_for(&incident, eyes, now).await?;
        Ok((stance.action != ActionKind::Run).then(|| passed(&stance)))
    }

    async fn waiting(&self, proposal: &Proposal, now: UtcMs) -> Result<(), StoreError> {
        if let Some(why) = decide::lapsed(proposal, &self.settings.on_error.safety, now) {
            return self.end(proposal, ProposalState::Expired, &why, now).await;
        }
        let Some(id) = proposal.incident else {
            return Ok(());
        };
        let passed = match self.store.incident(id).await? {
            Some(incident) if incident.resolved_at.is_none() => {
                self.has_passed(&incident, now).await?
            }
            _ => true,
        };
        if passed {
            let said = "the DC answers again, or the incident is over";
            self.end(proposal, ProposalState::Withdrawn, said, now)
                .await?;
        }
        Ok(())
    }

    async fn end(
        &self,
        proposal: &Proposal,
        to: ProposalState,
        said: &str,
        now: UtcMs,
    ) -> Result<(), StoreError> {
        self.step(proposal, to, said, ProposalChange::default(), now)
            .await
            .map(drop)
    }

    /// Moves a proposal to its next state, and tells those who have to know, in one transaction. `false`, and nothing
    /// happens, where it is no longer in the state it was read in, or its incident has been told of meanwhile.
    pub async fn step(
        &self,
        proposal: &Proposal,
        to: ProposalState,
        said: &str,
        change: ProposalChange,
        now: UtcMs,
    ) -> Result<bool, StoreError> {
        let merged = Proposal {
            plan: change.plan.clone().or_else(|| proposal.plan.clone()),
            ..proposal.clone()
        };
        let (notices, told) = self.notices_of(&merged, to, said, now).await?;
        let words = if said.is_empty() {
            String::new()
        } else {
            format!(": {said}")
        };
        let change = ProposalChange {
            outcome: change
                .outcome
                .or_else(|| to.is_ended().then(|| said.to_owned())),
            event: Some(format!("proposal {} is {to}{words}", proposal.id)),
            notices,
            told,
            ..change
        };
        let moved = self
            .store
            .move_proposal(proposal.id, proposal.state, to, change, now)
            .await?;
        if moved {
            tracing::info!(resource = %proposal.resource, proposal = proposal.id, "proposal is {to}{words}");
        }
        Ok(moved)
    }

    /// What is told of a step, and whether it is the first word of the proposal's incident.
    async fn notices_of(
        &self,
        proposal: &Proposal,
        to: ProposalState,
        said: &str,
        now: UtcMs,
    ) -> Result<(Vec<Addressed>, Option<ToldAs>), StoreError> {
        let nothing = (Vec::new(), None);
        // A plan that is wanted or made, and one that is begun, is nobody's news; of an approval its outcome is.
        if !to.is_ended() && to != ProposalState::Waiting {
            return Ok(nothing);
        }
        let incident = match proposal.incident {
            Some(id) => self.store.incident(id).await?,
            None => None,
        };
        // That no DC may take over is told once per incident: it is tried again every minute.
        if to == ProposalState::NoPlan
            && incident.as_ref().is_some_and(|one| {
                one.events
                    .iter()
                    .any(|event| event.text.contains("is no_plan"))
            })
        {
            return Ok(nothing);
        }
        // Nobody heard that a move was wanted: that it is not, or that its plan has to be made again, is no news either.
        let is_first = incident.as_ref().is_some_and(|one| one.told_at.is_none());
        if is_first && matches!(to, ProposalState::Withdrawn | ProposalState::Stale) {
            return Ok(nothing);
        }
        let rule = incident.as_ref().and_then(|incident| incident.rule.clone());
        let channels = self.channels_of_resource(&proposal.resource, rule.as_deref());
        let thread = incident.as_ref().and_then(|one| one.thread.clone());
        let content = self
            .of_proposal(proposal, incident.as_ref(), to, said, now)
            .await?;
        let addressed = self.addressed(&content, &channels, thread, now).await?;
        let told = incident.filter(|_| is_first).map(|incident| ToldAs {
            outcome: incident.outcome,
            channels,
            thread: addressed.as_ref().map(|one| one.notice.message_id.clone()),
        });
        Ok((addressed.into_iter().collect(), told))
    }

    fn channels_of_resource(&self, resource: &ResourceName, rule: Option<&str>) -> Vec<String> {
        self.process(resource)
            .map(|(_, process)| Self::channels_for(process, rule))
            .unwrap_or_default()
    }
}

/// Why a stance calls for no move by itself any more, for a person.
fn passed(stance: &Stance) -> String {
    if stance.why.is_empty() {
        return "auto_failover is no longer \"on\"".to_owned();
    }
    let why: Vec<String> = stance.why.iter().map(ToString::to_string).collect();
    format!("what called for it has passed: {}", why.join("; "))
}
