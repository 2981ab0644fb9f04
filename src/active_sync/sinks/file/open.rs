//! The open file of a sink: what may be opened, and what a crash left at its end.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::super::Down;
use crate::clock::Stopwatch;

/// How long another holder of the file is waited for: a child about to start holds a copy of every handle for a moment.
const LOCK_WAIT: Duration = Duration::from_secs(1);
const LOOK_AGAIN: Duration = Duration::from_millis(10);
/// How much is read at once in search of the last line's begin.
const STEP: u64 = 64 * 1024;

#[derive(Debug)]
pub(super) struct Open {
    pub(super) file: File,
    path: PathBuf,
}

impl Open {
    /// The file at `path`, created where it is missing, locked, and ending with a whole line.
    pub(super) fn at(path: &Path) -> Result<Self, Down> {
        let unusable = |error: &io::Error| failed(path, "opened", error);
        let file = match fs::symlink_metadata(path) {
            Ok(meta) if !meta.is_file() => {
                return Err(Down::for_now(format!(
                    "{} is no regular file (a symbolic link, a folder or a device); name another path",
                    path.display()
                )));
            }
            Ok(_) => options().open(path).map_err(|error| unusable(&error))?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let file = options()
                    .create_new(true)
                    .open(path)
                    .map_err(|error| unusable(&error))?;
                sync_folder(path)?;
                file
            }
            Err(error) => return Err(unusable(&error)),
        };
        let mut open = Self {
            file,
            path: path.to_owned(),
        };
        if !open.is_still_at(path) {
            return Err(Down::for_now(format!(
                "{} was replaced while it was opened",
                path.display()
            )));
        }
        open.refuse_public()?;
        open.lock()?;
        open.repair()?;
        Ok(open)
    }

    /// Whether the path still names this very file.
    pub(super) fn is_still_at(&self, path: &Path) -> bool {
        match (fs::symlink_metadata(path), self.file.metadata()) {
            (Ok(there), Ok(here)) => there.is_file() && is_same(&there, &here),
            _ => false,
        }
    }

    /// Its length in bytes.
    pub(super) fn length(&self) -> Result<u64, Down> {
        let meta = self.file.metadata();
        meta.map(|meta| meta.len())
            .map_err(|error| self.failed("looked at", &error))
    }

    /// Cuts it off at so many bytes.
    pub(super) fn cut(&self, length: u64) -> Result<(), Down> {
        self.file
            .set_len(length)
            .map_err(|error| self.failed("cut back to its last whole line", &error))
    }

    pub(super) fn failed(&self, what: &str, error: &io::Error) -> Down {
        failed(&self.path, what, error)
    }

    fn lock(&self) -> Result<(), Down> {
        let waited = Stopwatch::start();
        loop {
            match self.file.try_lock() {
                Ok(()) => return Ok(()),
                Err(TryLockError::WouldBlock) if waited.elapsed() < LOCK_WAIT => {
                    std::thread::sleep(LOOK_AGAIN);
                }
                Err(TryLockError::WouldBlock) => {
                    return Err(Down::for_now(format!(
                        "{} is in use by another process; give each sink a file of its own",
                        self.path.display()
                    )));
                }
                Err(TryLockError::Error(error)) => return Err(self.failed("locked", &error)),
            }
        }
    }

    /// Cuts off a last line that has no end.
    fn repair(&mut self) -> Result<(), Down> {
        let tail = self.tail();
        let (whole, first) = tail.map_err(|error| self.failed("read", &error))?;
        match first {
            None => Ok(()),
            // Zeros are what some file systems leave where a write was cut off by a loss of power.
            Some(b'{' | 0) => {
                self.cut(whole)?;
                self.file
                    .sync_all()
                    .map_err(|error| self.failed("written through to the disk", &error))
            }
            Some(_) => Err(Down::for_now(format!(
                "{} does not end with a line of events, so it is left alone; name another path, or end its last line",
                self.path.display()
            ))),
        }
    }

    /// Where the last whole line ends, and the first byte of what comes after it.
    fn tail(&mut self) -> io::Result<(u64, Option<u8>)> {
        let mut end = self.file.metadata()?.len();
        let mut first = None;
        let mut block = Vec::new();
        while end > 0 {
            let start = end.saturating_sub(STEP);
            self.file.seek(SeekFrom::Start(start))?;
            block.clear();
            let part = self.file.by_ref().take(end - start);
            let read = { part }.read_to_end(&mut block)?;
            if read as u64 != end - start {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if let Some(at) = block.iter().rposition(|byte| *byte == b'\n') {
                let after = block.get(at + 1).copied().or(first);
                return Ok((start + at as u64 + 1, after));
            }
            first = block.first().copied();
            end = start;
        }
        Ok((0, first))
    }
}

fn failed(path: &Path, what: &str, error: &io::Error) -> Down {
    let cure = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "make room; nothing is lost, and delivery goes on by itself"
        }
        io::ErrorKind::PermissionDenied => {
            "let the account that runs Highwater own the file and write to its folder"
        }
        io::ErrorKind::NotFound => "make the folder",
        _ => "check the path and the disk",
    };
    Down::for_now(format!(
        "{} cannot be {what} ({error}); {cure}",
        path.display()
    ))
}

/// Makes what happened to the file's name last.
pub(super) fn sync_folder(path: &Path) -> Result<(), Down> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    // Only Unix can write a folder through.
    if cfg!(not(unix)) {
        return Ok(());
    }
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(|error| failed(folder, "written through to the disk", &error))
}

fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).append(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    options
}

#[cfg(unix)]
fn is_same(one: &fs::Metadata, other: &fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

/// Elsewhere an open file cannot be replaced by another.
#[cfg(not(unix))]
fn is_same(_: &fs::Metadata, _: &fs::Metadata) -> bool {
    true
}

#[cfg(unix)]
mod rights {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt as _;

    use super::{Down, Open};

    impl Open {
        /// Refuses a file that everybody may open.
        pub(super) fn refuse_public(&self) -> Result<(), Down> {
            let mode = self.permissions()?.mode() & 0o777;
            let others = mode & 0o007;
            if others == 0 {
                return Ok(());
            }
            let path = self.path.display();
            Err(Down::for_now(format!(
                "{path} holds personal data, and everybody may open it (mode {mode:04o}); chmod o= {path}"
            )))
        }

        /// Who may open it.
        pub(in super::super) fn mode(&self) -> Result<u32, Down> {
            Ok(self.permissions()?.mode() & 0o660)
        }

        /// Lets the same open it.
        pub(in super::super) fn set_mode(&self, mode: u32) -> Result<(), Down> {
            self.file
                .set_permissions(Permissions::from_mode(mode))
                .map_err(|error| self.failed("given its permissions", &error))
        }

        fn permissions(&self) -> Result<Permissions, Down> {
            let meta = self.file.metadata();
            meta.map(|meta| meta.permissions())
                .map_err(|error| self.failed("looked at", &error))
        }
    }
}

/// Elsewhere access control lists rule, which a new file takes from its folder.
#[cfg(not(unix))]
impl Open {
    fn refuse_public(&self) -> Result<(), Down> {
        Ok(())
    }

    pub(super) fn mode(&self) -> Result<u32, Down> {
        Ok(0)
    }

    pub(super) fn set_mode(&self, _: u32) -> Result<(), Down> {
        Ok(())
    }
}
