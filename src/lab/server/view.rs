//! An object as LDAP shows it on one DC: stored attributes, and those that are made up when asked for.

use uuid::Uuid;

use super::answer::Shown;
use super::blob;
use super::filter::Values;
use crate::lab::forest::{Attribute, Dc, Forest, MEMBER, Object, dn};

/// AD's `MaxValRange` (ADTS 3.1.1.3.4.6).
const MAX_VAL_RANGE: usize = 1500;

/// Attributes that are not stored, besides `member`; those marked come only when named.
const MADE_UP: [(&str, bool); 7] = [
    ("objectGUID", false),
    ("distinguishedName", false),
    ("uSNChanged", false),
    ("uSNCreated", false),
    ("instanceType", false),
    ("replPropertyMetaData", true),
    ("replUpToDateVector", true),
];

/// An object on a DC at one moment.
pub(super) struct View<'a> {
    pub(super) forest: &'a Forest,
    pub(super) dc: &'a Dc,
    pub(super) object: &'a Object,
    pub(super) now_seconds: i64,
}

impl Values for View<'_> {
    fn values(&self, name: &str) -> Vec<Vec<u8>> {
        let text = |value: String| vec![value.into_bytes()];
        match name {
            "objectguid" => vec![self.object.guid.to_bytes_le().to_vec()],
            "distinguishedname" => self.dn().map(text).unwrap_or_default(),
            "usnchanged" => text(self.object.changed.to_string()),
            "usncreated" => text(self.object.created.to_string()),
            "instancetype" => text(self.instance_type().to_string()),
            "replpropertymetadata" => vec![blob::stamps(self.object)],
            "repluptodatevector" if self.is_head() => {
                let known = self.dc.vector(self.object.nc);
                // A DC that has completed no cycle has no vector at all.
                let value = (!known.is_empty()).then(|| blob::vector(&known, self.now_seconds));
                value.into_iter().collect()
            }
            MEMBER => self.members(),
            // The name of a tombstone is mangled (ADTS 3.1.1.5.5.1.1).
            "name" if self.is_tombstone() => {
                let (rdn, guid) = (&self.object.place.rdn, self.object.guid);
                text(format!("{rdn}\nDEL:{guid}"))
            }
            _ => self.stored(name),
        }
    }
}

impl View<'_> {
    pub(super) fn dn(&self) -> Option<String> {
        dn(self.forest, self.dc, self.object.guid)
    }

    fn is_head(&self) -> bool {
        self.object.place.parent.is_none()
    }

    fn is_tombstone(&self) -> bool {
        let container = self.forest.deleted_objects.get(self.object.nc);
        self.object.is_deleted() && container != Some(&self.object.guid)
    }

    /// MS-ADA1 2.315: 1 the head of a naming context, 4 writable.
    fn instance_type(&self) -> i32 {
        let head = i32::from(self.is_head());
        if self.dc.is_read_only { head } else { head | 4 }
    }

    fn stored(&self, name: &str) -> Vec<Vec<u8>> {
        let Some(attribute) = Attribute::of_name(name) else {
            return Vec::new();
        };
        if self.is_tombstone() && !attribute.outlives_deletion() {
            return Vec::new();
        }
        self.object.values(attribute).to_vec()
    }

    /// The members as DNs: neither those that are deleted nor, of a deleted group, any.
    fn members(&self) -> Vec<Vec<u8>> {
        if self.object.is_deleted() {
            return Vec::new();
        }
        let present = self.object.links.iter().filter(|(_, link)| link.present);
        let live = present.filter(|(target, _)| self.dc.is_live(**target));
        live.filter_map(|(target, _): (&Uuid, _)| dn(self.forest, self.dc, *target))
            .map(String::into_bytes)
            .collect()
    }

    /// The attributes a search asks for, as `SearchResultEntry` has them.
    pub(super) fn shown(&self, wanted: &[String]) -> Vec<Shown> {
        let mut shown = Vec::new();
        let everything = wanted.is_empty() || wanted.iter().any(|name| name == "*");
        if everything {
            let stored = Attribute::ALL
                .into_iter()
                .map(Attribute::ldap_name)
                .chain([MEMBER]);
            let made_up = MADE_UP.iter().filter(|(_, named)| !named);
            for name in stored.chain(made_up.map(|(name, _)| *name)) {
                self.show(name, &mut shown);
            }
        }
        for name in wanted.iter().filter(|name| *name != "*" && *name != "1.1") {
            if !shown
                .iter()
                .any(|(there, _)| there.eq_ignore_ascii_case(name))
            {
                self.show(name, &mut shown);
            }
        }
        shown
    }

    fn show(&self, wanted: &str, shown: &mut Vec<Shown>) {
        let (name, option) = match wanted.split_once(';') {
            Some((name, option)) => (name, Some(option)),
            None => (wanted, None),
        };
        let Some(proper) = proper_name(name) else {
            return;
        };
        let values = self.values(&name.to_ascii_lowercase());
        let range = match option {
            Some(option) => match range(option) {
                Some(range) => range,
                // An option this server does not know, `;binary` for one.
                None => return,
            },
            None if values.len() > MAX_VAL_RANGE => {
                // The plain attribute comes without values, and the first range beside it (ADTS 3.1.1.3.1.3.3).
                shown.push((proper.to_owned(), Vec::new()));
                (0, usize::MAX)
            }
            None => {
                if !values.is_empty() {
                    shown.push((proper.to_owned(), values));
                }
                return;
            }
        };
        shown.extend(ranged(proper, &values, range));
    }
}

fn proper_name(name: &str) -> Option<&'static str> {
    if name.eq_ignore_ascii_case(MEMBER) {
        return Some(MEMBER);
    }
    let made_up = MADE_UP
        .iter()
        .map(|(proper, _)| *proper)
        .find(|proper| proper.eq_ignore_ascii_case(name));
    made_up.or_else(|| Attribute::of_name(name).map(Attribute::ldap_name))
}

/// `range=0-1499`, `range=1500-*`.
fn range(option: &str) -> Option<(usize, usize)> {
    let bounds = option
        .get(..6)
        .filter(|head| head.eq_ignore_ascii_case("range="))
        .and_then(|_| option.get(6..))?;
    let (low, high) = bounds.split_once('-')?;
    let high = if high == "*" {
        usize::MAX
    } else {
        high.parse().ok()?
    };
    Some((low.parse().ok()?, high))
}

/// One range of values, named as it turned out: `-*` where it reaches the end.
fn ranged(name: &str, values: &[Vec<u8>], (low, high): (usize, usize)) -> Option<Shown> {
    if low >= values.len() {
        return None;
    }
    let last = high.min(low.saturating_add(MAX_VAL_RANGE).saturating_sub(1));
    let end = last.saturating_add(1).min(values.len());
    let part = values.get(low..end)?.to_vec();
    let named = if end == values.len() {
        format!("{name};range={low}-*")
    } else {
        format!("{name};range={low}-{}", end.saturating_sub(1))
    };
    Some((named, part))
}
