//! Opening a connection: pragmas, and the schema's version.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use super::StoreError;
use super::error::BUSY_SECONDS;

/// Marks a database as ours ("HWTR").
const APPLICATION_ID: i64 = 0x4857_5452;

/// The migrations in order: the n-th (from 1) brings a database to schema n.
const MIGRATIONS: [&str; 1] = [include_str!("../../schema/0001_initial.sql")];

/// The schema this program works with.
pub(super) fn known_schema() -> i64 {
    i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX)
}

fn opening(path: &Path) -> impl Fn(rusqlite::Error) -> StoreError + '_ {
    move |error| match StoreError::from(error) {
        StoreError::Other(problem) => StoreError::Open {
            path: path.to_owned(),
            problem,
        },
        other => other,
    }
}

/// The writer's connection; creates the file and brings the schema up to date.
pub(super) fn writer(path: &Path) -> Result<Connection, StoreError> {
    let mut connection = Connection::open(path).map_err(opening(path))?;
    settle(&connection).map_err(opening(path))?;
    connection
        .pragma_update(None, "journal_mode", "WAL")
        .map_err(opening(path))?;
    migrate(&mut connection, path)?;
    Ok(connection)
}

/// A reader's connection to a file that exists.
pub(super) fn reader(path: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(opening(path))?;
    settle(&connection).map_err(opening(path))?;
    Ok(connection)
}

fn settle(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(Duration::from_secs(BUSY_SECONDS))?;
    connection.set_prepared_statement_cache_capacity(64);
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "journal_size_limit", 64 * 1024 * 1024)
}

fn migrate(connection: &mut Connection, path: &Path) -> Result<(), StoreError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let pragma =
        |name: &str| transaction.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let (application, found) = (pragma("application_id")?, pragma("user_version")?);
    let tables: i64 =
        transaction.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    let known = known_schema();
    if application != APPLICATION_ID && (application != 0 || tables > 0) {
        return Err(StoreError::Foreign {
            path: path.to_owned(),
        });
    }
    if found > known {
        return Err(StoreError::NewerSchema {
            path: path.to_owned(),
            found,
            known,
        });
    }
    for migration in MIGRATIONS.iter().skip(usize::try_from(found).unwrap_or(0)) {
        transaction.execute_batch(migration)?;
    }
    if found < known {
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.pragma_update(None, "user_version", known)?;
    }
    transaction.commit()?;
    Ok(())
}
