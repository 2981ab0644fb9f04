//! An object as LDAP shows it on one DC: stored attributes, and those that are made up when asked for.

use uuid::Uuid;

use super::answer::Shown;
use super::blob;
use super::filter::Values;
use super::naming::{Extended, sid_of};
use crate::lab::forest::{
    Attribute, Dc, Forest, MEMBER, Object, canonical, definition_named, definitions, dn,
    generalized,
};

/// AD's `MaxValRange` (ADTS 3.1.1.3.4.6).
const MAX_VAL_RANGE: usize = 1500;

/// Attributes that come only when named.
const ONLY_NAMED: [&str; 4] = [
    "replPropertyMetaData",
    "replUpToDateVector",
    "canonicalName",
    "msDS-ReplValueMetaData",
];

/// An object on a DC at one moment.
pub(super) struct View<'a> {
    pub(super) forest: &'a Forest,
    pub(super) dc: &'a Dc,
    pub(super) object: &'a Object,
    pub(super) now_seconds: i64,
    /// How names are to be written.
    pub(super) extended: Option<Extended>,
    /// Whether only the partial attribute set is there.
    pub(super) is_partial: bool,
}

impl Values for View<'_> {
    /// What filters look at: names are plain DNs.
    fn values(&self, name: &str) -> Vec<Vec<u8>> {
        let plain = View {
            extended: None,
            ..*self
        };
        plain.written(name)
    }
}

impl View<'_> {
    /// The values as the client wants them written; `name` in lower case.
    fn written(&self, name: &str) -> Vec<Vec<u8>> {
        let text = |value: String| vec![value.into_bytes()];
        if self.is_partial && !definition_named(name).is_some_and(|found| found.is_in_partial_set())
        {
            return Vec::new();
        }
        match name {
            "objectguid" => vec![self.object.guid.to_bytes_le().to_vec()],
            "distinguishedname" => self.names(&[self.object.guid]),
            "usnchanged" => text(self.object.changed.to_string()),
            "usncreated" => text(self.object.created.to_string()),
            "whenchanged" => text(generalized(self.object.when_changed)),
            "instancetype" => text(self.instance_type().to_string()),
            "canonicalname" => canonical(self.forest, self.dc, self.object.guid)
                .map(text)
                .unwrap_or_default(),
            "replpropertymetadata" => vec![blob::stamps(self.object)],
            "repluptodatevector" if self.is_head() => {
                let known = self.dc.vector(self.object.nc);
                // A DC that has completed no cycle has no vector at all.
                let value = (!known.is_empty()).then(|| blob::vector(&known, self.now_seconds));
                value.into_iter().collect()
            }
            MEMBER => self.names(&self.members()),
            "memberof" => self.names(&self.dc.groups_of(self.object.guid)),
            "lastknownparent" => {
                let values = self.object.values(Attribute::LastKnownParent).iter();
                let guids: Vec<Uuid> = values
                    .filter_map(|value| Uuid::from_slice_le(value).ok())
                    .collect();
                self.names(&guids)
            }
            "hasmasterncs" if !self.stored(name).is_empty() => self.names(&self.forest.heads),
            "msds-replvaluemetadata" => self.link_stamps(),
            // The name of a tombstone is mangled (ADTS 3.1.1.5.5.1.1).
            "name" if self.is_tombstone() => {
                let (rdn, guid) = (&self.object.place.rdn, self.object.guid);
                text(format!("{rdn}\nDEL:{guid}"))
            }
            _ => self.stored(name),
        }
    }

    /// The name of an object as the client wants it; `None` where it is not there.
    pub(super) fn name_of(&self, guid: Uuid) -> Option<String> {
        let name = dn(self.forest, self.dc, guid)?;
        let Some(form) = self.extended else {
            return Some(name);
        };
        let sid = self.dc.objects.get(&guid).and_then(sid_of);
        Some(form.name(guid, sid, &name))
    }

    fn names(&self, guids: &[Uuid]) -> Vec<Vec<u8>> {
        let found = guids.iter().filter_map(|guid| self.name_of(*guid));
        found.map(String::into_bytes).collect()
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
        let gone = self.is_tombstone() && !attribute.outlives_deletion();
        if gone || attribute.is_confidential() {
            return Vec::new();
        }
        self.object.values(attribute).to_vec()
    }

    /// The members: neither those that are deleted nor, of a deleted group, any.
    fn members(&self) -> Vec<Uuid> {
        if self.object.is_deleted() {
            return Vec::new();
        }
        let present = self.object.links.iter().filter(|(_, link)| link.present);
        let targets = present.map(|(target, _)| *target);
        targets.filter(|target| self.dc.is_live(*target)).collect()
    }

    /// `msDS-ReplValueMetaData`: the stamp of every value of `member`, removed ones too (ADTS 3.1.1.4.5.24).
    fn link_stamps(&self) -> Vec<Vec<u8>> {
        let links = self.object.links.iter();
        let named = links.filter_map(|(target, link)| {
            let name = dn(self.forest, self.dc, *target)?;
            Some(blob::link_stamp(&name, link).into_bytes())
        });
        named.collect()
    }

    /// The attributes a search asks for, as `SearchResultEntry` has them.
    pub(super) fn shown(&self, wanted: &[String]) -> Vec<Shown> {
        let mut shown = Vec::new();
        let everything = wanted.is_empty() || wanted.iter().any(|name| name == "*");
        if everything {
            let all = definitions().map(|definition| definition.name);
            for name in all.filter(|name| !ONLY_NAMED.contains(name)) {
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
        let Some(proper) = definition_named(name).map(|definition| definition.name) else {
            return;
        };
        let values = self.written(&name.to_ascii_lowercase());
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
