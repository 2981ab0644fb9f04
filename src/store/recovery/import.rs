//! Into the store, out of the document.

use rusqlite::{OptionalExtension, Transaction, params};
use serde::Serialize;

use super::document::{Recovery, RecoveryCursor, RecoveryIncarnation};
use super::export;
use crate::model::{DcName, Knowledge, UtcMs};
use crate::store::{Store, StoreError, feed, polls, vectors};

/// What an import added; 0 or false where it was there already.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Imported {
    /// Incarnations.
    pub incarnations: u64,
    /// Samples.
    pub samples: u64,
    /// Polls with vectors.
    pub evidence: u64,
    /// Whether the cursor was written.
    pub cursor: bool,
    /// Whether what is known of the consumer was written.
    pub knowledge: bool,
}

impl Store {
    /// Takes recovery data in, all of it or nothing, and may be repeated. A cursor here of the same or a higher
    /// generation with another content is replaced only where `replace_cursor` is set, and is an error otherwise.
    pub async fn import_recovery(
        &self,
        recovery: Recovery,
        replace_cursor: bool,
    ) -> Result<Imported, StoreError> {
        recovery.validate()?;
        self.write(move |tx| {
            let mut imported = Imported::default();
            for (d, dc) in recovery.dcs.iter().enumerate() {
                polls::ensure_dc(tx, &dc.name)?;
                for (i, life) in dc.incarnations.iter().enumerate() {
                    let field = format!("dcs[{d}].incarnations[{i}].invocationId");
                    incarnation(tx, &dc.name, life, &field, &mut imported)?;
                }
            }
            evidence(tx, &recovery, &mut imported)?;
            consumer(tx, &recovery, replace_cursor, &mut imported)?;
            if imported.cursor || imported.knowledge {
                // What the feed holds was known by the old cursor.
                let has_feed = feed::void(tx, &recovery.resource)?;
                if has_feed && !imported.cursor {
                    feed::bump(tx, &recovery.resource)?;
                }
            }
            Ok(imported)
        })
        .await
    }
}

fn row_of(
    tx: &Transaction<'_>,
    life: &RecoveryIncarnation,
) -> Result<Option<(i64, String)>, StoreError> {
    Ok(tx
        .prepare_cached(
            "SELECT i.id, d.name FROM incarnation i JOIN dc d ON d.id = i.dc_id WHERE i.invocation_id = ?1",
        )?
        .query_row([life.invocation_id.to_octets()], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .optional()?)
}

fn incarnation(
    tx: &Transaction<'_>,
    dc: &DcName,
    life: &RecoveryIncarnation,
    field: &str,
    imported: &mut Imported,
) -> Result<(), StoreError> {
    let id = match row_of(tx, life)? {
        Some((_, owner)) if owner != dc.as_str() => {
            return Err(StoreError::Recovery {
                field: field.to_owned(),
                problem: format!(
                    "is {}, which this store has under the DC `{owner}`, not `{dc}`: name the DC alike in both \
                     configurations",
                    life.invocation_id
                ),
            });
        }
        Some((id, _)) => {
            merge(tx, id, life)?;
            id
        }
        None => {
            imported.incarnations += 1;
            create(tx, dc, life)?
        }
    };
    if let Some(known) = &life.known_usn {
        polls::raise_known(
            tx,
            life.invocation_id,
            known.usn,
            &known.partner,
            known.read_at,
        )?;
    }
    let mut insert = tx.prepare_cached(
        "INSERT OR IGNORE INTO sample (incarnation_id, collected_at, committed, took_ms, skew_ms) \
         VALUES (?1, ?2, ?3, ?4, ?5)",
    )?;
    let mut added = 0;
    for sample in &life.samples {
        added += insert.execute(params![id, sample.0, sample.1.get(), sample.2, sample.3])?;
    }
    imported.samples += added as u64;
    polls::count_samples(tx, id, i64::try_from(added).unwrap_or(i64::MAX))
}

fn create(
    tx: &Transaction<'_>,
    dc: &DcName,
    life: &RecoveryIncarnation,
) -> Result<i64, StoreError> {
    let quarantine = life.quarantine.as_ref();
    tx.prepare_cached(
        "INSERT INTO incarnation (dc_id, invocation_id, server_name, ds_service_name, site, is_global_catalog, \
         is_read_only, first_seen, last_seen, quarantined_at, quarantine_reason, released_at, released_by, \
         release_reason) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
    )?
    .execute(params![
        polls::ensure_dc(tx, dc)?,
        life.invocation_id.to_octets(),
        life.server_name,
        life.ds_service_name.as_str(),
        life.site,
        life.is_global_catalog,
        life.is_read_only,
        life.first_seen.as_millis(),
        life.last_seen.as_millis(),
        quarantine.map(|quarantine| quarantine.since.as_millis()),
        quarantine.map(|quarantine| &quarantine.reason),
        life.released_at.map(UtcMs::as_millis),
        life.released_by,
        life.release_reason
    ])?;
    Ok(tx.last_insert_rowid())
}

/// Widens what is here by what comes in: the newer identity counts, a quarantine comes in unless it was released
/// here after it began, and never goes because of an import.
fn merge(tx: &Transaction<'_>, id: i64, life: &RecoveryIncarnation) -> Result<(), StoreError> {
    tx.prepare_cached(
        "UPDATE incarnation SET server_name = ?2, ds_service_name = ?3, site = ?4, is_global_catalog = ?5, \
         is_read_only = ?6 WHERE id = ?1 AND last_seen < ?7",
    )?
    .execute(params![
        id,
        life.server_name,
        life.ds_service_name.as_str(),
        life.site,
        life.is_global_catalog,
        life.is_read_only,
        life.last_seen.as_millis()
    ])?;
    tx.prepare_cached(
        "UPDATE incarnation SET first_seen = min(first_seen, ?2), last_seen = max(last_seen, ?3) WHERE id = ?1",
    )?
    .execute(params![id, life.first_seen.as_millis(), life.last_seen.as_millis()])?;
    if let Some(quarantine) = &life.quarantine {
        tx.prepare_cached(
            "UPDATE incarnation SET quarantined_at = ?2, quarantine_reason = ?3 \
             WHERE id = ?1 AND quarantined_at IS NULL AND coalesce(released_at, ?2 - 1) < ?2",
        )?
        .execute(params![id, quarantine.since.as_millis(), quarantine.reason])?;
    }
    if let Some(released_at) = life.released_at {
        tx.prepare_cached(
            "UPDATE incarnation SET released_at = ?2, released_by = ?3, release_reason = ?4 \
             WHERE id = ?1 AND coalesce(released_at, ?2 - 1) < ?2",
        )?
        .execute(params![
            id,
            released_at.as_millis(),
            life.released_by,
            life.release_reason
        ])?;
    }
    Ok(())
}

fn evidence(
    tx: &Transaction<'_>,
    recovery: &Recovery,
    imported: &mut Imported,
) -> Result<(), StoreError> {
    for poll in &recovery.evidence {
        let id = tx
            .prepare_cached("SELECT id FROM incarnation WHERE invocation_id = ?1")?
            .query_row([poll.invocation_id.to_octets()], |row| row.get(0))?;
        if !vectors::has_poll(tx, id, poll.collected_at)? {
            vectors::insert(
                tx,
                id,
                poll.collected_at,
                poll.committed_after,
                &poll.vectors,
            )?;
            imported.evidence += 1;
        }
    }
    Ok(())
}

/// The cursor, its sighting, and what is known of the consumer.
fn consumer(
    tx: &Transaction<'_>,
    recovery: &Recovery,
    replace_cursor: bool,
    imported: &mut Imported,
) -> Result<(), StoreError> {
    if let Some(incoming) = &recovery.cursor {
        imported.cursor = cursor(tx, recovery, incoming, replace_cursor)?;
    }
    if let Some(seen) = &recovery.cursor_seen {
        tx.prepare_cached(
            "INSERT INTO cursor_seen (resource, dc, invocation_id, read_up_to, seen_at) VALUES (?1, ?2, ?3, ?4, ?5) \
             ON CONFLICT (resource) DO UPDATE SET dc = excluded.dc, invocation_id = excluded.invocation_id, \
             read_up_to = excluded.read_up_to, seen_at = excluded.seen_at \
             WHERE excluded.seen_at > cursor_seen.seen_at",
        )?
        .execute(params![
            recovery.resource.as_str(),
            seen.dc.as_ref().map(DcName::as_str),
            seen.invocation_id.map(crate::model::InvocationId::to_octets),
            seen.read_up_to.get(),
            seen.seen_at.as_millis()
        ])?;
    }
    if let Some(incoming) = &recovery.knowledge {
        let here = export::knowledge(tx, &recovery.resource)?;
        let newer = here
            .as_ref()
            .is_none_or(|here| since(here) < since(incoming));
        if newer || (replace_cursor && here.as_ref() != Some(incoming)) {
            let json = serde_json::to_string(incoming)
                .map_err(|error| StoreError::Other(error.to_string()))?;
            tx.prepare_cached(
                "INSERT INTO knowledge (resource, knowledge) VALUES (?1, ?2) \
                 ON CONFLICT (resource) DO UPDATE SET knowledge = excluded.knowledge",
            )?
            .execute(params![recovery.resource.as_str(), json])?;
            imported.knowledge = true;
        }
    }
    Ok(())
}

fn since(knowledge: &Knowledge) -> UtcMs {
    match knowledge {
        Knowledge::Held { since, .. }
        | Knowledge::Void { since, .. }
        | Knowledge::Pass { since, .. } => *since,
    }
}

/// Writes the cursor where that is allowed; whether it wrote.
fn cursor(
    tx: &Transaction<'_>,
    recovery: &Recovery,
    incoming: &RecoveryCursor,
    replace: bool,
) -> Result<bool, StoreError> {
    let here = export::cursor(tx, &recovery.resource)?;
    let mut generation = incoming.generation;
    if let Some(here) = here {
        if here.cursor == incoming.cursor {
            return Ok(false);
        }
        if here.generation >= incoming.generation {
            if !replace {
                return Err(StoreError::Recovery {
                    field: "cursor.generation".to_owned(),
                    problem: format!(
                        "is {}, and the store holds another cursor of generation {}, written {}: keep that one by \
                         setting `cursor` to null, or order it to be replaced",
                        incoming.generation, here.generation, here.updated_at
                    ),
                });
            }
            generation = here.generation.saturating_add(1);
        }
    }
    let cursor = &incoming.cursor;
    tx.prepare_cached(
        "INSERT OR REPLACE INTO cursor (resource, generation, ldap_host, global_catalog, invocation_id, \
         last_updated, last_deleted, updated_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?
    .execute(params![
        recovery.resource.as_str(),
        generation,
        cursor.ldap_host,
        cursor.global_catalog,
        cursor.invocation_id.map(crate::model::InvocationId::to_octets),
        cursor.last_updated.get(),
        cursor.last_deleted.get(),
        incoming.updated_at.as_millis()
    ])?;
    Ok(true)
}
