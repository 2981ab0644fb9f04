//! An object as one DC holds it: attributes with their stamps, and links with theirs.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::schema::Attribute;
use crate::model::InvocationId;

/// An originating stamp; ordered as AD settles conflicts: version, time, invocationId (DRSR 4.1.10.6.11).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stamp {
    /// How often the attribute was written.
    pub version: u32,
    /// When, in whole seconds since 1970 by the originating DC's clock.
    pub seconds: i64,
    /// The incarnation that wrote it.
    pub by: InvocationId,
    /// Its USN there.
    pub usn: i64,
}

/// An attribute's values with their stamp.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attr {
    /// Where it comes from.
    pub stamp: Stamp,
    /// The USN of its last change on this DC.
    pub local: i64,
    /// The values; none where it was cleared.
    pub values: Vec<Vec<u8>>,
}

/// One value of a linked attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link {
    /// When the value was first made, in seconds since 1970: conflicts are settled by this first.
    pub created: i64,
    /// Where its last change comes from.
    pub stamp: Stamp,
    /// The USN of its last change on this DC.
    pub local: i64,
    /// Whether it is there; a removed one is kept as absent.
    pub present: bool,
}

impl Link {
    /// Whether this one wins against the other (DRSR 4.1.10.6.12: creation time, then as attributes).
    pub fn supersedes(&self, other: &Link) -> bool {
        (self.created, self.stamp) > (other.created, other.stamp)
    }
}

/// Where an object stands: its stamp is that of [`Attribute::Name`], with which it travels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The RDN's value.
    pub rdn: String,
    /// The parent; `None` for the head of a naming context.
    pub parent: Option<Uuid>,
}

/// An object as one DC holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// Its objectGUID.
    pub guid: Uuid,
    /// The number of its naming context.
    pub nc: usize,
    /// Which attribute names it.
    pub rdn_type: Attribute,
    /// Where it stands.
    pub place: Place,
    /// Its attributes.
    pub attrs: BTreeMap<Attribute, Attr>,
    /// Its `member` values by the objectGUID they lead to.
    pub links: BTreeMap<Uuid, Link>,
    /// uSNCreated on this DC.
    pub created: i64,
    /// uSNChanged on this DC.
    pub changed: i64,
    /// When it changed last on this DC by that DC's clock, in seconds since 1970: whenChanged.
    pub when_changed: i64,
    /// Its position in [`super::Dc::order`].
    pub seat: usize,
}

impl Object {
    /// Whether it is a tombstone.
    pub fn is_deleted(&self) -> bool {
        self.attrs
            .get(&Attribute::IsDeleted)
            .is_some_and(|attr| !attr.values.is_empty())
    }

    /// Whether objectClass has this value.
    pub fn is_a(&self, class: &str) -> bool {
        self.values(Attribute::ObjectClass)
            .iter()
            .any(|value| value.eq_ignore_ascii_case(class.as_bytes()))
    }

    /// The values of an attribute; none where it is absent.
    pub fn values(&self, attribute: Attribute) -> &[Vec<u8>] {
        self.attrs
            .get(&attribute)
            .map_or(&[], |attr| attr.values.as_slice())
    }
}
