//! What a notice says: put together from the store's facts.

use std::collections::BTreeMap;

use super::decide;
use super::desk::{Desk, Facts};
use super::render::{Asked, Content, Evidence, Told, plan_lines};
use crate::model::{
    DcName, Incident, NoticeKind, Outcome, Proposal, ProposalState, ResourceName, Sighting, UtcMs,
    WhyWait,
};
use crate::store::StoreError;

/// How many failures' errors a notice shows.
const FAILURES: u32 = 3;
/// The most errors of an incident that a notice shows, and the most characters of each.
const ERRORS: usize = 5;
const ERROR: usize = 1_000;

impl Desk {
    pub(super) fn empty(&self, kind: NoticeKind, headline: String, now: UtcMs) -> Content {
        Content {
            kind,
            at: now,
            headline,
            said: String::new(),
            incidents: Vec::new(),
            evidence: Vec::new(),
            proposal: None,
            plan: Vec::new(),
            commands: Vec::new(),
            held_back: Vec::new(),
            host: self.host.clone(),
            version: env!("CARGO_PKG_VERSION"),
        }
    }

    /// A notice about incidents of one kind.
    pub(super) async fn about(
        &self,
        kind: NoticeKind,
        incidents: &[(&Incident, &Facts)],
        now: UtcMs,
    ) -> Result<Content, StoreError> {
        let names: Vec<&str> = incidents
            .iter()
            .map(|(one, _)| one.resource.as_str())
            .collect();
        let first = incidents.first().map(|(one, _)| one);
        let of = first
            .and_then(|one| one.dc.as_ref())
            .map_or_else(String::new, |dc| format!(" of {dc}"));
        let outcome = first.map_or("failure", |one| one.outcome.code());
        let headline = match (names.as_slice(), outcome) {
            ([name], "outage") if kind == NoticeKind::Resolved => {
                format!("{name}: outage{of} is over")
            }
            ([name], outcome) if kind == NoticeKind::Resolved => {
                format!("{name}: the sync no longer fails ({outcome})")
            }
            ([name], "outage") => format!("{name}: outage{of}"),
            ([name], outcome) => format!("{name}: the sync fails ({outcome})"),
            (names, outcome) => format!(
                "{} syncs: {outcome}{of} ({})",
                names.len(),
                names.join(", ")
            ),
        };
        let mut content = self.empty(kind, headline, now);
        let mut sightings = BTreeMap::new();
        for (incident, facts) in incidents {
            content.incidents.push(self.told(incident).await?);
            let seen = facts.sightings.iter();
            sightings.extend(seen.map(|(dc, seen)| (dc.clone(), seen.clone())));
            if incident.resolved_at.is_none() && kind != NoticeKind::Resolved {
                content
                    .commands
                    .push(format!("highwater plan {}", incident.resource));
                content
                    .commands
                    .push(format!("highwater incidents show {}", incident.id));
                content
                    .commands
                    .push(format!("highwater incidents ack {}", incident.id));
            }
        }
        content.evidence = self.evidence(&sightings, now).await?;
        if let Some((incident, facts)) = incidents.first()
            && kind != NoticeKind::Resolved
        {
            content.said = self.probes_alone(incident, facts.dc.as_ref(), &facts.sightings, now);
        }
        Ok(content)
    }

    /// What the probes say of the DC in use where the errors say nothing; empty where they do not call it down.
    fn probes_alone(
        &self,
        incident: &Incident,
        dc: Option<&DcName>,
        sightings: &BTreeMap<DcName, Vec<Sighting>>,
        now: UtcMs,
    ) -> String {
        let safety = &self.settings.on_error.safety;
        let is_down = |dc: &&DcName| decide::probes(dc, sightings, safety, now).is_empty();
        let is_unknown = incident.outcome == Outcome::Unknown;
        let Some(dc) = dc.filter(|_| is_unknown).filter(is_down) else {
            return String::new();
        };
        let others: Vec<&str> = decide::answering(dc, sightings)
            .into_iter()
            .map(DcName::as_str)
            .collect();
        let others = match others.as_slice() {
            [] => "no other DC answers".to_owned(),
            names => format!("others answer: {}", names.join(", ")),
        };
        format!("No rule recognises the errors. By our probes {dc} is down; {others}.")
    }

    /// What was seen of each DC.
    async fn evidence(
        &self,
        sightings: &BTreeMap<DcName, Vec<Sighting>>,
        now: UtcMs,
    ) -> Result<Vec<Evidence>, StoreError> {
        let mut evidence = Vec::new();
        for (dc, seen) in sightings {
            evidence.push(Evidence {
                dc: dc.to_string(),
                text: self.seen(dc, seen, now).await?,
            });
        }
        Ok(evidence)
    }

    pub(super) async fn told(&self, incident: &Incident) -> Result<Told, StoreError> {
        let process = self.process(&incident.resource).map(|(_, process)| process);
        let rule = process.and_then(|one| decide::rule_named(one, incident.rule.as_deref()));
        let mut errors: Vec<String> = Vec::new();
        for failure in self.store.failures_of(incident.id, FAILURES).await? {
            for error in decide::telling(&failure.errors, rule, ERRORS) {
                let error = decide::shortened(error, ERROR);
                if errors.len() < ERRORS && !errors.contains(&error) {
                    errors.push(error);
                }
            }
        }
        // What stands in the way of a move is of no interest where none is wanted any more.
        let is_over = incident.resolved_at.is_some();
        let stance = incident.stance.as_ref().filter(|_| !is_over);
        let why: &[WhyWait] = stance.map_or(&[], |stance| &stance.why);
        Ok(Told {
            id: incident.id,
            resource: incident.resource.to_string(),
            dc: incident.dc.as_ref().map(ToString::to_string),
            opened_at: incident.opened_at,
            resolved_at: incident.resolved_at,
            failures: incident.failures,
            last_failure_at: incident.last_failure_at,
            outcome: incident.outcome.to_string(),
            rule: incident.rule.clone(),
            resolution: incident.resolution.clone(),
            errors,
            why: why.iter().map(ToString::to_string).collect(),
        })
    }

    /// What was seen of a DC, in a line.
    pub(super) async fn seen(
        &self,
        dc: &DcName,
        seen: &[Sighting],
        now: UtcMs,
    ) -> Result<String, StoreError> {
        let Some(last) = seen.last() else {
            return Ok("not looked at lately".to_owned());
        };
        let ago = now.ms_since(last.at).max(0) / 1_000;
        if last.failed.is_none() {
            return Ok(format!("answered {ago} s ago"));
        }
        let row = seen
            .iter()
            .rev()
            .take_while(|one| one.failed.is_some())
            .count();
        let words = self.store.newest_failure_of(dc).await?;
        let words = words.map_or_else(String::new, |failure| failure.to_string());
        Ok(format!(
            "failed {row} times in a row, last {ago} s ago: {words}"
        ))
    }

    /// A notice about a proposal, or what became of it.
    pub(super) async fn of_proposal(
        &self,
        proposal: &Proposal,
        incident: Option<&Incident>,
        state: ProposalState,
        said: &str,
        now: UtcMs,
    ) -> Result<Content, StoreError> {
        let (kind, headline) = headline(proposal, state);
        let mut content = self.empty(kind, headline, now);
        said.clone_into(&mut content.said);
        if let Some(incident) = incident {
            // What it waited for is the plan that stands below.
            let told = self.told(incident).await?;
            content.incidents.push(Told {
                why: Vec::new(),
                ..told
            });
            if let Some(resource) = self.settings.resources.get(&proposal.resource) {
                let dc = self.dc_in_use(resource).await?;
                let sightings = self.sightings(resource, dc.as_ref(), now).await?;
                if state == ProposalState::Waiting {
                    let probes = self.probes_alone(incident, dc.as_ref(), &sightings, now);
                    let said = format!("{probes} {said}");
                    said.trim().clone_into(&mut content.said);
                }
                content.evidence = self.evidence(&sightings, now).await?;
            }
        }
        content.proposal = Some(Asked {
            id: proposal.id,
            state: state.to_string(),
            by: proposal.proposed_by.clone(),
            answered: answered(proposal),
            expires_at: proposal
                .expires_at
                .filter(|_| state == ProposalState::Waiting),
        });
        content.plan = proposal.plan.as_ref().map(plan_lines).unwrap_or_default();
        content.commands = commands(&proposal.resource, proposal.id, state);
        Ok(content)
    }
}

/// The kind and the headline of what is told of a proposal in this state.
fn headline(proposal: &Proposal, state: ProposalState) -> (NoticeKind, String) {
    let (resource, id) = (&proposal.resource, proposal.id);
    let plan = proposal.plan.as_ref();
    let to = plan.and_then(|plan| plan.chosen.as_ref());
    let to = to.map_or("another DC", |chosen| chosen.switch.to.as_str());
    let from = plan.map_or("the DC in use", |plan| plan.source.as_str());
    let headline = match state {
        ProposalState::Waiting => format!("{resource}: move from {from} to {to}?"),
        ProposalState::Done => format!("{resource} was moved from {from} to {to}"),
        ProposalState::Failed => format!("{resource}: the move to {to} failed"),
        ProposalState::NoPlan => format!("{resource}: no DC may take over"),
        ProposalState::Rejected => format!("{resource}: the move to {to} was rejected"),
        ProposalState::Expired => format!("{resource}: nobody approved the move to {to} in time"),
        ProposalState::Stale => format!("{resource}: the plan to move to {to} no longer holds"),
        ProposalState::Withdrawn => format!("{resource}: no move to {to} is needed any more"),
        ProposalState::Wanted
        | ProposalState::Planned
        | ProposalState::Approved
        | ProposalState::Running => format!("{resource}: proposal {id} is {state}"),
    };
    let kind = if state == ProposalState::Waiting {
        NoticeKind::Proposed
    } else {
        NoticeKind::Moved
    };
    (kind, headline)
}

/// Who said yes or no, and why.
fn answered(proposal: &Proposal) -> Option<String> {
    if proposal.runs_by_itself {
        return Some("by nobody: auto_failover is \"on\"".to_owned());
    }
    let by = proposal.answered_by.as_ref()?;
    Some(match &proposal.reason {
        Some(reason) => format!("{by}: {reason}"),
        None => by.clone(),
    })
}

fn commands(resource: &ResourceName, id: i64, state: ProposalState) -> Vec<String> {
    match state {
        ProposalState::Waiting => vec![
            format!("highwater approve {id} --reason 'the DC is down'"),
            format!("highwater reject {id} --reason '...'"),
            format!("highwater pause {resource} --for 2h --reason '...'"),
        ],
        ProposalState::Done => vec![
            format!("highwater status {resource}"),
            format!("highwater attempts {resource}"),
            format!("highwater undo {resource} --dry-run"),
        ],
        _ => vec![
            format!("highwater plan {resource}"),
            format!("highwater failover {resource}"),
            format!("highwater attempts {resource}"),
        ],
    }
}

/// Whether the DC in use is known to live since the last failure of the incident.
pub(super) fn lives(incident: &Incident, facts: &Facts) -> bool {
    facts
        .dc
        .as_ref()
        .is_some_and(|dc| decide::has_passed(dc, &facts.sightings, incident.last_failure_at))
}
