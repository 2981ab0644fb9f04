//! `[resource.NAME]`: one AD source as a sync sees it, and who owns its cursor.

use std::collections::BTreeMap;
use std::time::Duration;

use super::super::problem::Notes;
use super::super::raw::{self, At, Field, Section};
use super::super::{Consumer, ConsumerKind, Position, ResourceSettings, suggest};
use super::{PERIODS, Place};
use crate::model::{
    DcName, Dn, HostAttribute, Hours, NameError, Preference, ResourceName, StartMethod,
};

const STARTS: [(&str, StartMethod); 3] = [
    ("best", StartMethod::Best),
    ("time", StartMethod::Time),
    ("vector", StartMethod::Vector),
];

const POSITIONS: [(&str, Position); 2] = [
    ("before_search", Position::BeforeSearch),
    ("largest_seen", Position::LargestSeen),
];

/// Reads one resource; `dcs` are the names of all configured DCs.
pub(super) fn read(
    name: &At<&str>,
    mut section: Section<'_>,
    dcs: &[&str],
    place: &Place<'_>,
    notes: &mut Notes,
) -> Option<ResourceSettings> {
    let path = section.path().to_owned();
    let name = raw::parsed::<ResourceName>(&path, name.value, name.span.clone(), "hr", notes);
    let base_contexts = base_contexts(&mut section, notes);
    let search_subdomains = boolean(&mut section, "search_subdomains", notes);
    let has_global_catalog = boolean(&mut section, "has_global_catalog", notes);
    let backup_dcs = backups(&mut section, dcs, notes);
    let site = section
        .take("site", notes)
        .and_then(|field| Some(field.text("\"Default-First-Site-Name\"", notes)?.to_owned()));
    let replication_time = section.take("replication_time", notes);
    let replication_time =
        replication_time.map_or(Some(Hours::DEFAULT_REPLICATION), |f| hours(&f, notes));
    let start_field = section.take("start", notes);
    let start = start_field
        .as_ref()
        .map_or(Some(StartMethod::Best), |f| f.one_of(&STARTS, notes));
    let consumer = consumer(&mut section, place, notes);
    section.finish(notes);
    if let (Some(field), Some(StartMethod::Vector), Some(consumer)) =
        (&start_field, start, &consumer)
        && consumer.position == Position::LargestSeen
    {
        field.wrong(
            "cannot be had while consumer.position is \"largest_seen\": no vector start is proven from such a cursor",
            "write start = \"time\", or let the consumer record the USN it read before its search",
            notes,
        );
    }
    Some(ResourceSettings {
        name: name?,
        base_contexts,
        search_subdomains,
        host_attribute: if search_subdomains && has_global_catalog {
            HostAttribute::GlobalCatalog
        } else {
            HostAttribute::LdapHost
        },
        backup_dcs,
        site,
        replication_time: replication_time?,
        start: start?,
        consumer: consumer?,
    })
}

fn boolean(section: &mut Section<'_>, name: &'static str, notes: &mut Notes) -> bool {
    section
        .take(name, notes)
        .and_then(|field| field.boolean(notes))
        .unwrap_or(false)
}

fn base_contexts(section: &mut Section<'_>, notes: &mut Notes) -> Vec<Dn> {
    let like = "[\"OU=People,DC=example,DC=com\"]";
    let Some(field) = section.require("base_contexts", like, notes) else {
        return Vec::new();
    };
    field
        .list(like, notes)
        .iter()
        .filter_map(|item| item.parsed(like, notes))
        .collect()
}

fn hours(field: &Field<'_>, notes: &mut Notes) -> Option<Hours> {
    let hours = field.number().and_then(|hours| Hours::new(hours).ok());
    if hours.is_none() {
        let cure = "write it in hours, 0 to 87600, like 3 or 0.25, without quotes";
        field.wrong("is no number of hours", cure, notes);
    }
    hours
}

/// `backup_dcs` with the three lists of wishes. A DC of `must_not` is kept even where `backup_dcs` leaves it out, so
/// that a plan can say why it is not taken.
fn backups(
    section: &mut Section<'_>,
    dcs: &[&str],
    notes: &mut Notes,
) -> BTreeMap<DcName, Preference> {
    let mut backups = BTreeMap::new();
    let like = "[\"dc2\", \"dc3\"]";
    let listed = section.require("backup_dcs", like, notes);
    if let Some(field) = &listed {
        for (item, name) in names(field, dcs, like, notes) {
            if backups.insert(name, Preference::Neutral).is_some() {
                item.wrong("is named twice", "remove one of the two", notes);
            }
        }
    }
    let wishes = [
        ("prefer", Preference::Prefer),
        ("prefer_not", Preference::PreferNot),
        ("must_not", Preference::MustNot),
    ];
    for (key, wish) in wishes {
        let Some(field) = section
            .take(key, notes)
            .filter(|field| !field.is_empty_list())
        else {
            continue;
        };
        for (item, name) in names(&field, dcs, "[\"dc2\"]", notes) {
            match backups.insert(name, wish) {
                Some(Preference::Neutral) => {}
                None if wish == Preference::MustNot || listed.is_none() => {}
                None => item.wrong("is not among backup_dcs", "add it there", notes),
                Some(_) => {
                    let cure = "name a DC in one of prefer, prefer_not and must_not";
                    item.wrong("has two preferences", cure, notes);
                }
            }
        }
    }
    if let Some(field) = &listed
        && !backups.is_empty()
        && backups.values().all(|wish| *wish == Preference::MustNot)
    {
        let message = format!("`{}` leaves no DC that may take over", field.path());
        notes.add(
            field.span(),
            message,
            "take one out of must_not, or add another",
        );
    }
    backups
}

/// The configured DCs a list names.
fn names<'t>(
    list: &Field<'t>,
    dcs: &[&str],
    like: &str,
    notes: &mut Notes,
) -> Vec<(Field<'t>, DcName)> {
    let mut names = Vec::new();
    for item in list.list(like, notes) {
        let Some(text) = item.text("\"dc2\"", notes) else {
            continue;
        };
        let parsed: Result<DcName, NameError> = text.parse();
        match parsed {
            Ok(name) if dcs.contains(&text) => names.push((item, name)),
            _ => item.wrong("is no configured DC", suggest::cure(text, dcs), notes),
        }
    }
    names
}

fn consumer(section: &mut Section<'_>, place: &Place<'_>, notes: &mut Notes) -> Option<Consumer> {
    let like = "{ kind = \"file\", path = \"/var/lib/hr-sync/cursor.json\", position = \"before_search\" }";
    let mut section = section.require("consumer", like, notes)?.table(notes)?;
    let kind = kind(&mut section, place, notes);
    let position = section
        .require("position", "\"before_search\" or \"largest_seen\"", notes)
        .and_then(|field| field.one_of(&POSITIONS, notes));
    let stop = command(&mut section, "stop", notes);
    let start = command(&mut section, "start", notes);
    let command_timeout = section
        .take("command_timeout", notes)
        .map_or(Some(Duration::from_mins(1)), |field| {
            field.duration(PERIODS, notes)
        });
    section.finish(notes);
    Some(Consumer {
        kind: kind?,
        position: position?,
        stop,
        start,
        command_timeout: command_timeout?,
    })
}

fn kind(section: &mut Section<'_>, place: &Place<'_>, notes: &mut Notes) -> Option<ConsumerKind> {
    let kind = section.require("kind", "\"file\" or \"store\"", notes)?;
    let of_file = kind.one_of(&[("file", true), ("store", false)], notes);
    let path = section.take("path", notes);
    match (of_file?, path) {
        (true, Some(field)) => place.path(&field, notes).map(ConsumerKind::File),
        (false, None) => Some(ConsumerKind::Store),
        (true, None) => {
            let message = format!("`{}.path` is missing", section.path());
            let cure = "add path = \"/var/lib/hr-sync/cursor.json\"";
            notes.add(section.span(), message, cure);
            None
        }
        (false, Some(field)) => {
            field.wrong(
                "is of no use with kind \"store\"",
                "remove it, or write kind = \"file\"",
                notes,
            );
            None
        }
    }
}

/// A program with its arguments; no shell reads it.
fn command(
    section: &mut Section<'_>,
    name: &'static str,
    notes: &mut Notes,
) -> Option<Vec<String>> {
    let like = "[\"systemctl\", \"restart\", \"hr-sync\"]";
    let field = section.take(name, notes)?;
    let words = field
        .list(like, notes)
        .iter()
        .filter_map(|item| Some(item.text("\"systemctl\"", notes)?.to_owned()))
        .collect();
    Some(words)
}
