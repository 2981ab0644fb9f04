//! `msDS-NCReplCursors`, the constructed form of the vector: one value per cursor, as XML or as a blob.

use std::collections::BTreeMap;

use super::{DecodeError, add_entry, bytes_at, id_at, usn_at};
use crate::model::{InvocationId, Usn, Vector};

const XML: &str = "msDS-NCReplCursors";
const BINARY: &str = "msDS-NCReplCursors;binary";
/// GUID, i64 USN, FILETIME, u32 offset of the DN (`DS_REPL_CURSOR_BLOB`, ADTS 2.2.10).
const BLOB: usize = 36;
/// No cursor comes near: a GUID, two numbers and a DN.
const LONGEST_XML: usize = 64 * 1024;

/// The vector in the values of `msDS-NCReplCursors;binary`, own entry still included.
///
/// The offset in an error counts within the value that is at fault.
pub fn vector_from_binary(values: &[Vec<u8>]) -> Result<Vector, DecodeError> {
    let mut seen = BTreeMap::new();
    for value in values {
        let id = id_at(BINARY, value, 0)?;
        let usn = usn_at(BINARY, value, 16)?;
        let _last_sync: [u8; 8] = bytes_at(BINARY, value, 24)?;
        source_name(value)?;
        add_entry(&mut seen, id, usn, BINARY, 0)?;
    }
    Ok(seen.into_iter().collect())
}

/// Follows the offset of the source's DN, which must lead to NUL-terminated UTF-16 inside the value; 0 is none.
fn source_name(value: &[u8]) -> Result<(), DecodeError> {
    let offset = u32::from_le_bytes(bytes_at(BINARY, value, 32)?);
    if offset == 0 {
        return Ok(());
    }
    let wrong = |problem: String| Err(DecodeError::new(BINARY, 32, problem));
    let tail = usize::try_from(offset)
        .ok()
        .filter(|start| *start >= BLOB)
        .and_then(|start| value.get(start..));
    let Some(tail) = tail else {
        return wrong(format!(
            "the name at offset {offset} lies outside the value of {} bytes",
            value.len()
        ));
    };
    let terminated = tail.chunks_exact(2).any(|unit| unit == [0, 0]);
    if terminated {
        Ok(())
    } else {
        wrong(format!("the name at offset {offset} has no end"))
    }
}

/// The vector in the XML values of `msDS-NCReplCursors`, own entry still included.
///
/// The name of the root element is ignored: servers do not agree on it. A NUL at the end is allowed.
pub fn vector_from_xml(values: &[Vec<u8>]) -> Result<Vector, DecodeError> {
    let mut seen = BTreeMap::new();
    for value in values {
        let (id, usn) = cursor_from_xml(value)?;
        add_entry(&mut seen, id, usn, XML, 0)?;
    }
    Ok(seen.into_iter().collect())
}

fn cursor_from_xml(value: &[u8]) -> Result<(InvocationId, Usn), DecodeError> {
    if value.len() > LONGEST_XML {
        let length = value.len();
        return Err(DecodeError::new(
            XML,
            LONGEST_XML,
            format!("{length} bytes are too many for one cursor"),
        ));
    }
    let text = std::str::from_utf8(value)
        .map_err(|error| DecodeError::new(XML, error.valid_up_to(), "not UTF-8"))?;
    let text = text.trim_end_matches(['\0', ' ', '\r', '\n', '\t']);
    let document = roxmltree::Document::parse(text).map_err(|error| {
        DecodeError::new(
            XML,
            offset_of(text, error.pos()),
            format!("no XML: {error}"),
        )
    })?;
    let root = document.root_element();
    let id = element(root, "uuidSourceDsaInvocationID", |text| {
        text.parse::<InvocationId>().ok()
    })?;
    let usn = element(root, "usnAttributeFilter", |text| text.parse::<Usn>().ok())?;
    if id.to_octets() == [0; 16] {
        return Err(DecodeError::new(
            XML,
            root.range().start,
            "the nil GUID is no invocationId",
        ));
    }
    Ok((id, usn))
}

/// The value of the one child with this name.
fn element<T>(
    root: roxmltree::Node<'_, '_>,
    name: &str,
    read: impl Fn(&str) -> Option<T>,
) -> Result<T, DecodeError> {
    let mut found = root
        .children()
        .filter(|child| child.is_element() && child.tag_name().name() == name);
    let first = found
        .next()
        .ok_or_else(|| DecodeError::new(XML, root.range().start, format!("no element {name}")))?;
    if let Some(second) = found.next() {
        return Err(DecodeError::new(
            XML,
            second.range().start,
            format!("element {name} is there twice"),
        ));
    }
    let text = first.text().unwrap_or_default().trim();
    read(text).ok_or_else(|| {
        let shown: String = text.chars().take(40).collect();
        DecodeError::new(
            XML,
            first.range().start,
            format!("element {name} holds `{shown}`"),
        )
    })
}

/// The byte offset of a row and column, both counted from 1 and the column in characters.
fn offset_of(text: &str, position: roxmltree::TextPos) -> usize {
    let row = usize::try_from(position.row).unwrap_or(1).saturating_sub(1);
    let column = usize::try_from(position.col).unwrap_or(1).saturating_sub(1);
    let start: usize = text.split_inclusive('\n').take(row).map(str::len).sum();
    let line = text.get(start..).unwrap_or_default();
    let within: usize = line.chars().take(column).map(char::len_utf8).sum();
    start.saturating_add(within)
}
