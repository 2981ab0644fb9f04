//! Names as the extended DN control writes them: `<GUID=…>;<SID=…>;CN=…` (ADTS 3.1.1.3.4.1.5).
//!
//! # Decisions
//! - The GUID is read in both forms: dashed (the control's value 1) and as 32 hex digits of the octets (value 0, which a
//!   server falls back to that does not read the value).
//! - Parts other than the GUID are left out unread: the SID, and what Samba adds of its own.
//! - A value of a DN with a binary or a text, `B:<chars>:<hex>:<dn>`, keeps that part apart (ADTS 3.1.1.2.2.2.3).

use uuid::Uuid;

use super::{DecodeError, text};
use crate::model::ObjectGuid;

/// A name, and the object it means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExtendedDn {
    /// The object's GUID; `None` where the name came without.
    pub guid: Option<ObjectGuid>,
    /// The name without extended parts.
    pub dn: String,
    /// What stands before the name in a DN with a binary or a text, as `B:4:cafe`.
    pub data: Option<String>,
}

impl ExtendedDn {
    /// The value as it is without the control.
    pub fn plain(&self) -> String {
        match &self.data {
            Some(data) => format!("{data}:{}", self.dn),
            None => self.dn.clone(),
        }
    }

    /// The object's GUID, or the error that the value came without.
    pub fn needed_guid(&self, attribute: &str) -> Result<ObjectGuid, DecodeError> {
        self.guid.ok_or_else(|| {
            let problem = format!(
                "`{}` came without its GUID: the DC does not honour the extended DN control, without which links \
                 cannot be told from renames",
                self.dn
            );
            DecodeError::new(attribute, 0, problem)
        })
    }
}

/// A value of a DN syntax.
pub fn extended_dn(attribute: &str, value: &[u8]) -> Result<ExtendedDn, DecodeError> {
    name(attribute, text(attribute, value)?, 0, None)
}

/// A value of a syntax of a DN with a binary or a text; one that is a DN alone is read as that.
pub fn dn_with_data(attribute: &str, value: &[u8]) -> Result<ExtendedDn, DecodeError> {
    let whole = text(attribute, value)?;
    if !(whole.starts_with("B:") || whole.starts_with("S:")) {
        return name(attribute, whole, 0, None);
    }
    let wrong = |offset, problem: &str| {
        DecodeError::new(attribute, offset, format!("no DN with data: {problem}"))
    };
    let counted = whole.get(2..).unwrap_or_default();
    let (digits, rest) = counted
        .split_once(':')
        .ok_or_else(|| wrong(2, "a count and `:` are expected"))?;
    let count: usize = digits
        .parse()
        .map_err(|_| wrong(2, "a count is expected"))?;
    let start = whole.len().saturating_sub(rest.len());
    let end = rest
        .char_indices()
        .map(|(at, _)| at)
        .chain([rest.len()])
        .nth(count)
        .and_then(|end| start.checked_add(end))
        .ok_or_else(|| wrong(2, "the value ends before its count"))?;
    let dn = whole
        .get(end..)
        .and_then(|tail| tail.strip_prefix(':'))
        .ok_or_else(|| wrong(end, "`:` is expected before the name"))?;
    let data = whole.get(..end).unwrap_or_default().to_owned();
    name(attribute, dn, end.saturating_add(1), Some(data))
}

/// The name in the text of a value from `offset` on.
fn name(
    attribute: &str,
    written: &str,
    offset: usize,
    data: Option<String>,
) -> Result<ExtendedDn, DecodeError> {
    let wrong = |rest: &str, problem: &str| {
        let at = written.len().saturating_sub(rest.len());
        DecodeError::new(attribute, offset.saturating_add(at), problem)
    };
    let (mut rest, mut guid) = (written, None);
    while let Some(inner) = rest.strip_prefix('<') {
        let (part, tail) = inner
            .split_once('>')
            .ok_or_else(|| wrong(rest, "`>` is missing"))?;
        if let Some(digits) = strip_key(part, "GUID=") {
            if guid.is_some() {
                return Err(wrong(rest, "a second GUID"));
            }
            let found = object_guid(digits).ok_or_else(|| wrong(rest, "no GUID"))?;
            guid = Some(found);
        }
        rest = tail
            .strip_prefix(';')
            .ok_or_else(|| wrong(tail, "`;` is expected"))?;
    }
    if rest.is_empty() {
        return Err(wrong(rest, "the name is missing"));
    }
    Ok(ExtendedDn {
        guid,
        dn: rest.to_owned(),
        data,
    })
}

fn strip_key<'a>(part: &'a str, key: &str) -> Option<&'a str> {
    let (head, tail) = part.split_at_checked(key.len())?;
    head.eq_ignore_ascii_case(key).then_some(tail)
}

fn object_guid(digits: &str) -> Option<ObjectGuid> {
    let is_hex = |length: usize| digits.len() == length;
    if is_hex(32) {
        // The hex form shows the octets in their own order.
        return Uuid::try_parse(digits)
            .ok()
            .map(|uuid| ObjectGuid::from_octets(uuid.into_bytes()));
    }
    if is_hex(36) {
        return Uuid::try_parse(digits).ok().map(ObjectGuid::from_uuid);
    }
    None
}
