//! Which attributes a feed reads and tells, from the configured lists and the schema of the forest.
//!
//! # Decisions
//! - `*` is every attribute whose changes carry stamps, less what changes without anybody's doing, less what is secret or
//!   confidential: those come only when they are named.
//! - Without a stamp no change is ever noticed: an attribute that is made up when asked for, kept by each DC alone, or
//!   derived from other objects' links is refused by name, and never offered as if it could be followed.
//! - What no DC ever shows (ADTS 3.1.1.4.4) is refused by name: it would only ever be "not readable".
//! - objectGUID and the name are part of every event: naming them is no mistake and adds nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

use crate::config::nearest;
use crate::model::{Attribute, AttributeOid, Schema};

mod known;

/// The attributes a feed reads and tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Projection {
    /// OID to lDAPDisplayName.
    wanted: BTreeMap<AttributeOid, String>,
}

/// A configured list of attributes that cannot be followed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProjectionError {
    /// The forest's schema has no such attribute.
    #[error("`{name}` is no attribute of this forest's schema{meant}")]
    Unknown {
        /// As configured.
        name: String,
        /// What was probably meant, as the end of the sentence; empty where nothing is near.
        meant: String,
    },
    /// No DC ever shows it.
    #[error("`{name}` is a secret that no DC ever shows: take it out of `attributes`")]
    NeverShown {
        /// As configured.
        name: String,
    },
    /// Its changes carry no stamps.
    #[error("`{name}` cannot be followed: {why}; take it out of `attributes`")]
    NoStamps {
        /// As configured.
        name: String,
        /// Why.
        why: &'static str,
    },
    /// Nothing is left.
    #[error("no attribute is left to follow: name some in `attributes`, or shorten `exclude`")]
    Nothing,
}

impl Projection {
    /// The projection of these lists: `*` or names (compared without case), less the names of `exclude`.
    pub fn new(
        schema: &Schema,
        attributes: &[String],
        exclude: &[String],
    ) -> Result<Self, ProjectionError> {
        let mut wanted = BTreeMap::new();
        let mut want = |attribute: &Attribute| {
            wanted.insert(attribute.oid.clone(), attribute.name.clone());
        };
        for name in attributes {
            if name == "*" {
                schema
                    .iter()
                    .filter(|one| is_usual(one))
                    .for_each(&mut want);
                continue;
            }
            let attribute = named(schema, name)?;
            if !known::is_in_every_event(&attribute.name) {
                followable(attribute)?;
                want(attribute);
            }
        }
        for name in exclude {
            wanted.remove(&named(schema, name)?.oid);
        }
        if wanted.is_empty() {
            return Err(ProjectionError::Nothing);
        }
        Ok(Self { wanted })
    }

    /// Whether the attribute with this OID is read and told.
    pub fn wants(&self, oid: &AttributeOid) -> bool {
        self.wanted.contains_key(oid)
    }

    /// The names to ask a DC for.
    pub fn names(&self) -> Vec<String> {
        self.wanted.values().cloned().collect()
    }

    /// A text that is the same exactly as long as the same attributes are followed (R9).
    pub fn fingerprint(&self) -> String {
        let mut hash = Sha256::new();
        for oid in self.wanted.keys() {
            hash.update(oid.as_str());
            hash.update("\n");
        }
        let mut text = format!("{} attributes, sha256 ", self.wanted.len());
        for byte in hash.finalize() {
            // Writing to a String cannot fail.
            let _ = write!(text, "{byte:02x}");
        }
        text
    }
}

fn named<'s>(schema: &'s Schema, name: &str) -> Result<&'s Attribute, ProjectionError> {
    schema.named(name).ok_or_else(|| {
        let names: BTreeSet<&str> = schema.iter().map(|one| one.name.as_str()).collect();
        let meant = nearest(name, names)
            .map(|near| format!(": did you mean `{near}`?"))
            .unwrap_or_default();
        ProjectionError::Unknown {
            name: name.to_owned(),
            meant,
        }
    })
}

/// Why an attribute cannot be followed even by name.
fn followable(attribute: &Attribute) -> Result<(), ProjectionError> {
    let name = attribute.name.clone();
    if known::is_never_shown(&name) {
        return Err(ProjectionError::NeverShown { name });
    }
    match no_stamps(attribute) {
        Some(why) => Err(ProjectionError::NoStamps { name, why }),
        None => Ok(()),
    }
}

fn no_stamps(attribute: &Attribute) -> Option<&'static str> {
    if attribute.is_back_link() {
        Some("it is derived from the links of other objects, whose events tell of it")
    } else if attribute.is_constructed {
        Some("it is made up whenever it is read, and no change of it is recorded")
    } else if attribute.is_not_replicated {
        Some("every DC keeps its own value of it, which means nothing on another")
    } else {
        None
    }
}

/// Whether `*` means this one too.
fn is_usual(attribute: &Attribute) -> bool {
    no_stamps(attribute).is_none()
        && !attribute.is_confidential
        && !known::is_never_shown(&attribute.name)
        && !known::is_secret(&attribute.name)
        && !known::is_noise(&attribute.name)
}

#[cfg(test)]
#[path = "projection_tests.rs"]
mod tests;
