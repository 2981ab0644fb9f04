#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::time::Duration;

use proptest::prelude::*;
use tempfile::TempDir;

use super::meaning::Parts;
use super::spot::{Field, Fields};
use super::stands::{self, Stands};
use crate::config::{
    CommandSettings, Confirm, Consumer as Settings, ConsumerKind, FileForm, FileSettings,
    HostPlace, Outside, Position, Shape, SpotSettings, Turn,
};
use crate::consumer::{Confirmed, Consumer, ConsumerError};
use crate::model::{Cursor, HeldCursor, HostAttribute, ResourceName, Usn};
use crate::store::Store;

fn resource() -> ResourceName {
    "hr".parse().unwrap()
}

fn cursor(host: &str, updated: i64, deleted: i64) -> Cursor {
    Cursor {
        ldap_host: host.to_owned(),
        global_catalog: None,
        invocation_id: None,
        last_updated: Usn::new(updated).unwrap(),
        last_deleted: Usn::new(deleted).unwrap(),
    }
}

/// A product with its cursor in `state.json` and its host in `sync.properties`.
struct Scene {
    dir: TempDir,
    store: Store,
    outside: Outside,
    start: Option<Turn>,
}

impl Scene {
    async fn new(shape: Shape, state: &str) -> Self {
        let dir = TempDir::new().unwrap();
        let store = Store::open(&dir.path().join("hw.db")).await.unwrap();
        let file = |name: &str, form| {
            SpotSettings::File(FileSettings {
                path: dir.path().join(name),
                form,
            })
        };
        let one = |field, key: &str| [(field, key.to_owned())].into();
        let keys = match shape {
            Shape::TwoUsns => {
                let pair = [(Field::Updated, "/u"), (Field::Deleted, "/d")];
                pair.map(|(field, key)| (field, key.to_owned())).into()
            }
            Shape::Cookie | Shape::Reset { .. } => one(Field::Cookie, "/c"),
            Shape::OneUsn | Shape::DeletedCommaUpdated => one(Field::Updated, "/u"),
        };
        let outside = Outside {
            shape,
            cursor: Some(file("state.json", FileForm::Json(keys))),
            host: HostPlace::Spot(file(
                "sync.properties",
                FileForm::Properties {
                    keys: one(Field::Host, "url"),
                    also: std::collections::BTreeMap::new(),
                },
            )),
            attribute: HostAttribute::LdapHost,
            confirm: None,
        };
        fs::write(dir.path().join("state.json"), state).unwrap();
        fs::write(dir.path().join("sync.properties"), "url=ldaps://dc1:636\n").unwrap();
        Self {
            dir,
            store,
            outside,
            start: None,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    fn both(&self) -> (String, String) {
        (self.text("state.json"), self.text("sync.properties"))
    }

    fn consumer(&self) -> Consumer {
        let settings = Settings {
            kind: ConsumerKind::Outside(Box::new(self.outside.clone())),
            position: Position::BeforeSearch,
            stop: None,
            start: self.start.clone(),
            preset: None,
            command_timeout: Duration::from_secs(3),
        };
        Consumer::new(&resource(), &settings, &self.store)
    }

    async fn stands(&self, expected: &HeldCursor, new: &Cursor) -> Stands {
        let look = self.consumer().look(expected, new).await.unwrap();
        look.stands.unwrap()
    }
}

#[tokio::test]
async fn every_shape_is_read_and_written_as_the_product_writes_it() {
    let reset = Shape::Reset { to: None };
    let to_zero = Shape::Reset {
        to: Some("0".to_owned()),
    };
    let cases = [
        (
            Shape::OneUsn,
            r#"{"u":"70","x":1.0}"#,
            70,
            70,
            r#"{"u":"300","x":1.0}"#,
        ),
        (
            Shape::TwoUsns,
            r#"{"u":70,"d":60}"#,
            70,
            60,
            r#"{"u":300,"d":290}"#,
        ),
        (
            Shape::DeletedCommaUpdated,
            r#"{"u":"60,70"}"#,
            70,
            60,
            r#"{"u":"290,300"}"#,
        ),
        (
            Shape::DeletedCommaUpdated,
            r#"{"u":"70"}"#,
            70,
            70,
            r#"{"u":"290"}"#,
        ),
        (
            Shape::Cookie,
            r#"{"c":"TVNEUw"}"#,
            0,
            0,
            r#"{"c":"TVNEUw"}"#,
        ),
        (reset, r#"{"a":1, "c":"TVNEUw"}"#, 0, 0, r#"{"a":1}"#),
        (to_zero, r#"{"c":77}"#, 0, 0, r#"{"c":0}"#),
    ];
    for (shape, state, updated, deleted, written) in cases {
        let scene = Scene::new(shape.clone(), state).await;
        let consumer = scene.consumer();
        let held = consumer.read().await.unwrap();
        assert_eq!(held.cursor, cursor("dc1", updated, deleted), "{shape:?}");
        let new = match shape {
            Shape::OneUsn => cursor("dc2", 300, 300),
            _ => cursor("dc2", 300, 290),
        };
        consumer.compare_and_set(&held, &new).await.unwrap();
        let wanted = (written.to_owned(), "url=ldaps://dc2:636\n".to_owned());
        assert_eq!(scene.both(), wanted, "{shape:?}");
        assert_eq!(scene.stands(&held, &new).await, Stands::New);
        // Safe to repeat.
        consumer.compare_and_set(&held, &new).await.unwrap();
        assert_eq!(scene.both(), wanted);
    }
}

#[tokio::test]
async fn half_of_a_move_is_seen_completed_and_taken_back() {
    for (shape, state) in [
        (Shape::OneUsn, r#"{"u":"700"}"#),
        (Shape::TwoUsns, r#"{"u":700,"d":700}"#),
        (Shape::Reset { to: None }, r#"{"a":1, "c":700}"#),
    ] {
        let scene = Scene::new(shape.clone(), state).await;
        let consumer = scene.consumer();
        let old = scene.both();
        let held = consumer.read().await.unwrap();
        // Lower than the old one, as on a DC with fewer USNs.
        let new = cursor("dc2", 300, 300);
        consumer.compare_and_set(&held, &new).await.unwrap();
        let written = scene.both();
        fs::write(scene.path("sync.properties"), &old.1).unwrap();
        assert_eq!(scene.stands(&held, &new).await, Stands::Half, "{shape:?}");
        consumer.compare_and_set(&held, &new).await.unwrap();
        assert_eq!(scene.both(), written, "{shape:?}");

        fs::write(scene.path("sync.properties"), &old.1).unwrap();
        consumer.put_back(&held, &new).await.unwrap();
        assert_eq!(scene.stands(&held, &new).await, Stands::Old, "{shape:?}");
        assert_eq!(consumer.read().await.unwrap(), held);
        // Where nothing is half done, nothing is taken back.
        consumer.compare_and_set(&held, &new).await.unwrap();
        consumer.put_back(&held, &new).await.unwrap();
        assert_eq!(scene.both(), written, "{shape:?}");
    }
}

#[tokio::test]
async fn a_second_place_that_cannot_be_written_is_an_error_and_the_first_goes_back() {
    let scene = Scene::new(Shape::OneUsn, r#"{"u":"70"}"#).await;
    let consumer = scene.consumer();
    let old = scene.both();
    let held = consumer.read().await.unwrap();
    let new = cursor("dc2", 300, 300);
    // The name of the fresh file is taken by a folder that is not empty: root cannot be kept out by rights.
    let fresh = scene.path(".sync.properties.highwater-new");
    fs::create_dir_all(fresh.join("x")).unwrap();
    let error = consumer.compare_and_set(&held, &new).await.unwrap_err();
    let told = error.to_string();
    assert!(
        told.contains("sync.properties") && told.contains("check room and rights"),
        "{told}"
    );
    assert_eq!(scene.stands(&held, &new).await, Stands::Half);
    consumer.put_back(&held, &new).await.unwrap();
    assert_eq!(scene.both(), old);
}

#[tokio::test]
async fn what_another_program_wrote_is_left_alone() {
    let scene = Scene::new(Shape::OneUsn, r#"{"u":"70"}"#).await;
    let consumer = scene.consumer();
    let held = consumer.read().await.unwrap();
    let new = cursor("dc2", 300, 300);
    for (name, text) in [
        ("state.json", r#"{"u":"71"}"#),
        ("sync.properties", "url=ldaps://dc3:636\n"),
    ] {
        let before = scene.text(name);
        fs::write(scene.path(name), text).unwrap();
        let both = scene.both();
        let error = consumer.compare_and_set(&held, &new).await.unwrap_err();
        assert!(matches!(error, ConsumerError::Moved { .. }), "{error}");
        assert_eq!(scene.both(), both);
        fs::write(scene.path(name), before).unwrap();
    }
    // A comment beside the host is none of our business.
    fs::write(
        scene.path("sync.properties"),
        "# new\nurl=ldaps://dc1:636\n",
    )
    .unwrap();
    consumer.compare_and_set(&held, &new).await.unwrap();
    assert_eq!(
        scene.text("sync.properties"),
        "# new\nurl=ldaps://dc2:636\n"
    );
}

#[tokio::test]
async fn a_host_that_is_kept_nowhere_is_remembered_and_given_to_the_start_command() {
    let mut scene = Scene::new(Shape::OneUsn, r#"{"u":"70"}"#).await;
    scene.outside.host = HostPlace::Remembered {
        first: "dc1".to_owned(),
    };
    let started = scene.path("started");
    let script = "echo \"$0 $1 $HIGHWATER_HOST $HIGHWATER_UPDATED\" > \"$2\"";
    let argv = [
        "/bin/sh",
        "-c",
        script,
        "{resource}",
        "{host}/{updated},{deleted}",
        started.to_str().unwrap(),
    ];
    scene.start = Some(Turn::Command(argv.map(str::to_owned).to_vec()));
    let consumer = scene.consumer();
    consumer.start("me").await.unwrap();
    assert_eq!(scene.text("started"), "hr dc1/70,70 dc1 70\n");
    for host in ["dc2", "dc3"] {
        let held = consumer.read().await.unwrap();
        let new = cursor(host, 300, 300);
        consumer.compare_and_set(&held, &new).await.unwrap();
        assert_eq!(consumer.read().await.unwrap().cursor, new);
        consumer.start("me").await.unwrap();
        assert_eq!(
            scene.text("started"),
            format!("hr {host}/300,300 {host} 300\n")
        );
    }
}

#[tokio::test]
async fn a_started_sync_is_confirmed_by_its_cursor_or_its_command_within_the_time() {
    let mut scene = Scene::new(Shape::OneUsn, r#"{"u":"70"}"#).await;
    scene.outside.confirm = Some(Confirm {
        within: Duration::from_millis(900),
        command: None,
    });
    let consumer = scene.consumer();
    let held = consumer.read().await.unwrap();
    let new = cursor("dc2", 300, 300);
    consumer.compare_and_set(&held, &new).await.unwrap();
    let seen = consumer.confirm(&held, &new).await.unwrap().unwrap();
    assert_eq!(
        seen,
        Confirmed::No("its cursor has not moved on within 900ms".to_owned())
    );

    let state = scene.path("state.json");
    let sync = tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(200)).await;
        fs::write(state, r#"{"u":"301"}"#).unwrap();
    });
    let seen = consumer.confirm(&held, &new).await.unwrap().unwrap();
    let text = "it has moved its cursor on to updated 301".to_owned();
    assert_eq!(seen, Confirmed::Yes(text));
    sync.await.unwrap();
    assert_eq!(scene.stands(&held, &new).await, Stands::New);

    fs::write(scene.path("state.json"), r#"{"u":"299"}"#).unwrap();
    let seen = consumer.confirm(&held, &new).await.unwrap().unwrap();
    assert!(
        matches!(&seen, Confirmed::No(why) if why.contains("behind updated 300")),
        "{seen:?}"
    );

    let argv = ["/bin/sh", "-c", "[ -n \"$HIGHWATER_STARTED_AT\" ]"];
    scene.outside.confirm = Some(Confirm {
        within: Duration::from_secs(2),
        command: Some(argv.map(str::to_owned).to_vec()),
    });
    let seen = scene
        .consumer()
        .confirm(&held, &new)
        .await
        .unwrap()
        .unwrap();
    assert!(
        matches!(&seen, Confirmed::Yes(how) if how.contains("confirm_command")),
        "{seen:?}"
    );
}

#[tokio::test]
async fn cursor_and_host_may_be_two_places_in_one_file() {
    let mut scene = Scene::new(Shape::OneUsn, r#"{"u": 5, "h": "dc1"}"#).await;
    scene.outside.host = HostPlace::Spot(SpotSettings::File(FileSettings {
        path: scene.path("state.json"),
        form: FileForm::Json([(Field::Host, "/h".to_owned())].into()),
    }));
    let consumer = scene.consumer();
    let held = consumer.read().await.unwrap();
    let new = cursor("dc2", 9, 9);
    consumer.compare_and_set(&held, &new).await.unwrap();
    assert_eq!(scene.text("state.json"), r#"{"u": 9, "h": "dc2"}"#);
    assert_eq!(scene.stands(&held, &new).await, Stands::New);
    // Cut between the two, it is taken back.
    fs::write(scene.path("state.json"), r#"{"u": 9, "h": "dc1"}"#).unwrap();
    assert_eq!(scene.stands(&held, &new).await, Stands::Half);
    consumer.put_back(&held, &new).await.unwrap();
    assert_eq!(scene.text("state.json"), r#"{"u": 5, "h": "dc1"}"#);
}

/// Keeps host and cursor in one file, `host updated generation`, under the names that the JSON has.
const KEEPER: &str = r#"#!/usr/bin/python3
import json, sys
order = json.load(sys.stdin)
path = sys.argv[1]
host, updated, tag = open(path).read().split()
if order["op"] == "read":
    assert order["fields"] == ["updated", "host"] and order["resource"] == "hr"
    print(json.dumps({"fields": {"host": host, "updated": int(updated)}, "tag": tag}))
elif order["expected"] != {"fields": {"host": host, "updated": updated}, "tag": tag}:
    print(json.dumps({"result": "moved"}))
else:
    new = order["new"]
    open(path, "w").write(f'{new.get("host", host)} {new.get("updated", updated)} {int(tag) + 1}')
    print(json.dumps({"result": "written"}))
"#;

#[tokio::test]
async fn a_program_may_keep_the_cursor() {
    let mut scene = Scene::new(Shape::OneUsn, "").await;
    let (program, kept) = (scene.path("keeper"), scene.path("kept"));
    fs::write(&program, KEEPER).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    fs::write(&kept, "dc1 70 1").unwrap();
    let words = [&program, &kept].map(|path| path.to_str().unwrap().to_owned());
    scene.outside.cursor = Some(SpotSettings::Command(CommandSettings {
        argv: words.to_vec(),
        fields: vec![Field::Updated, Field::Host],
    }));
    scene.outside.host = HostPlace::WithCursor;
    let consumer = scene.consumer();
    let held = consumer.read().await.unwrap();
    assert_eq!(held.cursor, cursor("dc1", 70, 70));
    let new = cursor("dc2", 300, 300);
    consumer.compare_and_set(&held, &new).await.unwrap();
    assert_eq!(scene.text("kept"), "dc2 300 2");
    fs::write(&kept, "dc1 71 2").unwrap();
    let error = consumer.compare_and_set(&held, &new).await.unwrap_err();
    assert!(matches!(error, ConsumerError::Moved { .. }), "{error}");
    for (script, wanted) in [
        ("echo nonsense", "no JSON as it must be"),
        ("echo '{\"fields\": {\"host\": [1]}}'", "`host` is [1]"),
        ("echo broken >&2; exit 3", "it wrote: broken"),
    ] {
        scene.outside.cursor = Some(SpotSettings::Command(CommandSettings {
            argv: ["/bin/sh", "-c", script].map(str::to_owned).to_vec(),
            fields: vec![Field::Updated, Field::Host],
        }));
        let told = scene.consumer().read().await.unwrap_err().to_string();
        assert!(told.contains(wanted), "{told}");
    }
}

#[tokio::test]
async fn what_is_no_cursor_is_named_with_place_value_and_cure() {
    for (state, properties, wanted) in [
        ("{}", "url=dc1", "`updated` in"),
        (
            r#"{"u":-1}"#,
            "url=dc1",
            "`updated` is \"-1\"; it must be a whole number",
        ),
        (
            r#"{"u":1}"#,
            "url=dc1 dc2",
            "`host` is \"dc1 dc2\"; it must be one host",
        ),
        (
            r#"{"u":1}"#,
            "url=ldap://sync:hunter2@dc1",
            "`host` is \"ldap://***@dc1\"; it must be one host without a user",
        ),
        (r#"{"u":1}"#, "# nothing", "`host` in"),
    ] {
        let scene = Scene::new(Shape::OneUsn, state).await;
        fs::write(scene.path("sync.properties"), properties).unwrap();
        let told = scene.consumer().read().await.unwrap_err().to_string();
        assert!(
            told.contains(wanted) && told.contains("resource hr"),
            "{told}"
        );
    }
}

fn parts(host: u8, updated: i64) -> Parts {
    Parts {
        cursor: Fields::from([(Field::Updated, updated.to_string())]),
        host: format!("dc{host}"),
    }
}

proptest! {
    #[test]
    fn a_verdict_is_safe(
        old in (1..3u8, 0..5i64), new in (1..4u8, 0..5i64), found in (1..4u8, 0..5i64), apart: bool,
    ) {
        let (old, new, found) = (parts(old.0, old.1), parts(new.0, new.1), parts(found.0, found.1));
        let usn = |parts: &Parts| parts.cursor[&Field::Updated].parse::<i64>().unwrap();
        match stands::stands(&Shape::OneUsn, apart, &old, &new, &found) {
            // Nothing counts as switched that could read the new DC from above its start unread.
            Stands::New => {
                prop_assert_eq!(&found.host, &new.host);
                prop_assert!(usn(&found) >= usn(&new));
                prop_assert!(found == new || found.cursor != old.cursor);
            }
            // Nothing counts as unswitched that could be the new cursor on the old host.
            Stands::Old => {
                prop_assert_eq!(&found.host, &old.host);
                prop_assert!(found == old || usn(&found) > usn(&old));
                prop_assert!(found == old || found.cursor != new.cursor);
                if apart && found != old {
                    prop_assert!(usn(&found) < usn(&new));
                }
            }
            // Only what either of the two writes left to the letter is half.
            Stands::Half => {
                prop_assert!(apart);
                prop_assert!(found.host == old.host && found.cursor == new.cursor
                    || found.host == new.host && found.cursor == old.cursor);
            }
            Stands::Neither => prop_assert!(found != old && found != new),
        }
    }

    #[test]
    fn a_tag_keeps_every_text(host in "\\PC{0,9}", updated in "\\PC{0,9}", cookie in proptest::option::of("\\PC{0,9}")) {
        let mut cursor = Fields::from([(Field::Updated, updated)]);
        cursor.extend(cookie.map(|cookie| (Field::Cookie, cookie)));
        let parts = Parts { cursor, host };
        prop_assert_eq!(Parts::of_tag(&parts.tag()), Some(parts));
    }
}
