//! The spots in which another product keeps its host and cursor: read together, written one after the other.
//!
//! Owns the order of the writes, what the texts in the spots mean, and how a cut between two spots is recognised. Each
//! kind of spot is a file or folder beside this one and knows nothing of the others.
//!
//! # Decisions
//! - The cursor is written before the host. Between the two a sync that somebody starts reads the old DC from a USN of
//!   the new one: mostly it is dead, and where it lives the cursor shows what happened. The other way round the sync
//!   would read the new DC from the old cursor and nothing would show it.
//! - A host that was found new therefore means that the cursor was new: what it is now is progress from there.
//! - What was read is saved whole, as the product wrote it: the tag of the cursor is the text of every field. A spot's
//!   own tag only guards the moment between reading and writing it.
//! - The incarnation is not kept outside. It is left out of what is read and is found from the store's record of the
//!   host's DC.

mod file;
mod host_text;
mod http;
mod ldap;
mod meaning;
mod program;
mod remembered;
pub(crate) mod spot;
mod sql;
mod stands;

use std::time::Duration;

use self::file::FileSpot;
use self::http::HttpSpot;
pub(super) use self::http::run as run_steps;
use self::ldap::LdapSpot;
use self::meaning::Parts;
use self::program::CommandSpot;
use self::remembered::Remembered;
pub use self::spot::SpotError;
use self::spot::{Change, Field, Fields, Found};
use self::sql::SqlSpot;
pub use self::stands::Stands;
use super::ConsumerError;
use crate::config::{self, Confirm, HostPlace, Shape, SpotSettings};
use crate::model::{Cursor, CursorTag, HeldCursor, HostAttribute, ResourceName};
use crate::store::Store;

/// One place of another product.
#[derive(Debug, Clone)]
pub(crate) enum Spot {
    /// A file.
    File(FileSpot),
    /// Rows of a database.
    Sql(SqlSpot),
    /// A document behind an HTTP interface.
    Http(HttpSpot),
    /// An entry of a directory.
    Ldap(LdapSpot),
    /// A program of the operator's.
    Command(CommandSpot),
    /// Our own store, for a host that is kept nowhere else.
    Remembered(Remembered),
}

impl Spot {
    fn new(settings: &SpotSettings, resource: &ResourceName, bound: Duration) -> Self {
        match settings {
            SpotSettings::File(file) => Self::File(FileSpot::new(file)),
            SpotSettings::Sql(sql) => Self::Sql(SqlSpot::new(sql, bound)),
            SpotSettings::Http(http) => Self::Http(HttpSpot::new((**http).clone())),
            SpotSettings::Ldap(ldap) => Self::Ldap(LdapSpot::new((**ldap).clone())),
            SpotSettings::Command(command) => {
                Self::Command(CommandSpot::new(resource, command, bound))
            }
        }
    }

    /// What it is, for a person.
    pub(crate) fn place(&self) -> String {
        match self {
            Self::File(spot) => spot.place(),
            Self::Sql(spot) => spot.place(),
            Self::Http(spot) => spot.place(),
            Self::Ldap(spot) => spot.place(),
            Self::Command(spot) => spot.place(),
            Self::Remembered(_) => remembered::PLACE.to_owned(),
        }
    }

    /// What it holds.
    pub(crate) async fn read(&self) -> Result<Found, SpotError> {
        match self {
            Self::File(spot) => spot.read().await,
            Self::Sql(spot) => spot.read().await,
            Self::Http(spot) => spot.read().await,
            Self::Ldap(spot) => spot.read().await,
            Self::Command(spot) => spot.read().await,
            Self::Remembered(spot) => spot.read().await,
        }
    }

    /// Writes `new`, only the fields it names, where `expected` still stands; [`SpotError::Moved`] otherwise.
    pub(crate) async fn replace(&self, expected: &Found, new: &Change) -> Result<(), SpotError> {
        match self {
            Self::File(spot) => spot.replace(expected, new).await,
            Self::Sql(spot) => spot.replace(expected, new).await,
            Self::Http(spot) => spot.replace(expected, new).await,
            Self::Ldap(spot) => spot.replace(expected, new).await,
            Self::Command(spot) => spot.replace(expected, new).await,
            Self::Remembered(spot) => spot.replace(expected, new).await,
        }
    }
}

/// Host and cursor of another product.
#[derive(Debug, Clone)]
pub(super) struct Outside {
    resource: ResourceName,
    shape: Shape,
    attribute: HostAttribute,
    cursor: Option<Spot>,
    /// `None` where the host is in the cursor's spot.
    host: Option<Spot>,
    pub(super) confirm: Option<Confirm>,
}

/// Both spots as they were read.
struct Reading {
    parts: Parts,
    cursor: Option<Found>,
    host: Option<Found>,
}

impl Outside {
    pub(super) fn new(
        resource: &ResourceName,
        settings: &config::Outside,
        bound: Duration,
        store: &Store,
    ) -> Self {
        let spot = |settings| Spot::new(settings, resource, bound);
        Self {
            resource: resource.clone(),
            shape: settings.shape.clone(),
            attribute: settings.attribute,
            cursor: settings.cursor.as_ref().map(spot),
            host: match &settings.host {
                HostPlace::WithCursor => None,
                HostPlace::Spot(settings) => Some(spot(settings)),
                HostPlace::Remembered { first } => {
                    Some(Spot::Remembered(Remembered::new(resource, first, store)))
                }
            },
            confirm: settings.confirm.clone(),
        }
    }

    fn error(&self, source: SpotError) -> ConsumerError {
        ConsumerError::Spot {
            resource: self.resource.clone(),
            source: Box::new(source),
        }
    }

    /// Where the cursor is, for a person.
    pub(super) fn place(&self) -> String {
        let spots: Vec<String> = self
            .cursor
            .iter()
            .chain(&self.host)
            .map(Spot::place)
            .collect();
        spots.join(" and ")
    }

    async fn look(&self) -> Result<Reading, ConsumerError> {
        let read = async {
            let cursor = match &self.cursor {
                Some(spot) => Some(spot.read().await?),
                None => None,
            };
            let host = match &self.host {
                Some(spot) => Some(spot.read().await?),
                None => None,
            };
            let (holder, spot) = match &host {
                Some(found) => (Some(found), &self.host),
                None => (cursor.as_ref(), &self.cursor),
            };
            let text = holder.and_then(|found| found.fields.get(&Field::Host));
            let text = text.ok_or_else(|| SpotError::Missing {
                place: format!(
                    "`host` in {}",
                    spot.as_ref().map_or_else(String::new, Spot::place)
                ),
                detail: String::new(),
                cure: "let the product write its host there, or correct where it is".to_owned(),
            })?;
            let mut fields = cursor
                .as_ref()
                .map_or_else(Fields::new, |found| found.fields.clone());
            fields.remove(&Field::Host);
            let parts = Parts {
                cursor: fields,
                host: text.clone(),
            };
            Ok(Reading {
                parts,
                cursor,
                host,
            })
        };
        read.await.map_err(|error| self.error(error))
    }

    fn held(&self, parts: &Parts) -> Result<HeldCursor, ConsumerError> {
        let cursor = parts
            .meaning(&self.shape, self.attribute, &self.place())
            .map_err(|error| self.error(error))?;
        Ok(HeldCursor {
            cursor,
            tag: parts.tag(),
        })
    }

    /// The cursor as it stands; its tag holds every text.
    pub(super) async fn read(&self) -> Result<HeldCursor, ConsumerError> {
        self.held(&self.look().await?.parts)
    }

    /// The texts of the old cursor and of the new one.
    fn both(&self, expected: &HeldCursor, new: &Cursor) -> Result<(Parts, Parts), ConsumerError> {
        let old = Parts::of_tag(&expected.tag).ok_or_else(|| ConsumerError::OtherKind {
            resource: self.resource.clone(),
        })?;
        let wanted = old.with(&self.shape, self.attribute, new);
        Ok((old, wanted))
    }

    /// What stands, and which of the two cursors that is.
    pub(super) async fn stands(
        &self,
        expected: &HeldCursor,
        new: &Cursor,
    ) -> Result<(HeldCursor, Stands), ConsumerError> {
        let (old, wanted) = self.both(expected, new)?;
        let found = self.look().await?.parts;
        Ok((self.held(&found)?, self.judge(&old, &wanted, &found)))
    }

    fn judge(&self, old: &Parts, new: &Parts, found: &Parts) -> Stands {
        stands::stands(&self.shape, self.host.is_some(), old, new, found)
    }

    /// Writes the new cursor, then the new host, where the old ones or already the new ones stand.
    pub(super) async fn write(
        &self,
        expected: &HeldCursor,
        new: &Cursor,
    ) -> Result<CursorTag, ConsumerError> {
        let (old, wanted) = self.both(expected, new)?;
        self.bring(&old, &wanted).await?;
        Ok(wanted.tag())
    }

    /// Takes back what a write left half done; where nothing stands half done it changes nothing.
    pub(super) async fn put_back(
        &self,
        expected: &HeldCursor,
        new: &Cursor,
    ) -> Result<(), ConsumerError> {
        let (old, wanted) = self.both(expected, new)?;
        let found = self.look().await?.parts;
        match self.judge(&old, &wanted, &found) {
            Stands::Half => self.bring(&wanted, &old).await.map(drop),
            Stands::Old | Stands::New | Stands::Neither => Ok(()),
        }
    }

    /// Makes the spots hold `to` where each holds its part of `from` or of `to`.
    async fn bring(&self, from: &Parts, to: &Parts) -> Result<(), ConsumerError> {
        let reading = self.look().await?;
        let found = &reading.parts;
        let keeps = matches!(self.shape, Shape::Cookie);
        let cursor_fits = keeps || found.cursor == from.cursor || found.cursor == to.cursor;
        let host_fits = found.host == from.host || found.host == to.host;
        if !cursor_fits || !host_fits {
            return Err(ConsumerError::Moved {
                resource: self.resource.clone(),
                found: Box::new(self.held(found)?),
            });
        }
        let mut cursor = if keeps {
            Change::new()
        } else {
            found.change(to)
        };
        let mut host = Change::new();
        if found.host != to.host {
            host.insert(Field::Host, Some(to.host.clone()));
        }
        if self.host.is_none() {
            cursor.append(&mut host);
        }
        let writes = [
            (&self.cursor, &reading.cursor, &cursor),
            (&self.host, &reading.host, &host),
        ];
        let mut has_written = false;
        for (spot, found, change) in writes {
            if let (Some(spot), Some(found)) = (spot, found)
                && !change.is_empty()
            {
                let written = if has_written {
                    again(spot, found, change).await
                } else {
                    spot.replace(found, change).await
                };
                written.map_err(|error| self.error(error))?;
                has_written = true;
            }
        }
        Ok(())
    }

    /// Whether the sync has moved its cursor on from the new one since: `None` while it has not, an error text where
    /// it went elsewhere.
    pub(super) async fn progress(
        &self,
        expected: &HeldCursor,
        new: &Cursor,
    ) -> Result<Option<Result<String, String>>, ConsumerError> {
        let (_, wanted) = self.both(expected, new)?;
        let found = self.look().await?.parts;
        if found.host != wanted.host {
            let text = format!(
                "its host is {:?}, not {:?}",
                host_text::shown(&found.host),
                host_text::shown(&wanted.host)
            );
            return Ok(Some(Err(text)));
        }
        if found.cursor == wanted.cursor {
            return Ok(None);
        }
        let shown = |parts: &Parts| {
            let texts: Vec<String> = parts
                .cursor
                .iter()
                .map(|(field, text)| format!("{field} {text:.60}"))
                .collect();
            texts.join(", ")
        };
        Ok(Some(if stands::after(&self.shape, &found, &wanted) {
            Ok(match self.shape {
                Shape::Cookie => "it has written a new cookie".to_owned(),
                _ => format!("it has moved its cursor on to {}", shown(&found)),
            })
        } else {
            Err(format!(
                "its cursor is {}, which is behind {}",
                shown(&found),
                shown(&wanted)
            ))
        }))
    }
}

/// Writes the second of two spots. Both may be in one file or document, whose tag our own first write has changed: it is
/// read anew, and its own fields must still be what they were.
async fn again(spot: &Spot, found: &Found, change: &Change) -> Result<(), SpotError> {
    let fresh = spot.read().await?;
    let still = fresh.fields == found.fields;
    spot.replace(if still { &fresh } else { found }, change)
        .await
}

#[cfg(test)]
mod tests;
