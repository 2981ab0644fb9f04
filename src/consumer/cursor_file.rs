//! A cursor kept in a JSON file of another program (`schema/cursor.schema.json`).
//!
//! # Decisions
//! - A symbolic link is followed and the file it names is replaced, never the link.
//! - The lock is `<file>.lock` beside the real file, locked with the system's file lock (`flock` on Linux); an owner
//!   that takes the same lock for its own writes cannot be overwritten. One that does not must stand still: it is
//!   stopped before.
//! - Replaced by rename, with mode and owner kept: a reader sees the old or the new file, never a part. Further names
//!   of the file (hard links) keep the old content.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use sha2::{Digest as _, Sha256};

use super::ConsumerError;
use super::cursor_text::{self, CursorFlaw};
use super::replace::put;
use crate::clock::Stopwatch;
use crate::model::{Cursor, CursorTag, HeldCursor, ResourceName, utf8};

/// How long the file's lock is waited for.
const LOCK_WAIT: Duration = Duration::from_secs(10);
/// No cursor is larger; what is, is another file.
const LARGEST: u64 = 1 << 20;

struct Found {
    /// Its byte order mark, or nothing.
    mark: String,
    text: String,
    held: HeldCursor,
}

/// Reads the cursor; blocks.
pub(super) fn read(path: &Path, resource: &ResourceName) -> Result<HeldCursor, ConsumerError> {
    load(&real(path, resource)?, resource).map(|found| found.held)
}

/// Replaces the cursor if the expected one still stands; blocks, up to [`LOCK_WAIT`] for the lock.
pub(super) fn compare_and_set(
    path: &Path,
    resource: &ResourceName,
    expected: &HeldCursor,
    new: &Cursor,
) -> Result<CursorTag, ConsumerError> {
    let path = real(path, resource)?;
    let _lock = lock(&path, resource)?;
    let found = load(&path, resource)?;
    if found.held != *expected {
        return Err(ConsumerError::Moved {
            resource: resource.clone(),
            found: Box::new(found.held),
        });
    }
    let flawed = |flaw| ConsumerError::Flawed {
        resource: resource.clone(),
        path: path.clone(),
        flaw,
    };
    let text = cursor_text::replace(&found.text, new).map_err(flawed)?;
    let written = cursor_text::decode(&text, resource).map_err(flawed)?;
    let unwritable = |problem: String| ConsumerError::Unwritable {
        resource: resource.clone(),
        path: path.clone(),
        problem,
    };
    if written != *new {
        return Err(unwritable(format!(
            "the new cursor {new:?} would read back as {written:?}"
        )));
    }
    let bytes = [found.mark, text].concat().into_bytes();
    put(&path, &bytes).map_err(|error| unwritable(error.to_string()))?;
    Ok(tag(&bytes))
}

fn real(path: &Path, resource: &ResourceName) -> Result<PathBuf, ConsumerError> {
    fs::canonicalize(path).map_err(|error| unreadable(path, resource, &error))
}

fn unreadable(path: &Path, resource: &ResourceName, error: &std::io::Error) -> ConsumerError {
    let (resource, path) = (resource.clone(), path.to_owned());
    if error.kind() == ErrorKind::NotFound {
        ConsumerError::Missing { resource, path }
    } else {
        ConsumerError::Unreadable {
            resource,
            path,
            problem: error.to_string(),
        }
    }
}

fn load(path: &Path, resource: &ResourceName) -> Result<Found, ConsumerError> {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(LARGEST).read_to_end(&mut bytes));
    read.map_err(|error| unreadable(path, resource, &error))?;
    let flawed = |flaw| ConsumerError::Flawed {
        resource: resource.clone(),
        path: path.to_owned(),
        flaw,
    };
    let (mark, text) = utf8(&bytes).map_err(|problem| flawed(CursorFlaw::NotText(problem)))?;
    let cursor = cursor_text::decode(text, resource).map_err(flawed)?;
    let tag = tag(&bytes);
    Ok(Found {
        mark: mark.to_owned(),
        text: text.to_owned(),
        held: HeldCursor { cursor, tag },
    })
}

fn tag(bytes: &[u8]) -> CursorTag {
    use std::fmt::Write as _;
    let mut hex = String::with_capacity(64);
    for byte in Sha256::digest(bytes) {
        // Writing to a String cannot fail.
        let _ = write!(hex, "{byte:02x}");
    }
    CursorTag(hex)
}

fn lock(path: &Path, resource: &ResourceName) -> Result<File, ConsumerError> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let lock_path = PathBuf::from(name);
    let unwritable = |error: std::io::Error| ConsumerError::Unwritable {
        resource: resource.clone(),
        path: lock_path.clone(),
        problem: error.to_string(),
    };
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(&lock_path)
        .map_err(unwritable)?;
    let waited = Stopwatch::start();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::Error(error)) => return Err(unwritable(error)),
            Err(TryLockError::WouldBlock) if waited.elapsed() < LOCK_WAIT => {
                std::thread::sleep(Duration::from_millis(20));
            }
            Err(TryLockError::WouldBlock) => {
                return Err(ConsumerError::Locked {
                    resource: resource.clone(),
                    path: lock_path,
                    seconds: LOCK_WAIT.as_secs(),
                });
            }
        }
    }
}
