//! Replacing a file as a whole: by rename, with mode and owner kept, on disk when it is done.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

/// Replaces the file by one with these bytes, the same mode and the same owner; on disk when it returns.
pub(super) fn put(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    put_like(path, &fs::metadata(path)?, bytes)
}

/// Makes or replaces the file with these bytes, and the mode and owner of another; on disk when it returns.
pub(super) fn put_like(path: &Path, like: &fs::Metadata, bytes: &[u8]) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    let fresh = beside(path);
    // Left by a process that died here; nobody else uses this name while the lock is held.
    match fs::remove_file(&fresh) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let placed = fill(&fresh, like, bytes).and_then(|()| fs::rename(&fresh, path));
    if let Err(error) = placed {
        // The first error is the one to tell.
        drop(fs::remove_file(&fresh));
        return Err(error);
    }
    File::open(folder)?.sync_all()
}

/// The name the new content has until it is put in place.
fn beside(path: &Path) -> PathBuf {
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(".highwater-new");
    path.with_file_name(name)
}

fn fill(fresh: &Path, like: &fs::Metadata, bytes: &[u8]) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(fresh)?;
    keep_owner(&file, like)?;
    file.set_permissions(like.permissions())?;
    file.write_all(bytes)?;
    file.sync_all()
}

#[cfg(unix)]
fn keep_owner(file: &File, like: &fs::Metadata) -> std::io::Result<()> {
    use std::os::unix::fs::{MetadataExt as _, fchown};
    let own = file.metadata()?;
    if (own.uid(), own.gid()) == (like.uid(), like.gid()) {
        return Ok(());
    }
    fchown(file, Some(like.uid()), Some(like.gid())).map_err(|error| {
        let problem = format!(
            "its owner {}:{} cannot be kept ({error}); run as that user or as root",
            like.uid(),
            like.gid()
        );
        std::io::Error::new(error.kind(), problem)
    })
}

#[cfg(not(unix))]
fn keep_owner(_file: &File, _like: &fs::Metadata) -> std::io::Result<()> {
    Ok(())
}
