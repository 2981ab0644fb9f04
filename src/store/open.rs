//! Opening a connection: identity, pragmas, and the schema's version.
//!
//! # Decisions
//! - A file that is not ours is recognised before anything is written to it, its journal mode included.
//! - `auto_vacuum = INCREMENTAL`, set when the file is created (later it would need a `VACUUM`). Pruning frees
//!   about as much as sampling fills, so freed pages are left for new rows; only where more than a quarter of the
//!   file is free does pruning give pages back (see `prune`). `FULL` would move pages at every commit.
//! - The file is created for its owner alone (0600); `SQLite` gives its companions the same mode. The mode of a file
//!   that exists is the administrator's business.

use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};

use super::StoreError;
use super::error::BUSY_SECONDS;

/// Marks a database as ours ("HWTR").
const APPLICATION_ID: i64 = 0x4857_5452;

/// The migrations in order: the n-th (from 1) brings a database to schema n.
const MIGRATIONS: [&str; 4] = [
    include_str!("../../schema/0001_initial.sql"),
    include_str!("../../schema/0002_feed.sql"),
    include_str!("../../schema/0003_on_error.sql"),
    include_str!("../../schema/0004_rules.sql"),
];

/// How much of the database each reader keeps in memory.
const READER_CACHE_KIB: i64 = 512;

/// The pause between two tries where `SQLite` reports a lock without waiting itself.
const RETRY: Duration = Duration::from_millis(20);

/// After how many pages in the log it is written back: a page of a feed may fill 2,000, and most of them are written
/// again with the next.
const WAL_PAGES: i64 = 8_000;

/// How connections behave; other than the default only in tests.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tuning {
    /// How long a connection waits for another process's write.
    pub(super) busy: Duration,
    /// The most pages the database may have: a full disk that tests can have at will.
    pub(super) max_pages: Option<u32>,
}

impl Default for Tuning {
    fn default() -> Self {
        Self {
            busy: Duration::from_secs(BUSY_SECONDS),
            max_pages: None,
        }
    }
}

/// The schema this program works with.
pub(super) fn known_schema() -> i64 {
    i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX)
}

fn opening(path: &Path) -> impl Fn(rusqlite::Error) -> StoreError + '_ {
    move |error| match &error {
        rusqlite::Error::SqliteFailure(cause, _) if cause.code == ErrorCode::NotADatabase => {
            StoreError::Foreign {
                path: path.to_owned(),
            }
        }
        _ => match StoreError::from(error) {
            StoreError::Other(problem) => StoreError::Open {
                path: path.to_owned(),
                problem,
            },
            other => other,
        },
    }
}

/// The writer's connection; creates the file and brings the schema up to date.
pub(super) fn writer(path: &Path, tuning: Tuning) -> Result<Connection, StoreError> {
    create_private(path).map_err(|error| StoreError::Open {
        path: path.to_owned(),
        problem: error.to_string(),
    })?;
    let mut connection = Connection::open(path).map_err(opening(path))?;
    settle(&connection, tuning).map_err(opening(path))?;
    // One snapshot: another process may be creating the schema at this very moment.
    let snapshot = connection.transaction().map_err(opening(path))?;
    let found = schema_of(&snapshot, path)?;
    drop(snapshot);
    if found == 0 {
        connection
            .pragma_update(None, "auto_vacuum", "INCREMENTAL")
            .map_err(opening(path))?;
    }
    to_wal(&connection, tuning).map_err(opening(path))?;
    if found < known_schema() {
        migrate(&mut connection, path)?;
    }
    if let Some(pages) = tuning.max_pages {
        connection.pragma_update(None, "max_page_count", pages)?;
    }
    Ok(connection)
}

/// A reader's connection to a file that exists.
pub(super) fn reader(path: &Path, tuning: Tuning) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(opening(path))?;
    settle(&connection, tuning).map_err(opening(path))?;
    // In KiB: a look follows one path through each tree, and the system has the pages anyway.
    connection.pragma_update(None, "cache_size", -READER_CACHE_KIB)?;
    Ok(connection)
}

/// Creates the file empty and for its owner alone, where it does not exist.
pub(super) fn create_private(path: &Path) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

fn settle(connection: &Connection, tuning: Tuning) -> rusqlite::Result<()> {
    connection.busy_timeout(tuning.busy)?;
    connection.set_prepared_statement_cache_capacity(64);
    // Without it a statement with a bound range is planned anew whenever other values are bound.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "wal_autocheckpoint", WAL_PAGES)?;
    connection.pragma_update(None, "journal_size_limit", 64 * 1024 * 1024)
}

/// Switches to WAL; `SQLite` does not wait for this lock when another process opens the file at the same moment.
fn to_wal(connection: &Connection, tuning: Tuning) -> rusqlite::Result<()> {
    let tries = tuning.busy.as_millis() / RETRY.as_millis();
    for _ in 0..tries {
        match connection.pragma_update(None, "journal_mode", "WAL") {
            Err(rusqlite::Error::SqliteFailure(cause, _))
                if matches!(
                    cause.code,
                    ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked
                ) =>
            {
                std::thread::sleep(RETRY);
            }
            done => return done,
        }
    }
    connection.pragma_update(None, "journal_mode", "WAL")
}

/// The schema of the file, 0 for a new one; refuses what is not ours and what is newer. Writes nothing.
fn schema_of(connection: &Connection, path: &Path) -> Result<i64, StoreError> {
    let pragma = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let application = pragma("application_id").map_err(opening(path))?;
    let found = pragma("user_version").map_err(opening(path))?;
    let tables: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    let ours = application == APPLICATION_ID && found > 0;
    let empty = application == 0 && found == 0 && tables == 0;
    if !ours && !empty {
        return Err(StoreError::Foreign {
            path: path.to_owned(),
        });
    }
    let known = known_schema();
    if found > known {
        return Err(StoreError::NewerSchema {
            path: path.to_owned(),
            found,
            known,
        });
    }
    Ok(found)
}

fn migrate(connection: &mut Connection, path: &Path) -> Result<(), StoreError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Looked up again under the write lock: another process may have been quicker.
    let found = schema_of(&transaction, path)?;
    let known = known_schema();
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
