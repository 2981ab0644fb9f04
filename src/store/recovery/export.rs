//! Out of the store, into the document.

use rusqlite::{OptionalExtension, Transaction, params};

use super::document::{
    Recovery, RecoveryCursor, RecoveryCursorSeen, RecoveryDc, RecoveryEvidence,
    RecoveryIncarnation, RecoverySample, VERSION,
};
use crate::clock;
use crate::model::{Cursor, DcName, Incarnation, Knowledge, ResourceName, UtcMs};
use crate::store::{Store, StoreError, polls, values, vectors};

impl Store {
    /// The recovery data of a resource whose DCs are `dcs`: all that another store needs to go on from here.
    pub async fn export_recovery(
        &self,
        resource: ResourceName,
        dcs: &[DcName],
    ) -> Result<Recovery, StoreError> {
        let dcs = dcs.to_vec();
        let exported_at = clock::now();
        self.read(move |tx| {
            let mut recovery = Recovery {
                name: Recovery::name_of(&resource),
                version: VERSION,
                exported_at,
                dcs: Vec::with_capacity(dcs.len()),
                evidence: Vec::new(),
                cursor: cursor(tx, &resource)?,
                cursor_seen: cursor_seen(tx, &resource)?,
                knowledge: knowledge(tx, &resource)?,
                resource,
            };
            for name in dcs {
                let mut incarnations = Vec::new();
                for (id, life) in polls::incarnations(tx, &name)? {
                    recovery
                        .evidence
                        .extend(evidence(tx, &recovery, &name, id, &life)?);
                    incarnations.push(incarnation(tx, id, life)?);
                }
                recovery.dcs.push(RecoveryDc { name, incarnations });
            }
            Ok(recovery)
        })
        .await
    }
}

fn incarnation(
    tx: &Transaction<'_>,
    id: i64,
    life: Incarnation,
) -> Result<RecoveryIncarnation, StoreError> {
    let samples = tx
        .prepare_cached(
            "SELECT collected_at, committed, took_ms, skew_ms FROM sample WHERE incarnation_id = ?1 \
             ORDER BY collected_at",
        )?
        .query_and_then([id], |row| values::sample(row, 0).map(RecoverySample::from))?
        .collect::<Result<_, StoreError>>()?;
    let (released_by, release_reason) = tx
        .prepare_cached("SELECT released_by, release_reason FROM incarnation WHERE id = ?1")?
        .query_row([id], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(RecoveryIncarnation {
        known_usn: polls::known(tx, life.invocation_id)?,
        invocation_id: life.invocation_id,
        server_name: life.server_name,
        ds_service_name: life.ds_service_name,
        site: life.site,
        is_global_catalog: life.is_global_catalog,
        is_read_only: life.is_read_only,
        first_seen: life.first_seen,
        last_seen: life.last_seen,
        quarantine: life.quarantine,
        released_at: life.released_at,
        released_by,
        release_reason,
        samples,
    })
}

/// The evidence of this incarnation for the cursor of the document, and its newest poll, oldest first; nothing where
/// the cursor does not count on it.
fn evidence(
    tx: &Transaction<'_>,
    recovery: &Recovery,
    dc: &DcName,
    id: i64,
    life: &Incarnation,
) -> Result<Vec<RecoveryEvidence>, StoreError> {
    let mut needs = Vec::new();
    if let Some(held) = &recovery.cursor
        && held.cursor.invocation_id == Some(life.invocation_id)
    {
        needs.push(held.cursor.read_up_to().get());
    }
    if let Some(seen) = &recovery.cursor_seen {
        let counts_on_it = match seen.invocation_id {
            Some(counted) => counted == life.invocation_id,
            None => seen.dc.as_ref() == Some(dc),
        };
        needs.extend(counts_on_it.then_some(seen.read_up_to.get()));
    }
    if !needs.is_empty() {
        needs.push(i64::MAX);
    }
    let mut polls = std::collections::BTreeSet::new();
    for read_up_to in needs {
        polls.extend(vectors::evidence(tx, id, read_up_to)?);
    }
    let mut after = tx.prepare_cached(
        "SELECT s.committed_after FROM naming_context n CROSS JOIN source_sample s ON s.nc_id = n.id \
         WHERE s.incarnation_id = ?1 AND s.collected_at = ?2 LIMIT 1",
    )?;
    let mut evidence = Vec::with_capacity(polls.len());
    for at in polls {
        let committed_after = after.query_row(params![id, at], |row| row.get(0))?;
        evidence.push(RecoveryEvidence {
            invocation_id: life.invocation_id,
            collected_at: UtcMs::from_millis(at),
            committed_after: values::usn("source_sample.committed_after", committed_after)?,
            vectors: vectors::load_poll(tx, id, at)?,
        });
    }
    Ok(evidence)
}

/// The cursor the store keeps for this resource.
pub(super) fn cursor(
    tx: &Transaction<'_>,
    resource: &ResourceName,
) -> Result<Option<RecoveryCursor>, StoreError> {
    tx.prepare_cached(
        "SELECT generation, ldap_host, global_catalog, invocation_id, last_updated, last_deleted, updated_at \
         FROM cursor WHERE resource = ?1",
    )?
    .query_and_then([resource.as_str()], |row| {
        let id: Option<Vec<u8>> = row.get(3)?;
        Ok(RecoveryCursor {
            generation: row.get(0)?,
            cursor: Cursor {
                ldap_host: row.get(1)?,
                global_catalog: row.get(2)?,
                invocation_id: id
                    .map(|id| values::invocation_id("cursor.invocation_id", &id))
                    .transpose()?,
                last_updated: values::usn("cursor.last_updated", row.get(4)?)?,
                last_deleted: values::usn("cursor.last_deleted", row.get(5)?)?,
            },
            updated_at: values::moment(row, 6)?,
        })
    })?
    .next()
    .transpose()
}

fn cursor_seen(
    tx: &Transaction<'_>,
    resource: &ResourceName,
) -> Result<Option<RecoveryCursorSeen>, StoreError> {
    tx.prepare_cached(
        "SELECT dc, invocation_id, read_up_to, seen_at FROM cursor_seen WHERE resource = ?1",
    )?
    .query_and_then([resource.as_str()], |row| {
        let dc: Option<String> = row.get(0)?;
        let id: Option<Vec<u8>> = row.get(1)?;
        Ok(RecoveryCursorSeen {
            dc: dc
                .map(|dc| values::text("cursor_seen.dc", &dc))
                .transpose()?,
            invocation_id: id
                .map(|id| values::invocation_id("cursor_seen.invocation_id", &id))
                .transpose()?,
            read_up_to: values::usn("cursor_seen.read_up_to", row.get(2)?)?,
            seen_at: values::moment(row, 3)?,
        })
    })?
    .next()
    .transpose()
}

/// What the store knows of the external consumer of this resource.
pub(super) fn knowledge(
    tx: &Transaction<'_>,
    resource: &ResourceName,
) -> Result<Option<Knowledge>, StoreError> {
    let json: Option<String> = tx
        .prepare_cached("SELECT knowledge FROM knowledge WHERE resource = ?1")?
        .query_row([resource.as_str()], |row| row.get(0))
        .optional()?;
    json.map(|json| {
        serde_json::from_str(&json)
            .map_err(|error| StoreError::Unreadable(format!("knowledge of {resource}: {error}")))
    })
    .transpose()
}
