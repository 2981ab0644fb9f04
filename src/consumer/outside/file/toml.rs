//! Values in a TOML text, by dotted keys; a number in the key is the place in a list of tables. Pure.
//!
//! # Decisions
//! - Only the values meant are replaced, by their place in the text: comments, order and blanks stay.
//! - Nothing is added and nothing is removed: a key's line may carry a comment or a whole table's meaning.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{Flaw, changes, named};
use crate::config::Keys;
use crate::consumer::outside::spot::{Change, Field, Fields};

/// The values that the keys name; one that is not there is left out.
pub(super) fn read(text: &str, keys: &Keys) -> Result<Fields, Flaw> {
    let table = parsed(text)?;
    let mut fields = Fields::new();
    for (field, key) in keys {
        if let Some(value) = find(&table, *field, key)? {
            fields.insert(*field, plain(value, *field, key)?);
        }
    }
    Ok(fields)
}

/// The text with the changes made.
pub(super) fn edit(text: &str, keys: &Keys, new: &Change) -> Result<String, Flaw> {
    let table = parsed(text)?;
    let mut edits: Vec<(Range<usize>, String)> = Vec::new();
    for (field, key, value) in changes(keys, new) {
        let found = find(&table, field, key)?;
        match (found, value) {
            (Some(found), Some(value)) => {
                let quoted = || {
                    serde_json::Value::from(value)
                        .to_string()
                        .replace('\u{7f}', "\\u007f")
                };
                let is_number =
                    matches!(found.get_ref(), DeValue::Integer(_)) && value.parse::<i64>().is_ok();
                let written = if is_number {
                    value.to_owned()
                } else {
                    quoted()
                };
                edits.push((found.span(), written));
            }
            (None, None) => {}
            (found, _) => {
                let value = if found.is_some() {
                    "there"
                } else {
                    "not there"
                };
                let must =
                    "a key that is there and stays; nothing is added to TOML or removed from it";
                return Err(Flaw::new(named(field, key), value, must));
            }
        }
    }
    edits.sort_by_key(|(range, _)| range.start);
    let mut edited = text.to_owned();
    for (range, written) in edits.into_iter().rev() {
        edited.replace_range(range, &written);
    }
    Ok(edited)
}

fn parsed(text: &str) -> Result<Spanned<DeTable<'_>>, Flaw> {
    DeTable::parse(text).map_err(|error| Flaw::new("its text", error.message(), "TOML"))
}

fn find<'t, 'd>(
    table: &'t Spanned<DeTable<'d>>,
    field: Field,
    key: &str,
) -> Result<Option<&'t Spanned<DeValue<'d>>>, Flaw> {
    let mut names = key.split('.');
    let first = names.next().unwrap_or_default();
    let mut here = table.get_ref().get(first);
    for name in names {
        let Some(value) = here else { return Ok(None) };
        here = match value.get_ref() {
            DeValue::Table(table) => table.get(name),
            DeValue::Array(items) => name.parse::<usize>().ok().and_then(|at| items.get(at)),
            _ => {
                let must = "below tables alone";
                return Err(Flaw::new(named(field, key), name, must));
            }
        };
    }
    Ok(here)
}

fn plain(value: &Spanned<DeValue<'_>>, field: Field, key: &str) -> Result<String, Flaw> {
    match value.get_ref() {
        DeValue::String(text) => Ok(text.to_string()),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map(|number| number.to_string())
            .map_err(|_| {
                Flaw::new(
                    named(field, key),
                    number.as_str(),
                    "a whole number of 64 bits",
                )
            }),
        _ => Err(Flaw::new(
            named(field, key),
            "something else",
            "a text or a whole number",
        )),
    }
}
