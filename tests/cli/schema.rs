//! The JSON Schema of the configuration says what the checker says.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use highwater::config::{self, ConfigError, Secrets};
use serde_json::Value;

use super::structure::problems;
use super::{GOOD, run, stdout};

/// A configuration with every table there is, and in each a key that nobody knows.
const UNKNOWN: &str = r#"nobodysKey = 1
[store]
path = "hw.db"
nobodysKey = 1
[collector]
nobodysKey = 1
[connection]
credentials = "reader"
nobodysKey = 1
[credentials.reader]
method = "simple"
user = "svc@example.com"
password = { env = "HW_PASS", nobodysKey = 1 }
nobodysKey = 1
[dc.dc1]
host = "dc1.example.com"
nobodysKey = 1
[resource.hr]
base_contexts = ["OU=People,DC=example,DC=com"]
backup_dcs = ["dc1"]
nobodysKey = 1
[resource.hr.consumer]
kind = "builtin"
nobodysKey = 1
[resource.crm]
base_contexts = ["OU=People,DC=example,DC=com"]
backup_dcs = ["dc1"]
[resource.crm.consumer]
kind = "outside"
shape = "one_usn"
position = "before_search"
stop = { unit = "crm.service", nobodysKey = 1 }
[resource.crm.consumer.cursor]
file = "/var/lib/crm.json"
json = { updated = "/usn", nobodysKey = 1 }
nobodysKey = 1
[resource.crm.consumer.host]
table = "settings"
key = "name"
value = "value"
keys = { host = "ldap" }
nobodysKey = 1
[resource.crm.consumer.host.postgres]
host = "db.example.com"
database = "crm"
user = "highwater"
nobodysKey = 1
[resource.idm]
base_contexts = ["OU=People,DC=example,DC=com"]
backup_dcs = ["dc1"]
[resource.idm.consumer]
kind = "outside"
shape = "one_usn"
position = "largest_seen"
cursor = { http = "state", json = { updated = "/usn" }, guard = { revision = "/_rev", nobodysKey = 1 } }
[resource.idm.consumer.http]
base = "https://idm.example.com/openidm/"
basic = { user = "highwater", password = { env = "IDM_PASS" }, nobodysKey = 1 }
nobodysKey = 1
[[resource.idm.consumer.stop.http]]
post = "suspend"
until = { get = "task", at = "/state", nobodysKey = 1 }
nobodysKey = 1
[resource.idm.consumer.host]
entry = "cn=config"
attributes = { host = "nsDS5ReplicaHost" }
[resource.idm.consumer.host.ldap]
host = "ds.example.com"
user = "cn=highwater"
password = { env = "DS_PASS" }
nobodysKey = 1
[resource.hr.feed]
nobodysKey = 1
[resource.hr.feed.sink.out]
kind = "stdout"
nobodysKey = 1
[safety]
nobodysKey = 1
[notices]
nobodysKey = 1
[mail]
host = "mail.example.com"
from = "hw@example.com"
nobodysKey = 1
[channel.operators]
kind = "mail"
to = ["operators@example.com"]
nobodysKey = 1
[process.ad]
nobodysKey = 1
[[process.ad.rule]]
name = "proxy"
match = "proxy"
outcome = "outage"
nobodysKey = 1
"#;

fn schema() -> Value {
    serde_json::from_str(config::SCHEMA).unwrap()
}

/// What the schema has against a configuration.
fn against(text: &str) -> Vec<String> {
    let table: toml::Table = text.parse().unwrap();
    let value = serde_json::to_value(table).unwrap();
    problems(&schema(), &schema(), &value, "")
}

/// The example with everything that it comments out.
fn full_example() -> String {
    let key = |line: &str| {
        let (key, _) = line.strip_prefix("# ")?.split_once(" = ")?;
        key.bytes()
            .all(|b| b.is_ascii_lowercase() || b == b'_')
            .then(|| line.trim_start_matches("# ").to_owned())
    };
    let lines = config::EXAMPLE
        .lines()
        .map(|line| key(line).unwrap_or_else(|| line.to_owned()));
    lines.collect::<Vec<_>>().join("\n")
}

/// The example with the resource of our own that it comments out.
fn example_with_a_feed() -> String {
    let (plain, block) = config::EXAMPLE.split_once("#[resource.people]").unwrap();
    let lines = block
        .lines()
        .map(|line| line.strip_prefix('#').unwrap_or(line));
    let block = lines.collect::<Vec<_>>().join("\n");
    format!("{plain}[resource.people]{block}")
}

#[test]
fn what_the_program_takes_the_schema_takes() {
    for text in [
        config::EXAMPLE,
        &full_example(),
        &example_with_a_feed(),
        GOOD,
    ] {
        assert_eq!(against(text), Vec::<String>::new());
        assert!(loaded(text).is_ok());
    }
    assert!(example_with_a_feed().contains("\nurl = "));
    assert!(full_example().contains("\nprefer_not = ["));
}

#[test]
fn what_the_program_refuses_by_its_shape_the_schema_refuses() {
    let mistakes = [
        ("path = \"hw.db\"", "path = 5", ".store.path: type"),
        ("path = \"hw.db\"", "", ".store: required"),
        (
            "\"simple\"",
            "\"simpel\"",
            ".credentials.reader.method: enum",
        ),
        (
            "{ env = \"HW_PASS\" }",
            "\"hunter2\"",
            ".credentials.reader.password: type",
        ),
        (
            "{ env = \"HW_PASS\" }",
            "{}",
            ".credentials.reader.password: minProperties",
        ),
        (
            "{ env = \"HW_PASS\" }",
            "{ env = \"A\", file = \"b\" }",
            "maxProperties",
        ),
        (
            "\"dc2.example.com\"",
            "\"dc2\"\nport = 70000",
            ".dc.dc2.port: maximum",
        ),
        (
            "host = \"dc2.example.com\"",
            "hots = \"dc2\"",
            ".dc.dc2.hots: not foreseen",
        ),
        ("[\"dc2\"]", "[]", ".resource.hr.backup_dcs: minItems"),
        (
            "[\"dc2\"]",
            "[\"dc2\"]\nreplication_time = -1",
            "replication_time: minimum",
        ),
        (
            "\"store\"",
            "\"store\"\nstop = \"systemctl\"",
            ".resource.hr.consumer.stop: anyOf",
        ),
        (
            "kind = \"store\"\nposition = \"before_search\"\n",
            "kind = \"builtin\"\n[resource.hr.feed]\nsink.a.kind = \"pigeon\"\n",
            ".resource.hr.feed.sink.a.kind: enum",
        ),
        (
            "kind = \"store\"\nposition = \"before_search\"\n",
            "kind = \"builtin\"\n[resource.hr.feed]\nsink = {}\n",
            ".resource.hr.feed.sink: minProperties",
        ),
    ];
    for (from, to, expected) in mistakes {
        assert_eq!(GOOD.matches(from).count(), 1, "{from}");
        let text = GOOD.replace(from, to);
        let found = against(&text);
        assert!(
            found.iter().any(|one| one.contains(expected)),
            "{text}: {found:?}"
        );
        assert!(loaded(&text).is_err(), "the program takes {text}");
    }
}

fn loaded(text: &str) -> Result<config::Settings, ConfigError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("highwater.toml");
    std::fs::write(&path, text).unwrap();
    config::load(&path, Secrets::Skip)
}

/// The keys the checker knows, by table.
fn known_to_the_checker() -> BTreeMap<String, BTreeSet<String>> {
    let Err(ConfigError::Invalid(invalid)) = loaded(UNKNOWN) else {
        panic!("unknown keys are refused");
    };
    let tables = invalid.problems.iter().map(|problem| {
        let key = problem.message.split('`').nth(1).unwrap();
        assert!(problem.message.ends_with("is no known key"), "{problem:?}");
        let table = key.trim_end_matches("nobodysKey").trim_end_matches('.');
        let keys = problem.cure.strip_prefix("known here: ").unwrap();
        (
            table.to_owned(),
            keys.split(", ").map(str::to_owned).collect(),
        )
    });
    tables.collect()
}

#[test]
fn the_checker_and_the_schema_know_the_same_keys() {
    let schema = schema();
    let places = [
        ("", ""),
        ("store", "/properties/store"),
        ("collector", "/properties/collector"),
        ("connection", "/properties/connection"),
        ("credentials.reader", "/$defs/credentials"),
        ("credentials.reader.password", "/$defs/secret"),
        ("dc.dc1", "/$defs/dc"),
        ("resource.hr", "/$defs/resource"),
        ("resource.hr.consumer", "/$defs/consumer"),
        ("resource.crm.consumer.stop", "/$defs/unit"),
        ("resource.crm.consumer.cursor", "/$defs/spot"),
        ("resource.crm.consumer.cursor.json", "/$defs/spot_keys"),
        ("resource.crm.consumer.host", "/$defs/host_spot"),
        ("resource.crm.consumer.host.postgres", "/$defs/postgres"),
        ("resource.idm.consumer.http", "/$defs/http_server"),
        (
            "resource.idm.consumer.http.basic",
            "/$defs/http_server/properties/basic",
        ),
        (
            "resource.idm.consumer.cursor.guard",
            "/$defs/spot/properties/guard/anyOf/1",
        ),
        ("resource.idm.consumer.stop.http", "/$defs/http_step"),
        (
            "resource.idm.consumer.stop.http.until",
            "/$defs/http_step/properties/until",
        ),
        ("resource.idm.consumer.host.ldap", "/$defs/ldap_server"),
        ("resource.hr.feed", "/$defs/feed"),
        ("resource.hr.feed.sink.out", "/$defs/sink"),
        ("safety", "/properties/safety"),
        ("notices", "/properties/notices"),
        ("mail", "/properties/mail"),
        ("channel.operators", "/$defs/channel"),
        ("process.ad", "/$defs/process"),
        ("process.ad.rule", "/$defs/rule"),
    ];
    let known = known_to_the_checker();
    assert_eq!(known.len(), places.len(), "{known:?}");
    for (table, place) in places {
        let of_schema = schema.pointer(&format!("{place}/properties")).unwrap();
        let of_schema: BTreeSet<String> = of_schema.as_object().unwrap().keys().cloned().collect();
        assert_eq!(known[table], of_schema, "[{table}]");
    }
}

#[test]
fn the_program_writes_the_schema_and_the_example() {
    let here = Path::new("/");
    assert_eq!(stdout(&run(here, &["config", "schema"])), config::SCHEMA);
    assert_eq!(stdout(&run(here, &["config", "example"])), config::EXAMPLE);
}
