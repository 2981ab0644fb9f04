#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::Connection;
use rusqlite::types::Value;
use tempfile::TempDir;

use super::SqlSpot;
use super::statement::numbered;
use crate::config::{Database, Keys, Rows, SqlSettings};
use crate::consumer::outside::spot::{Change, Field, Fields, SpotError};

fn texts(pairs: &[(Field, &str)]) -> Keys {
    pairs
        .iter()
        .map(|(field, text)| (*field, (*text).to_owned()))
        .collect()
}

fn change(pairs: &[(Field, Option<&str>)]) -> Change {
    pairs
        .iter()
        .map(|(field, text)| (*field, text.map(str::to_owned)))
        .collect()
}

fn key_value() -> Rows {
    Rows::KeyValue {
        table: "AD".to_owned(),
        key: "Key".to_owned(),
        value: "Value".to_owned(),
        keys: texts(&[(Field::Updated, "lastUSN"), (Field::Host, "it's \"host\"")]),
    }
}

fn columns() -> Rows {
    Rows::Columns {
        table: "main.syncs".to_owned(),
        columns: texts(&[
            (Field::Updated, "last usn"),
            (Field::Deleted, "last_deleted"),
            (Field::Host, "host"),
        ]),
        row: [("id".to_owned(), "7".to_owned())].into(),
    }
}

fn by_hand() -> Rows {
    Rows::Statements {
        select:
            "SELECT usn AS updated, json_extract(doc, '$.h') AS host FROM docs WHERE id = 'a:b'"
                .to_owned(),
        update: "UPDATE docs SET usn = :new_updated, doc = json_set(doc, '$.h', :new_host) \
                 WHERE id = 'a:b' AND usn IS :old_updated"
            .to_owned(),
        fields: vec![Field::Updated, Field::Host],
    }
}

struct Scene {
    _dir: TempDir,
    path: PathBuf,
}

impl Scene {
    fn new() -> Self {
        let dir = TempDir::new().unwrap();
        let path = dir.path().join("internal.sqlite");
        let connection = Connection::open(&path).unwrap();
        let made = "CREATE TABLE AD (Key TEXT PRIMARY KEY, Value); \
            INSERT INTO AD VALUES ('lastUSN', 5000), ('it''s \"host\"', 'dc1'), ('other', 5000); \
            CREATE TABLE syncs (id INTEGER, \"last usn\" INTEGER, last_deleted TEXT, host TEXT); \
            INSERT INTO syncs VALUES (7, 5000, '4990', 'dc1'), (8, 5000, '4990', 'dc1'); \
            CREATE TABLE docs (id TEXT, usn, doc TEXT); \
            INSERT INTO docs VALUES ('a:b', '5000', '{\"h\":\"dc1\",\"k\":1.0}'), ('c', '5000', '{}');";
        connection.execute_batch(made).unwrap();
        Self { _dir: dir, path }
    }

    fn spot(&self, rows: Rows) -> SqlSpot {
        spot(&self.path, rows)
    }

    fn all(&self, sql: &str) -> Vec<Value> {
        let connection = Connection::open(&self.path).unwrap();
        let mut prepared = connection.prepare(sql).unwrap();
        let rows = prepared.query_map([], |row| row.get(0)).unwrap();
        rows.map(Result::unwrap).collect()
    }
}

fn spot(path: &Path, rows: Rows) -> SqlSpot {
    let settings = SqlSettings {
        database: Database::Sqlite(path.to_owned()),
        rows,
    };
    SqlSpot::new(&settings, Duration::from_millis(300))
}

#[tokio::test]
async fn rows_of_keys_and_values_keep_their_kind() {
    let scene = Scene::new();
    let spot = scene.spot(key_value());
    let found = spot.read().await.unwrap();
    assert_eq!(
        found.fields,
        texts(&[(Field::Updated, "5000"), (Field::Host, "dc1")])
    );
    let new = change(&[
        (Field::Updated, Some("9000")),
        (Field::Host, Some("d'c\"2")),
    ]);
    spot.replace(&found, &new).await.unwrap();
    let kept = scene.all("SELECT Value FROM AD ORDER BY Key");
    let wanted = [
        Value::Text("d'c\"2".to_owned()),
        Value::Integer(9000),
        Value::Integer(5000),
    ];
    assert_eq!(kept, wanted);
    let moved = spot.replace(&found, &new).await.unwrap_err();
    assert!(matches!(moved, SpotError::Moved { .. }), "{moved}");

    let found = spot.read().await.unwrap();
    spot.replace(&found, &change(&[(Field::Updated, None)]))
        .await
        .unwrap();
    let gone = spot.read().await.unwrap();
    assert_eq!(gone.fields, texts(&[(Field::Host, "d'c\"2")]));
    spot.replace(&gone, &change(&[(Field::Updated, Some("1"))]))
        .await
        .unwrap();
    assert_eq!(
        spot.read()
            .await
            .unwrap()
            .fields
            .get(&Field::Updated)
            .unwrap(),
        "1"
    );
}

#[tokio::test]
async fn a_value_that_is_reset_comes_back_with_its_row_and_kind_or_is_not_reset() {
    let cases = [
        // The column, the value in it, what it is reset to, and what stands in the way.
        ("", "5000", None, None),
        ("", "'TVNEUw'", None, None),
        ("", "5000", Some("0"), None),
        ("", "'5000'", Some("0"), None),
        ("TEXT", "'5000'", None, None),
        ("INTEGER", "5000", None, None),
        ("INTEGER", "5000", Some("none"), None),
        ("", "'5000'", None, Some("name in `reset_to` a value")),
        ("", "5000", Some("none"), Some("name in `reset_to` a value")),
        ("TEXT NOT NULL", "'a'", None, Some("takes no NULL")),
    ];
    for (column, value, reset, flaw) in cases {
        let case = format!("{column} {value} {reset:?}");
        let scene = Scene::new();
        let connection = Connection::open(&scene.path).unwrap();
        let made = format!(
            "DROP TABLE AD; CREATE TABLE AD (Key TEXT PRIMARY KEY, Value {column}, Owner TEXT, Id INTEGER); \
             INSERT INTO AD VALUES ('lastUSN', {value}, 'somebody', 7);"
        );
        connection.execute_batch(&made).unwrap();
        let whole = "SELECT quote(Value) || typeof(Value) || Owner || Id || rowid FROM AD";
        let before = scene.all(whole);
        let spot = scene.spot(key_value());
        let found = spot.read().await.unwrap();
        let text = found.fields.get(&Field::Updated).unwrap();
        let done = spot
            .replace(&found, &change(&[(Field::Updated, reset)]))
            .await;
        if let Some(flaw) = flaw {
            let told = done.unwrap_err().to_string();
            assert!(told.contains(flaw), "{case}: {told}");
        } else {
            done.unwrap_or_else(|error| panic!("{case}: {error}"));
            let now = spot.read().await.unwrap();
            let reads = now.fields.get(&Field::Updated).map(String::as_str);
            assert_eq!(reads, reset, "{case}");
            let back = change(&[(Field::Updated, Some(text))]);
            spot.replace(&now, &back).await.unwrap();
        }
        assert_eq!(scene.all(whole), before, "{case}");
    }
}

#[tokio::test]
async fn a_statement_by_hand_that_would_not_put_back_does_not_reset() {
    let scene = Scene::new();
    let rows = |compared: &str| Rows::Statements {
        select: "SELECT usn AS updated FROM docs WHERE id = 'a:b'".to_owned(),
        update: format!(
            "UPDATE docs SET usn = :new_updated WHERE id = 'a:b' AND usn {compared} :old_updated"
        ),
        fields: vec![Field::Updated],
    };
    let connection = Connection::open(&scene.path).unwrap();
    let set = "UPDATE docs SET usn = 5000 WHERE id = 'a:b'";
    connection.execute_batch(set).unwrap();
    let gone = change(&[(Field::Updated, None)]);
    let spot = scene.spot(rows("="));
    let found = spot.read().await.unwrap();
    let told = spot.replace(&found, &gone).await.unwrap_err().to_string();
    assert!(told.contains("compare by IS"), "{told}");
    assert_eq!(spot.read().await.unwrap(), found);
    scene.spot(rows("IS")).replace(&found, &gone).await.unwrap();
    assert_eq!(spot.read().await.unwrap().fields, Fields::new());
}

#[tokio::test]
async fn a_row_with_columns_is_changed_alone() {
    let scene = Scene::new();
    let spot = scene.spot(columns());
    let found = spot.read().await.unwrap();
    let new = change(&[
        (Field::Updated, Some("9000")),
        (Field::Deleted, None),
        (Field::Host, Some("dc2")),
    ]);
    spot.replace(&found, &new).await.unwrap();
    let usns = scene.all("SELECT \"last usn\" FROM syncs ORDER BY id");
    assert_eq!(usns, [Value::Integer(9000), Value::Integer(5000)]);
    let found = spot.read().await.unwrap();
    assert_eq!(
        found.fields,
        texts(&[(Field::Updated, "9000"), (Field::Host, "dc2")])
    );
    let back = change(&[(Field::Deleted, Some("4990"))]);
    spot.replace(&found, &back).await.unwrap();
    let kept = scene.all("SELECT last_deleted FROM syncs WHERE id = 7");
    assert_eq!(kept, [Value::Text("4990".to_owned())]);
}

#[tokio::test]
async fn statements_by_hand_are_bound_and_compared() {
    let scene = Scene::new();
    let spot = scene.spot(by_hand());
    let found = spot.read().await.unwrap();
    assert_eq!(
        found.fields,
        texts(&[(Field::Updated, "5000"), (Field::Host, "dc1")])
    );
    // Only the host changes; the USN is written as it was.
    spot.replace(&found, &change(&[(Field::Host, Some("dc2"))]))
        .await
        .unwrap();
    let docs = scene.all("SELECT doc FROM docs ORDER BY id");
    let wanted = ["{\"h\":\"dc2\",\"k\":1.0}", "{}"].map(|text| Value::Text(text.to_owned()));
    assert_eq!(docs, wanted);
}

#[tokio::test]
async fn a_statement_that_does_not_do_what_was_meant_is_taken_back() {
    let scene = Scene::new();
    let with = |update: &str| {
        let Rows::Statements { select, fields, .. } = by_hand() else {
            return by_hand();
        };
        Rows::Statements {
            select,
            update: update.to_owned(),
            fields,
        }
    };
    let cases = [
        ("UPDATE docs SET usn = :new_updated", "several rows"),
        (
            "UPDATE docs SET usn = 7 WHERE id = 'a:b' AND :new_host != ''",
            "was taken back",
        ),
        ("UPDATE docs SET usn = :newest WHERE id = 'a:b'", ":newest"),
        (
            "UPDATE nothing SET usn = 1",
            "correct the table and column names",
        ),
    ];
    for (update, wanted) in cases {
        let spot = scene.spot(with(update));
        let found = spot.read().await.unwrap();
        let new = change(&[(Field::Updated, Some("9000")), (Field::Host, Some("dc2"))]);
        let told = spot.replace(&found, &new).await.unwrap_err().to_string();
        assert!(told.contains(wanted), "{told}");
        assert_eq!(spot.read().await.unwrap(), found, "{update}");
    }
}

#[tokio::test]
async fn a_database_that_is_missing_locked_or_short_of_a_row_is_named() {
    let scene = Scene::new();
    let missing = scene.path.with_file_name("none.sqlite");
    let told = spot(&missing, key_value())
        .read()
        .await
        .unwrap_err()
        .to_string();
    assert!(
        told.contains("none.sqlite") && told.contains("check the path"),
        "{told}"
    );
    assert!(!missing.exists());

    let rows = Rows::Columns {
        table: "syncs".to_owned(),
        columns: texts(&[(Field::Updated, "last usn")]),
        row: [("id".to_owned(), "9".to_owned())].into(),
    };
    let told = scene.spot(rows).read().await.unwrap_err().to_string();
    assert!(
        told.contains("the row in") && told.contains("does not exist"),
        "{told}"
    );

    let other = Connection::open(&scene.path).unwrap();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let spot = scene.spot(key_value());
    let told = spot.read().await.unwrap_err().to_string();
    assert!(told.contains("another program holds it"), "{told}");
    other.execute_batch("COMMIT").unwrap();
    assert_eq!(spot.read().await.unwrap().fields.len(), 2);
    assert_eq!(
        spot.read().await.unwrap().fields.get(&Field::Cookie),
        Fields::new().get(&Field::Cookie)
    );
}

#[test]
fn names_become_numbers_outside_of_quotes_comments_and_casts() {
    let cases = [
        (
            "a = :x AND b = :y OR c = :x",
            "a = $1 AND b = $2 OR c = $1",
            "x,y",
        ),
        (":a::bigint", "$1::bigint", "a"),
        ("':a' || \":b\" || :c", "':a' || \":b\" || $1", "c"),
        ("'it''s :a' :b", "'it''s :a' $1", "b"),
        ("-- :a\n:b /* :c */", "-- :a\n$1 /* :c */", "b"),
        ("x[1:2] : y 'open :a", "x[1:2] : y 'open :a", ""),
    ];
    for (sql, text, names) in cases {
        let (numbered, found) = numbered(sql);
        let found = found.join(",");
        assert_eq!((numbered.as_str(), found.as_str()), (text, names));
    }
}
