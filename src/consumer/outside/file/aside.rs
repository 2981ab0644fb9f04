//! A file of another product as it was before its position was reset: kept beside it, one for each file.
//!
//! # Decisions
//! - It stays after the move, until the next reset takes its place: only a person knows when it is of no use any more.
//! - It has the mode and owner of the file, since it says as much.

use std::fs::{self, File};
use std::io::{Error, ErrorKind, Read as _};
use std::path::{Path, PathBuf};

use super::super::super::replace::put_like;

/// As many links in a row as Linux follows.
const LINKS: usize = 40;

/// A file and the one that is kept of it.
#[derive(Debug)]
pub(super) struct Aside {
    file: PathBuf,
    kept: PathBuf,
}

impl Aside {
    /// Of the file at this path, links followed.
    pub(super) fn of(path: &Path) -> Self {
        let mut name = path.as_os_str().to_owned();
        name.push(".highwater-old");
        Self {
            file: path.to_owned(),
            kept: PathBuf::from(name),
        }
    }

    /// The file that is kept, for a person.
    pub(super) fn place(&self) -> String {
        self.kept.display().to_string()
    }

    pub(super) fn is_there(&self) -> bool {
        self.kept.is_file()
    }

    /// What is kept; `None` where nothing is.
    pub(super) fn read(&self) -> std::io::Result<Option<Vec<u8>>> {
        let mut bytes = Vec::new();
        let opened = File::open(&self.kept);
        match opened.and_then(|file| file.take(super::LARGEST).read_to_end(&mut bytes)) {
            Ok(_) => Ok(Some(bytes)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(told(&self.kept, &error)),
        }
    }

    /// Keeps these bytes of the file, which stays; they are on disk when it returns.
    pub(super) fn keep(&self, bytes: &[u8]) -> std::io::Result<()> {
        let like = fs::metadata(&self.file)?;
        put_like(&self.kept, &like, bytes).map_err(|error| told(&self.kept, &error))
    }

    /// Keeps the file, which is not in its place any more then.
    pub(super) fn take(&self) -> std::io::Result<()> {
        fs::rename(&self.file, &self.kept)?;
        self.sync()
    }

    /// Puts the file that is kept in its place again.
    pub(super) fn bring_back(&self) -> std::io::Result<()> {
        fs::rename(&self.kept, &self.file)?;
        self.sync()
    }

    fn sync(&self) -> std::io::Result<()> {
        File::open(self.file.parent().unwrap_or(Path::new("/")))?.sync_all()
    }
}

fn told(path: &Path, error: &Error) -> Error {
    Error::new(error.kind(), format!("{}: {error}", path.display()))
}

/// The path that the links lead to, whether or not there is a file.
pub(super) fn behind_links(path: &Path) -> std::io::Result<PathBuf> {
    let mut path = path.to_owned();
    for _ in 0..LINKS {
        let parent = path.parent().unwrap_or(Path::new("/"));
        let folder = fs::canonicalize(parent).map_err(|error| told(parent, &error))?;
        path = folder.join(path.file_name().unwrap_or_default());
        match fs::read_link(&path) {
            Ok(next) => path = folder.join(next),
            // No link, or nothing at all.
            Err(error) if matches!(error.kind(), ErrorKind::InvalidInput | ErrorKind::NotFound) => {
                return Ok(path);
            }
            Err(error) => return Err(error),
        }
    }
    Err(Error::other("its links lead in a circle"))
}
