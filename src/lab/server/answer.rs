//! Answers as bytes: entries, references and results (RFC 4511 4.5.2).

use super::ber::{number, octets, tlv};

/// An attribute with its values.
pub(super) type Shown = (String, Vec<Vec<u8>>);

/// A result.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Outcome {
    pub(super) code: i64,
    pub(super) matched: String,
    pub(super) text: String,
    /// Where to ask instead, with code 10.
    pub(super) referral: Option<String>,
}

impl Outcome {
    pub(super) fn failed(code: i64, text: impl Into<String>) -> Self {
        Self {
            code,
            text: text.into(),
            ..Self::default()
        }
    }
}

fn message(id: i64, operation: &[u8], controls: &[u8]) -> Vec<u8> {
    let mut content = number(0x02, id);
    content.extend_from_slice(operation);
    if !controls.is_empty() {
        content.extend(tlv(0xa0, controls));
    }
    tlv(0x30, &content)
}

/// A `SearchResultEntry`.
pub(super) fn entry(id: i64, dn: &str, attributes: &[Shown], types_only: bool) -> Vec<u8> {
    let mut list = Vec::new();
    for (name, values) in attributes {
        let mut set = Vec::new();
        for value in values.iter().filter(|_| !types_only) {
            set.extend(octets(value));
        }
        let mut attribute = octets(name);
        attribute.extend(tlv(0x31, &set));
        list.extend(tlv(0x30, &attribute));
    }
    let mut content = octets(dn);
    content.extend(tlv(0x30, &list));
    message(id, &tlv(0x64, &content), &[])
}

/// A `SearchResultReference`.
pub(super) fn reference(id: i64, url: &str) -> Vec<u8> {
    message(id, &tlv(0x73, &octets(url)), &[])
}

/// A result under the tag of its operation: 0x61 bind, 0x65 the end of a search, 0x78 extended.
pub(super) fn result(id: i64, tag: u8, outcome: &Outcome, controls: &[u8]) -> Vec<u8> {
    let mut content = number(0x0a, outcome.code);
    content.extend(octets(&outcome.matched));
    content.extend(octets(&outcome.text));
    if let Some(url) = &outcome.referral {
        content.extend(tlv(0xa3, &octets(url)));
    }
    message(id, &tlv(tag, &content), controls)
}

/// The answer to an extended request of this name (RFC 4511 4.12).
pub(super) fn extended(id: i64, outcome: &Outcome, name: &str) -> Vec<u8> {
    let mut content = number(0x0a, outcome.code);
    content.extend(octets(&outcome.matched));
    content.extend(octets(&outcome.text));
    content.extend(tlv(0x8a, name.as_bytes()));
    message(id, &tlv(0x78, &content), &[])
}

/// The paged-results control of an answer (RFC 2696).
pub(super) fn page_control(cookie: &[u8]) -> Vec<u8> {
    let mut value = number(0x02, 0);
    value.extend(octets(cookie));
    let mut control = octets(super::search::PAGED);
    control.extend(octets(tlv(0x30, &value)));
    tlv(0x30, &control)
}
