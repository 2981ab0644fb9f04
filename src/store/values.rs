//! Stored columns as the model's values: what does not fit is an error that names the column, never a guess.

use std::fmt::Display;
use std::str::FromStr;

use rusqlite::Row;

use super::StoreError;
use crate::model::{FailureKind, Incarnation, InvocationId, Quarantine, Sample, Usn, UtcMs};

/// The columns that [`incarnation`] reads, of a table called `i`.
pub(super) const INCARNATION: &str = "i.id, i.invocation_id, i.server_name, i.ds_service_name, i.site, \
     i.is_global_catalog, i.is_read_only, i.first_seen, i.last_seen, i.quarantined_at, i.quarantine_reason, \
     i.released_at";

fn unreadable(column: &str, problem: impl Display) -> StoreError {
    StoreError::Unreadable(format!("{column}: {problem}"))
}

/// A stored USN.
pub(super) fn usn(column: &str, value: i64) -> Result<Usn, StoreError> {
    Usn::new(value).map_err(|error| unreadable(column, error))
}

/// A stored invocationId.
pub(super) fn invocation_id(column: &str, octets: &[u8]) -> Result<InvocationId, StoreError> {
    let octets = octets
        .try_into()
        .map_err(|_| unreadable(column, format!("{} octets, not 16", octets.len())))?;
    Ok(InvocationId::from_octets(octets))
}

/// A stored name or text of the model.
pub(super) fn text<T: FromStr>(column: &str, text: &str) -> Result<T, StoreError>
where
    T::Err: Display,
{
    text.parse().map_err(|error| unreadable(column, error))
}

/// A stored whole number that is never negative.
pub(super) fn count<T: TryFrom<i64>>(column: &str, value: i64) -> Result<T, StoreError> {
    T::try_from(value).map_err(|_| unreadable(column, format!("{value} is out of range")))
}

/// The failure with this stored code.
pub(super) fn failure_kind(code: &str) -> Result<FailureKind, StoreError> {
    FailureKind::ALL
        .into_iter()
        .find(|kind| kind.code() == code)
        .ok_or_else(|| unreadable("poll_failure.kind", format!("unknown kind `{code}`")))
}

/// A moment in the column at `index`.
pub(super) fn moment(row: &Row<'_>, index: usize) -> Result<UtcMs, StoreError> {
    Ok(UtcMs::from_millis(row.get(index)?))
}

/// A sample from the columns `collected_at, committed, took_ms, skew_ms`, the first at `index`.
pub(super) fn sample(row: &Row<'_>, index: usize) -> Result<Sample, StoreError> {
    Ok(Sample {
        collected_at: moment(row, index)?,
        committed: usn("sample.committed", row.get(index + 1)?)?,
        took_ms: count("sample.took_ms", row.get(index + 2)?)?,
        skew_ms: row.get(index + 3)?,
    })
}

/// An incarnation and its row id, from the columns of [`INCARNATION`].
pub(super) fn incarnation(row: &Row<'_>) -> Result<(i64, Incarnation), StoreError> {
    let since: Option<i64> = row.get(9)?;
    let reason: Option<String> = row.get(10)?;
    let released_at: Option<i64> = row.get(11)?;
    let incarnation = Incarnation {
        invocation_id: invocation_id(
            "incarnation.invocation_id",
            row.get_ref(1)?
                .as_blob()
                .map_err(|error| unreadable("incarnation.invocation_id", error))?,
        )?,
        server_name: row.get(2)?,
        ds_service_name: text("incarnation.ds_service_name", &row.get::<_, String>(3)?)?,
        site: row.get(4)?,
        is_global_catalog: row.get(5)?,
        is_read_only: row.get(6)?,
        first_seen: moment(row, 7)?,
        last_seen: moment(row, 8)?,
        quarantine: since.map(|since| Quarantine {
            since: UtcMs::from_millis(since),
            reason: reason.unwrap_or_default(),
        }),
        released_at: released_at.map(UtcMs::from_millis),
    };
    Ok((row.get(0)?, incarnation))
}
