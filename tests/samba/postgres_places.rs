//! Every way of naming rows of a PostgreSQL database, over its Unix socket, beside another session that writes.

use std::time::Duration;

use highwater::config::{
    self, ConsumerKind, Database, HostPlace, Keys, Outside, Position, Rows, Shape, SpotField,
    SpotSettings, SqlSettings,
};
use highwater::consumer::{Consumer, ConsumerError, SpotError, Stands};
use highwater::model::{Cursor, HostAttribute, Usn};
use highwater::store::Store;

use super::postgres::{Postgres, ROLE};

fn keys(pairs: &[(SpotField, &str)]) -> Keys {
    let pairs = pairs.iter();
    pairs
        .map(|(field, key)| (*field, (*key).to_owned()))
        .collect()
}

/// By keys and values, by columns of other types than text, and by hand in a JSON document.
fn ways() -> Vec<(Rows, Shape)> {
    vec![
        (
            Rows::KeyValue {
                table: "public.settings".to_owned(),
                key: "name".to_owned(),
                value: "Value".to_owned(),
                keys: keys(&[(SpotField::Updated, "usn"), (SpotField::Host, "it's")]),
            },
            Shape::OneUsn,
        ),
        (
            Rows::Columns {
                table: "syncs".to_owned(),
                columns: keys(&[
                    (SpotField::Updated, "up"),
                    (SpotField::Deleted, "down"),
                    (SpotField::Host, "server"),
                ]),
                row: [("id".to_owned(), "7".to_owned())].into(),
            },
            Shape::TwoUsns,
        ),
        (
            Rows::Statements {
                select: "SELECT doc->>'token' AS updated, doc->>'host' AS host FROM docs WHERE id = 'a:b'"
                    .to_owned(),
                update: "UPDATE docs SET doc = doc || jsonb_build_object('token', :new_updated::text, 'host', \
                         :new_host::text) WHERE id = 'a:b' AND doc->>'token' = :old_updated"
                    .to_owned(),
                fields: vec![SpotField::Updated, SpotField::Host],
            },
            Shape::DeletedCommaUpdated,
        ),
    ]
}

fn consumer(server: &config::Postgres, rows: Rows, shape: Shape, store: &Store) -> Consumer {
    let sql = SqlSettings {
        database: Database::Postgres(server.clone()),
        rows,
    };
    let outside = Outside {
        shape,
        cursor: Some(SpotSettings::Sql(Box::new(sql))),
        host: HostPlace::WithCursor,
        attribute: HostAttribute::LdapHost,
        confirm: None,
    };
    let settings = config::Consumer {
        kind: ConsumerKind::Outside(Box::new(outside)),
        position: Position::BeforeSearch,
        stop: None,
        start: None,
        preset: None,
        command_timeout: Duration::from_secs(10),
    };
    Consumer::new(&"hr".parse().unwrap(), &settings, store)
}

fn cursor(host: &str, usn: i64) -> Cursor {
    Cursor {
        ldap_host: host.to_owned(),
        global_catalog: None,
        invocation_id: None,
        last_updated: Usn::new(usn).unwrap(),
        last_deleted: Usn::new(usn).unwrap(),
    }
}

/// Moves a cursor in each of the ways, and past another session.
pub(crate) fn all(database: &Postgres<'_>) {
    database.sql(
        "CREATE TABLE settings (name text PRIMARY KEY, \"Value\" text); \
         INSERT INTO settings VALUES ('usn', '5000'), ('it''s', 'dc1'), ('other', '5000'); \
         CREATE TABLE syncs (id integer, up bigint, down numeric(20), server varchar(80)); \
         INSERT INTO syncs VALUES (7, 5000, 5000, 'ldaps://dc1:636'), (8, 1, 1, 'dc9'); \
         CREATE TABLE docs (id text, doc jsonb); \
         INSERT INTO docs VALUES ('a:b', '{\"token\": \"5000,5000\", \"host\": \"dc1\", \"x\": 1.50}')",
    );
    let server = config::Postgres {
        host: database.socket(),
        port: 5432,
        database: ROLE.to_owned(),
        user: ROLE.to_owned(),
        password: None,
        trust: None,
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("hw.db")).await.unwrap();
        for (rows, shape) in ways() {
            let consumer = consumer(&server, rows, shape, &store);
            let held = consumer.read().await.unwrap();
            assert_eq!(held.cursor, cursor("dc1", 5000));
            let new = cursor("dc2", 9000);
            consumer.compare_and_set(&held, &new).await.unwrap();
            let look = consumer.look(&held, &new).await.unwrap();
            assert_eq!((look.held.cursor, look.stands), (new, Some(Stands::New)));
        }
        resets(database, &server, &store).await;
        beside_another_session(database, &server, &store).await;
    });
    let kept = database.sql(
        "SELECT (SELECT \"Value\" FROM settings WHERE name = 'other'), \
         (SELECT server FROM syncs WHERE id = 7), (SELECT server FROM syncs WHERE id = 8), \
         (SELECT doc->>'x' FROM docs)",
    );
    assert_eq!(kept, "5000|ldaps://dc2:636|dc9|1.50");
}

/// A reset leaves the row and its other columns, and is refused where it could not be put back.
async fn resets(database: &Postgres<'_>, server: &config::Postgres, store: &Store) {
    database.sql(
        "CREATE TABLE tokens (name text PRIMARY KEY, value text, owner text); \
         INSERT INTO tokens VALUES ('cookie', 'TVNEUw', 'somebody'), ('host', 'dc1', 'nobody')",
    );
    let by_key = Rows::KeyValue {
        table: "tokens".to_owned(),
        key: "name".to_owned(),
        value: "value".to_owned(),
        keys: keys(&[(SpotField::Cookie, "cookie"), (SpotField::Host, "host")]),
    };
    let by_hand = Rows::Statements {
        select: "SELECT (SELECT value FROM tokens WHERE name = 'cookie') AS cookie, 'dc1' AS host"
            .to_owned(),
        update:
            "UPDATE tokens SET value = :new_cookie WHERE name = 'cookie' AND value = :old_cookie \
                 AND :new_host::text IS NOT NULL"
                .to_owned(),
        fields: vec![SpotField::Cookie, SpotField::Host],
    };
    let rows = "SELECT value, owner FROM tokens WHERE name = 'cookie'";
    for (way, host, wanted) in [
        (by_hand, "dc1", "TVNEUw|somebody"),
        (by_key, "dc2", "|somebody"),
    ] {
        let consumer = consumer(server, way, Shape::Reset { to: None }, store);
        let held = consumer.read().await.unwrap();
        let done = consumer.compare_and_set(&held, &cursor(host, 0)).await;
        if host == "dc1" {
            let told = done.unwrap_err().to_string();
            assert!(told.contains("IS NOT DISTINCT FROM"), "{told}");
        } else {
            done.unwrap();
        }
        assert_eq!(database.sql(rows), wanted);
    }
}

/// What another session commits between our reading and our writing is never overwritten.
async fn beside_another_session(database: &Postgres<'_>, server: &config::Postgres, store: &Store) {
    let (rows, shape) = ways().remove(1);
    let consumer = consumer(server, rows, shape, store);
    let held = consumer.read().await.unwrap();
    // Its change is there while we read, and seen by nobody until it is committed.
    let other = "BEGIN; UPDATE syncs SET up = 9100 WHERE id = 7; SELECT pg_sleep(2); COMMIT";
    let new = cursor("dc3", 300);
    let error = std::thread::scope(|scope| {
        let session = scope.spawn(|| database.sql(other));
        std::thread::sleep(Duration::from_millis(800));
        let error = tokio::task::block_in_place(|| {
            tokio::runtime::Handle::current().block_on(consumer.compare_and_set(&held, &new))
        });
        session.join().unwrap();
        error.unwrap_err()
    });
    match &error {
        ConsumerError::Spot { source, .. } => {
            assert!(matches!(**source, SpotError::Moved { .. }), "{error}");
        }
        other => panic!("{other}"),
    }
    assert_eq!(
        database.sql("SELECT up, server FROM syncs WHERE id = 7"),
        "9100|ldaps://dc2:636"
    );
}
