//! An object as one DC showed it to a reader of changes.

use std::collections::BTreeMap;

use super::{AttributeOid, ObjectGuid, Stamp, Usn};

/// An object as one search entry on one DC shows it: only the attributes the reader asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// Its objectGUID.
    pub guid: ObjectGuid,
    /// Its name there and then, without extended parts.
    pub dn: String,
    /// uSNChanged on that DC.
    pub usn_changed: Usn,
    /// Whether it is a tombstone or a deleted object (`isDeleted`).
    pub is_deleted: bool,
    /// `lastKnownParent`, where it is deleted.
    pub last_known_parent: Option<String>,
    /// Whether `replPropertyMetaData` could be read; without it nothing here can be told from a repeat.
    pub stamps_readable: bool,
    /// The stamps of its attributes, those of linked ones and of unknown numbers left out.
    pub stamps: BTreeMap<AttributeOid, LocalStamp>,
    /// How many entries of `replPropertyMetaData` the schema has no attribute for.
    pub unknown_stamps: u32,
    /// The values that could be read, of attributes that are no links; never an empty list.
    pub values: BTreeMap<AttributeOid, Vec<Vec<u8>>>,
    /// The forward links that could be read, each target once (with each of its data), by objectGUID; never an empty
    /// list.
    pub links: BTreeMap<AttributeOid, Vec<LinkValue>>,
}

/// An originating stamp with where it came to rest on the DC that was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LocalStamp {
    /// The stamp, the same on every DC.
    pub stamp: Stamp,
    /// The USN of the attribute's last change on this DC.
    pub local: Usn,
}

/// One value of a forward link.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct LinkValue {
    /// The object it leads to.
    pub target: ObjectGuid,
    /// What a DN with a binary or a text carries besides, as `B:4:cafe` (`msDS-KeyCredentialLink` has many values that
    /// all lead to the same object and differ in this alone).
    pub data: Option<String>,
    /// That object's name on the DC that was read.
    pub dn: String,
    /// The life that object is in, in the consumer's eyes: with each one that ends it drops the link.
    pub life: u32,
}
