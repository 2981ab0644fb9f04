//! The SQLite side: a file that the product may have open at the same time.
//!
//! # Decisions
//! - A value is written back as the kind it was read as, a number as a number: SQLite keeps the kind per value, and a
//!   product that compares takes `'5'` and `5` for two things.
//! - Before a value changes its kind (a reset), putting it back is tried within the same transaction: what would not come
//!   back as it was is not reset.
//! - The file is never created: a wrong path must not become an empty database.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use rusqlite::ffi::SQLITE_CONSTRAINT_NOTNULL;
use rusqlite::types::{Value, ValueRef};
use rusqlite::{
    Connection, ErrorCode, OpenFlags, Statement as Prepared, Transaction, TransactionBehavior,
};

use super::super::spot::{Change, Field, Fields, SpotError, told as told_fields};
use super::statement::{Bound, Dialect, Statement, readings, writings};
use super::{NO_NULL, no_row, not_put_back, several_rows};
use crate::config::{Rows, SpotField};

/// The fields with the values as they are kept.
type Kept = BTreeMap<Field, Value>;

pub(super) fn read(
    path: &Path,
    rows: &Rows,
    bound: Duration,
    place: &str,
) -> Result<Fields, SpotError> {
    let connection = open(path, OpenFlags::SQLITE_OPEN_READ_ONLY, bound, place)?;
    kept(&connection, rows, place).map(|kept| texts(&kept))
}

pub(super) fn replace(
    path: &Path,
    rows: &Rows,
    old: &Fields,
    new: &Change,
    bound: Duration,
    place: &str,
) -> Result<(), SpotError> {
    let mut connection = open(path, OpenFlags::SQLITE_OPEN_READ_WRITE, bound, place)?;
    let failed = |error: rusqlite::Error| unwritable(place, &error);
    let mut transaction = connection
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(failed)?;
    let kept = kept(&transaction, rows, place)?;
    let moved = || SpotError::Moved {
        place: place.to_owned(),
    };
    if texts(&kept) != *old {
        return Err(moved());
    }
    write(&transaction, rows, (old, &kept), new, place)?;
    // A statement by hand may have written something else than was meant.
    let mut wanted = old.clone();
    for (field, text) in new {
        match text {
            Some(text) => wanted.insert(*field, text.clone()),
            None => wanted.remove(field),
        };
    }
    let stands = self::kept(&transaction, rows, place)?;
    let written = texts(&stands);
    if written != wanted {
        let problem = format!(
            "{} would read back as {}; it was taken back",
            told_fields(&wanted),
            told_fields(&written)
        );
        return Err(SpotError::Unwritable {
            place: place.to_owned(),
            problem,
            cure: "correct the statements".to_owned(),
        });
    }
    if !same_kinds(&kept, &stands) {
        rehearse(&mut transaction, rows, (&kept, &stands), new, place)?;
    }
    transaction.commit().map_err(failed)
}

/// Makes the changes, where the values kept stand.
fn write(
    connection: &Connection,
    rows: &Rows,
    (old, kept): (&Fields, &Kept),
    new: &Change,
    place: &str,
) -> Result<(), SpotError> {
    let failed = |error: rusqlite::Error| unwritable(place, &error);
    for writing in writings(rows, Dialect::Sqlite, old, new) {
        let mut prepared = connection.prepare(&writing.sql).map_err(failed)?;
        bind(&mut prepared, &writing, kept, place)?;
        match prepared.raw_execute().map_err(failed)? {
            1 => {}
            0 => {
                return Err(SpotError::Moved {
                    place: place.to_owned(),
                });
            }
            _ => return Err(several_rows(place)),
        }
    }
    Ok(())
}

fn same_kinds(one: &Kept, other: &Kept) -> bool {
    let kinds = |kept: &Kept| -> Vec<_> {
        let kinds = kept.iter();
        kinds
            .map(|(field, value)| (*field, value.data_type()))
            .collect()
    };
    kinds(one) == kinds(other)
}

/// Puts back what was just written, looks whether it is what it was, its kind included, and undoes that again.
fn rehearse(
    transaction: &mut Transaction<'_>,
    rows: &Rows,
    (before, stands): (&Kept, &Kept),
    new: &Change,
    place: &str,
) -> Result<(), SpotError> {
    let texts_before = texts(before);
    let opposite: Change = new
        .keys()
        .map(|field| (*field, texts_before.get(field).cloned()))
        .collect();
    let rehearsal = transaction
        .savepoint()
        .map_err(|error| unwritable(place, &error))?;
    let back = write(&rehearsal, rows, (&texts(stands), stands), &opposite, place)
        .and_then(|()| kept(&rehearsal, rows, place));
    // Dropped, it is rolled back.
    drop(rehearsal);
    match back {
        Ok(back) if back == *before => Ok(()),
        Ok(_) => Err(SpotError::Unwritable {
            place: place.to_owned(),
            problem: "what stands there would not come back as the kind of value it is, text or \
                      number; nothing was written"
                .to_owned(),
            cure: "name in `reset_to` a value of that kind".to_owned(),
        }),
        Err(SpotError::Moved { .. }) => Err(not_put_back(place)),
        Err(error) => Err(error),
    }
}

fn open(
    path: &Path,
    access: OpenFlags,
    bound: Duration,
    place: &str,
) -> Result<Connection, SpotError> {
    let flags = access | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let opened = Connection::open_with_flags(path, flags);
    let opened = opened.and_then(|connection| connection.busy_timeout(bound).map(|()| connection));
    opened.map_err(|error| unreadable(place, &error))
}

fn kept(connection: &Connection, rows: &Rows, place: &str) -> Result<Kept, SpotError> {
    let mut all = Kept::new();
    for reading in readings(rows, Dialect::Sqlite) {
        let found = one(connection, &reading.statement, &reading.fields, place)?;
        match found {
            Some(found) => all.extend(found),
            None if reading.must_be => return Err(no_row(place)),
            None => {}
        }
    }
    Ok(all)
}

fn one(
    connection: &Connection,
    statement: &Statement,
    fields: &[SpotField],
    place: &str,
) -> Result<Option<Kept>, SpotError> {
    let failed = |error: rusqlite::Error| unreadable(place, &error);
    let mut prepared = connection.prepare(&statement.sql).map_err(failed)?;
    bind(&mut prepared, statement, &Kept::new(), place)?;
    let mut rows = prepared.raw_query();
    let mut kept = Kept::new();
    let Some(row) = rows.next().map_err(failed)? else {
        return Ok(None);
    };
    for field in fields {
        let value = row.get_ref(field.word()).map_err(failed)?;
        match value {
            ValueRef::Null => {}
            ValueRef::Integer(number) => {
                kept.insert(*field, Value::Integer(number));
            }
            ValueRef::Text(text) if str::from_utf8(text).is_ok() => {
                let text = String::from_utf8_lossy(text).into_owned();
                kept.insert(*field, Value::Text(text));
            }
            ValueRef::Text(_) | ValueRef::Real(_) | ValueRef::Blob(_) => {
                return Err(SpotError::Flawed {
                    place: place.to_owned(),
                    what: format!("`{field}`"),
                    value: format!("of the kind {}", value.data_type()),
                    must: "a whole number or a text".to_owned(),
                });
            }
        }
    }
    match rows.next().map_err(failed)? {
        Some(_) => Err(several_rows(place)),
        None => Ok(Some(kept)),
    }
}

fn texts(kept: &Kept) -> Fields {
    kept.iter()
        .filter_map(|(field, value)| match value {
            Value::Integer(number) => Some((*field, number.to_string())),
            Value::Text(text) => Some((*field, text.clone())),
            Value::Null | Value::Real(_) | Value::Blob(_) => None,
        })
        .collect()
}

fn bind(
    prepared: &mut Prepared<'_>,
    statement: &Statement,
    kept: &Kept,
    place: &str,
) -> Result<(), SpotError> {
    for index in 1..=prepared.parameter_count() {
        let name = prepared
            .parameter_name(index)
            .unwrap_or("?")
            .trim_start_matches([':', '@', '$'])
            .to_owned();
        let value = match statement.values.get(&name) {
            Some(Bound::Text(text)) => Value::Text(text.clone()),
            Some(Bound::Of(_, None)) => Value::Null,
            Some(Bound::Of(field, Some(text))) => match (kept.get(field), text.parse()) {
                // Of a NULL it is not known: a column with a kind of its own makes it that, and a number in one without
                // is a number. What that does not fit is not reset.
                (Some(Value::Integer(_)) | None, Ok(number)) if is_plain(text, number) => {
                    Value::Integer(number)
                }
                _ => Value::Text(text.clone()),
            },
            None => {
                return Err(SpotError::Flawed {
                    place: place.to_owned(),
                    what: "a name in the statement".to_owned(),
                    value: format!(":{name}"),
                    must: "one such as :new_updated or :old_host".to_owned(),
                });
            }
        };
        prepared
            .raw_bind_parameter(index, value)
            .map_err(|error| unwritable(place, &error))?;
    }
    Ok(())
}

/// Whether the text is this number as SQLite writes it.
fn is_plain(text: &str, number: i64) -> bool {
    number.to_string() == text
}

fn cure(error: &rusqlite::Error) -> String {
    let extended = error.sqlite_error().map(|error| error.extended_code);
    if extended == Some(SQLITE_CONSTRAINT_NOTNULL) {
        return NO_NULL.to_owned();
    }
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            "another program holds it; stop that program and try again"
        }
        Some(ErrorCode::CannotOpen | ErrorCode::PermissionDenied | ErrorCode::ReadOnly) => {
            "check the path, and that this user may read and write the file and its folder"
        }
        _ => "correct the table and column names or the statements",
    }
    .to_owned()
}

fn unreadable(place: &str, error: &rusqlite::Error) -> SpotError {
    SpotError::Unreadable {
        place: place.to_owned(),
        problem: error.to_string(),
        cure: cure(error),
    }
}

fn unwritable(place: &str, error: &rusqlite::Error) -> SpotError {
    SpotError::Unwritable {
        place: place.to_owned(),
        problem: error.to_string(),
        cure: cure(error),
    }
}
