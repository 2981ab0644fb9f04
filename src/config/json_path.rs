//! Where in a JSON document a value is, as the configuration writes it. Pure.
//!
//! # Decisions
//! - JSON pointers (RFC 6901) with two additions that real products need: a part `[name=value]` picks the one element of
//!   an array whose member says so (`[schema.name=host]` looks deeper), since the order of such arrays is not promised;
//!   and `#` goes on inside a text that is itself JSON (`/syncToken#/value`).
//! - `/`, `~` and `#` within a part are written `~1`, `~0` and `~2`.

use std::fmt;
use std::str::FromStr;

/// Where in a JSON document a value is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonPath {
    text: String,
    levels: Vec<Vec<JsonPart>>,
}

/// One step on the way down a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JsonPart {
    /// The member of this name, or the element of this number where an array is met.
    Key(String),
    /// The element of an array whose value at `at` reads `is`.
    Pick {
        /// Names of members, one within the other.
        at: Vec<String>,
        /// The text or number that stands there.
        is: String,
    },
}

impl JsonPath {
    /// The steps, by level: the document first, then each text that is itself JSON.
    pub fn levels(&self) -> &[Vec<JsonPart>] {
        &self.levels
    }
}

impl fmt::Display for JsonPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// A text that is no path into a document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} names no place in a JSON document: write it like \"/connectorData/syncToken\"")]
pub struct NoJsonPath(String);

impl FromStr for JsonPath {
    type Err = NoJsonPath;

    fn from_str(text: &str) -> Result<Self, NoJsonPath> {
        let levels: Option<Vec<Vec<JsonPart>>> = text.split('#').map(level).collect();
        match levels {
            Some(levels) => Ok(Self {
                text: text.to_owned(),
                levels,
            }),
            None => Err(NoJsonPath(text.to_owned())),
        }
    }
}

fn level(text: &str) -> Option<Vec<JsonPart>> {
    let mut parts = text.split('/');
    if parts.next() != Some("") {
        return None;
    }
    let parts: Option<Vec<JsonPart>> = parts.map(part).collect();
    parts.filter(|parts| !parts.is_empty())
}

fn part(text: &str) -> Option<JsonPart> {
    let Some(inner) = text.strip_prefix('[').and_then(|t| t.strip_suffix(']')) else {
        return Some(JsonPart::Key(plain(text)?));
    };
    let (at, is) = inner.split_once('=')?;
    let at: Option<Vec<String>> = at.split('.').map(plain).collect();
    let at = at.filter(|names| names.iter().all(|name| !name.is_empty()))?;
    Some(JsonPart::Pick { at, is: plain(is)? })
}

/// The part without its escapes; `None` where one of them is unknown.
fn plain(text: &str) -> Option<String> {
    let mut plain = String::with_capacity(text.len());
    let mut signs = text.chars();
    while let Some(sign) = signs.next() {
        plain.push(match sign {
            '~' => match signs.next()? {
                '0' => '~',
                '1' => '/',
                '2' => '#',
                _ => return None,
            },
            other => other,
        });
    }
    Some(plain)
}

/// A text as it is written within a part, so that it means itself.
pub fn json_part(text: &str) -> String {
    text.replace('~', "~0")
        .replace('/', "~1")
        .replace('#', "~2")
}

#[cfg(test)]
#[path = "json_path_tests.rs"]
mod tests;
