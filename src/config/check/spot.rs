//! One spot of another product: a file, rows of a database, a document behind HTTP, an entry behind LDAP, a program.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use super::super::problem::Notes;
use super::super::raw::{Field, Section};
use super::super::{
    CommandSettings, Database, FileForm, FileSettings, Keys, Postgres, Rows, SpotField,
    SpotSettings, SqlSettings, TlsTrust,
};
use super::{Place, command, credentials, http, ldap_spot};

/// What a spot is, by the key that says where it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    File,
    Sqlite,
    Postgres,
    Http,
    Ldap,
    Command,
}

const KINDS: [(&str, Kind); 6] = [
    ("file", Kind::File),
    ("sqlite", Kind::Sqlite),
    ("postgres", Kind::Postgres),
    ("http", Kind::Http),
    ("ldap", Kind::Ldap),
    ("command", Kind::Command),
];

const SQL: &[Kind] = &[Kind::Sqlite, Kind::Postgres];

/// Every other key, with the kinds it belongs to.
const KEYS: [(&str, &[Kind]); 22] = [
    ("json", &[Kind::File, Kind::Http]),
    ("toml", &[Kind::File]),
    ("properties", &[Kind::File]),
    ("also", &[Kind::File]),
    ("raw", &[Kind::File]),
    ("guard", &[Kind::Http]),
    ("put", &[Kind::Http]),
    ("patch", &[Kind::Http]),
    ("post", &[Kind::Http]),
    ("body", &[Kind::Http]),
    ("media_type", &[Kind::Http]),
    ("entry", &[Kind::Ldap]),
    ("attributes", &[Kind::Ldap]),
    ("table", SQL),
    ("key", SQL),
    ("value", SQL),
    ("keys", SQL),
    ("columns", SQL),
    ("where", SQL),
    ("select", SQL),
    ("update", SQL),
    ("fields", &[Kind::Sqlite, Kind::Postgres, Kind::Command]),
];

/// The keys of one spot that were given.
struct Given<'t> {
    path: String,
    span: Range<usize>,
    keys: BTreeMap<&'static str, Field<'t>>,
}

impl<'t> Given<'t> {
    fn take(&self, name: &str, _: &mut Notes) -> Option<Field<'t>> {
        self.keys.get(name).cloned()
    }

    fn require(&self, name: &str, like: &str, notes: &mut Notes) -> Option<Field<'t>> {
        let field = self.keys.get(name).cloned();
        if field.is_none() {
            let message = format!("`{}.{name}` is missing", self.path);
            notes.add(self.span(), message, format!("add {name} = {like}"));
        }
        field
    }

    fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    fn path(&self) -> &str {
        &self.path
    }
}

/// The words that allow a password and a cursor to be sent unprotected.
const CLEAR: &str = "clear, passwords readable on the network";

const FIELDS: [(&str, SpotField); 4] = [
    ("host", SpotField::Host),
    ("updated", SpotField::Updated),
    ("deleted", SpotField::Deleted),
    ("cookie", SpotField::Cookie),
];

/// Reads one spot.
pub(super) fn read(
    mut section: Section<'_>,
    server: &http::Named,
    place: &Place<'_>,
    notes: &mut Notes,
) -> Option<SpotSettings> {
    let kinds: Vec<(&str, Kind, Field<'_>)> = KINDS
        .iter()
        .filter_map(|(name, kind)| Some((*name, *kind, section.take(name, notes)?)))
        .collect();
    let mut keys = BTreeMap::new();
    for (name, of) in KEYS {
        let Some(field) = section.take(name, notes) else {
            continue;
        };
        if let [(word, kind, _)] = kinds.as_slice()
            && !of.contains(kind)
        {
            let message = format!("`{}` is of no use with {word}", field.path());
            notes.add(field.span(), message, "remove it");
        }
        keys.insert(name, field);
    }
    let mut given = Given {
        path: section.path().to_owned(),
        span: section.span(),
        keys,
    };
    section.finish(notes);
    let [(_, kind, field)] = kinds.as_slice() else {
        notes.add(
            given.span(),
            format!(
                "`{}` needs one of file, sqlite, postgres, http, ldap and command",
                given.path
            ),
            "write it like { file = \"/var/lib/hr-sync/state.json\", json = { updated = \"/usn\" } }",
        );
        return None;
    };
    let given = &mut given;
    match kind {
        Kind::File => file(given, field, place, notes).map(SpotSettings::File),
        Kind::Sqlite => {
            let database = place.path(field, notes).map(Database::Sqlite);
            sql(database, rows(given, notes))
        }
        Kind::Postgres => {
            let database = postgres(field, place, notes).map(Database::Postgres);
            sql(database, rows(given, notes))
        }
        Kind::Http => {
            let mut key = |name| given.take(name, notes);
            let keys = http::SpotKeys {
                json: key("json"),
                guard: key("guard"),
                put: key("put"),
                patch: key("patch"),
                post: key("post"),
                body: key("body"),
                media_type: key("media_type"),
                path: given.path.clone(),
                span: given.span(),
                http: field.clone(),
            };
            let read = http::spot(&keys, server, notes);
            read.map(|http| SpotSettings::Http(Box::new(http)))
        }
        Kind::Ldap => {
            let (entry, attributes) = (given.take("entry", notes), given.take("attributes", notes));
            let read = ldap_spot::read(field, entry.as_ref(), attributes.as_ref(), place, notes);
            read.map(|ldap| SpotSettings::Ldap(Box::new(ldap)))
        }
        Kind::Command => {
            let argv = command(field, notes);
            let fields = fields(given, notes)?;
            Some(SpotSettings::Command(CommandSettings { argv, fields }))
        }
    }
}

fn sql(database: Option<Database>, rows: Option<Rows>) -> Option<SpotSettings> {
    let (database, rows) = (database?, rows?);
    Some(SpotSettings::Sql(Box::new(SqlSettings { database, rows })))
}

/// The fields a list names.
fn fields(section: &mut Given<'_>, notes: &mut Notes) -> Option<Vec<SpotField>> {
    let like = "[\"updated\", \"host\"]";
    let list = section.require("fields", like, notes)?.list(like, notes);
    let fields: Vec<SpotField> = list
        .iter()
        .filter_map(|item| item.one_of(&FIELDS, notes))
        .collect();
    (!fields.is_empty()).then_some(fields)
}

/// Where each field is.
fn keys(field: &Field<'_>, like: &str, notes: &mut Notes) -> Option<Keys> {
    let mut table = field.table(notes)?;
    let mut keys = Keys::new();
    for (word, name) in FIELDS {
        if let Some(field) = table.take(word, notes)
            && let Some(text) = field.text(like, notes)
        {
            keys.insert(name, text.to_owned());
        }
    }
    table.finish(notes);
    if keys.is_empty() {
        let cure = format!("write it like {{ updated = {like} }}");
        field.wrong("says where nothing is", cure, notes);
        return None;
    }
    Some(keys)
}

fn file(
    section: &mut Given<'_>,
    field: &Field<'_>,
    place: &Place<'_>,
    notes: &mut Notes,
) -> Option<FileSettings> {
    let path = place.path(field, notes);
    let mut forms = Vec::new();
    for name in ["json", "toml", "properties", "raw"] {
        forms.extend(section.take(name, notes).map(|field| (name, field)));
    }
    if let Some(also) = section.take("also", notes)
        && !matches!(forms.as_slice(), [("properties", _)])
    {
        let message = format!("`{}` goes with properties alone", also.path());
        notes.add(also.span(), message, "remove it");
    }
    let form = match forms.as_slice() {
        [("json", field)] => {
            let keys = keys(field, "\"/sync/usn\"", notes)?;
            for pointer in keys.values() {
                if !pointer.starts_with('/') {
                    let message = format!("`{}`: {pointer:?} is no JSON pointer", field.path());
                    notes.add(
                        field.span(),
                        message,
                        "begin it with /, as in \"/sync/usn\"",
                    );
                    return None;
                }
            }
            Some(FileForm::Json(keys))
        }
        [("toml", field)] => keys(field, "\"sync.usn\"", notes).map(FileForm::Toml),
        [("properties", field)] => {
            let keys = keys(field, "\"sync.usn\"", notes);
            let also = match section.take("also", notes) {
                Some(also) => also.texts("{ \"sync.state\" = \"0\" }", notes),
                None => Vec::new(),
            };
            keys.map(|keys| FileForm::Properties {
                keys,
                also: also.into_iter().collect(),
            })
        }
        [("raw", field)] => field.one_of(&FIELDS, notes).map(FileForm::Raw),
        _ => {
            notes.add(
                section.span(),
                format!(
                    "`{}` needs one of json, toml, properties and raw",
                    section.path()
                ),
                "write json = { updated = \"/usn\" }, or raw = \"updated\" where the file is the number alone",
            );
            None
        }
    };
    Some(FileSettings {
        path: path?,
        form: form?,
    })
}

fn rows(section: &mut Given<'_>, notes: &mut Notes) -> Option<Rows> {
    let (select, table) = (section.take("select", notes), section.take("table", notes));
    match (select, table) {
        (Some(select), None) => statements(section, &select, notes),
        (None, Some(table)) => {
            let table = table.text("\"cursors\"", notes)?.to_owned();
            match section.take("columns", notes) {
                Some(columns) => columns_of(section, table, &columns, notes),
                None => key_value(section, table, notes),
            }
        }
        _ => {
            notes.add(
                section.span(),
                format!("`{}` needs one of table and select", section.path()),
                "add table = \"state\", key = \"name\", value = \"value\", keys = { updated = \"usn\" }",
            );
            None
        }
    }
}

fn statements(section: &mut Given<'_>, select: &Field<'_>, notes: &mut Notes) -> Option<Rows> {
    let like = "\"UPDATE c SET usn = :new_updated WHERE usn = :old_updated\"";
    let fields = fields(section, notes);
    let field = section.require("update", like, notes)?;
    let update = field.lines(like, notes)?;
    let fields = fields?;
    for name in &fields {
        if *name != SpotField::Cookie && !update.contains(&format!(":new_{name}")) {
            let cure = format!("write the new value as :new_{name}");
            field.wrong(&format!("does not write {name}"), cure, notes);
            return None;
        }
    }
    Some(Rows::Statements {
        select: select
            .lines("\"SELECT usn AS updated FROM c\"", notes)?
            .to_owned(),
        update: update.to_owned(),
        fields,
    })
}

fn columns_of(
    section: &mut Given<'_>,
    table: String,
    columns: &Field<'_>,
    notes: &mut Notes,
) -> Option<Rows> {
    let columns = keys(columns, "\"last_usn\"", notes);
    let like = "{ name = \"hr\" }";
    let mut row = BTreeMap::new();
    if let Some(field) = section.require("where", like, notes) {
        for (column, value) in field.texts(like, notes) {
            row.insert(column, value);
        }
        if row.is_empty() {
            let cure = format!("write it like {like}");
            field.wrong("names no row", cure, notes);
            return None;
        }
    } else {
        return None;
    }
    Some(Rows::Columns {
        table,
        columns: columns?,
        row,
    })
}

fn key_value(section: &mut Given<'_>, table: String, notes: &mut Notes) -> Option<Rows> {
    let mut text = |name, like| {
        let field = section.require(name, like, notes)?;
        Some(field.text(like, notes)?.to_owned())
    };
    let (key, value) = (text("key", "\"Key\""), text("value", "\"Value\""));
    let keys = section
        .require("keys", "{ updated = \"lastUSN\" }", notes)
        .and_then(|field| keys(&field, "\"lastUSN\"", notes));
    Some(Rows::KeyValue {
        table,
        key: key?,
        value: value?,
        keys: keys?,
    })
}

fn postgres(field: &Field<'_>, place: &Place<'_>, notes: &mut Notes) -> Option<Postgres> {
    let mut section = field.table(notes)?;
    let mut text = |name, like| {
        let field = section.require(name, like, notes)?;
        Some(field.text(like, notes)?.to_owned())
    };
    let host = text("host", "\"db.example.com\"");
    let database = text("database", "\"idm\"");
    let user = text("user", "\"highwater\"");
    let port = section.take("port", notes).map_or(Some(5432), |field| {
        let port = field.whole(1..=65_535, notes)?;
        u16::try_from(port).ok()
    });
    let password = match section.take("password", notes) {
        Some(field) => Some(credentials::secret(&field, place, notes)?),
        None => None,
    };
    let ca_file = section.take("ca_file", notes);
    let is_clear = section
        .take("security", notes)
        .map_or(Some(false), |field| {
            field.one_of(&[("tls", false), (CLEAR, true)], notes)
        });
    section.finish(notes);
    let (host, is_clear) = (host?, is_clear?);
    let is_local = Path::new(&host).is_absolute();
    let trust = match ca_file {
        Some(field) if is_clear || is_local => {
            field.wrong("is of no use without TLS", "remove it", notes);
            return None;
        }
        Some(field) => Some(TlsTrust::File(place.certificates(&field, notes)?)),
        None => (!is_clear && !is_local).then_some(TlsTrust::System),
    };
    Some(Postgres {
        host,
        port: port?,
        database: database?,
        user: user?,
        password,
        trust,
    })
}
