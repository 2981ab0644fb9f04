//! The raw `replUpToDateVector` blob (DRSR 5.202 to 5.205).

use std::collections::BTreeMap;

use super::{DecodeError, add_entry, bytes_at, id_at, usn_at};
use crate::model::Vector;

const ATTRIBUTE: &str = "replUpToDateVector";
/// u32 version, u32 reserved, u32 count, u32 reserved.
const HEADER: usize = 16;

/// The vector in a `replUpToDateVector` value, versions 1 and 2, own entry still included.
///
/// Version 1 has {GUID, i64 USN} per entry, version 2 adds an i64 time of the last sync, which is not read:
/// Windows counts it in seconds, Samba in 100 ns, and no decision rests on it.
pub fn vector_from_blob(value: &[u8]) -> Result<Vector, DecodeError> {
    let version = u32::from_le_bytes(bytes_at(ATTRIBUTE, value, 0)?);
    let entry_size: usize = match version {
        1 => 24,
        2 => 32,
        other => {
            return Err(DecodeError::new(
                ATTRIBUTE,
                0,
                format!("version {other} is unknown: 1 and 2 can be read"),
            ));
        }
    };
    let count = u32::from_le_bytes(bytes_at(ATTRIBUTE, value, 8)?);
    let _reserved: [u8; 4] = bytes_at(ATTRIBUTE, value, 12)?;
    let body = value.len().saturating_sub(HEADER);
    let wanted = usize::try_from(count)
        .ok()
        .and_then(|count| count.checked_mul(entry_size));
    if wanted != Some(body) {
        return Err(DecodeError::new(
            ATTRIBUTE,
            8,
            format!("{count} entries of {entry_size} bytes are announced, but {body} bytes follow"),
        ));
    }
    let mut seen = BTreeMap::new();
    for offset in (HEADER..value.len()).step_by(entry_size) {
        let id = id_at(ATTRIBUTE, value, offset)?;
        let usn = usn_at(ATTRIBUTE, value, offset.saturating_add(16))?;
        add_entry(&mut seen, id, usn, ATTRIBUTE, offset)?;
    }
    Ok(seen.into_iter().collect())
}
