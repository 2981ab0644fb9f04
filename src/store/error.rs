//! What can go wrong with the store, in words an operator can act on.

use std::path::PathBuf;

use rusqlite::ErrorCode;

/// A failed use of the store; nothing of the transaction it names was kept.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file could not be opened.
    #[error(
        "cannot open the store {path}: {problem}; check that the folder exists and that this user may write in it"
    )]
    Open {
        /// The database file.
        path: PathBuf,
        /// What the system said.
        problem: String,
    },
    /// Made by a newer version.
    #[error(
        "the store {path} has schema {found}, this program knows up to {known}: install the newer program, or \
         restore a backup made by this one"
    )]
    NewerSchema {
        /// The database file.
        path: PathBuf,
        /// Its schema version.
        found: i64,
        /// The newest schema version this program knows.
        known: i64,
    },
    /// No database of ours.
    #[error(
        "{path} is no store of Highwater's: set [store] path to a file of its own; if it was one, restore the \
         newest `highwater backup`"
    )]
    Foreign {
        /// The database file.
        path: PathBuf,
    },
    /// The disk is full.
    #[error(
        "the disk that holds the store is full: free room there; nothing already stored was lost, this write was not kept"
    )]
    DiskFull,
    /// Another process held the write lock for too long.
    #[error(
        "the store was locked by another process for {0} s: look for a stuck highwater process or a copy job, then try again"
    )]
    Locked(u64),
    /// The file is damaged.
    #[error(
        "the store is damaged ({0}): stop Highwater, keep the file, and restore the newest `highwater backup`"
    )]
    Damaged(String),
    /// A stored value that this program cannot read.
    #[error("the store holds a value this program cannot read: {0}")]
    Unreadable(String),
    /// A backup that could not be made; what lay at the target is untouched.
    #[error("cannot back the store up to {path}: {problem}")]
    Backup {
        /// The target.
        path: PathBuf,
        /// What was wrong, and the cure.
        problem: String,
    },
    /// Recovery data that cannot be taken in; nothing of it was.
    #[error("the recovery data cannot be imported: `{field}` {problem}")]
    Recovery {
        /// The field, as `dcs[0].incarnations[1].samples[7]`.
        field: String,
        /// What was wrong, and the cure.
        problem: String,
    },
    /// The store's threads have ended.
    #[error("the store was closed")]
    Closed,
    /// Anything else the database said.
    #[error("the store failed: {0}")]
    Other(String),
}

/// How long a connection waits for another process's write.
pub(super) const BUSY_SECONDS: u64 = 10;

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        if let rusqlite::Error::SqliteFailure(cause, _) = &error {
            if cause.extended_code == rusqlite::ffi::SQLITE_IOERR_SHMSIZE {
                // The index of the WAL could not grow: the same full disk by another name.
                return Self::DiskFull;
            }
            match cause.code {
                ErrorCode::DiskFull => return Self::DiskFull,
                ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => {
                    return Self::Locked(BUSY_SECONDS);
                }
                ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => {
                    return Self::Damaged(error.to_string());
                }
                _ => {}
            }
        }
        match error {
            rusqlite::Error::FromSqlConversionFailure(..)
            | rusqlite::Error::InvalidColumnType(..) => Self::Unreadable(error.to_string()),
            other => Self::Other(other.to_string()),
        }
    }
}

impl StoreError {
    /// The same once more, for each of several callers whom one failure hit.
    pub(super) fn again(&self) -> Self {
        match self {
            Self::DiskFull => Self::DiskFull,
            Self::Locked(seconds) => Self::Locked(*seconds),
            Self::Damaged(problem) => Self::Damaged(problem.clone()),
            Self::Unreadable(problem) => Self::Unreadable(problem.clone()),
            Self::Closed => Self::Closed,
            Self::Other(problem) => Self::Other(problem.clone()),
            other => Self::Other(other.to_string()),
        }
    }

    /// Whether the same may go well later without anyone changing this program or its file: full disk, lock.
    pub fn may_pass(&self) -> bool {
        matches!(self, Self::DiskFull | Self::Locked(_))
    }
}
