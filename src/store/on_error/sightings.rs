//! What was seen of a DC: the collector's samples and failed polls, and the failure process's own probes, in one row.

use rusqlite::params;

use super::time;
use crate::model::{DcName, PollFailure, Sighting, UtcMs};
use crate::store::{Store, StoreError, values};

/// How long probes are kept, in milliseconds.
const KEPT_MS: i64 = 7 * 86_400_000;

impl Store {
    /// Takes a probe of the failure process down; a second one in the same millisecond takes its place. Old ones go.
    pub async fn note_probe(
        &self,
        dc: &DcName,
        at: UtcMs,
        failure: Option<&PollFailure>,
        took_ms: u32,
    ) -> Result<(), StoreError> {
        let (dc, failure) = (dc.clone(), failure.cloned());
        self.write(move |tx| {
            tx.execute(
                "INSERT OR REPLACE INTO probe (dc, at, kind, detail, took_ms) VALUES (?1, ?2, ?3, ?4, ?5)",
                params![
                    dc.as_str(),
                    at.as_millis(),
                    failure.as_ref().map(|failure| failure.kind.code()),
                    failure.as_ref().map(|failure| failure.detail.as_str()),
                    took_ms,
                ],
            )?;
            tx.execute(
                "DELETE FROM probe WHERE dc = ?1 AND at < ?2",
                params![dc.as_str(), at.minus_ms(KEPT_MS).as_millis()],
            )?;
            Ok(())
        })
        .await
    }

    /// Every look at a DC at `since` or later, whoever took it, oldest first.
    pub async fn sightings(&self, dc: &DcName, since: UtcMs) -> Result<Vec<Sighting>, StoreError> {
        let dc = dc.clone();
        self.read(move |tx| {
            tx.prepare_cached(
                "SELECT at, kind, took_ms FROM probe WHERE dc = ?1 AND at >= ?2 \
                 UNION ALL SELECT f.at, f.kind, f.took_ms FROM dc d JOIN poll_failure f ON f.dc_id = d.id \
                 WHERE d.name = ?1 AND f.at >= ?2 \
                 UNION ALL SELECT s.collected_at, NULL, 0 FROM dc d JOIN incarnation i ON i.dc_id = d.id \
                 JOIN sample s ON s.incarnation_id = i.id WHERE d.name = ?1 AND s.collected_at >= ?2 ORDER BY 1",
            )?
            .query_and_then(params![dc.as_str(), since.as_millis()], |row| {
                let kind: Option<String> = row.get(1)?;
                Ok(Sighting {
                    at: time(row, 0)?,
                    failed: kind.map(|kind| values::failure_kind(&kind)).transpose()?,
                    took_ms: row.get(2)?,
                })
            })?
            .collect()
        })
        .await
    }

    /// What the newest failed look at a DC said.
    pub async fn newest_failure_of(&self, dc: &DcName) -> Result<Option<PollFailure>, StoreError> {
        let dc = dc.clone();
        self.read(move |tx| {
            let mut query = tx.prepare_cached(
                "SELECT kind, detail FROM (SELECT at, kind, detail FROM probe WHERE dc = ?1 AND kind IS NOT NULL \
                 UNION ALL SELECT f.at, f.kind, f.detail FROM dc d JOIN poll_failure f ON f.dc_id = d.id \
                 WHERE d.name = ?1) ORDER BY at DESC LIMIT 1",
            )?;
            let mut rows = query.query([dc.as_str()])?;
            let Some(row) = rows.next()? else {
                return Ok(None);
            };
            Ok(Some(PollFailure {
                kind: values::failure_kind(&row.get::<_, String>(0)?)?,
                detail: row.get(1)?,
            }))
        })
        .await
    }
}
