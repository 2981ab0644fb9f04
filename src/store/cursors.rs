//! Cursors kept in the store, cursors as last seen anywhere, and what consumers hold.

use rusqlite::{OptionalExtension, Row, Transaction, params};

use super::{Store, StoreError, feed};
use crate::model::{
    Cursor, CursorTag, DcName, HeldCursor, InvocationId, Knowledge, ResourceName, Usn, UtcMs,
};

/// The cursor of a resource as it was last seen, wherever it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CursorSeen {
    /// Whose cursor.
    pub resource: ResourceName,
    /// The DC in use, where its host is a configured one.
    pub dc: Option<DcName>,
    /// The incarnation the USN counts on, where it is known.
    pub invocation_id: Option<InvocationId>,
    /// Everything up to this USN had been read.
    pub read_up_to: Usn,
    /// When it was seen.
    pub seen_at: UtcMs,
}

impl Store {
    /// The cursor kept here for the resource, its tag being the generation; `None` where there is none.
    pub async fn store_cursor(
        &self,
        resource: &ResourceName,
    ) -> Result<Option<HeldCursor>, StoreError> {
        let resource = resource.clone();
        self.read(move |transaction| cursor_in(transaction, &resource))
            .await
    }

    /// When the cursor kept here was last written, by a sync's commit or a switch; `None` where there is none.
    pub async fn cursor_written_at(
        &self,
        resource: &ResourceName,
    ) -> Result<Option<UtcMs>, StoreError> {
        let resource = resource.clone();
        self.read(move |transaction| {
            let at = transaction
                .prepare_cached("SELECT updated_at FROM cursor WHERE resource = ?1")?
                .query_row([resource.as_str()], |row| row.get(0))
                .optional()?;
            Ok(at.map(UtcMs::from_millis))
        })
        .await
    }

    /// Creates the first cursor of a resource; `None` where it has one already, which is then left alone.
    pub async fn create_cursor(
        &self,
        resource: &ResourceName,
        cursor: &Cursor,
        at: UtcMs,
    ) -> Result<Option<CursorTag>, StoreError> {
        let (resource, cursor) = (resource.clone(), cursor.clone());
        self.write(move |transaction| create_in(transaction, &resource, &cursor, at))
            .await
    }

    /// Replaces the cursor if its generation is still the expected one; `None`, and nothing written, where it is not.
    pub async fn put_cursor_if(
        &self,
        resource: &ResourceName,
        expected: &CursorTag,
        new: &Cursor,
        at: UtcMs,
    ) -> Result<Option<CursorTag>, StoreError> {
        let (resource, expected, new) = (resource.clone(), expected.clone(), new.clone());
        self.write(move |transaction| put_in(transaction, &resource, &expected, &new, at))
            .await
    }

    /// Takes down where a resource's cursor was seen to stand.
    pub async fn note_cursor_seen(&self, seen: &CursorSeen) -> Result<(), StoreError> {
        let seen = seen.clone();
        self.write(move |transaction| note_seen_in(transaction, &seen))
            .await
    }

    /// Every resource's cursor as last seen, by name.
    pub async fn cursors_seen(&self) -> Result<Vec<CursorSeen>, StoreError> {
        self.read(|transaction| {
            let mut query = transaction.prepare_cached(
                "SELECT resource, dc, invocation_id, read_up_to, seen_at FROM cursor_seen ORDER BY resource",
            )?;
            let mut rows = query.query([])?;
            let mut all = Vec::new();
            while let Some(row) = rows.next()? {
                let dc: Option<String> = row.get(1)?;
                all.push(CursorSeen {
                    resource: parsed("cursor_seen.resource", &row.get::<_, String>(0)?)?,
                    dc: dc.map(|dc| parsed("cursor_seen.dc", &dc)).transpose()?,
                    invocation_id: row.get::<_, Option<[u8; 16]>>(2)?.map(InvocationId::from_octets),
                    read_up_to: usn("cursor_seen.read_up_to", row.get(3)?)?,
                    seen_at: UtcMs::from_millis(row.get(4)?),
                });
            }
            Ok(all)
        })
        .await
    }

    /// What the resource's consumer is known to hold since its last switch; `None` before the first.
    pub async fn knowledge(
        &self,
        resource: &ResourceName,
    ) -> Result<Option<Knowledge>, StoreError> {
        let resource = resource.clone();
        self.read(move |transaction| {
            let text: Option<String> = transaction
                .prepare_cached("SELECT knowledge FROM knowledge WHERE resource = ?1")?
                .query_row([resource.as_str()], |row| row.get(0))
                .optional()?;
            text.map(|text| from_json("knowledge.knowledge", &text))
                .transpose()
        })
        .await
    }

    /// Replaces what the resource's consumer is known to hold; a feed's S follows, and its fence is raised.
    pub async fn put_knowledge(
        &self,
        resource: &ResourceName,
        knowledge: &Knowledge,
    ) -> Result<(), StoreError> {
        let (resource, knowledge) = (resource.clone(), knowledge.clone());
        self.write(move |transaction| put_knowledge_fenced(transaction, &resource, &knowledge))
            .await
    }
}

/// The cursor kept here, inside a transaction.
pub(super) fn cursor_in(
    transaction: &Transaction<'_>,
    resource: &ResourceName,
) -> Result<Option<HeldCursor>, StoreError> {
    let mut query = transaction.prepare_cached(
        "SELECT generation, ldap_host, global_catalog, invocation_id, last_updated, last_deleted FROM cursor \
         WHERE resource = ?1",
    )?;
    let mut rows = query.query([resource.as_str()])?;
    rows.next()?.map(held).transpose()
}

fn held(row: &Row<'_>) -> Result<HeldCursor, StoreError> {
    let id: Option<[u8; 16]> = row.get(3)?;
    Ok(HeldCursor {
        tag: tag(row.get(0)?),
        cursor: Cursor {
            ldap_host: row.get(1)?,
            global_catalog: row.get(2)?,
            invocation_id: id.map(InvocationId::from_octets),
            last_updated: usn("cursor.last_updated", row.get(4)?)?,
            last_deleted: usn("cursor.last_deleted", row.get(5)?)?,
        },
    })
}

/// The first cursor, inside a transaction; `None` where there is one.
pub(super) fn create_in(
    transaction: &Transaction<'_>,
    resource: &ResourceName,
    cursor: &Cursor,
    at: UtcMs,
) -> Result<Option<CursorTag>, StoreError> {
    let created = transaction.execute(
        "INSERT INTO cursor (resource, generation, ldap_host, global_catalog, invocation_id, last_updated, \
         last_deleted, updated_at) VALUES (?1, 1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (resource) DO NOTHING",
        params![
            resource.as_str(),
            cursor.ldap_host,
            cursor.global_catalog,
            octets(cursor.invocation_id),
            cursor.last_updated.get(),
            cursor.last_deleted.get(),
            at.as_millis(),
        ],
    )?;
    Ok((created == 1).then(|| tag(1)))
}

/// Compare-and-set by generation, inside a transaction; the row count decides.
pub(super) fn put_in(
    transaction: &Transaction<'_>,
    resource: &ResourceName,
    expected: &CursorTag,
    new: &Cursor,
    at: UtcMs,
) -> Result<Option<CursorTag>, StoreError> {
    // A tag of another kind of consumer is no generation: then nothing here can be what was expected.
    let Ok(generation) = expected.0.parse::<i64>() else {
        return Ok(None);
    };
    let next = generation.saturating_add(1);
    let written = transaction.execute(
        "UPDATE cursor SET generation = ?3, ldap_host = ?4, global_catalog = ?5, invocation_id = ?6, \
         last_updated = ?7, last_deleted = ?8, updated_at = ?9 WHERE resource = ?1 AND generation = ?2",
        params![
            resource.as_str(),
            generation,
            next,
            new.ldap_host,
            new.global_catalog,
            octets(new.invocation_id),
            new.last_updated.get(),
            new.last_deleted.get(),
            at.as_millis(),
        ],
    )?;
    Ok((written == 1).then(|| tag(next)))
}

pub(super) fn note_seen_in(
    transaction: &Transaction<'_>,
    seen: &CursorSeen,
) -> Result<(), StoreError> {
    transaction.execute(
        "INSERT INTO cursor_seen (resource, dc, invocation_id, read_up_to, seen_at) VALUES (?1, ?2, ?3, ?4, ?5) \
         ON CONFLICT (resource) DO UPDATE SET dc = excluded.dc, invocation_id = excluded.invocation_id, \
         read_up_to = excluded.read_up_to, seen_at = excluded.seen_at",
        params![
            seen.resource.as_str(),
            seen.dc.as_ref().map(DcName::as_str),
            octets(seen.invocation_id),
            seen.read_up_to.get(),
            seen.seen_at.as_millis(),
        ],
    )?;
    Ok(())
}

/// What is known of the consumer, where the cursor is not written with it: the reader of a feed is fenced off.
pub(super) fn put_knowledge_fenced(
    transaction: &Transaction<'_>,
    resource: &ResourceName,
    knowledge: &Knowledge,
) -> Result<(), StoreError> {
    if put_knowledge_in(transaction, resource, knowledge)? {
        feed::bump(transaction, resource)?;
    }
    Ok(())
}

/// What is known of the consumer, and S of its feed; whether a feed was changed.
pub(super) fn put_knowledge_in(
    transaction: &Transaction<'_>,
    resource: &ResourceName,
    knowledge: &Knowledge,
) -> Result<bool, StoreError> {
    transaction.execute(
        "INSERT INTO knowledge (resource, knowledge) VALUES (?1, ?2) \
         ON CONFLICT (resource) DO UPDATE SET knowledge = excluded.knowledge",
        params![resource.as_str(), to_json(knowledge)?],
    )?;
    feed::apply_knowledge(transaction, resource, knowledge)
}

fn tag(generation: i64) -> CursorTag {
    CursorTag(generation.to_string())
}

fn octets(id: Option<InvocationId>) -> Option<[u8; 16]> {
    id.map(InvocationId::to_octets)
}

fn usn(column: &str, value: i64) -> Result<Usn, StoreError> {
    Usn::new(value).map_err(|error| unreadable(column, &error))
}

/// A stored name or code, or which column holds none.
pub(super) fn parsed<T>(column: &str, text: &str) -> Result<T, StoreError>
where
    T: std::str::FromStr,
    T::Err: std::fmt::Display,
{
    text.parse().map_err(|error| unreadable(column, &error))
}

pub(super) fn from_json<T: serde::de::DeserializeOwned>(
    column: &str,
    text: &str,
) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|error| unreadable(column, &error))
}

pub(super) fn to_json<T: serde::Serialize>(value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| StoreError::Other(error.to_string()))
}

fn unreadable(column: &str, error: &dyn std::fmt::Display) -> StoreError {
    StoreError::Unreadable(format!("{column}: {error}"))
}
