//! From a USN back to the time and the evidence it belongs to.

use rusqlite::{OptionalExtension as _, Params, Transaction, params};

use super::{Store, StoreError, polls, values};
use crate::model::{InvocationId, KnownUsn, Sample, Usn, UtcMs};

impl Store {
    /// The newest sample of an incarnation whose highestCommittedUSN is at most `usn`, collected earlier than
    /// `before` where one is given.
    ///
    /// Found by bisection, since the USN of one incarnation only rises; where a rollback broke that, the answer is
    /// still a sample at or below `usn`, perhaps not the newest.
    pub async fn newest_sample_up_to(
        &self,
        id: InvocationId,
        usn: Usn,
        before: Option<UtcMs>,
    ) -> Result<Option<Sample>, StoreError> {
        let last = before.map_or(UtcMs::from_millis(i64::MAX), |before| before.minus_ms(1));
        self.read(move |tx| {
            let row = "SELECT id FROM incarnation WHERE invocation_id = ?1";
            let row = tx
                .prepare_cached(row)?
                .query_row([id.to_octets()], |row| row.get(0))
                .optional()?;
            let Some(incarnation) = row else {
                return Ok(None);
            };
            let (Some(oldest), Some(newest)) = (
                first_after(tx, incarnation, UtcMs::from_millis(i64::MIN))?,
                last_until(tx, incarnation, last)?,
            ) else {
                return Ok(None);
            };
            if newest.committed <= usn {
                return Ok(Some(newest));
            }
            if oldest.committed > usn || oldest.collected_at > last {
                return Ok(None);
            }
            let (mut found, mut above) = (oldest, newest.collected_at);
            while above.ms_since(found.collected_at) > 1 {
                let middle = found
                    .collected_at
                    .plus_ms(above.ms_since(found.collected_at) / 2);
                match last_until(tx, incarnation, middle)? {
                    Some(sample) if sample.committed > usn => above = sample.collected_at,
                    Some(sample) if sample.collected_at > found.collected_at => found = sample,
                    // Nothing was sampled from `found` to the middle: only what is later is left.
                    _ => match first_after(tx, incarnation, middle)? {
                        Some(sample) if sample.collected_at < above && sample.committed <= usn => {
                            found = sample;
                        }
                        _ => break,
                    },
                }
            }
            Ok(Some(found))
        })
        .await
    }

    /// The highest USN of an incarnation that a partner's vector has shown.
    pub async fn known_usn(&self, id: InvocationId) -> Result<Option<KnownUsn>, StoreError> {
        self.read(move |tx| polls::known(tx, id)).await
    }

    /// When the newest vector was collected that is evidence for a cursor of this incarnation at `read_up_to`.
    pub async fn evidence_at(
        &self,
        id: InvocationId,
        read_up_to: Usn,
    ) -> Result<Option<UtcMs>, StoreError> {
        self.read(move |tx| {
            let at = tx
                .prepare_cached(
                    "SELECT max(collected_at) FROM source_sample \
                     WHERE incarnation_id = (SELECT id FROM incarnation WHERE invocation_id = ?1) \
                     AND committed_after <= ?2",
                )?
                .query_row(params![id.to_octets(), read_up_to.get()], |row| {
                    row.get::<_, Option<i64>>(0)
                })
                .optional()?;
            Ok(at.flatten().map(UtcMs::from_millis))
        })
        .await
    }
}

const COLUMNS: &str = "collected_at, committed, took_ms, skew_ms";

fn one(tx: &Transaction<'_>, sql: &str, values: impl Params) -> Result<Option<Sample>, StoreError> {
    tx.prepare_cached(sql)?
        .query_and_then(values, |row| values::sample(row, 0))?
        .next()
        .transpose()
}

/// The newest sample of the incarnation in this row that was collected at `at` or earlier.
pub(super) fn last_until(
    tx: &Transaction<'_>,
    incarnation: i64,
    at: UtcMs,
) -> Result<Option<Sample>, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM sample WHERE incarnation_id = ?1 AND collected_at <= ?2 ORDER BY collected_at DESC LIMIT 1"
    );
    one(tx, &sql, params![incarnation, at.as_millis()])
}

fn first_after(
    tx: &Transaction<'_>,
    incarnation: i64,
    at: UtcMs,
) -> Result<Option<Sample>, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM sample WHERE incarnation_id = ?1 AND collected_at > ?2 ORDER BY collected_at LIMIT 1"
    );
    one(tx, &sql, params![incarnation, at.as_millis()])
}
