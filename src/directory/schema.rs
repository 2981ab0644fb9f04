//! Reads the schema: how each attribute's values are written, and its number in `replPropertyMetaData`.
//!
//! # Decisions
//! - One object of the schema that is not understood is left out with a warning; the others are read all the same.
//! - `msDS-IntId` is the number in every naming context but the schema's own, where the number by the OID stays in use
//!   (ADTS 3.1.1.2.3; Samba's `dsdb_attribute_get_attid`): an attribute with both is known by both.
//! - A `prefixMap` that is not readable or not understood costs the numbers of what it alone names, nothing else.

use super::decode::{self, DecodeError, PrefixTable};
use super::entry::Entry;
use super::error::DirectoryError;
use super::search::{Query, Scope};
use super::session::Session;
use crate::model::{Attribute, AttributeOid, Dn, Schema, Syntax};

const ATTRIBUTES: [&str; 8] = [
    "attributeID",
    "lDAPDisplayName",
    "attributeSyntax",
    "isSingleValued",
    "linkID",
    "searchFlags",
    "systemFlags",
    "msDS-IntId",
];
/// searchFlags `fCONFIDENTIAL` (ADTS 2.2.9).
const CONFIDENTIAL: i32 = 0x80;
/// systemFlags `FLAG_ATTR_NOT_REPLICATED` and `FLAG_ATTR_IS_CONSTRUCTED` (ADTS 2.2.10).
const NOT_REPLICATED: i32 = 0x1;
const CONSTRUCTED: i32 = 0x4;

/// Reads every attribute that is in use from the schema naming context (`RootDse::schema`).
pub(super) async fn read_schema(
    session: &mut Session,
    schema_nc: &Dn,
) -> Result<Schema, DirectoryError> {
    let prefixes = prefixes(session, schema_nc).await?;
    let mut schema = Schema::default();
    let mut pages = session.pages(Query {
        base: schema_nc.as_str(),
        scope: Scope::OneLevel,
        filter: "(&(objectClass=attributeSchema)(!(isDefunct=TRUE)))",
        attributes: &ATTRIBUTES,
        controls: Vec::new(),
    });
    while let Some(page) = pages.next_page().await? {
        for entry in page {
            match attribute(&entry) {
                Ok((attribute, internal)) => take_up(&mut schema, &prefixes, attribute, internal),
                Err(error) => {
                    tracing::warn!(object = %entry.dn, %error, "an attribute of the schema is left out");
                }
            }
        }
    }
    if schema.is_empty() {
        return Err(DirectoryError::Permission {
            target: session.target().to_owned(),
            what: format!("the attributes below {schema_nc}"),
            grant: "grant the account List Contents and Read Property there (Authenticated Users have them by \
                    default)"
                .to_owned(),
        });
    }
    Ok(schema)
}

/// The DC's own prefix table where it shows one, else that of a fresh forest.
async fn prefixes(session: &mut Session, schema_nc: &Dn) -> Result<PrefixTable, DirectoryError> {
    let head = match session
        .search_base(schema_nc.as_str(), &["prefixMap"])
        .await
    {
        Ok(head) => head,
        Err(error) if error.ends_session() => return Err(error),
        Err(error) => {
            tracing::warn!(%error, "the prefix table is not read: that of a fresh forest is used");
            return Ok(PrefixTable::standard());
        }
    };
    let Some(map) = head.first("prefixMap") else {
        return Ok(PrefixTable::standard());
    };
    Ok(PrefixTable::with_map(map).unwrap_or_else(|error| {
        tracing::warn!(%error, "the prefix table is not understood: that of a fresh forest is used");
        PrefixTable::standard()
    }))
}

fn take_up(
    schema: &mut Schema,
    prefixes: &PrefixTable,
    attribute: Attribute,
    internal: Option<u32>,
) {
    if let Some(other) = schema.named(&attribute.name)
        && other.oid != attribute.oid
    {
        tracing::warn!(name = %attribute.name, first = %other.oid, second = %attribute.oid,
            "two attributes of the schema have one name: the second is left out");
        return;
    }
    let by_oid = prefixes.attid(&attribute.oid);
    schema.insert(attribute.clone(), by_oid);
    if internal.is_some() {
        schema.insert(attribute, internal);
    }
}

/// The attribute an object of the schema describes, and its `msDS-IntId`.
pub(super) fn attribute(entry: &Entry) -> Result<(Attribute, Option<u32>), DecodeError> {
    let needed = |name: &str| {
        entry
            .first(name)
            .ok_or_else(|| DecodeError::new(name, 0, "missing"))
    };
    let number = |name: &str| {
        entry
            .first(name)
            .map(|value| decode::integer(name, value))
            .transpose()
    };
    let oid = decode::text("attributeID", needed("attributeID")?)?;
    let name = decode::text("lDAPDisplayName", needed("lDAPDisplayName")?)?;
    let written = decode::text("attributeSyntax", needed("attributeSyntax")?)?;
    let system_flags = number("systemFlags")?.unwrap_or(0);
    let attribute = Attribute {
        oid: AttributeOid::new(oid),
        name: name.to_owned(),
        syntax: syntax(written).ok_or_else(|| {
            DecodeError::new("attributeSyntax", 0, format!("`{written}` is unknown"))
        })?,
        is_single_valued: decode::boolean("isSingleValued", needed("isSingleValued")?)?,
        link_id: number("linkID")?,
        is_confidential: number("searchFlags")?.unwrap_or(0) & CONFIDENTIAL != 0,
        is_not_replicated: system_flags & NOT_REPLICATED != 0,
        is_constructed: system_flags & CONSTRUCTED != 0,
    };
    Ok((attribute, number("msDS-IntId")?.map(i32::cast_unsigned)))
}

/// What an attributeSyntax comes to here (ADTS 3.1.1.2.2.2); the oMSyntax would divide these only further.
fn syntax(attribute_syntax: &str) -> Option<Syntax> {
    Some(match attribute_syntax {
        "2.5.5.1" => Syntax::Dn,
        "2.5.5.2" | "2.5.5.3" | "2.5.5.4" | "2.5.5.5" | "2.5.5.6" | "2.5.5.12" | "2.5.5.13" => {
            Syntax::Text
        }
        "2.5.5.7" | "2.5.5.14" => Syntax::DnWithData,
        "2.5.5.8" => Syntax::Boolean,
        "2.5.5.9" => Syntax::Integer,
        "2.5.5.10" | "2.5.5.15" => Syntax::Octets,
        "2.5.5.11" => Syntax::Time,
        "2.5.5.16" => Syntax::LargeInteger,
        "2.5.5.17" => Syntax::Sid,
        _ => return None,
    })
}

#[cfg(test)]
#[path = "schema_tests.rs"]
mod tests;
