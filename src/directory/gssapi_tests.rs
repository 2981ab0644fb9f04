#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use super::*;

/// A keytab as MIT Kerberos writes it: a hole, then one key each for the principals.
fn keytab(principals: &[(&[&str], &str)]) -> Vec<u8> {
    let mut file = vec![5, 2];
    file.extend((-3_i32).to_be_bytes());
    file.extend([0; 3]);
    for (components, realm) in principals {
        let mut entry = u16::try_from(components.len())
            .unwrap()
            .to_be_bytes()
            .to_vec();
        for text in [realm].into_iter().chain(components.iter()) {
            entry.extend(u16::try_from(text.len()).unwrap().to_be_bytes());
            entry.extend(text.as_bytes());
        }
        entry.extend([0; 20]);
        file.extend(i32::try_from(entry.len()).unwrap().to_be_bytes());
        file.extend(entry);
    }
    file
}

#[test]
fn the_first_principal_counts() {
    let file = keytab(&[
        (&["svc", "host.lab.test"], "LAB.TEST"),
        (&["other"], "LAB.TEST"),
    ]);
    assert_eq!(
        first_principal(&file).unwrap(),
        "svc/host.lab.test@LAB.TEST"
    );
    for cut in 0..40 {
        assert!(first_principal(&file[..cut]).is_err(), "{cut}");
    }
    assert!(first_principal(&[5, 1, 0, 0]).is_err());
    assert!(first_principal(&[5, 2, 0x7f, 0xff, 0xff, 0xff]).is_err());
    assert!(first_principal(&[5, 2, 0x80, 0, 0, 0]).is_err());
}

#[test]
fn the_environment_names_both_files() {
    let path = |text: &'static str| Some(Path::new(text));
    assert!(kerberos_environment(None, None).is_empty());
    let keytab = kerberos_environment(path("/k"), None);
    assert_eq!(keytab[KEYTAB], "FILE:/k");
    assert_eq!(keytab[CACHE], "MEMORY:highwater");
    let both = kerberos_environment(path("/k"), path("/c"));
    assert_eq!(both[CACHE], "FILE:/c");
}

#[test]
fn an_environment_that_says_otherwise_is_refused() {
    let missing = Path::new("/no/such/cache-of-highwater");
    let error = check("dc1:636", None, None, Some(missing)).unwrap_err();
    let told = error.to_string();
    if cfg!(feature = "gssapi") {
        assert!(
            told.contains("KRB5CCNAME=FILE:/no/such/cache-of-highwater"),
            "{told}"
        );
    } else {
        assert!(told.contains("--features gssapi"), "{told}");
    }
}
