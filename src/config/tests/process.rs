//! The failure process: its rules, its limits, and who is told.

use std::time::Duration;

use super::super::shipped::shipped;
use super::*;
use crate::model::{AutoFailover, Outcome};

/// The base with a process, a mail server and a channel.
const TOLD: &str = r#"
[mail]
host = "mail.example.com"
from = "Highwater <hw@example.com>"
[channel.operators]
kind = "mail"
to = ["ops@example.com", "Anna <anna@example.com>"]
[process.ad]
notify = ["operators"]
[[process.ad.rule]]
name = "proxy"
match = 'proxy p\d+ down'
outcome = "outage"
within = "20m"
scope = "global"
samples = ["Proxy P1 DOWN"]
[[process.ad.rule]]
name = "noise"
match = "noise"
outcome = "transient"
"#;

fn told() -> String {
    let base = BASE.replace(
        "backup_dcs = [\"dc2\"]",
        "backup_dcs = [\"dc2\"]\nprocess = \"ad\"\nautoFailover = \"on\"",
    );
    base + TOLD
}

/// What is said of the file with one part of it replaced.
fn said(from: &str, to: &str) -> String {
    let text = told();
    assert_eq!(text.matches(from).count(), 1, "`{from}`");
    let found = invalid(load_text(&text.replace(from, to)));
    let words = found.problems.iter();
    let words: Vec<String> = words
        .map(|problem| format!("{} -> {}", problem.message, problem.cure))
        .collect();
    words.join("\n")
}

#[test]
fn a_process_loads_with_its_own_rules_before_the_shipped_ones() {
    let settings = load_text(&told()).unwrap_or_else(|error| panic!("{error}"));
    let hr = &resource(&settings).reaction;
    assert_eq!(hr.process.as_deref(), Some("ad"));
    assert_eq!(hr.auto_failover, AutoFailover::On);
    let process = settings.on_error.processes.get("ad").unwrap();
    assert_eq!(process.rules.len(), 2 + shipped().count());
    let names: Vec<&str> = process
        .rules
        .iter()
        .map(|rule| rule.name.as_str())
        .collect();
    assert_eq!(
        names.get(..3),
        Some(&["proxy", "noise", "own-credentials"][..])
    );
    let proxy = process.rules.first().unwrap();
    assert_eq!((proxy.count, proxy.within), (3, Duration::from_mins(20)));
    assert_eq!(proxy.scope, Scope::Global);
    let noise = process.rules.get(1).unwrap();
    assert_eq!((noise.count, noise.outcome), (1, Outcome::Transient));
}

#[test]
fn without_a_word_nothing_happens_by_itself() {
    let settings = load_text(BASE).unwrap_or_else(|error| panic!("{error}"));
    let hr = &resource(&settings).reaction;
    assert_eq!(
        (hr.process.as_deref(), hr.auto_failover),
        (None, AutoFailover::Propose)
    );
    let safety = &settings.on_error.safety;
    assert_eq!((safety.probe_failures, safety.most_per_day), (3, 3));
    assert_eq!(safety.probe_within, Duration::from_secs(90));
    assert_eq!(safety.hold, Duration::from_hours(1));
    assert_eq!(safety.approval, Duration::from_hours(1));
    assert!(settings.on_error.mail.is_none());
}

#[test]
fn every_shipped_rule_is_found_by_its_own_samples_first() {
    let settings = load_text(&told()).unwrap_or_else(|error| panic!("{error}"));
    let rules = &settings.on_error.processes.get("ad").unwrap().rules;
    for rule in shipped() {
        assert!(!rule.samples.is_empty(), "{}", rule.name);
        for sample in rule.samples {
            let first = rules.iter().find(|one| one.pattern.is_match(sample));
            assert_eq!(
                first.map(|one| one.name.as_str()),
                Some(rule.name),
                "{sample}"
            );
        }
    }
}

#[test]
fn mistakes_are_told_with_the_cure() {
    for (from, to, expected) in [
        (
            "'proxy p\\d+ down'",
            "'proxy (p'",
            "is no regular expression",
        ),
        ("'proxy p\\d+ down'", "'x*'", "matches every error"),
        (
            "notify = [\"operators\"]",
            "notify = [\"operator\"]",
            "did you mean `operators`?",
        ),
        (
            "process = \"ad\"",
            "process = \"add\"",
            "names no process -> did you mean `ad`?",
        ),
        (
            "autoFailover = \"on\"",
            "autoFailover = \"yes\"",
            "write \"off\" or \"propose\" or \"on\"",
        ),
        (
            "\"noise\"\nmatch",
            "\"proxy\"\nmatch",
            "has two rules named `proxy`",
        ),
        ("\"ops@example.com\"", "\"ops\"", "is no mail address"),
        (
            "\"ops@example.com\"",
            "\"anna@example.com\"",
            "is named twice",
        ),
        (
            "kind = \"mail\"",
            "kind = \"mail\"\nurl = \"https://a/\"",
            "is of no use with kind \"mail\"",
        ),
        (
            "[mail]\nhost = \"mail.example.com\"\nfrom = \"Highwater <hw@example.com>\"\n",
            "",
            "is mail, and there is no [mail]",
        ),
        (
            "host = \"mail.example.com\"",
            "host = \"m\"\nuser = \"u\"",
            "`mail.user` stands alone",
        ),
        (
            "host = \"mail.example.com\"",
            "host = \"m\"\nsecurity = \"clear\"",
            "clear, readable on the network",
        ),
        (
            "host = \"mail.example.com\"",
            "host = \"m\"\nuser = \"u\"\npassword = \"p\"",
            "`mail.password` must not be written into this file",
        ),
    ] {
        let said = said(from, to);
        assert!(said.contains(expected), "{to}: {said}");
    }
}

#[test]
fn the_ports_follow_the_security() {
    for (security, port) in [
        ("starttls", 587),
        ("tls", 465),
        ("clear, readable on the network", 25),
    ] {
        let host = format!("host = \"mail.example.com\"\nsecurity = \"{security}\"");
        let text = told().replace("host = \"mail.example.com\"", &host);
        let settings = load_text(&text).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(settings.on_error.mail.unwrap().port, port);
    }
}

#[test]
fn the_channels_that_the_example_comments_out_load() {
    let (before_the_feed, _) = EXAMPLE
        .split_once("# A resource that Highwater reads itself")
        .unwrap();
    let lines = before_the_feed
        .lines()
        .map(|line| match line.strip_prefix('#') {
            Some(rest) if !rest.starts_with(' ') => rest,
            _ => line,
        });
    let text = lines.collect::<Vec<_>>().join("\n");
    let settings = load_text(&text).unwrap_or_else(|error| panic!("{error}"));
    let kinds: Vec<&str> = settings
        .on_error
        .channels
        .values()
        .map(Channel::kind)
        .collect();
    assert_eq!(kinds, ["alertmanager", "webhook", "mail", "command"]);
    let hook = format!("{:?}", settings.on_error.channels.get("chat"));
    assert!(
        hook.contains("https://chat.example.com") && !hook.contains("hooks"),
        "{hook}"
    );
}
