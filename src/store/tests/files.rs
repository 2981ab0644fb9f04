use std::io::{Seek, SeekFrom, Write};
use std::path::Path;
use std::time::Duration;

use rusqlite::Connection;

use super::harness::*;
use crate::store::open::{Tuning, known_schema};
use crate::store::{Store, StoreError};

async fn refused(path: &Path) -> StoreError {
    Store::open(path).await.map(|_| ()).unwrap_err()
}

#[tokio::test]
async fn what_was_written_is_there_after_a_reopen() {
    let (folder, store) = store().await;
    poll(&store, "dc1", facts(1, 1_000, 50), keep).await;
    let path = store.path().clone();
    drop(store);
    assert!(!folder.path().join("store.db-wal").exists());
    let store = Store::open(&path).await.unwrap();
    assert!(store.newest_sample(id(1)).await.unwrap().is_some());
    assert_eq!(number(&store, "PRAGMA auto_vacuum").await, 2);
    assert_eq!(number(&store, "PRAGMA user_version").await, known_schema());
}

#[cfg(unix)]
#[tokio::test]
async fn the_file_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let (folder, store) = store().await;
    poll(&store, "dc1", facts(1, 1_000, 50), keep).await;
    for name in ["store.db", "store.db-wal", "store.db-shm"] {
        let mode = std::fs::metadata(folder.path().join(name))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}

#[tokio::test]
async fn a_newer_schema_is_refused() {
    let (_folder, store) = store().await;
    let path = store.path().clone();
    drop(store);
    let newer = known_schema() + 1;
    let connection = Connection::open(&path).unwrap();
    connection
        .pragma_update(None, "user_version", newer)
        .unwrap();
    drop(connection);
    let error = refused(&path).await;
    assert!(
        matches!(error, StoreError::NewerSchema { found, .. } if found == newer),
        "{error}"
    );
}

#[tokio::test]
async fn a_foreign_file_is_refused_and_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("other.db");
    let connection = Connection::open(&database).unwrap();
    connection
        .execute_batch("CREATE TABLE precious (x); INSERT INTO precious VALUES (1)")
        .unwrap();
    drop(connection);
    let versioned = folder.path().join("versioned.db");
    Connection::open(&versioned)
        .unwrap()
        .pragma_update(None, "user_version", 7)
        .unwrap();
    let text = folder.path().join("notes.txt");
    std::fs::write(&text, "these are notes, not a database\n".repeat(200)).unwrap();
    for path in [database, versioned, text] {
        let before = std::fs::read(&path).unwrap();
        let error = refused(&path).await;
        assert!(matches!(error, StoreError::Foreign { .. }), "{error}");
        assert_eq!(std::fs::read(&path).unwrap(), before, "{}", path.display());
    }
    let nowhere = refused(&folder.path().join("no/such/folder/store.db")).await;
    assert!(matches!(nowhere, StoreError::Open { .. }), "{nowhere}");
}

const MANY: &str = "INSERT INTO sample WITH RECURSIVE t(ms) AS \
     (SELECT 2 UNION ALL SELECT ms + 1 FROM t WHERE ms < 60000) SELECT 1, ms, ms, 1, NULL FROM t";

#[tokio::test]
async fn a_damaged_file_is_named_so() {
    let (_folder, store) = store().await;
    poll(&store, "dc1", facts(1, 1, 1), keep).await;
    sql(&store, MANY).await;
    let path = store.path().clone();
    drop(store);
    let mut file = std::fs::File::options().write(true).open(&path).unwrap();
    let middle = std::fs::metadata(&path).unwrap().len() / 2 / 4_096 * 4_096;
    file.seek(SeekFrom::Start(middle)).unwrap();
    file.write_all(&vec![0xA5; 8 * 4_096]).unwrap();
    drop(file);
    let store = Store::open(&path).await.unwrap();
    let error = store
        .history(&dc("dc1"), None, None, usize::MAX)
        .await
        .unwrap_err();
    assert!(matches!(error, StoreError::Damaged(_)), "{error}");
    let target = path.with_extension("backup");
    let error = store.backup(&target, false).await.unwrap_err();
    assert!(matches!(error, StoreError::Damaged(_)), "{error}");
    assert!(!target.exists());
}

#[tokio::test]
async fn a_full_disk_keeps_what_was_there() {
    let folder = tempfile::tempdir().unwrap();
    let tuning = Tuning {
        max_pages: Some(60),
        ..Tuning::default()
    };
    let path = folder.path().join("store.db");
    let store = Store::open_tuned(&path, tuning).await.unwrap();
    poll(&store, "dc1", facts(1, 1, 1), keep).await;
    let many = store.write(|tx| {
        tx.execute(MANY, [])?;
        Ok(())
    });
    let error = many.await.unwrap_err();
    assert!(matches!(error, StoreError::DiskFull), "{error}");
    // Nothing of it was kept, all before was, and the store goes on.
    assert_eq!(number(&store, "SELECT count(*) FROM sample").await, 1);
    poll(&store, "dc1", facts(1, 2, 2), keep).await;
    drop(store);
    let store = Store::open(&path).await.unwrap();
    assert_eq!(
        store
            .history(&dc("dc1"), None, None, 9)
            .await
            .unwrap()
            .len(),
        2
    );
    sql(&store, "DELETE FROM sample WHERE collected_at = 2").await;
    sql(&store, MANY).await;
}

#[tokio::test]
async fn another_process_that_holds_the_lock_too_long_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let tuning = Tuning {
        busy: Duration::from_millis(50),
        ..Tuning::default()
    };
    let store = Store::open_tuned(&path, tuning).await.unwrap();
    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let locked = store
        .record_poll(dc("dc1"), facts(1, 1, 1), true, keep)
        .await;
    assert!(matches!(locked, Err(StoreError::Locked(_))), "{locked:?}");
    // Looking and opening need no lock.
    assert!(store.dcs().await.unwrap().is_empty());
    drop(Store::open_tuned(&path, tuning).await.unwrap());
    other.execute_batch("COMMIT").unwrap();
    poll(&store, "dc1", facts(1, 2, 2), keep).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_stores_on_one_file_lose_nothing() {
    let (_folder, first) = store().await;
    let second = Store::open(first.path()).await.unwrap();
    let write = |store: Store, offset: i64| {
        tokio::spawn(async move {
            for poll_number in 0..60 {
                // The same milliseconds in both: the later one has to move, none may go.
                poll(
                    &store,
                    "dc1",
                    facts(1, poll_number * 10, poll_number * 10 + offset),
                    keep,
                )
                .await;
            }
        })
    };
    let writers = [write(first.clone(), 1), write(second.clone(), 2)];
    for writer in writers {
        writer.await.unwrap();
    }
    for store in [first, second] {
        assert_eq!(
            store
                .history(&dc("dc1"), None, None, 999)
                .await
                .unwrap()
                .len(),
            120
        );
        assert_eq!(store.sample_counts().await.unwrap()[&dc("dc1")], 120);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_may_open_a_new_file_at_once() {
    for _ in 0..5 {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.db");
        let openers: Vec<_> = (0..6)
            .map(|_| {
                let path = path.clone();
                tokio::spawn(async move { Store::open(&path).await.map(|_| ()) })
            })
            .collect();
        for opener in openers {
            opener.await.unwrap().unwrap();
        }
    }
}
