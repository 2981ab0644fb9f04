//! A JSON document of another product: reading values out of it and putting others in, all else kept to the byte. Pure.
//!
//! # Decisions
//! - A value is replaced by its place in the text, so numbers keep their spelling and members their order, which no
//!   parse-and-print would promise.
//! - The kind of a value stays as it was found: a number is written as a number, a text as a text. What is not there or
//!   null has no kind, so it is not written.
//! - A flaw never tells what the document says, since such documents hold passwords too.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::super::host_text;
use crate::config::{JsonPart, JsonPath};

/// What is wrong with a document, as [`SpotError::Flawed`](super::super::spot::SpotError::Flawed) tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Flaw {
    pub(super) what: String,
    pub(super) value: String,
    pub(super) must: String,
}

fn flaw(what: impl fmt::Display, value: impl Into<String>, must: impl Into<String>) -> Flaw {
    Flaw {
        what: what.to_string(),
        value: host_text::shown(&value.into()),
        must: must.into(),
    }
}

/// The members of an object, in their order.
struct Members<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Members<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
                let mut members = Vec::new();
                while let Some((name, value)) = map.next_entry::<String, _>()? {
                    members.push((Cow::Owned(name), value));
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Object)
    }
}

/// What kind of value begins so.
fn kind(raw: &str) -> &'static str {
    match raw.as_bytes().first() {
        Some(b'{') => "an object",
        Some(b'[') => "a list",
        Some(b'"') => "a text",
        Some(b't' | b'f') => "true or false",
        Some(b'n') => "null",
        _ => "a number",
    }
}

/// The whole text as one value.
fn whole<'a>(text: &'a str, what: &str) -> Result<&'a str, Flaw> {
    let parsed: Result<&RawValue, _> = serde_json::from_str(text);
    parsed.map(RawValue::get).map_err(|error| {
        let place = format!("broken at line {}, column {}", error.line(), error.column());
        flaw(what, place, "JSON")
    })
}

/// The value the steps lead to; `None` where there is none.
fn walk<'a>(
    mut raw: &'a str,
    parts: &[JsonPart],
    path: &JsonPath,
) -> Result<Option<&'a str>, Flaw> {
    for part in parts {
        let next = match part {
            JsonPart::Key(name) if raw.starts_with('[') => {
                let index: Option<usize> = name.parse().ok();
                index.and_then(|index| elements(raw).get(index).copied())
            }
            JsonPart::Key(name) => member(raw, name, path)?,
            JsonPart::Pick { at, is } => pick(raw, at, is, path)?,
        };
        match next {
            Some(value) => raw = value,
            None => return Ok(None),
        }
    }
    Ok(Some(raw))
}

fn elements(raw: &str) -> Vec<&str> {
    let list: Vec<&RawValue> = serde_json::from_str(raw).unwrap_or_default();
    list.into_iter().map(RawValue::get).collect()
}

fn member<'a>(raw: &'a str, name: &str, path: &JsonPath) -> Result<Option<&'a str>, Flaw> {
    let Ok(Members(members)) = serde_json::from_str::<Members<'a>>(raw) else {
        return match kind(raw) {
            "null" => Ok(None),
            other => Err(flaw(
                format!("what `{path}` leads through"),
                other,
                format!("an object with `{name}`"),
            )),
        };
    };
    let mut found = members.iter().filter(|(key, _)| key == name);
    let value = found.next().map(|(_, value)| value.get());
    match found.next() {
        Some(_) => Err(flaw(format!("`{path}`"), "there twice", "there once")),
        None => Ok(value),
    }
}

fn pick<'a>(
    raw: &'a str,
    at: &[String],
    is: &str,
    path: &JsonPath,
) -> Result<Option<&'a str>, Flaw> {
    if !raw.starts_with('[') {
        return match kind(raw) {
            "null" => Ok(None),
            other => Err(flaw(
                format!("what `{path}` picks from"),
                other,
                "a list of objects",
            )),
        };
    }
    let mut found = None;
    for element in elements(raw) {
        let mut value = Some(element);
        for name in at {
            value = match value {
                Some(object) if object.starts_with('{') => member(object, name, path)?,
                _ => None,
            };
        }
        if value.and_then(plain).is_some_and(|text| text == is) {
            if found.is_some() {
                return Err(flaw(
                    format!("what `{path}` picks"),
                    "there twice",
                    "there once",
                ));
            }
            found = Some(element);
        }
    }
    Ok(found)
}

/// The text of a text, number, true or false.
fn plain(raw: &str) -> Option<String> {
    match kind(raw) {
        "a text" => serde_json::from_str(raw).ok(),
        "a number" | "true or false" => Some(raw.to_owned()),
        _ => None,
    }
}

/// The value at `path`, as text; `None` where there is none, or null.
pub(super) fn value(text: &str, path: &JsonPath) -> Result<Option<String>, Flaw> {
    let mut text = Cow::Borrowed(text);
    let (last, outer) = split(path);
    for parts in outer {
        match inner(&text, parts, path)? {
            Some((_, within)) => text = Cow::Owned(within),
            None => return Ok(None),
        }
    }
    let raw = whole(&text, "the document")?;
    let Some(found) = walk(raw, last, path)? else {
        return Ok(None);
    };
    match plain(found) {
        Some(text) => Ok(Some(text)),
        None if kind(found) == "null" => Ok(None),
        None => Err(flaw(format!("`{path}`"), kind(found), "a text or a number")),
    }
}

/// Whether there is anything at `path`, of whatever kind, null left out.
pub(super) fn is_there(text: &str, path: &JsonPath) -> Result<bool, Flaw> {
    let mut text = Cow::Borrowed(text);
    let (last, outer) = split(path);
    for parts in outer {
        match inner(&text, parts, path)? {
            Some((_, within)) => text = Cow::Owned(within),
            None => return Ok(false),
        }
    }
    let raw = whole(&text, "the document")?;
    Ok(walk(raw, last, path)?.is_some_and(|found| kind(found) != "null"))
}

fn split(path: &JsonPath) -> (&[JsonPart], &[Vec<JsonPart>]) {
    match path.levels().split_last() {
        Some((last, outer)) => (last, outer),
        None => (&[], &[]),
    }
}

/// The JSON in the text at the end of `parts`, with its place.
fn inner(
    text: &str,
    parts: &[JsonPart],
    path: &JsonPath,
) -> Result<Option<(Range<usize>, String)>, Flaw> {
    let raw = whole(text, "the document")?;
    let Some(found) = walk(raw, parts, path)? else {
        return Ok(None);
    };
    if kind(found) == "null" {
        return Ok(None);
    }
    match serde_json::from_str::<String>(found) {
        Ok(within) => {
            whole(&within, &format!("the text before # in `{path}`"))?;
            Ok(Some((place(text, found), within)))
        }
        Err(_) => Err(flaw(
            format!("what stands before # in `{path}`"),
            kind(found),
            "a text that is JSON",
        )),
    }
}

/// The document with `new` at `path`, of the kind that stands there.
pub(super) fn with(text: &str, path: &JsonPath, new: &str) -> Result<String, Flaw> {
    put(text, path, path.levels(), new)
}

fn put(text: &str, path: &JsonPath, levels: &[Vec<JsonPart>], new: &str) -> Result<String, Flaw> {
    let missing = || {
        let must = "there already, since its kind is taken from what stands there: let the product write it once";
        flaw(format!("`{path}`"), "missing or null", must)
    };
    let Some((first, rest)) = levels.split_first() else {
        return Err(missing());
    };
    let (range, value) = if rest.is_empty() {
        let raw = whole(text, "the document")?;
        let found = walk(raw, first, path)?.ok_or_else(missing)?;
        if kind(found) == "null" {
            return Err(missing());
        }
        (place(text, found), like(found, new, path)?)
    } else {
        let (range, within) = inner(text, first, path)?.ok_or_else(missing)?;
        (range, quoted(&put(&within, path, rest, new)?))
    };
    let mut edited = text.to_owned();
    edited.replace_range(range, &value);
    Ok(edited)
}

/// `new` as JSON, of the kind that stands at `path`.
pub(super) fn literal(text: &str, path: &JsonPath, new: &str) -> Result<String, Flaw> {
    let mut text = Cow::Borrowed(text);
    let (last, outer) = split(path);
    for parts in outer {
        match inner(&text, parts, path)? {
            Some((_, within)) => text = Cow::Owned(within),
            None => return Ok(quoted(new)),
        }
    }
    let raw = whole(&text, "the document")?;
    match walk(raw, last, path)? {
        Some(found) if kind(found) != "null" => like(found, new, path),
        _ => Ok(quoted(new)),
    }
}

/// `new` as JSON, of the kind of `found`.
fn like(found: &str, new: &str, path: &JsonPath) -> Result<String, Flaw> {
    let must = |must: &str| flaw(format!("the new `{path}`"), format!("{new:?}"), must);
    match kind(found) {
        "a text" => Ok(quoted(new)),
        "a number" if new.parse::<i64>().is_ok_and(|n| n.to_string() == new) => Ok(new.to_owned()),
        "a number" => Err(must("a whole number, as what stands there")),
        "true or false" if matches!(new, "true" | "false") => Ok(new.to_owned()),
        "true or false" => Err(must("true or false, as what stands there")),
        other => Err(flaw(format!("`{path}`"), other, "a text or a number")),
    }
}

/// A text as JSON.
pub(super) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
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

#[cfg(test)]
#[path = "document_tests.rs"]
mod tests;
