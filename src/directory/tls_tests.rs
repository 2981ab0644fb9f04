//! Connections share a configuration exactly as long as their files say the same.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::path::PathBuf;

use tempfile::TempDir;

use super::*;

/// A file with a new certificate in it.
fn authority(folder: &TempDir) -> PathBuf {
    let made = rcgen::generate_simple_self_signed(["ca.test".to_owned()]).unwrap();
    let file = folder.path().join("ca.pem");
    std::fs::write(&file, made.cert.pem()).unwrap();
    file
}

#[test]
fn a_configuration_is_shared_until_a_file_changes() {
    let folder = tempfile::tempdir().unwrap();
    let trust = TlsTrust::File(authority(&folder));
    let config = || client_config(&trust, &Credentials::Anonymous).unwrap();
    let (first, second) = (config(), config());
    assert!(Arc::ptr_eq(&first, &second));
    authority(&folder);
    let renewed = config();
    assert!(
        !Arc::ptr_eq(&first, &renewed),
        "a renewed authority counts at once"
    );
    assert!(Arc::ptr_eq(&renewed, &config()));
    drop((first, second, renewed));
    let others = folder.path().join("gone.pem");
    let missing = client_config(&TlsTrust::File(others), &Credentials::Anonymous);
    assert!(missing.is_err(), "a file that is gone is no shared one");
}

#[test]
fn another_client_certificate_is_another_configuration() {
    let folder = tempfile::tempdir().unwrap();
    let trust = TlsTrust::File(authority(&folder));
    let own = |name: &str| {
        let made = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
        let (certificate, key) = (folder.path().join(name), folder.path().join("key"));
        std::fs::write(&certificate, made.cert.pem()).unwrap();
        std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
        client_config(&trust, &Credentials::External { certificate, key }).unwrap()
    };
    let (one, other) = (own("one"), own("other"));
    assert!(!Arc::ptr_eq(&one, &other));
    let nobody = client_config(&trust, &Credentials::Anonymous).unwrap();
    assert!(!Arc::ptr_eq(&one, &nobody));
}
