//! A small sync of somebody else's: it polls one DC by the rule, keeps whole objects, and owns a cursor file.
//!
//! It stands for the products Highwater runs beside: it knows nothing of vectors and stamps, and what it does with a
//! cursor is all that a failover can count on.
//!
//! # Decisions
//! - Its cursor is the highestCommittedUSN it read before its search, written after the last page; deletions come in
//!   the same search through the Show Deleted control, from the head of the naming context.
//! - A search that breaks off changes nothing: objects and cursor are taken over when it is complete.
//! - Of a group with more values than one answer holds, the ranges are put together as they come.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::forest::{Attribute, Held, MEMBER, Oracle, Stamp};
use crate::config::DcSettings;
use crate::directory::{
    self, Control, DirectoryError, Entry, Port, Query, Scope, Session, identify,
};
use crate::model::{Dn, InvocationId, ResourceName, Usn};

/// What the sync asks for.
const ATTRIBUTES: [&str; 22] = [
    "objectGUID",
    "objectClass",
    "name",
    "sn",
    "description",
    "telephoneNumber",
    "givenName",
    "mail",
    "sAMAccountName",
    "userAccountControl",
    "isDeleted",
    "lastKnownParent",
    "whenCreated",
    "objectSid",
    "pwdLastSet",
    "userPrincipalName",
    "proxyAddresses",
    "thumbnailPhoto",
    "groupType",
    "highwaterTestTag",
    MEMBER,
    METADATA,
];

/// Read for the comparison with the truth alone; the sync itself makes nothing of it.
const METADATA: &str = "replPropertyMetaData";

/// Why a poll came to nothing; the cursor is as it was.
#[derive(Debug, thiserror::Error)]
pub enum SyncError {
    /// The DC.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// The DC is another incarnation than the cursor counts on.
    #[error("the cursor counts on {expected}, but {found} answered: read everything anew")]
    OtherIncarnation {
        /// That of the cursor.
        expected: InvocationId,
        /// That of the DC.
        found: InvocationId,
    },
    /// The cursor file.
    #[error("{}: {source}", path.display())]
    File {
        /// The cursor file.
        path: PathBuf,
        /// What is wrong with it.
        source: io::Error,
    },
    /// An entry without an objectGUID.
    #[error("`{0}` was returned without its objectGUID")]
    NoGuid(String),
    /// An entry without stamps, or with such as are none.
    #[error("`{0}` was returned without readable replPropertyMetaData")]
    NoStamps(String),
}

/// What the polls brought.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// Completed polls.
    pub polls: usize,
    /// Objects read.
    pub read: usize,
    /// Those of them that the sync held just so already.
    pub repeated: usize,
}

/// An object as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Image {
    dn: String,
    attributes: BTreeMap<String, Vec<Vec<u8>>>,
    stamps: BTreeMap<Attribute, Stamp>,
}

/// The sync.
#[derive(Debug, Clone)]
pub struct ExternalSync {
    file: PathBuf,
    base: Dn,
    objects: BTreeMap<Uuid, Image>,
    /// What the polls brought so far.
    pub tally: Tally,
}

impl ExternalSync {
    /// A sync that holds nothing, with a cursor at 0 on this DC in a new file.
    pub fn create(
        file: &Path,
        resource: &ResourceName,
        base: Dn,
        dc: &DcSettings,
    ) -> Result<Self, SyncError> {
        let cursor = serde_json::json!({
            "version": 1, "resource": resource, "ldapHost": dc.host, "globalCatalog": null, "invocationId": null,
            "lastUpdated": 0, "lastDeleted": 0,
        });
        let sync = Self {
            file: file.to_owned(),
            base,
            objects: BTreeMap::new(),
            tally: Tally::default(),
        };
        sync.put(&cursor.to_string())?;
        Ok(sync)
    }

    /// A copy with a cursor file of its own, moved to a start on a DC; what was read before is not counted.
    pub fn fork(
        &self,
        file: &Path,
        dc: &DcSettings,
        invocation_id: InvocationId,
        start: Usn,
    ) -> Result<Self, SyncError> {
        let mut cursor = self.cursor()?;
        cursor.insert("ldapHost".to_owned(), dc.host.clone().into());
        cursor.insert("invocationId".to_owned(), invocation_id.to_string().into());
        for key in ["lastUpdated", "lastDeleted"] {
            cursor.insert(key.to_owned(), start.get().into());
        }
        let copy = Self {
            file: file.to_owned(),
            tally: Tally::default(),
            ..self.clone()
        };
        copy.put(&Value::from(cursor).to_string())?;
        Ok(copy)
    }

    /// The host the cursor names.
    pub fn host(&self) -> Result<String, SyncError> {
        let host = self.cursor()?.get("ldapHost").cloned();
        Ok(host
            .and_then(|host| host.as_str().map(str::to_owned))
            .unwrap_or_default())
    }

    /// One poll of the DC that the cursor names, which `dc` tells how to reach.
    pub async fn poll(&mut self, dc: &DcSettings) -> Result<(), SyncError> {
        let mut cursor = self.cursor()?;
        let mut session = Session::open(dc, Port::Directory).await?;
        let found = identify(&mut session).await?.invocation_id;
        let expected = cursor
            .get("invocationId")
            .and_then(Value::as_str)
            .and_then(|id| id.parse().ok());
        if let Some(expected) = expected.filter(|expected| *expected != found) {
            return Err(SyncError::OtherIncarnation { expected, found });
        }
        let at = |key| cursor.get(key).and_then(Value::as_i64).unwrap_or(0);
        let from = at("lastUpdated").min(at("lastDeleted")).saturating_add(1);
        let committed = directory::read_root(&mut session).await?.committed;
        self.search(&mut session, from).await?;
        session.close().await;
        cursor.insert("invocationId".to_owned(), found.to_string().into());
        for key in ["lastUpdated", "lastDeleted"] {
            cursor.insert(key.to_owned(), committed.get().into());
        }
        self.put(&Value::from(cursor).to_string())?;
        self.tally.polls = self.tally.polls.saturating_add(1);
        Ok(())
    }

    async fn search(&mut self, session: &mut Session, from: i64) -> Result<(), SyncError> {
        let base = self.base.to_string();
        let filter = format!("(&(objectClass=*)(uSNChanged>={from}))");
        let mut all = Vec::new();
        let mut pages = session.pages(Query {
            base: &base,
            scope: Scope::Subtree,
            filter: &filter,
            attributes: &ATTRIBUTES,
            controls: vec![Control::show_deleted()],
        });
        while let Some(page) = pages.next_page().await? {
            all.extend(page);
        }
        for entry in all {
            let members = members(session, &entry).await?;
            self.take(entry, members)?;
        }
        Ok(())
    }

    fn take(&mut self, entry: Entry, members: Vec<Vec<u8>>) -> Result<(), SyncError> {
        let guid = entry
            .first("objectGUID")
            .and_then(|value| value.try_into().ok())
            .map(Uuid::from_bytes_le)
            .ok_or_else(|| SyncError::NoGuid(entry.dn.clone()))?;
        let stamps = entry
            .first(METADATA)
            .and_then(stamps)
            .ok_or_else(|| SyncError::NoStamps(entry.dn.clone()))?;
        let mut attributes: BTreeMap<_, _> = entry
            .attributes()
            .filter(|(name, _)| !name.starts_with(MEMBER) && !name.eq_ignore_ascii_case(METADATA))
            .map(|(name, values)| (name.to_owned(), values.to_vec()))
            .collect();
        if !members.is_empty() {
            attributes.insert(MEMBER.to_owned(), members);
        }
        let image = Image {
            dn: entry.dn,
            attributes,
            stamps,
        };
        self.tally.read = self.tally.read.saturating_add(1);
        let held = self.objects.get(&guid);
        if held.is_some_and(|held| held.dn == image.dn && held.attributes == image.attributes) {
            self.tally.repeated = self.tally.repeated.saturating_add(1);
        }
        self.objects.insert(guid, image);
        Ok(())
    }

    /// Everything it holds, in the oracle's terms.
    pub fn held(&self, oracle: &Oracle) -> BTreeMap<Uuid, Held> {
        let held = |image: &Image| {
            let mut attributes: BTreeMap<Attribute, Vec<Vec<u8>>> = image
                .attributes
                .iter()
                .filter_map(|(name, values)| Some((Attribute::of_name(name)?, values.clone())))
                .collect();
            attributes.insert(Attribute::Name, vec![image.dn.clone().into_bytes()]);
            let members = image.attributes.get(MEMBER).map_or(&[][..], Vec::as_slice);
            let members: BTreeSet<Uuid> = members
                .iter()
                .filter_map(|name| oracle.object_named(std::str::from_utf8(name).ok()?))
                .collect();
            Held {
                attributes,
                stamps: image.stamps.clone(),
                members,
            }
        };
        self.objects
            .iter()
            .map(|(guid, image)| (*guid, held(image)))
            .collect()
    }

    fn failed(&self) -> impl Fn(io::Error) -> SyncError + '_ {
        |source| SyncError::File {
            path: self.file.clone(),
            source,
        }
    }

    fn cursor(&self) -> Result<Map<String, Value>, SyncError> {
        let text = fs::read_to_string(&self.file).map_err(self.failed())?;
        serde_json::from_str(&text).map_err(|error| self.failed()(io::Error::other(error)))
    }

    /// Replaces the cursor file under its lock, as its schema says.
    fn put(&self, text: &str) -> Result<(), SyncError> {
        let beside = |end: &str| {
            let mut name = self.file.clone().into_os_string();
            name.push(end);
            PathBuf::from(name)
        };
        let write = || -> io::Result<()> {
            let lock = OpenOptions::new()
                .create(true)
                .append(true)
                .open(beside(".lock"))?;
            lock.lock()?;
            let mut fresh = File::create(beside(".new"))?;
            fresh.write_all(text.as_bytes())?;
            fresh.sync_all()?;
            fs::rename(beside(".new"), &self.file)
        };
        write().map_err(self.failed())
    }
}

/// The members of an entry, further ranges fetched one by one.
async fn members(session: &mut Session, entry: &Entry) -> Result<Vec<Vec<u8>>, DirectoryError> {
    let mut all = entry.values(MEMBER).to_vec();
    let mut part = range(entry);
    while let Some((end, values)) = part.take() {
        all.extend(values);
        let Some(end) = end else { break };
        let next = format!("{MEMBER};range={}-*", end.saturating_add(1));
        part = range(&session.search_base(&entry.dn, &[&next]).await?);
    }
    Ok(all)
}

/// The range of members in an entry, with the number of its last one where it is not the last range.
fn range(entry: &Entry) -> Option<(Option<usize>, Vec<Vec<u8>>)> {
    let (name, values) = entry
        .attributes()
        .find(|(name, _)| name.starts_with("member;range="))?;
    let (_, end) = name.rsplit_once('-')?;
    Some((end.parse().ok(), values.to_vec()))
}

/// The stamps in a `replPropertyMetaData` value: 16 bytes of header, 48 per attribute.
fn stamps(blob: &[u8]) -> Option<BTreeMap<Attribute, Stamp>> {
    let mut found = BTreeMap::new();
    for record in blob.get(16..)?.chunks(48) {
        let int = |at: usize| Some(u32::from_le_bytes(*record.get(at..)?.first_chunk()?));
        let long = |at: usize| Some(i64::from_le_bytes(*record.get(at..)?.first_chunk()?));
        let attid = int(0)?;
        let mut all = Attribute::ALL.into_iter();
        let attribute = all.find(|attribute| attribute.attid() == attid)?;
        let stamp = Stamp {
            version: int(4)?,
            seconds: long(8)?.checked_sub(11_644_473_600)?,
            by: InvocationId::from_octets(*record.get(16..)?.first_chunk()?),
            usn: long(32)?,
        };
        found.insert(attribute, stamp);
    }
    Some(found)
}
