//! The raw `replPropertyMetaData` blob: an originating stamp per attribute (ADTS 3.1.1.1.9; the layout is in Samba's
//! `drsblobs.idl`, `replPropertyMetaDataBlob`).

use super::{DecodeError, bytes_at, usn_at};
use crate::model::{InvocationId, LocalStamp, Stamp};

const ATTRIBUTE: &str = "replPropertyMetaData";
/// u32 version, u32 reserved, u32 count, u32 reserved.
const HEADER: usize = 16;
/// u32 attid, u32 version, i64 seconds, GUID, i64 originating USN, i64 local USN.
const ENTRY: usize = 48;
/// From 1601-01-01, where AD counts from, to 1970-01-01.
const SECONDS_TO_1970: i64 = 11_644_473_600;

/// The stamps in a `replPropertyMetaData` value with the number of the attribute each belongs to, in the DC's order.
///
/// A stamp of the nil incarnation is kept: it lies within no vector, so what it marks is told.
pub fn stamps(value: &[u8]) -> Result<Vec<(u32, LocalStamp)>, DecodeError> {
    let version = u32::from_le_bytes(bytes_at(ATTRIBUTE, value, 0)?);
    if version != 1 {
        return Err(DecodeError::new(
            ATTRIBUTE,
            0,
            format!("version {version} is unknown: 1 can be read"),
        ));
    }
    let count = u32::from_le_bytes(bytes_at(ATTRIBUTE, value, 8)?);
    let _reserved: [u8; 4] = bytes_at(ATTRIBUTE, value, 12)?;
    let body = value.len().saturating_sub(HEADER);
    let wanted = usize::try_from(count)
        .ok()
        .and_then(|count| count.checked_mul(ENTRY));
    if wanted != Some(body) {
        return Err(DecodeError::new(
            ATTRIBUTE,
            8,
            format!("{count} stamps of {ENTRY} bytes are announced, but {body} bytes follow"),
        ));
    }
    // In order, as DCs write them: then each goes to the end.
    let mut seen: Vec<u32> = Vec::with_capacity(body / ENTRY);
    (HEADER..value.len())
        .step_by(ENTRY)
        .map(|offset| {
            let (attid, stamp) = stamp_at(value, offset)?;
            if let Err(place) = seen.binary_search(&attid) {
                seen.insert(place, attid);
                return Ok((attid, stamp));
            }
            let problem = format!("attribute number {attid:#010x} is listed twice");
            Err(DecodeError::new(ATTRIBUTE, offset, problem))
        })
        .collect()
}

fn stamp_at(value: &[u8], offset: usize) -> Result<(u32, LocalStamp), DecodeError> {
    let at = |distance: usize| offset.saturating_add(distance);
    let attid = u32::from_le_bytes(bytes_at(ATTRIBUTE, value, offset)?);
    let seconds = i64::from_le_bytes(bytes_at(ATTRIBUTE, value, at(8))?);
    let seconds = seconds
        .checked_sub(SECONDS_TO_1970)
        .ok_or_else(|| DecodeError::new(ATTRIBUTE, at(8), format!("{seconds} is no time")))?;
    let stamp = Stamp {
        version: u32::from_le_bytes(bytes_at(ATTRIBUTE, value, at(4))?),
        seconds,
        origin: InvocationId::from_octets(bytes_at(ATTRIBUTE, value, at(16))?),
        usn: usn_at(ATTRIBUTE, value, at(32))?,
    };
    let local = usn_at(ATTRIBUTE, value, at(40))?;
    Ok((attid, LocalStamp { stamp, local }))
}
