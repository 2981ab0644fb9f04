//! Distinguished names: worked out by walking up, since only the RDN and the parent are stored.

use uuid::Uuid;

use super::Forest;
use super::dc::Dc;
use super::object::Object;

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
