//! How `config show` shows a consumer that is another product, secrets left out.

use serde_json::{Value, json};

use super::{source, trusted};
use crate::config::{
    Database, FileForm, HostPlace, HttpGuard, Keys, Outside, Rows, Secret, Shape, SpotSettings,
    Turn,
};

/// Its shape, its spots and its confirmation.
pub(super) fn shown(outside: &Outside) -> Value {
    let confirm = outside.confirm.as_ref();
    json!({
        "shape": outside.shape.word(),
        "reset_to": match &outside.shape {
            Shape::Reset { to } => to.clone(),
            _ => None,
        },
        "cursor": outside.cursor.as_ref().map(spot),
        "host": match &outside.host {
            HostPlace::WithCursor => json!("with the cursor"),
            HostPlace::Spot(settings) => spot(settings),
            HostPlace::Remembered { first } => json!({ "first": first }),
        },
        "confirm": confirm.map_or_else(
            || "off".to_owned(),
            |confirm| humantime::format_duration(confirm.within).to_string(),
        ),
        "confirm_command": confirm.and_then(|confirm| confirm.command.clone()),
    })
}

/// What stops or starts a sync.
pub(super) fn turn(turn: &Turn) -> Value {
    match turn {
        Turn::Command(argv) => json!(argv),
        Turn::Unit(unit) => json!({ "unit": unit }),
        Turn::Http(steps) => {
            let steps: Vec<String> = steps.iter().map(ToString::to_string).collect();
            json!({ "http": steps })
        }
    }
}

fn spot(spot: &SpotSettings) -> Value {
    match spot {
        SpotSettings::File(file) => {
            let mut shown = json!({ "file": file.path });
            let (form, keys) = match &file.form {
                FileForm::Json(keys) => ("json", by_word(keys)),
                FileForm::Toml(keys) => ("toml", by_word(keys)),
                FileForm::Properties { keys, also } => {
                    if let Some(shown) = shown.as_object_mut()
                        && !also.is_empty()
                    {
                        shown.insert("also".to_owned(), json!(also));
                    }
                    ("properties", by_word(keys))
                }
                FileForm::Raw(field) => ("raw", json!(field.word())),
            };
            if let Some(shown) = shown.as_object_mut() {
                shown.insert(form.to_owned(), keys);
            }
            shown
        }
        SpotSettings::Sql(sql) => {
            let mut shown = rows(&sql.rows);
            let (name, database) = database(&sql.database);
            if let Some(shown) = shown.as_object_mut() {
                shown.insert(name.to_owned(), database);
            }
            shown
        }
        SpotSettings::Http(http) => {
            let keys: serde_json::Map<String, Value> = http
                .keys
                .iter()
                .map(|(field, path)| (field.word().to_owned(), json!(path.to_string())))
                .collect();
            json!({
                "http": http.url.to_string(),
                "json": keys,
                "write": format!("{} {}", http.write.method.word(), http.write.url),
                "body": http.write.body,
                "guard": match &http.guard {
                    HttpGuard::Etag => json!("etag"),
                    HttpGuard::Revision(path) => json!({ "revision": path.to_string() }),
                    HttpGuard::Compare => json!("compare"),
                },
            })
        }
        SpotSettings::Ldap(ldap) => json!({
            "ldap": format!("{}:{}", ldap.server.host, ldap.server.port),
            "entry": ldap.entry,
            "attributes": by_word(&ldap.attributes),
        }),
        SpotSettings::Command(command) => json!({
            "command": command.argv,
            "fields": words(&command.fields),
        }),
    }
}

fn by_word(keys: &Keys) -> Value {
    keys.iter()
        .map(|(field, key)| (field.word().to_owned(), json!(key)))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

fn words(fields: &[crate::config::SpotField]) -> Vec<&'static str> {
    fields.iter().map(|field| field.word()).collect()
}

fn database(database: &Database) -> (&'static str, Value) {
    match database {
        Database::Sqlite(path) => ("sqlite", json!(path)),
        Database::Postgres(server) => {
            let password = server.password.as_ref().map(|password| match password {
                Secret::Known(_) => json!("(set)"),
                Secret::NotRead(from) => source(from),
            });
            let shown = json!({
                "host": server.host,
                "port": server.port,
                "database": server.database,
                "user": server.user,
                "password": password,
                "security": if server.trust.is_some() { "tls" } else { "none" },
                "ca_file": server.trust.as_ref().and_then(trusted),
            });
            ("postgres", shown)
        }
    }
}

fn rows(rows: &Rows) -> Value {
    match rows {
        Rows::Columns {
            table,
            columns,
            row,
        } => json!({ "table": table, "columns": by_word(columns), "where": row }),
        Rows::KeyValue {
            table,
            key,
            value,
            keys,
        } => json!({ "table": table, "key": key, "value": value, "keys": by_word(keys) }),
        Rows::Statements {
            select,
            update,
            fields,
        } => json!({ "select": select, "update": update, "fields": words(fields) }),
    }
}
