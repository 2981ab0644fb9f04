//! Incarnations that are kept out, and letting them in again.
//!
//! # Decisions
//! - A release keeps what partners have shown of the incarnation (`known_usn`). They go on showing it, so removing
//!   it would bring the same evidence back, newer than the release, with the next poll of any partner.

use rusqlite::{Transaction, params};

use super::{Store, StoreError, polls, values};
use crate::model::{DcName, Incarnation, UtcMs};

impl Store {
    /// Every incarnation in quarantine with its DC, the longest kept out first.
    pub async fn quarantined(&self) -> Result<Vec<(DcName, Incarnation)>, StoreError> {
        self.read(|tx| {
            tx.prepare_cached(&format!(
                "SELECT {}, d.name FROM incarnation i JOIN dc d ON d.id = i.dc_id \
                 WHERE i.quarantined_at IS NOT NULL ORDER BY i.quarantined_at, i.id",
                values::INCARNATION
            ))?
            .query_and_then([], |row| {
                let dc = values::text("dc.name", &row.get::<_, String>("name")?)?;
                Ok((dc, values::incarnation(row)?.1))
            })?
            .collect()
        })
        .await
    }

    /// Quarantines the newest incarnation of `dc` and gives it back as it then stands: one that is already in
    /// quarantine keeps its first reason. `None` where no poll of `dc` was ever accepted.
    pub async fn quarantine(
        &self,
        dc: &DcName,
        reason: &str,
        at: UtcMs,
    ) -> Result<Option<Incarnation>, StoreError> {
        let (dc, reason) = (dc.clone(), reason.to_owned());
        self.write(move |tx| {
            let newest = |tx: &Transaction<'_>| -> Result<_, StoreError> {
                let lives = polls::incarnations(tx, &dc)?.into_iter();
                Ok(lives.max_by_key(|(id, life)| (life.last_seen, *id)))
            };
            let Some((id, _)) = newest(tx)? else {
                return Ok(None);
            };
            polls::quarantine_row(tx, id, &reason, at)?;
            Ok(newest(tx)?.map(|(_, incarnation)| incarnation))
        })
        .await
    }

    /// Releases every quarantined incarnation of `dc` and gives them back as they were before; empty where there
    /// was none.
    pub async fn release(
        &self,
        dc: &DcName,
        by: &str,
        reason: &str,
        at: UtcMs,
    ) -> Result<Vec<Incarnation>, StoreError> {
        let (dc, by, reason) = (dc.clone(), by.to_owned(), reason.to_owned());
        self.write(move |tx| {
            let mut held = polls::incarnations(tx, &dc)?;
            held.retain(|(_, incarnation)| incarnation.quarantine.is_some());
            let mut release = tx.prepare_cached(
                "UPDATE incarnation SET quarantined_at = NULL, quarantine_reason = NULL, released_at = ?2, \
                 released_by = ?3, release_reason = ?4 WHERE id = ?1",
            )?;
            for (id, _) in &held {
                release.execute(params![id, at.as_millis(), by, reason])?;
            }
            Ok(held.into_iter().map(|(_, incarnation)| incarnation).collect())
        })
        .await
    }
}
