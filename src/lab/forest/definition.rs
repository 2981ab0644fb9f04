//! What the schema says of an attribute (MS-ADA1 to MS-ADA3), the stored ones and those made up when asked for.
//!
//! # Decisions
//! - Numbers are written out beside the OIDs, though a prefix table gives them (DRSR 5.16.4): they are read once per
//!   record of every blob. A test holds both together.

use super::schema::Attribute;

/// An attribute's syntax: its attributeSyntax and oMSyntax (ADTS 3.1.1.2.2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is named after the syntax it is")]
pub enum Syntax {
    Dn,
    Oid,
    Boolean,
    Integer,
    Octets,
    Time,
    Text,
    Large,
    Sid,
}

impl Syntax {
    /// attributeSyntax and oMSyntax.
    pub const fn numbers(self) -> (&'static str, u32) {
        match self {
            Self::Dn => ("2.5.5.1", 127),
            Self::Oid => ("2.5.5.2", 6),
            Self::Boolean => ("2.5.5.8", 1),
            Self::Integer => ("2.5.5.9", 2),
            Self::Octets => ("2.5.5.10", 4),
            Self::Time => ("2.5.5.11", 24),
            Self::Text => ("2.5.5.12", 64),
            Self::Large => ("2.5.5.16", 65),
            Self::Sid => ("2.5.5.17", 4),
        }
    }

    /// Whether values are bytes that compare as they are.
    pub const fn is_binary(self) -> bool {
        matches!(self, Self::Octets | Self::Sid)
    }
}

/// systemFlags: the attribute is not replicated.
const NOT_REPLICATED: u32 = 0x1;
/// systemFlags: it is in the partial attribute set, always.
const IN_PARTIAL_SET: u32 = 0x2;
/// systemFlags: it is constructed.
const CONSTRUCTED: u32 = 0x4;
/// systemFlags: it belongs to the schema AD comes with.
const BASE_SCHEMA: u32 = 0x10;

/// What the schema says of an attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Definition {
    /// lDAPDisplayName.
    pub name: &'static str,
    /// attributeID.
    pub oid: &'static str,
    /// Its number in `replPropertyMetaData`.
    pub attid: u32,
    /// Its syntax.
    pub syntax: Syntax,
    /// isSingleValued.
    pub is_single_valued: bool,
    /// searchFlags.
    pub search_flags: u32,
    /// systemFlags.
    pub system_flags: u32,
    /// linkID: even of a forward link, odd of a back link.
    pub link_id: Option<u32>,
    /// Whether its number is its msDS-IntId, since no prefix of the table fits its OID.
    pub has_int_id: bool,
}

/// A single-valued attribute that replicates.
pub(super) const fn single(
    name: &'static str,
    oid: &'static str,
    attid: u32,
    syntax: Syntax,
    search_flags: u32,
) -> Definition {
    Definition {
        name,
        oid,
        attid,
        syntax,
        is_single_valued: true,
        search_flags,
        system_flags: BASE_SCHEMA,
        link_id: None,
        has_int_id: false,
    }
}

/// A multi-valued attribute that replicates.
pub(super) const fn multi(
    name: &'static str,
    oid: &'static str,
    attid: u32,
    syntax: Syntax,
    search_flags: u32,
) -> Definition {
    Definition {
        is_single_valued: false,
        ..single(name, oid, attid, syntax, search_flags)
    }
}

impl Definition {
    const fn flagged(self, flag: u32) -> Self {
        Self {
            system_flags: self.system_flags | flag,
            ..self
        }
    }

    /// The same, held by a global catalog too.
    pub(super) const fn global(self) -> Self {
        self.flagged(IN_PARTIAL_SET)
    }

    /// The same, not replicated.
    pub(super) const fn local(self) -> Self {
        self.flagged(NOT_REPLICATED)
    }

    /// The same as a link of this number.
    pub(super) const fn linked(self, link_id: u32) -> Self {
        Self {
            link_id: Some(link_id),
            ..self
        }
    }

    /// The same as an attribute that somebody added, numbered by msDS-IntId.
    pub(super) const fn extension(self) -> Self {
        Self {
            system_flags: 0,
            has_int_id: true,
            ..self
        }
    }

    /// Whether a partial replica holds it.
    pub const fn is_in_partial_set(&self) -> bool {
        self.system_flags & IN_PARTIAL_SET != 0
    }
}

/// The attributes that are not stored as such: links, local bookkeeping, and what is worked out.
const MADE_UP: [Definition; 12] = [
    multi(super::MEMBER, "2.5.4.31", 0x0000_001f, Syntax::Dn, 0)
        .global()
        .linked(2),
    multi(
        "memberOf",
        "1.2.840.113556.1.2.102",
        0x0002_0066,
        Syntax::Dn,
        16,
    )
    .local()
    .linked(3),
    bookkeeping(
        "objectGUID",
        "1.2.840.113556.1.4.2",
        0x0009_0002,
        Syntax::Octets,
        9,
    ),
    bookkeeping("distinguishedName", "2.5.4.49", 0x0000_0031, Syntax::Dn, 8),
    bookkeeping(
        "uSNChanged",
        "1.2.840.113556.1.2.120",
        0x0002_0078,
        Syntax::Large,
        9,
    ),
    bookkeeping(
        "uSNCreated",
        "1.2.840.113556.1.2.19",
        0x0002_0013,
        Syntax::Large,
        9,
    ),
    bookkeeping(
        "whenChanged",
        "1.2.840.113556.1.2.3",
        0x0002_0003,
        Syntax::Time,
        0,
    ),
    bookkeeping(
        "instanceType",
        "1.2.840.113556.1.2.1",
        0x0002_0001,
        Syntax::Integer,
        8,
    ),
    bookkeeping(
        "replPropertyMetaData",
        "1.2.840.113556.1.4.3",
        0x0009_0003,
        Syntax::Octets,
        8,
    ),
    bookkeeping(
        "replUpToDateVector",
        "1.2.840.113556.1.4.4",
        0x0009_0004,
        Syntax::Octets,
        0,
    ),
    multi(
        "canonicalName",
        "1.2.840.113556.1.4.916",
        0x0009_0394,
        Syntax::Text,
        0,
    )
    .flagged(CONSTRUCTED),
    multi(
        "msDS-ReplValueMetaData",
        "1.2.840.113556.1.4.1708",
        0x0009_06ac,
        Syntax::Text,
        0,
    )
    .flagged(CONSTRUCTED),
];

const fn bookkeeping(
    name: &'static str,
    oid: &'static str,
    attid: u32,
    syntax: Syntax,
    search_flags: u32,
) -> Definition {
    single(name, oid, attid, syntax, search_flags)
        .global()
        .local()
}

/// Every attribute the schema knows: the stored ones, then those made up.
pub fn definitions() -> impl Iterator<Item = Definition> {
    let stored = Attribute::ALL.into_iter().map(Attribute::definition);
    stored.chain(MADE_UP)
}

/// The definition of this LDAP name, compared without case.
pub fn definition_named(name: &str) -> Option<Definition> {
    definitions().find(|definition| definition.name.eq_ignore_ascii_case(name))
}
