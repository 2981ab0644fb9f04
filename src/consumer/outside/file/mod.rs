//! A spot in a file of another product: JSON, TOML, Java properties, or the text as a whole.
//!
//! Owns the reading and replacing of the file. What is changed within its text is decided by the form's own module,
//! each of them pure, and each leaves everything else as it is, to the byte.
//!
//! # Decisions
//! - A symbolic link is followed and the file it names is replaced, never the link.
//! - Replaced by rename, with mode and owner kept: who reads it sees the old or the new file, never a part. Access control
//!   lists and other extended attributes of the file itself are not taken over; those that the folder gives apply.
//! - The text is taken byte for byte, each byte a letter: properties are Latin-1 by their format, and UTF-8 stays what
//!   it is. JSON and TOML must be UTF-8.
//! - What was edited is read again before it is put in place, and must say what was meant, and nothing else changed.
//! - Before a reset that its opposite would not take back to the byte, the whole file is set aside beside itself, on disk:
//!   `aside`. Putting back restores those bytes.

mod aside;
mod json;
mod properties;
mod toml;

use std::fs;
use std::io::{ErrorKind, Read as _};
use std::path::PathBuf;

use sha2::{Digest as _, Sha256};

use super::super::replace::put;
use super::host_text;
use super::spot::{Change, Field, Fields, Found, SpotError, told};
use crate::config::{FileForm, FileSettings, Keys};
use crate::model::{Usn, utf8};

/// No configuration or state file is larger; what is, is another file.
const LARGEST: u64 = 16 << 20;

/// What is wrong in a text, or in the way of an edit.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Flaw {
    what: String,
    value: String,
    must: String,
}

impl Flaw {
    fn new(what: impl Into<String>, value: &str, must: impl Into<String>) -> Self {
        let value = host_text::shown(value);
        let mut shown: String = value.chars().take(60).collect();
        if shown.len() < value.len() {
            shown.push('…');
        }
        Self {
            what: what.into(),
            value: shown,
            must: must.into(),
        }
    }
}

/// A file with the fields in it.
#[derive(Debug, Clone)]
pub(crate) struct FileSpot {
    path: PathBuf,
    form: FileForm,
}

impl FileSpot {
    pub(super) fn new(settings: &FileSettings) -> Self {
        Self {
            path: settings.path.clone(),
            form: settings.form.clone(),
        }
    }

    pub(super) fn place(&self) -> String {
        self.path.display().to_string()
    }

    pub(super) async fn read(&self) -> Result<Found, SpotError> {
        let spot = self.clone();
        blocking(move || spot.load().map(|(_, _, found)| found)).await
    }

    pub(super) async fn replace(&self, expected: &Found, new: &Change) -> Result<(), SpotError> {
        let (spot, expected, new) = (self.clone(), expected.clone(), new.clone());
        blocking(move || spot.put(&expected, &new)).await
    }

    /// The file behind the links, its content, and what it says.
    fn load(&self) -> Result<(PathBuf, Option<Vec<u8>>, Found), SpotError> {
        let content = self.content()?;
        let fields = match &content {
            None => Fields::new(),
            Some((_, bytes)) => self.fields(bytes)?,
        };
        let tag = content
            .as_ref()
            .map_or_else(String::new, |(_, bytes)| digest(bytes));
        let (path, bytes) = match content {
            Some((path, bytes)) => (path, Some(bytes)),
            None => (self.missing()?, None),
        };
        Ok((path, bytes, Found { fields, tag }))
    }

    /// The bytes; a file that is one field alone may be missing, as that field.
    fn content(&self) -> Result<Option<(PathBuf, Vec<u8>)>, SpotError> {
        let read = || {
            let path = fs::canonicalize(&self.path)?;
            let mut bytes = Vec::new();
            fs::File::open(&path)?
                .take(LARGEST + 1)
                .read_to_end(&mut bytes)?;
            Ok((path, bytes))
        };
        let found: std::io::Result<(PathBuf, Vec<u8>)> = read();
        match found {
            Ok((_, bytes)) if bytes.len() as u64 > LARGEST => Err(SpotError::Unreadable {
                place: self.place(),
                problem: format!("it has more than {} MiB", LARGEST >> 20),
                cure: "name the file that holds the position".to_owned(),
            }),
            Ok(found) => Ok(Some(found)),
            Err(error) if error.kind() == ErrorKind::NotFound => match self.form {
                FileForm::Raw(_) => Ok(None),
                _ => Err(SpotError::Missing {
                    place: self.place(),
                    detail: String::new(),
                    cure: "let the product write it once, or correct where it is".to_owned(),
                }),
            },
            Err(error) => Err(SpotError::Unreadable {
                place: self.place(),
                problem: error.to_string(),
                cure: "check that this user may read it".to_owned(),
            }),
        }
    }

    /// Where the file would be that is not there. A link to nowhere is one whose file a reset has set aside, or wrong.
    fn missing(&self) -> Result<PathBuf, SpotError> {
        let unreadable = |problem: String, cure: &str| SpotError::Unreadable {
            place: self.place(),
            problem,
            cure: cure.to_owned(),
        };
        let followed = aside::behind_links(&self.path);
        let path = followed.map_err(|error| {
            unreadable(error.to_string(), "check the folders and links on its way")
        })?;
        let is_link = fs::symlink_metadata(&self.path).is_ok_and(|facts| facts.is_symlink());
        if is_link && !aside::Aside::of(&path).is_there() {
            let problem = format!("it is a link to {}, which does not exist", path.display());
            return Err(unreadable(
                problem,
                "put that file back, or correct the link",
            ));
        }
        Ok(path)
    }

    fn flawed(&self, flaw: Flaw) -> SpotError {
        SpotError::Flawed {
            place: self.place(),
            what: flaw.what,
            value: flaw.value,
            must: flaw.must,
        }
    }

    /// Its byte order mark, or nothing, and its text.
    fn text<'b>(&self, bytes: &'b [u8]) -> Result<(&'b str, &'b str), SpotError> {
        utf8(bytes).map_err(|what| self.flawed(Flaw::new("its text", &what.to_string(), "UTF-8")))
    }

    fn fields(&self, bytes: &[u8]) -> Result<Fields, SpotError> {
        match &self.form {
            FileForm::Json(keys) => json::read(self.text(bytes)?.1, keys),
            FileForm::Toml(keys) => toml::read(self.text(bytes)?.1, keys),
            FileForm::Properties { keys, .. } => properties::read(&letters(bytes), keys),
            FileForm::Raw(field) => Ok(whole(*field, bytes)),
        }
        .map_err(|flaw| self.flawed(flaw))
    }

    fn edited(&self, bytes: &[u8], new: &Change) -> Result<Vec<u8>, SpotError> {
        match &self.form {
            FileForm::Json(keys) => {
                let (mark, text) = self.text(bytes)?;
                json::edit(text, keys, new).map(|text| [mark, &text].concat().into_bytes())
            }
            FileForm::Toml(keys) => {
                let (mark, text) = self.text(bytes)?;
                toml::edit(text, keys, new).map(|text| [mark, &text].concat().into_bytes())
            }
            FileForm::Properties { keys, also } => properties::edit(&letters(bytes), keys, new)
                .and_then(|text| properties::set(&text, also))
                .map(|text| octets(&text)),
            FileForm::Raw(field) if is_digest(new.get(field)) => {
                let must = "text, which a digest only stands for";
                Err(Flaw::new(format!("the new `{field}`"), DIGEST, must))
            }
            FileForm::Raw(field) => Ok(rewritten(*field, bytes, new)),
        }
        .map_err(|flaw| self.flawed(flaw))
    }

    fn unwritable(&self, problem: impl Into<String>) -> SpotError {
        SpotError::Unwritable {
            place: self.place(),
            problem: problem.into(),
            cure: "check room and rights in its folder".to_owned(),
        }
    }

    fn put(&self, expected: &Found, new: &Change) -> Result<(), SpotError> {
        let (path, bytes, found) = self.load()?;
        if found != *expected {
            return Err(SpotError::Moved {
                place: self.place(),
            });
        }
        let mut wanted = found.fields.clone();
        for (field, text) in new {
            match text {
                Some(text) => wanted.insert(*field, text.clone()),
                None => wanted.remove(field),
            };
        }
        let failed = |error: std::io::Error| self.unwritable(error.to_string());
        let aside = aside::Aside::of(&path);
        let kept = aside.read().map_err(failed)?;
        let kept = kept.filter(|kept| self.fields(kept).is_ok_and(|fields| fields == wanted));
        let Some(bytes) = bytes else {
            // The file itself was removed: it alone can come back.
            kept.ok_or_else(|| self.lost(&aside))?;
            return aside.bring_back().map_err(failed);
        };
        if let FileForm::Raw(field) = self.form
            && new.get(&field) == Some(&None)
        {
            return aside.take().map_err(failed);
        }
        let opposite = opposite(new, &found.fields);
        let undoes = |text: &[u8], to: &[u8]| {
            let edited = self.edited(text, &opposite);
            edited.is_ok_and(|edited| edited == to)
        };
        // The file as it was before its reset, where the reset is all that has happened to it since.
        if let Some(kept) = kept.as_ref().filter(|kept| undoes(kept, &bytes)) {
            return put(&path, kept).map_err(failed);
        }
        let edited = match (&self.form, kept) {
            (FileForm::Json(keys), Some(kept)) => {
                self.spelled(&bytes, keys, new, &opposite, &kept)?
            }
            (FileForm::Json(_), None) if adds(new, &found.fields) => return Err(self.lost(&aside)),
            (FileForm::Raw(field), _) if is_digest(new.get(field)) => return Err(self.lost(&aside)),
            _ => self.edited(&bytes, new)?,
        };
        let reads = self.fields(&edited)?;
        if reads != wanted {
            let problem = format!("{} would read back as {}", told(&wanted), told(&reads));
            return Err(self.unwritable(problem));
        }
        if is_reset(new, &found.fields) && !undoes(&edited, &bytes) {
            aside.keep(&bytes).map_err(failed)?;
        }
        put(&path, &edited).map_err(failed)
    }

    /// The JSON with the changes made. Where its values are still those that the reset of the file set aside gives, others
    /// have changed beside them, and the old values come from there, in their kind.
    fn spelled(
        &self,
        bytes: &[u8],
        keys: &Keys,
        new: &Change,
        opposite: &Change,
        kept: &[u8],
    ) -> Result<Vec<u8>, SpotError> {
        let ((mark, text), (_, kept)) = (self.text(bytes)?, self.text(kept)?);
        let reset = json::edit(kept, keys, opposite);
        let is_from_it =
            reset.is_ok_and(|reset| json::spellings(&reset, keys) == json::spellings(text, keys));
        let edited = if is_from_it {
            json::taken_over(text, keys, new, kept)
        } else {
            json::edit(text, keys, new)
        };
        edited
            .map(|text| [mark, &text].concat().into_bytes())
            .map_err(|flaw| self.flawed(flaw))
    }

    fn lost(&self, aside: &aside::Aside) -> SpotError {
        SpotError::Unwritable {
            place: self.place(),
            problem: format!(
                "what it held before it was reset is not in {} any more",
                aside.place()
            ),
            cure: "bring the file back from a backup, or let the product read everything again"
                .to_owned(),
        }
    }
}

/// What takes the changes back.
fn opposite(new: &Change, found: &Fields) -> Change {
    new.keys()
        .map(|field| (*field, found.get(field).cloned()))
        .collect()
}

/// Whether it is more than that USNs and hosts take the place of others.
fn is_reset(new: &Change, found: &Fields) -> bool {
    let is_usn = |text: &String| text.parse::<Usn>().is_ok();
    new.iter()
        .filter(|(field, _)| **field != Field::Host)
        .any(|(field, text)| {
            !text.as_ref().is_some_and(is_usn) || !found.get(field).is_some_and(is_usn)
        })
}

/// Whether a field is to be written that is not there.
fn adds(new: &Change, found: &Fields) -> bool {
    new.iter()
        .any(|(field, text)| text.is_some() && !found.contains_key(field))
}

/// How content that is no text is named.
const DIGEST: &str = "sha256:";

fn is_digest(text: Option<&Option<String>>) -> bool {
    matches!(text, Some(Some(text)) if text.starts_with(DIGEST))
}

fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"))
}

/// Each byte as the letter of that number.
fn letters(bytes: &[u8]) -> String {
    bytes.iter().copied().map(char::from).collect()
}

/// The bytes again; other letters are never put in.
fn octets(text: &str) -> Vec<u8> {
    text.chars()
        .map(|letter| u8::try_from(letter).unwrap_or(b'?'))
        .collect()
}

/// The file as one field, blanks around it left out. What is no text is known by its digest.
fn whole(field: Field, bytes: &[u8]) -> Fields {
    let text = match utf8(bytes) {
        Ok((_, text)) => text.trim().to_owned(),
        Err(_) => format!("{DIGEST}{}", digest(bytes)),
    };
    if text.is_empty() {
        return Fields::new();
    }
    Fields::from([(field, text)])
}

/// The file with another text between its blanks.
fn rewritten(field: Field, bytes: &[u8], new: &Change) -> Vec<u8> {
    let Some(Some(text)) = new.get(&field) else {
        return bytes.to_vec();
    };
    let old = String::from_utf8_lossy(bytes);
    let blank = |letter: char| letter.is_whitespace() || letter == '\u{feff}';
    let begin = old.len() - old.trim_start_matches(blank).len();
    let (lead, rest) = old.split_at_checked(begin).unwrap_or(("", &old));
    let (_, tail) = rest
        .split_at_checked(rest.trim_end().len())
        .unwrap_or((rest, ""));
    format!("{lead}{text}{tail}").into_bytes()
}

/// The field that each of these texts names, for a message.
fn named(field: Field, key: &str) -> String {
    format!("`{key}` ({field})")
}

/// The changes that concern these keys, with their keys.
fn changes<'a>(
    keys: &'a Keys,
    new: &'a Change,
) -> impl Iterator<Item = (Field, &'a str, Option<&'a str>)> {
    new.iter()
        .filter_map(|(field, text)| Some((*field, keys.get(field)?.as_str(), text.as_deref())))
}

async fn blocking<T: Send + 'static>(
    job: impl FnOnce() -> Result<T, SpotError> + Send + 'static,
) -> Result<T, SpotError> {
    tokio::task::spawn_blocking(job)
        .await
        .map_err(|_| SpotError::Ended)?
}

#[cfg(test)]
mod tests;

#[cfg(test)]
mod reset_tests;
