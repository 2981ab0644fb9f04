//! What the file means: every table checked by itself, then the tables against one another.

mod certificate;
mod connection;
mod consumer;
mod credentials;
mod feed;
mod http;
mod ldap_spot;
mod notify;
mod outside;
mod preset;
mod process;
mod resource;
mod sink;
mod spot;
mod steps;

pub(super) use process::without_own_rules;

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use toml::Spanned;
use toml::de::DeTable;

use super::problem::Notes;
use super::raw::{Field, Section};
use super::{Collector, Env, OnError, Secrets, Settings};

/// What the checks need besides the document.
pub(super) struct Place<'p> {
    /// The folder relative paths count from.
    pub(super) base: &'p Path,
    /// Whether secrets are read.
    pub(super) secrets: Secrets,
    /// The environment.
    pub(super) env: Env<'p>,
}

impl Place<'_> {
    /// The path a field names.
    fn path(&self, field: &Field<'_>, notes: &mut Notes) -> Option<PathBuf> {
        let text = field.text("\"/etc/highwater/…\"", notes)?;
        Some(self.base.join(text))
    }

    /// The path a field names, which must be a file with certificates in it where secrets are read.
    fn certificates(&self, field: &Field<'_>, notes: &mut Notes) -> Option<PathBuf> {
        let path = self.path(field, notes)?;
        if self.secrets == Secrets::Skip {
            return Some(path);
        }
        match certificate::look(&path) {
            Ok(()) => Some(path),
            Err(flaw) => {
                field.wrong(flaw.what, flaw.cure, notes);
                None
            }
        }
    }
}

/// A program with its arguments; no shell reads it.
fn command(field: &Field<'_>, notes: &mut Notes) -> Vec<String> {
    let like = "[\"/usr/local/sbin/hr-sync-control\", \"ARGUMENT\"]";
    field
        .list(like, notes)
        .iter()
        .filter_map(|item| Some(item.lines("\"systemctl\"", notes)?.to_owned()))
        .collect()
}

const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_hours(24);

/// From one second to one day: the bounds of periods and of commands.
const PERIODS: RangeInclusive<Duration> = SECOND..=DAY;

/// The settings the document gives; `None` where a part is missing or wrong, which `notes` then tells.
pub(super) fn settings(
    document: &Spanned<DeTable<'_>>,
    place: &Place<'_>,
    notes: &mut Notes,
) -> Option<Settings> {
    let mut root = Section::of(String::new(), 0..0, document.get_ref());
    let store = store(&mut root, place, notes);
    let collector = collector(&mut root, notes);
    let credentials = credentials::all(&mut root, place, notes);
    let defaults = connection::defaults(&mut root, place, notes);
    let (dcs, dc_names) = connection::dcs(&mut root, &defaults, &credentials, place, notes);
    let on_error = on_error(&mut root, place, notes);
    let processes = on_error.as_ref().map(|on_error| &on_error.processes);
    let mut resources = BTreeMap::new();
    for (name, section) in root.tables("resource", notes) {
        if let Some(resource) = resource::read(&name, section, &dc_names, processes, place, notes) {
            resources.insert(resource.name.clone(), resource);
        }
    }
    root.finish(notes);
    Some(Settings {
        store: store?,
        collector: collector?,
        dcs,
        resources,
        on_error: on_error?,
    })
}

/// The failure process: who is told, the rules, and the limits.
fn on_error(root: &mut Section<'_>, place: &Place<'_>, notes: &mut Notes) -> Option<OnError> {
    let safety = process::safety(root, notes);
    let notices = notify::notices(root, place, notes);
    let mail = notify::mail(root, place, notes);
    // A server that is written wrong is a server: its own problem has been told.
    let has_mail = mail.as_ref().is_none_or(Option::is_some);
    let channels = notify::channels(root, has_mail, place, notes);
    let names: Vec<&str> = channels.keys().map(String::as_str).collect();
    let processes = process::all(root, &names, notes);
    Some(OnError {
        safety,
        notices,
        mail: mail?,
        channels,
        processes,
    })
}

fn store(root: &mut Section<'_>, place: &Place<'_>, notes: &mut Notes) -> Option<PathBuf> {
    let like = "{ path = \"/var/lib/highwater/highwater.db\" }";
    let mut section = root.require("store", like, notes)?.table(notes)?;
    let path = section
        .require("path", "\"/var/lib/highwater/highwater.db\"", notes)
        .and_then(|field| place.path(&field, notes));
    section.finish(notes);
    path
}

fn collector(root: &mut Section<'_>, notes: &mut Notes) -> Option<Collector> {
    let mut collector = Collector {
        period: Duration::from_mins(1),
        jitter: 0.1,
        concurrency: 64,
        days_to_keep_usns: 7,
    };
    let Some(field) = root.take("collector", notes) else {
        return Some(collector);
    };
    let mut section = field.table(notes)?;
    if let Some(field) = section.take("period", notes)
        && let Some(period) = field.duration(PERIODS, notes)
    {
        collector.period = period;
    }
    if let Some(field) = section.take("jitter", notes) {
        match field.number().filter(|part| (0.0..=1.0).contains(part)) {
            Some(part) => collector.jitter = part,
            None => field.wrong("cannot be used", "give a part of the period, 0 to 1", notes),
        }
    }
    if let Some(field) = section.take("concurrency", notes)
        && let Some(polls) = field.whole(1..=1024, notes)
    {
        collector.concurrency = usize::try_from(polls).unwrap_or(usize::MAX);
    }
    if let Some(field) = section.take("days_to_keep_usns", notes)
        && let Some(days) = field.whole(1..=3650, notes)
    {
        collector.days_to_keep_usns = days;
    }
    section.finish(notes);
    Some(collector)
}
