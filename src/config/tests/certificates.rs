//! What stands under `ca_file` is looked at before a connection needs it.

use super::*;

/// What is said of a file with this content under `ca_file`, or nothing.
fn told(content: &[u8]) -> Option<(String, String)> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("ca.cer"), content).unwrap();
    let text = spoiled("[connection]", "[connection]\nca_file = \"ca.cer\"")
        .replace("method = \"simple\"", "method = \"anonymous\"")
        .replace("user = \"svc@example.com\"\n", "")
        .replace("password = { env = \"HW_PASS\" }\n", "");
    let path = folder.path().join("hw.toml");
    match parse(&path, &text, Secrets::Resolve, &no_env) {
        Ok(_) => None,
        Err(ConfigError::Invalid(invalid)) => {
            assert_eq!(invalid.problems.len(), 1, "{invalid}");
            let problem = invalid.problems.first().unwrap();
            let at = folder.path().display().to_string();
            Some((problem.message.clone(), problem.cure.replace(&at, "")))
        }
        Err(other) => panic!("{other}"),
    }
}

#[test]
fn a_certificate_that_is_no_pem_is_told_with_what_makes_pem_of_it() {
    let made = rcgen::generate_simple_self_signed(vec!["ca.example.com".to_owned()]).unwrap();
    let pem = made.cert.pem();
    assert_eq!(told(pem.as_bytes()), None);
    assert_eq!(told(format!("bag attributes\r\n{pem}").as_bytes()), None);
    let expected = |what: &str, cure: &str| {
        let message = format!("`connection.ca_file = \"ca.cer\"` {what}");
        Some((message, cure.to_owned()))
    };
    assert_eq!(
        told(made.cert.der()),
        expected(
            "is in DER and not PEM",
            "`openssl x509 -inform der -in /ca.cer -out /ca.pem` makes PEM of it: name that file"
        )
    );
    assert_eq!(
        told(b"-----BEGIN PKCS7-----\nMIIB\n-----END PKCS7-----\n"),
        expected(
            "is a PKCS #7 collection and no PEM certificate",
            "`openssl pkcs7 -print_certs -in /ca.cer -out /ca.pem` makes PEM of it: name that file"
        )
    );
    let utf16: Vec<u8> = "\u{feff}-----BEGIN"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let (message, _) = told(&utf16).unwrap();
    assert!(message.ends_with("is in UTF-16"), "{message}");
    let cut = pem.get(..pem.len() / 2).unwrap();
    let (message, _) = told(cut.as_bytes()).unwrap();
    assert!(message.ends_with("is cut off or changed"), "{message}");
    for nothing in ["", "no certificate"] {
        let (message, _) = told(nothing.as_bytes()).unwrap();
        assert!(message.ends_with("holds no certificate"), "{message}");
    }
}
