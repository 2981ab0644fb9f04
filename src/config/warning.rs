//! What loads and may still not be meant: warnings, each placed at line and column like a mistake.
//!
//! It changes nothing and refuses nothing; `config check` shows it. Of the machine it looks at the store's folder alone.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::problem::{self, Problem};
use super::{OnError, ResourceSettings, Settings};

/// What kind of doubt a warning is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Doubt {
    /// Nothing stops the sync while its host and cursor are rewritten.
    NothingStops,
    /// What a failover stopped is not started again.
    NothingStarts,
    /// A failure is recorded, and nobody learns of it.
    NobodyIsTold,
    /// No resource names the process, so that its rules judge nothing.
    UnusedProcess,
    /// Nothing names the channel.
    UnusedChannel,
    /// The folder of the store is not there.
    StoreFolderMissing,
    /// This account may not write the store.
    StoreNotWritable,
}

/// One warning.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Warning {
    /// What kind of doubt it is.
    pub kind: Doubt,
    /// The field or table it is about.
    pub field: String,
    /// Where it stands, what it says, and the cure.
    #[serde(flatten)]
    pub problem: Problem,
}

/// The warnings of one file, in its order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warnings {
    /// The file.
    pub path: PathBuf,
    /// The warnings, often none.
    pub warnings: Vec<Warning>,
}

impl Warnings {
    /// Every warning with the line it is about, with ANSI colours where `styled`.
    pub fn render(&self, styled: bool) -> String {
        let problems = self.warnings.iter().map(|warning| &warning.problem);
        problem::render(
            &self.path,
            problems,
            &annotate_snippets::Level::WARNING,
            styled,
        )
    }
}

/// A warning without its place.
struct Found {
    kind: Doubt,
    keys: Vec<String>,
    message: String,
    cure: String,
}

/// The warnings of these settings, which were read from `text`.
pub(super) fn warnings(settings: &Settings, path: &Path, text: &str) -> Warnings {
    let mut found: Vec<Found> = store(&settings.store).into_iter().collect();
    for resource in settings.resources.values() {
        found.extend(turns(resource));
        found.extend(no_process(resource));
    }
    found.extend(processes(settings));
    found.extend(channels(&settings.on_error));
    let places = problem::Places::of(text);
    let mut warnings: Vec<Warning> = found
        .into_iter()
        .map(|found| Warning {
            kind: found.kind,
            problem: places.problem(&found.keys, found.message, found.cure),
            field: found.keys.join("."),
        })
        .collect();
    warnings.sort_by_key(|warning| (warning.problem.line, warning.problem.column));
    Warnings {
        path: path.to_owned(),
        warnings,
    }
}

fn found(kind: Doubt, keys: &[&str], message: String, cure: impl Into<String>) -> Found {
    Found {
        kind,
        keys: keys.iter().map(|key| (*key).to_owned()).collect(),
        message,
        cure: cure.into(),
    }
}

fn store(path: &Path) -> Option<Found> {
    let keys = ["store", "path"];
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let shown = folder.display();
    if !folder.is_dir() {
        let message = format!("`store.path` names a file in {shown}, which is no folder");
        let cure =
            format!("install -d -m 700 {shown}, and let the account that runs Highwater own it");
        return Some(found(Doubt::StoreFolderMissing, &keys, message, cure));
    }
    // SQLite makes files beside the database: the folder must be writable too.
    let refused = if !may_write(folder) {
        folder
    } else if path.exists() && !may_write(path) {
        path
    } else {
        return None;
    };
    let message = format!(
        "`store.path`: this account may not write {}",
        refused.display()
    );
    let cure = "let the account that runs Highwater own it; or run this as that account, to see what it may do";
    Some(found(Doubt::StoreNotWritable, &keys, message, cure))
}

#[cfg(unix)]
fn may_write(path: &Path) -> bool {
    use rustix::fs::{Access, access};
    access(path, Access::WRITE_OK).is_ok()
}

/// Elsewhere access control lists rule, which only writing shows.
#[cfg(not(unix))]
fn may_write(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|meta| !meta.permissions().readonly())
}

/// Whether a move has what stops and starts the sync.
fn turns(resource: &ResourceSettings) -> Option<Found> {
    let (name, consumer) = (resource.name.as_str(), &resource.consumer);
    if consumer.kind.is_builtin() {
        return None;
    }
    let keys = ["resource", name, "consumer"];
    let is_tdi = consumer
        .preset
        .as_ref()
        .is_some_and(|preset| preset.name == "tdi");
    match (&consumer.stop, &consumer.start) {
        (None, _) => {
            let message = format!(
                "`resource.{name}.consumer` has no stop: nothing stops the sync while its host and cursor are rewritten"
            );
            let cure = if is_tdi {
                "add unit = \"ibmdi.service\", or see to it that it stands still during a move"
            } else {
                "add stop and start, like [\"systemctl\", \"stop\", \"hr-sync\"] or { unit = \"hr-sync.service\" }, or see to \
                 it that it stands still during a move"
            };
            Some(found(Doubt::NothingStops, &keys, message, cure))
        }
        (Some(_), None) => {
            let message = format!(
                "`resource.{name}.consumer` has a stop and no start: a move leaves the sync stopped"
            );
            let cure = "add start, or start it yourself after a move";
            Some(found(Doubt::NothingStarts, &keys, message, cure))
        }
        (Some(_), Some(_)) => None,
    }
}

fn no_process(resource: &ResourceSettings) -> Option<Found> {
    let name = resource.name.as_str();
    if resource.reaction.process.is_some() {
        return None;
    }
    let message = format!(
        "`resource.{name}` names no process: failures of its sync are recorded, and nobody is told"
    );
    let cure = "add process = \"ad\", and a table [process.ad] with notify = [\"operators\"]; `highwater config example` has both";
    let keys = ["resource", name];
    Some(found(Doubt::NobodyIsTold, &keys, message, cure))
}

/// Processes that nobody names, and those that tell nobody.
fn processes(settings: &Settings) -> Vec<Found> {
    let resources = settings.resources.values();
    let named: BTreeSet<&str> = resources
        .filter_map(|resource| resource.reaction.process.as_deref())
        .collect();
    let mut doubts = Vec::new();
    for process in settings.on_error.processes.values() {
        let name = process.name.as_str();
        let keys = ["process", name];
        if !named.contains(name) {
            let message =
                format!("`process.{name}` is named by no resource: its rules judge nothing");
            let cure = format!("add process = \"{name}\" to a resource, or remove the table");
            doubts.push(found(Doubt::UnusedProcess, &keys, message, cure));
        } else if process.notify.is_empty() {
            // A rule may name people of its own; what matches none of them still tells nobody.
            let message = format!(
                "`process.{name}.notify` is missing: failures are judged, and nobody is told"
            );
            let cure = "add notify = [\"operators\"], and a table [channel.operators] that says how to reach them";
            doubts.push(found(Doubt::NobodyIsTold, &keys, message, cure));
        }
    }
    doubts
}

fn channels(on_error: &OnError) -> Vec<Found> {
    let mut named: BTreeSet<&str> = BTreeSet::new();
    for process in on_error.processes.values() {
        let own = process.rules.iter().filter_map(|rule| rule.notify.as_ref());
        named.extend(own.flatten().chain(&process.notify).map(String::as_str));
    }
    let unused = on_error
        .channels
        .keys()
        .filter(|name| !named.contains(name.as_str()));
    let doubts = unused.map(|name| {
        let message = format!("`channel.{name}` is named by no notify: nothing is sent there");
        let cure = format!("add \"{name}\" to notify of a process or a rule, or remove the table");
        found(Doubt::UnusedChannel, &["channel", name], message, cure)
    });
    doubts.collect()
}
