//! Names on the wire: the extended form of DNs (ADTS 3.1.1.3.4.1.5), and bases given by GUID or SID.

use std::fmt::Write as _;

use uuid::Uuid;

use super::ber::{Malformed, Parts};
use super::request::Request;
use crate::lab::forest::{Attribute, Object};

/// Extended DN.
pub(super) const EXTENDED_DN: &str = "1.2.840.113556.1.4.529";

/// How an extended DN writes GUID and SID.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extended {
    /// The octets in hexadecimal digits.
    Hex,
    /// As `xxxxxxxx-xxxx-…` and `S-1-5-…`.
    Text,
}

impl Extended {
    /// What the control asks for: without a value, or with flag 0, the octets.
    pub(super) fn of(request: &Request) -> Result<Option<Self>, Malformed> {
        let Some(control) = request.control(EXTENDED_DN) else {
            return Ok(None);
        };
        if control.value.is_empty() {
            return Ok(Some(Self::Hex));
        }
        let mut parts = Parts(&control.value).need("an extended DN flag")?.parts();
        let flag = parts.need("an extended DN flag")?.number()?;
        Ok(Some(if flag == 0 { Self::Hex } else { Self::Text }))
    }

    /// A DN with its GUID, and its SID where the object has one.
    pub(super) fn name(self, guid: Uuid, sid: Option<&[u8]>, dn: &str) -> String {
        let guid = match self {
            Self::Hex => hex(&guid.to_bytes_le()),
            Self::Text => guid.to_string(),
        };
        let sid = sid.map(|sid| match self {
            Self::Hex => hex(sid),
            Self::Text => sid_text(sid).unwrap_or_default(),
        });
        let sid = sid.map_or_else(String::new, |sid| format!("<SID={sid}>;"));
        format!("<GUID={guid}>;{sid}{dn}")
    }
}

/// The objectSid of an object.
pub(super) fn sid_of(object: &Object) -> Option<&[u8]> {
    object
        .values(Attribute::ObjectSid)
        .first()
        .map(Vec::as_slice)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut out, byte| {
        // Writing to a String cannot fail.
        let _ = write!(out, "{byte:02x}");
        out
    })
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes().chunks(2);
    digits
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
        .collect()
}

/// `S-1-5-…` of a SID's octets (MS-DTYP 2.4.2.1).
pub(super) fn sid_text(sid: &[u8]) -> Option<String> {
    let (head, parts) = sid.split_at_checked(8)?;
    let authority = head
        .get(2..)?
        .iter()
        .fold(0_u64, |sum, byte| (sum << 8) | u64::from(*byte));
    let mut out = format!("S-{}-{authority}", head.first()?);
    for part in parts.chunks(4) {
        out.push('-');
        out.push_str(&u32::from_le_bytes(part.try_into().ok()?).to_string());
    }
    Some(out)
}

/// The octets of `S-1-5-…`.
pub(super) fn sid_octets(text: &str) -> Option<Vec<u8>> {
    let rest = text
        .get(..2)
        .filter(|head| head.eq_ignore_ascii_case("S-"))
        .and_then(|_| text.get(2..))?;
    let mut numbers = rest.split('-');
    let revision: u8 = numbers.next()?.parse().ok()?;
    let authority: u64 = numbers.next()?.parse().ok()?;
    let parts = numbers
        .map(|part| part.parse().ok())
        .collect::<Option<Vec<u32>>>()?;
    let mut out = vec![revision, u8::try_from(parts.len()).ok()?];
    out.extend(authority.to_be_bytes().get(2..)?);
    out.extend(parts.into_iter().flat_map(u32::to_le_bytes));
    Some(out)
}

/// A base that is no DN.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Alternative {
    Guid(Uuid),
    Sid(Vec<u8>),
}

/// The object a base names by `<GUID=…>` or `<SID=…>` (ADTS 3.1.1.3.1.2.4): dashed or in hexadecimal octets; what
/// follows the first `>` counts for nothing. `None` where it is a DN.
pub(super) fn alternative(base: &str) -> Option<Alternative> {
    let (kind, value) = base.strip_prefix('<')?.split_once('>')?.0.split_once('=')?;
    match kind.to_ascii_uppercase().as_str() {
        "GUID" if value.contains('-') => value.parse().ok().map(Alternative::Guid),
        "GUID" => {
            let octets = unhex(value)?;
            Uuid::from_slice_le(&octets).ok().map(Alternative::Guid)
        }
        "SID" => sid_octets(value)
            .or_else(|| unhex(value))
            .map(Alternative::Sid),
        _ => None,
    }
}
