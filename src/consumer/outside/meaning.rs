//! What the texts in the spots mean, and how a cursor is put into them. Pure.

use std::collections::BTreeMap;

use super::host_text;
use super::spot::{Change, Field, Fields, SpotError};
use crate::config::Shape;
use crate::model::{Cursor, CursorTag, HostAttribute, Usn};

/// The fields of both spots, apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Parts {
    /// The cursor's, without the host.
    pub(super) cursor: Fields,
    /// The text with the host.
    pub(super) host: String,
}

const A_USN: &str = "a whole number from 0 to 9223372036854775807";
const A_PAIR: &str = "two such numbers, `deleted,updated`, or one";

fn flawed(place: &str, field: Field, value: &str, must: &str) -> SpotError {
    SpotError::Flawed {
        place: place.to_owned(),
        what: format!("`{field}`"),
        value: format!("{:?}", value.chars().take(60).collect::<String>()),
        must: must.to_owned(),
    }
}

impl Parts {
    /// The parts as the tag keeps them.
    pub(super) fn tag(&self) -> CursorTag {
        let cursor: BTreeMap<&str, &str> = self
            .cursor
            .iter()
            .map(|(field, text)| (field.word(), text.as_str()))
            .collect();
        CursorTag(serde_json::json!({ "cursor": cursor, "host": self.host }).to_string())
    }

    /// The parts that a tag keeps; `None` where it was made by another kind of consumer.
    pub(super) fn of_tag(tag: &CursorTag) -> Option<Self> {
        let value: serde_json::Value = serde_json::from_str(&tag.0).ok()?;
        let texts = value.get("cursor")?.as_object()?;
        let cursor = Field::ALL
            .iter()
            .filter_map(|field| {
                let text = texts.get(field.word())?.as_str()?;
                Some((*field, text.to_owned()))
            })
            .collect();
        let host = value.get("host")?.as_str()?.to_owned();
        Some(Self { cursor, host })
    }

    /// The cursor they mean; `place` names the spot for errors.
    pub(super) fn meaning(
        &self,
        shape: &Shape,
        attribute: HostAttribute,
        place: &str,
    ) -> Result<Cursor, SpotError> {
        let usn = |text: &str, field, must| -> Result<Usn, SpotError> {
            text.trim()
                .parse()
                .map_err(|_| flawed(place, field, text, must))
        };
        let need = |field| {
            self.cursor.get(&field).ok_or_else(|| SpotError::Missing {
                place: format!("`{field}` in {place}"),
                detail: String::new(),
                cure: "let the sync run once, so that it writes its cursor, or correct where it is"
                    .to_owned(),
            })
        };
        let (last_deleted, last_updated) = match shape {
            Shape::OneUsn => {
                let one = usn(need(Field::Updated)?, Field::Updated, A_USN)?;
                (one, one)
            }
            Shape::TwoUsns => (
                usn(need(Field::Deleted)?, Field::Deleted, A_USN)?,
                usn(need(Field::Updated)?, Field::Updated, A_USN)?,
            ),
            Shape::DeletedCommaUpdated => {
                let text = need(Field::Updated)?;
                let (deleted, updated) = text.split_once(',').unwrap_or((text, text));
                let part = |part| {
                    usn(part, Field::Updated, A_PAIR)
                        .map_err(|_| flawed(place, Field::Updated, text, A_PAIR))
                };
                (part(deleted)?, part(updated)?)
            }
            Shape::Cookie | Shape::Reset { .. } => (Usn::ZERO, Usn::ZERO),
        };
        let must = "one host without a user, as in \"dc1.example.com\", \"dc1:636\" or \"ldaps://dc1.example.com\"";
        let host = host_text::host(&self.host)
            .ok_or_else(|| flawed(place, Field::Host, &host_text::shown(&self.host), must))?
            .to_owned();
        // Of a global catalog's consumer the LDAP host is not known: it is left empty on both sides of a move.
        let (ldap_host, global_catalog) = match attribute {
            HostAttribute::LdapHost => (host, None),
            HostAttribute::GlobalCatalog => (String::new(), Some(host)),
        };
        Ok(Cursor {
            ldap_host,
            global_catalog,
            invocation_id: None,
            last_updated,
            last_deleted,
        })
    }

    /// The parts with this cursor put in, in the old ones' spelling.
    pub(super) fn with(&self, shape: &Shape, attribute: HostAttribute, new: &Cursor) -> Self {
        let mut parts = self.clone();
        let (updated, deleted) = (new.last_updated.to_string(), new.last_deleted.to_string());
        match shape {
            Shape::OneUsn => {
                parts
                    .cursor
                    .insert(Field::Updated, new.read_up_to().to_string());
            }
            Shape::TwoUsns => {
                parts.cursor.insert(Field::Updated, updated);
                parts.cursor.insert(Field::Deleted, deleted);
            }
            Shape::DeletedCommaUpdated => {
                let old = self.cursor.get(&Field::Updated);
                let is_single = old.is_some_and(|text| !text.contains(','));
                let text = if is_single {
                    new.read_up_to().to_string()
                } else {
                    format!("{deleted},{updated}")
                };
                parts.cursor.insert(Field::Updated, text);
            }
            Shape::Cookie => {}
            Shape::Reset { to: None } => parts.cursor.clear(),
            Shape::Reset { to: Some(text) } => {
                for value in parts.cursor.values_mut() {
                    text.clone_into(value);
                }
            }
        }
        if let Some(host) = new.host(attribute)
            && let Some(text) = host_text::with_host(&self.host, host)
        {
            parts.host = text;
        }
        parts
    }

    /// What has to be written of the cursor's fields so that `self` becomes `new`.
    pub(super) fn change(&self, new: &Self) -> Change {
        let mut change = Change::new();
        for field in self.cursor.keys().chain(new.cursor.keys()) {
            let wanted = new.cursor.get(field);
            if self.cursor.get(field) != wanted {
                change.insert(*field, wanted.cloned());
            }
        }
        change
    }
}
