//! Proposals: from the wish for a plan to the end, state by state.

use std::fs::File;
use std::time::Duration;

use rusqlite::{OptionalExtension, Row, params};

use super::incidents::{SeenTold, ToldAs, add_event, is_as_seen, told_in};
use super::outbox::{Addressed, queue_in};
use super::{coded, maybe_time, time};
use crate::model::{Hours, Plan, Proposal, ProposalState, ResourceName, UtcMs};
use crate::store::cursors::{from_json, parsed, to_json};
use crate::store::requests::blocking;
use crate::store::worker::beside;
use crate::store::{Store, StoreError, file_lock};

/// A move that a plan is wanted for.
#[derive(Debug, Clone)]
pub struct NewProposal {
    /// Whose consumer.
    pub resource: ResourceName,
    /// The incident behind it.
    pub incident: Option<i64>,
    /// Who proposes it; `None` for the failure process.
    pub proposed_by: Option<String>,
    /// Whether it runs without an approval.
    pub runs_by_itself: bool,
    /// FailureTimestamp for the plan.
    pub failure_timestamp: Option<UtcMs>,
    /// replicationTime for the plan.
    pub replication_time: Option<Hours>,
    /// The plan, where a person made it already.
    pub plan: Option<Plan>,
    /// Why, as a person said.
    pub reason: Option<String>,
}

/// What is written along with a proposal's new state.
#[derive(Debug, Clone, Default)]
pub struct ProposalChange {
    /// The plan.
    pub plan: Option<Plan>,
    /// Until when it may be approved.
    pub expires_at: Option<UtcMs>,
    /// From now on a person has to approve it.
    pub takes_person: bool,
    /// Who answered it, and why.
    pub answered: Option<(String, Option<String>)>,
    /// The attempt that carries it out.
    pub attempt: Option<i64>,
    /// How it ended.
    pub outcome: Option<String>,
    /// What happened, for the incident.
    pub event: Option<String>,
    /// What is told, and to whom.
    pub notices: Vec<Addressed>,
    /// The notices are the first word of the proposal's incident.
    pub told: Option<ToldAs>,
}

/// Held by whoever carries out, or takes up, the proposals of one resource; the system frees it with its process.
#[derive(Debug)]
pub struct ProposalLock {
    _file: File,
}

impl Store {
    /// Takes the lock on carrying out proposals of a resource; `None` while another one holds it.
    pub async fn lock_proposals(
        &self,
        resource: &ResourceName,
    ) -> Result<Option<ProposalLock>, StoreError> {
        let path = beside(self.path(), &format!("proposal-{resource}.lock"));
        let taken = blocking(move || file_lock::exclusive(&path, Duration::ZERO)).await?;
        Ok(taken.map(|file| ProposalLock { _file: file }))
    }

    /// Wants a move; `None` where one of the resource is on its way.
    pub async fn propose(&self, new: NewProposal, at: UtcMs) -> Result<Option<i64>, StoreError> {
        self.write(move |tx| {
            let open = tx
                .prepare_cached("SELECT 1 FROM proposal WHERE resource = ?1 AND ended_at IS NULL")?
                .exists([new.resource.as_str()])?;
            if open {
                return Ok(None);
            }
            let state = if new.plan.is_some() {
                ProposalState::Planned
            } else {
                ProposalState::Wanted
            };
            tx.execute(
                "INSERT INTO proposal (resource, incident_id, made_at, proposed_by, runs_by_itself, failure_timestamp, \
                 replication_time, plan, plan_hash, state, reason) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
                params![
                    new.resource.as_str(),
                    new.incident,
                    at.as_millis(),
                    new.proposed_by,
                    new.runs_by_itself,
                    new.failure_timestamp.map(UtcMs::as_millis),
                    new.replication_time.map(f64::from),
                    new.plan.as_ref().map(to_json).transpose()?,
                    new.plan.as_ref().map(|plan| plan.hash.as_str()),
                    state.code(),
                    new.reason,
                ],
            )?;
            let id = tx.last_insert_rowid();
            if let Some(incident) = new.incident {
                add_event(tx, incident, at, &format!("proposal {id}: a plan is wanted"))?;
            }
            Ok(Some(id))
        })
        .await
    }

    /// Moves a proposal from one state to another, with what belongs to it, in one transaction; `false`, and nothing
    /// written, where it is in another state, or where the first word of its incident has been said by now.
    pub async fn move_proposal(
        &self,
        id: i64,
        from: ProposalState,
        to: ProposalState,
        change: ProposalChange,
        at: UtcMs,
    ) -> Result<bool, StoreError> {
        self.write(move |tx| {
            let incident: Option<i64> = tx
                .query_row("SELECT incident_id FROM proposal WHERE id = ?1", [id], |row| row.get(0))
                .optional()?
                .flatten();
            let untold = change.told.is_some().then_some(SeenTold(None));
            if let Some(incident) = incident && !is_as_seen(tx, incident, untold)? {
                return Ok(false);
            }
            let ended_at = to.is_ended().then(|| at.as_millis());
            let (by, reason) = change.answered.clone().unzip();
            let answered_at = by.is_some().then(|| at.as_millis());
            let changed = tx.execute(
                "UPDATE proposal SET state = ?3, plan = coalesce(?4, plan), plan_hash = coalesce(?5, plan_hash), \
                 expires_at = coalesce(?6, expires_at), answered_by = coalesce(?7, answered_by), \
                 answered_at = coalesce(?8, answered_at), reason = coalesce(?9, reason), \
                 attempt_id = coalesce(?10, attempt_id), outcome = coalesce(?11, outcome), \
                 ended_at = coalesce(?12, ended_at), \
                 runs_by_itself = CASE WHEN ?13 THEN 0 ELSE runs_by_itself END WHERE id = ?1 AND state = ?2",
                params![
                    id,
                    from.code(),
                    to.code(),
                    change.plan.as_ref().map(to_json).transpose()?,
                    change.plan.as_ref().map(|plan| plan.hash.as_str()),
                    change.expires_at.map(UtcMs::as_millis),
                    by,
                    answered_at,
                    reason.flatten(),
                    change.attempt,
                    change.outcome,
                    ended_at,
                    change.takes_person,
                ],
            )?;
            if changed != 1 {
                return Ok(false);
            }
            if let (Some(incident), Some(event)) = (incident, &change.event) {
                add_event(tx, incident, at, event)?;
            }
            if let (Some(incident), Some(told)) = (incident, &change.told) {
                told_in(tx, incident, told, at)?;
            }
            for notice in &change.notices {
                queue_in(tx, incident, notice)?;
            }
            Ok(true)
        })
        .await
    }

    /// The proposals that have not ended, oldest first.
    pub async fn open_proposals(&self) -> Result<Vec<Proposal>, StoreError> {
        self.read(|tx| {
            tx.prepare_cached(&format!("{SELECT} WHERE ended_at IS NULL ORDER BY id"))?
                .query_and_then([], proposal)?
                .collect()
        })
        .await
    }

    /// The newest proposals, newest first, at most `limit`.
    pub async fn proposals(&self, limit: u32) -> Result<Vec<Proposal>, StoreError> {
        self.read(move |tx| {
            tx.prepare_cached(&format!("{SELECT} ORDER BY id DESC LIMIT ?1"))?
                .query_and_then([limit], proposal)?
                .collect()
        })
        .await
    }

    /// One proposal.
    pub async fn proposal(&self, id: i64) -> Result<Option<Proposal>, StoreError> {
        self.read(move |tx| {
            tx.prepare_cached(&format!("{SELECT} WHERE id = ?1"))?
                .query_and_then([id], proposal)?
                .next()
                .transpose()
        })
        .await
    }

    /// The newest proposal of an incident.
    pub async fn newest_proposal_of(&self, incident: i64) -> Result<Option<Proposal>, StoreError> {
        self.read(move |tx| {
            tx.prepare_cached(&format!(
                "{SELECT} WHERE incident_id = ?1 ORDER BY id DESC LIMIT 1"
            ))?
            .query_and_then([incident], proposal)?
            .next()
            .transpose()
        })
        .await
    }
}

const SELECT: &str = "SELECT id, resource, incident_id, made_at, proposed_by, runs_by_itself, failure_timestamp, \
                      replication_time, plan, state, expires_at, answered_by, answered_at, reason, attempt_id, \
                      outcome, ended_at FROM proposal";

fn proposal(row: &Row<'_>) -> Result<Proposal, StoreError> {
    let plan: Option<String> = row.get(8)?;
    let hours: Option<f64> = row.get(7)?;
    let state: String = row.get(9)?;
    Ok(Proposal {
        id: row.get(0)?,
        resource: parsed("proposal.resource", &row.get::<_, String>(1)?)?,
        incident: row.get(2)?,
        made_at: time(row, 3)?,
        proposed_by: row.get(4)?,
        runs_by_itself: row.get(5)?,
        failure_timestamp: maybe_time(row, 6)?,
        replication_time: hours.and_then(|hours| Hours::new(hours).ok()),
        plan: plan
            .map(|plan| from_json("proposal.plan", &plan))
            .transpose()?,
        state: coded(
            "proposal.state",
            ProposalState::ALL,
            ProposalState::code,
            &state,
        )?,
        expires_at: maybe_time(row, 10)?,
        answered_by: row.get(11)?,
        answered_at: maybe_time(row, 12)?,
        reason: row.get(13)?,
        attempt: row.get(14)?,
        outcome: row.get(15)?,
        ended_at: maybe_time(row, 16)?,
    })
}
