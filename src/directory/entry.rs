//! One entry of a search result, its values as bytes in the order the server gave them.
//!
//! # Decisions
//! - The LDAP library's own constructor is not used: it panics on referrals, loses the order of values, and
//!   guesses text or binary from the bytes. Which it is, is the attribute's matter, so the reader decides.

use std::collections::BTreeMap;

use ldap3::asn1::{PL, StructureTag};

/// An object as a search returned it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its name as the server wrote it; empty for the rootDSE.
    pub dn: String,
    /// Attribute name in lower case, options such as `;binary` included, to values in the server's order.
    pub attributes: BTreeMap<String, Vec<Vec<u8>>>,
}

impl Entry {
    /// The values of an attribute; none where it is absent. The name is compared without case.
    pub fn values(&self, name: &str) -> &[Vec<u8>] {
        let found = if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
            self.attributes.get(&name.to_ascii_lowercase())
        } else {
            self.attributes.get(name)
        };
        found.map_or(&[], Vec::as_slice)
    }

    /// The first value of an attribute.
    pub fn first(&self, name: &str) -> Option<&[u8]> {
        self.values(name).first().map(Vec::as_slice)
    }
}

/// The entry in a `SearchResultEntry` (RFC 4511 4.5.2), or what is wrong with it.
pub(super) fn entry(tag: StructureTag) -> Result<Entry, String> {
    let mut parts = parts(tag, "a search result entry")?;
    let dn = text(parts.next(), "the entry's name")?;
    let attributes = parts.next().ok_or("the entry has no attribute list")?;
    let mut found = BTreeMap::new();
    for attribute in self::parts(attributes, "the attribute list")? {
        let mut parts = self::parts(attribute, "an attribute")?;
        let mut name = text(parts.next(), "an attribute's name")?;
        name.make_ascii_lowercase();
        let values = parts
            .next()
            .ok_or_else(|| format!("attribute {name} has no value set"))?;
        let values = self::parts(values, "a value set")?
            .map(|value| octets(value, "a value"))
            .collect::<Result<Vec<_>, _>>()?;
        found.insert(name, values);
    }
    Ok(Entry {
        dn,
        attributes: found,
    })
}

/// The cookie in the value of a paged-results control (RFC 2696): SEQUENCE { INTEGER, OCTET STRING }.
pub(super) fn page_cookie(value: &[u8]) -> Result<Vec<u8>, String> {
    let (_, tag) = ldap3::asn1::parse_tag(value)
        .map_err(|_| "the paged-results control is no BER".to_owned())?;
    let cookie = parts(tag, "the paged-results control")?
        .nth(1)
        .ok_or("the paged-results control has no cookie")?;
    octets(cookie, "the cookie of the paged-results control")
}

fn parts(tag: StructureTag, what: &str) -> Result<std::vec::IntoIter<StructureTag>, String> {
    match tag.payload {
        PL::C(parts) => Ok(parts.into_iter()),
        PL::P(_) => Err(format!("{what} is no sequence")),
    }
}

fn octets(tag: StructureTag, what: &str) -> Result<Vec<u8>, String> {
    match tag.payload {
        PL::P(bytes) => Ok(bytes),
        PL::C(_) => Err(format!("{what} is no octet string")),
    }
}

fn text(tag: Option<StructureTag>, what: &str) -> Result<String, String> {
    let tag = tag.ok_or_else(|| format!("{what} is missing"))?;
    String::from_utf8(octets(tag, what)?).map_err(|_| format!("{what} is not UTF-8"))
}
