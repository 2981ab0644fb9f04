//! A proposed move and its way to an approval.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::incident::coded;
use super::{Hours, Plan, ResourceName, UtcMs};

coded! {
    /// How far a proposal has come.
    ProposalState {
        /// A plan is wanted.
        Wanted = "wanted",
        /// The plan is made, and nobody was told yet.
        Planned = "planned",
        /// It waits for an approval.
        Waiting = "waiting",
        /// It is approved and about to be carried out.
        Approved = "approved",
        /// It is being carried out.
        Running = "running",
        /// Ended: the resource was moved.
        Done = "done",
        /// Ended: the move failed.
        Failed = "failed",
        /// Ended: no DC may take over, or no plan could be made.
        NoPlan = "no_plan",
        /// Ended: a person said no.
        Rejected = "rejected",
        /// Ended: nobody answered in time.
        Expired = "expired",
        /// Ended: planned again, it was no longer the same plan.
        Stale = "stale",
        /// Ended: what called for it has passed.
        Withdrawn = "withdrawn",
    }
}

impl ProposalState {
    /// Whether nothing more happens in this state.
    pub fn is_ended(self) -> bool {
        self >= Self::Done
    }
}

/// A proposed move.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Proposal {
    /// Its number, as `approve N` takes it.
    pub id: i64,
    /// Whose consumer.
    pub resource: ResourceName,
    /// The incident behind it; `None` where a person proposed it.
    pub incident: Option<i64>,
    /// When it was wanted.
    pub made_at: UtcMs,
    /// Who proposed it: `None` where the failure process did.
    pub proposed_by: Option<String>,
    /// Whether it runs without an approval (`auto_failover = "on"`).
    pub runs_by_itself: bool,
    /// FailureTimestamp for the plan.
    pub failure_timestamp: Option<UtcMs>,
    /// replicationTime for the plan.
    pub replication_time: Option<Hours>,
    /// The plan, once it is made.
    pub plan: Option<Plan>,
    /// How far it has come.
    pub state: ProposalState,
    /// Until when it may be approved, once people were told.
    pub expires_at: Option<UtcMs>,
    /// Who approved or rejected it.
    pub answered_by: Option<String>,
    /// When.
    pub answered_at: Option<UtcMs>,
    /// Why, as they said.
    pub reason: Option<String>,
    /// The attempt that carried it out.
    pub attempt: Option<i64>,
    /// How it ended, for a person.
    pub outcome: Option<String>,
    /// When it ended.
    pub ended_at: Option<UtcMs>,
}

impl Proposal {
    /// The hash of its plan, which an approval is bound to.
    pub fn plan_hash(&self) -> Option<&str> {
        self.plan.as_ref().map(|plan| plan.hash.as_str())
    }
}
