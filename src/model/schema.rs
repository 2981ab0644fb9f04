//! The part of AD's schema that a reader of changes needs.

use std::collections::BTreeMap;

use super::AttributeOid;

/// How the values of an attribute are written (ADTS 3.1.1.2.2.2), as far as it decides how they are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Syntax {
    /// Readable text: Unicode, IA5, printable, numeric, case-ignore.
    Text,
    /// A 32-bit integer or enumeration.
    Integer,
    /// A 64-bit integer.
    LargeInteger,
    /// `TRUE` or `FALSE`.
    Boolean,
    /// UTC or GeneralizedTime.
    Time,
    /// A distinguished name.
    Dn,
    /// A distinguished name with a binary or a text: `B:2:00:CN=x` (ADTS 3.1.1.2.2.2.3).
    DnWithData,
    /// A security identifier.
    Sid,
    /// Octets, a security descriptor, and what else has no text.
    Octets,
}

/// One attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of its own in the schema"
)]
pub struct Attribute {
    /// Its attributeID.
    pub oid: AttributeOid,
    /// Its lDAPDisplayName.
    pub name: String,
    /// How its values are written.
    pub syntax: Syntax,
    /// Whether it has at most one value.
    pub is_single_valued: bool,
    /// Its linkID: even for a forward link, odd for a back link, `None` where it is no link (ADTS 3.1.1.1.6).
    pub link_id: Option<i32>,
    /// searchFlags bit 128: readable only with a right of its own (ADTS 2.2.10).
    pub is_confidential: bool,
    /// systemFlags bit 1: kept on each DC by itself (ADTS 2.2.10).
    pub is_not_replicated: bool,
    /// systemFlags bit 4: made up when asked for.
    pub is_constructed: bool,
}

impl Attribute {
    /// Whether its values carry stamps of their own instead of one together.
    pub fn is_forward_link(&self) -> bool {
        self.link_id.is_some_and(|id| id.rem_euclid(2) == 0)
    }

    /// Whether it is derived from other objects' links.
    pub fn is_back_link(&self) -> bool {
        self.link_id.is_some_and(|id| id.rem_euclid(2) == 1)
    }
}

/// Every attribute of a forest, by OID and by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Schema {
    /// In the order they were taken up; the maps say where in here.
    attributes: Vec<Attribute>,
    oids: BTreeMap<AttributeOid, usize>,
    /// lDAPDisplayName in lower case.
    names: BTreeMap<String, usize>,
    /// The number an attribute has in `replPropertyMetaData`.
    numbers: BTreeMap<u32, usize>,
}

impl Schema {
    /// Takes an attribute up, with the number it has in `replPropertyMetaData` where that is known.
    pub fn insert(&mut self, attribute: Attribute, attid: Option<u32>) {
        let place = *self
            .oids
            .entry(attribute.oid.clone())
            .or_insert(self.attributes.len());
        self.names
            .insert(attribute.name.to_ascii_lowercase(), place);
        if let Some(attid) = attid {
            self.numbers.insert(attid, place);
        }
        match self.attributes.get_mut(place) {
            Some(known) => *known = attribute,
            None => self.attributes.push(attribute),
        }
    }

    /// The attribute with this OID.
    pub fn attribute(&self, oid: &AttributeOid) -> Option<&Attribute> {
        self.attributes.get(*self.oids.get(oid)?)
    }

    /// The attribute of this name, compared without case.
    pub fn named(&self, name: &str) -> Option<&Attribute> {
        self.attributes
            .get(*self.names.get(&name.to_ascii_lowercase())?)
    }

    /// The attribute with this number in `replPropertyMetaData`.
    pub fn numbered(&self, attid: u32) -> Option<&Attribute> {
        self.attributes.get(*self.numbers.get(&attid)?)
    }

    /// Every attribute, by OID.
    pub fn iter(&self) -> impl Iterator<Item = &Attribute> {
        self.oids
            .values()
            .filter_map(|place| self.attributes.get(*place))
    }

    /// How many attributes there are.
    pub fn len(&self) -> usize {
        self.attributes.len()
    }

    /// Whether it knows no attribute.
    pub fn is_empty(&self) -> bool {
        self.attributes.is_empty()
    }
}
