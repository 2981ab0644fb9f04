//! The presets whose places are files and a database of this machine.

use std::path::Path;

use highwater::config::{self, ConsumerKind, Database, Secrets, SpotSettings, Turn};
use highwater::consumer::Consumer;
use highwater::failover::apply;
use highwater::model::{Cursor, Usn};
use highwater::store::Store;
use tempfile::TempDir;

use crate::scene::{CONFIG, order, resource};

/// The consumer of this table, read from a file in `folder`.
fn consumer(folder: &Path, table: &str) -> config::Consumer {
    let path = folder.join("highwater.toml");
    let text = format!("{CONFIG}[resource.hr.consumer]\n{table}\nconfirm = \"off\"\n");
    std::fs::write(&path, text).unwrap();
    let settings = config::load(&path, Secrets::Skip).unwrap_or_else(|error| panic!("{error}"));
    settings.resources[&resource()].consumer.clone()
}

/// Moves to this host and USN from what stands.
async fn move_to(store: &Store, consumer: &Consumer, host: &str, usn: i64) {
    let expected = consumer.read().await.unwrap();
    let usn = Usn::new(usn).unwrap();
    let new = Cursor {
        ldap_host: host.to_owned(),
        global_catalog: None,
        invocation_id: None,
        last_updated: usn,
        last_deleted: usn,
    };
    let applied = apply(store, consumer, order(expected, 2, new), |_| {})
        .await
        .unwrap();
    assert!(applied.is_complete(), "{applied:?}");
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}

#[tokio::test]
async fn tdi_begins_a_pass_at_the_start() {
    let dir = TempDir::new().unwrap();
    let state = dir.path().join("usn.properties");
    let before = "#ADChangelog\n#Mon Jan 01 00:00:00 UTC 2024\nEND_USN=5000\nCURRENT_USN_CHANGED=4990\nSTART_USN=4900\nCURRENT_USN_CREATED=4899\n";
    std::fs::write(&state, before).unwrap();
    let host = dir.path().join("ad.properties");
    std::fs::write(
        &host,
        "ad.url = ldaps://dc1.example.com:636\nad.base = DC=example\n",
    )
    .unwrap();
    let table = "preset = \"tdi\"\nstate_file = \"usn.properties\"\nhost_file = \"ad.properties\"\nhost_key = \"ad.url\"\nstop = [\"true\"]\nstart = [\"true\"]";
    let settings = consumer(dir.path(), table);
    let store = Store::open(&dir.path().join("hw.db")).await.unwrap();
    let consumer = Consumer::new(&resource(), &settings, &store);
    move_to(&store, &consumer, "dc2.example.com", 9000).await;
    let zeroed = before
        .replace("END_USN=5000", "END_USN=0")
        .replace("4990", "0")
        .replace("4899", "0");
    assert_eq!(
        read(&state),
        zeroed.replace("START_USN=4900", "START_USN=9000")
    );
    assert_eq!(
        read(&host),
        "ad.url = ldaps://dc2.example.com:636\nad.base = DC=example\n"
    );
    // Back at the begin of the pass that was under way.
    move_to(&store, &consumer, "dc1.example.com", 4900).await;
    assert_eq!(read(&state), zeroed);
}

#[tokio::test]
async fn ucs_is_given_its_host_by_ucr() {
    let dir = TempDir::new().unwrap();
    let database = dir.path().join("internal.sqlite");
    let connection = rusqlite::Connection::open(&database).unwrap();
    let made = "CREATE TABLE \"AD\" (Key TEXT PRIMARY KEY, Value TEXT); INSERT INTO AD VALUES ('lastUSN', '5000'), ('other', 'x');";
    connection.execute_batch(made).unwrap();
    let mut settings = consumer(
        dir.path(),
        "preset = \"ucs\"\nfirst_host = \"dc1.example.com\"",
    );
    let ConsumerKind::Outside(outside) = &mut settings.kind else {
        panic!("{settings:?}");
    };
    let Some(SpotSettings::Sql(sql)) = &mut outside.cursor else {
        panic!("{outside:?}");
    };
    sql.database = Database::Sqlite(database);
    // The command as it stands, with programs of our own in place of ucr and systemctl.
    let Some(Turn::Command(argv)) = &mut settings.start else {
        panic!("{settings:?}");
    };
    let log = dir.path().join("log");
    let stand_in = format!(
        "ucr() {{ echo \"ucr $*\" >> {0}; }}; systemctl() {{ echo \"systemctl $*\" >> {0}; }}; ",
        log.display()
    );
    argv[2] = stand_in + &argv[2].replace("exec ", "");
    settings.stop = None;
    let store = Store::open(&dir.path().join("hw.db")).await.unwrap();
    let consumer = Consumer::new(&resource(), &settings, &store);
    move_to(&store, &consumer, "dc2.example.com", 9000).await;
    assert_eq!(
        read(&log),
        "ucr set connector/ad/ldap/host=dc2.example.com\nsystemctl start univention-ad-connector.service\n"
    );
    let value = |key: &str| -> String {
        let query = "SELECT Value FROM AD WHERE Key = ?";
        connection
            .query_row(query, [key], |row| row.get(0))
            .unwrap()
    };
    assert_eq!(
        (value("lastUSN"), value("other")),
        ("9000".to_owned(), "x".to_owned())
    );
}

#[tokio::test]
async fn a_script_is_given_its_host() {
    let dir = TempDir::new().unwrap();
    let state = dir.path().join("usn");
    std::fs::write(&state, "5000\n").unwrap();
    let table = format!(
        "preset = \"script\"\ncursor_file = \"usn\"\nfirst_host = \"dc1.example.com\"\nstart = [\"/bin/sh\", \"-c\", \"echo $1 > {}/host\", \"sh\", \"{{host}}\"]",
        dir.path().display()
    );
    let settings = consumer(dir.path(), &table);
    let store = Store::open(&dir.path().join("hw.db")).await.unwrap();
    let consumer = Consumer::new(&resource(), &settings, &store);
    move_to(&store, &consumer, "dc2.example.com", 9000).await;
    assert_eq!(read(&state), "9000\n");
    assert_eq!(read(&dir.path().join("host")), "dc2.example.com\n");
}
