//! Checked settings of a consumer that is another product: where it keeps its host and cursor, in what shape.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use super::{Secret, TlsTrust};
use crate::model::HostAttribute;

/// Where another product keeps host and cursor, and how it is seen to go on.
#[derive(Debug, Clone)]
pub struct Outside {
    /// What its cursor looks like.
    pub shape: Shape,
    /// Where the cursor is; `None` only with [`Shape::Cookie`], which never writes it.
    pub cursor: Option<SpotSettings>,
    /// Where the host is.
    pub host: HostPlace,
    /// Which attribute of the resource that host stands for.
    pub attribute: HostAttribute,
    /// How it is made sure that the sync goes on after its start; `None` does not look.
    pub confirm: Option<Confirm>,
}

/// What a product writes down as its cursor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shape {
    /// One USN for changes and deletions.
    OneUsn,
    /// Two USNs, kept apart.
    TwoUsns,
    /// One text, `deleted,updated`; a text with one USN means both.
    DeletedCommaUpdated,
    /// A cookie that holds on every DC (DirSync): it is kept, only the host changes.
    Cookie,
    /// Something that means nothing elsewhere: it is removed, so that everything is read again.
    Reset {
        /// What is written instead of removing it.
        to: Option<String>,
    },
}

impl Shape {
    /// Its word in the configuration.
    pub fn word(&self) -> &'static str {
        match self {
            Self::OneUsn => "one_usn",
            Self::TwoUsns => "two_usns",
            Self::DeletedCommaUpdated => "deleted_comma_updated",
            Self::Cookie => "cookie",
            Self::Reset { .. } => "reset",
        }
    }

    /// Whether it says which USNs were read.
    pub fn has_usns(&self) -> bool {
        matches!(
            self,
            Self::OneUsn | Self::TwoUsns | Self::DeletedCommaUpdated
        )
    }
}

/// What a spot can hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SpotField {
    /// The host the sync reads from.
    Host,
    /// The USN of changes; with a text `deleted,updated`, that text; with one USN for both, that USN.
    Updated,
    /// The USN of deletions, where it is kept apart.
    Deleted,
    /// An opaque cookie, which is never rewritten but to remove it.
    Cookie,
}

impl SpotField {
    /// Every field.
    pub const ALL: [SpotField; 4] = [Self::Host, Self::Updated, Self::Deleted, Self::Cookie];

    /// Its name in the configuration, and in what a command spot reads and writes.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::Updated => "updated",
            Self::Deleted => "deleted",
            Self::Cookie => "cookie",
        }
    }
}

impl fmt::Display for SpotField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// Where in a spot each field is.
pub type Keys = BTreeMap<SpotField, String>;

/// Where the host is.
#[derive(Debug, Clone)]
pub enum HostPlace {
    /// In the same spot as the cursor, and written with it at once.
    WithCursor,
    /// In a spot of its own.
    Spot(SpotSettings),
    /// Nowhere: the start command is given it, and Highwater remembers the one given last.
    Remembered {
        /// The one before the first failover.
        first: String,
    },
}

/// One spot.
#[derive(Debug, Clone)]
pub enum SpotSettings {
    /// A file.
    File(FileSettings),
    /// A row, or a few, of a database.
    Sql(Box<SqlSettings>),
    /// A JSON document behind an HTTP interface.
    Http(Box<super::HttpSpotSettings>),
    /// An entry of a directory.
    Ldap(Box<super::LdapSpotSettings>),
    /// A program that reads and writes it.
    Command(CommandSettings),
}

/// A file of another product.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileSettings {
    /// The file.
    pub path: PathBuf,
    /// What it is, and where in it the fields are.
    pub form: FileForm,
}

/// What a file is, and where in it the fields are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileForm {
    /// JSON; JSON pointers (RFC 6901).
    Json(Keys),
    /// TOML; dotted keys.
    Toml(Keys),
    /// A Java `.properties` file; its keys.
    Properties {
        /// The keys of the fields.
        keys: Keys,
        /// Keys that are set along with them, and to what; they are not read.
        also: BTreeMap<String, String>,
    },
    /// The whole text is this field.
    Raw(SpotField),
}

/// A database of another product.
#[derive(Debug, Clone)]
pub struct SqlSettings {
    /// Which database.
    pub database: Database,
    /// How the fields are read and written.
    pub rows: Rows,
}

/// Which database.
#[derive(Debug, Clone)]
pub enum Database {
    /// An SQLite file.
    Sqlite(PathBuf),
    /// A PostgreSQL server.
    Postgres(Postgres),
}

/// A PostgreSQL server and how to log in.
#[derive(Debug, Clone)]
pub struct Postgres {
    /// Host name or address, or the folder of its Unix socket.
    pub host: String,
    /// The port.
    pub port: u16,
    /// The database.
    pub database: String,
    /// The role.
    pub user: String,
    /// Its password; `None` where the server asks for none.
    pub password: Option<Secret>,
    /// How the connection is protected; `None` sends in clear, which only a Unix socket does without being told to.
    pub trust: Option<TlsTrust>,
}

/// How the fields are read and written in a database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rows {
    /// One row of a table, a column for each field.
    Columns {
        /// The table, with its schema before a dot where one is needed.
        table: String,
        /// The column of each field.
        columns: Keys,
        /// Column and text of what names the row.
        row: BTreeMap<String, String>,
    },
    /// A row for each field: a column with the key, one with the value.
    KeyValue {
        /// The table, with its schema before a dot where one is needed.
        table: String,
        /// The column of the keys.
        key: String,
        /// The column of the values.
        value: String,
        /// The key of each field.
        keys: Keys,
    },
    /// Statements by hand.
    Statements {
        /// Gives one row; its columns are named as the fields.
        select: String,
        /// Changes one row; takes `:new_updated`, `:old_updated` and so on.
        update: String,
        /// The fields they mean.
        fields: Vec<SpotField>,
    },
}

/// A program that reads and writes a spot: JSON on its standard input and output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandSettings {
    /// The program and its arguments; no shell reads it.
    pub argv: Vec<String>,
    /// The fields it keeps.
    pub fields: Vec<SpotField>,
}

impl SpotSettings {
    /// The fields it holds.
    pub fn fields(&self) -> Vec<SpotField> {
        let of = |keys: &Keys| keys.keys().copied().collect();
        match self {
            Self::File(file) => match &file.form {
                FileForm::Json(keys) | FileForm::Toml(keys) | FileForm::Properties { keys, .. } => {
                    of(keys)
                }
                FileForm::Raw(field) => vec![*field],
            },
            Self::Sql(sql) => match &sql.rows {
                Rows::Columns { columns: keys, .. } | Rows::KeyValue { keys, .. } => of(keys),
                Rows::Statements { fields, .. } => fields.clone(),
            },
            Self::Http(http) => http.keys.keys().copied().collect(),
            Self::Ldap(ldap) => ldap.attributes.keys().copied().collect(),
            Self::Command(command) => command.fields.clone(),
        }
    }
}

/// How it is made sure that a started sync goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confirm {
    /// How long its cursor may take to move on.
    pub within: Duration,
    /// A program that ends well once the sync is seen to have succeeded, for one whose cursor may stand still.
    pub command: Option<Vec<String>>,
}

/// How a sync is stopped or started.
#[derive(Debug, Clone)]
pub enum Turn {
    /// By a program; no shell reads it.
    Command(Vec<String>),
    /// By systemd: this unit.
    Unit(String),
    /// By these requests, one after the other.
    Http(Vec<super::HttpStep>),
}

impl fmt::Display for Turn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Command(argv) => f.write_str(&argv.join(" ")),
            Self::Unit(unit) => write!(f, "the unit {unit}"),
            Self::Http(steps) => {
                let steps: Vec<String> = steps.iter().map(ToString::to_string).collect();
                f.write_str(&steps.join(", then "))
            }
        }
    }
}
