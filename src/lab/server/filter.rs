//! Search filters (RFC 4511 4.5.1.7), with the third truth value for attributes that are unknown.

use std::cmp::Ordering;

use uuid::Uuid;

use super::ber::{Malformed, Tlv};
use super::naming::sid_octets;
use crate::lab::forest::{Syntax, definition_named};

/// How deep filters may nest.
const DEEPEST: usize = 32;

/// A search filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Filter {
    And(Vec<Filter>),
    Or(Vec<Filter>),
    Not(Box<Filter>),
    /// Equality of text, without case.
    Equal(String, Vec<u8>),
    /// Equality of octets.
    Same(String, Vec<u8>),
    /// All of these bits, or any of them (ADTS 3.1.1.3.4.4.1 and 3.1.1.3.4.4.2).
    Bits {
        name: String,
        mask: i64,
        all: bool,
    },
    AtLeast(String, Vec<u8>),
    AtMost(String, Vec<u8>),
    Present(String),
    /// The initial, inner and final parts, by their tags 0x80, 0x81 and 0x82.
    Substrings(String, Vec<(u8, Vec<u8>)>),
    /// What this server does not evaluate: undefined.
    Unknown,
}

/// What a filter looks values up in: the values by attribute name in lower case; none where the attribute is absent.
pub(super) trait Values {
    fn values(&self, name: &str) -> Vec<Vec<u8>>;
}

impl Filter {
    pub(super) fn read(tag: Tlv<'_>) -> Result<Self, Malformed> {
        read(tag, 0)
    }

    /// Whether an object matches.
    pub(super) fn matches(&self, object: &impl Values) -> bool {
        self.evaluate(object) == Some(true)
    }

    /// The least value an integer attribute must have for a match, where the filter says so.
    pub(super) fn least(&self, attribute: &str) -> Option<i64> {
        match self {
            Self::AtLeast(name, wanted) if name == attribute => number(wanted),
            Self::And(parts) => parts.iter().filter_map(|part| part.least(attribute)).max(),
            _ => None,
        }
    }

    /// The only objectGUID that can match, where the filter says so.
    pub(super) fn needed_guid(&self) -> Option<Uuid> {
        match self {
            Self::Same(name, wanted) if name == "objectguid" => Uuid::from_slice_le(wanted).ok(),
            Self::And(parts) => parts.iter().find_map(Self::needed_guid),
            _ => None,
        }
    }

    fn evaluate(&self, object: &impl Values) -> Option<bool> {
        match self {
            Self::And(parts) => all(parts, object, true),
            Self::Or(parts) => all(parts, object, false),
            Self::Not(part) => part.evaluate(object).map(|truth| !truth),
            Self::Equal(name, wanted) => Some(
                object
                    .values(name)
                    .iter()
                    .any(|value| value.eq_ignore_ascii_case(wanted)),
            ),
            Self::Same(name, wanted) => Some(object.values(name).contains(wanted)),
            Self::Bits { name, mask, all } => {
                let values = object.values(name);
                let mut values = values.iter().filter_map(|value| number(value));
                Some(values.any(|value| {
                    let there = value & mask;
                    if *all { there == *mask } else { there != 0 }
                }))
            }
            Self::AtLeast(name, wanted) => Some(compare(object, name, wanted, Ordering::is_ge)),
            Self::AtMost(name, wanted) => Some(compare(object, name, wanted, Ordering::is_le)),
            Self::Present(name) => Some(!object.values(name).is_empty()),
            Self::Substrings(name, parts) => Some(
                object
                    .values(name)
                    .iter()
                    .any(|value| has_parts(value, parts)),
            ),
            Self::Unknown => None,
        }
    }
}

/// All (`sought` true) or any (false): one operand of the other truth decides, an undefined one leaves it open.
fn all(parts: &[Filter], object: &impl Values, sought: bool) -> Option<bool> {
    let mut outcome = Some(sought);
    for part in parts {
        match part.evaluate(object) {
            Some(truth) if truth != sought => return Some(!sought),
            Some(_) => {}
            None => outcome = None,
        }
    }
    outcome
}

fn number(bytes: &[u8]) -> Option<i64> {
    std::str::from_utf8(bytes).ok()?.parse().ok()
}

/// Numbers by their value, everything else, times among it, as text.
fn compare(object: &impl Values, name: &str, wanted: &[u8], by: fn(Ordering) -> bool) -> bool {
    let values = object.values(name);
    let mut values = values.iter();
    if let Some(wanted) = number(wanted) {
        let mut numbers = values.filter_map(|value| number(value));
        return numbers.any(|value| by(value.cmp(&wanted)));
    }
    let wanted = wanted.to_ascii_lowercase();
    values.any(|value| by(value.to_ascii_lowercase().cmp(&wanted)))
}

fn has_parts(value: &[u8], parts: &[(u8, Vec<u8>)]) -> bool {
    let value = value.to_ascii_lowercase();
    let mut rest = value.as_slice();
    for (tag, part) in parts {
        let part = part.to_ascii_lowercase();
        rest = match tag {
            0x80 => match rest.strip_prefix(part.as_slice()) {
                Some(rest) => rest,
                None => return false,
            },
            0x82 => return rest.ends_with(&part),
            _ => {
                let found = rest
                    .windows(part.len().max(1))
                    .position(|window| window == part);
                match found.and_then(|at| rest.get(at.saturating_add(part.len())..)) {
                    Some(rest) => rest,
                    None => return false,
                }
            }
        };
    }
    true
}

fn read(tag: Tlv<'_>, depth: usize) -> Result<Filter, Malformed> {
    if depth > DEEPEST {
        return Err(Malformed("a filter nested too deeply"));
    }
    let below = depth.saturating_add(1);
    let list = || {
        let parts = tag.parts().all()?;
        parts
            .into_iter()
            .map(|part| read(part, below))
            .collect::<Result<Vec<_>, _>>()
    };
    Ok(match tag.tag {
        0xa0 => Filter::And(list()?),
        0xa1 => Filter::Or(list()?),
        0xa2 => Filter::Not(Box::new(read(
            tag.parts().need("a negated filter")?,
            below,
        )?)),
        0xa3 | 0xa8 => pair(tag, equal)?,
        0xa9 => extensible(tag)?,
        0xa5 => pair(tag, Filter::AtLeast)?,
        0xa6 => pair(tag, Filter::AtMost)?,
        0x87 => Filter::Present(tag.text()?.to_ascii_lowercase()),
        0xa4 => {
            let mut parts = tag.parts();
            let name = parts.need("an attribute")?.text()?.to_ascii_lowercase();
            let wanted = parts.need("substrings")?.parts().all()?;
            let wanted = wanted
                .into_iter()
                .map(|part| (part.tag, part.content.to_vec()));
            Filter::Substrings(name, wanted.collect())
        }
        _ => Filter::Unknown,
    })
}

/// Octets compare as they are; a GUID or SID may be written as text too.
fn equal(name: String, value: Vec<u8>) -> Filter {
    let Some(found) = definition_named(&name).filter(|found| found.syntax.is_binary()) else {
        return Filter::Equal(name, value);
    };
    let text = std::str::from_utf8(&value).ok();
    let octets = match found.syntax {
        Syntax::Sid => text.and_then(sid_octets),
        _ if value.len() == 36 => text
            .and_then(|text| text.parse::<Uuid>().ok())
            .map(|guid| guid.to_bytes_le().to_vec()),
        _ => None,
    };
    Filter::Same(name, octets.unwrap_or(value))
}

fn extensible(tag: Tlv<'_>) -> Result<Filter, Malformed> {
    let (mut rule, mut name, mut value) = ("", String::new(), None);
    for part in tag.parts().all()? {
        match part.tag {
            0x81 => rule = part.text()?,
            0x82 => name = part.text()?.to_ascii_lowercase(),
            0x83 => value = number(part.content),
            _ => {}
        }
    }
    let all = rule == "1.2.840.113556.1.4.803";
    Ok(match value {
        Some(mask) if all || rule == "1.2.840.113556.1.4.804" => Filter::Bits { name, mask, all },
        _ => Filter::Unknown,
    })
}

fn pair(tag: Tlv<'_>, make: fn(String, Vec<u8>) -> Filter) -> Result<Filter, Malformed> {
    let mut parts = tag.parts();
    let name = parts.need("an attribute")?.text()?.to_ascii_lowercase();
    let value = parts.need("a value")?.content.to_vec();
    Ok(make(name, value))
}
