//! A plan as text: what was asked, a line per candidate, why or why not, and the move.

use std::fmt::Write as _;

use super::output::{Output, table};
use crate::model::{
    Chosen, Evidence, How, Plan, StartMethod, StartPoint, Verdict, WhyNoStart, WhyNot,
};

/// The whole plan for a person.
pub(super) fn render(plan: &Plan, output: &Output) -> String {
    let mut text = String::new();
    let cursor = &plan.cursor.cursor;
    line(
        &mut text,
        "resource",
        format!(
            "{}, reading {} ({})",
            plan.resource,
            plan.source,
            host(plan)
        ),
    );
    line(
        &mut text,
        "cursor",
        format!(
            "lastUpdated {}, lastDeleted {}",
            cursor.last_updated, cursor.last_deleted
        ),
    );
    line(&mut text, "asked", asked(plan));
    text.push('\n');
    text.push_str(&output.draw(candidates(plan)));
    text.push('\n');
    for verdict in &plan.candidates {
        reasons(&mut text, verdict);
    }
    for warning in &plan.warnings {
        line(&mut text, "warning", warning.to_string());
    }
    text.push('\n');
    match &plan.chosen {
        Some(chosen) => the_move(&mut text, plan, chosen),
        None => line(
            &mut text,
            "no move",
            "no DC may take over now, for the reasons above",
        ),
    }
    text.truncate(text.trim_end().len());
    text
}

fn line(text: &mut String, label: &str, value: impl std::fmt::Display) {
    // Writing to a String cannot fail.
    _ = writeln!(text, "{label:<9} {value}");
}

fn host(plan: &Plan) -> &str {
    let cursor = &plan.cursor.cursor;
    cursor
        .global_catalog
        .as_deref()
        .unwrap_or(&cursor.ldap_host)
}

fn asked(plan: &Plan) -> String {
    let how = match &plan.ask.how {
        How::Manual { usn_date } => return format!("by hand, the sample of {usn_date}"),
        How::Auto {
            method: StartMethod::Best,
        } => "the best start",
        How::Auto {
            method: StartMethod::Time,
        } => "a start by time",
        How::Auto {
            method: StartMethod::Vector,
        } => "a start by vector",
    };
    match (plan.failure_timestamp, plan.target) {
        (Some(failure), Some(target)) => {
            let given = match plan.ask.failure_timestamp {
                None => " (last good, from the samples)".to_owned(),
                Some(given) if given > failure => {
                    format!(" (last good, from the samples; {given} was given)")
                }
                Some(_) => String::new(),
            };
            format!(
                "{how}; failure {failure}{given} less {} is target {target}",
                plan.ask.replication_time
            )
        }
        _ => how.to_owned(),
    }
}

fn candidates(plan: &Plan) -> comfy_table::Table {
    let mut rows = table(&[
        "DC",
        "VERDICT",
        "SITE",
        "AT USN",
        "BY VECTOR",
        "BY TIME",
        "READ AT MOST",
        "GHOSTS TO CURSOR",
        "LAG",
    ]);
    for verdict in &plan.candidates {
        let chosen = plan
            .chosen
            .as_ref()
            .filter(|chosen| chosen.switch.to == verdict.dc);
        let word = match (chosen, verdict.why_not.is_empty()) {
            (Some(_), _) => "chosen",
            (None, true) => "eligible",
            (None, false) => "out",
        };
        let starts = verdict.starts.as_ref();
        let read = chosen.map(|chosen| chosen.start.read_at_most).or_else(|| {
            let starts = starts?;
            let best = starts.best.as_ref().map(|best| &best.start);
            best.or(starts.vector.as_ref().ok())
                .or(starts.time.as_ref().ok())
                .map(|start| start.read_at_most)
        });
        rows.add_row(vec![
            verdict.dc.to_string(),
            word.to_owned(),
            verdict.site.clone().unwrap_or_else(|| "-".to_owned()),
            dash(verdict.committed),
            start(starts.map(|starts| &starts.vector)),
            start(starts.map(|starts| &starts.time)),
            dash(read),
            dash(verdict.ghosts_at_most),
            verdict
                .lag_ms
                .map_or_else(|| "-".to_owned(), |ms| format!("{ms} ms")),
        ]);
    }
    rows
}

fn dash(value: Option<impl ToString>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}

fn start(start: Option<&Result<StartPoint, WhyNoStart>>) -> String {
    dash(
        start
            .and_then(|start| start.as_ref().ok())
            .map(|start| start.usn),
    )
}

fn reasons(text: &mut String, verdict: &Verdict) {
    // Of the DC in use nobody asks why it gives no start.
    let in_use = verdict.why_not.contains(&WhyNot::InUse);
    let told = verdict
        .why_not
        .iter()
        .filter(|why| !in_use || !matches!(why, WhyNot::NoStart { .. }));
    for why in told {
        line(text, verdict.dc.as_str(), format!("out: {why}"));
    }
    if !verdict.why_not.is_empty() {
        return;
    }
    let Some(starts) = &verdict.starts else {
        return;
    };
    for (method, start) in [("vector", &starts.vector), ("time", &starts.time)] {
        if let Err(why) = start {
            line(
                text,
                verdict.dc.as_str(),
                format!("no start by {method}: {why}"),
            );
        }
    }
}

fn the_move(text: &mut String, plan: &Plan, chosen: &Chosen) {
    let (old, new) = (&plan.cursor.cursor, &chosen.switch.new);
    let to = match (
        &new.global_catalog,
        new.global_catalog == old.global_catalog,
    ) {
        (Some(catalog), false) => format!("global catalog {catalog}"),
        _ => new.ldap_host.clone(),
    };
    let proof = if chosen.start.proven {
        "proven: nothing is skipped"
    } else {
        "not proven"
    };
    line(
        text,
        "move",
        format!(
            "{} → {to}, lastUpdated and lastDeleted {}",
            host(plan),
            chosen.start.usn
        ),
    );
    line(
        text,
        "start",
        format!(
            "by {}, {proof}; {}",
            chosen.method.by(),
            evidence(plan, &chosen.start.evidence)
        ),
    );
    line(
        text,
        "read",
        format!(
            "at most {} changes, repeats included",
            chosen.start.read_at_most
        ),
    );
    let restart = if chosen.switch.restart {
        "stop, rewrite, start"
    } else {
        "stop, rewrite, leave stopped"
    };
    line(text, "sync", restart.to_owned());
    line(text, "plan", plan.hash.clone());
}

fn evidence(plan: &Plan, evidence: &Evidence) -> String {
    match evidence {
        Evidence::SourceSample {
            collected_at,
            committed_after,
        } => format!(
            "the vector of {} of {collected_at}, complete at its USN {committed_after}, which the cursor has passed",
            plan.source
        ),
        Evidence::LastSwitch { since } => format!("what was known at the switch of {since}"),
        Evidence::NothingRead => {
            "the cursor stands at 0, so everything is read in any case".to_owned()
        }
        Evidence::OwnCookie => {
            "the consumer's own cookie, which is kept and says what it holds of every DC".to_owned()
        }
        Evidence::Reset => "the cursor is removed, so everything is read again".to_owned(),
        Evidence::Feed { since, margin: 0 } => {
            format!("what the feed held when its cursor was written at {since}")
        }
        Evidence::Feed { since, margin } => format!(
            "what the feed held when its cursor was written at {since}, less {margin} USNs, since the history is too \
             short for a start by time"
        ),
        Evidence::FullPass { since: Some(since) } => {
            format!("the pass over everything under way since {since} begins anew there")
        }
        Evidence::FullPass { since: None } => {
            "the feed reads everything anew there, as ordered with --allow-gap".to_owned()
        }
        Evidence::BackupSample {
            collected_at,
            target: Some(target),
        } => {
            format!("the sample of {collected_at}, the last before {target}")
        }
        Evidence::BackupSample {
            collected_at,
            target: None,
        } => format!("the sample of {collected_at}"),
    }
}
