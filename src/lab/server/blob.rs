//! The binary values of replication: the vector and the stamps (DRSR 5.202 to 5.205, Samba's `drsblobs.idl`).

use crate::lab::forest::{Attribute, Known, Link, MEMBER, Object};

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

/// `replPropertyMetaData`, version 1: one record per attribute, by attid; links and what does not replicate have none
/// (ADTS 3.1.1.1.9).
pub(super) fn stamps(object: &Object) -> Vec<u8> {
    let stamped =
        |attribute: &Attribute| !attribute.is_local() && attribute.definition().link_id.is_none();
    let mut records: Vec<_> = object
        .attrs
        .iter()
        .filter(|(attribute, _)| stamped(attribute))
        .collect();
    let mut out = header(1, records.len());
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

/// One value of `msDS-ReplValueMetaData` (ADTS 3.1.1.4.5.24, as DCs write it).
pub(super) fn link_stamp(target: &str, link: &Link) -> String {
    let time = |seconds: i64| {
        chrono::DateTime::from_timestamp(seconds, 0)
            .map(|time| time.format("%Y-%m-%dT%H:%M:%SZ").to_string())
            .unwrap_or_default()
    };
    let deleted = if link.present {
        "1601-01-01T00:00:00Z".to_owned()
    } else {
        time(link.stamp.seconds)
    };
    let target = target
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;");
    format!(
        "<DS_REPL_VALUE_META_DATA>\n\t<pszAttributeName>{MEMBER}</pszAttributeName>\n\
         \t<pszObjectDn>{target}</pszObjectDn>\n\t<cbData>0</cbData>\n\t<pbData></pbData>\n\
         \t<ftimeDeleted>{deleted}</ftimeDeleted>\n\t<ftimeCreated>{}</ftimeCreated>\n\
         \t<dwVersion>{}</dwVersion>\n\
         \t<ftimeLastOriginatingChange>{}</ftimeLastOriginatingChange>\n\
         \t<uuidLastOriginatingDsaInvocationID>{}</uuidLastOriginatingDsaInvocationID>\n\
         \t<usnOriginatingChange>{}</usnOriginatingChange>\n\
         \t<usnLocalChange>{}</usnLocalChange>\n\
         \t<pszLastOriginatingDsaDN></pszLastOriginatingDsaDN>\n</DS_REPL_VALUE_META_DATA>\n",
        time(link.created),
        link.stamp.version,
        time(link.stamp.seconds),
        link.stamp.by,
        link.stamp.usn,
        link.local,
    )
}

fn header(version: u32, count: usize) -> Vec<u8> {
    let count = u32::try_from(count).unwrap_or(u32::MAX);
    [version, 0, count, 0]
        .into_iter()
        .flat_map(u32::to_le_bytes)
        .collect()
}
