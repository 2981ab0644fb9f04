//! A plan in lines for a mail, and the sample that templates are tried with.

use super::{Asked, Content, Evidence, Told};
use crate::model::{NoticeKind, Plan, UtcMs, Verdict};

/// What an approver has to know of a plan, line by line.
pub fn plan_lines(plan: &Plan) -> Vec<String> {
    let mut lines = Vec::new();
    let old = &plan.cursor.cursor;
    match &plan.chosen {
        Some(chosen) => {
            let (new, proven) = (&chosen.switch.new, chosen.start.proven);
            lines.push(format!(
                "move       {} ({}) -> {} ({})",
                plan.source,
                old.global_catalog.as_deref().unwrap_or(&old.ldap_host),
                chosen.switch.to,
                new.global_catalog.as_deref().unwrap_or(&new.ldap_host),
            ));
            lines.push(format!(
                "cursor     {}/{} on {} -> {}/{} on {} (lastUpdated/lastDeleted)",
                old.last_updated,
                old.last_deleted,
                plan.source,
                new.last_updated,
                new.last_deleted,
                chosen.switch.to,
            ));
            let proof = if proven {
                "proven: nothing is skipped"
            } else {
                "NOT proven"
            };
            lines.push(format!("start      by {}, {proof}", chosen.method.by()));
            lines.push(format!(
                "read       at most {} changes, repeats included",
                chosen.start.read_at_most
            ));
            if let Some(ghosts) = chosen.ghosts_at_most.filter(|ghosts| *ghosts > 0) {
                lines.push(format!(
                    "only there at most {ghosts} changes of {} are unknown on {}",
                    plan.source, chosen.switch.to
                ));
            }
        }
        None => lines.push("move       none: no DC may take over now".to_owned()),
    }
    lines.extend(
        plan.candidates
            .iter()
            .map(|verdict| candidate(verdict, plan)),
    );
    lines.extend(
        plan.warnings
            .iter()
            .map(|warning| format!("warning    {warning}")),
    );
    // Enough of it to tell plans apart; the whole of it is in the attempt.
    let hash: String = plan.hash.chars().take(16).collect();
    lines.push(format!("plan       {hash}"));
    lines
}

fn candidate(verdict: &Verdict, plan: &Plan) -> String {
    let chosen = plan
        .chosen
        .as_ref()
        .is_some_and(|chosen| chosen.switch.to == verdict.dc);
    let why: Vec<String> = verdict.why_not.iter().map(ToString::to_string).collect();
    let word = match (chosen, why.is_empty()) {
        _ if verdict.dc == plan.source => "the source".to_owned(),
        (true, _) => "chosen".to_owned(),
        (false, true) => "eligible".to_owned(),
        (false, false) => format!("out: {}", why.join("; ")),
    };
    format!("{:<10} {word}", verdict.dc.as_str())
}

/// A notice of this kind with something in every place, as `mail preview` shows it.
pub fn sample(kind: NoticeKind) -> Content {
    let at = UtcMs::from_millis(1_795_339_000_000);
    let asked = matches!(kind, NoticeKind::Proposed | NoticeKind::Moved);
    let over = kind == NoticeKind::Resolved;
    Content {
        kind,
        at,
        headline: match kind {
            NoticeKind::Opened | NoticeKind::Changed | NoticeKind::Repeated => {
                "hr: outage of dc1".to_owned()
            }
            NoticeKind::Proposed => "hr: move from dc1 to dc2?".to_owned(),
            NoticeKind::Moved => "hr was moved from dc1 to dc2".to_owned(),
            NoticeKind::Resolved => "hr: outage of dc1 is over".to_owned(),
            NoticeKind::HeldBack => "2 notices were held back".to_owned(),
            NoticeKind::Trial => "this is a trial".to_owned(),
        },
        said: "This is a sample: nothing has happened.".to_owned(),
        incidents: vec![Told {
            id: 12,
            resource: "hr".to_owned(),
            dc: Some("dc1".to_owned()),
            opened_at: at.minus_ms(95_000),
            resolved_at: over.then_some(at),
            failures: 3,
            last_failure_at: at.minus_ms(5_000),
            outcome: "outage".to_owned(),
            rule: Some("refused".to_owned()),
            resolution: over.then(|| "moved to dc2".to_owned()),
            errors: vec![
                "javax.naming.CommunicationException: dc1.example.com:389 [Root exception is \
                 java.net.ConnectException: Connection refused (Connection refused)]"
                    .to_owned(),
            ],
            why: if asked || over {
                Vec::new()
            } else {
                vec![
                    "dc1 answered us at 2026-11-22T10:16:38.000Z: it is not down; the trouble is in the sync, or between the \
                     two"
                        .to_owned(),
                ]
            },
        }],
        evidence: vec![
            Evidence {
                dc: "dc1".to_owned(),
                text: if asked || over {
                    "failed 3 times in a row, last 2 s ago: refused: connection refused"
                } else {
                    "answered 2 s ago"
                }
                .to_owned(),
            },
            Evidence {
                dc: "dc2".to_owned(),
                text: "answered 12 s ago".to_owned(),
            },
        ],
        proposal: asked.then(|| Asked {
            id: 4,
            state: if kind == NoticeKind::Proposed {
                "waiting"
            } else {
                "done"
            }
            .to_owned(),
            by: None,
            answered: (kind == NoticeKind::Moved).then(|| "anna on sync1: dc1 is down".to_owned()),
            expires_at: (kind == NoticeKind::Proposed).then(|| at.plus_ms(3_600_000)),
        }),
        plan: if asked {
            vec![
                "move       dc1 (dc1.example.com) -> dc2 (dc2.example.com)".to_owned(),
                "cursor     48213/48213 on dc1 -> 35177/35177 on dc2 (lastUpdated/lastDeleted)"
                    .to_owned(),
                "start      by vector, proven: nothing is skipped".to_owned(),
            ]
        } else {
            Vec::new()
        },
        commands: if kind == NoticeKind::Proposed {
            vec![
                "highwater approve 4 --reason 'dc1 is down'".to_owned(),
                "highwater reject 4 --reason '...'".to_owned(),
            ]
        } else {
            vec!["highwater incidents show 12".to_owned()]
        },
        held_back: if kind == NoticeKind::HeldBack {
            vec![
                "hr: outage of dc1".to_owned(),
                "crm: outage of dc1".to_owned(),
            ]
        } else {
            Vec::new()
        },
        host: "sync1".to_owned(),
        version: env!("CARGO_PKG_VERSION"),
    }
}
