//! Secrets are found where the file says, refused where others can read them, and never shown.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;

use secrecy::ExposeSecret as _;

use super::*;

fn write(folder: &Path, name: &str, content: &[u8], mode: u32) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, content).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
    path
}

/// Loads the base with this password, secrets read, from `folder` with this environment.
fn load_with(
    folder: &Path,
    password: &str,
    env: &[(&str, &Path)],
) -> Result<Settings, ConfigError> {
    let text = spoiled("{ env = \"HW_PASS\" }", password);
    let env: BTreeMap<&str, OsString> = env
        .iter()
        .map(|(name, value)| (*name, value.as_os_str().to_owned()))
        .collect();
    parse(&folder.join("hw.toml"), &text, Secrets::Resolve, &|name| {
        env.get(name).cloned()
    })
}

fn password(result: Result<Settings, ConfigError>) -> String {
    let settings = result.unwrap_or_else(|error| panic!("{error}"));
    match only_dc(&settings, "dc1").credentials {
        Credentials::Simple { password, .. } => password.expose_secret().to_owned(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn each_source_is_read_and_loses_one_newline() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    for (content, expected) in [
        ("s3c", "s3c"),
        ("s3c\n", "s3c"),
        ("s3c\r\n", "s3c"),
        (" s \n\n", " s \n"),
    ] {
        write(at, "p", content.as_bytes(), 0o600);
        assert_eq!(password(load_with(at, "{ file = \"p\" }", &[])), expected);
    }
    let value = Path::new("from env");
    assert_eq!(
        password(load_with(at, "{ env = \"X\" }", &[("X", value)])),
        "from env"
    );
    write(at, "cred", b"of systemd\n", 0o440);
    let folder = [("CREDENTIALS_DIRECTORY", at)];
    assert_eq!(
        password(load_with(at, "{ credential = \"cred\" }", &folder)),
        "of systemd"
    );
}

#[test]
fn what_cannot_be_a_secret_is_refused_with_its_cure() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    write(at, "empty", b"\n", 0o600);
    write(at, "group", b"hunter2", 0o640);
    write(at, "others", b"hunter2", 0o604);
    write(at, "binary", b"\xff\xfe", 0o600);
    write(at, "long", &vec![b'x'; 70_000], 0o600);
    std::fs::create_dir(at.join("folder")).unwrap();
    std::fs::set_permissions(at.join("folder"), std::fs::Permissions::from_mode(0o700)).unwrap();
    let environment = [("CREDENTIALS_DIRECTORY", at)];
    for (password, what, cure) in [
        (
            "{ file = \"empty\" }",
            "is an empty secret",
            "anonymous bind",
        ),
        ("{ file = \"group\" }", "(mode 0640)", "chmod 600"),
        ("{ file = \"others\" }", "(mode 0604)", "chmod 600"),
        ("{ file = \"binary\" }", "cannot be read as text", "binary"),
        ("{ file = \"long\" }", "more than 64 KiB", "secret alone"),
        ("{ file = \"folder\" }", "is no regular file", "check"),
        ("{ file = \"none\" }", "cannot be read", "No such file"),
        ("{ env = \"GONE\" }", "that is not set", "set GONE"),
        (
            "{ credential = \"../empty\" }",
            "is no name",
            "LoadCredential=NAME",
        ),
        ("{ credential = \"others\" }", "(mode 0604)", "chmod 600"),
    ] {
        let invalid = invalid(load_with(at, password, &environment));
        let [problem] = invalid.problems.as_slice() else {
            panic!("{invalid}");
        };
        assert_eq!((problem.line, problem.column), (10, 12), "{invalid}");
        assert!(problem.message.contains(what), "{invalid}");
        assert!(problem.cure.contains(cure), "{invalid}");
        assert!(!format!("{invalid}{invalid:?}").contains("hunter2"));
    }
    let error = invalid(load_with(at, "{ credential = \"x\" }", &[]));
    assert!(
        error
            .to_string()
            .contains("$CREDENTIALS_DIRECTORY is not set"),
        "{error}"
    );
}

#[test]
fn skipped_secrets_cannot_bind() {
    let settings = load_text(BASE).unwrap();
    match only_dc(&settings, "dc1").credentials {
        Credentials::NotRead { user, source } => {
            assert_eq!(user, "svc@example.com");
            assert_eq!(source, SecretSource::Env("HW_PASS".to_owned()));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn settings_do_not_show_a_password() {
    let settings = load_with(
        Path::new("/"),
        "{ env = \"X\" }",
        &[("X", Path::new("hunter2"))],
    );
    assert!(!format!("{:?}", settings.unwrap()).contains("hunter2"));
}

#[test]
fn a_literal_secret_is_refused_and_never_shown() {
    let method = "method = \"simple\"";
    let password = "password = { env = \"HW_PASS\" }";
    let cases = [
        spoiled(password, "password = \"hunter2\""),
        spoiled(password, "password = \"\"\"\nhunter2\n\"\"\""),
        spoiled(password, "password = { value = \"hunter2\" }"),
        spoiled(password, "password = { file = 1, value = \"hunter2\" }"),
        spoiled(password, "passwd = \"hunter2\""),
        spoiled(password, "password.plain = \"hunter2\""),
        spoiled(password, "password = [\"hunter2\"]"),
        spoiled(password, "bindpw = \"hunter2\""),
        spoiled(password, "password = \"hunter2"),
        spoiled(password, "password = hunter2"),
        spoiled(password, "password = \"\"\"\nhunter2\n"),
        spoiled(password, "password = 'hunter2' x"),
        spoiled(password, "password : hunter2"),
        format!("{BASE}[credentials]\nother = \"hunter2\"\n"),
        spoiled(
            "[credentials.reader]",
            "[[credentials.other]]\npassword = \"hunter2\"\n[credentials.reader]",
        ),
        spoiled(
            &format!("[credentials.reader]\n{method}\nuser = \"svc@example.com\"\n{password}"),
            "[credentials]\nreader = { method = \"sample\", user = \"u\", password = \"hunter2\" }",
        ),
        format!("secret_token = \"hunter2\"\n{BASE}"),
    ];
    for text in cases {
        let invalid = invalid(load_text(&text));
        let everything = format!(
            "{invalid}\n{invalid:?}\n{}\n{}",
            invalid.render(true),
            serde_json::to_string(&invalid.problems).unwrap()
        );
        assert!(!everything.contains("hunter2"), "{text}\n---\n{everything}");
        assert!(!invalid.problems.is_empty());
    }
}

#[test]
fn keys_and_certificates_are_looked_at_where_secrets_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let made = rcgen::generate_simple_self_signed(vec!["hw".to_owned()]).unwrap();
    write(at, "cert.pem", made.cert.pem().as_bytes(), 0o644);
    write(at, "open.key", b"x", 0o644);
    let text = |certificate: &str, key: &str| {
        spoiled(
            "method = \"simple\"\nuser = \"svc@example.com\"\npassword = { env = \"HW_PASS\" }",
            &format!("method = \"external\"\ncertificate = \"{certificate}\"\nkey = \"{key}\""),
        )
    };
    let load = |text: &str, secrets| parse(&at.join("hw.toml"), text, secrets, &no_env);
    let open = text("cert.pem", "open.key");
    assert!(load(&open, Secrets::Skip).is_ok());
    let refused = invalid(load(&open, Secrets::Resolve));
    assert!(refused.to_string().contains("(mode 0644)"), "{refused}");
    write(at, "own.key", b"x", 0o600);
    assert!(load(&text("cert.pem", "own.key"), Secrets::Resolve).is_ok());
    let missing = invalid(load(&text("gone.pem", "own.key"), Secrets::Resolve));
    assert!(missing.to_string().contains("cannot be read"), "{missing}");
}

#[cfg(not(feature = "gssapi"))]
#[test]
fn kerberos_is_refused_where_the_build_lacks_it() {
    let text = spoiled(
        "method = \"simple\"\nuser = \"svc@example.com\"\npassword = { env = \"HW_PASS\" }",
        "method = \"gssapi\"\nccache = \"KCM:\"",
    );
    let load = |secrets| parse(Path::new("hw.toml"), &text, secrets, &no_env);
    assert!(
        load(Secrets::Skip).is_ok(),
        "commands that do not connect go on"
    );
    let refused = invalid(load(Secrets::Resolve));
    assert!(
        refused.to_string().contains("--features gssapi"),
        "{refused}"
    );
}
