//! What a poll leaves behind: sample, incarnation, vectors, rollback evidence, or a failure.
//!
//! # Decisions
//! - The decision is pure and runs inside the transaction that read its context: two collectors that poll the same
//!   DC at the same moment cannot judge by the same old state.
//! - Two polls of one incarnation may end in the same millisecond: equal ones are one sample, a different one moves
//!   to the next free millisecond. Later is safe: a sample must never claim to be older than it is.
//! - Vectors of an incarnation in quarantine are not kept: it hands out USNs a cursor has already passed a second
//!   time, so a vector read now would prove of that cursor what its consumer never saw. What was kept before stays.
//! - A kept poll of an incarnation recorded under another name moves it to this name: the DC was renamed in the
//!   configuration, and its history goes with it.

use rusqlite::{OptionalExtension, Transaction, params};

use super::{Store, StoreError, positions, values, vectors};
use crate::model::{
    Accepted, DcFacts, DcName, Incarnation, InvocationId, KnownUsn, PollContext, PollFailure,
    Sample, Usn, UtcMs, Vector,
};

impl Store {
    /// Decides on an answered poll of `dc` and writes what follows, in one transaction; gives back the decision,
    /// its sample as stored. Vectors are kept where `keep_vectors` is set (the DC in use); the USNs they show of
    /// other DCs are taken down in any case.
    pub async fn record_poll(
        &self,
        dc: DcName,
        facts: DcFacts,
        keep_vectors: bool,
        decide: impl FnOnce(&DcName, &DcFacts, &PollContext) -> Accepted + Send + 'static,
    ) -> Result<Accepted, StoreError> {
        self.write_together(move |tx| {
            let context = context(tx, &dc, facts.identity.invocation_id, facts.started_at)?;
            match decide(&dc, &facts, &context) {
                Accepted::Rejected(failure) => {
                    insert_failure(tx, &dc, facts.committed_at, &failure, facts.took_ms)?;
                    Ok(Accepted::Rejected(failure))
                }
                Accepted::Kept {
                    sample,
                    restored,
                    rollback,
                } => {
                    let sample = keep(tx, &dc, &facts, sample, rollback.as_deref(), keep_vectors)?;
                    Ok(Accepted::Kept {
                        sample,
                        restored,
                        rollback,
                    })
                }
            }
        })
        .await
    }

    /// Takes down a poll of `dc` that brought no sample.
    pub async fn record_failure(
        &self,
        dc: DcName,
        at: UtcMs,
        failure: PollFailure,
        took_ms: u32,
    ) -> Result<(), StoreError> {
        self.write_together(move |tx| insert_failure(tx, &dc, at, &failure, took_ms))
            .await
    }
}

fn keep(
    tx: &Transaction<'_>,
    dc: &DcName,
    facts: &DcFacts,
    sample: Sample,
    rollback: Option<&str>,
    keep_vectors: bool,
) -> Result<Sample, StoreError> {
    let incarnation = upsert_incarnation(tx, dc, facts, sample.collected_at)?;
    let sample = insert_sample(tx, incarnation, sample)?;
    if let Some(reason) = rollback {
        if !is_quarantined(tx, incarnation)? {
            vectors::forget_unread(tx, incarnation)?;
        }
        quarantine_row(tx, incarnation, reason, sample.collected_at)?;
    }
    if let Some(after) = facts.committed_after
        && keep_vectors
        && !is_quarantined(tx, incarnation)?
    {
        vectors::insert(tx, incarnation, facts.vectors_at, after, &facts.vectors)?;
    }
    let own = facts.identity.invocation_id;
    let shown = facts
        .vectors
        .values()
        .fold(Vector::new(), |shown, vector| shown.join(vector));
    for (id, usn) in shown.iter().filter(|(id, _)| *id != own) {
        raise_known(tx, id, usn, dc, facts.vectors_at)?;
    }
    Ok(sample)
}

fn context(
    tx: &Transaction<'_>,
    dc: &DcName,
    answering: InvocationId,
    started_at: UtcMs,
) -> Result<PollContext, StoreError> {
    let row: Option<(i64, String)> = tx
        .prepare_cached(
            "SELECT i.id, d.name FROM incarnation i JOIN dc d ON d.id = i.dc_id WHERE i.invocation_id = ?1",
        )?
        .query_row([answering.to_octets()], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let owner: Option<DcName> = match &row {
        Some((_, name)) => Some(values::text("dc.name", name)?),
        None => None,
    };
    let last = match row {
        Some((id, _)) => positions::last_until(tx, id, started_at.minus_ms(1))?,
        None => None,
    };
    Ok(PollContext {
        incarnations: incarnations(tx, dc)?
            .into_iter()
            .map(|(_, incarnation)| incarnation)
            .collect(),
        owner: owner.filter(|owner| owner != dc),
        last,
        known: known(tx, answering)?,
    })
}

/// The lives recorded under this name with their row ids, oldest first.
pub(super) fn incarnations(
    tx: &Transaction<'_>,
    dc: &DcName,
) -> Result<Vec<(i64, Incarnation)>, StoreError> {
    tx.prepare_cached(&format!(
        "SELECT {} FROM incarnation i JOIN dc d ON d.id = i.dc_id WHERE d.name = ?1 ORDER BY i.first_seen, i.id",
        values::INCARNATION
    ))?
    .query_and_then([dc.as_str()], values::incarnation)?
    .collect()
}

/// The highest USN of this incarnation that a partner's vector has shown.
pub(super) fn known(
    tx: &Transaction<'_>,
    invocation_id: InvocationId,
) -> Result<Option<KnownUsn>, StoreError> {
    tx.prepare_cached("SELECT usn, partner, read_at FROM known_usn WHERE invocation_id = ?1")?
        .query_and_then([invocation_id.to_octets()], |row| {
            Ok(KnownUsn {
                usn: values::usn("known_usn.usn", row.get(0)?)?,
                partner: values::text("known_usn.partner", &row.get::<_, String>(1)?)?,
                read_at: values::moment(row, 2)?,
            })
        })?
        .next()
        .transpose()
}

/// Takes down that `partner` has shown `usn` of this incarnation, where that is higher than what is known.
pub(super) fn raise_known(
    tx: &Transaction<'_>,
    invocation_id: InvocationId,
    usn: Usn,
    partner: &DcName,
    read_at: UtcMs,
) -> Result<(), StoreError> {
    tx.prepare_cached(
        "INSERT INTO known_usn (invocation_id, usn, partner, read_at) VALUES (?1, ?2, ?3, ?4) \
         ON CONFLICT (invocation_id) DO UPDATE \
         SET usn = excluded.usn, partner = excluded.partner, read_at = excluded.read_at \
         WHERE excluded.usn > known_usn.usn",
    )?
    .execute(params![
        invocation_id.to_octets(),
        usn.get(),
        partner.as_str(),
        read_at.as_millis()
    ])?;
    Ok(())
}

/// The row of this DC, made where there is none.
pub(super) fn ensure_dc(tx: &Transaction<'_>, dc: &DcName) -> Result<i64, StoreError> {
    let found = tx
        .prepare_cached("SELECT id FROM dc WHERE name = ?1")?
        .query_row([dc.as_str()], |row| row.get(0))
        .optional()?;
    if let Some(id) = found {
        return Ok(id);
    }
    tx.prepare_cached("INSERT INTO dc (name) VALUES (?1)")?
        .execute([dc.as_str()])?;
    Ok(tx.last_insert_rowid())
}

fn upsert_incarnation(
    tx: &Transaction<'_>,
    dc: &DcName,
    facts: &DcFacts,
    seen: UtcMs,
) -> Result<i64, StoreError> {
    let identity = &facts.identity;
    let id = tx
        .prepare_cached(
            "INSERT INTO incarnation (dc_id, invocation_id, server_name, ds_service_name, site, \
             is_global_catalog, is_read_only, first_seen, last_seen) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?8) \
             ON CONFLICT (invocation_id) DO UPDATE SET dc_id = excluded.dc_id, \
             server_name = excluded.server_name, ds_service_name = excluded.ds_service_name, \
             site = excluded.site, is_global_catalog = excluded.is_global_catalog, \
             is_read_only = excluded.is_read_only, first_seen = min(first_seen, excluded.first_seen), \
             last_seen = max(last_seen, excluded.last_seen) RETURNING id",
        )?
        .query_row(
            params![
                ensure_dc(tx, dc)?,
                identity.invocation_id.to_octets(),
                identity.server_name,
                identity.ds_service_name.as_str(),
                identity.site,
                identity.is_global_catalog,
                identity.is_read_only,
                seen.as_millis()
            ],
            |row| row.get(0),
        )?;
    Ok(id)
}

fn insert_sample(
    tx: &Transaction<'_>,
    incarnation: i64,
    mut sample: Sample,
) -> Result<Sample, StoreError> {
    let mut taken = tx.prepare_cached(
        "SELECT committed FROM sample WHERE incarnation_id = ?1 AND collected_at = ?2",
    )?;
    while let Some(committed) = taken
        .query_row(
            params![incarnation, sample.collected_at.as_millis()],
            |row| row.get::<_, i64>(0),
        )
        .optional()?
    {
        if committed == sample.committed.get() {
            return Ok(sample);
        }
        sample.collected_at = sample.collected_at.plus_ms(1);
    }
    tx.prepare_cached(
        "INSERT INTO sample (incarnation_id, collected_at, committed, took_ms, skew_ms) \
         VALUES (?1, ?2, ?3, ?4, ?5)",
    )?
    .execute(params![
        incarnation,
        sample.collected_at.as_millis(),
        sample.committed.get(),
        sample.took_ms,
        sample.skew_ms
    ])?;
    count_samples(tx, incarnation, 1)?;
    Ok(sample)
}

/// Adds `change` to the number of samples the incarnation has.
pub(super) fn count_samples(
    tx: &Transaction<'_>,
    incarnation: i64,
    change: i64,
) -> Result<(), StoreError> {
    tx.prepare_cached("UPDATE incarnation SET samples = samples + ?2 WHERE id = ?1")?
        .execute(params![incarnation, change])?;
    Ok(())
}

/// Quarantines the incarnation in this row; one that is already keeps its first reason.
pub(super) fn quarantine_row(
    tx: &Transaction<'_>,
    incarnation: i64,
    reason: &str,
    at: UtcMs,
) -> Result<(), StoreError> {
    tx.prepare_cached(
        "UPDATE incarnation SET quarantined_at = ?2, quarantine_reason = ?3 \
         WHERE id = ?1 AND quarantined_at IS NULL",
    )?
    .execute(params![incarnation, at.as_millis(), reason])?;
    Ok(())
}

fn is_quarantined(tx: &Transaction<'_>, incarnation: i64) -> Result<bool, StoreError> {
    let mut query = tx
        .prepare_cached("SELECT 1 FROM incarnation WHERE id = ?1 AND quarantined_at IS NOT NULL")?;
    Ok(query.exists([incarnation])?)
}

fn insert_failure(
    tx: &Transaction<'_>,
    dc: &DcName,
    at: UtcMs,
    failure: &PollFailure,
    took_ms: u32,
) -> Result<(), StoreError> {
    let dc = ensure_dc(tx, dc)?;
    let mut insert = tx.prepare_cached(
        "INSERT OR IGNORE INTO poll_failure (dc_id, at, kind, detail, took_ms) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?;
    let mut at = at.as_millis();
    while insert.execute(params![
        dc,
        at,
        failure.kind.code(),
        failure.detail,
        took_ms
    ])? == 0
    {
        at = at.saturating_add(1);
    }
    Ok(())
}
