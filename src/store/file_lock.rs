//! Lock files beside the database: they tell a process that is alive from one that died.
//!
//! The files stay when the lock is released: removing one would let two processes lock different files of one name.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;

use super::StoreError;

/// The file at `path`, created where it is missing.
fn open(path: &Path) -> Result<File, StoreError> {
    let opened = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(path);
    opened.map_err(|error| failed(path, &error))
}

fn failed(path: &Path, error: &std::io::Error) -> StoreError {
    StoreError::Other(format!(
        "cannot lock {}: {error}; check that this user may write in that folder",
        path.display()
    ))
}

/// The file, locked for this handle alone; `None` while another handle holds it.
pub(super) fn exclusive(path: &Path) -> Result<Option<File>, StoreError> {
    let file = open(path)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(failed(path, &error)),
    }
}

/// Whether some handle holds the file exclusively. Two who ask at once do not disturb each other.
pub(super) fn is_held(path: &Path) -> Result<bool, StoreError> {
    match open(path)?.try_lock_shared() {
        Ok(()) => Ok(false),
        Err(TryLockError::WouldBlock) => Ok(true),
        Err(TryLockError::Error(error)) => Err(failed(path, &error)),
    }
}
