//! A person's answer to a proposal.
//!
//! # Decisions
//! - An answer is bound to the plan that was shown: who approves names its number, and the plan's hash is compared when
//!   it is planned again.
//! - It counts once. Of two that come together one wins, and the other is told whose it was.
//! - What runs by itself needs no yes, and takes a no until it is begun.

use super::decide;
use super::desk::Desk;
use crate::model::{Proposal, ProposalState, UtcMs};
use crate::store::{ProposalChange, StoreError};

/// How often an answer is tried: what moves on beside it, as the first word on its incident, does so once.
const TRIES: u32 = 3;

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
    #[error("proposal {id} is {state}, so it cannot be answered{}", after(*.state, .by.as_ref()))]
    NotWaiting {
        /// The proposal.
        id: i64,
        /// How it stands.
        state: ProposalState,
        /// Who answered it, and when.
        by: Option<(String, UtcMs)>,
    },
    /// Its time is over.
    #[error("proposal {id} has expired: {why}; `highwater failover` makes a new plan")]
    Expired {
        /// The proposal.
        id: i64,
        /// How it came to that.
        why: String,
    },
    /// This person may not.
    #[error("{0}")]
    NotAllowed(String),
}

fn after(state: ProposalState, by: Option<&(String, UtcMs)>) -> String {
    let word = if state == ProposalState::Rejected {
        "rejected"
    } else {
        "approved"
    };
    by.map_or_else(String::new, |(by, at)| format!("; {by} {word} it at {at}"))
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
    /// Answers a proposal for a person: yes or no. It counts once, in time, and from those who may.
    pub async fn answer(
        &self,
        id: i64,
        person: &Person,
        approved: bool,
        reason: Option<String>,
        now: UtcMs,
    ) -> Result<Proposal, AnswerError> {
        let to = if approved {
            ProposalState::Approved
        } else {
            ProposalState::Rejected
        };
        let words = reason
            .as_deref()
            .map_or_else(String::new, |reason| format!(": {reason}"));
        let said = format!("{to} by {}{words}", person.who);
        for _ in 0..TRIES {
            let proposal = self.proposal(id).await?;
            self.may_answer(&proposal, person, approved, now)?;
            let change = ProposalChange {
                answered: Some((person.who.clone(), reason.clone())),
                ..ProposalChange::default()
            };
            if self.step(&proposal, to, &said, change, now).await? {
                return self.proposal(id).await;
            }
        }
        Err(not_waiting(&self.proposal(id).await?))
    }

    async fn proposal(&self, id: i64) -> Result<Proposal, AnswerError> {
        let found = self.store.proposal(id).await?;
        found.ok_or(AnswerError::Unknown(id))
    }

    fn may_answer(
        &self,
        proposal: &Proposal,
        person: &Person,
        approved: bool,
        now: UtcMs,
    ) -> Result<(), AnswerError> {
        let waits = match proposal.state {
            ProposalState::Waiting => true,
            ProposalState::Planned => !(proposal.runs_by_itself && approved),
            ProposalState::Wanted | ProposalState::Approved => proposal.runs_by_itself && !approved,
            _ => false,
        };
        if !waits {
            return Err(not_waiting(proposal));
        }
        let safety = &self.settings.on_error.safety;
        let id = proposal.id;
        if proposal.state == ProposalState::Waiting
            && let Some(why) = decide::lapsed(proposal, safety, now)
        {
            return Err(AnswerError::Expired { id, why });
        }
        // A person may take back what they proposed; to approve takes another.
        let as_asked = Proposal {
            proposed_by: proposal.proposed_by.clone().filter(|_| approved),
            ..proposal.clone()
        };
        let who = (person.name.as_str(), person.uid.as_str());
        decide::may_approve(&as_asked, who, safety)
            .map_or(Ok(()), |why| Err(AnswerError::NotAllowed(why)))
    }
}

fn not_waiting(proposal: &Proposal) -> AnswerError {
    AnswerError::NotWaiting {
        id: proposal.id,
        state: proposal.state,
        by: proposal.answered_by.clone().zip(proposal.answered_at),
    }
}
