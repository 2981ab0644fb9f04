//! What loads, what it means, what is shown and what never is.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod certificates;
mod feed;
mod mistakes;
mod outside;
mod process;
mod products;
#[cfg(unix)]
mod secrets;
mod warnings;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::*;
use crate::model::{DcName, HostAttribute, Preference, ResourceName, StartMethod};

/// The smallest file there is, which the tests add to and spoil.
const BASE: &str = r#"[store]
path = "hw.db"
[collector]
period = "60s"
[connection]
credentials = "reader"
[credentials.reader]
method = "simple"
user = "svc@example.com"
password = { env = "HW_PASS" }
[dc.dc1]
host = "dc1.example.com"
[dc.dc2]
host = "dc2.example.com"
[resource.hr]
base_contexts = ["OU=People,DC=example,DC=com"]
backup_dcs = ["dc2"]
[resource.hr.consumer]
kind = "store"
position = "before_search"
"#;

fn no_env(_: &str) -> Option<OsString> {
    None
}

fn load_text(text: &str) -> Result<Settings, ConfigError> {
    parse(Path::new("/etc/hw/hw.toml"), text, Secrets::Skip, &no_env)
}

fn invalid(result: Result<Settings, ConfigError>) -> Invalid {
    match result {
        Err(ConfigError::Invalid(invalid)) => invalid,
        other => panic!("expected problems, got {other:?}"),
    }
}

fn name(text: &str) -> DcName {
    text.parse().unwrap()
}

fn resource(settings: &Settings) -> &ResourceSettings {
    let hr: ResourceName = "hr".parse().unwrap();
    settings.resources.get(&hr).unwrap()
}

fn only_dc(settings: &Settings, dc: &str) -> DcSettings {
    settings.dcs.get(&name(dc)).unwrap().clone()
}

/// The base with one part of it replaced, which must be there once.
fn spoiled(from: &str, to: &str) -> String {
    assert_eq!(BASE.matches(from).count(), 1, "`{from}` in the base");
    BASE.replace(from, to)
}

#[test]
fn the_example_loads() {
    let settings = load_text(EXAMPLE).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(settings.store, Path::new("/var/lib/highwater/highwater.db"));
    assert_eq!(settings.dcs.len(), 3);
    assert_eq!(resource(&settings).backup_dcs.len(), 3);
}

#[test]
fn what_the_example_comments_out_is_known_and_the_default() {
    let plain = load_text(EXAMPLE).unwrap_or_else(|error| panic!("{error}"));
    let is_key = |line: &&str| {
        line.strip_prefix("# ")
            .and_then(|rest| rest.split_once(" = "))
            .is_some_and(|(key, _)| key.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'))
    };
    assert!(EXAMPLE.lines().filter(is_key).count() >= 18);
    let full: Vec<&str> = EXAMPLE
        .lines()
        .map(|line| {
            if is_key(&line) {
                line.trim_start_matches("# ")
            } else {
                line
            }
        })
        .collect();
    let full = load_text(&full.join("\n")).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(
        format!("{:?}", plain.collector),
        format!("{:?}", full.collector)
    );
    let (a, b) = (only_dc(&plain, "dc1"), only_dc(&full, "dc1"));
    assert_eq!(a.timeouts, b.timeouts);
    assert_eq!(
        (a.port, a.global_catalog_port),
        (b.port, b.global_catalog_port)
    );
    assert_eq!(b.address.as_deref(), Some("192.0.2.11"));
    let (a, b) = (resource(&plain), resource(&full));
    assert_eq!((a.replication_time, a.start), (b.replication_time, b.start));
    assert_eq!(a.consumer.command_timeout, b.consumer.command_timeout);
}

#[test]
fn defaults_are_those_that_are_documented() {
    let settings = load_text(BASE).unwrap();
    assert_eq!(settings.store, Path::new("/etc/hw/hw.db"));
    assert_eq!(settings.collector.period, Duration::from_mins(1));
    assert_eq!(settings.collector.days_to_keep_usns, 7);
    let dc = only_dc(&settings, "dc1");
    assert_eq!((dc.port, dc.global_catalog_port), (636, 3269));
    assert_eq!(dc.security, Security::Ldaps);
    assert_eq!(dc.trust, TlsTrust::System);
    let hr = resource(&settings);
    assert_eq!(hr.host_attribute, HostAttribute::LdapHost);
    assert_eq!(hr.start, StartMethod::Best);
    assert!((f64::from(hr.replication_time) - 3.0).abs() < f64::EPSILON);
    assert_eq!(hr.backup_dcs.get(&name("dc2")), Some(&Preference::Neutral));
    assert!(matches!(hr.consumer.kind, ConsumerKind::Store));
}

#[test]
fn the_original_names_are_understood() {
    let text = spoiled("period = \"60s\"", "period = \"60s\"\ndaysToKeepUSNS = 30")
        .replace("base_contexts", "baseContexts")
        .replace(
            "backup_dcs = [\"dc2\"]",
            "backupDCs = [\"dc2\"]\nreplicationTime = 0.5",
        );
    let settings = load_text(&text).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(settings.collector.days_to_keep_usns, 30);
    assert_eq!(resource(&settings).replication_time.as_millis(), 1_800_000);
}

#[test]
fn a_dc_takes_what_it_does_not_say_from_connection() {
    let text = spoiled(
        "[connection]",
        "[connection]\nsecurity = \"starttls\"\nca_file = \"ca.pem\"\nconnect_timeout = \"2s\"",
    )
    .replace(
        "host = \"dc2.example.com\"",
        "host = \"dc2.example.com\"\nsecurity = \"ldaps\"\nconnect_timeout = \"9s\"\nport = 10636",
    );
    let settings = load_text(&text).unwrap();
    let (one, two) = (only_dc(&settings, "dc1"), only_dc(&settings, "dc2"));
    assert_eq!((one.port, one.global_catalog_port), (389, 3268));
    assert_eq!(one.security, Security::StartTls);
    assert_eq!(one.timeouts.connect, Duration::from_secs(2));
    assert_eq!((two.port, two.global_catalog_port), (10_636, 3269));
    assert_eq!(two.timeouts.connect, Duration::from_secs(9));
    assert_eq!(two.trust, TlsTrust::File(PathBuf::from("/etc/hw/ca.pem")));
}

#[test]
fn clear_is_allowed_in_full_words_only() {
    let words = "[connection]\nsecurity = \"clear, passwords readable on the network\"";
    let settings = load_text(&spoiled("[connection]", words)).unwrap();
    let dc = only_dc(&settings, "dc1");
    assert_eq!((dc.security, dc.port), (Security::Clear, 389));
}

#[test]
fn preferences_and_the_global_catalog_are_read() {
    let text = spoiled(
        "backup_dcs = [\"dc2\"]",
        "search_subdomains = true\nhas_global_catalog = true\nbackup_dcs = [\"dc2\"]\nprefer = [\"dc2\"]\nmust_not = [\"dc1\"]\nprefer_not = []",
    );
    let settings = load_text(&text).unwrap();
    let hr = resource(&settings);
    assert_eq!(hr.host_attribute, HostAttribute::GlobalCatalog);
    assert_eq!(hr.backup_dcs.get(&name("dc2")), Some(&Preference::Prefer));
    assert_eq!(hr.backup_dcs.get(&name("dc1")), Some(&Preference::MustNot));
}

#[test]
fn a_global_catalog_without_subdomains_moves_the_ldap_host() {
    let text = spoiled("backup_dcs", "has_global_catalog = true\nbackup_dcs");
    let settings = load_text(&text).unwrap();
    assert_eq!(resource(&settings).host_attribute, HostAttribute::LdapHost);
}

#[test]
fn all_problems_come_at_once_the_unknown_first_and_then_in_the_order_of_the_file() {
    let text = spoiled("\"60s\"", "\"0s\"")
        .replace("dc2.example.com", "ldaps://dc2")
        .replace("kind = \"store\"", "kind = \"shop\"");
    let lines: Vec<usize> = invalid(load_text(&text))
        .problems
        .iter()
        .map(|p| p.line)
        .collect();
    assert_eq!(lines, [19, 4, 14]);
}

#[test]
fn files_that_cannot_be_read_say_so() {
    let folder = tempfile::tempdir().unwrap();
    let missing = load(&folder.path().join("none.toml"), Secrets::Skip).unwrap_err();
    assert!(
        missing
            .to_string()
            .contains("cannot read the configuration"),
        "{missing}"
    );
    let binary = folder.path().join("binary.toml");
    std::fs::write(&binary, b"ab\xff").unwrap();
    let error = load(&binary, Secrets::Skip).unwrap_err();
    assert!(error.to_string().contains("not UTF-8 at byte 2"), "{error}");
    assert_eq!(find(Some(&binary)).unwrap(), binary);
    let units = BASE.encode_utf16().flat_map(u16::to_le_bytes);
    let wide: Vec<u8> = [0xff, 0xfe].into_iter().chain(units).collect();
    for text in [wide, [b"\xef\xbb\xbf", BASE.as_bytes()].concat()] {
        std::fs::write(&binary, text).unwrap();
        let read = load(&binary, Secrets::Skip);
        assert!(read.is_ok(), "{read:?}");
    }
}

#[test]
fn a_file_cut_anywhere_is_judged_without_a_panic() {
    let cuts = (0..EXAMPLE.len()).step_by(11);
    for cut in cuts.filter(|cut| EXAMPLE.is_char_boundary(*cut)) {
        let text = EXAMPLE.get(..cut).unwrap();
        for text in [text.to_owned(), format!("{text}\u{e4}\"")] {
            if let Err(error) = load_text(&text) {
                assert!(
                    error.to_string().contains("--> /etc/hw/hw.toml:"),
                    "{error}"
                );
            }
        }
    }
}

#[test]
fn names_of_dcs_are_compared_without_case_and_kept_as_configured() {
    let text = spoiled("[dc.dc2]", "[dc.DC2]").replace(
        "backup_dcs = [\"dc2\"]",
        "backup_dcs = [\"dc2\", \"Dc1\"]\nprefer = [\"DC1\"]",
    );
    let settings = load_text(&text).unwrap_or_else(|error| panic!("{error}"));
    let backups: Vec<String> = resource(&settings)
        .backup_dcs
        .iter()
        .map(|(dc, wish)| format!("{dc} {wish:?}"))
        .collect();
    assert_eq!(backups, ["DC2 Neutral", "dc1 Prefer"]);
    assert_eq!(
        settings.dc_named(&name("dC2")).unwrap().name.as_str(),
        "DC2"
    );
    assert!(settings.dc_named(&name("dc3")).is_none());
    let twice = spoiled("[dc.dc2]", "[dc.DC1]");
    let shown = invalid(load_text(&twice)).to_string();
    assert!(
        shown.contains("`dc.DC1` has the name of `dc.dc1`")
            || shown.contains("`dc.dc1` has the name of `dc.DC1`"),
        "{shown}"
    );
    let again = spoiled("backup_dcs = [\"dc2\"]", "backup_dcs = [\"dc2\", \"DC2\"]");
    let shown = invalid(load_text(&again)).to_string();
    assert!(shown.contains("is named twice"), "{shown}");
}
