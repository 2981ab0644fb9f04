//! Reading what the collector has taken down.

use std::collections::BTreeMap;

use rusqlite::{Row, Transaction, params};
use serde::Serialize;

use super::{Store, StoreError, polls, values};
use crate::model::{DcName, Incarnation, InvocationId, PollFailure, Sample, UtcMs};

/// A sample with the incarnation whose USNs it counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HistoryRow {
    /// The incarnation that was read.
    pub invocation_id: InvocationId,
    /// The reading.
    pub sample: Sample,
}

/// A poll that brought no sample, as it was taken down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FailedPoll {
    /// When it failed, by the store's clock.
    pub at: UtcMs,
    /// Why.
    pub failure: PollFailure,
    /// How long it took, in milliseconds.
    pub took_ms: u32,
}

/// Which way a search in time goes, and so which rows a limit leaves.
#[derive(Clone, Copy)]
enum Order {
    NewestFirst,
    OldestFirst,
}

impl Store {
    /// Every DC there is anything on record about, by name.
    pub async fn dcs(&self) -> Result<Vec<DcName>, StoreError> {
        self.read(|tx| {
            tx.prepare_cached("SELECT name FROM dc ORDER BY name")?
                .query_and_then([], |row| values::text("dc.name", &row.get::<_, String>(0)?))?
                .collect()
        })
        .await
    }

    /// The lives of this DC's database, oldest first.
    pub async fn incarnations(&self, dc: &DcName) -> Result<Vec<Incarnation>, StoreError> {
        let dc = dc.clone();
        self.read(move |tx| {
            let rows = polls::incarnations(tx, &dc)?;
            Ok(rows
                .into_iter()
                .map(|(_, incarnation)| incarnation)
                .collect())
        })
        .await
    }

    /// The newest sample of an incarnation.
    pub async fn newest_sample(&self, id: InvocationId) -> Result<Option<Sample>, StoreError> {
        self.sample_at_or_before(id, UtcMs::from_millis(i64::MAX), None)
            .await
    }

    /// The newest sample of an incarnation collected at `t` or earlier, and not before `not_before`.
    pub async fn sample_at_or_before(
        &self,
        id: InvocationId,
        t: UtcMs,
        not_before: Option<UtcMs>,
    ) -> Result<Option<Sample>, StoreError> {
        let earliest = not_before.map_or(i64::MIN, UtcMs::as_millis);
        self.read(move |tx| {
            tx.prepare_cached(
                "SELECT collected_at, committed, took_ms, skew_ms FROM sample \
                 WHERE incarnation_id = (SELECT id FROM incarnation WHERE invocation_id = ?1) \
                 AND collected_at BETWEEN ?2 AND ?3 ORDER BY collected_at DESC LIMIT 1",
            )?
            .query_and_then(params![id.to_octets(), earliest, t.as_millis()], |row| {
                values::sample(row, 0)
            })?
            .next()
            .transpose()
        })
        .await
    }

    /// The `n` samples nearest before `t` and the `n` nearest at or after it, oldest first.
    pub async fn samples_near(
        &self,
        dc: &DcName,
        t: UtcMs,
        n: usize,
    ) -> Result<Vec<HistoryRow>, StoreError> {
        let (dc, t) = (dc.clone(), t.as_millis());
        self.read(move |tx| {
            let mut rows = span(
                tx,
                &dc,
                i64::MIN,
                t.saturating_sub(1),
                n,
                Order::NewestFirst,
            )?;
            rows.reverse();
            rows.extend(span(tx, &dc, t, i64::MAX, n, Order::OldestFirst)?);
            Ok(rows)
        })
        .await
    }

    /// Every sample of a DC collected from `from` to `to`, both included, oldest first.
    pub async fn sample_matching(
        &self,
        dc: &DcName,
        from: UtcMs,
        to: UtcMs,
    ) -> Result<Vec<HistoryRow>, StoreError> {
        let dc = dc.clone();
        self.read(move |tx| {
            let (from, to) = (from.as_millis(), to.as_millis());
            span(tx, &dc, from, to, usize::MAX, Order::OldestFirst)
        })
        .await
    }

    /// At most `limit` samples of a DC, newest first across its incarnations, from `since` to `until`, both included.
    pub async fn history(
        &self,
        dc: &DcName,
        since: Option<UtcMs>,
        until: Option<UtcMs>,
        limit: usize,
    ) -> Result<Vec<HistoryRow>, StoreError> {
        let dc = dc.clone();
        let since = since.map_or(i64::MIN, UtcMs::as_millis);
        let until = until.map_or(i64::MAX, UtcMs::as_millis);
        self.read(move |tx| span(tx, &dc, since, until, limit, Order::NewestFirst))
            .await
    }

    /// At most `limit` failed polls of a DC at `since` or later, newest first.
    pub async fn failures(
        &self,
        dc: &DcName,
        since: UtcMs,
        limit: usize,
    ) -> Result<Vec<FailedPoll>, StoreError> {
        let dc = dc.clone();
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.read(move |tx| {
            tx.prepare_cached(
                "SELECT at, kind, detail, took_ms FROM poll_failure \
                 WHERE dc_id = (SELECT id FROM dc WHERE name = ?1) AND at >= ?2 ORDER BY at DESC LIMIT ?3",
            )?
            .query_and_then(params![dc.as_str(), since.as_millis(), limit], failed_poll)?
            .collect()
        })
        .await
    }

    /// The newest failed poll of a DC.
    pub async fn newest_failure(&self, dc: &DcName) -> Result<Option<FailedPoll>, StoreError> {
        let newest = self.failures(dc, UtcMs::from_millis(i64::MIN), 1).await?;
        Ok(newest.into_iter().next())
    }

    /// How many samples each DC has, over all its incarnations; a DC that only ever failed has 0.
    pub async fn sample_counts(&self) -> Result<BTreeMap<DcName, u64>, StoreError> {
        self.read(|tx| {
            tx.prepare_cached(
                "SELECT d.name, coalesce(sum(i.samples), 0) FROM dc d LEFT JOIN incarnation i ON i.dc_id = d.id \
                 GROUP BY d.id",
            )?
            .query_and_then([], |row| {
                let name = values::text("dc.name", &row.get::<_, String>(0)?)?;
                Ok((name, values::count("incarnation.samples", row.get(1)?)?))
            })?
            .collect()
        })
        .await
    }

    /// The size of the database in bytes, what waits in the write-ahead log not counted.
    pub async fn size_bytes(&self) -> Result<u64, StoreError> {
        self.read(|tx| {
            let pragma = |name: &str| tx.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
            let bytes = pragma("page_count")?.saturating_mul(pragma("page_size")?);
            values::count("page_count", bytes)
        })
        .await
    }
}

/// Samples of a DC in a closed span, over all its incarnations; `limit` counts from the side `order` begins at.
fn span(
    tx: &Transaction<'_>,
    dc: &DcName,
    from: i64,
    to: i64,
    limit: usize,
    order: Order,
) -> Result<Vec<HistoryRow>, StoreError> {
    // One range of the primary key per incarnation, then merged: sorting across them in SQL would read every row.
    let sql = match order {
        Order::NewestFirst => {
            "SELECT collected_at, committed, took_ms, skew_ms FROM sample \
             WHERE incarnation_id = ?1 AND collected_at BETWEEN ?2 AND ?3 ORDER BY collected_at DESC LIMIT ?4"
        }
        Order::OldestFirst => {
            "SELECT collected_at, committed, took_ms, skew_ms FROM sample \
             WHERE incarnation_id = ?1 AND collected_at BETWEEN ?2 AND ?3 ORDER BY collected_at LIMIT ?4"
        }
    };
    let mut query = tx.prepare_cached(sql)?;
    let most = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut found = Vec::new();
    for (id, incarnation) in polls::incarnations(tx, dc)? {
        let samples =
            query.query_and_then(params![id, from, to, most], |row| values::sample(row, 0))?;
        for sample in samples {
            found.push(HistoryRow {
                invocation_id: incarnation.invocation_id,
                sample: sample?,
            });
        }
    }
    found.sort_by_key(|row| row.sample.collected_at);
    if matches!(order, Order::NewestFirst) {
        found.reverse();
    }
    found.truncate(limit);
    Ok(found)
}

fn failed_poll(row: &Row<'_>) -> Result<FailedPoll, StoreError> {
    Ok(FailedPoll {
        at: values::moment(row, 0)?,
        failure: PollFailure {
            kind: values::failure_kind(&row.get::<_, String>(1)?)?,
            detail: row.get(2)?,
        },
        took_ms: values::count("poll_failure.took_ms", row.get(3)?)?,
    })
}
