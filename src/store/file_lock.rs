//! Lock files beside the database: they tell a process that is alive from one that died.
//!
//! The files stay when the lock is released: removing one would let two processes lock different files of one name.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;
use std::time::Duration;

use super::StoreError;
use crate::clock::Stopwatch;

const LOOK_AGAIN: Duration = Duration::from_millis(10);

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

/// The file, locked for this handle alone; `None` where another handle holds it for all of `wait`.
///
/// A lock just released can still be seen for a moment: a child that this process is about to start holds a copy of
/// every handle until it has become another program.
pub(super) fn exclusive(path: &Path, wait: Duration) -> Result<Option<File>, StoreError> {
    let file = open(path)?;
    let waited = Stopwatch::start();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(Some(file)),
            Err(TryLockError::WouldBlock) if waited.elapsed() >= wait => return Ok(None),
            Err(TryLockError::WouldBlock) => std::thread::sleep(LOOK_AGAIN),
            Err(TryLockError::Error(error)) => return Err(failed(path, &error)),
        }
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
