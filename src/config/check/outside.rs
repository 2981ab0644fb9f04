//! The consumer that is another product: the shape of its cursor, the spots of cursor and host, and its confirmation.

use std::time::Duration;

use super::super::problem::Notes;
use super::super::raw::Section;
use super::super::{Confirm, FileForm, HostPlace, Outside, Shape, SpotField, SpotSettings};
use super::{PERIODS, Place, command, http, spot};
use crate::model::HostAttribute;

#[derive(Clone, Copy, PartialEq)]
enum Word {
    OneUsn,
    TwoUsns,
    Pair,
    Cookie,
    Reset,
}

const SHAPES: [(&str, Word); 5] = [
    ("one_usn", Word::OneUsn),
    ("two_usns", Word::TwoUsns),
    ("deleted_comma_updated", Word::Pair),
    ("cookie", Word::Cookie),
    ("reset", Word::Reset),
];

const CURSOR_LIKE: &str =
    "{ file = \"/var/lib/hr-sync/state.json\", json = { updated = \"/usn\" } }";
const HOST_LIKE: &str = "{ file = \"/etc/hr-sync.conf\", properties = { host = \"ldap.host\" } }, or { first = \"dc1.example.com\" } where the start command is given it";

/// Refuses the keys of `kind = "outside"` with another kind.
pub(super) fn refuse(section: &mut Section<'_>, kind_is_known: bool, notes: &mut Notes) {
    let keys = [
        "shape",
        "reset_to",
        "cursor",
        "host",
        "confirm",
        "confirm_command",
        "http",
    ];
    for name in keys {
        if let Some(field) = section.take(name, notes)
            && kind_is_known
        {
            let message = format!("`{}` goes with kind \"outside\" alone", field.path());
            let cure = "remove it, or write kind = \"outside\"";
            notes.add(field.span(), message, cure);
        }
    }
}

/// Reads the keys of `kind = "outside"`; `can_start` is whether there is something that starts the sync.
pub(super) fn read(
    section: &mut Section<'_>,
    attribute: HostAttribute,
    can_start: bool,
    server: &http::Named,
    place: &Place<'_>,
    notes: &mut Notes,
) -> Option<Outside> {
    let shape = shape(section, notes);
    let is_cookie = matches!(shape, Some(Shape::Cookie));
    let cursor_field = if is_cookie {
        section.take("cursor", notes)
    } else {
        section.require("cursor", CURSOR_LIKE, notes)
    };
    let cursor_span = cursor_field.as_ref().map(super::super::raw::Field::span);
    let given = cursor_field.is_some();
    let cursor = cursor_field
        .and_then(|field| field.table(notes))
        .and_then(|table| spot::read(table, server, place, notes));
    let is_flawed = given && cursor.is_none();
    let host = host(
        section,
        cursor.as_ref(),
        is_flawed,
        can_start,
        server,
        place,
        notes,
    );
    let confirm = confirm(section, notes);
    if is_flawed {
        return None;
    }
    if let (Some(shape), Some(cursor), Some(span)) = (&shape, &cursor, cursor_span) {
        let path = format!("{}.cursor", section.path());
        fields_fit(&path, span, shape, cursor, notes);
    }
    Some(Outside {
        shape: shape?,
        cursor,
        host: host?,
        attribute,
        confirm: confirm?,
    })
}

fn shape(section: &mut Section<'_>, notes: &mut Notes) -> Option<Shape> {
    let like = "\"one_usn\", \"two_usns\", \"deleted_comma_updated\", \"cookie\" or \"reset\"";
    let word = section
        .require("shape", like, notes)
        .and_then(|field| field.one_of(&SHAPES, notes));
    let reset = section.take("reset_to", notes);
    if let Some(field) = &reset
        && word.is_some_and(|word| word != Word::Reset)
    {
        let cure = "remove it, or write shape = \"reset\"";
        field.wrong("is of no use with this shape", cure, notes);
    }
    Some(match word? {
        Word::OneUsn => Shape::OneUsn,
        Word::TwoUsns => Shape::TwoUsns,
        Word::Pair => Shape::DeletedCommaUpdated,
        Word::Cookie => Shape::Cookie,
        Word::Reset => Shape::Reset {
            to: match reset {
                Some(field) => Some(field.text("\"0\"", notes)?.to_owned()),
                None => None,
            },
        },
    })
}

/// Whether the cursor's spot has just the fields that the shape means.
fn fields_fit(
    path: &str,
    span: std::ops::Range<usize>,
    shape: &Shape,
    cursor: &SpotSettings,
    notes: &mut Notes,
) {
    let given: Vec<SpotField> = cursor.fields();
    let wanted: &[SpotField] = match shape {
        Shape::OneUsn | Shape::DeletedCommaUpdated => &[SpotField::Updated],
        Shape::TwoUsns => &[SpotField::Updated, SpotField::Deleted],
        Shape::Cookie => &[SpotField::Cookie],
        Shape::Reset { .. } => &[],
    };
    let shown = shape.word();
    for field in wanted.iter().filter(|field| !given.contains(field)) {
        notes.add(
            span.clone(),
            format!("`{path}` does not say where `{field}` is, which shape \"{shown}\" has"),
            format!("add {field} to its keys"),
        );
    }
    let is_reset = matches!(shape, Shape::Reset { .. });
    let own = |field: &&SpotField| **field != SpotField::Host;
    if is_reset && !given.iter().any(|field| own(&field)) {
        notes.add(
            span.clone(),
            format!("`{path}` names no field that could be reset"),
            "add cookie, or updated and deleted, to its keys",
        );
    }
    for field in given.iter().filter(own) {
        if !is_reset && !wanted.contains(field) {
            notes.add(
                span.clone(),
                format!("`{path}` says where `{field}` is, which shape \"{shown}\" has not"),
                format!("take {field} out of its keys, or write another shape"),
            );
        }
    }
    let cannot_remove = match cursor {
        SpotSettings::File(file) => matches!(file.form, FileForm::Toml(_)),
        SpotSettings::Http(_) => true,
        SpotSettings::Sql(_) | SpotSettings::Ldap(_) | SpotSettings::Command(_) => false,
    };
    if cannot_remove && *shape == (Shape::Reset { to: None }) {
        notes.add(
            span,
            format!("`{path}` is a document from which nothing is removed"),
            "add reset_to = \"0\", or what the product takes for \"from the beginning\"",
        );
    }
}

fn host(
    section: &mut Section<'_>,
    cursor: Option<&SpotSettings>,
    is_flawed: bool,
    can_start: bool,
    server: &http::Named,
    place: &Place<'_>,
    notes: &mut Notes,
) -> Option<HostPlace> {
    let in_cursor = cursor.is_some_and(|spot| spot.fields().contains(&SpotField::Host));
    let Some(field) = section.take("host", notes) else {
        if is_flawed {
            // Whether the host is there cannot be told.
            return None;
        }
        if in_cursor {
            return Some(HostPlace::WithCursor);
        }
        notes.add(
            section.span(),
            format!("`{}.host` is missing", section.path()),
            format!("add host = {HOST_LIKE}"),
        );
        return None;
    };
    if in_cursor {
        let cure = "keep it in one place: remove this table, or host from the keys of the cursor";
        field.wrong("names a second place of the host", cure, notes);
    }
    let span = field.span();
    let mut table = field.table(notes)?;
    if let Some(first) = table.take("first", notes) {
        let host = first.text("\"dc1.example.com\"", notes);
        table.finish(notes);
        if !can_start {
            notes.add(
                span,
                format!("`{}` is of no use without a start command", field.path()),
                "add start = [\"/usr/local/bin/hr-sync\", \"--server\", \"{host}\"]",
            );
        }
        return Some(HostPlace::Remembered {
            first: host?.to_owned(),
        });
    }
    let spot = spot::read(table, server, place, notes)?;
    if spot.fields() != [SpotField::Host] {
        let message = format!(
            "`{}` must say where `host` is, and nothing else",
            field.path()
        );
        notes.add(span, message, "keep host alone in its keys");
        return None;
    }
    Some(HostPlace::Spot(spot))
}

/// `confirm` and `confirm_command`.
#[expect(
    clippy::option_option,
    reason = "outside: whether it is right; inside: whether there is one"
)]
fn confirm(section: &mut Section<'_>, notes: &mut Notes) -> Option<Option<Confirm>> {
    let program = section.take("confirm_command", notes);
    let within = match section.take("confirm", notes) {
        None => Duration::from_mins(2),
        Some(field) if field.as_text() == Some("off") => {
            if let Some(program) = program {
                let cure = "remove it, or give confirm a duration";
                program.wrong("is of no use with confirm = \"off\"", cure, notes);
            }
            return Some(None);
        }
        Some(field) => field.duration(PERIODS, notes)?,
    };
    Some(Some(Confirm {
        within,
        command: program.map(|field| command(&field, notes)),
    }))
}
