//! Plans and carries out what the failure process wants: the one place where it and the failover task meet.
//!
//! # Decisions
//! - An approved plan is made again and compared by its hash before anything is done: where it is another one, nothing is
//!   done, and the failure process decides anew.
//! - What runs by itself is asked of the failure process once more before the plan is made again, and before it is begun: a
//!   pause, a rejection or the DC's return in between end it. An approval that lay too long is not carried out.
//! - A process that died while it carried one out leaves the proposal running. What became of the move is read from the
//!   attempts, after the failover task has settled it.
//! - Who carries one out holds a lock that the system frees with its process, so that a live worker's move is not taken
//!   for a dead one's.
//! - One move at a time: two resources that fail together share DCs, and the second plan then sees the first's move.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::clock;
use crate::config::ResourceSettings;
use crate::consumer::Consumer;
use crate::failover::{self, ApplyError, FailoverError, Order};
use crate::model::{Ask, DcName, How, Plan, Proposal, ProposalState, UtcMs};
use crate::on_error::{Desk, Lookout};
use crate::store::{ProposalChange, StoreError};

/// How often the store is looked at. Slower than the failure process looks while a move is on its way: the plan is mailed
/// before the move is under way.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// The channels that attempts record.
const APPROVAL: &str = "approval";
const AUTOMATIC: &str = "automatic";

/// Plans and carries out until `stop`. A move under way is finished: cut off, the next start would have to settle it.
pub(super) async fn serve(desk: Desk, stop: CancellationToken) -> Result<(), StoreError> {
    let mut lookout = Lookout::of_service();
    loop {
        match turn_with(&desk, &mut lookout).await {
            Err(error) if error.may_pass() => tracing::error!("{error}"),
            turned => turned?,
        }
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
    }
}

/// Takes every open proposal one step on, as far as it is planning and carrying out, for a command.
pub async fn turn(desk: &Desk) -> Result<(), StoreError> {
    Box::pin(turn_with(desk, &mut Lookout::of_command())).await
}

async fn turn_with(desk: &Desk, lookout: &mut Lookout) -> Result<(), StoreError> {
    // With every turn: over hours, a clock that is set right bit by bit would look like a jump.
    lookout.eyes(clock::now());
    for proposal in desk.store.open_proposals().await? {
        let resource = desk.settings.resources.get(&proposal.resource);
        let Some(resource) = resource else {
            let said = "the configuration has this resource no more";
            end(desk, &proposal, ProposalState::Withdrawn, said).await?;
            continue;
        };
        match proposal.state {
            ProposalState::Wanted => Box::pin(plan_it(desk, &proposal, resource)).await?,
            ProposalState::Approved | ProposalState::Running => {
                let Some(_lock) = desk.store.lock_proposals(&proposal.resource).await? else {
                    continue;
                };
                // Read again: whoever held the lock may have carried it on.
                match desk.store.proposal(proposal.id).await? {
                    Some(now) if now.state == ProposalState::Approved => {
                        Box::pin(carry_out(desk, &now, resource, lookout)).await?;
                    }
                    Some(now) if now.state == ProposalState::Running => {
                        Box::pin(take_up(desk, &now, resource)).await?;
                    }
                    _ => {}
                }
            }
            _ => {}
        }
    }
    Ok(())
}

fn ask(proposal: &Proposal, resource: &ResourceSettings) -> Ask {
    if let Some(plan) = &proposal.plan {
        return plan.ask.clone();
    }
    Ask {
        how: How::Auto {
            method: resource.start,
        },
        only: None,
        failure_timestamp: proposal.failure_timestamp,
        replication_time: proposal
            .replication_time
            .unwrap_or(resource.replication_time),
        allow_gap: false,
        restart: true,
    }
}

async fn made(
    desk: &Desk,
    ask: Ask,
    resource: &ResourceSettings,
) -> Result<Result<Plan, String>, StoreError> {
    let down = desk.known_down(resource).await?;
    match failover::plan_without(&desk.store, &desk.settings, resource, ask, down).await {
        Ok(plan) if plan.chosen.is_some() => Ok(Ok(plan)),
        Ok(plan) => Ok(Err(why_none(&plan))),
        Err(FailoverError::Store(error)) => Err(error),
        Err(error) => Ok(Err(error.to_string())),
    }
}

/// Why a plan moves nowhere.
fn why_none(plan: &Plan) -> String {
    let of = plan.candidates.iter().map(|verdict| {
        let why: Vec<String> = verdict.why_not.iter().map(ToString::to_string).collect();
        format!("{}: {}", verdict.dc, why.join("; "))
    });
    format!(
        "no DC may take over ({})",
        of.collect::<Vec<_>>().join(" | ")
    )
}

async fn plan_it(
    desk: &Desk,
    proposal: &Proposal,
    resource: &ResourceSettings,
) -> Result<(), StoreError> {
    match made(desk, ask(proposal, resource), resource).await? {
        Ok(plan) => {
            let change = ProposalChange {
                plan: Some(plan),
                ..ProposalChange::default()
            };
            desk.step(proposal, ProposalState::Planned, "", change, clock::now())
                .await
                .map(drop)
        }
        Err(why) => end(desk, proposal, ProposalState::NoPlan, &why).await,
    }
}

/// Ends a proposal of which nothing was done.
async fn end(
    desk: &Desk,
    proposal: &Proposal,
    to: ProposalState,
    said: &str,
) -> Result<(), StoreError> {
    let change = ProposalChange::default();
    desk.step(proposal, to, said, change, clock::now())
        .await
        .map(drop)
}

async fn carry_out(
    desk: &Desk,
    proposal: &Proposal,
    resource: &ResourceSettings,
    lookout: &mut Lookout,
) -> Result<(), StoreError> {
    if stopped(desk, proposal, lookout).await? {
        return Ok(());
    }
    let plan = match made_again(desk, proposal, resource).await? {
        Ok(plan) => plan,
        Err((state, why)) => return end(desk, proposal, state, &why).await,
    };
    let Some(order) = order(proposal, &plan) else {
        let said = "the plan cannot be written down";
        return end(desk, proposal, ProposalState::Failed, said).await;
    };
    // Planning took its time: what has come since counts as well.
    if stopped(desk, proposal, lookout).await? {
        return Ok(());
    }
    // Written down before anything is begun: a process that dies from here on leaves a trace.
    let running = desk
        .store
        .move_proposal(
            proposal.id,
            ProposalState::Approved,
            ProposalState::Running,
            ProposalChange::default(),
            clock::now(),
        )
        .await?;
    if !running {
        return Ok(());
    }
    let running = Proposal {
        state: ProposalState::Running,
        ..proposal.clone()
    };
    run(desk, &running, resource, order).await
}

/// Ends an approved proposal that something stands against by now; whether there was something.
async fn stopped(
    desk: &Desk,
    proposal: &Proposal,
    lookout: &mut Lookout,
) -> Result<bool, StoreError> {
    let now = clock::now();
    let against = desk
        .stands_against(proposal, lookout.eyes(now), now)
        .await?;
    if let Some((state, why)) = &against {
        end(desk, proposal, *state, why).await?;
    }
    Ok(against.is_some())
}

/// The plan of an approved proposal, made again; or how the proposal ends where it is no longer what was approved.
async fn made_again(
    desk: &Desk,
    proposal: &Proposal,
    resource: &ResourceSettings,
) -> Result<Result<Plan, (ProposalState, String)>, StoreError> {
    let again = Ask {
        only: to(proposal),
        ..ask(proposal, resource)
    };
    let plan = match made(desk, again, resource).await? {
        Ok(plan) => plan,
        Err(why) => {
            let said = format!("planned again: {why}; nothing was done");
            return Ok(Err((ProposalState::Stale, said)));
        }
    };
    if Some(plan.hash.as_str()) != proposal.plan_hash() {
        let said = format!(
            "planned again it is another plan ({} instead of {}): nothing was done",
            plan.hash,
            proposal.plan_hash().unwrap_or("none")
        );
        return Ok(Err((ProposalState::Stale, said)));
    }
    // The hash is of what would be done, not of what is known of it.
    if let Some(risk) = plan.needs_person().filter(|_| proposal.runs_by_itself) {
        let said = format!("planned again it may skip changes, which takes a person: {risk}");
        return Ok(Err((ProposalState::Withdrawn, said)));
    }
    if let Some(risk) = plan.unseen_risk(proposal.plan.as_ref()) {
        let said = format!(
            "planned again it may skip changes, which the plan that was approved did not say: {risk}; nothing was done"
        );
        return Ok(Err((ProposalState::Stale, said)));
    }
    Ok(Ok(plan))
}

/// Carries the order of a running proposal out.
async fn run(
    desk: &Desk,
    running: &Proposal,
    resource: &ResourceSettings,
    order: Order,
) -> Result<(), StoreError> {
    let consumer = Consumer::new(&resource.name, &resource.consumer, &desk.store);
    let progress = |step: &crate::model::StepReport| {
        tracing::info!(resource = %running.resource, step = %step.step, failed = step.failed, "{}", step.outcome);
    };
    let (state, attempt, said) =
        match failover::apply(&desk.store, &consumer, order, progress).await {
            Ok(applied) => (
                ProposalState::Done,
                Some(applied.attempt),
                applied.sync.to_string(),
            ),
            // The attempt stays open: it is taken up with the next turn.
            Err(error @ (ApplyError::Store(_) | ApplyError::Unsettled { .. })) => {
                tracing::error!(resource = %running.resource, "{error}");
                return Ok(());
            }
            Err(error) if error.is_stale() => (ProposalState::Stale, None, error.to_string()),
            Err(error) => (ProposalState::Failed, None, error.to_string()),
        };
    let change = ProposalChange {
        attempt,
        ..ProposalChange::default()
    };
    desk.step(running, state, &said, change, clock::now())
        .await
        .map(drop)
}

/// The DC that the proposal's plan moves to. While changes go on, another one may be the closest by now: the one that was
/// shown is asked of, not the best of this moment.
fn to(proposal: &Proposal) -> Option<DcName> {
    let chosen = proposal.plan.as_ref()?.chosen.as_ref()?;
    Some(chosen.switch.to.clone())
}

fn order(proposal: &Proposal, plan: &Plan) -> Option<Order> {
    let chosen = plan.chosen.as_ref()?;
    let (who, channel) = if proposal.runs_by_itself {
        ("the failure process".to_owned(), AUTOMATIC)
    } else {
        (proposal.answered_by.clone().unwrap_or_default(), APPROVAL)
    };
    let order = failover::order(plan, chosen, who).ok()?;
    Some(Order {
        channel: channel.to_owned(),
        ..order
    })
}

/// What became of a move whose process died: settled, then read from the attempts.
async fn take_up(
    desk: &Desk,
    proposal: &Proposal,
    resource: &ResourceSettings,
) -> Result<(), StoreError> {
    let consumer = Consumer::new(&resource.name, &resource.consumer, &desk.store);
    if let Err(error) =
        failover::resume(&desk.store, &consumer, "the failure process", |_| {}).await
    {
        tracing::error!(resource = %resource.name, "an unfinished failover stays open: {error}");
        return Ok(());
    }
    let since: UtcMs = proposal.answered_at.unwrap_or(proposal.made_at);
    let attempts = desk.store.attempts(&resource.name, 10).await?;
    let own = attempts.into_iter().find(|attempt| {
        attempt.made_at >= since && Some(attempt.plan_hash.as_str()) == proposal.plan_hash()
    });
    let (state, attempt, said) = match own {
        Some(attempt) if attempt.ended_at.is_none() => return Ok(()),
        Some(attempt) => {
            let state = if attempt.state.has_switched() {
                ProposalState::Done
            } else {
                ProposalState::Failed
            };
            (state, Some(attempt.id), attempt.outcome.unwrap_or_default())
        }
        None => (
            ProposalState::Failed,
            None,
            "the process that carried it out died before it began; nothing was done".to_owned(),
        ),
    };
    let change = ProposalChange {
        attempt,
        ..ProposalChange::default()
    };
    desk.step(proposal, state, &said, change, clock::now())
        .await
        .map(drop)
}
