//! The statements that read and write a spot, made from its settings. Pure.
//!
//! # Decisions
//! - Values are bound, never written into the text; names come from the configuration alone and are quoted.
//! - Every writing of ours compares in the same statement, and changes one row or is taken back.
//! - A row is never deleted or made: what is reset becomes NULL, so that the row's other columns stay when it is put back.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::super::spot::{Change, Field, Fields};
use crate::config::{Rows, SpotField};

/// What the two databases say differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    /// SQLite: a value is bound as the kind of value that was read.
    Sqlite,
    /// PostgreSQL: a value is bound as text and becomes what the column is.
    Postgres,
}

/// A value to be bound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Bound {
    /// This text.
    Text(String),
    /// The old or new text of this field; `None` is NULL. SQLite keeps its kind.
    Of(Field, Option<String>),
}

/// One statement with its values by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Statement {
    pub(super) sql: String,
    pub(super) values: BTreeMap<String, Bound>,
}

/// A reading: its columns are named as the fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reading {
    pub(super) statement: Statement,
    pub(super) fields: Vec<SpotField>,
    /// Whether there must be a row.
    pub(super) must_be: bool,
    /// Written by the operator: it takes no values.
    pub(super) by_hand: bool,
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A table's name, its schema before a dot.
fn table(name: &str) -> String {
    let parts: Vec<String> = name.split('.').map(quoted).collect();
    parts.join(".")
}

impl Dialect {
    /// The column as it is read.
    fn column(self, name: &str) -> String {
        match self {
            Self::Sqlite => quoted(name),
            Self::Postgres => format!("CAST({} AS text)", quoted(name)),
        }
    }

    /// Whether the column holds this value, NULL included.
    fn holds(self, name: &str, value: &str) -> String {
        match self {
            Self::Sqlite => format!("{} IS :{value}", quoted(name)),
            Self::Postgres => format!(
                "{} IS NOT DISTINCT FROM CAST(:{value} AS text)",
                self.column(name)
            ),
        }
    }

    /// Whether the column, seen as text, is this value.
    fn reads(name: &str, value: &str) -> String {
        format!("CAST({} AS text) = CAST(:{value} AS text)", quoted(name))
    }
}

/// What reads the spot.
pub(super) fn readings(rows: &Rows, dialect: Dialect) -> Vec<Reading> {
    match rows {
        Rows::Columns {
            table: name,
            columns,
            row,
        } => {
            let list: Vec<String> = columns
                .iter()
                .map(|(field, column)| {
                    format!("{} AS {}", dialect.column(column), quoted(field.word()))
                })
                .collect();
            let (filter, values) = of_row(row);
            vec![Reading {
                statement: Statement {
                    sql: format!(
                        "SELECT {} FROM {} WHERE {filter}",
                        list.join(", "),
                        table(name)
                    ),
                    values,
                },
                fields: columns.keys().copied().collect(),
                must_be: true,
                by_hand: false,
            }]
        }
        Rows::KeyValue {
            table: name,
            key,
            value,
            keys,
        } => keys
            .iter()
            .map(|(field, text)| Reading {
                statement: Statement {
                    sql: format!(
                        "SELECT {} AS {} FROM {} WHERE {}",
                        dialect.column(value),
                        quoted(field.word()),
                        table(name),
                        Dialect::reads(key, "key")
                    ),
                    values: of_key(text),
                },
                fields: vec![*field],
                must_be: false,
                by_hand: false,
            })
            .collect(),
        Rows::Statements { select, fields, .. } => vec![Reading {
            statement: Statement {
                sql: select.clone(),
                values: BTreeMap::new(),
            },
            fields: fields.clone(),
            must_be: true,
            by_hand: true,
        }],
    }
}

/// What writes the changes, each of one row, in a transaction that has just read `old`.
pub(super) fn writings(
    rows: &Rows,
    dialect: Dialect,
    old: &Fields,
    new: &Change,
) -> Vec<Statement> {
    match rows {
        Rows::Columns {
            table: name,
            columns,
            row,
        } => {
            let (filter, mut values) = of_row(row);
            let (mut sets, mut filters) = (Vec::new(), vec![filter]);
            for (field, text) in new {
                let Some(column) = columns.get(field) else {
                    continue;
                };
                sets.push(format!("{} = :new_{field}", quoted(column)));
                filters.push(dialect.holds(column, &format!("old_{field}")));
                values.extend(both(*field, old, text.clone()));
            }
            vec![Statement {
                sql: format!(
                    "UPDATE {} SET {} WHERE {}",
                    table(name),
                    sets.join(", "),
                    filters.join(" AND ")
                ),
                values,
            }]
        }
        Rows::KeyValue {
            table: name,
            key,
            value,
            keys,
        } => new
            .iter()
            .filter_map(|(field, text)| {
                let mut values = of_key(keys.get(field)?);
                values.extend(both(*field, old, text.clone()));
                let of_key = Dialect::reads(key, "key");
                let holds = dialect.holds(value, &format!("old_{field}"));
                let (name, value) = (table(name), quoted(value));
                if old.get(field).is_none() && text.is_none() {
                    return None;
                }
                let sql =
                    format!("UPDATE {name} SET {value} = :new_{field} WHERE {of_key} AND {holds}");
                Some(Statement { sql, values })
            })
            .collect(),
        Rows::Statements { update, fields, .. } => {
            let mut values = BTreeMap::new();
            for field in fields {
                // A field that stays is written as it was.
                let text = match new.get(field) {
                    Some(text) => text.clone(),
                    None => old.get(field).cloned(),
                };
                values.extend(both(*field, old, text));
            }
            vec![Statement {
                sql: update.clone(),
                values,
            }]
        }
    }
}

fn of_row(row: &BTreeMap<String, String>) -> (String, BTreeMap<String, Bound>) {
    let (mut filters, mut values) = (Vec::new(), BTreeMap::new());
    for (number, (column, text)) in row.iter().enumerate() {
        let name = format!("row_{number}");
        filters.push(Dialect::reads(column, &name));
        values.insert(name, Bound::Text(text.clone()));
    }
    (filters.join(" AND "), values)
}

fn of_key(key: &str) -> BTreeMap<String, Bound> {
    BTreeMap::from([("key".to_owned(), Bound::Text(key.to_owned()))])
}

fn both(field: Field, old: &Fields, new: Option<String>) -> [(String, Bound); 2] {
    [
        (
            format!("old_{field}"),
            Bound::Of(field, old.get(&field).cloned()),
        ),
        (format!("new_{field}"), Bound::Of(field, new)),
    ]
}

/// The statement with `$1`, `$2` in place of `:name`, and the names in that order. Texts and names in quotes, comments
/// and casts (`::`) are left alone.
pub(super) fn numbered(sql: &str) -> (String, Vec<String>) {
    let (mut text, mut names): (String, Vec<String>) = (String::new(), Vec::new());
    let mut rest = sql;
    while let Some(first) = rest.chars().next() {
        let taken = match first {
            '\'' | '"' => quoted_length(rest, first),
            '-' if rest.starts_with("--") => rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => rest.find("*/").map_or(rest.len(), |at| at + 2),
            ':' if rest.starts_with("::") => 2,
            ':' => {
                let name = name_at(rest);
                if name.is_empty() {
                    1
                } else {
                    let known = names.iter().position(|known| known == name);
                    let number = known.unwrap_or_else(|| {
                        names.push(name.to_owned());
                        names.len() - 1
                    });
                    // Writing to a String cannot fail.
                    _ = write!(text, "${}", number + 1);
                    rest = rest.get(1 + name.len()..).unwrap_or_default();
                    continue;
                }
            }
            other => other.len_utf8(),
        };
        let (head, tail) = rest.split_at_checked(taken).unwrap_or((rest, ""));
        text.push_str(head);
        rest = tail;
    }
    (text, names)
}

/// How long the text in quotes is that begins here; a doubled quote ends one and begins the next.
fn quoted_length(text: &str, quote: char) -> usize {
    let inner = text.get(1..).unwrap_or_default();
    inner.find(quote).map_or(text.len(), |at| at + 2)
}

fn name_at(text: &str) -> &str {
    let inner = text.get(1..).unwrap_or_default();
    // `[1:2]` is a slice of an array.
    if inner.starts_with(|c: char| c.is_ascii_digit()) {
        return "";
    }
    let end = inner
        .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .unwrap_or(inner.len());
    inner.get(..end).unwrap_or_default()
}
