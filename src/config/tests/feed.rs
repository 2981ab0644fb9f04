//! The feed of our own and its sinks.

use secrecy::ExposeSecret as _;

use super::*;

/// A feed, which the tests spoil.
const FEED: &str = r#"kind = "builtin"
[resource.hr.feed]
poll = "1s"
[resource.hr.feed.sink.log]
kind = "file"
path = "hr.jsonl"
[resource.hr.feed.sink.web]
kind = "webhook"
url = "https://hr.example.com/hook?x=1"
secret = { env = "HW_HOOK" }
[resource.hr.feed.sink.run]
kind = "command"
argv = ["/bin/true", "--once"]
[resource.hr.feed.sink.out]
kind = "stdout"
"#;

/// A secret of Standard Webhooks: 24 bytes.
const HOOK: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

fn text() -> String {
    spoiled("kind = \"store\"\nposition = \"before_search\"\n", FEED)
}

fn feed(text: &str) -> Feed {
    let settings = load_text(text).unwrap_or_else(|error| panic!("{error}"));
    resource(&settings).feed.clone().unwrap()
}

/// What is said of the feed with one part of it replaced: `message -> cure`.
fn said(from: &str, to: &str) -> Vec<String> {
    assert_eq!(FEED.matches(from).count(), 1, "`{from}` in the feed");
    match load_text(&text().replace(FEED, &FEED.replace(from, to))) {
        Ok(settings) => vec![format!("loads: {settings:?}")],
        Err(ConfigError::Invalid(invalid)) => invalid
            .problems
            .iter()
            .map(|p| format!("{} -> {}", p.message, p.cure))
            .collect(),
        Err(other) => vec![other.to_string()],
    }
}

#[test]
fn a_feed_has_the_defaults_that_are_documented() {
    let settings = load_text(&text()).unwrap_or_else(|error| panic!("{error}"));
    let hr = resource(&settings);
    assert!(hr.consumer.kind.is_builtin());
    assert_eq!(hr.consumer.position, Position::BeforeSearch);
    let feed = hr.feed.clone().unwrap();
    assert_eq!(feed.filter, "(objectClass=*)");
    assert_eq!((feed.attributes, feed.exclude), (vec!["*".into()], vec![]));
    assert_eq!(feed.poll, Duration::from_secs(1));
    assert_eq!((feed.overlap, feed.start_margin), (100, 1000));
    assert_eq!(feed.heartbeat, Some(Duration::from_mins(1)));
    assert_eq!(feed.max_deletes, MaxDeletes::Number(100));
    let kinds: Vec<(&str, &str)> = feed
        .sinks
        .iter()
        .map(|(name, sink)| (name.as_str(), sink.kind()))
        .collect();
    let expected = [
        ("log", "file"),
        ("out", "stdout"),
        ("run", "command"),
        ("web", "webhook"),
    ];
    assert_eq!(kinds, expected);
    let Some(Sink::File(file)) = feed.sinks.get("log") else {
        panic!("{:?}", feed.sinks);
    };
    assert_eq!(file.path, Path::new("/etc/hw/hr.jsonl"));
    assert_eq!((file.rotate_bytes, file.keep), (100_000_000, 10));
}

#[test]
fn the_feed_that_the_example_comments_out_loads_with_the_defaults() {
    let (plain, block) = EXAMPLE.split_once("#[resource.people]").unwrap();
    let block: Vec<&str> = block
        .lines()
        .map(|line| line.strip_prefix('#').unwrap_or(line))
        .collect();
    let full = format!("{plain}[resource.people]{}", block.join("\n"));
    let settings = load_text(&full).unwrap_or_else(|error| panic!("{error}"));
    let people: ResourceName = "people".parse().unwrap();
    let written = settings
        .resources
        .get(&people)
        .unwrap()
        .feed
        .clone()
        .unwrap();
    let bare = feed(&text().replace("poll = \"1s\"\n", ""));
    let without_sinks = |feed: &Feed| {
        let mut feed = feed.clone();
        feed.sinks.clear();
        format!("{feed:?}")
    };
    assert_eq!(without_sinks(&written), without_sinks(&bare));
    assert_eq!(written.sinks.len(), 4);
    let of_kind = |feed: &Feed, kind: &str| {
        let found = feed.sinks.values().find(|sink| sink.kind() == kind);
        found.unwrap().clone()
    };
    let (Sink::File(a), Sink::File(b)) = (of_kind(&written, "file"), of_kind(&bare, "file")) else {
        panic!("no files");
    };
    assert_eq!((a.rotate_bytes, a.keep), (b.rotate_bytes, b.keep));
}

#[test]
fn what_a_feed_may_say_is_read() {
    let more = r#"filter = '(&(objectClass=user)(!(cn=a\28b)))'
attributes = ["mail", "*"]
exclude = ["thumbnailPhoto"]
heartbeat = "off"
max_deletes = "5%"
poll = "200ms""#;
    let read = feed(&text().replace("poll = \"1s\"", more));
    assert_eq!(read.filter, "(&(objectClass=user)(!(cn=a\\28b)))");
    assert_eq!(read.exclude, ["thumbnailPhoto"]);
    assert_eq!(
        (read.heartbeat, read.max_deletes),
        (None, MaxDeletes::Percent(5))
    );
    assert_eq!(read.max_deletes.of(1999), 99);
    assert_eq!(MaxDeletes::Percent(100).of(u64::MAX), u64::MAX);
    assert_eq!(MaxDeletes::Number(7).of(3), 7);
    let clear = text().replace(
        "url = \"https://hr.example.com/hook?x=1\"",
        "url = \"http://127.0.0.1:8080/\"\nsecurity = \"http, readable on the network\"",
    );
    let Some(Sink::Webhook(hook)) = feed(&clear).sinks.get("web").cloned() else {
        panic!("no webhook");
    };
    assert_eq!(hook.url.as_str(), "http://127.0.0.1:8080/");
    assert!(matches!(hook.secret, Secret::NotRead(SecretSource::Env(name)) if name == "HW_HOOK"));
}

const POLL: &str = "poll = \"1s\"";
const PATH: &str = "path = \"hr.jsonl\"";
const URL: &str = "url = \"https://hr.example.com/hook?x=1\"";
const LOG: &str = "[resource.hr.feed.sink.log]";

/// What to replace in the feed, what with, and what is then said, alone.
const MISTAKES: &[(&str, &str, &str)] = &[
    (
        "kind = \"builtin\"",
        "kind = \"builtin\"\npath = \"x\"",
        "consumer.path = \"x\"` is of no use with kind \"builtin\" -> remove it",
    ),
    (
        "kind = \"builtin\"",
        "kind = \"builtin\"\nstop = [\"x\"]",
        "consumer.stop = […]` is of no use with kind \"builtin\" -> remove it: Highwater stops",
    ),
    (
        "kind = \"builtin\"",
        "kind = \"builtin\"\nposition = \"largest_seen\"",
        "cannot be had with kind \"builtin\" -> remove it",
    ),
    (
        "kind = \"builtin\"",
        "kind = \"store\"\nposition = \"before_search\"",
        "`resource.hr.feed` is of no use: the consumer is not ours -> remove it, or write consumer.kind = \"builtin\"",
    ),
    (
        POLL,
        "poll = \"100ms\"",
        "is out of bounds -> give 200ms to 1day",
    ),
    (
        POLL,
        "filter = \"objectClass=user\"",
        "is no LDAP filter -> write it as RFC 4515 says",
    ),
    (
        POLL,
        "filter = \"(objectClass=user)(cn=*)\"",
        "is no LDAP filter",
    ),
    (
        POLL,
        "attributes = [\"mail;range=0-5\"]",
        "is no attribute name -> write the attribute's lDAPDisplayName",
    ),
    (POLL, "attributes = [\"mail\", \"Mail\"]", "is named twice"),
    (POLL, "exclude = [\"*\"]", "is no attribute name"),
    (
        POLL,
        "attributes = [\"mail\"]\nexclude = [\"MAIL\"]",
        "is among `attributes` too -> take it out",
    ),
    (POLL, "heartbeat = \"never\"", "is no duration"),
    (
        POLL,
        "max_deletes = \"101%\"",
        "cannot be used -> give a whole number, as 100, or a part",
    ),
    (POLL, "max_deletes = -1", "cannot be used"),
    (
        LOG,
        "[resource.hr.feed.sink.\"a b\"]",
        "is no usable name -> 1 to 64 letters",
    ),
    (
        "kind = \"file\"",
        "kind = \"fiel\"",
        "is not known -> did you mean \"file\"?",
    ),
    (PATH, "", "`resource.hr.feed.sink.log.path` is missing"),
    (
        PATH,
        "path = \"hr.jsonl\"\nurl = \"https://x/\"",
        "sink.log.url` is of no use with kind \"file\" -> remove it",
    ),
    (
        PATH,
        "path = \"hr.jsonl\"\nrotate_bytes = 5",
        "cannot be used -> give a whole number, 100000 to",
    ),
    (
        URL,
        "url = \"http://hr.example.com/\"",
        "would send every event unprotected -> use https; or say it in full",
    ),
    (
        URL,
        "url = \"ftp://hr.example.com/\"",
        "is neither https nor http",
    ),
    (URL, "url = \"hr.example.com\"", "is no URL"),
    (
        URL,
        "url = \"https://hr.example.com/\"\nsecurity = \"http, readable on the network\"",
        "is https, and `security` says http -> remove security",
    ),
    (
        "secret = { env = \"HW_HOOK\" }",
        "",
        "sink.web.secret` is missing",
    ),
    (
        "argv = [\"/bin/true\", \"--once\"]",
        "argv = []",
        "is an empty list",
    ),
    (
        "argv = [\"/bin/true\", \"--once\"]",
        "argv = [\"x\"]\ntimeout = \"1h\"",
        "is out of bounds -> give 1s to 10m",
    ),
    (
        "[resource.hr.feed.sink.out]",
        "[resource.hr.feed.sink.again]\nkind = \"stdout\"\n[resource.hr.feed.sink.out]",
        "`resource.hr.feed.sink.again` and `resource.hr.feed.sink.out` write to the same place",
    ),
];

#[test]
fn each_mistake_of_a_feed_is_told() {
    for (from, to, expected) in MISTAKES {
        let said = said(from, to);
        assert_eq!(said.len(), 1, "{to}: {said:#?}");
        let found = said.iter().any(|one| one.contains(expected));
        assert!(found, "{to}: {said:#?}");
    }
}

#[test]
fn a_filter_that_is_nested_without_end_is_refused() {
    let nested = |depth| {
        let filter = format!("{}(a=b){}", "(!".repeat(depth), ")".repeat(depth));
        said(POLL, &format!("filter = \"{filter}\"")).concat()
    };
    assert!(nested(40).starts_with("loads"), "{}", nested(40));
    for depth in [60, 100_000] {
        assert!(nested(depth).contains("is no LDAP filter"), "{depth}");
    }
}

#[test]
fn a_builtin_consumer_without_feed_and_a_feed_without_sink_are_refused() {
    let bare = spoiled(
        "kind = \"store\"\nposition = \"before_search\"",
        "kind = \"builtin\"",
    );
    let told = invalid(load_text(&bare)).to_string();
    assert!(told.contains("`resource.hr.feed` is missing"), "{told}");
    for feed in ["[resource.hr.feed]\n", "[resource.hr.feed]\nsink = {}\n"] {
        let told = invalid(load_text(&format!("{bare}{feed}"))).to_string();
        assert!(told.contains("nobody would hear of its events"), "{told}");
    }
}

#[test]
fn no_secret_of_a_sink_is_ever_shown() {
    for (from, to) in [
        ("secret = { env = \"HW_HOOK\" }", "secret = \"hunter2\""),
        (
            "{ env = \"HW_HOOK\" }",
            "{ env = \"HW_HOOK\" }\nbearer = \"hunter2\"",
        ),
        ("https://hr", "https://hr:hunter2@hr"),
        ("https://hr", "https://hunter2@hr"),
    ] {
        let invalid = invalid(load_text(&text().replace(from, to)));
        assert!(!invalid.problems.is_empty());
        assert!(
            !format!("{invalid}{invalid:?}").contains("hunter2"),
            "{invalid}"
        );
    }
}

#[test]
fn a_signing_secret_is_read_and_must_be_one() {
    let load = |value: &str| {
        let (value, text) = (OsString::from(value), text());
        parse(
            Path::new("/etc/hw/hw.toml"),
            &text,
            Secrets::Resolve,
            &|name| {
                Some(if name == "HW_PASS" {
                    "pw".into()
                } else {
                    value.clone()
                })
            },
        )
    };
    for good in [
        HOOK,
        HOOK.trim_start_matches("whsec_"),
        &format!("{HOOK}\n"),
    ] {
        let settings = load(good).unwrap_or_else(|error| panic!("{error}"));
        assert!(!format!("{settings:?}").contains("MfKQ9r8G"));
        assert!(!format!("{settings:?}").contains("x=1"));
        let feed = resource(&settings).feed.clone().unwrap();
        let Some(Sink::Webhook(hook)) = feed.sinks.get("web") else {
            panic!("no webhook");
        };
        let Secret::Known(secret) = &hook.secret else {
            panic!("not read");
        };
        assert_eq!(signing_key(secret).unwrap().expose_secret().len(), 24);
    }
    for bad in ["whsec_c2hvcnQ=", "hunter2 hunter2", "whsec_%%%", "wh\u{e4}"] {
        let told = invalid(load(bad)).to_string();
        assert!(told.contains("sink.web.secret` "), "{told}");
        assert!(!told.contains(bad), "{told}");
    }
}
