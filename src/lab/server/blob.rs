//! The binary values of replication: the vector and the stamps (DRSR 5.202 to 5.205, Samba's `drsblobs.idl`).

use crate::lab::forest::{Known, Object};

/// Seconds from 1601 to 1970.
const EPOCH_1601: i64 = 11_644_473_600;

/// `replUpToDateVector`, version 2, without the own entry as AD stores it.
pub(super) fn vector(known: &Known, now_seconds: i64) -> Vec<u8> {
    let mut out = header(2, known.len());
    for (id, usn) in known {
        out.extend(id.to_octets());
        out.extend(usn.to_le_bytes());
        out.extend(now_seconds.saturating_add(EPOCH_1601).to_le_bytes());
    }
    out
}

/// `replPropertyMetaData`, version 1: one record per attribute, by attid.
pub(super) fn stamps(object: &Object) -> Vec<u8> {
    let mut out = header(1, object.attrs.len());
    let mut records: Vec<_> = object.attrs.iter().collect();
    records.sort_by_key(|(attribute, _)| attribute.attid());
    for (attribute, attr) in records {
        out.extend(attribute.attid().to_le_bytes());
        out.extend(attr.stamp.version.to_le_bytes());
        out.extend(attr.stamp.seconds.saturating_add(EPOCH_1601).to_le_bytes());
        out.extend(attr.stamp.by.to_octets());
        out.extend(attr.stamp.usn.to_le_bytes());
        out.extend(attr.local.to_le_bytes());
    }
    out
}

fn header(version: u32, count: usize) -> Vec<u8> {
    let count = u32::try_from(count).unwrap_or(u32::MAX);
    [version, 0, count, 0]
        .into_iter()
        .flat_map(u32::to_le_bytes)
        .collect()
}
