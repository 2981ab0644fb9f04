//! Reads one secret from where the file says it is.
//!
//! A refusal names the place and the cure, never a part of the secret.

use std::ffi::OsString;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use secrecy::SecretString;

use super::{Env, SecretSource};
use crate::model::utf8;

/// No password is longer; a longer file is something else.
const LONGEST: u64 = 64 * 1024;

/// Why a secret cannot be had: what is wrong, and the cure.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unusable {
    pub(super) what: String,
    pub(super) cure: String,
}

fn unusable<T>(what: impl Into<String>, cure: impl Into<String>) -> Result<T, Unusable> {
    Err(Unusable {
        what: what.into(),
        cure: cure.into(),
    })
}

/// The secret, without one newline at its end.
pub(super) fn resolve(source: &SecretSource, env: Env<'_>) -> Result<SecretString, Unusable> {
    let text = match source {
        SecretSource::File(path) => read(path, 0o077)?,
        SecretSource::Env(name) => from_env(name, env(name))?,
        // systemd shows the access it grants a service's user by ACL as group bits: others alone count here.
        SecretSource::Credential(name) => read(&credential(name, env)?, 0o007)?,
    };
    let text = text
        .strip_suffix("\r\n")
        .or_else(|| text.strip_suffix('\n'))
        .unwrap_or(&text);
    if text.is_empty() {
        return unusable(
            "is an empty secret",
            "put it there; a simple bind without a password is an anonymous bind",
        );
    }
    Ok(SecretString::from(text))
}

/// Refuses a file with a secret in it that others than its owner may open.
pub(super) fn check_private(path: &Path) -> Result<(), Unusable> {
    open(path, 0o077).map(drop)
}

fn from_env(name: &str, value: Option<OsString>) -> Result<String, Unusable> {
    let Some(value) = value else {
        return unusable(
            "names an environment variable that is not set",
            format!("set {name} for this process, or name a file"),
        );
    };
    value.into_string().or_else(|_| {
        unusable(
            "names an environment variable that is not UTF-8",
            format!("set {name} to UTF-8 text"),
        )
    })
}

fn credential(name: &str, env: Env<'_>) -> Result<PathBuf, Unusable> {
    if name.contains('/') || name == ".." {
        return unusable(
            "is no name of a systemd credential",
            "give the name alone, as in LoadCredential=NAME:/path",
        );
    }
    match env("CREDENTIALS_DIRECTORY") {
        Some(folder) => Ok(Path::new(&folder).join(name)),
        None => unusable(
            "names a systemd credential, but $CREDENTIALS_DIRECTORY is not set",
            format!("add LoadCredential={name}:/path to the unit, or name a file"),
        ),
    }
}

fn read(path: &Path, refused: u32) -> Result<String, Unusable> {
    let file = open(path, refused)?;
    let mut bytes = Vec::new();
    let read = file.take(LONGEST + 1).read_to_end(&mut bytes);
    match read {
        Ok(_) if bytes.len() as u64 > LONGEST => unusable(
            "names a file of more than 64 KiB",
            "name the file with the secret alone",
        ),
        Ok(_) => match utf8(&bytes) {
            Ok((_, text)) => Ok(text.to_owned()),
            Err(problem) => unusable(
                "names a file that cannot be read as text",
                format!("save {} as UTF-8, it is {problem}", path.display()),
            ),
        },
        Err(error) => unusable(
            "names a file that cannot be read as text",
            format!("check {} ({})", path.display(), error.kind()),
        ),
    }
}

/// Opens the file, then looks at the very file that was opened.
fn open(path: &Path, refused: u32) -> Result<std::fs::File, Unusable> {
    let opened = std::fs::File::open(path).and_then(|file| Ok((file.metadata()?, file)));
    let (meta, file) = opened.or_else(|error| {
        unusable(
            "names a file that cannot be read",
            format!("check {} and its permissions ({error})", path.display()),
        )
    })?;
    if !meta.is_file() {
        return unusable("is no regular file", format!("check {}", path.display()));
    }
    let mode = mode(&meta);
    if mode & refused != 0 {
        return unusable(
            format!("names a file that others than its owner may open (mode {mode:04o})"),
            format!(
                "chmod 600 {}, and let the account that runs Highwater own it",
                path.display()
            ),
        );
    }
    Ok(file)
}

#[cfg(unix)]
fn mode(meta: &std::fs::Metadata) -> u32 {
    use std::os::unix::fs::PermissionsExt as _;
    meta.permissions().mode() & 0o7777
}

/// Elsewhere access control lists rule, which the file mode does not show.
#[cfg(not(unix))]
fn mode(_meta: &std::fs::Metadata) -> u32 {
    0
}
