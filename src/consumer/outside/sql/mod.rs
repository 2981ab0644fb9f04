//! A spot in a database of another product: SQLite or PostgreSQL.
//!
//! # Decisions
//! - Reading, comparing and writing are one transaction that changes just as many rows as were meant, or nothing.
//! - What the spot's values are is compared, not a version of the row: a product may write beside its cursor at any time.

mod postgres;
mod sqlite;
mod statement;
mod tls;

use std::time::Duration;

use super::spot::{Change, Fields, Found, SpotError};
use crate::config::{Database, SqlSettings};

/// Rows of a database.
#[derive(Debug, Clone)]
pub(crate) struct SqlSpot {
    settings: SqlSettings,
    bound: Duration,
}

impl SqlSpot {
    pub(super) fn new(settings: &SqlSettings, bound: Duration) -> Self {
        Self {
            settings: settings.clone(),
            bound,
        }
    }

    pub(super) fn place(&self) -> String {
        match &self.settings.database {
            Database::Sqlite(path) => path.display().to_string(),
            Database::Postgres(server) => format!(
                "database {} on {}:{}",
                server.database, server.host, server.port
            ),
        }
    }

    pub(super) async fn read(&self) -> Result<Found, SpotError> {
        let fields = match &self.settings.database {
            Database::Sqlite(path) => {
                let (path, rows, place) = (path.clone(), self.settings.rows.clone(), self.place());
                let bound = self.bound;
                blocking(move || sqlite::read(&path, &rows, bound, &place)).await?
            }
            Database::Postgres(server) => {
                let place = self.place();
                let read = postgres::read(server, &self.settings.rows, &place);
                self.bounded(read).await?
            }
        };
        Ok(Found {
            fields,
            tag: String::new(),
        })
    }

    pub(super) async fn replace(&self, expected: &Found, new: &Change) -> Result<(), SpotError> {
        let (rows, place) = (self.settings.rows.clone(), self.place());
        match &self.settings.database {
            Database::Sqlite(path) => {
                let (path, old, new) = (path.clone(), expected.fields.clone(), new.clone());
                let bound = self.bound;
                blocking(move || sqlite::replace(&path, &rows, &old, &new, bound, &place)).await
            }
            Database::Postgres(server) => {
                self.bounded(postgres::replace(
                    server,
                    &rows,
                    &expected.fields,
                    new,
                    &place,
                ))
                .await
            }
        }
    }

    async fn bounded<T>(
        &self,
        work: impl Future<Output = Result<T, SpotError>>,
    ) -> Result<T, SpotError> {
        tokio::time::timeout(self.bound, work)
            .await
            .unwrap_or_else(|_| {
                Err(SpotError::Unreadable {
                    place: self.place(),
                    problem: format!("no answer within {} s", self.bound.as_secs_f64()),
                    cure: "look for what holds it up, or raise command_timeout".to_owned(),
                })
            })
    }
}

/// The cure where a column that is reset takes no NULL.
const NO_NULL: &str = "name in `reset_to` what the product takes for no position: the column takes no NULL, \
                       and a row that is deleted would not come back whole";

/// Takes a field over where the spot holds one.
fn put(fields: &mut Fields, field: super::spot::Field, text: Option<String>) {
    if let Some(text) = text {
        fields.insert(field, text);
    }
}

fn no_row(place: &str) -> SpotError {
    SpotError::Missing {
        place: format!("the row in {place}"),
        detail: String::new(),
        cure: "let the product write it once, or correct what names the row".to_owned(),
    }
}

/// A reset whose opposite the statements do not write.
fn not_put_back(place: &str) -> SpotError {
    SpotError::Unwritable {
        place: place.to_owned(),
        problem: "the statement that resets it would not put it back; nothing was written"
            .to_owned(),
        cure: "let `update` compare by IS (in PostgreSQL: IS NOT DISTINCT FROM), which is true of NULL too"
            .to_owned(),
    }
}

fn several_rows(place: &str) -> SpotError {
    SpotError::Flawed {
        place: place.to_owned(),
        what: "what names the row".to_owned(),
        value: "true of several rows".to_owned(),
        must: "true of one alone".to_owned(),
    }
}

async fn blocking<T: Send + 'static>(
    job: impl FnOnce() -> Result<T, SpotError> + Send + 'static,
) -> Result<T, SpotError> {
    tokio::task::spawn_blocking(job)
        .await
        .map_err(|_| SpotError::Ended)?
}

#[cfg(test)]
mod tests;
