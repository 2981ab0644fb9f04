#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use proptest::prelude::*;
use tempfile::TempDir;

use super::{Consumer, ConsumerError, CursorFlaw, cursor_text};
use crate::clock::Stopwatch;
use crate::config::{Consumer as Settings, ConsumerKind, Position, Turn};
use crate::model::{Cursor, CursorTag, ResourceName, Usn, UtcMs};
use crate::store::Store;

const TEXT: &str = r#"{"zeta": {"lastUpdated": 1}, "version":1,"resource":"hr","ldapHost":"dc1.lab.test",
 "globalCatalog":null ,"invocationId":null,"lastUpdated":123,  "lastDeleted":45,"alpha":[1e400, 0.10]}"#;

fn resource() -> ResourceName {
    "hr".parse().unwrap()
}

fn new() -> Cursor {
    Cursor {
        ldap_host: "dc2.lab.test".to_owned(),
        global_catalog: Some("gc.lab.test".to_owned()),
        invocation_id: Some("6f1c1c1e-2f0a-4f0e-9a35-1d1d2f8b7c55".parse().unwrap()),
        last_updated: Usn::new(i64::MAX).unwrap(),
        last_deleted: Usn::ZERO,
    }
}

struct Scene {
    dir: TempDir,
    store: Store,
}

impl Scene {
    async fn new() -> Self {
        let dir = TempDir::new().unwrap();
        let store = Store::open(&dir.path().join("hw.db")).await.unwrap();
        fs::write(dir.path().join("c.json"), TEXT).unwrap();
        Self { dir, store }
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("c.json")
    }

    fn consumer(&self, kind: ConsumerKind, stop: Option<&str>) -> Consumer {
        let settings = Settings {
            kind,
            position: Position::BeforeSearch,
            stop: stop
                .map(|script| Turn::Command(["/bin/sh", "-c", script].map(str::to_owned).to_vec())),
            start: None,
            preset: None,
            command_timeout: Duration::from_millis(700),
        };
        Consumer::new(&resource(), &settings, &self.store)
    }

    fn file(&self, path: &Path) -> Consumer {
        self.consumer(ConsumerKind::File(path.to_owned()), None)
    }
}

#[tokio::test]
async fn a_file_keeps_everything_but_the_values() {
    let scene = Scene::new().await;
    let consumer = scene.file(&scene.path());
    fs::set_permissions(scene.path(), fs::Permissions::from_mode(0o640)).unwrap();
    let owner = |path: &Path| {
        let facts = fs::metadata(path).unwrap();
        (facts.mode(), facts.uid(), facts.gid())
    };
    let before = owner(&scene.path());
    let held = consumer.read().await.unwrap();
    let tag = consumer.compare_and_set(&held, &new()).await.unwrap();
    let text = fs::read_to_string(scene.path()).unwrap();
    let wanted = TEXT
        .replace("dc1.lab.test", "dc2.lab.test")
        .replace(
            r#""globalCatalog":null"#,
            r#""globalCatalog":"gc.lab.test""#,
        )
        .replace(
            r#""invocationId":null"#,
            r#""invocationId":"6f1c1c1e-2f0a-4f0e-9a35-1d1d2f8b7c55""#,
        )
        .replace(":123", ":9223372036854775807")
        .replace(":45", ":0");
    assert_eq!(text, wanted);
    assert_eq!(owner(&scene.path()), before);
    let after = consumer.read().await.unwrap();
    assert_eq!((after.cursor, after.tag), (new(), tag.clone()));
    assert_ne!(tag, held.tag);
    assert!(consumer.is_written(&new()).await.unwrap());
}

#[tokio::test]
async fn a_file_that_changed_at_all_is_left_alone() {
    let scene = Scene::new().await;
    let consumer = scene.file(&scene.path());
    let held = consumer.read().await.unwrap();
    let touched = TEXT.replace("0.10", "0.20");
    fs::write(scene.path(), &touched).unwrap();
    let error = consumer.compare_and_set(&held, &new()).await.unwrap_err();
    match error {
        ConsumerError::Moved { found, .. } => assert_eq!(found.cursor, held.cursor),
        other => panic!("{other}"),
    }
    assert_eq!(fs::read_to_string(scene.path()).unwrap(), touched);
}

#[tokio::test]
async fn a_link_is_followed_and_stays_a_link() {
    let scene = Scene::new().await;
    let link = scene.dir.path().join("link.json");
    std::os::unix::fs::symlink("c.json", &link).unwrap();
    let consumer = scene.file(&link);
    let held = consumer.read().await.unwrap();
    consumer.compare_and_set(&held, &new()).await.unwrap();
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    let real = scene.file(&scene.path());
    assert!(real.is_written(&new()).await.unwrap());
}

#[tokio::test]
async fn a_lock_held_by_the_owner_is_waited_for() {
    let scene = Scene::new().await;
    let consumer = scene.file(&scene.path());
    let held = consumer.read().await.unwrap();
    let lock = fs::File::create(scene.dir.path().join("c.json.lock")).unwrap();
    lock.lock().unwrap();
    let moved = TEXT.replace(":123", ":124");
    let path = scene.path();
    let owner = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(200));
        fs::write(path, moved).unwrap();
        drop(lock);
    });
    // Compared under the lock: the owner's last write counts.
    let error = consumer.compare_and_set(&held, &new()).await.unwrap_err();
    assert!(matches!(error, ConsumerError::Moved { .. }), "{error}");
    owner.join().unwrap();
}

#[test]
fn what_is_no_cursor_is_named_with_field_value_and_cure() {
    let cases = [
        ("nonsense", "", "no JSON object"),
        (TEXT, "[1]", "no JSON object"),
        (r#""version":1"#, r#""version":2"#, "`version` is 2"),
        (r#""version":1"#, r#""edition":1"#, "`version` is missing"),
        (
            r#""resource":"hr""#,
            r#""resource":"crm""#,
            r#"`resource` is "crm"; it must be "hr""#,
        ),
        (":123", ":-1", "`lastUpdated` is -1"),
        (
            ":123",
            ":9223372036854775808",
            "`lastUpdated` is 9223372036854775808",
        ),
        (
            ":45",
            ":\"45\"",
            r#"`lastDeleted` is "45"; it must be a whole number"#,
        ),
        (":45", ":4.5", "`lastDeleted` is 4.5"),
        (":45", ":4e1", "`lastDeleted` is 4e1"),
        (
            ":45",
            ":45,\"lastDeleted\":46",
            "`lastDeleted` appears twice",
        ),
        (r#""dc1.lab.test""#, r#""""#, r#"`ldapHost` is """#),
        (
            r#""invocationId":null"#,
            r#""invocationId":"x""#,
            "`invocationId` is x",
        ),
        (
            r#""globalCatalog":null"#,
            r#""globalCatalog":7"#,
            "`globalCatalog` is 7",
        ),
    ];
    for (from, to, wanted) in cases {
        let text = if from == "nonsense" {
            from.to_owned()
        } else {
            TEXT.replacen(from, to, 1)
        };
        let flaw = cursor_text::decode(&text, &resource()).unwrap_err();
        assert!(flaw.to_string().contains(wanted), "{flaw}");
    }
    let text = TEXT.replace(r#""globalCatalog":null ,"invocationId":null,"#, "");
    let cursor = cursor_text::decode(&text, &resource()).unwrap();
    assert_eq!((cursor.global_catalog, cursor.invocation_id), (None, None));
    let filled = cursor_text::replace(&text, &new()).unwrap();
    assert_eq!(cursor_text::decode(&filled, &resource()), Ok(new()));
    assert_eq!(
        cursor_text::decode(&TEXT.replace(":45", ":45x"), &resource())
            .map_err(|flaw| matches!(flaw, CursorFlaw::NotJson(_))),
        Err(true)
    );
}

#[tokio::test]
async fn a_missing_or_flawed_file_is_named_and_untouched() {
    let scene = Scene::new().await;
    let held = scene.file(&scene.path()).read().await.unwrap();
    let missing = scene.file(Path::new("/nowhere/c.json"));
    let told = missing.read().await.unwrap_err().to_string();
    assert!(
        told.contains("/nowhere/c.json does not exist") && told.contains("resource hr"),
        "{told}"
    );
    let flawed = TEXT.replace(":45", ":\"45\"");
    fs::write(scene.path(), &flawed).unwrap();
    let error = scene
        .file(&scene.path())
        .compare_and_set(&held, &new())
        .await
        .unwrap_err();
    assert!(matches!(error, ConsumerError::Flawed { .. }), "{error}");
    assert_eq!(fs::read_to_string(scene.path()).unwrap(), flawed);
}

#[tokio::test]
async fn a_cursor_in_the_store_is_set_by_generation() {
    let scene = Scene::new().await;
    let consumer = scene.consumer(ConsumerKind::Store, None);
    let none = consumer.read().await.unwrap_err();
    assert!(matches!(none, ConsumerError::NoCursor { .. }));
    let first = Cursor {
        invocation_id: None,
        ..new()
    };
    let at = UtcMs::from_millis(1);
    let (store, resource) = (&scene.store, resource());
    let created = store.create_cursor(&resource, &first, at).await.unwrap();
    assert_eq!(created, Some(CursorTag("1".to_owned())));
    let again = store.create_cursor(&resource, &new(), at).await.unwrap();
    assert_eq!(again, None);
    let held = consumer.read().await.unwrap();
    assert_eq!(held.cursor, first);
    let tag = consumer.compare_and_set(&held, &new()).await.unwrap();
    assert_eq!(tag, CursorTag("2".to_owned()));
    let error = consumer.compare_and_set(&held, &first).await.unwrap_err();
    match error {
        ConsumerError::Moved { found, .. } => assert_eq!(found.cursor, new()),
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn our_own_feed_is_stopped_without_an_answer_of_the_service_and_any_other_is_not() {
    let scene = Scene::new().await;
    let _service = scene.store.hold_service_lock().await.unwrap().unwrap();
    let own = scene.consumer(ConsumerKind::Builtin, None);
    own.stop("me").await.unwrap();
    let switch = scene.store.sync_switch(&resource()).await.unwrap().unwrap();
    assert!(switch.stopped);
    own.start("me").await.unwrap();
    let switch = scene.store.sync_switch(&resource()).await.unwrap().unwrap();
    assert!(!switch.stopped);

    // here the service holds its lock and never answers
    let other = scene.consumer(ConsumerKind::Store, None);
    let other = other.with_answer_wait(Duration::from_millis(50));
    let error = other.stop("me").await.unwrap_err();
    assert!(matches!(error, ConsumerError::Unanswered { .. }), "{error}");
}

#[tokio::test]
async fn a_command_is_bounded_and_its_whole_group_killed() {
    let scene = Scene::new().await;
    let pid_file = scene.dir.path().join("pid");
    let script = format!(
        "echo waiting; sleep 60 & echo $! > {}; wait",
        pid_file.display()
    );
    let consumer = scene.consumer(ConsumerKind::Store, Some(&script));
    let watch = Stopwatch::start();
    let told = consumer.stop("the test").await.unwrap_err().to_string();
    assert!(watch.elapsed() < Duration::from_secs(5));
    assert!(
        told.contains("command_timeout (0.7 s)") && told.contains("it wrote: waiting"),
        "{told}"
    );
    let grandchild = fs::read_to_string(&pid_file).unwrap();
    for _ in 0..100 {
        let stat = fs::read_to_string(format!("/proc/{}/stat", grandchild.trim()));
        if stat.map_or(true, |stat| stat.contains(") Z ")) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the sleep outlived its command");
}

#[tokio::test]
async fn a_commands_last_words_are_kept_and_no_more() {
    let scene = Scene::new().await;
    let script = "i=0; while [ $i -lt 2000 ]; do echo line $i; i=$((i+1)); done; exit 3";
    let consumer = scene.consumer(ConsumerKind::Store, Some(script));
    let told = consumer.stop("the test").await.unwrap_err().to_string();
    assert!(
        told.contains("exit status: 3") && told.contains("line 1999"),
        "{told}"
    );
    assert!(!told.contains("line 100\n") && told.len() < 2500);
    let consumer = scene.consumer(ConsumerKind::Store, Some("sleep 30 >&2 & exit 0"));
    let watch = Stopwatch::start();
    consumer.stop("the test").await.unwrap();
    assert!(
        watch.elapsed() < Duration::from_millis(650),
        "a process left behind is not waited for"
    );
}

proptest! {
    #[test]
    fn any_cursor_put_in_reads_back(
        host in "\\PC{0,20}[a-z]", catalog in proptest::option::of("[a-z\"\\\\]{1,12}"),
        updated in 0..=i64::MAX, deleted in 0..=i64::MAX, id in any::<Option<u128>>(), start in 0..3usize,
    ) {
        let texts = [
            TEXT.to_owned(),
            r#"{"version":1,"resource":"hr","ldapHost":"\u00e4","lastDeleted":1,"lastUpdated":2}"#.to_owned(),
            TEXT.replace("null", "\"6f1c1c1e-2f0a-4f0e-9a35-1d1d2f8b7c55\""),
        ];
        let cursor = Cursor {
            ldap_host: host,
            global_catalog: catalog,
            invocation_id: id.map(|id| uuid::Uuid::from_u128(id).to_string().parse().unwrap()),
            last_updated: Usn::new(updated).unwrap(),
            last_deleted: Usn::new(deleted).unwrap(),
        };
        let text = cursor_text::replace(&texts[start], &cursor).unwrap();
        prop_assert_eq!(cursor_text::decode(&text, &resource()), Ok(cursor));
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in "\\PC*") {
        drop(cursor_text::decode(&text, &resource()));
        drop(cursor_text::replace(&text, &new()));
    }
}
