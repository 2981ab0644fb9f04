//! What the name of an NTDS Settings object says: the server and its site.

use super::DecodeError;
use crate::model::Dn;

/// Where a DC stands, by the name of its NTDS Settings object (ADTS 6.1.1.2.2.1.2.1.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServicePlace {
    /// The name of the server object, as `DC1`.
    pub server: String,
    /// The name of the site.
    pub site: String,
}

/// Server and site from a name like
/// `CN=NTDS Settings,CN=DC1,CN=Servers,CN=Default-First-Site-Name,CN=Sites,CN=Configuration,DC=x`.
pub fn service_place(attribute: &str, name: &Dn) -> Result<ServicePlace, DecodeError> {
    let mut rdns = rdns(name.as_str()).into_iter();
    let mut next = |expected: Option<&str>| {
        let (offset, rdn) = rdns.next().unwrap_or((name.as_str().len(), ""));
        let value = value_of(rdn);
        let fits = match (&value, expected) {
            (Some(value), Some(expected)) => value.eq_ignore_ascii_case(expected),
            (Some(value), None) => !value.is_empty(),
            (None, _) => false,
        };
        value.filter(|_| fits).ok_or_else(|| {
            let wanted = expected.unwrap_or("a name");
            DecodeError::new(
                attribute,
                offset,
                format!("no NTDS Settings object: CN={wanted} is expected in `{name}`"),
            )
        })
    };
    next(Some("NTDS Settings"))?;
    let server = next(None)?;
    next(Some("Servers"))?;
    let site = next(None)?;
    next(Some("Sites"))?;
    Ok(ServicePlace { server, site })
}

/// The value of a name's first RDN, unescaped: `DC1` of `CN=DC1,CN=Servers,…`.
pub fn rdn_value(attribute: &str, name: &Dn) -> Result<String, DecodeError> {
    rdns(name.as_str())
        .first()
        .and_then(|(_, rdn)| value_of(rdn))
        .filter(|value| !value.is_empty())
        .ok_or_else(|| DecodeError::new(attribute, 0, format!("`{name}` names nothing")))
}

/// The RDNs of a name with their offsets, split at the commas that are not escaped.
fn rdns(name: &str) -> Vec<(usize, &str)> {
    let mut parts = Vec::new();
    let (mut start, mut escaped) = (0, false);
    for (at, c) in name.char_indices() {
        if c == ',' && !escaped {
            parts.push((start, name.get(start..at).unwrap_or_default()));
            start = at.saturating_add(1);
        }
        escaped = c == '\\' && !escaped;
    }
    parts.push((start, name.get(start..).unwrap_or_default()));
    parts
}

/// The unescaped value of `type=value` (RFC 4514 2.4); `None` without a `=` or where the escapes are no UTF-8.
fn value_of(rdn: &str) -> Option<String> {
    let (_, value) = rdn.split_once('=')?;
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.trim().as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        if byte != b'\\' {
            bytes.push(byte);
            continue;
        }
        let hex = rest
            .get(..2)
            .filter(|pair| pair.iter().all(u8::is_ascii_hexdigit))
            .and_then(|pair| std::str::from_utf8(pair).ok())
            .and_then(|pair| u8::from_str_radix(pair, 16).ok());
        if let Some(octet) = hex {
            bytes.push(octet);
            rest = rest.get(2..)?;
        } else {
            let (&literal, tail) = rest.split_first()?;
            bytes.push(literal);
            rest = tail;
        }
    }
    String::from_utf8(bytes).ok()
}
