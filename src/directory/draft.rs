//! From a search entry to an image of the object: by the schema, without any guess at what bytes mean.
//!
//! Pure. An attribute with more values than one answer holds comes as `member;range=0-1499` (ADTS 3.1.1.3.1.3.3): the draft
//! then says where to read on.
//!
//! # Decisions
//! - The stamps of all attributes are kept, not only of those that are followed: the rules need isDeleted and the name.
//! - objectClass is always among the values: whatever is told of an object, the reader asks first what it is.
//! - An object without objectGUID or uSNChanged is an error, not left out: leaving it out would miss its changes.

use std::collections::btree_map::Entry::{Occupied, Vacant};
use std::collections::{BTreeMap, HashMap};

use super::decode::{self, DecodeError, ExtendedDn, dn_with_data, extended_dn};
use super::entry::{Entry, Values};
use super::projection::Projection;
use crate::model::{
    Attribute, AttributeOid, Image, LinkValue, LocalStamp, ObjectGuid, Schema, Syntax, Usn,
};

/// What every reading of changes needs besides the followed attributes.
const ALWAYS: [&str; 6] = [
    "objectGUID",
    "uSNChanged",
    "isDeleted",
    "lastKnownParent",
    "objectClass",
    "replPropertyMetaData",
];
/// `objectClass` (MS-ADA3 2.41).
const OBJECT_CLASS: &str = "2.5.4.0";

/// What is read of every object, and by which schema it is understood.
#[derive(Debug, Clone)]
pub struct Reading<'r> {
    schema: &'r Schema,
    names: Vec<String>,
    /// The attributes whose values are kept, by their names in lower case.
    kept: HashMap<String, &'r Attribute>,
}

impl<'r> Reading<'r> {
    /// Reads what the projection follows, besides what every reading needs.
    pub fn new(schema: &'r Schema, projection: &Projection) -> Self {
        let mut names = projection.names();
        for always in ALWAYS {
            if !names.iter().any(|name| name.eq_ignore_ascii_case(always)) {
                names.push(always.to_owned());
            }
        }
        let kept = schema.iter().filter(|attribute| {
            projection.wants(&attribute.oid) || attribute.oid.as_str() == OBJECT_CLASS
        });
        Self {
            schema,
            names,
            kept: kept
                .map(|attribute| (attribute.name.to_ascii_lowercase(), attribute))
                .collect(),
        }
    }

    /// The attributes to ask for.
    pub(super) fn names(&self) -> Vec<&str> {
        self.names.iter().map(String::as_str).collect()
    }

    /// The attribute with this OID.
    pub(super) fn attribute(&self, oid: &AttributeOid) -> Option<&'r Attribute> {
        self.schema.attribute(oid)
    }

    /// The attribute of this name, which is in lower case, where its values are kept.
    fn kept(&self, name: &str) -> Option<&'r Attribute> {
        self.kept.get(name).copied()
    }
}

/// An image, and what is still to be read of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Draft {
    pub(super) image: Image,
    pub(super) rest: Vec<Rest>,
}

/// Values that one answer did not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rest {
    pub(super) oid: AttributeOid,
    pub(super) name: String,
    /// The index of the next value.
    pub(super) next: u64,
}

/// A `range` option: the index of the first value, and of the last one where more follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Range {
    pub(super) first: u64,
    pub(super) last: Option<u64>,
}

/// The image in an entry.
pub(super) fn draft(entry: &Entry, reading: &Reading<'_>) -> Result<Draft, DecodeError> {
    let (stamps_readable, stamps, unknown_stamps) = stamps(entry, reading.schema)?;
    let parent = entry
        .first("lastKnownParent")
        .map(|value| extended_dn("lastKnownParent", value))
        .transpose()?;
    let mut draft = Draft {
        image: Image {
            guid: guid(entry)?,
            dn: extended_dn("the name", entry.dn.as_bytes())?.dn,
            usn_changed: usn_changed(entry)?,
            is_deleted: match entry.first("isDeleted") {
                Some(value) => decode::boolean("isDeleted", value)?,
                None => false,
            },
            last_known_parent: parent.map(|parent| parent.dn),
            stamps_readable,
            stamps,
            unknown_stamps,
            values: BTreeMap::new(),
            links: BTreeMap::new(),
        },
        rest: Vec::new(),
    };
    for (key, values) in entry.attributes() {
        let Some((name, range)) = key_parts(key)? else {
            continue;
        };
        let Some(attribute) = reading.kept(name) else {
            continue;
        };
        add_values(&mut draft.image, attribute, values)?;
        if let Some(next) = range.and_then(|range| range.last) {
            draft.rest.push(Rest {
                oid: attribute.oid.clone(),
                name: attribute.name.clone(),
                next: next.saturating_add(1),
            });
        }
    }
    Ok(draft)
}

/// The objectGUID of an entry.
pub(super) fn guid(entry: &Entry) -> Result<ObjectGuid, DecodeError> {
    let octets = needed(entry, "objectGUID")?;
    <[u8; 16]>::try_from(octets)
        .map(ObjectGuid::from_octets)
        .map_err(|_| {
            let problem = format!("{} bytes, 16 are expected", octets.len());
            DecodeError::new("objectGUID", 0, problem)
        })
}

/// The uSNChanged of an entry.
pub(super) fn usn_changed(entry: &Entry) -> Result<Usn, DecodeError> {
    decode::usn("uSNChanged", needed(entry, "uSNChanged")?)
}

fn needed<'e>(entry: &'e Entry, name: &str) -> Result<&'e [u8], DecodeError> {
    entry.first(name).ok_or_else(|| {
        let problem = "not shown: grant the account Read Property on it";
        DecodeError::new(name, 0, problem)
    })
}

/// Adds values of an attribute to what the image has of it.
pub(super) fn add_values(
    image: &mut Image,
    attribute: &Attribute,
    values: Values<'_>,
) -> Result<(), DecodeError> {
    if values.is_empty() {
        return Ok(());
    }
    let name = &attribute.name;
    let read = |value: &[u8]| -> Result<ExtendedDn, DecodeError> {
        match attribute.syntax {
            Syntax::DnWithData => dn_with_data(name, value),
            _ => extended_dn(name, value),
        }
    };
    if attribute.is_forward_link() {
        let links = image.links.entry(attribute.oid.clone()).or_default();
        for value in values {
            let value = read(value)?;
            links.push(LinkValue {
                target: value.needed_guid(name)?,
                data: value.data,
                dn: value.dn,
                life: 0,
            });
        }
        links.sort();
        links.dedup_by(|one, other| (one.target, &one.data) == (other.target, &other.data));
        return Ok(());
    }
    let is_name = matches!(attribute.syntax, Syntax::Dn | Syntax::DnWithData);
    let values = if is_name {
        let plain = |value: &[u8]| Ok::<_, DecodeError>(read(value)?.plain().into_bytes());
        values.map(plain).collect::<Result<Vec<_>, _>>()?
    } else {
        values.to_vec()
    };
    match image.values.entry(attribute.oid.clone()) {
        Vacant(place) => drop(place.insert(values)),
        Occupied(mut place) => place.get_mut().extend(values),
    }
    Ok(())
}

/// Whether the stamps are shown, the stamps, and how many belong to no attribute that is known.
type Stamps = (bool, BTreeMap<AttributeOid, LocalStamp>, u32);

fn stamps(entry: &Entry, schema: &Schema) -> Result<Stamps, DecodeError> {
    let mut found = BTreeMap::new();
    let mut unknown = 0_u32;
    let Some(blob) = entry.first("replPropertyMetaData") else {
        return Ok((false, found, unknown));
    };
    for (attid, stamp) in decode::stamps(blob)? {
        match schema.numbered(attid) {
            None => unknown = unknown.saturating_add(1),
            Some(attribute) if attribute.link_id.is_some() => {}
            Some(attribute) => {
                let newest = found.entry(attribute.oid.clone()).or_insert(stamp);
                if stamp.stamp > newest.stamp {
                    *newest = stamp;
                }
            }
        }
    }
    Ok((true, found, unknown))
}

/// The name in an attribute's key and its range; `None` where another option makes it another attribute.
pub(super) fn key_parts(key: &str) -> Result<Option<(&str, Option<Range>)>, DecodeError> {
    let Some((name, options)) = key.split_once(';') else {
        return Ok(Some((key, None)));
    };
    let Some(range) = options.strip_prefix("range=") else {
        return Ok(None);
    };
    let wrong = || {
        DecodeError::new(
            key,
            0,
            "no range: `range=0-1499` or `range=1500-*` is expected",
        )
    };
    let (first, last) = range.split_once('-').ok_or_else(wrong)?;
    let first = first.parse().map_err(|_| wrong())?;
    let last = match last {
        "*" => None,
        last => Some(
            last.parse()
                .ok()
                .filter(|last| *last >= first)
                .ok_or_else(wrong)?,
        ),
    };
    Ok(Some((name, Some(Range { first, last }))))
}

#[cfg(test)]
#[path = "draft_tests.rs"]
mod tests;
