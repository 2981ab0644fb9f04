use super::harness::*;
use crate::store::{Store, StoreError};

#[tokio::test]
async fn a_backup_is_one_file_that_opens_as_a_store() {
    let (folder, store) = store().await;
    poll(&store, "dc1", facts(1, 1_000, 50), keep).await;
    let target = folder.path().join("backup.db");
    store.backup(&target, false).await.unwrap();
    let mut names: Vec<_> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(
        names,
        ["backup.db", "store.db", "store.db-shm", "store.db-wal"]
    );
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(&target).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    let copy = Store::open(&target).await.unwrap();
    let newest = copy.newest_sample(id(1)).await.unwrap();
    assert_eq!(newest, store.newest_sample(id(1)).await.unwrap());
    poll(&copy, "dc1", facts(1, 2_000, 60), keep).await;
}

#[tokio::test]
async fn a_backup_overwrites_only_when_told_and_never_a_database_in_use() {
    let (folder, store) = store().await;
    poll(&store, "dc1", facts(1, 1_000, 50), keep).await;
    let target = folder.path().join("backup.db");
    std::fs::write(&target, "keep me").unwrap();
    let problem = |result: Result<(), StoreError>| match result {
        Err(StoreError::Backup { problem, .. }) => problem,
        other => panic!("{other:?}"),
    };
    assert!(problem(store.backup(&target, false).await).contains("exists"));
    assert_eq!(std::fs::read(&target).unwrap(), b"keep me");
    store.backup(&target, true).await.unwrap();
    assert!(problem(store.backup(&store.path().clone(), true).await).contains("the store itself"));
    let copy = Store::open(&target).await.unwrap();
    assert!(copy.newest_sample(id(1)).await.unwrap().is_some());
    assert!(problem(store.backup(&target, true).await).contains("in use"));
    let nowhere = folder.path().join("no/backup.db");
    assert!(problem(store.backup(&nowhere, false).await).contains("check the folder"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_of_a_store_being_written_is_one_state_of_it() {
    let (folder, store) = store().await;
    poll(&store, "dc1", facts(1, 1, 1), keep).await;
    let writer = {
        let store = store.clone();
        tokio::spawn(async move {
            for ms in 2..80 {
                poll(&store, "dc1", facts(1, ms, ms), keep).await;
            }
        })
    };
    for number in 0..5 {
        let target = folder.path().join(format!("{number}.db"));
        store.backup(&target, false).await.unwrap();
        let copy = Store::open(&target).await.unwrap();
        let rows = copy
            .history(&dc("dc1"), None, None, 999)
            .await
            .unwrap()
            .len();
        let counted = copy.sample_counts().await.unwrap()[&dc("dc1")];
        assert_eq!(u64::try_from(rows).unwrap(), counted);
    }
    writer.await.unwrap();
}
