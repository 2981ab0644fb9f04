//! Whoever owns a cursor, ours or an external product's: stop it, read its cursor, compare-and-set it, start it.
//!
//! Owns the places a cursor can be kept in and the ways a sync is stopped and started. It never decides what a
//! cursor should be, and writes one only where the expected one still stands.
//!
//! # Decisions
//! - One [`Consumer`] type with an enum inside: the places differ in how a cursor is read and written, in nothing else.
//! - Another product's own places (`outside`) are read and written as they are, one after the other where they are two.
//!   After a write that may have been cut they alone can tell which cursor stands, so [`Consumer::look`] is asked.
//! - Stopping is asked of the running service first and then of the configured command; starting the other way
//!   round, so that the switch says "may run" only when the command has succeeded.

pub(crate) mod command;
mod cursor_file;
mod cursor_text;
mod error;
mod outside;
mod replace;
mod sync;
mod unit;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

pub use command::CommandFailure;
pub use cursor_text::CursorFlaw;
pub use error::ConsumerError;
pub use outside::{SpotError, Stands};
pub use sync::Confirmed;

use self::outside::Outside;
use crate::clock;
use crate::config::{self, ConsumerKind, Turn};
use crate::model::{Cursor, CursorTag, HeldCursor, ResourceName};
use crate::store::Store;

/// How long a running service may take to answer a stop or start, unless said otherwise.
const ANSWER_WAIT: Duration = Duration::from_secs(10);

/// The owner of one resource's cursor.
#[derive(Debug, Clone)]
pub struct Consumer {
    resource: ResourceName,
    store: Store,
    place: Place,
    /// Our own feed: the store itself refuses what it writes while its switch says stop.
    is_ours: bool,
    stop: Option<Turn>,
    start: Option<Turn>,
    command_timeout: Duration,
    answer_wait: Duration,
}

#[derive(Debug, Clone)]
enum Place {
    Store,
    File(PathBuf),
    Outside(Arc<Outside>),
}

/// A cursor that was read again after a write that may have been cut.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look {
    /// What stands.
    pub held: HeldCursor,
    /// Which of the two cursors it is, where the consumer's place can tell; a plain cursor is told by its values.
    pub stands: Option<Stands>,
}

impl Consumer {
    /// The consumer of a resource as its settings describe it.
    pub fn new(resource: &ResourceName, settings: &config::Consumer, store: &Store) -> Self {
        let place = match &settings.kind {
            ConsumerKind::Store | ConsumerKind::Builtin => Place::Store,
            ConsumerKind::File(path) => Place::File(path.clone()),
            ConsumerKind::Outside(outside) => {
                let bound = settings.command_timeout;
                Place::Outside(Arc::new(Outside::new(resource, outside, bound, store)))
            }
        };
        Self {
            resource: resource.clone(),
            store: store.clone(),
            place,
            is_ours: settings.kind.is_builtin(),
            stop: settings.stop.clone(),
            start: settings.start.clone(),
            command_timeout: settings.command_timeout,
            answer_wait: ANSWER_WAIT,
        }
    }

    /// The same, with another bound on the running service's answer.
    #[must_use]
    pub fn with_answer_wait(mut self, bound: Duration) -> Self {
        self.answer_wait = bound;
        self
    }

    /// Whose cursor it is.
    pub fn resource(&self) -> &ResourceName {
        &self.resource
    }

    /// Where the cursor is, for a person.
    pub fn place(&self) -> String {
        match &self.place {
            Place::Store => "the store".to_owned(),
            Place::File(path) => path.display().to_string(),
            Place::Outside(outside) => outside.place(),
        }
    }

    /// Whether the cursor is kept in our store, and so can be written in one transaction with what goes with it.
    pub fn is_in_store(&self) -> bool {
        matches!(self.place, Place::Store)
    }

    /// Whether the cursor is kept where another product keeps it.
    pub fn is_outside(&self) -> bool {
        matches!(self.place, Place::Outside(_))
    }

    /// The cursor as it stands, with its tag.
    pub async fn read(&self) -> Result<HeldCursor, ConsumerError> {
        match &self.place {
            Place::Store => self
                .store
                .store_cursor(&self.resource)
                .await?
                .ok_or_else(|| ConsumerError::NoCursor {
                    resource: self.resource.clone(),
                }),
            Place::File(path) => {
                let (path, resource) = (path.clone(), self.resource.clone());
                blocking(move || cursor_file::read(&path, &resource)).await
            }
            Place::Outside(outside) => Box::pin(outside.read()).await,
        }
    }

    /// The cursor as it stands, and which of two it is.
    pub async fn look(&self, expected: &HeldCursor, new: &Cursor) -> Result<Look, ConsumerError> {
        let (held, stands) = match &self.place {
            Place::Store | Place::File(_) => (self.read().await?, None),
            Place::Outside(outside) => {
                let (held, stands) = Box::pin(outside.stands(expected, new)).await?;
                (held, Some(stands))
            }
        };
        Ok(Look { held, stands })
    }

    /// Takes back what a failed write of an outside cursor left half done.
    pub async fn put_back(&self, expected: &HeldCursor, new: &Cursor) -> Result<(), ConsumerError> {
        match &self.place {
            Place::Store | Place::File(_) => Ok(()),
            Place::Outside(outside) => Box::pin(outside.put_back(expected, new)).await,
        }
    }

    /// Replaces the cursor if the expected one still stands, tag included; gives the new tag.
    pub async fn compare_and_set(
        &self,
        expected: &HeldCursor,
        new: &Cursor,
    ) -> Result<CursorTag, ConsumerError> {
        self.compare_and_set_holding(expected, new, ()).await
    }

    /// The same; `held` is dropped when the write has ended, even where the caller stopped waiting before.
    pub async fn compare_and_set_holding(
        &self,
        expected: &HeldCursor,
        new: &Cursor,
        held: impl Send + 'static,
    ) -> Result<CursorTag, ConsumerError> {
        let (resource, expected, new) = (self.resource.clone(), expected.clone(), new.clone());
        match &self.place {
            Place::Store => {
                let now = clock::now();
                let put = self
                    .store
                    .put_cursor_if(&resource, &expected.tag, &new, now);
                match put.await? {
                    Some(tag) => Ok(tag),
                    None => Err(ConsumerError::Moved {
                        found: Box::new(self.read().await?),
                        resource,
                    }),
                }
            }
            Place::File(path) => {
                let path = path.clone();
                blocking(move || {
                    let written = cursor_file::compare_and_set(&path, &resource, &expected, &new);
                    drop(held);
                    written
                })
                .await
            }
            Place::Outside(outside) => {
                let outside = outside.clone();
                let writing = tokio::spawn(async move {
                    let written = outside.write(&expected, &new).await;
                    drop(held);
                    written
                });
                writing.await.map_err(|_| ConsumerError::Ended)?
            }
        }
    }

    /// Whether this very cursor stands.
    pub async fn is_written(&self, cursor: &Cursor) -> Result<bool, ConsumerError> {
        Ok(self.read().await?.cursor == *cursor)
    }
}

async fn blocking<T: Send + 'static>(
    job: impl FnOnce() -> Result<T, ConsumerError> + Send + 'static,
) -> Result<T, ConsumerError> {
    tokio::task::spawn_blocking(job)
        .await
        .map_err(|_| ConsumerError::Ended)?
}

#[cfg(test)]
mod tests;
