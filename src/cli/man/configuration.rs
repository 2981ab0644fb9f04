//! Section 5: highwater.toml, from the topic and, key by key, from the JSON Schema.

use roff::{Roff, bold, roman};
use serde_json::Value;

use super::page::{self, Page};
use crate::cli::help::topics;
use crate::config;

const NAME: &str = "highwater.toml";
/// The table that says where a secret is; the topic explains it.
const SECRET: &str = "#/$defs/secret";

/// The page.
pub(super) fn page() -> Page {
    let mut roff = Roff::new();
    roff.control("SH", ["NAME"]);
    roff.text([roman(format!("{NAME} - the configuration of highwater"))]);
    roff.control("SH", ["DESCRIPTION"]);
    if let Some(topic) = topics::named("configuration") {
        page::document(&mut roff, &topic.document());
    }
    // The schema is embedded, and a test reads it.
    let schema: Value = serde_json::from_str(config::SCHEMA).unwrap_or_default();
    Reference::of(&schema).write(&mut roff);
    page::see_also(&mut roff, &["highwater-config(1)".to_owned()]);
    Page::new(NAME, 5, &roff)
}

/// The tables of the configuration, key by key.
struct Reference<'a> {
    schema: &'a Value,
    /// Each table: its name in the file, and what the schema says of it.
    tables: Vec<(String, &'a Value)>,
    /// Where a table of the schema is described, since some stand in several places.
    described: Vec<(&'a str, String)>,
}

impl<'a> Reference<'a> {
    fn of(schema: &'a Value) -> Self {
        let mut reference = Self {
            schema,
            tables: Vec::new(),
            described: Vec::new(),
        };
        for (name, key) in properties(schema) {
            if key.get("properties").is_some() {
                reference.add(format!("[{name}]"), key);
            } else {
                reference.table_below(name, key);
            }
        }
        reference
    }

    fn add(&mut self, path: String, table: &'a Value) {
        let inner = path.trim_matches(['[', ']']).to_owned();
        self.tables.push((path, table));
        for (name, key) in properties(table) {
            self.table_below(&format!("{inner}.{name}"), key);
        }
    }

    /// Adds the table that a key holds, if it holds one: by itself, by name, or as one of a list.
    fn table_below(&mut self, path: &str, key: &'a Value) {
        let ways = [
            ("/$ref", format!("[{path}]")),
            ("/additionalProperties/$ref", format!("[{path}.NAME]")),
            ("/items/$ref", format!("[[{path}]]")),
            ("/anyOf/1/$ref", format!("[{path}]")),
        ];
        for (pointer, path) in ways {
            let Some(name) = key.pointer(pointer).and_then(Value::as_str) else {
                continue;
            };
            if name == SECRET {
                continue;
            }
            let is_new = self.described.iter().all(|(known, _)| *known != name);
            let table = name
                .strip_prefix('#')
                .and_then(|at| self.schema.pointer(at));
            if let Some(table) = table.filter(|_| is_new) {
                self.described.push((name, path.clone()));
                self.add(path, table);
            }
        }
    }

    fn write(&self, roff: &mut Roff) {
        for (path, table) in &self.tables {
            roff.control("SH", [path.as_str()]);
            roff.text([roman(description(table))]);
            for (name, key) in properties(table) {
                let mut head = vec![bold(name)];
                if is_required(table, name) {
                    head.push(roman(" (required)"));
                }
                roff.control("TP", []).text(head);
                roff.text([roman(self.value(key))]);
            }
        }
    }

    /// What a key means, what it takes, and what it is without being given.
    fn value(&self, key: &Value) -> String {
        let mut parts = vec![description(key)];
        if let Some(words) = key.get("enum").and_then(Value::as_array) {
            let words: Vec<String> = words.iter().map(ToString::to_string).collect();
            parts.push(format!("One of {}.", words.join(", ")));
        }
        let table = ["/$ref", "/items/$ref", "/additionalProperties/$ref"];
        let table = table.iter().find_map(|at| key.pointer(at)?.as_str());
        if let Some((_, path)) = self.described.iter().find(|(name, _)| Some(*name) == table) {
            parts.push(format!("Keys: see {path}."));
        }
        if table == Some(SECRET) {
            parts.push("A secret: see Secrets.".to_owned());
        }
        if let Some(default) = key.get("default") {
            parts.push(format!("Default: {default}."));
        }
        parts.retain(|part| !part.is_empty());
        parts.join(" ")
    }
}

fn properties(table: &Value) -> impl Iterator<Item = (&str, &Value)> {
    let keys = table.get("properties").and_then(Value::as_object);
    keys.into_iter()
        .flatten()
        .map(|(name, key)| (name.as_str(), key))
}

fn is_required(table: &Value, name: &str) -> bool {
    let required = table.get("required").and_then(Value::as_array);
    required.is_some_and(|names| names.iter().any(|one| one == name))
}

/// The description, without the remark on durations, which the page makes once.
fn description(of: &Value) -> String {
    let text = of.get("description").and_then(Value::as_str);
    let text = text.unwrap_or_default();
    match text.find(" A text with units") {
        Some(at) => text.get(..at).unwrap_or(text).to_owned(),
        None => text.to_owned(),
    }
}
