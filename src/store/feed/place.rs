//! A distinguished name as parent and own part, and the path by which all below a name is found. Pure.
//!
//! # Decisions
//! - Objects share their parents' names: a row of its own holds each once, which makes an object small and everything
//!   below a name one range of a small table.
//! - Names are cut, never rewritten: own part, comma and parent give back what was told, octet for octet.

use crate::model::Dn;

/// The own part of a name and its parent; no parent where there is no separating comma.
pub(in crate::store) fn cut(dn: &str) -> (&str, Option<&str>) {
    match separators(dn).next() {
        Some(comma) => {
            let (rdn, rest) = dn.split_at(comma);
            (rdn, rest.get(1..))
        }
        None => (dn, None),
    }
}

/// The name that [`cut`] cut.
pub(in crate::store) fn join(rdn: &str, parent: Option<&str>) -> String {
    match parent {
        Some(parent) => format!("{rdn},{parent}"),
        None => rdn.to_owned(),
    }
}

/// The folded name from the root down, each part ended by a comma. A name is below another where its path is longer
/// and begins with the other's: no part can hold a comma that does not end it, for those are escaped.
pub(in crate::store) fn path(dn: &str) -> String {
    let folded = match dn.parse::<Dn>() {
        Ok(dn) => dn.folded().to_owned(),
        Err(_) => dn.to_lowercase(),
    };
    let mut parts = Vec::new();
    let mut rest = Some(folded.as_str());
    while let Some(text) = rest {
        let (part, parent) = cut(text);
        parts.push(part);
        rest = parent;
    }
    let mut path = String::with_capacity(folded.len() + 1);
    for part in parts.iter().rev() {
        path.push_str(part);
        path.push(',');
    }
    path
}

/// The first text behind every text that begins with `path`, which ends with a comma.
pub(in crate::store) fn end_of(path: &str) -> String {
    let mut end = path.strip_suffix(',').unwrap_or(path).to_owned();
    end.push('-');
    end
}

/// Where the commas are that part the name: those without a backslash before them that counts.
fn separators(dn: &str) -> impl Iterator<Item = usize> + '_ {
    let mut escaped = false;
    dn.bytes().enumerate().filter_map(move |(at, octet)| {
        let separates = octet == b',' && !escaped;
        escaped = octet == b'\\' && !escaped;
        separates.then_some(at)
    })
}
