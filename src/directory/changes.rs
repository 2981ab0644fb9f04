//! The objects that changed on a DC above a USN, page by page, each complete.
//!
//! # Decisions
//! - One page of images is in memory, never more.
//! - A page is bounded in time, all pages together are not: a reader that was away for long has much to read, and each
//!   page it gets is progress.
//! - An attribute in ranges is read to its end with the object's uSNChanged beside every range: where that moved, the
//!   values are of two moments, and the whole object is read again (R8).
//! - An object that is gone when its remaining values are read is left out: only what is expunged has no name any more, and
//!   a delete has shown itself as a tombstone before.

use super::decode::DecodeError;
use super::draft::{Draft, Reading, Rest, add_values, draft, key_parts, usn_changed};
use super::entry::Entry;
use super::error::DirectoryError;
use super::refusal::NO_SUCH_OBJECT;
use super::search::{Control, Query, Scope};
use super::session::Session;
use super::source::{ChangePage, PageMark};
use crate::model::{Dn, Image, ObjectGuid, Usn};

/// How often an object that changes while its values are read is begun again.
const TRIES: u32 = 5;

/// What a search begins at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// The object of this name.
    Dn(Dn),
    /// The object with this objectGUID, wherever it is now.
    Guid(ObjectGuid),
}

impl Target {
    /// The base of a search, as LDAP wants it (ADTS 3.1.1.3.1.2.4).
    pub(super) fn base(&self) -> String {
        match self {
            Self::Dn(dn) => dn.as_str().to_owned(),
            Self::Guid(guid) => format!("<GUID={guid}>"),
        }
    }
}

/// Which objects are read, tombstones among them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeQuery<'q> {
    /// The base and all below it: the head of a naming context for a pass, any object for its subtree.
    pub base: Target,
    /// Only what changed above this USN.
    pub floor: Usn,
    /// Only what changed up to this USN; for a load in chunks, never for a pass (R1).
    pub ceiling: Option<Usn>,
    /// Only what this filter matches too.
    pub filter: Option<&'q str>,
}

impl ChangeQuery<'_> {
    fn filter(&self) -> String {
        let floor = self.floor.get().saturating_add(1);
        let above = format!("(uSNChanged>={floor})");
        let below = self
            .ceiling
            .map(|ceiling| format!("(uSNChanged<={ceiling})"))
            .unwrap_or_default();
        match (below.as_str(), self.filter) {
            ("", None) => above,
            (below, filter) => {
                let also = filter.map(bracketed).unwrap_or_default();
                format!("(&{above}{below}{also})")
            }
        }
    }
}

/// A filter with the brackets that RFC 4515 wants and people leave out.
pub(super) fn bracketed(filter: &str) -> String {
    let filter = filter.trim();
    if filter.starts_with('(') {
        filter.to_owned()
    } else {
        format!("({filter})")
    }
}

/// The page of a search for changes that `mark` asks for.
pub(super) async fn change_page(
    session: &mut Session,
    reading: &Reading<'_>,
    query: &ChangeQuery<'_>,
    mark: PageMark,
) -> Result<ChangePage, DirectoryError> {
    let (base, filter, names) = (query.base.base(), query.filter(), reading.names());
    let query = Query {
        base: &base,
        scope: Scope::Subtree,
        filter: &filter,
        attributes: &names,
        controls: controls(),
    };
    let bound = session.timeouts().operation;
    let (entries, cookie) = session.page(&query, mark.0, bound).await?;
    let mut images = Vec::with_capacity(entries.len());
    for entry in entries {
        let draft = drafted(session, &entry, reading)?;
        images.extend(complete(session, reading, draft).await?);
    }
    Ok(ChangePage {
        images,
        next: cookie.map(PageMark),
    })
}

/// One object by its objectGUID, deleted or not; `None` where the DC does not have it or does not show it.
pub(super) async fn read_object(
    session: &mut Session,
    guid: ObjectGuid,
    reading: &Reading<'_>,
) -> Result<Option<Image>, DirectoryError> {
    match read_draft(session, guid, reading).await? {
        Some(draft) => complete(session, reading, draft).await,
        None => Ok(None),
    }
}

fn controls() -> Vec<Control> {
    vec![Control::show_deleted(), Control::extended_dn()]
}

async fn read_draft(
    session: &mut Session,
    guid: ObjectGuid,
    reading: &Reading<'_>,
) -> Result<Option<Draft>, DirectoryError> {
    match read_by_guid(session, guid, &reading.names()).await? {
        Some(entry) => drafted(session, &entry, reading).map(Some),
        None => Ok(None),
    }
}

/// The entry of an object; `None` where the DC does not have it or does not show it.
pub(super) async fn read_by_guid(
    session: &mut Session,
    guid: ObjectGuid,
    attributes: &[&str],
) -> Result<Option<Entry>, DirectoryError> {
    let base = Target::Guid(guid).base();
    let query = Query {
        base: &base,
        scope: Scope::Base,
        filter: "(objectClass=*)",
        attributes,
        controls: controls(),
    };
    let bound = session.timeouts().operation;
    match session.page(&query, Vec::new(), bound).await {
        Ok((entries, _)) => Ok(entries.into_iter().next()),
        Err(DirectoryError::Result { code, .. }) if code == NO_SUCH_OBJECT => Ok(None),
        Err(error) => Err(error),
    }
}

fn drafted(
    session: &Session,
    entry: &Entry,
    reading: &Reading<'_>,
) -> Result<Draft, DirectoryError> {
    draft(entry, reading).map_err(|source| undecodable(session, &entry.dn, source))
}

/// The error that names the object besides its attribute.
pub(super) fn undecodable(session: &Session, dn: &str, source: DecodeError) -> DirectoryError {
    DirectoryError::Decode {
        target: session.target().to_owned(),
        source: DecodeError {
            attribute: format!("{} of {dn}", source.attribute),
            ..source
        },
    }
}

/// The image with all values; `None` where the object is gone meanwhile.
async fn complete(
    session: &mut Session,
    reading: &Reading<'_>,
    first: Draft,
) -> Result<Option<Image>, DirectoryError> {
    let mut draft = first;
    for _ in 0..TRIES {
        let guid = draft.image.guid;
        match with_rest(session, reading, draft).await? {
            Completed::All(image) => return Ok(Some(*image)),
            Completed::Gone => return Ok(None),
            Completed::Moved => {}
        }
        match read_draft(session, guid, reading).await? {
            Some(again) => draft = again,
            None => return Ok(None),
        }
    }
    let what = format!("reading all values of {}", draft.image.dn);
    let problem = format!("it changed during each of {TRIES} readings: read again later");
    Err(session.protocol(&what, problem))
}

/// How reading the remaining values ended.
enum Completed {
    All(Box<Image>),
    Moved,
    Gone,
}

async fn with_rest(
    session: &mut Session,
    reading: &Reading<'_>,
    draft: Draft,
) -> Result<Completed, DirectoryError> {
    let mut image = draft.image;
    for mut rest in draft.rest {
        loop {
            let asked = format!("{};range={}-*", rest.name, rest.next);
            let names = [asked.as_str(), "uSNChanged"];
            let Some(entry) = read_by_guid(session, image.guid, &names).await? else {
                return Ok(Completed::Gone);
            };
            let usn_changed = usn_changed(&entry);
            if usn_changed.map_err(|source| undecodable(session, &entry.dn, source))?
                != image.usn_changed
            {
                return Ok(Completed::Moved);
            }
            let next = add_range(&mut image, reading, &entry, &rest);
            match next.map_err(|source| undecodable(session, &entry.dn, source))? {
                Some(next) => rest.next = next,
                None => break,
            }
        }
    }
    Ok(Completed::All(Box::new(image)))
}

/// Adds the range an entry brings, and says where the next one begins; `None` after the last.
fn add_range(
    image: &mut Image,
    reading: &Reading<'_>,
    entry: &Entry,
    rest: &Rest,
) -> Result<Option<u64>, DecodeError> {
    for (key, values) in entry.attributes() {
        let Some((name, Some(range))) = key_parts(key)? else {
            continue;
        };
        if name.eq_ignore_ascii_case(&rest.name) && range.first == rest.next {
            if let Some(attribute) = reading.attribute(&rest.oid) {
                add_values(image, attribute, values)?;
            }
            return Ok(range.last.map(|last| last.saturating_add(1)));
        }
    }
    let problem = format!(
        "the values from {} on were asked for and not sent, although the object is unchanged",
        rest.next
    );
    Err(DecodeError::new(&rest.name, 0, problem))
}

#[cfg(test)]
#[path = "changes_tests.rs"]
mod tests;
