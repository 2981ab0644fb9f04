//! Each mistake, and word for word what is said about it: `line:column: message -> cure`.

use super::*;

/// What to replace in the base, what with, and what is then said.
const MISTAKES: &[(&str, &str, &[&str])] = &[
    (
        "path = \"hw.db\"",
        "",
        &["1:1: `store.path` is missing -> add path = \"/var/lib/highwater/highwater.db\""],
    ),
    (
        "[store]\npath = \"hw.db\"",
        "",
        &["1:1: `store` is missing -> add store = { path = \"/var/lib/highwater/highwater.db\" }"],
    ),
    (
        "period = \"60s\"",
        "perod = \"60s\"",
        &["4:1: `collector.perod` is no known key -> did you mean `period`?"],
    ),
    (
        "period = \"60s\"",
        "period = 60",
        &["4:10: `collector.period = 60` is no text -> write it like \"60s\", with its unit"],
    ),
    (
        "period = \"60s\"",
        "period = \"60\"",
        &[
            "4:10: `collector.period = \"60\"` is no duration -> write it like \"60s\" or \"5m\" (time unit needed, for example 60sec or 60ms)",
        ],
    ),
    (
        "period = \"60s\"",
        "period = \"2days\"",
        &["4:10: `collector.period = \"2days\"` is out of bounds -> give 1s to 1day"],
    ),
    (
        "period = \"60s\"",
        "jitter = 1.5",
        &["4:10: `collector.jitter = 1.5` cannot be used -> give a part of the period, 0 to 1"],
    ),
    (
        "period = \"60s\"",
        "days_to_keep_usns = 0",
        &[
            "4:21: `collector.days_to_keep_usns = 0` cannot be used -> give a whole number, 1 to 3650",
        ],
    ),
    (
        "period = \"60s\"",
        "days_to_keep_usns = 7\ndaysToKeepUSNS = 8",
        &[
            "4:1: `collector.days_to_keep_usns` is given twice, in two spellings -> keep one of them",
        ],
    ),
    (
        "period = \"60s\"",
        "concurrency = \"many\"",
        &[
            "4:15: `collector.concurrency = \"many\"` cannot be used -> give a whole number, 1 to 1024",
        ],
    ),
    (
        "period = \"60s\"",
        "period = 60s",
        &[
            "4:10: not valid TOML: string values must be quoted, expected literal string -> correct the line; texts stand in quotes, lists in [ ], tables in { }",
        ],
    ),
    (
        "period = \"60s\"",
        "period = \"60s\"\nperiod = \"61s\"",
        &[
            "5:1: not valid TOML: duplicate key -> correct the line; texts stand in quotes, lists in [ ], tables in { }",
        ],
    ),
    (
        "[collector]",
        "[colector]",
        &["3:2: `colector` is no known key -> did you mean `collector`?"],
    ),
    (
        "[dc.dc1]",
        "[domain.dc1]",
        &[
            "11:2: `domain` is no known key -> known here: store, collector, credentials, connection, dc, safety, notices, mail, channel, process, resource",
        ],
    ),
    (
        "credentials = \"reader\"",
        "credentials = \"raeder\"",
        &[
            "6:15: `connection.credentials = \"raeder\"` names no credentials -> did you mean `reader`?",
        ],
    ),
    (
        "credentials = \"reader\"",
        "",
        &[
            "11:1: `dc.dc1` names no credentials -> add credentials = \"NAME\" here or in [connection]; for a DC whose rootDSE alone is read, name one with method = \"anonymous\"",
            "13:1: `dc.dc2` names no credentials -> add credentials = \"NAME\" here or in [connection]; for a DC whose rootDSE alone is read, name one with method = \"anonymous\"",
        ],
    ),
    (
        "credentials = \"reader\"",
        "credentials = \"reader\"\nsecurity = \"clear\"",
        &[
            "7:12: `connection.security = \"clear\"` would send everything unprotected -> use \"ldaps\" or \"starttls\"; or say it in full: \"clear, passwords readable on the network\"",
        ],
    ),
    (
        "credentials = \"reader\"",
        "credentials = \"reader\"\nsecurity = \"ldap+tls\"",
        &[
            "7:12: `connection.security = \"ldap+tls\"` is not known -> write \"ldaps\" or \"starttls\" or \"clear, passwords readable on the network\"",
        ],
    ),
    (
        "credentials = \"reader\"",
        "credentials = \"reader\"\nsearch_timeout = \"0s\"",
        &["7:18: `connection.search_timeout = \"0s\"` is out of bounds -> give 10ms to 1day"],
    ),
    (
        "password = { env = \"HW_PASS\" }",
        "password = \"hunter2\"",
        &[
            "10:12: `credentials.reader.password` must not be written into this file -> change that password, then write password = { file = \"/etc/highwater/reader.pass\" }, { env = \"NAME\" } or { credential = \"name\" }",
        ],
    ),
    (
        "password = { env = \"HW_PASS\" }",
        "",
        &[
            "7:1: `credentials.reader.password` is missing -> add password = { file = \"/etc/highwater/reader.pass\" }",
        ],
    ),
    (
        "password = { env = \"HW_PASS\" }",
        "password = { env = \"A\", file = \"b\" }",
        &[
            "10:12: `credentials.reader.password` needs one of file, env and credential -> write it like { file = \"/etc/highwater/reader.pass\" }",
        ],
    ),
    (
        "password = { env = \"HW_PASS\" }",
        "password = { evn = \"A\" }",
        &[
            "10:14: `credentials.reader.password.evn` is no known key -> did you mean `env`?",
            "10:12: `credentials.reader.password` needs one of file, env and credential -> write it like { file = \"/etc/highwater/reader.pass\" }",
        ],
    ),
    (
        "method = \"simple\"",
        "method = \"sample\"",
        &[
            "8:10: `credentials.reader.method = \"sample\"` is not known -> did you mean \"simple\"?",
        ],
    ),
    (
        "method = \"simple\"",
        "method = \"anonymous\"",
        &[
            "9:8: `credentials.reader.user` is of no use with method \"anonymous\" -> remove it, or write method = \"simple\"",
            "10:12: `credentials.reader.password` is of no use with method \"anonymous\" -> remove it, or write method = \"simple\"",
        ],
    ),
    (
        "user = \"svc@example.com\"",
        "user = \" \"",
        &[
            "9:8: `credentials.reader.user = \" \"` is empty -> write it like \"svc-highwater@example.com\"",
        ],
    ),
    (
        "method = \"simple\"\nuser = \"svc@example.com\"\npassword = { env = \"HW_PASS\" }",
        "method = \"gssapi\"\nkeytab = \"k\"",
        &[
            "7:1: `credentials.reader.principal` is missing -> add principal = \"svc-highwater@EXAMPLE.COM\"",
        ],
    ),
    (
        "credentials = \"reader\"\n[credentials.reader]\nmethod = \"simple\"\nuser = \"svc@example.com\"\npassword = { env = \"HW_PASS\" }",
        "credentials = \"reader\"\nsecurity = \"clear, passwords readable on the network\"\n[credentials.reader]\nmethod = \"gssapi\"\nccache = \"k\"",
        &[
            "6:15: `dc.dc1` would use Kerberos on a clear connection: its signing layer loses entries of large answers, so it is spoken over TLS alone -> write security = \"ldaps\" or \"starttls\"",
            "6:15: `dc.dc2` would use Kerberos on a clear connection: its signing layer loses entries of large answers, so it is spoken over TLS alone -> write security = \"ldaps\" or \"starttls\"",
        ],
    ),
    (
        "host = \"dc1.example.com\"",
        "host = \"ldaps://dc1.example.com\"",
        &[
            "12:8: `dc.dc1.host = \"ldaps://dc1.example.com\"` is no host name -> leave the scheme out; `security` says how the connection is protected",
        ],
    ),
    (
        "host = \"dc1.example.com\"",
        "host = \"dc1.example.com:636\"",
        &[
            "12:8: `dc.dc1.host = \"dc1.example.com:636\"` is no host name -> leave the port out; `port` says it",
        ],
    ),
    (
        "host = \"dc1.example.com\"",
        "",
        &["11:1: `dc.dc1.host` is missing -> add host = \"dc1.example.com\""],
    ),
    (
        "host = \"dc2.example.com\"",
        "host = \"DC1.example.com\"",
        &[
            "14:8: `dc.dc2.host = \"DC1.example.com\"` is the same as `dc.dc1.host` -> name another domain controller, or remove one of the two",
        ],
    ),
    (
        "host = \"dc2.example.com\"",
        "host = \"dc2.example.com\"\nport = 70000",
        &["15:8: `dc.dc2.port = 70000` cannot be used -> give a whole number, 1 to 65535"],
    ),
    (
        "host = \"dc2.example.com\"",
        "host = \"dc2.example.com\"\nserver_name = \"dc2.example.com\"",
        &[
            "15:15: `dc.dc2.server_name = \"dc2.example.com\"` is no server name -> write the short name, as DC1: the first part of rootDSE serverName",
        ],
    ),
    (
        "[dc.dc1]",
        "[dc.\"dc 1\"]",
        &[
            "11:5: `dc.dc 1`: `dc 1` is no usable name -> 1 to 64 letters, digits, `.`, `_` or `-`, beginning with a letter or digit",
        ],
    ),
    (
        "[resource.hr]\n",
        "[resource.hr]\nsearchSubdomains = \"yes\"\n",
        &[
            "16:20: `resource.hr.search_subdomains = \"yes\"` is neither true nor false -> write true or false",
        ],
    ),
    (
        "[\"OU=People,DC=example,DC=com\"]",
        "[\"People\"]",
        &[
            "16:18: `resource.hr.base_contexts`: `People` is no distinguished name -> write it like OU=People,DC=example,DC=com",
        ],
    ),
    (
        "[\"OU=People,DC=example,DC=com\"]",
        "\"OU=People,DC=example,DC=com\"",
        &[
            "16:17: `resource.hr.base_contexts = \"OU=People,DC=example,DC=com\"` is no list -> write it like [\"OU=People,DC=example,DC=com\"]",
        ],
    ),
    (
        "backup_dcs = [\"dc2\"]",
        "backup_dcs = [\"d2\"]",
        &["17:15: `resource.hr.backup_dcs = \"d2\"` is no configured DC -> did you mean `dc2`?"],
    ),
    (
        "backup_dcs = [\"dc2\"]",
        "backup_dcs = [\"london\"]",
        &[
            "17:15: `resource.hr.backup_dcs = \"london\"` is no configured DC -> known here: dc1, dc2",
        ],
    ),
    (
        "backup_dcs = [\"dc2\"]",
        "backup_dcs = []",
        &[
            "17:14: `resource.hr.backup_dcs = []` is an empty list -> write it like [\"dc2\", \"dc3\"]",
        ],
    ),
    (
        "backup_dcs = [\"dc2\"]",
        "",
        &["15:1: `resource.hr.backup_dcs` is missing -> add backup_dcs = [\"dc2\", \"dc3\"]"],
    ),
    (
        "backup_dcs = [\"dc2\"]",
        "backup_dcs = [\"dc2\", \"dc2\"]",
        &["17:22: `resource.hr.backup_dcs = \"dc2\"` is named twice -> remove one of the two"],
    ),
    (
        "backup_dcs = [\"dc2\"]",
        "backup_dcs = [\"dc2\"]\nmust_not = [\"dc2\"]",
        &[
            "17:14: `resource.hr.backup_dcs` leaves no DC that may take over -> take one out of must_not, or add another",
        ],
    ),
    (
        "backup_dcs = [\"dc2\"]",
        "backup_dcs = [\"dc2\"]\nmust_not = [\"dc9x\"]",
        &["18:13: `resource.hr.must_not = \"dc9x\"` is no configured DC -> known here: dc1, dc2"],
    ),
    (
        "backup_dcs = [\"dc2\"]",
        "backup_dcs = [\"dc2\"]\nprefer = [\"dc1\"]",
        &["18:11: `resource.hr.prefer = \"dc1\"` is not among backup_dcs -> add it there"],
    ),
    (
        "backup_dcs = [\"dc2\"]",
        "backup_dcs = [\"dc2\"]\nprefer = [\"dc2\"]\nprefer_not = [\"dc2\"]",
        &[
            "19:15: `resource.hr.prefer_not = \"dc2\"` has two preferences -> name a DC in one of prefer, prefer_not and must_not",
        ],
    ),
    (
        "backup_dcs = [\"dc2\"]",
        "backup_dcs = [\"dc2\"]\nreplication_time = \"3h\"",
        &[
            "18:20: `resource.hr.replication_time = \"3h\"` is no number of hours -> write it in hours, 0 to 87600, like 3 or 0.25, without quotes",
        ],
    ),
    (
        "backup_dcs = [\"dc2\"]",
        "backup_dcs = [\"dc2\"]\nstart = \"vektor\"",
        &["18:9: `resource.hr.start = \"vektor\"` is not known -> did you mean \"vector\"?"],
    ),
    (
        "backup_dcs = [\"dc2\"]\n[resource.hr.consumer]\nkind = \"store\"\nposition = \"before_search\"",
        "backup_dcs = [\"dc2\"]\nstart = \"vector\"\n[resource.hr.consumer]\nkind = \"store\"\nposition = \"largest_seen\"",
        &[
            "18:9: `resource.hr.start = \"vector\"` cannot be had while consumer.position is \"largest_seen\": no vector start is proven from such a cursor -> write start = \"time\", or let the consumer record the USN it read before its search",
        ],
    ),
    (
        "kind = \"store\"",
        "kind = \"file\"",
        &[
            "18:1: `resource.hr.consumer.path` is missing -> add path = \"/var/lib/hr-sync/cursor.json\"",
        ],
    ),
    (
        "kind = \"store\"",
        "kind = \"store\"\npath = \"x\"",
        &[
            "20:8: `resource.hr.consumer.path = \"x\"` is of no use with kind \"store\" -> remove it, or write kind = \"file\"",
        ],
    ),
    (
        "kind = \"store\"",
        "kind = \"store\"\nstop = \"systemctl stop hr\"",
        &[
            "20:8: `resource.hr.consumer.stop = \"systemctl stop hr\"` is no list -> write it like [\"/usr/local/sbin/hr-sync-control\", \"ARGUMENT\"]",
        ],
    ),
    (
        "position = \"before_search\"",
        "",
        &[
            "18:1: `resource.hr.consumer.position` is missing -> add position = \"before_search\" or \"largest_seen\"",
        ],
    ),
    (
        "[resource.hr.consumer]\nkind = \"store\"\nposition = \"before_search\"",
        "",
        &[
            "15:1: `resource.hr.consumer` is missing -> add consumer = { kind = \"file\", path = \"/var/lib/hr-sync/cursor.json\", position = \"before_search\" }",
        ],
    ),
];

fn said(text: &str) -> Vec<String> {
    match load_text(text) {
        Ok(settings) => vec![format!("loads: {settings:?}")],
        Err(ConfigError::Invalid(invalid)) => invalid
            .problems
            .iter()
            .map(|p| format!("{}:{}: {} -> {}", p.line, p.column, p.message, p.cure))
            .collect(),
        Err(other) => vec![other.to_string()],
    }
}

#[test]
fn each_mistake_is_told_word_for_word() {
    for (from, to, expected) in MISTAKES {
        let said = said(&spoiled(from, to));
        assert_eq!(said, *expected, "`{from}` made `{to}`");
    }
}

#[test]
fn a_backslash_that_toml_took_away_is_told_with_both_ways_out() {
    for (written, found) in [
        (r#""CORP\tom""#, "a tab (U+0009)"),
        (r#""CORP\nina""#, "a new line (U+000A)"),
        (r#""CORP\bob""#, "a backspace (U+0008)"),
        (r#""CORP\robert""#, "a carriage return (U+000D)"),
        (r#""CORP\u0007x""#, "a control character (U+0007)"),
    ] {
        let text = spoiled("\"svc@example.com\"", written);
        let problems = invalid(load_text(&text)).problems;
        let [problem] = problems.as_slice() else {
            panic!("{problems:#?}");
        };
        assert_eq!(
            problem.message,
            format!("`credentials.reader.user` holds {found}, which is no part of it")
        );
        assert_eq!(
            problem.cure,
            r#"in double quotes \ begins an escape (\t is a tab, \n a new line): write the text in single quotes, like 'CORP\user', or with two of them, like "CORP\\user""#
        );
    }
    for written in [r#""CORP\svc""#, r#""CORP\user""#] {
        let text = spoiled("\"svc@example.com\"", written);
        let problems = invalid(load_text(&text)).problems;
        let cured = problems
            .iter()
            .any(|problem| problem.cure.contains(r"'CORP\user'"));
        assert!(cured, "{problems:#?}");
    }
    let hosts = spoiled("\"dc1.example.com\"", "\"dc1.example.com\\t\"");
    assert!(
        invalid(load_text(&hosts))
            .to_string()
            .contains("`dc.dc1.host` holds a tab")
    );
    assert!(load_text(&spoiled("\"svc@example.com\"", r"'CORP\svc'")).is_ok());
}

#[test]
fn what_may_have_lines_has_them() {
    let rule = "[[process.ad.rule]]\nname = \"x\"\nmatch = 'a\\tb'\noutcome = \"data\"\nsamples = [\"a\\tb\\nc\"]\n";
    let text = format!("{BASE}[process.ad]\n{rule}");
    load_text(&text).unwrap_or_else(|error| panic!("{error}"));
}
