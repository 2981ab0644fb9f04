#![expect(clippy::unwrap_used, reason = "tests")]

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::FileSpot;
use crate::config::{FileForm, FileSettings};
use crate::consumer::outside::spot::{Change, Field, SpotError};

fn spot(path: &Path, form: FileForm) -> FileSpot {
    FileSpot::new(&FileSettings {
        path: path.to_owned(),
        form,
    })
}

fn cookie(text: Option<&str>) -> Change {
    [(Field::Cookie, text.map(str::to_owned))].into()
}

fn json() -> FileForm {
    FileForm::Json([(Field::Cookie, "/c".to_owned())].into())
}

fn kept(path: &Path) -> PathBuf {
    PathBuf::from(format!("{}.highwater-old", path.display()))
}

const RAW: FileForm = FileForm::Raw(Field::Cookie);

/// What files hold, and to what they are reset.
fn cases() -> Vec<(FileForm, &'static [u8], Option<&'static str>)> {
    let properties = FileForm::Properties {
        keys: [(Field::Cookie, "c".to_owned())].into(),
        also: [("phase".to_owned(), "new".to_owned())].into(),
    };
    let toml = FileForm::Toml([(Field::Cookie, "c".to_owned())].into());
    vec![
        (RAW, b"\tabc\r\n", None),
        (RAW, b"\xff\xfe\x01\x02", None),
        (RAW, b"\xff\xfe\x01\x02", Some("0")),
        (RAW, b" abc\n", Some("0")),
        (json(), b"{\"c\": {\"a\": [1]} , \"z\": 1.0}", None),
        (json(), b"{\"c\": {\"a\": [1]}}", Some("0")),
        (json(), b"{\"c\":\"12345\", \"z\": 1}", None),
        (json(), b"{\"z\": 1,\n \"c\" : 12345 }", None),
        (json(), b"{\"c\": 1.5e3}", Some("0")),
        (json(), b"{\"c\": 12345}", Some("none")),
        (json(), b"{\"c\": true}", Some("0")),
        (properties.clone(), b"c : a\\:b\nphase=old\n", None),
        (properties, b"c : a\\:b\nphase=old\n", Some("0")),
        (toml, b"c = 'x' # one\n", Some("0")),
    ]
}

#[tokio::test]
async fn what_is_reset_comes_back_to_the_byte_behind_its_link_too() {
    for is_link in [false, true] {
        for (form, old, reset) in cases() {
            let dir = TempDir::new().unwrap();
            let (link, real) = (dir.path().join("link"), dir.path().join("in/real"));
            fs::create_dir(dir.path().join("in")).unwrap();
            symlink("in/real", &link).unwrap();
            fs::write(&real, old).unwrap();
            fs::set_permissions(&real, fs::Permissions::from_mode(0o604)).unwrap();
            let spot = spot(if is_link { &link } else { &real }, form.clone());
            let found = spot.read().await.unwrap();
            let text = found.fields.get(&Field::Cookie).unwrap();
            // Twice: what the first one left behind does not stand in the way of the second.
            for _ in 0..2 {
                let found = spot.read().await.unwrap();
                spot.replace(&found, &cookie(reset)).await.unwrap();
                let now = spot.read().await.unwrap();
                let reads = now.fields.get(&Field::Cookie).map(String::as_str);
                assert_eq!(reads, reset, "{form:?}");
                let new = fs::read(&real).unwrap_or_default();
                let is_digest = String::from_utf8_lossy(&new).contains("sha256");
                assert!(!is_digest, "{form:?}");
                spot.replace(&now, &cookie(Some(text))).await.unwrap();
                assert_eq!(fs::read(&real).unwrap(), old, "{form:?} {reset:?}");
                assert_eq!(spot.read().await.unwrap(), found);
            }
            let mode = fs::metadata(&real).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o604);
            assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        }
    }
}

#[tokio::test]
async fn what_others_wrote_beside_it_since_the_reset_stays() {
    for (old, reset) in [
        ("{\"c\": {\"a\": [1]}, \"z\": 1}", None),
        ("{\"c\": \"123\", \"z\": 1}", None),
        ("{\"c\": 123, \"z\": 1}", Some("none")),
    ] {
        let dir = TempDir::new().unwrap();
        let path = dir.path().join("state.json");
        fs::write(&path, old).unwrap();
        let spot = spot(&path, json());
        let found = spot.read().await.unwrap();
        let text = found.fields.get(&Field::Cookie).unwrap();
        spot.replace(&found, &cookie(reset)).await.unwrap();
        let new = fs::read_to_string(&path).unwrap();
        fs::write(&path, new.replace("\"z\": 1", "\"z\": 2")).unwrap();
        let now = spot.read().await.unwrap();
        spot.replace(&now, &cookie(Some(text))).await.unwrap();
        let value = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
        let back = value(&fs::read_to_string(&path).unwrap());
        assert_eq!(back, value(&old.replace("\"z\": 1", "\"z\": 2")));
    }
}

#[tokio::test]
async fn without_what_was_set_aside_nothing_is_made_up() {
    let cases = cases().into_iter().take(7);
    for (form, old, reset) in
        cases.filter(|(_, old, reset)| reset.is_none() || old.first() == Some(&0xff))
    {
        let dir = TempDir::new().unwrap();
        let path = dir.path().join("state");
        fs::write(&path, old).unwrap();
        let spot = spot(&path, form.clone());
        let found = spot.read().await.unwrap();
        spot.replace(&found, &cookie(reset)).await.unwrap();
        assert_eq!(fs::read(kept(&path)).unwrap(), old);
        fs::write(kept(&path), "{}").unwrap();
        let (now, stands) = (spot.read().await.unwrap(), fs::read(&path).ok());
        let text = found.fields.get(&Field::Cookie).unwrap();
        let back = spot.replace(&now, &cookie(Some(text))).await.unwrap_err();
        let told = back.to_string();
        assert!(
            told.contains("highwater-old any more") && told.contains("backup"),
            "{form:?}: {told}"
        );
        assert_eq!(fs::read(&path).ok(), stands, "{form:?}");
    }
}

#[tokio::test]
async fn a_reset_that_was_cut_anywhere_leaves_the_old_or_the_new_one_whole() {
    for (form, old, reset) in cases() {
        let dir = TempDir::new().unwrap();
        let path = dir.path().join("state");
        let spot = spot(&path, form.clone());
        fs::write(&path, old).unwrap();
        let found = spot.read().await.unwrap();
        spot.replace(&found, &cookie(reset)).await.unwrap();
        let (new, has_kept) = (fs::read(&path).ok(), kept(&path).exists());
        // The states in between, in their order: part of what is set aside, all of it, part of the new one, the new one.
        let part = |name: &str| dir.path().join(name);
        let half = old.get(..old.len() / 2).unwrap();
        for step in 0..4 {
            fs::write(&path, old).unwrap();
            drop(fs::remove_file(kept(&path)));
            match step {
                0 => fs::write(part(".state.highwater-old.highwater-new"), half).unwrap(),
                1 if has_kept && new.is_some() => fs::write(kept(&path), old).unwrap(),
                2 => {
                    if has_kept && new.is_some() {
                        fs::write(kept(&path), old).unwrap();
                    }
                    fs::write(part(".state.highwater-new"), half).unwrap();
                }
                3 => {
                    if has_kept {
                        fs::write(kept(&path), old).unwrap();
                    }
                    match &new {
                        Some(new) => fs::write(&path, new).unwrap(),
                        None => fs::remove_file(&path).unwrap(),
                    }
                }
                _ => {}
            }
            let now = spot.read().await.unwrap();
            if step < 3 {
                assert_eq!(now, found, "{form:?} step {step}");
                spot.replace(&now, &cookie(reset)).await.unwrap();
                assert_eq!(fs::read(&path).ok(), new, "{form:?} step {step}");
            }
            let now = spot.read().await.unwrap();
            let text = found.fields.get(&Field::Cookie).map(String::as_str);
            spot.replace(&now, &cookie(text)).await.unwrap();
            assert_eq!(fs::read(&path).unwrap(), old, "{form:?} step {step}");
        }
    }
}

#[tokio::test]
async fn a_link_to_nowhere_is_named() {
    let dir = TempDir::new().unwrap();
    let link = dir.path().join("cookie");
    symlink("nowhere", &link).unwrap();
    let told = spot(&link, RAW).read().await.unwrap_err();
    assert!(matches!(told, SpotError::Unreadable { .. }), "{told}");
    let told = told.to_string();
    assert!(
        told.contains("a link to") && told.contains("nowhere, which does not exist"),
        "{told}"
    );
    // A file that is simply not there yet is an empty field.
    let none = spot(&dir.path().join("none"), RAW).read().await.unwrap();
    assert!(none.fields.is_empty());
    symlink("circle", dir.path().join("circle")).unwrap();
    let told = spot(&dir.path().join("circle"), RAW).read().await;
    assert!(told.is_err(), "{told:?}");
}
