//! The numbers that stand for attributes, origins, naming contexts and containers in a feed's rows.

use std::collections::BTreeMap;

use rusqlite::{OptionalExtension, Transaction};

use super::codec::{Numbered, decode_journal, decode_links, encode_journal, encode_links};
use super::place;
use crate::model::{AttributeOid, Dn, InvocationId, LinkDigest, Stamp, Told};
use crate::store::{StoreError, values, vectors};

/// What stands behind the numbers, for reading.
pub(super) struct Meanings {
    attributes: BTreeMap<u32, AttributeOid>,
    origins: BTreeMap<u32, InvocationId>,
    ncs: BTreeMap<i64, Dn>,
}

impl Meanings {
    pub(super) fn load(tx: &Transaction<'_>) -> Result<Self, StoreError> {
        let mut query = tx.prepare_cached("SELECT id, dn FROM naming_context")?;
        let rows = query.query_and_then([], |row| {
            let dn = values::text("naming_context.dn", &row.get::<_, String>(1)?)?;
            Ok::<_, StoreError>((row.get(0)?, dn))
        })?;
        Ok(Self {
            attributes: attributes(tx)?.collect::<Result<_, _>>()?,
            origins: origins(tx)?.collect::<Result<_, _>>()?,
            ncs: rows.collect::<Result<_, _>>()?,
        })
    }

    pub(super) fn nc(&self, id: i64) -> Result<&Dn, StoreError> {
        self.ncs
            .get(&id)
            .ok_or_else(|| missing("naming_context", id))
    }

    pub(super) fn origin(&self, number: u32) -> Result<InvocationId, StoreError> {
        let origin = self.origins.get(&number).copied();
        origin.ok_or_else(|| missing("feed_origin", number.into()))
    }

    pub(super) fn journal(
        &self,
        octets: &[u8],
    ) -> Result<BTreeMap<AttributeOid, Stamp>, StoreError> {
        let mut journal = BTreeMap::new();
        for (attribute, stamp) in decode_journal(octets).map_err(garbled)? {
            let stamp = Stamp {
                version: stamp.version,
                seconds: stamp.seconds,
                origin: self.origin(stamp.origin)?,
                usn: values::usn("feed_object.journal", stamp.usn)?,
            };
            journal.insert(self.attribute(attribute)?, stamp);
        }
        Ok(journal)
    }

    pub(super) fn links(
        &self,
        octets: &[u8],
    ) -> Result<BTreeMap<AttributeOid, LinkDigest>, StoreError> {
        let mut links = BTreeMap::new();
        for (attribute, digest) in decode_links(octets).map_err(garbled)? {
            links.insert(self.attribute(attribute)?, digest);
        }
        Ok(links)
    }

    fn attribute(&self, number: u32) -> Result<AttributeOid, StoreError> {
        let found = self.attributes.get(&number).cloned();
        found.ok_or_else(|| missing("feed_attribute", number.into()))
    }
}

/// The numbers, for writing: what has none yet gets one.
pub(super) struct Numbers<'a> {
    tx: &'a Transaction<'a>,
    attributes: BTreeMap<AttributeOid, u32>,
    origins: BTreeMap<InvocationId, u32>,
    ncs: BTreeMap<Dn, i64>,
    containers: BTreeMap<String, i64>,
}

impl<'a> Numbers<'a> {
    pub(super) fn load(tx: &'a Transaction<'a>) -> Result<Self, StoreError> {
        Ok(Self {
            tx,
            attributes: attributes(tx)?
                .map(|row| row.map(|(id, oid)| (oid, id)))
                .collect::<Result<_, _>>()?,
            origins: origins(tx)?
                .map(|row| row.map(|(id, origin)| (origin, id)))
                .collect::<Result<_, _>>()?,
            ncs: BTreeMap::new(),
            containers: BTreeMap::new(),
        })
    }

    pub(super) fn nc(&mut self, nc: &Dn) -> Result<i64, StoreError> {
        if let Some(id) = self.ncs.get(nc) {
            return Ok(*id);
        }
        let id = vectors::ensure_nc(self.tx, nc)?;
        self.ncs.insert(nc.clone(), id);
        Ok(id)
    }

    pub(super) fn container(&mut self, dn: &str) -> Result<i64, StoreError> {
        if let Some(id) = self.containers.get(dn) {
            return Ok(*id);
        }
        let found = self
            .tx
            .prepare_cached("SELECT id FROM feed_container WHERE dn = ?1")?
            .query_row([dn], |row| row.get(0))
            .optional()?;
        let id = match found {
            Some(id) => id,
            None => self
                .tx
                .prepare_cached("INSERT INTO feed_container (dn, path) VALUES (?1, ?2)")?
                .insert([dn, &place::path(dn)])?,
        };
        self.containers.insert(dn.to_owned(), id);
        Ok(id)
    }

    pub(super) fn journal(&mut self, told: &Told) -> Result<Vec<u8>, StoreError> {
        let mut entries = Vec::with_capacity(told.journal.len());
        for (oid, stamp) in &told.journal {
            let stamp = Numbered {
                version: stamp.version,
                seconds: stamp.seconds,
                origin: self.origin(stamp.origin)?,
                usn: stamp.usn.get(),
            };
            entries.push((self.attribute(oid)?, stamp));
        }
        entries.sort_by_key(|(attribute, _)| *attribute);
        Ok(encode_journal(&entries))
    }

    pub(super) fn links(&mut self, told: &Told) -> Result<Vec<u8>, StoreError> {
        let mut entries = Vec::with_capacity(told.links.len());
        for (oid, digest) in &told.links {
            entries.push((self.attribute(oid)?, *digest));
        }
        entries.sort_unstable_by_key(|(attribute, _)| *attribute);
        Ok(encode_links(&entries))
    }

    fn attribute(&mut self, oid: &AttributeOid) -> Result<u32, StoreError> {
        if let Some(number) = self.attributes.get(oid) {
            return Ok(*number);
        }
        let id = self
            .tx
            .prepare_cached("INSERT INTO feed_attribute (oid) VALUES (?1)")?
            .insert([oid.as_str()])?;
        let number = values::count("feed_attribute.id", id)?;
        self.attributes.insert(oid.clone(), number);
        Ok(number)
    }

    pub(super) fn origin(&mut self, origin: InvocationId) -> Result<u32, StoreError> {
        if let Some(number) = self.origins.get(&origin) {
            return Ok(*number);
        }
        let id = self
            .tx
            .prepare_cached("INSERT INTO feed_origin (invocation_id) VALUES (?1)")?
            .insert([origin.to_octets()])?;
        let number = values::count("feed_origin.id", id)?;
        self.origins.insert(origin, number);
        Ok(number)
    }
}

/// The number of an origin, where any journal ever held it.
pub(super) fn origin_number(
    tx: &Transaction<'_>,
    origin: InvocationId,
) -> Result<Option<u32>, StoreError> {
    let id: Option<i64> = tx
        .prepare_cached("SELECT id FROM feed_origin WHERE invocation_id = ?1")?
        .query_row([origin.to_octets()], |row| row.get(0))
        .optional()?;
    id.map(|id| values::count("feed_origin.id", id)).transpose()
}

type Rows<T> = std::vec::IntoIter<Result<(u32, T), StoreError>>;

fn attributes(tx: &Transaction<'_>) -> Result<Rows<AttributeOid>, StoreError> {
    let mut query = tx.prepare_cached("SELECT id, oid FROM feed_attribute")?;
    let rows = query.query_and_then([], |row| {
        let number = values::count("feed_attribute.id", row.get(0)?)?;
        Ok((number, AttributeOid::new(&row.get::<_, String>(1)?)))
    })?;
    Ok(rows.collect::<Vec<_>>().into_iter())
}

pub(super) fn origins(tx: &Transaction<'_>) -> Result<Rows<InvocationId>, StoreError> {
    let mut query = tx.prepare_cached("SELECT id, invocation_id FROM feed_origin")?;
    let rows = query.query_and_then([], |row| {
        let number = values::count("feed_origin.id", row.get(0)?)?;
        Ok((number, InvocationId::from_octets(row.get(1)?)))
    })?;
    Ok(rows.collect::<Vec<_>>().into_iter())
}

pub(super) fn garbled(error: crate::store::octets::Garbled) -> StoreError {
    StoreError::Unreadable(format!("feed_object: {error}"))
}

fn missing(table: &str, id: i64) -> StoreError {
    StoreError::Unreadable(format!("a feed's row names {table} {id}, which is missing"))
}
