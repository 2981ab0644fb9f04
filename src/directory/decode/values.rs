//! Attribute values as JSON: by the attribute's syntax and, for some well-known attributes, by its name.
//!
//! # Decisions
//! - Nothing is lost: a value that is not what its syntax promises, or that has no text, is `{"base64":"…"}`, and
//!   text or bytes are never guessed from the value.
//! - A multi-valued attribute is an array, whatever it holds; a single-valued one a scalar.
//! - A large integer that is no time is a string: most JSON readers round numbers from 2^53 on.
//! - 0 and the largest large integer mean "never" in the attributes that hold times (MS-ADA1 2.4 for `accountExpires`).
//! - Flags come with their number, since a bit may be set that has no name here.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use chrono::{DateTime, Datelike as _, Utc};
use serde_json::{Value, json};
use uuid::Uuid;

use super::meanings::{Meaning, meaning};
use super::{boolean, dn_with_data, extended_dn, generalized_time, integer};
use crate::model::{Attribute, LinkValue, Syntax};

/// 100 ns from 1601-01-01 to 1970-01-01.
const TICKS_TO_1970: i64 = 116_444_736_000_000_000;
const TICKS_PER_SECOND: i64 = 10_000_000;

/// The values of an attribute that is no link.
pub fn json_values(attribute: &Attribute, values: &[Vec<u8>]) -> Value {
    match values {
        [one] if attribute.is_single_valued => json_value(attribute, one),
        many => many
            .iter()
            .map(|value| json_value(attribute, value))
            .collect(),
    }
}

/// One value of an attribute that is no link.
pub fn json_value(attribute: &Attribute, value: &[u8]) -> Value {
    by_syntax(attribute, value)
        .unwrap_or_else(|| json!({ "base64": BASE64_STANDARD.encode(value) }))
}

/// One value of a forward link: `{"guid":"…","dn":"…"}`, with `"data"` where it is a DN with a binary or a text.
pub fn json_link(link: &LinkValue) -> Value {
    match &link.data {
        Some(data) => json!({ "guid": link.target.to_string(), "dn": link.dn, "data": data }),
        None => json!({ "guid": link.target.to_string(), "dn": link.dn }),
    }
}

/// A value as its syntax has it; `None` where it is not.
fn by_syntax(attribute: &Attribute, value: &[u8]) -> Option<Value> {
    let name = attribute.name.as_str();
    let known = meaning(name);
    match attribute.syntax {
        Syntax::Text => Some(Value::from(std::str::from_utf8(value).ok()?)),
        Syntax::Integer => {
            let number = integer(name, value).ok()?;
            Some(match known {
                Some(Meaning::Flags(names)) => flags(number, names),
                Some(Meaning::OneOf(names)) => one_of(number, names),
                _ => Value::from(number),
            })
        }
        Syntax::LargeInteger => {
            let number = large_integer(value)?;
            Some(match known {
                Some(Meaning::Time) => {
                    filetime(number).unwrap_or_else(|| number.to_string().into())
                }
                _ => Value::from(number.to_string()),
            })
        }
        Syntax::Boolean => boolean(name, value).ok().map(Value::from),
        Syntax::Time => time(name, value).map(Value::from),
        Syntax::Dn => Some(extended_dn(name, value).ok()?.plain().into()),
        Syntax::DnWithData => Some(dn_with_data(name, value).ok()?.plain().into()),
        Syntax::Sid => sid(value).map(Value::from),
        Syntax::Octets => match known {
            Some(Meaning::Guid) => {
                let octets = <[u8; 16]>::try_from(value).ok()?;
                Some(Uuid::from_bytes_le(octets).to_string().into())
            }
            _ => None,
        },
    }
}

/// A 64-bit integer in plain decimal.
fn large_integer(value: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(value).ok()?;
    let number: i64 = text.parse().ok()?;
    // What would not come back as it was written, `+1` or `007`, is no integer of AD.
    (number.to_string() == text).then_some(number)
}

/// 100 ns since 1601 as RFC 3339; `None` where no such time can be written.
fn filetime(ticks: i64) -> Option<Value> {
    if ticks == 0 || ticks == i64::MAX {
        return Some("never".into());
    }
    let since = ticks.checked_sub(TICKS_TO_1970).filter(|_| ticks > 0)?;
    let fraction = since.rem_euclid(TICKS_PER_SECOND);
    let nanoseconds = u32::try_from(fraction.checked_mul(100)?).ok()?;
    let time = DateTime::from_timestamp(since.div_euclid(TICKS_PER_SECOND), nanoseconds)?;
    written(time, fraction % 10_000 == 0).map(Value::from)
}

/// RFC 3339 in UTC, in milliseconds or, where those do not hold it, in 100 ns; it has no years of five digits.
fn written(time: DateTime<Utc>, in_ms: bool) -> Option<String> {
    let format = if in_ms {
        "%Y-%m-%dT%H:%M:%S%.3fZ"
    } else {
        "%Y-%m-%dT%H:%M:%S%.9f"
    };
    let text = time.format(format).to_string();
    let text = if in_ms {
        text
    } else {
        format!("{}Z", text.strip_suffix("00")?)
    };
    (0..=9999).contains(&time.year()).then_some(text)
}

/// `GeneralizedTime` or `UTCTime` as RFC 3339; `None` where it is neither, or finer than milliseconds.
fn time(attribute: &str, value: &[u8]) -> Option<String> {
    let digits = value
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    let fraction = value
        .get(digits..)?
        .iter()
        .skip(1)
        .take_while(|byte| byte.is_ascii_digit());
    let is_fine = value.get(digits) == Some(&b'.') && fraction.skip(3).any(|digit| *digit != b'0');
    if is_fine {
        return None;
    }
    let full = match digits {
        14 => value.to_vec(),
        // UTCTime has two digits for the year, which mean 1950 to 2049 (RFC 5280 4.1.2.5.1).
        10 | 12 => {
            let century: &[u8] = if value.first()? < &b'5' { b"20" } else { b"19" };
            [century, value].concat()
        }
        _ => return None,
    };
    let time = generalized_time(attribute, &full).ok()?;
    written(DateTime::from_timestamp_millis(time.as_millis())?, true)
}

/// A SID in its usual form (MS-DTYP 2.4.2.1, 2.4.2.2); `None` where the octets are none.
fn sid(value: &[u8]) -> Option<String> {
    let ([1, count, authority @ ..], rest) = value.split_first_chunk::<8>()? else {
        return None;
    };
    if rest.len() != usize::from(*count).saturating_mul(4) || *count > 15 {
        return None;
    }
    let authority = authority
        .iter()
        .fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
    let mut text = if u32::try_from(authority).is_ok() {
        format!("S-1-{authority}")
    } else {
        format!("S-1-0x{authority:012X}")
    };
    for part in rest.as_chunks::<4>().0 {
        text.push('-');
        text.push_str(&u32::from_le_bytes(*part).to_string());
    }
    Some(text)
}

fn flags(number: i32, names: &[(u32, &str)]) -> Value {
    let bits = number.cast_unsigned();
    let set = names.iter().filter(|(bit, _)| bits & bit != 0);
    let set: Vec<&str> = set.map(|(_, name)| *name).collect();
    json!({ "value": number, "flags": set })
}

fn one_of(number: i32, names: &[(u32, &str)]) -> Value {
    let known = names
        .iter()
        .find(|(value, _)| *value == number.cast_unsigned());
    let named: Vec<&str> = known.map(|(_, name)| *name).into_iter().collect();
    json!({ "value": number, "flags": named })
}
