//! How `config show` shows a feed and its sinks, secrets left out.

use serde_json::{Value, json};

use super::{source, trusted};
use crate::config::{Feed, MaxDeletes, Secret, Sink};

/// The feed with its defaults.
pub(super) fn feed(feed: &Feed) -> Value {
    let sinks: serde_json::Map<String, Value> = feed
        .sinks
        .iter()
        .map(|(name, one)| (name.clone(), sink(one)))
        .collect();
    json!({
        "filter": feed.filter,
        "attributes": feed.attributes,
        "exclude": feed.exclude,
        "poll": humantime::format_duration(feed.poll).to_string(),
        "overlap": feed.overlap,
        "start_margin": feed.start_margin,
        "heartbeat": feed.heartbeat.map_or_else(
            || "off".to_owned(),
            |period| humantime::format_duration(period).to_string(),
        ),
        "max_deletes": match feed.max_deletes {
            MaxDeletes::Number(number) => json!(number),
            MaxDeletes::Percent(percent) => json!(format!("{percent}%")),
        },
        "sink": sinks,
    })
}

fn sink(sink: &Sink) -> Value {
    let kind = sink.kind();
    match sink {
        Sink::Stdout => json!({ "kind": kind }),
        Sink::File(file) => json!({
            "kind": kind,
            "path": file.path,
            "rotate_bytes": file.rotate_bytes,
            "keep": file.keep,
        }),
        Sink::Webhook(hook) => json!({
            "kind": kind,
            "url": hook.url.as_str(),
            "secret": secret(&hook.secret),
            "bearer": hook.bearer.as_ref().map(secret),
            "ca_file": trusted(&hook.trust),
            "timeout": humantime::format_duration(hook.timeout).to_string(),
        }),
        Sink::Command(command) => json!({
            "kind": kind,
            "argv": command.argv,
            "timeout": humantime::format_duration(command.timeout).to_string(),
        }),
    }
}

/// Where a secret is, never what it is.
pub(super) fn secret(secret: &Secret) -> Value {
    match secret {
        Secret::Known(_) => json!("read"),
        Secret::NotRead(place) => source(place),
    }
}
