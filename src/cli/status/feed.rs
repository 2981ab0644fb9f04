//! The feeds of our own in `status`: a line of a table for each, and what needs a person.

use std::fmt::Write as _;

use super::{age, dash};
use crate::cli::Context;
use crate::cli::output::table;
use crate::model::ResourceName;
use crate::status::{FeedStatus, LoadStatus, Standing, Status};

/// Adds the feeds, where there are any.
pub(super) fn add(text: &mut String, status: &Status, context: &Context) {
    let feeds: Vec<(&ResourceName, &FeedStatus)> = status
        .resources
        .iter()
        .filter_map(|one| Some((&one.resource, one.feed.as_ref()?)))
        .collect();
    if feeds.is_empty() {
        return;
    }
    let mut rows = table(&[
        "FEED",
        "STANDS",
        "WRITTEN",
        "LOAD",
        "OBJECTS",
        "WAITING",
        "DEAD LETTERS",
        "JOURNAL",
    ]);
    for (name, feed) in &feeds {
        let waiting = match feed.backlog_since {
            Some(_) => format!("{}, {}", feed.backlog, age(feed.backlog_since, status.at)),
            None => feed.backlog.to_string(),
        };
        rows.add_row(vec![
            name.to_string(),
            feed.standing().word().to_owned(),
            age(feed.written_at, status.at),
            feed.load.as_ref().map_or_else(dash, progress),
            feed.objects.to_string(),
            waiting,
            feed.dead_letters.to_string(),
            format!(
                "{} entries, {} KiB",
                feed.journal.entries,
                feed.journal.octets / 1024
            ),
        ]);
    }
    // Writing to a String cannot fail.
    _ = write!(text, "\n\n{}", context.output.draw(rows));
    for (name, feed) in feeds {
        notes(text, name, feed);
    }
}

fn progress(load: &LoadStatus) -> String {
    let what = if load.is_resync {
        "resync"
    } else {
        "first load"
    };
    format!("{what}, {} %", load.percent)
}

fn notes(text: &mut String, name: &ResourceName, feed: &FeedStatus) {
    if !feed.counts.is_empty() {
        let counts: Vec<String> = feed
            .counts
            .iter()
            .map(|(cause, n)| format!("{cause} {n}"))
            .collect();
        _ = write!(text, "\n\n{name}, by cause: {}", counts.join(", "));
    }
    let unlike = feed
        .contexts
        .iter()
        .filter(|(_, stands)| **stands != Standing::Level && **stands != feed.standing());
    for (nc, stands) in unlike {
        _ = write!(text, "\n\n{name}: {nc} is {}", stands.word());
    }
    if feed.backlog_by_sink.len() > 1 && feed.backlog > 0 {
        let sinks: Vec<String> = feed
            .backlog_by_sink
            .iter()
            .map(|(sink, n)| format!("{sink} {n}"))
            .collect();
        _ = write!(text, "\n\n{name}, waiting for: {}", sinks.join(", "));
    }
    if let Some(stopped) = &feed.stopped_by {
        _ = write!(
            text,
            "\n\n{name}: stopped by {} at {}",
            stopped.by, stopped.since
        );
    }
    if let Some(load) = &feed.load
        && let Some(by) = &load.by
    {
        _ = write!(
            text,
            "\n\n{name}: everything is read anew since {}, as {by} ordered",
            load.since
        );
    }
    if feed.load.is_none() && feed.standing() == Standing::Unknown {
        _ = write!(
            text,
            "\n\n{name}: what the feed holds is unknown, so no start by vector can be proven; `highwater resync {name}` \
             has everything read anew"
        );
    }
    if feed.dead_letters > 0 {
        _ = write!(
            text,
            "\n\n{name}: a sink refused {} events for good; `highwater dead-letters {name}` lists them",
            feed.dead_letters
        );
    }
}
