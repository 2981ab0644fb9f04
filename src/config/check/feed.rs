//! `[resource.NAME.feed]`: what our own feed tells, and to whom.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::time::Duration;

use super::super::problem::Notes;
use super::super::raw::{Field, Section};
use super::super::{Feed, MaxDeletes, Sink};
use super::{DAY, PERIODS, Place, sink};
use crate::model::short_name;

/// The bounds of the time between two passes.
const POLLS: RangeInclusive<Duration> = Duration::from_millis(200)..=DAY;
/// Filters are read by recursion; no filter of a person is deeper.
const DEEPEST: usize = 50;

/// Reads the feed of one resource.
pub(super) fn read(mut section: Section<'_>, place: &Place<'_>, notes: &mut Notes) -> Option<Feed> {
    let filter = section
        .take("filter", notes)
        .map_or(Some("(objectClass=*)"), |field| filter(&field, notes));
    let (attributes, exclude) = attributes(&mut section, notes);
    let poll = section
        .take("poll", notes)
        .map_or(Some(Duration::from_secs(5)), |field| {
            field.duration(POLLS, notes)
        });
    let overlap = usns(&mut section, "overlap", 100, notes);
    let start_margin = usns(&mut section, "start_margin", 1000, notes);
    let heartbeat = section
        .take("heartbeat", notes)
        .map_or(Some(Some(Duration::from_mins(1))), |field| {
            heartbeat(&field, notes)
        });
    let max_deletes = section
        .take("max_deletes", notes)
        .map_or(Some(MaxDeletes::Number(100)), |field| {
            max_deletes(&field, notes)
        });
    let backlog_bytes = section
        .take("backlog_bytes", notes)
        .map_or(Some(250_000_000), |field| {
            field.whole(1_000_000..=u32::MAX, notes)
        });
    let sinks = sinks(&mut section, place, notes);
    section.finish(notes);
    Some(Feed {
        filter: filter?.to_owned(),
        attributes,
        exclude,
        poll: poll?,
        overlap: overlap?,
        start_margin: start_margin?,
        heartbeat: heartbeat?,
        max_deletes: max_deletes?,
        backlog_bytes: backlog_bytes?.into(),
        sinks,
    })
}

fn filter<'t>(field: &Field<'t>, notes: &mut Notes) -> Option<&'t str> {
    let like = "\"(&(objectCategory=person)(objectClass=user))\"";
    let text = field.lines(like, notes)?;
    // The parser also takes a filter without its outer parentheses, which cannot be put into another.
    let enclosed = text.starts_with('(') && text.ends_with(')');
    if enclosed && depth(text) <= DEEPEST && ldap3::parse_filter(text).is_ok() {
        return Some(text);
    }
    let cure =
        format!("write it as RFC 4515 says, in parentheses, not nested too deep, like {like}");
    field.wrong("is no LDAP filter", cure, notes);
    None
}

/// How deep the parentheses are nested; within a value they are written as `\28` and `\29`.
fn depth(filter: &str) -> usize {
    let (mut now, mut most) = (0_usize, 0);
    for byte in filter.bytes() {
        match byte {
            b'(' => now += 1,
            b')' => now = now.saturating_sub(1),
            _ => {}
        }
        most = most.max(now);
    }
    most
}

/// `attributes` and `exclude`.
fn attributes(section: &mut Section<'_>, notes: &mut Notes) -> (Vec<String>, Vec<String>) {
    let like = "[\"sAMAccountName\", \"mail\"]";
    let told = section.take("attributes", notes);
    let told = told.map_or_else(
        || vec!["*".to_owned()],
        |field| {
            let names = names(&field, like, true, notes);
            names.into_iter().map(|(_, name)| name).collect()
        },
    );
    let excluded = section
        .take("exclude", notes)
        .filter(|field| !field.is_empty_list());
    let mut exclude = Vec::new();
    for (item, name) in excluded.map_or_else(Vec::new, |field| names(&field, like, false, notes)) {
        if told.iter().any(|one| one.eq_ignore_ascii_case(&name)) {
            let cure = "take it out of one of the two";
            item.wrong("is among `attributes` too", cure, notes);
        }
        exclude.push(name);
    }
    (told, exclude)
}

fn names<'t>(
    list: &Field<'t>,
    like: &str,
    star: bool,
    notes: &mut Notes,
) -> Vec<(Field<'t>, String)> {
    let mut names: Vec<(Field<'t>, String)> = Vec::new();
    for item in list.list(like, notes) {
        let Some(text) = item.text("\"mail\"", notes) else {
            continue;
        };
        if names.iter().any(|(_, one)| one.eq_ignore_ascii_case(text)) {
            item.wrong("is named twice", "remove one of the two", notes);
        } else if is_attribute(text) || (star && text == "*") {
            names.push((item, text.to_owned()));
        } else {
            let cure = "write the attribute's lDAPDisplayName, as \"mail\"";
            item.wrong("is no attribute name", cure, notes);
        }
    }
    names
}

/// Whether it is an attribute's short name (RFC 4512, `descr`).
fn is_attribute(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.len() <= 256
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

fn usns(
    section: &mut Section<'_>,
    name: &'static str,
    default: u32,
    notes: &mut Notes,
) -> Option<u32> {
    section
        .take(name, notes)
        .map_or(Some(default), |field| field.whole(0..=1_000_000_000, notes))
}

#[expect(
    clippy::option_option,
    reason = "outside: whether it is right; inside: whether there is one"
)]
fn heartbeat(field: &Field<'_>, notes: &mut Notes) -> Option<Option<Duration>> {
    if field.as_text() == Some("off") {
        return Some(None);
    }
    field.duration(PERIODS, notes).map(Some)
}

fn max_deletes(field: &Field<'_>, notes: &mut Notes) -> Option<MaxDeletes> {
    let Some(text) = field.as_text() else {
        return field.whole(0..=u32::MAX, notes).map(MaxDeletes::Number);
    };
    let percent = text
        .strip_suffix('%')
        .and_then(|number| number.trim_end().parse().ok())
        .filter(|percent: &u8| *percent <= 100);
    if percent.is_none() {
        let cure = "give a whole number, as 100, or a part of all objects, as \"5%\"";
        field.wrong("cannot be used", cure, notes);
    }
    percent.map(MaxDeletes::Percent)
}

fn sinks(
    section: &mut Section<'_>,
    place: &Place<'_>,
    notes: &mut Notes,
) -> BTreeMap<String, Sink> {
    let (path, span) = (section.path().to_owned(), section.span());
    let given = section.take("sink", notes);
    let is_given = given.is_some();
    let tables = given.map_or_else(Vec::new, |field| field.tables(notes));
    if tables.is_empty() && (!is_given || notes.is_empty()) {
        notes.add(
            span,
            format!("`{path}` has no sink: nobody would hear of its events"),
            format!("add a table [{path}.sink.NAME] with kind = \"file\" and path"),
        );
    }
    let mut sinks = BTreeMap::new();
    for (name, section) in tables {
        let table = section.path().to_owned();
        let read = sink::read(section, place, notes);
        match short_name(name.value) {
            Ok(name) => {
                sinks.extend(read.map(|sink| (name, sink)));
            }
            Err(error) => {
                let words = error.to_string();
                let (what, cure) = words.rsplit_once(": ").unwrap_or((&words, "archive"));
                notes.add(name.span, format!("`{table}`: {what}"), cure);
            }
        }
    }
    one_stdout(&sinks, &path, section, notes);
    sinks
}

/// Two of them would mix their lines, and two at one file would rotate it under each other.
fn one_stdout(
    sinks: &BTreeMap<String, Sink>,
    path: &str,
    section: &Section<'_>,
    notes: &mut Notes,
) {
    let mut seen: Vec<(Option<&std::path::Path>, &str)> = Vec::new();
    for (name, sink) in sinks {
        let at = match sink {
            Sink::Stdout => None,
            Sink::File(file) => Some(file.path.as_path()),
            Sink::Webhook(_) | Sink::Command(_) => continue,
        };
        if let Some((_, first)) = seen.iter().find(|(other, _)| *other == at) {
            notes.add(
                section.span(),
                format!("`{path}.sink.{first}` and `{path}.sink.{name}` write to the same place"),
                "remove one of the two, or give it another path",
            );
        }
        seen.push((at, name));
    }
}
