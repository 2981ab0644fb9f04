//! Distinguished names: worked out by walking up, since only the RDN and the parent are stored.

use uuid::Uuid;

use super::dc::Dc;
use super::object::Object;
use super::{CONTEXTS, Forest};
use crate::model::Dn;

/// How deep a tree may be; deeper is a defect and ends the walk.
const DEEPEST: usize = 64;

/// The DN of an object on a DC (RFC 4514); `None` where it or an ancestor is not there.
///
/// A deleted one is in its naming context's Deleted Objects under a mangled name (ADTS 3.1.1.5.5.1.1).
pub fn dn(forest: &Forest, dc: &Dc, guid: Uuid) -> Option<String> {
    let mut parts = Vec::new();
    let mut at = guid;
    for _ in 0..DEEPEST {
        let object = dc.objects.get(&at)?;
        let head = forest.context_dn(object.nc);
        let container = forest.deleted_objects.get(object.nc).copied();
        if object.is_deleted() && container != Some(at) {
            parts.push(mangled(object));
            at = container?;
            continue;
        }
        let Some(parent) = object.place.parent else {
            parts.push(head);
            return Some(parts.join(","));
        };
        parts.push(format!(
            "{}={}",
            rdn_type(object),
            escaped(&object.place.rdn)
        ));
        at = parent;
    }
    None
}

/// The live or deleted object of this DN on a DC: walked down from the head of its naming context.
pub fn find(forest: &Forest, dc: &Dc, name: &Dn) -> Option<Uuid> {
    // The inner context first: the configuration lies below the domain's name.
    let (nc, head) = (0..CONTEXTS).rev().find_map(|nc| {
        let head = forest.context_dn(nc).to_lowercase();
        name.folded().strip_suffix(&head).map(|rest| (nc, rest))
    })?;
    let mut at = *forest.heads.get(nc)?;
    let rest = head.strip_suffix(',').unwrap_or(head);
    for rdn in rdns(rest).into_iter().rev() {
        at = match rdn.split_once("\\0adel:") {
            Some((_, guid)) => guid.parse().ok()?,
            None => match forest.deleted_objects.get(nc) {
                Some(container) if at == *forest.heads.get(nc)? && rdn == "cn=deleted objects" => {
                    *container
                }
                _ => dc.child(at, rdn)?,
            },
        };
    }
    // A name made of the right parts may still be no name of it: a mangled one of an object that lives.
    let found = dn(forest, dc, at)?.parse::<Dn>().ok()?;
    (found == *name).then_some(at)
}

/// The RDNs of a folded name, the innermost first.
fn rdns(name: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let (mut begun, mut escaped) = (0, false);
    for (at, byte) in name.bytes().enumerate() {
        if byte == b',' && !escaped {
            found.extend(name.get(begun..at));
            begun = at.saturating_add(1);
        }
        escaped = byte == b'\\' && !escaped;
    }
    found.extend(name.get(begun..).filter(|rest| !rest.is_empty()));
    found
}

/// The canonical name (ADTS 3.1.1.4.5.8): the domain's DNS name, then the RDNs from the head down.
pub fn canonical(forest: &Forest, dc: &Dc, guid: Uuid) -> Option<String> {
    let mut parts = Vec::new();
    let mut at = guid;
    for _ in 0..DEEPEST {
        let object = dc.objects.get(&at)?;
        let container = forest.deleted_objects.get(object.nc).copied();
        if object.is_deleted() && container != Some(at) {
            parts.push(format!("{}\nDEL:{}", object.place.rdn, object.guid));
            at = container?;
        } else if let Some(parent) = object.place.parent {
            parts.push(object.place.rdn.replace('/', "\\/"));
            at = parent;
        } else {
            if object.nc == super::CONFIGURATION {
                parts.push(object.place.rdn.clone());
            }
            parts.push(forest.domain.clone());
            parts.reverse();
            return Some(parts.join("/"));
        }
    }
    None
}

/// The RDN as names compare: `cn=name` in lower case.
pub(super) fn folded_rdn(object: &Object) -> String {
    let value = escaped(&object.place.rdn);
    format!("{}={value}", object.rdn_type.ldap_name()).to_lowercase()
}

fn rdn_type(object: &Object) -> String {
    object.rdn_type.ldap_name().to_ascii_uppercase()
}

fn mangled(object: &Object) -> String {
    format!(
        "{}={}\\0ADEL:{}",
        rdn_type(object),
        escaped(&object.place.rdn),
        object.guid
    )
}

/// The characters RFC 4514 wants escaped.
fn escaped(value: &str) -> String {
    let mut out = String::new();
    for c in value.chars() {
        if matches!(c, ',' | '+' | '"' | '\\' | '<' | '>' | ';' | '=') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}
