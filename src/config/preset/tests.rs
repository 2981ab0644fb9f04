#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use toml::{Table, toml};

use super::{expand, names};

fn done(name: &str, given: &Table) -> Table {
    let expanded = expand(name, given).unwrap();
    assert_eq!(expanded.mistakes, []);
    expanded.table
}

#[test]
fn parameters_become_addresses() {
    let table = done(
        "openidm",
        &toml! {
            preset = "openidm"
            source = "system/AD lab/account"
            schedule = "live?sync"
            http = { base = "https://idm.example.com/openidm/" }
        },
    );
    let cursor = &table["cursor"];
    let stage = "repo/synchronisation/pooledSyncStage/SYSTEMAD%20LABACCOUNT";
    assert_eq!(cursor["http"].as_str(), Some(stage));
    let host = table["host"]["http"].as_str().unwrap();
    assert_eq!(host, "config/provisioner.openicf/AD%20lab");
    let steps = table["stop"]["http"].as_array().unwrap();
    assert_eq!(
        steps[0]["post"].as_str(),
        Some("scheduler/job/live%3Fsync?_action=pause")
    );
    let at = steps[1]["until"]["at"].as_str().unwrap();
    assert_eq!(at, "/[invokeContext.source=system~1AD lab~1account]");
    assert!(at.parse::<crate::config::JsonPath>().is_ok());
    assert_eq!(table["kind"].as_str(), Some("outside"));
    for gone in ["preset", "source", "schedule"] {
        assert!(!table.contains_key(gone), "{gone}");
    }
    assert!(table.contains_key("http"));
}

#[test]
fn what_stands_beside_the_parameters_wins() {
    let given = toml! {
        preset = "script"
        cursor_file = "/c"
        first_host = "dc1"
        position = "before_search"
        stop = ["true"]
        nonsense = 1
    };
    let table = done("script", &given);
    assert_eq!(table["position"].as_str(), Some("before_search"));
    assert_eq!(table["nonsense"].as_integer(), Some(1));
    assert!(table.contains_key("stop"));
}

#[test]
fn what_is_missing_is_told_all_at_once() {
    for name in names() {
        let empty = toml! { preset = name };
        let mistakes = expand(name, &empty).unwrap().mistakes;
        assert!(!mistakes.is_empty());
        for mistake in mistakes {
            assert_eq!(mistake.what, "is missing");
            assert!(mistake.cure.starts_with(&format!("add {} = ", mistake.key)));
        }
    }
    let wrong = toml! {
        preset = "script"
        cursor_file = 7
        first_host = ""
    };
    let mistakes = expand("script", &wrong).unwrap().mistakes;
    let keys: Vec<&str> = mistakes.iter().map(|mistake| mistake.key).collect();
    assert_eq!(keys, ["cursor_file", "first_host"]);
    assert!(expand("nobody", &Table::new()).is_none());
}
