//! `[resource.NAME]`: one AD source as a sync sees it, and who owns its cursor.

use std::collections::BTreeMap;

use super::super::problem::Notes;
use super::super::raw::{self, At, Field, Section};
use super::super::{Consumer, Feed, Position, Process, Reaction, ResourceSettings, suggest};
use super::{Place, consumer, feed};
use crate::model::{
    AutoFailover, DcName, Dn, HostAttribute, Hours, NameError, Preference, ResourceName,
    StartMethod,
};

const STARTS: [(&str, StartMethod); 3] = [
    ("best", StartMethod::Best),
    ("time", StartMethod::Time),
    ("vector", StartMethod::Vector),
];

/// Reads one resource; `dcs` are the names of all configured DCs.
pub(super) fn read(
    name: &At<&str>,
    mut section: Section<'_>,
    dcs: &[&str],
    processes: Option<&BTreeMap<String, Process>>,
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
    let host_attribute = if search_subdomains && has_global_catalog {
        HostAttribute::GlobalCatalog
    } else {
        HostAttribute::LdapHost
    };
    let consumer = consumer::read(&mut section, host_attribute, place, notes);
    let reaction = reaction(&mut section, processes, notes);
    let feed = own_feed(&mut section, consumer.as_ref(), place, notes);
    section.finish(notes);
    if let (Some(field), Some(start), Some(consumer)) = (&start_field, start, &consumer) {
        fits(field, start, consumer.position, notes);
    }
    Some(ResourceSettings {
        name: name?,
        base_contexts,
        search_subdomains,
        host_attribute,
        backup_dcs,
        site,
        replication_time: replication_time?,
        start: start?,
        consumer: consumer?,
        feed: feed?,
        reaction: reaction?,
    })
}

/// Whether such a start can be had of such a cursor.
fn fits(field: &Field<'_>, start: StartMethod, position: Position, notes: &mut Notes) {
    if start == StartMethod::Vector && position == Position::LargestSeen {
        field.wrong(
            "cannot be had while consumer.position is \"largest_seen\": no vector start is proven from such a cursor",
            "write start = \"time\", or let the consumer record the USN it read before its search",
            notes,
        );
    }
    if start == StartMethod::Time && !position.has_usns() {
        field.wrong(
            "cannot be had with a consumer.shape that has no USN to start from",
            "remove it",
            notes,
        );
    }
}

const REACTIONS: [(&str, AutoFailover); 3] = [
    ("off", AutoFailover::Off),
    ("propose", AutoFailover::Propose),
    ("on", AutoFailover::On),
];

/// `process` and `auto_failover`; `processes` are the configured ones, unknown where something is wrong with them.
fn reaction(
    section: &mut Section<'_>,
    processes: Option<&BTreeMap<String, Process>>,
    notes: &mut Notes,
) -> Option<Reaction> {
    let mut reaction = Reaction::default();
    if let Some(field) = section.take("auto_failover", notes) {
        reaction.auto_failover = field.one_of(&REACTIONS, notes)?;
    }
    if let Some(field) = section.take("process", notes) {
        let name = field.text("\"ad\"", notes)?;
        if processes.is_some_and(|processes| !processes.contains_key(name)) {
            let names: Vec<&str> = processes
                .into_iter()
                .flat_map(|processes| processes.keys().map(String::as_str))
                .collect();
            let cure = if names.is_empty() {
                format!("add a table [process.{name}]")
            } else {
                suggest::cure(name, &names)
            };
            field.unknown("names no process", cure, notes);
        }
        reaction.process = Some(name.to_owned());
    }
    Some(reaction)
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
        // Kept as the DC's own table spells it: samples and history hang on that.
        let spelt = dcs.iter().find(|dc| dc.eq_ignore_ascii_case(text));
        let parsed: Option<Result<DcName, NameError>> = spelt.map(|spelt| spelt.parse());
        match parsed {
            Some(Ok(name)) => names.push((item, name)),
            _ => item.unknown("is no configured DC", suggest::cure(text, dcs), notes),
        }
    }
    names
}

/// The feed, which goes with the consumer that is ours and with no other.
#[expect(
    clippy::option_option,
    reason = "outside: whether it is right; inside: whether there is one"
)]
fn own_feed(
    section: &mut Section<'_>,
    consumer: Option<&Consumer>,
    place: &Place<'_>,
    notes: &mut Notes,
) -> Option<Option<Feed>> {
    let given = section.take("feed", notes);
    let is_ours = consumer.map(|consumer| consumer.kind.is_builtin());
    if is_ours == Some(true) && given.is_none() {
        let path = section.path();
        notes.add(
            section.span(),
            format!("`{path}.feed` is missing"),
            format!("add a table [{path}.feed] and in it at least one [{path}.feed.sink.NAME]"),
        );
        return None;
    }
    let Some(field) = given else {
        return Some(None);
    };
    if is_ours == Some(false) {
        notes.add(
            field.span(),
            format!("`{}` is of no use: the consumer is not ours", field.path()),
            "remove it, or write consumer.kind = \"builtin\"",
        );
    }
    feed::read(field.table(notes)?, place, notes).map(Some)
}
