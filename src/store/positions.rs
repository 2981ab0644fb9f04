//! From a USN back to the time and the evidence it belongs to.

use rusqlite::{OptionalExtension as _, params};

use super::{Store, StoreError, values};
use crate::model::{InvocationId, KnownUsn, Sample, Usn, UtcMs};

impl Store {
    /// The newest sample of an incarnation whose highestCommittedUSN is at most `usn`.
    pub async fn newest_sample_up_to(
        &self,
        id: InvocationId,
        usn: Usn,
    ) -> Result<Option<Sample>, StoreError> {
        self.read(move |tx| {
            tx.prepare_cached(
                "SELECT s.collected_at, s.committed, s.took_ms, s.skew_ms FROM sample s \
                 WHERE s.incarnation_id = (SELECT id FROM incarnation WHERE invocation_id = ?1) AND s.committed <= ?2 \
                 ORDER BY s.collected_at DESC LIMIT 1",
            )?
            .query_and_then(params![id.to_octets(), usn.get()], |row| values::sample(row, 0))?
            .next()
            .transpose()
        })
        .await
    }

    /// The highest USN of an incarnation that a partner's vector has shown.
    pub async fn known_usn(&self, id: InvocationId) -> Result<Option<KnownUsn>, StoreError> {
        self.read(move |tx| {
            tx.prepare_cached(
                "SELECT usn, partner, read_at FROM known_usn WHERE invocation_id = ?1",
            )?
            .query_and_then([id.to_octets()], |row| {
                Ok(KnownUsn {
                    usn: values::usn("known_usn.usn", row.get(0)?)?,
                    partner: values::text("known_usn.partner", &row.get::<_, String>(1)?)?,
                    read_at: values::moment(row, 2)?,
                })
            })?
            .next()
            .transpose()
        })
        .await
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
