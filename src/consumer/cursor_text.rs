//! The text of a cursor file: reading it, and putting other values in without touching anything else. Pure.
//!
//! # Decisions
//! - Only the values themselves are replaced, by their place in the text: the owner's further keys, order, blanks and
//!   the exact spelling of its numbers stay, which no parse-and-print would promise.

use std::fmt;
use std::ops::Range;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::model::{Cursor, InvocationId, NotText, ResourceName, Usn};

/// What is wrong in a cursor file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CursorFlaw {
    /// No text as JSON has to be.
    #[error("it is {0}; have the sync write it as UTF-8")]
    NotText(NotText),
    /// No JSON object.
    #[error("it is no JSON object ({0}); let the sync write it anew or restore it")]
    NotJson(String),
    /// A key is not there.
    #[error("`{0}` is missing; write {1}")]
    Missing(&'static str, &'static str),
    /// A key is there twice.
    #[error("`{0}` appears twice; leave one")]
    Twice(&'static str),
    /// A value is not of the kind it must be.
    #[error("`{field}` is {value}; it must be {must}")]
    Value {
        /// The key.
        field: &'static str,
        /// What stands there, shortened.
        value: String,
        /// What must stand there.
        must: String,
    },
}

const VERSION: &str = "version";
const RESOURCE: &str = "resource";
const LDAP_HOST: &str = "ldapHost";
const GLOBAL_CATALOG: &str = "globalCatalog";
const INVOCATION_ID: &str = "invocationId";
const LAST_UPDATED: &str = "lastUpdated";
const LAST_DELETED: &str = "lastDeleted";

const A_USN: &str = "a whole number from 0 to 9223372036854775807, without quotes";
const A_HOST: &str = "a host name in quotes, such as \"dc1.example.com\"";

/// The top-level keys with the text of their values.
struct Fields<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Fields<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Top;
        impl<'de> Visitor<'de> for Top {
            type Value = Fields<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields<'de>, A::Error> {
                let mut fields = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    fields.push(entry);
                }
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_map(Top)
    }
}

impl<'a> Fields<'a> {
    fn of(text: &'a str) -> Result<Self, CursorFlaw> {
        serde_json::from_str(text).map_err(|error| CursorFlaw::NotJson(error.to_string()))
    }

    fn get(&self, field: &'static str) -> Result<Option<&'a str>, CursorFlaw> {
        let mut found = self.0.iter().filter(|(key, _)| key == field);
        let value = found.next().map(|(_, value)| value.get());
        match found.next() {
            Some(_) => Err(CursorFlaw::Twice(field)),
            None => Ok(value),
        }
    }

    fn need(&self, field: &'static str, must: &'static str) -> Result<&'a str, CursorFlaw> {
        self.get(field)?.ok_or(CursorFlaw::Missing(field, must))
    }
}

fn wrong(field: &'static str, raw: &str, must: &str) -> CursorFlaw {
    CursorFlaw::Value {
        field,
        value: raw.chars().take(60).collect(),
        must: must.to_owned(),
    }
}

fn string(field: &'static str, raw: &str, must: &str) -> Result<String, CursorFlaw> {
    serde_json::from_str::<String>(raw)
        .ok()
        .filter(|text| !text.trim().is_empty())
        .ok_or_else(|| wrong(field, raw, must))
}

/// A value that may be absent or `null`.
fn optional(
    fields: &Fields<'_>,
    field: &'static str,
    must: &str,
) -> Result<Option<String>, CursorFlaw> {
    match fields.get(field)? {
        None | Some("null") => Ok(None),
        Some(raw) => string(field, raw, must).map(Some),
    }
}

fn usn(fields: &Fields<'_>, field: &'static str) -> Result<Usn, CursorFlaw> {
    let raw = fields.need(field, A_USN)?;
    raw.parse().map_err(|_| wrong(field, raw, A_USN))
}

/// The cursor in the text, which must be of this resource.
pub(super) fn decode(text: &str, resource: &ResourceName) -> Result<Cursor, CursorFlaw> {
    let fields = Fields::of(text)?;
    let version = fields.need(VERSION, "1")?;
    if version != "1" {
        return Err(wrong(
            VERSION,
            version,
            "1, the only version this program knows",
        ));
    }
    let must = format!("\"{resource}\", the resource this file is configured for");
    let owner = fields.need(RESOURCE, "the name of the resource")?;
    if string(RESOURCE, owner, &must)? != resource.as_str() {
        return Err(wrong(RESOURCE, owner, &must));
    }
    let a_guid = "null or a GUID in quotes, such as \"6f1c1c1e-2f0a-4f0e-9a35-1d1d2f8b7c55\"";
    let invocation_id = optional(&fields, INVOCATION_ID, a_guid)?
        .map(|text| {
            text.parse::<InvocationId>()
                .map_err(|_| wrong(INVOCATION_ID, &text, a_guid))
        })
        .transpose()?;
    Ok(Cursor {
        ldap_host: string(LDAP_HOST, fields.need(LDAP_HOST, A_HOST)?, A_HOST)?,
        global_catalog: optional(&fields, GLOBAL_CATALOG, A_HOST)?,
        invocation_id,
        last_updated: usn(&fields, LAST_UPDATED)?,
        last_deleted: usn(&fields, LAST_DELETED)?,
    })
}

/// The text with the values of `new` in place of its own; everything else stays to the byte.
pub(super) fn replace(text: &str, new: &Cursor) -> Result<String, CursorFlaw> {
    let fields = Fields::of(text)?;
    let quoted = |value: &str| serde_json::Value::from(value).to_string();
    let or_null = |value: Option<String>| value.map_or_else(|| "null".to_owned(), |v| quoted(&v));
    let values = [
        (LDAP_HOST, quoted(&new.ldap_host)),
        (GLOBAL_CATALOG, or_null(new.global_catalog.clone())),
        (
            INVOCATION_ID,
            or_null(new.invocation_id.map(|id| id.to_string())),
        ),
        (LAST_UPDATED, new.last_updated.to_string()),
        (LAST_DELETED, new.last_deleted.to_string()),
    ];
    let mut edits: Vec<(Range<usize>, String)> = Vec::new();
    for (field, value) in values {
        match fields.get(field)? {
            Some(raw) => edits.push((place(text, raw), value)),
            None if value == "null" => {}
            None => {
                // A key the owner left out goes right behind the host, which is always there.
                let behind = place(text, fields.need(LDAP_HOST, A_HOST)?).end;
                edits.push((behind..behind, format!(", \"{field}\": {value}")));
            }
        }
    }
    edits.sort_by_key(|(range, _)| (range.start, range.end));
    let mut edited = text.to_owned();
    for (range, value) in edits.into_iter().rev() {
        edited.replace_range(range, &value);
    }
    Ok(edited)
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
