//! The number an attribute has in `replPropertyMetaData`, from its OID and the prefix table (DRSR 5.16.4, `MakeAttid`).
//!
//! # Decisions
//! - The table of a fresh forest is the same on every DC; Windows does not even store it. What a schema extension added is
//!   in `prefixMap` on the schema head: Windows stores only the additions there, Samba the whole table.
//! - Prefixes are compared as BER octets, as the specification does: an OID whose last number needs more than two octets
//!   leaves a part of that number in its prefix.
//! - An OID outside the table has no number here. Its stamp is then counted as unknown, never guessed.

use std::collections::BTreeMap;

use super::{DecodeError, bytes_at};
use crate::model::AttributeOid;

const ATTRIBUTE: &str = "prefixMap";
/// "DSDB" as a little-endian number: Samba's own format (`PREFIX_MAP_VERSION_DSDB` in `drsblobs.idl`).
const SAMBA: [u8; 4] = *b"BDSD";
/// u32 count, u32 length of the whole value.
const WINDOWS_HEADER: usize = 8;

/// The prefixes of a fresh forest (DRSR 5.16.4, `NewPrefixTable`).
const STANDARD: [(u16, &str); 39] = [
    (0, "2.5.4"),
    (1, "2.5.6"),
    (2, "1.2.840.113556.1.2"),
    (3, "1.2.840.113556.1.3"),
    (4, "2.16.840.1.101.2.2.1"),
    (5, "2.16.840.1.101.2.2.3"),
    (6, "2.16.840.1.101.2.1.5"),
    (7, "2.16.840.1.101.2.1.4"),
    (8, "2.5.5"),
    (9, "1.2.840.113556.1.4"),
    (10, "1.2.840.113556.1.5"),
    (11, "1.2.840.113556.1.4.260"),
    (12, "1.2.840.113556.1.5.56"),
    (13, "1.2.840.113556.1.4.262"),
    (14, "1.2.840.113556.1.5.57"),
    (15, "1.2.840.113556.1.4.263"),
    (16, "1.2.840.113556.1.5.58"),
    (17, "1.2.840.113556.1.5.73"),
    (18, "1.2.840.113556.1.4.305"),
    (19, "0.9.2342.19200300.100"),
    (20, "2.16.840.1.113730.3"),
    (21, "0.9.2342.19200300.100.1"),
    (22, "2.16.840.1.113730.3.1"),
    (23, "1.2.840.113556.1.5.7000"),
    (24, "2.5.21"),
    (25, "2.5.18"),
    (26, "2.5.20"),
    (27, "1.3.6.1.4.1.1466.101.119"),
    (28, "2.16.840.1.113730.3.2"),
    (29, "1.3.6.1.4.1.250.1"),
    (30, "1.2.840.113549.1.9"),
    (31, "0.9.2342.19200300.100.4"),
    (32, "1.2.840.113556.1.6.23"),
    (33, "1.2.840.113556.1.6.18.1"),
    (34, "1.2.840.113556.1.6.18.2"),
    (35, "1.2.840.113556.1.6.13.3"),
    (36, "1.2.840.113556.1.6.13.4"),
    (37, "1.3.6.1.1.1.1"),
    (38, "1.3.6.1.1.1.2"),
];

/// The prefixes of OIDs with their numbers, as one DC counts them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrefixTable(pub(super) BTreeMap<Vec<u8>, u16>);

impl PrefixTable {
    /// The table of a forest whose schema was never extended.
    pub fn standard() -> Self {
        let octets = |(number, prefix): &(u16, &str)| Some((oid_octets(prefix)?.0, *number));
        Self(STANDARD.iter().filter_map(octets).collect())
    }

    /// The table of a DC whose schema head has this `prefixMap`, in the format of Windows or of Samba.
    pub fn with_map(value: &[u8]) -> Result<Self, DecodeError> {
        if value.starts_with(&SAMBA) {
            return samba_map(value).map(Self);
        }
        let mut table = Self::standard();
        table.0.extend(windows_map(value)?);
        Ok(table)
    }

    /// The number of the attribute with this OID; `None` where the table has no prefix of it.
    pub fn attid(&self, oid: &AttributeOid) -> Option<u32> {
        let (mut octets, last) = oid_octets(oid.as_str())?;
        let kept = if last < 128 { 1 } else { 2 };
        octets.truncate(octets.len().saturating_sub(kept));
        let upper = u32::from(*self.0.get(&octets)?);
        // Bit 15 marks that the lower 14 bits are not the whole of the last number.
        let cut = if last < 0x4000 { 0 } else { 0x8000 };
        let lower = u32::try_from(last & 0x3fff).ok()?;
        Some(upper << 16 | cut | lower)
    }
}

/// An OID in BER (X.690 8.19) without its header, and its last number; `None` where the text is no OID.
fn oid_octets(text: &str) -> Option<(Vec<u8>, u128)> {
    let arcs: Vec<u128> = text
        .split('.')
        .map(|arc| {
            arc.parse()
                .ok()
                .filter(|_| arc.bytes().all(|b| b.is_ascii_digit()))
        })
        .collect::<Option<_>>()?;
    let (first, rest) = arcs.split_first()?;
    let (second, rest) = rest.split_first()?;
    if *first > 2 || (*first < 2 && *second > 39) {
        return None;
    }
    let mut octets = Vec::new();
    push_arc(&mut octets, first.checked_mul(40)?.checked_add(*second)?);
    for arc in rest {
        push_arc(&mut octets, *arc);
    }
    Some((octets, *rest.last()?))
}

fn push_arc(octets: &mut Vec<u8>, arc: u128) {
    let groups = (128_u32.saturating_sub(arc.leading_zeros()))
        .div_ceil(7)
        .max(1);
    for group in (0..groups).rev() {
        let low = u8::try_from(arc >> group.saturating_mul(7) & 0x7f).unwrap_or_default();
        octets.push(if group == 0 { low } else { low | 0x80 });
    }
}

/// u32 count, u32 length of the whole, then {u16 number, u16 length, prefix} each.
fn windows_map(value: &[u8]) -> Result<BTreeMap<Vec<u8>, u16>, DecodeError> {
    let count = u32::from_le_bytes(bytes_at(ATTRIBUTE, value, 0)?);
    let length = u32::from_le_bytes(bytes_at(ATTRIBUTE, value, 4)?);
    if usize::try_from(length) != Ok(value.len()) {
        let problem = format!("{length} bytes are announced, {} are there", value.len());
        return Err(DecodeError::new(ATTRIBUTE, 4, problem));
    }
    let mut map = BTreeMap::new();
    let mut at = WINDOWS_HEADER;
    for _ in 0..count {
        let number = u16::from_le_bytes(bytes_at(ATTRIBUTE, value, at)?);
        let length = u16::from_le_bytes(bytes_at(ATTRIBUTE, value, at.saturating_add(2))?);
        let start = at.saturating_add(4);
        at = start.saturating_add(usize::from(length));
        add(&mut map, value, start, at, u32::from(number))?;
    }
    if at < value.len() {
        return Err(DecodeError::new(
            ATTRIBUTE,
            at,
            "more follows the last prefix",
        ));
    }
    Ok(map)
}

/// "DSDB", u32 reserved, then NDR of `drsuapi_DsReplicaOIDMapping_Ctr`: u32 count, u32 pointer, u32 count,
/// {u32 number, u32 length, u32 pointer} each, then {u32 length, prefix, padding to 4} each.
fn samba_map(value: &[u8]) -> Result<BTreeMap<Vec<u8>, u16>, DecodeError> {
    const ENTRIES: usize = 20;
    let word = |at: usize| bytes_at(ATTRIBUTE, value, at).map(u32::from_le_bytes);
    let size = |at: usize| {
        word(at).and_then(|word| {
            usize::try_from(word)
                .map_err(|_| DecodeError::new(ATTRIBUTE, at, "more than memory can hold"))
        })
    };
    let count = size(8)?;
    if size(16)? != count {
        return Err(DecodeError::new(ATTRIBUTE, 16, "two counts that differ"));
    }
    let mut at = count
        .checked_mul(12)
        .and_then(|length| length.checked_add(ENTRIES))
        .filter(|end| *end <= value.len())
        .ok_or_else(|| DecodeError::new(ATTRIBUTE, 8, format!("{count} prefixes do not fit")))?;
    let mut map = BTreeMap::new();
    for entry in (ENTRIES..at).step_by(12) {
        let number = word(entry)?;
        let length = size(entry.saturating_add(4))?;
        if size(at)? != length {
            return Err(DecodeError::new(ATTRIBUTE, at, "two lengths that differ"));
        }
        let start = at.saturating_add(4);
        let end = start.saturating_add(length);
        add(&mut map, value, start, end, number)?;
        at = end.next_multiple_of(4);
    }
    Ok(map)
}

/// Takes up the prefix in these octets; a second number for one would leave a choice.
fn add(
    map: &mut BTreeMap<Vec<u8>, u16>,
    value: &[u8],
    start: usize,
    end: usize,
    number: u32,
) -> Result<(), DecodeError> {
    let wrong = |problem: String| DecodeError::new(ATTRIBUTE, start.min(value.len()), problem);
    let prefix = value
        .get(start..end)
        .filter(|prefix| !prefix.is_empty())
        .ok_or_else(|| wrong("the prefix is empty or cut off".to_owned()))?;
    let number =
        u16::try_from(number).map_err(|_| wrong(format!("{number} is no prefix number")))?;
    match map.insert(prefix.to_vec(), number) {
        Some(other) if other != number => Err(wrong(format!(
            "the prefix has two numbers, {other} and {number}"
        ))),
        _ => Ok(()),
    }
}
