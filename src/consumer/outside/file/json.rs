//! Values in a JSON text, by JSON pointers (RFC 6901). Pure.
//!
//! # Decisions
//! - Only the values meant are replaced, by their place in the text, so that order, blanks and the spelling of every
//!   other number stay.
//! - A number stays a number and a text stays a text, since products read what they wrote.

use std::fmt;
use std::ops::Range;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::{Flaw, changes, named};
use crate::config::Keys;
use crate::consumer::outside::spot::{Change, Field, Fields};

/// One level of a document: the members of an object or the elements of an array, with the text of each.
enum Level<'a> {
    Object(Vec<(String, &'a RawValue)>),
    Array(Vec<&'a RawValue>),
}

impl<'de> Deserialize<'de> for Level<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = Level<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object or an array")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Level<'de>, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Level::Object(members))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Level<'de>, A::Error> {
                let mut elements = Vec::new();
                while let Some(element) = seq.next_element()? {
                    elements.push(element);
                }
                Ok(Level::Array(elements))
            }
        }
        deserializer.deserialize_any(Either)
    }
}

/// Where a pointer leads.
enum Spot {
    /// To this value.
    Value(Range<usize>),
    /// To no member of the object in this range, which would have this name.
    Missing(Range<usize>, String),
}

/// The members that the keys name; one that is null or not there is left out.
pub(super) fn read(text: &str, keys: &Keys) -> Result<Fields, Flaw> {
    let mut fields = Fields::new();
    for (field, pointer) in keys {
        if let Spot::Value(range) = find(text, *field, pointer)? {
            let raw = text.get(range).unwrap_or_default();
            if let Some(value) = plain(raw, *field, pointer)? {
                fields.insert(*field, value);
            }
        }
    }
    Ok(fields)
}

/// The text with the changes made.
pub(super) fn edit(text: &str, keys: &Keys, new: &Change) -> Result<String, Flaw> {
    edited(text, keys, new, |_, _, old, value| Ok(spelled(old, value)))
}

/// The JSON of each value that the keys name, to the letter.
pub(super) fn spellings<'t>(
    text: &'t str,
    keys: &Keys,
) -> Result<Vec<(Field, Option<&'t str>)>, Flaw> {
    let spelling = |(field, pointer): (&Field, &String)| {
        Ok(match find(text, *field, pointer)? {
            Spot::Value(range) => (*field, text.get(range)),
            Spot::Missing(..) => (*field, None),
        })
    };
    keys.iter().map(spelling).collect()
}

/// The text with the changes made, each new value to the letter as it stands in `from`, where it must stand.
pub(super) fn taken_over(
    text: &str,
    keys: &Keys,
    new: &Change,
    from: &str,
) -> Result<String, Flaw> {
    edited(text, keys, new, |field, pointer, _, value| {
        match find(from, field, pointer)? {
            Spot::Value(range) => Ok(from.get(range).unwrap_or_default().to_owned()),
            Spot::Missing(..) => Ok(spelled("", value)),
        }
    })
}

/// The text with the changes made; `spelled` gives a value as JSON, from field, pointer, the old JSON and the new text.
fn edited(
    text: &str,
    keys: &Keys,
    new: &Change,
    spelled: impl Fn(Field, &str, &str, &str) -> Result<String, Flaw>,
) -> Result<String, Flaw> {
    let mut edited = text.to_owned();
    for (field, pointer, value) in changes(keys, new) {
        edited = match (find(&edited, field, pointer)?, value) {
            (Spot::Value(range), Some(value)) => {
                let old = edited.get(range.clone()).unwrap_or_default();
                let written = spelled(field, pointer, old, value)?;
                edited.replace_range(range, &written);
                edited
            }
            (Spot::Value(range), None) => without(&edited, &range),
            (Spot::Missing(..), None) => edited,
            (Spot::Missing(object, name), Some(value)) => {
                let written = spelled(field, pointer, "", value)?;
                with(&edited, object, &name, &written)
            }
        };
    }
    Ok(edited)
}

/// The value as a text; `None` for null.
fn plain(raw: &str, field: Field, pointer: &str) -> Result<Option<String>, Flaw> {
    if raw == "null" {
        return Ok(None);
    }
    if raw.starts_with('"') {
        let text: Result<String, _> = serde_json::from_str(raw);
        return text
            .map(Some)
            .map_err(|_| Flaw::new(named(field, pointer), raw, "a text without broken escapes"));
    }
    let is_composed = raw.starts_with(['{', '[']);
    if is_composed && field != Field::Cookie {
        let must = "a number or a text, no object and no list";
        return Err(Flaw::new(named(field, pointer), raw, must));
    }
    Ok(Some(raw.to_owned()))
}

/// The new value, a number where the old one is no text and it can be one.
fn spelled(old: &str, new: &str) -> String {
    let is_number = new.bytes().all(|byte| byte.is_ascii_digit())
        && !new.is_empty()
        && (new == "0" || !new.starts_with('0'));
    if is_number && !old.starts_with('"') {
        new.to_owned()
    } else {
        serde_json::Value::from(new).to_string()
    }
}

fn find(text: &str, field: Field, pointer: &str) -> Result<Spot, Flaw> {
    let flaw = |what: String, must: &str| Flaw::new(named(field, pointer), &what, must);
    let mut here: &str = text.trim();
    let mut tokens = pointer.split('/').skip(1).peekable();
    while let Some(token) = tokens.next() {
        let name = token.replace("~1", "/").replace("~0", "~");
        let level: Level<'_> = serde_json::from_str(here).map_err(|error| {
            flaw(
                error.to_string(),
                "within an object or a list of the JSON text",
            )
        })?;
        let found = match level {
            Level::Object(members) => {
                let mut of_name = members.iter().filter(|(key, _)| *key == name);
                let found = of_name.next().map(|(_, value)| value.get());
                if of_name.next().is_some() {
                    return Err(flaw(format!("{name:?} twice"), "there once"));
                }
                if found.is_none() && tokens.peek().is_none() {
                    return Ok(Spot::Missing(place(text, here), name));
                }
                found
            }
            Level::Array(elements) => {
                let index: Option<usize> = name.parse().ok();
                index
                    .and_then(|index| elements.get(index))
                    .map(|value| value.get())
            }
        };
        here = found.ok_or_else(|| flaw(format!("without {name:?}"), "a way that exists"))?;
    }
    Ok(Spot::Value(place(text, here)))
}

/// Where in the text a value borrowed from it lies.
fn place(text: &str, raw: &str) -> Range<usize> {
    let start = raw
        .as_ptr()
        .addr()
        .saturating_sub(text.as_ptr().addr())
        .min(text.len());
    start..start.saturating_add(raw.len()).min(text.len())
}

/// The text without the member whose value this is, its comma included.
fn without(text: &str, value: &Range<usize>) -> String {
    let head = text.get(..value.start).unwrap_or_default();
    let tail = text.get(value.end..).unwrap_or_default();
    // `head` ends in `"key" :`. The key's own quote is the last one that no odd run of backslashes escapes.
    let key_end = head.rfind('"').unwrap_or(0);
    let key_start = opening_quote(head, key_end);
    let before = head.get(..key_start).unwrap_or_default().trim_end();
    if let Some(kept) = before.strip_suffix(',') {
        return format!("{kept}{tail}");
    }
    match tail.trim_start().strip_prefix(',') {
        Some(rest) => format!("{before}{rest}"),
        None => format!("{before}{tail}"),
    }
}

/// Where the text in quotes begins that ends with the quote at `end`.
fn opening_quote(text: &str, end: usize) -> usize {
    let bytes = text.as_bytes();
    let mut at = end;
    while at > 0 {
        at -= 1;
        if bytes.get(at) == Some(&b'"') {
            let before = bytes.get(..at).unwrap_or_default();
            let escapes = before
                .iter()
                .rev()
                .take_while(|byte| **byte == b'\\')
                .count();
            if escapes % 2 == 0 {
                return at;
            }
        }
    }
    0
}

/// The text with one more member, whose value is this JSON, at the end of the object in `object`.
fn with(text: &str, object: Range<usize>, name: &str, value: &str) -> String {
    let inner = text
        .get(object.start + 1..object.end.saturating_sub(1))
        .unwrap_or_default();
    let at = object.start + 1 + inner.trim_end().len();
    let comma = if inner.trim().is_empty() { "" } else { ", " };
    let member = format!("{comma}{}: {value}", serde_json::Value::from(name));
    let mut edited = text.to_owned();
    edited.insert_str(at.min(text.len()), &member);
    edited
}
