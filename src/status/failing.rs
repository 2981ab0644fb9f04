//! What the failure process has in hand: incidents, proposals, pauses, and notices on their way.

use serde::Serialize;

use crate::model::{
    ActionKind, DcName, Incident, Outcome, Pause, Proposal, ProposalState, ResourceName, UtcMs,
    WhyWait,
};
use crate::store::{OutboxState, Store, StoreError};

/// The failure process as `status` shows it.
#[derive(Debug, Clone, Serialize)]
pub struct FailuresStatus {
    /// The open incidents, oldest first.
    pub incidents: Vec<OpenIncident>,
    /// The proposals that have not ended, oldest first.
    pub proposals: Vec<OpenProposal>,
    /// The pauses in force.
    pub pauses: Vec<Pause>,
    /// The notices that are not delivered, of all resources.
    pub notices: OutboxState,
}

/// An open incident in short; `incidents show` tells all of it.
#[derive(Debug, Clone, Serialize)]
pub struct OpenIncident {
    /// Its number.
    pub id: i64,
    /// Whose sync.
    pub resource: ResourceName,
    /// The DC the sync read when it began, where known.
    pub dc: Option<DcName>,
    /// What the newest failure says.
    pub outcome: Outcome,
    /// The rule that says so.
    pub rule: Option<String>,
    /// Since when.
    pub opened_at: UtcMs,
    /// How many failures.
    pub failures: u64,
    /// The newest.
    pub last_failure_at: UtcMs,
    /// What is to be done; `None` until it was looked at.
    pub action: Option<ActionKind>,
    /// What stands in the way.
    pub why: Vec<WhyWait>,
    /// When people were last told.
    pub told_at: Option<UtcMs>,
    /// Who acknowledged it.
    pub acknowledged_by: Option<String>,
}

impl From<Incident> for OpenIncident {
    fn from(incident: Incident) -> Self {
        let (action, why) = incident
            .stance
            .map(|stance| (stance.action, stance.why))
            .unzip();
        Self {
            id: incident.id,
            resource: incident.resource,
            dc: incident.dc,
            outcome: incident.outcome,
            rule: incident.rule,
            opened_at: incident.opened_at,
            failures: incident.failures,
            last_failure_at: incident.last_failure_at,
            action,
            why: why.unwrap_or_default(),
            told_at: incident.told_at,
            acknowledged_by: incident.acknowledged_by,
        }
    }
}

/// A proposal in short.
#[derive(Debug, Clone, Serialize)]
pub struct OpenProposal {
    /// Its number, as `approve N` takes it.
    pub id: i64,
    /// Whose sync.
    pub resource: ResourceName,
    /// The incident behind it.
    pub incident: Option<i64>,
    /// How far it has come.
    pub state: ProposalState,
    /// Where it leads, once it is planned.
    pub to: Option<DcName>,
    /// Whether it needs no approval.
    pub runs_by_itself: bool,
    /// Until when it may be answered, where it waits for that.
    pub expires_at: Option<UtcMs>,
}

impl From<Proposal> for OpenProposal {
    fn from(proposal: Proposal) -> Self {
        let chosen = proposal.plan.and_then(|plan| plan.chosen);
        Self {
            id: proposal.id,
            resource: proposal.resource,
            incident: proposal.incident,
            state: proposal.state,
            to: chosen.map(|chosen| chosen.switch.to),
            runs_by_itself: proposal.runs_by_itself,
            expires_at: proposal.expires_at,
        }
    }
}

/// Looks at what concerns one resource, or at all.
pub(super) async fn look(
    store: &Store,
    only: Option<&ResourceName>,
    at: UtcMs,
) -> Result<FailuresStatus, StoreError> {
    let wanted = |name: &ResourceName| only.is_none_or(|only| only == name);
    let incidents = store.open_incidents().await?.into_iter();
    let proposals = store.open_proposals().await?.into_iter();
    let pauses = store.pauses(at).await?.into_iter();
    Ok(FailuresStatus {
        incidents: incidents
            .filter(|one| wanted(&one.resource))
            .map(OpenIncident::from)
            .collect(),
        proposals: proposals
            .filter(|one| wanted(&one.resource))
            .map(OpenProposal::from)
            .collect(),
        pauses: pauses
            .filter(|one| one.resource.as_ref().is_none_or(wanted))
            .collect(),
        notices: store.outbox_state().await?,
    })
}
