//! Proposals on their way: told once they are planned, expired, withdrawn, answered, concluded.
//!
//! # Decisions
//! - What runs by itself is decided anew when its plan is there: planning takes time, and a pause may have come.
//! - An answer is bound to the plan that was shown: who approves names its number, and the plan's hash is compared when
//!   it is planned again.

use super::decide;
use super::desk::{Desk, Eyes};
use crate::model::{ActionKind, Proposal, ProposalState, ResourceName, UtcMs};
use crate::store::{Addressed, ProposalChange, StoreError, ToldAs};

/// Why an answer does not count.
#[derive(Debug, thiserror::Error)]
pub enum AnswerError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is no such proposal.
    #[error("there is no proposal {0}; `highwater incidents` lists them")]
    Unknown(i64),
    /// It is not, or no longer, waiting.
    #[error("proposal {id} is {state}, so it cannot be answered{}", after(.by.as_deref()))]
    NotWaiting {
        /// The proposal.
        id: i64,
        /// How it stands.
        state: ProposalState,
        /// Who answered it.
        by: Option<String>,
    },
    /// Its time is over.
    #[error("proposal {id} expired at {at}; `highwater failover` makes a new plan")]
    Expired {
        /// The proposal.
        id: i64,
        /// When.
        at: UtcMs,
    },
    /// This person may not.
    #[error("{0}")]
    NotAllowed(String),
}

fn after(by: Option<&str>) -> String {
    by.map_or_else(String::new, |by| format!("; {by} answered it"))
}

/// Who answers: the operating-system user's name, `uid:N`, and the words that are kept.
#[derive(Debug, Clone)]
pub struct Person {
    /// The user's name.
    pub name: String,
    /// `uid:N`.
    pub uid: String,
    /// As attempts record it, `anna on sync1`.
    pub who: String,
}

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
        if let Some(id) = proposal.incident
            && proposal.runs_by_itself
            && let Some(incident) = self.store.incident(id).await?
        {
            let stance = self.still_calls_for(&incident, eyes, now).await?;
            if stance.action == ActionKind::Run {
                let said = "auto_failover is \"on\": it is carried out without an approval";
                let change = ProposalChange {
                    answered: Some(("auto_failover".to_owned(), None)),
                    ..ProposalChange::default()
                };
                return self
                    .step(proposal, ProposalState::Approved, said, change, now)
                    .await;
            }
            let why: Vec<String> = stance.why.iter().map(ToString::to_string).collect();
            let said = format!("what called for it has passed: {}", why.join("; "));
            return self
                .step(
                    proposal,
                    ProposalState::Withdrawn,
                    &said,
                    ProposalChange::default(),
                    now,
                )
                .await;
        }
        let approval = self.settings.on_error.safety.approval;
        let expires = now.plus_ms(i64::try_from(approval.as_millis()).unwrap_or(i64::MAX));
        let waiting = Proposal {
            expires_at: Some(expires),
            ..proposal.clone()
        };
        let change = ProposalChange {
            expires_at: Some(expires),
            ..ProposalChange::default()
        };
        let said = proposal.reason.clone().unwrap_or_default();
        self.step(&waiting, ProposalState::Waiting, &said, change, now)
            .await
    }

    async fn waiting(&self, proposal: &Proposal, now: UtcMs) -> Result<(), StoreError> {
        if proposal.expires_at.is_some_and(|at| at <= now) {
            let said = "nobody answered in time";
            return self
                .step(
                    proposal,
                    ProposalState::Expired,
                    said,
                    ProposalChange::default(),
                    now,
                )
                .await;
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
            return self
                .step(
                    proposal,
                    ProposalState::Withdrawn,
                    said,
                    ProposalChange::default(),
                    now,
                )
                .await;
        }
        Ok(())
    }

    /// Moves a proposal to its next state, and tells those who have to know, in one transaction. Nothing happens where it
    /// is no longer in the state it was read in.
    pub async fn step(
        &self,
        proposal: &Proposal,
        to: ProposalState,
        said: &str,
        change: ProposalChange,
        now: UtcMs,
    ) -> Result<(), StoreError> {
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
        Ok(())
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

    /// Answers a proposal for a person: yes or no. It counts once, in time, and from those who may.
    pub async fn answer(
        &self,
        id: i64,
        person: &Person,
        approved: bool,
        reason: Option<String>,
        now: UtcMs,
    ) -> Result<Proposal, AnswerError> {
        let proposal = self
            .store
            .proposal(id)
            .await?
            .ok_or(AnswerError::Unknown(id))?;
        let not_waiting = |proposal: &Proposal| AnswerError::NotWaiting {
            id,
            state: proposal.state,
            by: proposal.answered_by.clone(),
        };
        if !matches!(
            proposal.state,
            ProposalState::Waiting | ProposalState::Planned
        ) || proposal.runs_by_itself
        {
            return Err(not_waiting(&proposal));
        }
        if let Some(at) = proposal.expires_at.filter(|at| *at <= now) {
            return Err(AnswerError::Expired { id, at });
        }
        // A person may take back what they proposed; to approve takes another.
        let as_asked = if approved {
            proposal.clone()
        } else {
            Proposal {
                proposed_by: None,
                ..proposal.clone()
            }
        };
        let who = (person.name.as_str(), person.uid.as_str());
        if let Some(why) = decide::may_approve(&as_asked, who, &self.settings.on_error.safety) {
            return Err(AnswerError::NotAllowed(why));
        }
        let to = if approved {
            ProposalState::Approved
        } else {
            ProposalState::Rejected
        };
        let said = reason
            .as_deref()
            .map_or_else(String::new, |reason| format!(": {reason}"));
        let said = format!("{to} by {}{said}", person.who);
        let change = ProposalChange {
            answered: Some((person.who.clone(), reason)),
            ..ProposalChange::default()
        };
        self.step(&proposal, to, &said, change, now).await?;
        let after = self
            .store
            .proposal(id)
            .await?
            .ok_or(AnswerError::Unknown(id))?;
        if after.answered_by.as_deref() == Some(person.who.as_str()) {
            Ok(after)
        } else {
            Err(not_waiting(&after))
        }
    }
}
