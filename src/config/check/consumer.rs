//! `[resource.NAME.consumer]`: who owns the cursor, where it is, how the sync is stopped and started.

use std::time::Duration;

use super::super::problem::Notes;
use super::super::raw::{Field, Section};
use super::super::{Consumer, ConsumerKind, Position, Turn};
use super::{PERIODS, Place, command, http, outside, preset, steps};
use crate::model::HostAttribute;

const POSITIONS: [(&str, Position); 2] = [
    ("before_search", Position::BeforeSearch),
    ("largest_seen", Position::LargestSeen),
];

const KINDS: [(&str, Kind); 4] = [
    ("file", Kind::File),
    ("store", Kind::Store),
    ("builtin", Kind::Builtin),
    ("outside", Kind::Outside),
];

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    File,
    Store,
    Builtin,
    Outside,
}

/// Reads the consumer of a resource, whose failover rewrites `attribute`.
pub(super) fn read(
    section: &mut Section<'_>,
    attribute: HostAttribute,
    place: &Place<'_>,
    notes: &mut Notes,
) -> Option<Consumer> {
    let like = "{ kind = \"file\", path = \"/var/lib/hr-sync/cursor.json\", position = \"before_search\" }";
    let section = section.require("consumer", like, notes)?.table(notes)?;
    preset::expanded(section, notes, |section, notes| {
        one(section, attribute, place, notes)
    })
}

fn one(
    mut section: Section<'_>,
    attribute: HostAttribute,
    place: &Place<'_>,
    notes: &mut Notes,
) -> Option<Consumer> {
    let word = section
        .require(
            "kind",
            "\"file\", \"store\", \"builtin\" or \"outside\"",
            notes,
        )
        .and_then(|field| field.one_of(&KINDS, notes));
    let start_field = section.take("start", notes);
    let stop_field = section.take("stop", notes);
    let mut named = http::Named {
        server: None,
        consumer: section.path().to_owned(),
        span: section.span(),
    };
    let (kind, position) = if word == Some(Kind::Outside) {
        if let Some(field) = section.take("path", notes) {
            let cure = "remove it, and name the file under cursor";
            field.wrong("is of no use with kind \"outside\"", cure, notes);
        }
        let can_start = start_field.is_some();
        let server = section.take("http", notes);
        let had_server = server.is_some();
        named.server = server.and_then(|field| http::server(&field, place, notes));
        if had_server && named.server.is_none() {
            // What counts from a server that is wrong cannot be told from what is right.
            return None;
        }
        let read = outside::read(&mut section, attribute, can_start, &named, place, notes);
        let kind = read.map(|outside| ConsumerKind::Outside(Box::new(outside)));
        let position = position_outside(&mut section, kind.as_ref(), notes);
        (kind, position)
    } else {
        outside::refuse(&mut section, word.is_some(), notes);
        let kind = kind(&mut section, word, place, notes);
        (kind, position(&mut section, word, notes))
    };
    let turn = |field: Option<Field<'_>>, notes: &mut Notes| {
        let field = field?;
        if word == Some(Kind::Builtin) {
            let cure = "remove it: Highwater stops and starts its own sync by itself";
            field.wrong("is of no use with kind \"builtin\"", cure, notes);
        }
        turn(&field, &named, notes)
    };
    let (stop, start) = (turn(stop_field, notes), turn(start_field, notes));
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
        preset: None,
        command_timeout: command_timeout?,
    })
}

/// A program, `{ unit = "…" }`, or `{ http = [ … ] }`.
fn turn(field: &Field<'_>, server: &http::Named, notes: &mut Notes) -> Option<Turn> {
    if !field.is_table() {
        return Some(Turn::Command(command(field, notes)));
    }
    let mut section = field.table(notes)?;
    if let Some(field) = section.take("http", notes) {
        let read = steps::read(&field, server, notes);
        section.finish(notes);
        return read.map(Turn::Http);
    }
    let unit = section
        .require("unit", "\"hr-sync.service\"", notes)
        .and_then(|field| unit(&field, notes));
    section.finish(notes);
    unit.map(Turn::Unit)
}

/// The name of a systemd unit, which must not be taken for an option.
fn unit(field: &Field<'_>, notes: &mut Notes) -> Option<String> {
    let text = field.text("\"hr-sync.service\"", notes)?;
    let fits = |c: char| c.is_ascii_alphanumeric() || ":-_.\\@".contains(c);
    if text.starts_with('-') || !text.chars().all(fits) {
        let cure = "give its name as `systemctl list-units` shows it, like \"hr-sync.service\"";
        field.wrong("is no name of a systemd unit", cure, notes);
        return None;
    }
    Some(text.to_owned())
}

fn kind(
    section: &mut Section<'_>,
    word: Option<Kind>,
    place: &Place<'_>,
    notes: &mut Notes,
) -> Option<ConsumerKind> {
    let path = section.take("path", notes);
    let (kind, name) = match word? {
        Kind::File => {
            let Some(field) = path else {
                let message = format!("`{}.path` is missing", section.path());
                let cure = "add path = \"/var/lib/hr-sync/cursor.json\"";
                notes.add(section.span(), message, cure);
                return None;
            };
            return place.path(&field, notes).map(ConsumerKind::File);
        }
        Kind::Store => (ConsumerKind::Store, "store"),
        Kind::Builtin => (ConsumerKind::Builtin, "builtin"),
        Kind::Outside => return None,
    };
    if let Some(field) = path {
        field.wrong(
            &format!("is of no use with kind \"{name}\""),
            "remove it, or write kind = \"file\"",
            notes,
        );
        return None;
    }
    Some(kind)
}

/// What the cursor's USN is; of our own there is no question.
fn position(section: &mut Section<'_>, word: Option<Kind>, notes: &mut Notes) -> Option<Position> {
    if word != Some(Kind::Builtin) {
        return required(section, notes);
    }
    let Some(field) = section.take("position", notes) else {
        return Some(Position::BeforeSearch);
    };
    let position = field.one_of(&POSITIONS, notes)?;
    if position == Position::LargestSeen {
        let cure = "remove it: our own cursor is always \"before_search\"";
        field.wrong("cannot be had with kind \"builtin\"", cure, notes);
    }
    Some(position)
}

fn required(section: &mut Section<'_>, notes: &mut Notes) -> Option<Position> {
    section
        .require("position", "\"before_search\" or \"largest_seen\"", notes)
        .and_then(|field| field.one_of(&POSITIONS, notes))
}

/// The same for another product: without a USN there is no question either.
fn position_outside(
    section: &mut Section<'_>,
    kind: Option<&ConsumerKind>,
    notes: &mut Notes,
) -> Option<Position> {
    let Some(ConsumerKind::Outside(outside)) = kind else {
        // Whether it is wanted cannot be told; a word that is never right can.
        return section
            .take("position", notes)
            .and_then(|field| field.one_of(&POSITIONS, notes));
    };
    if outside.shape.has_usns() {
        return required(section, notes);
    }
    if let Some(field) = section.take("position", notes) {
        let what = format!("is of no use with shape \"{}\"", outside.shape.word());
        field.wrong(&what, "remove it", notes);
    }
    Some(match outside.shape {
        super::super::Shape::Cookie => Position::Cookie,
        _ => Position::Reset,
    })
}
