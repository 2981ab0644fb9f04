//! `[process.NAME]` with its rules, and `[safety]`: what happens when a sync fails.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::sync::LazyLock;
use std::time::Duration;

use regex::{Regex, RegexBuilder};

use super::super::problem::Notes;
use super::super::raw::{self, Field, Section};
use super::super::shipped::{Shipped, shipped};
use super::super::{Process, Rule, Safety, Scope, suggest};
use super::{DAY, SECOND};
use crate::model::{Outcome, ResourceName};

/// From a second to a week: the bounds of windows and pauses.
const SPANS: RangeInclusive<Duration> = SECOND..=Duration::from_hours(24 * 7);

const OUTCOMES: [(&str, Outcome); 6] = [
    ("transient", Outcome::Transient),
    ("outage", Outcome::Outage),
    ("credentials", Outcome::Credentials),
    ("certificate", Outcome::Certificate),
    ("data", Outcome::Data),
    ("unknown", Outcome::Unknown),
];

const SCOPES: [(&str, Scope); 2] = [("resource", Scope::Resource), ("global", Scope::Global)];

/// How long an error may be called transient where a process does not say.
const PATIENCE: Duration = Duration::from_mins(15);
/// How long no failure must be reported for an incident to be over where a process does not say.
const QUIET: Duration = Duration::from_mins(10);

/// How often an outage must be reported, and within how long, where a rule does not say.
const OUTAGE: (u32, Duration) = (3, Duration::from_secs(90));

/// Reads `[safety]`.
pub(super) fn safety(root: &mut Section<'_>, notes: &mut Notes) -> Safety {
    let mut safety = Safety::default();
    let Some(mut section) = root.table("safety", notes) else {
        return safety;
    };
    if let Some(field) = section.take("approvers", notes) {
        safety.approvers = texts(&field, "[\"anna\", \"uid:1000\"]", notes);
    }
    let mut whole = |name, bounds, into: &mut u32| {
        let given = section.take(name, notes);
        if let Some(number) = given.and_then(|field| field.whole(bounds, notes)) {
            *into = number;
        }
    };
    whole("probe_failures", 1..=100, &mut safety.probe_failures);
    whole("most_per_day", 0..=100, &mut safety.most_per_day);
    whole("flapping", 2..=1000, &mut safety.flapping);
    let mut span = |name, into: &mut Duration| {
        let given = section.take(name, notes);
        if let Some(span) = given.and_then(|field| field.duration(SPANS, notes)) {
            *into = span;
        }
    };
    span("probe_within", &mut safety.probe_within);
    span("startup_grace", &mut safety.startup_grace);
    span("hold", &mut safety.hold);
    span("approval", &mut safety.approval);
    span("flapping_within", &mut safety.flapping_within);
    section.finish(notes);
    safety
}

/// Reads every `[process.NAME]`; `channels` are the names of the configured channels.
pub(super) fn all(
    root: &mut Section<'_>,
    channels: &[&str],
    notes: &mut Notes,
) -> BTreeMap<String, Process> {
    let mut processes = BTreeMap::new();
    for (name, section) in root.tables("process", notes) {
        let path = section.path().to_owned();
        // The same letters as a resource's name.
        let named = raw::parsed::<ResourceName>(&path, name.value, name.span, "ad", notes);
        let read = process(section, channels, notes);
        if let (Some(name), Some(mut process)) = (named, read) {
            process.name = name.to_string();
            processes.insert(name.to_string(), process);
        }
    }
    processes
}

fn process(mut section: Section<'_>, channels: &[&str], notes: &mut Notes) -> Option<Process> {
    let notify = section
        .take("notify", notes)
        .map_or_else(Vec::new, |field| named(&field, channels, notes));
    let patience = span(&mut section, "patience", PATIENCE, notes);
    let quiet = span(&mut section, "quiet", QUIET, notes);
    let with_shipped = section
        .take("shipped_rules", notes)
        .map_or(Some(true), |field| field.boolean(notes));
    let mut rules = Vec::new();
    if let Some(field) = section.take("rule", notes) {
        for item in field.list("[[process.NAME.rule]]", notes) {
            if let Some(table) = item.table(notes) {
                rules.extend(rule(table, channels, notes));
            }
        }
    }
    let mut seen = BTreeSet::new();
    for rule in &rules {
        if !seen.insert(rule.name.clone()) {
            notes.add(
                section.span(),
                format!(
                    "`{}.rule` has two rules named `{}`",
                    section.path(),
                    rule.name
                ),
                "give each a name of its own: mails and incidents name the rule",
            );
        }
    }
    if with_shipped == Some(true) {
        let all = shipped().zip(COMPILED.iter());
        rules.extend(all.filter_map(|(rule, pattern)| usable(rule, pattern, &section, notes)));
    }
    section.finish(notes);
    Some(Process {
        name: String::new(),
        rules,
        notify,
        patience: patience?,
        quiet: quiet?,
    })
}

fn span(
    section: &mut Section<'_>,
    name: &'static str,
    default: Duration,
    notes: &mut Notes,
) -> Option<Duration> {
    section
        .take(name, notes)
        .map_or(Some(default), |field| field.duration(SPANS, notes))
}

/// The texts of a list, each of one line or several.
pub(super) fn texts(field: &Field<'_>, like: &str, notes: &mut Notes) -> Vec<String> {
    let items = field.list(like, notes);
    let texts = items
        .iter()
        .filter_map(|item| item.lines(like, notes).map(str::to_owned));
    texts.collect()
}

/// The configured channels a list names.
fn named(field: &Field<'_>, channels: &[&str], notes: &mut Notes) -> Vec<String> {
    let mut names = Vec::new();
    for item in field.list("[\"operators\"]", notes) {
        let Some(name) = item.text("\"operators\"", notes) else {
            continue;
        };
        if channels.contains(&name) {
            names.push(name.to_owned());
        } else if channels.is_empty() {
            let cure = format!("add a table [channel.{name}]");
            item.wrong("names no channel", cure, notes);
        } else {
            item.unknown("names no channel", suggest::cure(name, channels), notes);
        }
    }
    names
}

fn rule(mut section: Section<'_>, channels: &[&str], notes: &mut Notes) -> Option<Rule> {
    let name = section
        .require("name", "\"our-proxy-is-down\"", notes)
        .and_then(|field| field.text("\"our-proxy-is-down\"", notes));
    let pattern = section
        .require("match", "'proxy .* unreachable'", notes)
        .and_then(|field| pattern(&field, notes));
    let outcome = section
        .require("outcome", "\"outage\"", notes)
        .and_then(|field| field.one_of(&OUTCOMES, notes));
    let (count, within) = thresholds(outcome.unwrap_or(Outcome::Unknown));
    let count = section
        .take("count", notes)
        .map_or(Some(count), |field| field.whole(1..=10_000, notes));
    let within = span(&mut section, "within", within, notes);
    let scope = section
        .take("scope", notes)
        .map_or(Some(Scope::Resource), |field| field.one_of(&SCOPES, notes));
    let notify = section
        .take("notify", notes)
        .map(|field| named(&field, channels, notes));
    let mut samples = |key| {
        let given = section.take(key, notes);
        given.map_or_else(Vec::new, |field| {
            texts(&field, "[\"proxy p1 unreachable\"]", notes)
        })
    };
    let (samples, counter_samples) = (samples("samples"), samples("counter_samples"));
    section.finish(notes);
    Some(Rule {
        name: name?.to_owned(),
        pattern: pattern?,
        outcome: outcome?,
        count: count?,
        within: within?,
        scope: scope?,
        notify,
        samples,
        counter_samples,
        is_shipped: false,
    })
}

/// One account that is locked is no matter of counting; an outage is.
fn thresholds(outcome: Outcome) -> (u32, Duration) {
    match outcome {
        Outcome::Outage => OUTAGE,
        Outcome::Transient
        | Outcome::Credentials
        | Outcome::Certificate
        | Outcome::Data
        | Outcome::Unknown => (1, DAY),
    }
}

fn compile(pattern: &str) -> Result<Regex, regex::Error> {
    RegexBuilder::new(pattern).case_insensitive(true).build()
}

fn pattern(field: &Field<'_>, notes: &mut Notes) -> Option<Regex> {
    match compile(field.lines("'proxy .* unreachable'", notes)?) {
        Ok(pattern) if pattern.is_match("") => {
            field.wrong(
                "matches every error",
                "write what the errors meant have in them",
                notes,
            );
            None
        }
        Ok(pattern) => Some(pattern),
        Err(error) => {
            let last = error.to_string();
            let last = last.lines().last().unwrap_or_default().to_owned();
            field.wrong(
                "is no regular expression",
                format!("{last}; write it in single quotes, so that no \\ counts for TOML"),
                notes,
            );
            None
        }
    }
}

/// The rules of the program, compiled once: a process takes all of them, and a file may have many.
static COMPILED: LazyLock<Vec<Result<Regex, regex::Error>>> =
    LazyLock::new(|| shipped().map(|rule| compile(rule.pattern)).collect());

fn usable(
    rule: &Shipped,
    pattern: &Result<Regex, regex::Error>,
    section: &Section<'_>,
    notes: &mut Notes,
) -> Option<Rule> {
    match pattern {
        Ok(pattern) => Some(of_program(rule, pattern)),
        Err(error) => {
            let message = format!(
                "the rule `{}` of the program cannot be used: {error}",
                rule.name
            );
            notes.add(
                section.span(),
                message,
                "this is a defect; shipped_rules = false does without",
            );
            None
        }
    }
}

fn of_program(rule: &Shipped, pattern: &Regex) -> Rule {
    let (count, within) = thresholds(rule.outcome);
    Rule {
        name: rule.name.to_owned(),
        pattern: pattern.clone(),
        outcome: rule.outcome,
        count,
        within,
        scope: Scope::Resource,
        notify: None,
        samples: rule.samples.iter().map(|text| (*text).to_owned()).collect(),
        counter_samples: Vec::new(),
        is_shipped: true,
    }
}

/// The process that an empty table stands for: the rules of the program, telling nobody.
pub(in crate::config) fn without_own_rules(name: &str) -> Process {
    let all = shipped().zip(COMPILED.iter());
    let usable = all.filter_map(|(rule, pattern)| Some(of_program(rule, pattern.as_ref().ok()?)));
    Process {
        name: name.to_owned(),
        rules: usable.collect(),
        notify: Vec::new(),
        patience: PATIENCE,
        quiet: QUIET,
    }
}
