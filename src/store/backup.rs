//! A backup of the running store: one consistent file, complete or not there at all.
//!
//! # Decisions
//! - The copy is made in one step from one snapshot: nothing that writes meanwhile is held up, and nothing makes the
//!   copy begin again.
//! - The backup says of its feeds that they were restored, so that a store that is put back does not go on as if its sinks
//!   had been told nothing since.
//! - The backup is no WAL database: one file that can be moved about alone. Opening it as a store makes it one again.

use std::fs::File;
use std::path::{Path, PathBuf};

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};

use super::{Store, StoreError, open};
use crate::clock;
use crate::model::FullPassReason;

impl Store {
    /// Copies the store to the file `to`: through a file beside it that is checked, synced and then renamed, for
    /// its owner alone (0600). An existing file is replaced only where `overwrite` is set, and never the store.
    pub async fn backup(&self, to: &Path, overwrite: bool) -> Result<(), StoreError> {
        let (from, to) = (self.path().clone(), to.to_owned());
        tokio::task::spawn_blocking(move || back_up(&from, &to, overwrite))
            .await
            .map_err(|_| StoreError::Closed)?
    }
}

fn back_up(from: &Path, to: &Path, overwrite: bool) -> Result<(), StoreError> {
    let failed = |problem: String| StoreError::Backup {
        path: to.to_owned(),
        problem,
    };
    let system =
        |error: std::io::Error| failed(format!("{error}; check the folder and its rights"));
    may_take(from, to, overwrite).map_err(failed)?;
    let temporary = Temporary::beside(to).map_err(system)?;
    copy(from, &temporary.0)?;
    // Opened for writing: some systems sync only what may be written.
    let file = File::options().write(true).open(&temporary.0);
    file.and_then(|file| file.sync_all()).map_err(system)?;
    // Looked at again: the copy may have taken minutes.
    may_take(from, to, overwrite).map_err(failed)?;
    std::fs::rename(&temporary.0, to).map_err(system)?;
    sync_folder(to).map_err(system)
}

/// Whether the target may be written, or why not.
fn may_take(from: &Path, to: &Path, overwrite: bool) -> Result<(), String> {
    let real = |path: &Path| std::fs::canonicalize(path).ok();
    if real(to).is_some_and(|target| Some(target) == real(from)) {
        return Err("that is the store itself; name another file".to_owned());
    }
    if !overwrite && std::fs::symlink_metadata(to).is_ok() {
        return Err("the file exists; name another one".to_owned());
    }
    let mut log = to.as_os_str().to_owned();
    log.push("-wal");
    if std::fs::symlink_metadata(&log).is_ok() {
        // SQLite would play that log into the new file.
        return Err(
            "a database is in use there (a -wal file lies beside it); name another file".to_owned(),
        );
    }
    Ok(())
}

fn copy(from: &Path, to: &Path) -> Result<(), StoreError> {
    let source = open::reader(from, open::Tuning::default())?;
    let mut target = Connection::open_with_flags(to, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    let backup = Backup::new(&source, &mut target)?;
    if backup.step(-1)? != StepResult::Done {
        return Err(StoreError::Locked(super::error::BUSY_SECONDS));
    }
    drop(backup);
    // Put back one day, it knows nothing of what its feeds delivered since.
    let restored = FullPassReason::Restored.code();
    target.execute(
        "UPDATE feed SET needs_full_pass = ?1, load = NULL",
        [restored],
    )?;
    target.execute(
        "INSERT INTO restored_backup (made_at) VALUES (?1)",
        [clock::now().as_millis()],
    )?;
    target.pragma_update(None, "journal_mode", "DELETE")?;
    let verdict: String = target.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if verdict != "ok" {
        return Err(StoreError::Damaged(verdict));
    }
    target.close().map_err(|(_, error)| StoreError::from(error))
}

fn sync_folder(file: &Path) -> std::io::Result<()> {
    if cfg!(unix) {
        let folder = file
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()?;
    }
    Ok(())
}

/// A file that is gone when this is, with the companions `SQLite` may have made.
struct Temporary(PathBuf);

impl Temporary {
    fn beside(to: &Path) -> std::io::Result<Self> {
        let mut name = to.as_os_str().to_owned();
        name.push(format!(".{}.tmp", uuid::Uuid::new_v4().simple()));
        let path = PathBuf::from(name);
        open::create_private(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        for companion in ["", "-wal", "-shm", "-journal"] {
            let mut name = self.0.as_os_str().to_owned();
            name.push(companion);
            // After the rename there is nothing left to remove.
            drop(std::fs::remove_file(PathBuf::from(name)));
        }
    }
}
