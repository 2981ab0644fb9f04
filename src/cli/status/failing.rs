//! The failure process in `status`: a line of a table for each incident, and what waits for a person.

use std::fmt::Write as _;

use super::{age, dash};
use crate::cli::Context;
use crate::cli::output::table;
use crate::status::{FailuresStatus, OpenIncident, OpenProposal, Status};

/// Adds incidents, proposals, pauses and undelivered notices, where there are any.
pub(super) fn add(text: &mut String, status: &Status, context: &Context) {
    let failures = &status.failures;
    if !failures.incidents.is_empty() {
        let mut rows = table(&[
            "INCIDENT", "RESOURCE", "DC", "OUTCOME", "SINCE", "FAILURES", "NEWEST", "TOLD",
            "ACTION",
        ]);
        for one in &failures.incidents {
            rows.add_row(vec![
                one.id.to_string(),
                one.resource.to_string(),
                one.dc.as_ref().map_or_else(dash, ToString::to_string),
                one.outcome.to_string(),
                age(Some(one.opened_at), status.at),
                one.failures.to_string(),
                age(Some(one.last_failure_at), status.at),
                age(one.told_at, status.at),
                action(one),
            ]);
        }
        text.push_str("\n\n");
        text.push_str(&context.output.draw(rows));
    }
    for one in &failures.incidents {
        for why in &one.why {
            // Writing to a String cannot fail.
            _ = write!(text, "\nincident {}: {why}", one.id);
        }
    }
    notes(text, failures);
}

fn action(incident: &OpenIncident) -> String {
    match (&incident.acknowledged_by, incident.action) {
        (Some(by), _) => format!("acknowledged by {by}"),
        (None, Some(action)) => action.to_string(),
        (None, None) => "new".to_owned(),
    }
}

fn notes(text: &mut String, failures: &FailuresStatus) {
    for one in &failures.proposals {
        _ = write!(text, "\n\n{}", proposed(one));
    }
    for pause in &failures.pauses {
        let of = pause.resource.as_ref().map_or("all", |name| name.as_str());
        _ = write!(
            text,
            "\n\n{of}: paused by {} until {}: {}",
            pause.owner, pause.until, pause.reason
        );
    }
    let notices = &failures.notices;
    if notices.queued > 0 {
        let since = notices.oldest.map_or_else(dash, |at| at.to_string());
        let problem = notices.problem.as_deref();
        _ = write!(
            text,
            "\n\nnotices: {} not delivered yet, the oldest of {since}{}",
            notices.queued,
            problem.map_or_else(String::new, |problem| format!("; {problem}"))
        );
    }
    if notices.held_back > 0 {
        _ = write!(
            text,
            "\n\nnotices: {} held back by most_per_hour",
            notices.held_back
        );
    }
    if notices.dead > 0 {
        _ = write!(
            text,
            "\n\nnotices: {} refused for good; `highwater mail queue` says why, `highwater mail resend` sends them again",
            notices.dead
        );
    }
}

fn proposed(one: &OpenProposal) -> String {
    let to = one
        .to
        .as_ref()
        .map_or_else(String::new, |to| format!(" to {to}"));
    let answer = one.expires_at.map_or_else(String::new, |at| {
        format!(
            "; `highwater approve {0}` or `reject {0}` before {at}",
            one.id
        )
    });
    format!(
        "{}: proposal {} of a move{to} is {}{answer}",
        one.resource, one.id, one.state
    )
}
