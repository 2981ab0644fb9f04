//! A host that the product keeps nowhere, since its start command is given it: our store remembers the one given last.

use super::spot::{Change, Field, Fields, Found, SpotError};
use crate::clock;
use crate::model::{Cursor, CursorTag, ResourceName, Usn};
use crate::store::{Store, StoreError};

/// The host of one resource, in our store.
#[derive(Debug, Clone)]
pub(crate) struct Remembered {
    resource: ResourceName,
    first: String,
    store: Store,
}

/// What it is, for a person.
pub(super) const PLACE: &str = "Highwater's store";

/// The tag while nothing has been remembered.
const NOTHING: &str = "first";

impl Remembered {
    pub(super) fn new(resource: &ResourceName, first: &str, store: &Store) -> Self {
        Self {
            resource: resource.clone(),
            first: first.to_owned(),
            store: store.clone(),
        }
    }

    pub(super) async fn read(&self) -> Result<Found, SpotError> {
        let kept = self.store.store_cursor(&self.resource).await;
        let (host, tag) = match kept.map_err(|error| unreadable(&error))? {
            Some(held) => (held.cursor.ldap_host, held.tag.0),
            None => (self.first.clone(), NOTHING.to_owned()),
        };
        Ok(Found {
            fields: Fields::from([(Field::Host, host)]),
            tag,
        })
    }

    pub(super) async fn replace(&self, expected: &Found, new: &Change) -> Result<(), SpotError> {
        let Some(Some(host)) = new.get(&Field::Host) else {
            return Ok(());
        };
        // Only the host of it means anything: the USNs are where the product keeps them.
        let cursor = Cursor {
            ldap_host: host.clone(),
            global_catalog: None,
            invocation_id: None,
            last_updated: Usn::ZERO,
            last_deleted: Usn::ZERO,
        };
        let (resource, now) = (&self.resource, clock::now());
        let written = if expected.tag == NOTHING {
            self.store.create_cursor(resource, &cursor, now).await
        } else {
            let tag = CursorTag(expected.tag.clone());
            self.store.put_cursor_if(resource, &tag, &cursor, now).await
        };
        match written.map_err(|error| unreadable(&error))? {
            Some(_) => Ok(()),
            None => Err(SpotError::Moved {
                place: PLACE.to_owned(),
            }),
        }
    }
}

fn unreadable(error: &StoreError) -> SpotError {
    SpotError::Unreadable {
        place: PLACE.to_owned(),
        problem: error.to_string(),
        cure: "run the command again".to_owned(),
    }
}
