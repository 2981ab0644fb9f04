//! `approve` and `reject`: answers to proposals.

use std::fmt::Write as _;

use super::{CliError, Context, Exit, user};
use crate::clock;
use crate::config::Secrets;
use crate::model::{Proposal, ProposalState, in_a_line};
use crate::on_error::{AnswerError, Desk};

const EXAMPLES: &str = "\
Examples:
  highwater approve 4 --reason 'dc1 is down'

The plan of the proposal is made again and compared first. If it is another one
by now, nothing is done and a new proposal is made. The service carries the plan
out; if no `highwater run` is alive, this command does.";

const REJECT_EXAMPLES: &str = "\
Examples:
  highwater reject 4 --reason 'dc1 is being patched'

Nothing is proposed again for this incident. An automatic move can be rejected
until it starts.";

/// Approves a proposed failover, as the operating-system user you are
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The proposal, as the mail and `incidents` name it
    pub proposal: i64,
    /// Why; kept with the proposal and sent with the notices
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
}

/// Rejects a proposed failover, as the operating-system user you are
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = REJECT_EXAMPLES)]
pub struct RejectArgs {
    /// The proposal, as the mail and `incidents` name it
    pub proposal: i64,
    /// Why; kept with the proposal and sent with the notices
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
}

/// Approves; waits until the plan is carried out.
pub async fn run(args: Args, context: &Context) -> Result<Exit, CliError> {
    Box::pin(answer(args.proposal, args.reason, true, context)).await
}

/// Rejects.
pub async fn reject(args: RejectArgs, context: &Context) -> Result<Exit, CliError> {
    Box::pin(answer(args.proposal, Some(args.reason), false, context)).await
}

async fn answer(
    id: i64,
    reason: Option<String>,
    approved: bool,
    context: &Context,
) -> Result<Exit, CliError> {
    let settings = context.settings(Secrets::Resolve)?;
    let desk = super::on_error::desk(settings, context).await?;
    let person = user::person().await;
    let answered = desk
        .answer(id, &person, approved, reason, clock::now())
        .await;
    let mut proposal = match answered {
        Ok(proposal) => {
            let word = if approved { "approved" } else { "rejected" };
            context.message(format!("proposal {id} {word} by {}", person.who));
            proposal
        }
        Err(AnswerError::Store(error)) => return Err(error.into()),
        Err(unknown @ AnswerError::Unknown(_)) => {
            return Err(CliError::Usage(unknown.to_string()));
        }
        Err(refused) => match under_way(&desk, id, approved).await? {
            Some(proposal) => {
                context.message(format!("{refused}; it is carried on"));
                proposal
            }
            None => {
                return Err(CliError::Refused {
                    reason: refused.to_string(),
                });
            }
        },
    };
    if approved {
        proposal = super::on_error::until_ended(&desk, proposal).await?;
    } else if !desk.store.service_is_alive().await? {
        desk.send_due().await?;
    }
    context.output.show(&proposal, || drawn(&proposal))?;
    Ok(if approved {
        exit_of_approval(proposal.state)
    } else {
        super::on_error::exit_of(proposal.state)
    })
}

/// How an approval ends: well only where the sync was moved.
fn exit_of_approval(state: ProposalState) -> Exit {
    match state {
        ProposalState::Done => Exit::Ok,
        ProposalState::Failed => Exit::Failed,
        // Longer than it is waited for.
        ProposalState::Approved | ProposalState::Running => Exit::Partial,
        ProposalState::NoPlan
        | ProposalState::Stale
        | ProposalState::Expired
        | ProposalState::Withdrawn
        | ProposalState::Rejected
        | ProposalState::Wanted
        | ProposalState::Planned
        | ProposalState::Waiting => Exit::Refused,
    }
}

/// A proposal that was approved and not brought to its end: whoever did that may have died.
async fn under_way(desk: &Desk, id: i64, approved: bool) -> Result<Option<Proposal>, CliError> {
    let proposal = desk.store.proposal(id).await?;
    let open =
        |one: &Proposal| matches!(one.state, ProposalState::Approved | ProposalState::Running);
    Ok(proposal.filter(|one| approved && open(one)))
}

/// One proposal for a person.
pub(super) fn drawn(proposal: &Proposal) -> String {
    let mut text = format!(
        "proposal {} for {}: {}",
        proposal.id, proposal.resource, proposal.state
    );
    let to = proposal.plan.as_ref().and_then(|plan| plan.chosen.as_ref());
    if let Some(chosen) = to {
        // Writing to a String cannot fail.
        _ = write!(text, "; to {}", chosen.switch.to);
    }
    if let Some(by) = &proposal.answered_by {
        // Writing to a String cannot fail.
        _ = write!(text, "; answered by {by}");
    }
    if let Some(reason) = &proposal.reason {
        // Writing to a String cannot fail.
        _ = write!(text, " ({})", in_a_line(reason));
    }
    if let Some(at) = proposal.expires_at.filter(|_| !proposal.state.is_ended()) {
        // Writing to a String cannot fail.
        _ = write!(text, "; to be answered before {at}");
    }
    if let Some(outcome) = &proposal.outcome {
        // Writing to a String cannot fail.
        _ = write!(text, "\n  {outcome}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{Exit, ProposalState, exit_of_approval};

    #[test]
    fn an_approval_ends_well_only_where_the_sync_was_moved() {
        for (state, exit) in [
            (ProposalState::Done, Exit::Ok),
            (ProposalState::Failed, Exit::Failed),
            (ProposalState::Running, Exit::Partial),
            (ProposalState::Approved, Exit::Partial),
            (ProposalState::Withdrawn, Exit::Refused),
            (ProposalState::Stale, Exit::Refused),
            (ProposalState::Expired, Exit::Refused),
        ] {
            assert_eq!(exit_of_approval(state), exit, "{state}");
        }
    }
}
