//! A consumer that is another product, and its places.

use super::*;
use crate::config::{Database, FileForm, HostPlace, Outside, Rows, Shape, SpotField, SpotSettings};

/// A consumer in two files, which the tests spoil.
const FILES: &str = r#"kind = "outside"
shape = "one_usn"
position = "before_search"
stop = { unit = "hr.service" }
start = ["hr-sync", "--server", "{host}"]
[resource.hr.consumer.cursor]
file = "state.json"
json = { updated = "/usn" }
[resource.hr.consumer.host]
file = "/etc/hr.conf"
toml = { host = "ldap.host" }
"#;

/// The same in one row of a PostgreSQL database.
const POSTGRES: &str = r#"kind = "outside"
shape = "two_usns"
position = "largest_seen"
confirm = "off"
[resource.hr.consumer.cursor]
table = "idm.syncs"
columns = { updated = "u", deleted = "d", host = "h" }
where = { id = "7" }
[resource.hr.consumer.cursor.postgres]
host = "db.example.com"
database = "idm"
user = "highwater"
password = { env = "HW_DB" }
"#;

fn text(consumer: &str) -> String {
    spoiled("kind = \"store\"\nposition = \"before_search\"\n", consumer)
}

fn loaded(consumer: &str) -> Consumer {
    let settings = load_text(&text(consumer)).unwrap_or_else(|error| panic!("{error}"));
    resource(&settings).consumer.clone()
}

fn outside(consumer: &Consumer) -> &Outside {
    match &consumer.kind {
        ConsumerKind::Outside(outside) => outside,
        other => panic!("{other:?}"),
    }
}

/// What is said with one part replaced: `message -> cure`.
fn said(consumer: &str, from: &str, to: &str) -> Vec<String> {
    assert_eq!(consumer.matches(from).count(), 1, "`{from}` in {consumer}");
    match load_text(&text(&consumer.replace(from, to))) {
        Ok(settings) => vec![format!("loads: {settings:?}")],
        Err(ConfigError::Invalid(invalid)) => invalid
            .problems
            .iter()
            .map(|p| format!("{} -> {}", p.message, p.cure))
            .collect(),
        Err(other) => vec![other.to_string()],
    }
}

#[test]
fn places_are_read_with_their_defaults() {
    let consumer = loaded(FILES);
    assert_eq!(consumer.position, Position::BeforeSearch);
    assert!(matches!(&consumer.stop, Some(Turn::Unit(unit)) if unit == "hr.service"));
    let files = outside(&consumer);
    assert_eq!(files.shape, Shape::OneUsn);
    let confirm = files.confirm.clone().unwrap();
    assert_eq!(
        (confirm.within, confirm.command),
        (Duration::from_mins(2), None)
    );
    let Some(SpotSettings::File(cursor)) = &files.cursor else {
        panic!("{files:?}");
    };
    assert!(cursor.path.ends_with("state.json") && cursor.path.is_absolute());
    let keys = [(SpotField::Updated, "/usn".to_owned())].into();
    assert_eq!(cursor.form, FileForm::Json(keys));
    assert!(matches!(
        &files.host,
        HostPlace::Spot(SpotSettings::File(_))
    ));

    let consumer = loaded(POSTGRES);
    let row = outside(&consumer);
    assert!(row.confirm.is_none() && matches!(row.host, HostPlace::WithCursor));
    let Some(SpotSettings::Sql(sql)) = &row.cursor else {
        panic!("{row:?}");
    };
    let Database::Postgres(server) = &sql.database else {
        panic!("{sql:?}");
    };
    assert_eq!(
        (server.port, &server.trust),
        (5432, &Some(TlsTrust::System))
    );
    assert!(matches!(&sql.rows, Rows::Columns { table, .. } if table == "idm.syncs"));
    assert!(!format!("{server:?}").contains("hunter2"));
}

#[test]
fn a_connection_is_clear_only_on_a_socket_or_in_full_words() {
    let clear = "user = \"highwater\"\nsecurity = \"clear, passwords readable on the network\"";
    for (from, to) in [
        ("\"db.example.com\"", "\"/run/postgresql\""),
        ("user = \"highwater\"", clear),
    ] {
        let consumer = loaded(&POSTGRES.replace(from, to));
        let Some(SpotSettings::Sql(sql)) = &outside(&consumer).cursor else {
            panic!("{consumer:?}");
        };
        assert!(matches!(&sql.database, Database::Postgres(server) if server.trust.is_none()));
    }
    let said = said(
        POSTGRES,
        "user = \"highwater\"",
        "user = \"x\"\nsecurity = \"clear\"",
    );
    assert!(said.concat().contains("is not known"), "{said:?}");
}

#[test]
fn shapes_without_a_usn_have_no_position_and_need_no_start() {
    for (shape, position) in [("cookie", Position::Cookie), ("reset", Position::Reset)] {
        let text = FILES
            .replace(
                "\"one_usn\"\nposition = \"before_search\"",
                &format!("\"{shape}\""),
            )
            .replace("updated =", "cookie =");
        assert_eq!(loaded(&text).position, position);
    }
}

/// The consumer, a part of it, what stands there instead, and what is said of that.
const MISTAKES: [(&str, &str, &str, &str); 18] = [
    (
        FILES,
        "\"one_usn\"",
        "\"two_usns\"",
        "does not say where `deleted` is, which shape \"two_usns\" has -> add deleted",
    ),
    (
        FILES,
        "updated = \"/usn\"",
        "updated = \"/usn\", deleted = \"/d\"",
        "which shape \"one_usn\" has not -> take deleted out",
    ),
    (
        FILES,
        "\"/usn\"",
        "\"usn\"",
        "\"usn\" is no JSON pointer -> begin it with /",
    ),
    (
        FILES,
        "json = {",
        "jsom = {",
        "no known key -> did you mean `json`?",
    ),
    (
        FILES,
        "\"hr.service\"",
        "\"--now\"",
        "no name of a systemd unit",
    ),
    (
        FILES,
        "{ unit = ",
        "{ units = ",
        "`resource.hr.consumer.stop.unit` is missing",
    ),
    (
        FILES,
        "position = \"before_search\"\n",
        "",
        "`resource.hr.consumer.position` is missing",
    ),
    (
        FILES,
        "shape = \"one_usn\"\n",
        "",
        "`resource.hr.consumer.shape` is missing",
    ),
    (
        FILES,
        "shape =",
        "reset_to = \"0\"\nshape =",
        "is of no use with this shape",
    ),
    (
        FILES,
        "shape =",
        "path = \"x\"\nshape =",
        "is of no use with kind \"outside\" -> remove it, and name the file",
    ),
    (
        FILES,
        "file = \"state.json\"\n",
        "file = \"state.json\"\nsqlite = \"x\"\n",
        "needs one of file, sqlite, postgres, http, ldap and command",
    ),
    (
        FILES,
        "file = \"state.json\"\n",
        "file = \"state.json\"\nwhere = { a = \"b\" }\n",
        "`resource.hr.consumer.cursor.where` is of no use with file",
    ),
    (
        FILES,
        "updated =",
        "host = \"/h\", updated =",
        "names a second place of the host",
    ),
    (
        FILES,
        "toml = { host",
        "toml = { cookie",
        "must say where `host` is, and nothing else",
    ),
    (
        POSTGRES,
        ", host = \"h\"",
        "",
        "`resource.hr.consumer.host` is missing",
    ),
    (
        POSTGRES,
        "where = { id = \"7\" }\n",
        "",
        "`resource.hr.consumer.cursor.where` is missing",
    ),
    (
        POSTGRES,
        "{ env = \"HW_DB\" }",
        "\"hunter2\"",
        "must not be written into this file",
    ),
    (
        POSTGRES,
        "\"off\"",
        "\"off\"\nconfirm_command = [\"x\"]",
        "is of no use with confirm = \"off\"",
    ),
];

#[test]
fn each_mistake_is_told_with_its_cure() {
    for (consumer, from, to, wanted) in MISTAKES {
        let said = said(consumer, from, to);
        assert!(
            said.iter().any(|one| one.contains(wanted)),
            "`{to}`: {said:#?}"
        );
        assert!(!said.iter().any(|one| one.contains("hunter2")), "{said:#?}");
    }
}

#[test]
fn what_cannot_be_done_to_a_place_is_told() {
    let reset = FILES
        .replace("\"one_usn\"\nposition = \"before_search\"", "\"reset\"")
        .replace(
            "json = { updated = \"/usn\" }",
            "toml = { updated = \"usn\" }",
        );
    let said_of = |from: &str, to: &str| said(&reset, from, to);
    let told = said_of("file = \"state.json\"", "file = \"state.toml\"");
    assert!(
        told.concat()
            .contains("is a document from which nothing is removed -> add reset_to"),
        "{told:?}"
    );
    loaded(&reset.replace("shape =", "reset_to = \"0\"\nshape ="));
    let first = FILES
        .replace(
            "file = \"/etc/hr.conf\"\ntoml = { host = \"ldap.host\" }",
            "first = \"dc1\"",
        )
        .replace("start = [\"hr-sync\", \"--server\", \"{host}\"]\n", "");
    let told = said(&first, "first = \"dc1\"", "first = \"dc2\"");
    assert!(
        told.concat()
            .contains("is of no use without a start command"),
        "{told:?}"
    );
}

#[test]
fn the_keys_go_with_their_kind_alone() {
    for line in [
        "shape = \"one_usn\"",
        "confirm = \"1m\"",
        "cursor = {}",
        "host = {}",
    ] {
        let text = spoiled("kind = \"store\"", &format!("kind = \"store\"\n{line}"));
        let told = invalid(load_text(&text)).to_string();
        assert!(told.contains("goes with kind \"outside\" alone"), "{told}");
    }
}
