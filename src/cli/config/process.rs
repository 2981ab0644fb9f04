//! How `config show` shows the failure process, secrets left out and shipped rules as a number.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::feed::secret;
use super::trusted;
use crate::config::{Channel, Hook, MailSecurity, MailServer, OnError, Process, Rule, Scope};

fn span(span: Duration) -> String {
    humantime::format_duration(span).to_string()
}

/// The tables of the failure process by their names.
pub(super) fn on_error(on_error: &OnError) -> Map<String, Value> {
    let (safety, notices) = (&on_error.safety, &on_error.notices);
    let channels = on_error.channels.iter();
    let processes = on_error.processes.iter();
    let tables = [
        (
            "safety",
            json!({
                "approvers": safety.approvers,
                "probe_failures": safety.probe_failures,
                "probe_within": span(safety.probe_within),
                "startup_grace": span(safety.startup_grace),
                "hold": span(safety.hold),
                "most_per_day": safety.most_per_day,
                "approval": span(safety.approval),
                "flapping": safety.flapping,
                "flapping_within": span(safety.flapping_within),
            }),
        ),
        (
            "notices",
            json!({
                "group_wait": span(notices.group_wait),
                "repeat": span(notices.repeat),
                "most_per_hour": notices.most_per_hour,
                "templates": notices.templates,
            }),
        ),
        ("mail", on_error.mail.as_ref().map_or(Value::Null, mail)),
        (
            "channel",
            channels
                .map(|(name, one)| (name.clone(), channel(one)))
                .collect::<Map<_, _>>()
                .into(),
        ),
        (
            "process",
            processes
                .map(|(name, one)| (name.clone(), process(one)))
                .collect::<Map<_, _>>()
                .into(),
        ),
    ];
    tables
        .into_iter()
        .map(|(name, table)| (name.to_owned(), table))
        .collect()
}

fn mail(mail: &MailServer) -> Value {
    json!({
        "host": mail.host,
        "port": mail.port,
        "security": match mail.security {
            MailSecurity::StartTls => "starttls",
            MailSecurity::Tls => "tls",
            MailSecurity::Clear => "clear, readable on the network",
        },
        "ca_file": trusted(&mail.trust),
        "user": mail.login.as_ref().map(|(user, _)| user),
        "password": mail.login.as_ref().map(|(_, password)| secret(password)),
        "from": mail.from.to_string(),
        "timeout": span(mail.timeout),
    })
}

fn channel(channel: &Channel) -> Value {
    let kind = channel.kind();
    match channel {
        Channel::Mail(to) => {
            let to: Vec<String> = to.iter().map(ToString::to_string).collect();
            json!({ "kind": kind, "to": to })
        }
        Channel::Webhook(hook) | Channel::Alertmanager(hook) => self::hook(kind, hook),
        Channel::Command(command) => json!({
            "kind": kind, "argv": command.argv, "timeout": span(command.timeout),
        }),
    }
}

fn hook(kind: &str, hook: &Hook) -> Value {
    json!({
        "kind": kind,
        "url": hook.url.as_str(),
        "secret": hook.secret.as_ref().map(secret),
        "bearer": hook.bearer.as_ref().map(secret),
        "ca_file": trusted(&hook.trust),
        "timeout": span(hook.timeout),
    })
}

fn process(process: &Process) -> Value {
    let (shipped, own): (Vec<&Rule>, Vec<&Rule>) =
        process.rules.iter().partition(|rule| rule.is_shipped);
    json!({
        "notify": process.notify,
        "patience": span(process.patience),
        "quiet": span(process.quiet),
        "shipped_rules": shipped.len(),
        "rule": own.into_iter().map(rule).collect::<Vec<_>>(),
    })
}

fn rule(rule: &Rule) -> Value {
    json!({
        "name": rule.name,
        "match": rule.pattern.as_str(),
        "outcome": rule.outcome,
        "count": rule.count,
        "within": span(rule.within),
        "scope": match rule.scope {
            Scope::Resource => "resource",
            Scope::Global => "global",
        },
        "notify": rule.notify,
    })
}
