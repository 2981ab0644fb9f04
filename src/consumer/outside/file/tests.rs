#![expect(clippy::unwrap_used, reason = "tests")]

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::Path;

use proptest::prelude::*;
use tempfile::TempDir;

use super::{FileSpot, json, letters, octets, properties, toml};
use crate::config::{FileForm, FileSettings, Keys};
use crate::consumer::outside::spot::{Change, Field, Fields, Found, SpotError};

fn keys(pairs: &[(Field, &str)]) -> Keys {
    pairs
        .iter()
        .map(|(field, key)| (*field, (*key).to_owned()))
        .collect()
}

fn change(pairs: &[(Field, Option<&str>)]) -> Change {
    pairs
        .iter()
        .map(|(field, text)| (*field, text.map(str::to_owned)))
        .collect()
}

fn fields(pairs: &[(Field, &str)]) -> Fields {
    keys(pairs)
}

const JSON: &str = r#"{ "a\"b/c" : {"usn":12 , "x": [1e400, {"h": "dc1"}]}, "z":null,
 "cookie": {"deep": [1, 2]}, "text": "77" }
"#;

#[test]
fn json_values_are_replaced_in_place() {
    let keys = keys(&[
        (Field::Updated, "/a\"b~1c/usn"),
        (Field::Host, "/a\"b~1c/x/1/h"),
        (Field::Deleted, "/text"),
        (Field::Cookie, "/cookie"),
    ]);
    let read = json::read(JSON, &keys).unwrap();
    let wanted = [
        (Field::Host, "dc1"),
        (Field::Updated, "12"),
        (Field::Deleted, "77"),
        (Field::Cookie, r#"{"deep": [1, 2]}"#),
    ];
    assert_eq!(read, fields(&wanted));
    let new = change(&[
        (Field::Updated, Some("9000")),
        (Field::Host, Some("dc2\"x")),
        (Field::Deleted, Some("8")),
    ]);
    let edited = json::edit(JSON, &keys, &new).unwrap();
    let by_hand = JSON
        .replace(":12 ", ":9000 ")
        .replace("\"dc1\"", r#""dc2\"x""#)
        .replace("\"77\"", "\"8\"");
    assert_eq!(edited, by_hand);
}

#[test]
fn json_members_are_removed_with_their_comma_and_added_at_the_end() {
    let keys = keys(&[(Field::Cookie, "/a/c")]);
    let cases = [
        (r#"{"a":{"c":1}}"#, r#"{"a":{}}"#),
        (r#"{"a":{"c" : "x", "d":2}}"#, r#"{"a":{ "d":2}}"#),
        (r#"{"a":{"b":1 , "c":"x" }}"#, r#"{"a":{"b":1  }}"#),
        (
            r#"{"a":{"b\\":"\"", "c":[1,{"c":2}],"d":3}}"#,
            r#"{"a":{"b\\":"\"","d":3}}"#,
        ),
    ];
    for (text, without) in cases {
        let removed = json::edit(text, &keys, &change(&[(Field::Cookie, None)])).unwrap();
        assert_eq!(removed, without);
        assert_eq!(json::read(&removed, &keys).unwrap(), Fields::new());
        let back = change(&[(Field::Cookie, Some("new"))]);
        let added = json::edit(&removed, &keys, &back).unwrap();
        assert_eq!(
            json::read(&added, &keys).unwrap(),
            fields(&[(Field::Cookie, "new")]),
            "{added}"
        );
    }
}

#[test]
fn what_stands_in_the_way_in_json_is_named() {
    let at = |pointer: &str| json::read(JSON, &keys(&[(Field::Updated, pointer)]));
    assert_eq!(at("/nothing").unwrap(), Fields::new());
    assert_eq!(at("/z").unwrap(), Fields::new());
    for (pointer, wanted) in [
        ("/nothing/at/all", "a way that exists"),
        ("/cookie", "a number or a text"),
        ("/text/x", "within an object or a list"),
        ("/cookie/deep/7", "a way that exists"),
    ] {
        let flaw = at(pointer).unwrap_err();
        assert!(flaw.must.contains(wanted), "{pointer}: {flaw:?}");
        assert!(flaw.what.contains(pointer), "{flaw:?}");
    }
    let twice = json::read(r#"{"a":1,"a":2}"#, &keys(&[(Field::Updated, "/a")]));
    assert_eq!(twice.unwrap_err().must, "there once");
    assert!(json::read("{\"a\":1", &keys(&[(Field::Updated, "/a")])).is_err());
}

const TOML: &str = "# the sync\ntitle = 'x' # kept\n[sync]\nusn = 1_200 # was\nhost = 'dc1'\n\
                    [[server]]\nname = \"a\"\n[[server]]\nname = \"b\"\n";

#[test]
fn toml_values_are_replaced_in_place_and_nothing_is_added_or_removed() {
    let keys = keys(&[
        (Field::Updated, "sync.usn"),
        (Field::Deleted, "sync.none"),
        (Field::Host, "server.1.name"),
    ]);
    let read = toml::read(TOML, &keys).unwrap();
    assert_eq!(
        read,
        fields(&[(Field::Updated, "1200"), (Field::Host, "b")])
    );
    let new = change(&[(Field::Updated, Some("9")), (Field::Host, Some("c\"d"))]);
    let edited = toml::edit(TOML, &keys, &new).unwrap();
    let by_hand = TOML.replace("1_200", "9").replace("\"b\"", r#""c\"d""#);
    assert_eq!(edited, by_hand);
    for refused in [
        change(&[(Field::Updated, None)]),
        change(&[(Field::Deleted, Some("1"))]),
    ] {
        let flaw = toml::edit(TOML, &keys, &refused).unwrap_err();
        assert!(flaw.must.contains("nothing is added"), "{flaw:?}");
    }
}

const PROPERTIES: &str = "# a comment = 1\r\n! another\r\n\r\n  CURRENT_USN : 12\\\r\n   34\r\nldap.host=dc1\r\n\
                          bare\r\nsp\\ ace = x \r\nurl=ldap\\://dc1\\u002elab\r\nlast = \\\r\n";

#[test]
fn properties_are_read_as_java_reads_them() {
    let all = [
        ("CURRENT_USN", "1234"),
        ("ldap.host", "dc1"),
        ("bare", ""),
        ("sp ace", "x "),
        ("url", "ldap://dc1.lab"),
        ("last", ""),
    ];
    for (key, value) in all {
        let keys = keys(&[(Field::Host, key)]);
        let read = properties::read(PROPERTIES, &keys).unwrap();
        assert_eq!(read, fields(&[(Field::Host, value)]), "{key}");
        let new = change(&[(Field::Host, Some(" \u{e4}=\\9"))]);
        let edited = properties::edit(PROPERTIES, &keys, &new).unwrap();
        assert!(edited.contains("\\ \\u00e4=\\\\9"), "{edited}");
        let read = properties::read(&edited, &keys).unwrap();
        assert_eq!(read, fields(&[(Field::Host, " \u{e4}=\\9")]), "{edited}");
        for (other, value) in all.iter().filter(|(other, _)| *other != key) {
            let keys = self::keys(&[(Field::Host, other)]);
            let read = properties::read(&edited, &keys).unwrap();
            assert_eq!(read, fields(&[(Field::Host, value)]), "{key} {edited}");
        }
        let gone = properties::edit(PROPERTIES, &keys, &change(&[(Field::Host, None)])).unwrap();
        assert_eq!(properties::read(&gone, &keys).unwrap(), Fields::new());
        let back = properties::edit(&gone, &keys, &change(&[(Field::Host, Some("7"))])).unwrap();
        assert_eq!(
            properties::read(&back, &keys).unwrap(),
            fields(&[(Field::Host, "7")])
        );
    }
    let keys = keys(&[(Field::Host, "a")]);
    assert_eq!(
        properties::read("a=1\na=2", &keys).unwrap_err().must,
        "there once"
    );
}

#[test]
fn bytes_of_any_encoding_stay() {
    let bytes: Vec<u8> = (0..=255).collect();
    assert_eq!(octets(&letters(&bytes)), bytes);
}

fn spot(path: &Path, form: FileForm) -> FileSpot {
    FileSpot::new(&FileSettings {
        path: path.to_owned(),
        form,
    })
}

#[tokio::test]
async fn a_file_is_replaced_behind_its_link_with_mode_and_owner_kept() {
    let dir = TempDir::new().unwrap();
    let (path, link) = (dir.path().join("real.json"), dir.path().join("link.json"));
    fs::write(&path, JSON).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o604)).unwrap();
    symlink("real.json", &link).unwrap();
    let facts = |path: &Path| {
        let facts = fs::metadata(path).unwrap();
        (facts.mode(), facts.uid(), facts.gid())
    };
    let before = facts(&path);
    let keys = keys(&[(Field::Deleted, "/text")]);
    let spot = spot(&link, FileForm::Json(keys));
    let found = spot.read().await.unwrap();
    let new = change(&[(Field::Deleted, Some("78"))]);
    spot.replace(&found, &new).await.unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), JSON.replace("77", "78"));
    assert_eq!(facts(&path), before);
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    // What was read before no longer stands.
    let moved = spot.replace(&found, &new).await.unwrap_err();
    assert!(matches!(moved, SpotError::Moved { .. }), "{moved}");
    let names: Vec<_> = fs::read_dir(dir.path()).unwrap().collect();
    assert_eq!(names.len(), 2, "{names:?}");
}

#[tokio::test]
async fn a_whole_file_keeps_its_line_end_and_is_set_aside_and_brought_back() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("usn");
    fs::write(&path, "\t123\r\n").unwrap();
    let spot = spot(&path, FileForm::Raw(Field::Updated));
    let found = spot.read().await.unwrap();
    assert_eq!(found.fields, fields(&[(Field::Updated, "123")]));
    spot.replace(&found, &change(&[(Field::Updated, Some("9"))]))
        .await
        .unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "\t9\r\n");
    let found = spot.read().await.unwrap();
    spot.replace(&found, &change(&[(Field::Updated, None)]))
        .await
        .unwrap();
    assert!(!path.exists());
    let gone = spot.read().await.unwrap();
    assert_eq!(gone.fields, Fields::new());
    let other = spot
        .replace(&gone, &change(&[(Field::Updated, Some("8"))]))
        .await;
    assert!(
        matches!(other, Err(SpotError::Unwritable { .. })),
        "{other:?}"
    );
    spot.replace(&gone, &change(&[(Field::Updated, Some("9"))]))
        .await
        .unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "\t9\r\n");
}

#[tokio::test]
async fn a_cookie_that_is_no_text_is_known_by_its_digest() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("cookie");
    fs::write(&path, [0xff, 0x00]).unwrap();
    let spot = spot(&path, FileForm::Raw(Field::Cookie));
    let Found { fields, .. } = spot.read().await.unwrap();
    assert!(fields.get(&Field::Cookie).unwrap().starts_with("sha256:"));
}

#[tokio::test]
async fn a_byte_order_mark_stays_where_it_is() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("state");
    let usn = keys(&[(Field::Updated, "/usn")]);
    let toml = keys(&[(Field::Updated, "usn")]);
    for (form, old, new) in [
        (FileForm::Json(usn), "{\"usn\": 7}", "{\"usn\": 8}"),
        (FileForm::Toml(toml), "usn = 7\n", "usn = 8\n"),
        (FileForm::Raw(Field::Updated), "7\n", "8\n"),
    ] {
        fs::write(&path, format!("\u{feff}{old}")).unwrap();
        let spot = spot(&path, form);
        let found = spot.read().await.unwrap();
        assert_eq!(found.fields, fields(&[(Field::Updated, "7")]));
        let new_usn = change(&[(Field::Updated, Some("8"))]);
        spot.replace(&found, &new_usn).await.unwrap();
        let written = fs::read_to_string(&path).unwrap();
        assert_eq!(written, format!("\u{feff}{new}"));
    }
}

#[tokio::test]
async fn what_is_wrong_names_the_file_and_the_cure() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("state.json");
    let of = |form| spot(&path, form);
    let json = FileForm::Json(keys(&[(Field::Updated, "/usn")]));
    let told = of(json.clone()).read().await.unwrap_err().to_string();
    assert!(
        told.contains("state.json does not exist") && told.contains("write it once"),
        "{told}"
    );
    fs::write(&path, [b'{', 0xff]).unwrap();
    let told = of(json.clone()).read().await.unwrap_err().to_string();
    assert!(told.contains("not UTF-8 at byte 1"), "{told}");
    fs::write(&path, b"{\0}\0").unwrap();
    let told = of(json.clone()).read().await.unwrap_err().to_string();
    assert!(told.contains("UTF-16; it must be UTF-8"), "{told}");
    fs::write(&path, "{\"usn\": {}}").unwrap();
    let told = of(json).read().await.unwrap_err().to_string();
    assert!(
        told.contains("`/usn` (updated) is {}; it must be a number or a text"),
        "{told}"
    );
}

/// A JSON text with a few members in a random order and spelling, and the pointer to one.
fn any_json() -> impl Strategy<Value = (String, String)> {
    let member = (
        "[a-z~/\"\\\\]{1,4}",
        "(0|[1-9][0-9]{0,9}|\"[a-z]{0,3}\"|null|\\[\\]|\\{\\})",
    );
    (
        proptest::collection::btree_map(member.0, member.1, 1..5),
        "[ \n]{0,2}",
        any::<prop::sample::Index>(),
    )
        .prop_map(|(members, blank, index)| {
            let texts: Vec<String> = members
                .iter()
                .map(|(name, value)| {
                    format!(
                        "{}{blank}:{value}{blank}",
                        serde_json::Value::from(name.as_str())
                    )
                })
                .collect();
            let name = members.keys().nth(index.index(members.len())).unwrap();
            let pointer = name.replace('~', "~0").replace('/', "~1");
            (
                format!("{{{blank}\"o\\\"\":{{{}}}}}", texts.join(",")),
                format!("/o\"/{pointer}"),
            )
        })
}

#[test]
fn a_key_that_ends_in_an_escaped_blank_gets_a_separator() {
    for (text, key) in [("\\ ", " "), ("a\\:", "a:"), ("a\\=\n", "a=")] {
        let keys = keys(&[(Field::Host, key)]);
        let edited = properties::edit(text, &keys, &change(&[(Field::Host, Some("x"))])).unwrap();
        let read = properties::read(&edited, &keys).unwrap();
        assert_eq!(
            read.get(&Field::Host).map(String::as_str),
            Some("x"),
            "{edited:?}"
        );
    }
}

proptest! {
    #[test]
    fn a_json_edit_changes_its_member_alone((text, pointer) in any_json(), value in proptest::option::of("[0-9a-z\"\\\\]{0,6}")) {
        let before: serde_json::Value = serde_json::from_str(&text).unwrap();
        let keys = keys(&[(Field::Cookie, &pointer)]);
        let new = Change::from([(Field::Cookie, value.clone())]);
        let edited = json::edit(&text, &keys, &new).unwrap();
        let mut after: serde_json::Value = serde_json::from_str(&edited).unwrap();
        let read = json::read(&edited, &keys).unwrap();
        prop_assert_eq!(read.get(&Field::Cookie).cloned(), value);
        // With that member as it was, all is as it was.
        let (parent, name) = (&pointer[..3], pointer[4..].replace("~1", "/").replace("~0", "~"));
        let old = before.pointer(&pointer).unwrap().clone();
        after.pointer_mut(parent).unwrap().as_object_mut().unwrap().insert(name, old);
        prop_assert_eq!(after, before);
    }

    #[test]
    fn any_property_reads_back(key in "[a-z.: =#!]{1,8}", value in "\\PC{0,12}", lines in proptest::collection::vec("[a-z#! =:\\\\]{0,12}", 0..5)) {
        let text = lines.join("\n");
        let keys = keys(&[(Field::Host, &key)]);
        let Ok(_) = properties::read(&text, &keys) else { return Ok(()) };
        let new = Change::from([(Field::Host, Some(value.clone()))]);
        let edited = properties::edit(&text, &keys, &new).unwrap();
        let read = properties::read(&edited, &keys).unwrap();
        prop_assert_eq!(read.get(&Field::Host), Some(&value), "{:?}", edited);
    }

    #[test]
    fn no_text_makes_a_reader_panic(text in "\\PC*", key in "[/a.0]{0,4}") {
        let keys = keys(&[(Field::Host, &key)]);
        let new = change(&[(Field::Host, Some("x"))]);
        drop((json::read(&text, &keys), json::edit(&text, &keys, &new)));
        drop((toml::read(&text, &keys), toml::edit(&text, &keys, &new)));
        drop((properties::read(&text, &keys), properties::edit(&text, &keys, &new)));
    }
}
