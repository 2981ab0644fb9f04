//! Where a feed reads: a directory that opens a way to a DC, and what is asked of the DC on it.
//!
//! Owns the words ([`Directory`], [`ChangeSource`]) and their one meaning over LDAP ([`Ldap`], [`Session`]). A simulated
//! forest answers the same questions in tests, so that what ships can be run over any weather.
//!
//! # Decisions
//! - One page of a search at a time, asked for by the mark the page before it left: whoever reads holds no more than one.
//! - Every answer is as of the moment it is given. What must hold between two of them, the reader has to see to.

use std::collections::BTreeSet;
use std::future::Future;

use super::changes::{ChangeQuery, change_page, read_object};
use super::connect::Port;
use super::draft::Reading;
use super::error::DirectoryError;
use super::identify::identify;
use super::membership::{has_children, matching, member_of};
use super::position::{Position, read_position};
use super::read::{Wanted, read_facts};
use super::schema::read_schema;
use super::session::Session;
use crate::config::DcSettings;
use crate::model::{Dn, Identity, Image, ObjectGuid, Schema};

/// Opens ways to DCs.
pub trait Directory: Send + Sync {
    /// A way to one DC.
    type Source: ChangeSource;

    /// Opens a way to a DC, authenticated.
    fn open(
        &self,
        dc: &DcSettings,
        port: Port,
    ) -> impl Future<Output = Result<Self::Source, DirectoryError>> + Send;
}

/// A way to one DC, and what a feed asks of it. Dropping it closes it.
pub trait ChangeSource: Send {
    /// Where the DC stands with the naming contexts of these bases: invocationId → vectors → highestCommittedUSN (R1).
    fn position(
        &mut self,
        bases: &[Dn],
    ) -> impl Future<Output = Result<Position, DirectoryError>> + Send;

    /// Who answers, with the invocationId of now.
    fn identify(&mut self) -> impl Future<Output = Result<Identity, DirectoryError>> + Send;

    /// The attributes that are in use, from the schema naming context.
    fn schema(
        &mut self,
        schema_nc: &Dn,
    ) -> impl Future<Output = Result<Schema, DirectoryError>> + Send;

    /// tombstoneLifetime in days; `None` where it may not be read.
    fn tombstone_lifetime(
        &mut self,
    ) -> impl Future<Output = Result<Option<u32>, DirectoryError>> + Send;

    /// The page of a search for changes that `mark` asks for; every object on it is complete.
    fn changes(
        &mut self,
        reading: &Reading<'_>,
        query: &ChangeQuery<'_>,
        mark: PageMark,
    ) -> impl Future<Output = Result<ChangePage, DirectoryError>> + Send;

    /// One object by its objectGUID, deleted or not; `None` where the DC does not have it or does not show it.
    fn object(
        &mut self,
        guid: ObjectGuid,
        reading: &Reading<'_>,
    ) -> impl Future<Output = Result<Option<Image>, DirectoryError>> + Send;

    /// Which of these objects are alive, at or below `base`, and matched by the filter.
    fn matching(
        &mut self,
        base: &Dn,
        filter: &str,
        guids: &[ObjectGuid],
    ) -> impl Future<Output = Result<BTreeSet<ObjectGuid>, DirectoryError>> + Send;

    /// Whether anything lies immediately below an object: no where the DC does not have it.
    fn has_children(
        &mut self,
        guid: ObjectGuid,
    ) -> impl Future<Output = Result<bool, DirectoryError>> + Send;

    /// The objects whose `member` values lead to this one, as far as this DC knows them; none where it does not have it.
    fn member_of(
        &mut self,
        guid: ObjectGuid,
    ) -> impl Future<Output = Result<Vec<ObjectGuid>, DirectoryError>> + Send;
}

/// A page of a search for changes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChangePage {
    /// Its objects; tombstones are among them.
    pub images: Vec<Image>,
    /// What asks for the next page; `None` after the last one.
    pub next: Option<PageMark>,
}

/// What asks for a page: the cookie that the page before it left. The default asks for the first one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PageMark(pub Vec<u8>);

/// A search that is read page by page.
#[derive(Debug)]
pub struct Search<'a> {
    reading: &'a Reading<'a>,
    query: &'a ChangeQuery<'a>,
    next: Option<PageMark>,
}

impl<'a> Search<'a> {
    /// The pages of a search, from the first one on.
    pub fn new(reading: &'a Reading<'a>, query: &'a ChangeQuery<'a>) -> Self {
        Self {
            reading,
            query,
            next: Some(PageMark::default()),
        }
    }

    /// The objects of the next page; `None` after the last one.
    pub async fn next(
        &mut self,
        source: &mut impl ChangeSource,
    ) -> Result<Option<Vec<Image>>, DirectoryError> {
        let Some(mark) = self.next.take() else {
            return Ok(None);
        };
        let page = source.changes(self.reading, self.query, mark).await?;
        self.next = page.next;
        Ok(Some(page.images))
    }
}

/// The directory over LDAP.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Ldap;

impl Directory for Ldap {
    type Source = Session;

    async fn open(&self, dc: &DcSettings, port: Port) -> Result<Session, DirectoryError> {
        Session::open(dc, port).await
    }
}

impl ChangeSource for Session {
    async fn position(&mut self, bases: &[Dn]) -> Result<Position, DirectoryError> {
        read_position(self, bases).await
    }

    async fn identify(&mut self) -> Result<Identity, DirectoryError> {
        identify(self).await
    }

    async fn schema(&mut self, schema_nc: &Dn) -> Result<Schema, DirectoryError> {
        read_schema(self, schema_nc).await
    }

    async fn tombstone_lifetime(&mut self) -> Result<Option<u32>, DirectoryError> {
        let wanted = Wanted {
            tombstones: true,
            ..Wanted::default()
        };
        Ok(read_facts(self, &wanted).await?.tombstone_lifetime_days)
    }

    async fn changes(
        &mut self,
        reading: &Reading<'_>,
        query: &ChangeQuery<'_>,
        mark: PageMark,
    ) -> Result<ChangePage, DirectoryError> {
        change_page(self, reading, query, mark).await
    }

    async fn object(
        &mut self,
        guid: ObjectGuid,
        reading: &Reading<'_>,
    ) -> Result<Option<Image>, DirectoryError> {
        read_object(self, guid, reading).await
    }

    async fn matching(
        &mut self,
        base: &Dn,
        filter: &str,
        guids: &[ObjectGuid],
    ) -> Result<BTreeSet<ObjectGuid>, DirectoryError> {
        matching(self, base, filter, guids).await
    }

    async fn has_children(&mut self, guid: ObjectGuid) -> Result<bool, DirectoryError> {
        has_children(self, guid).await
    }

    async fn member_of(&mut self, guid: ObjectGuid) -> Result<Vec<ObjectGuid>, DirectoryError> {
        member_of(self, guid).await
    }
}
