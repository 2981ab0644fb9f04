//! Consumers behind HTTP and LDAP, and what presets stand for.

use super::*;

const HTTP: &str = r#"
[resource.hr.consumer.http]
base = "https://idm.example.com/openidm"
basic = { user = "openidm-admin", password = { env = "IDM_PASS" } }
headers = { "X-OpenIDM-NoSession" = "true" }
"#;

/// A file whose consumer is this.
fn with(consumer: &str) -> String {
    let (head, _) = BASE.split_once("[resource.hr.consumer]").unwrap();
    format!("{head}[resource.hr.consumer]\n{consumer}")
}

fn outside(settings: &Settings) -> &Outside {
    match &resource(settings).consumer.kind {
        ConsumerKind::Outside(outside) => outside,
        other => panic!("{other:?}"),
    }
}

fn http(spot: &SpotSettings) -> &HttpSpotSettings {
    match spot {
        SpotSettings::Http(http) => http,
        other => panic!("{other:?}"),
    }
}

fn host(outside: &Outside) -> &SpotSettings {
    match &outside.host {
        HostPlace::Spot(spot) => spot,
        other => panic!("{other:?}"),
    }
}

fn steps(turn: Option<&Turn>) -> String {
    turn.unwrap().to_string()
}

fn told(text: &str) -> Vec<String> {
    let problems = invalid(load_text(text)).problems;
    let line = |problem: &Problem| format!("{}: {}", problem.message, problem.cure);
    problems.iter().map(line).collect()
}

const OPENIDM: &str = r#"
preset = "openidm"
source = "system/ldap/account"
schedule = "liveSync"
"#;

#[test]
fn openidm_stands_for_its_documents() {
    let settings = load_text(&with(&format!("{OPENIDM}{HTTP}"))).unwrap();
    let consumer = &resource(&settings).consumer;
    assert_eq!(consumer.position, Position::LargestSeen);
    let outside = outside(&settings);
    assert_eq!(outside.shape, Shape::OneUsn);
    let cursor = http(outside.cursor.as_ref().unwrap());
    assert_eq!(
        cursor.url.to_string(),
        "https://idm.example.com/openidm/repo/synchronisation/pooledSyncStage/SYSTEMLDAPACCOUNT"
    );
    assert_eq!(cursor.guard, HttpGuard::Revision("/_rev".parse().unwrap()));
    assert_eq!(cursor.write.method, HttpMethod::Put);
    let host = http(host(outside));
    assert_eq!(
        host.url.to_string(),
        "https://idm.example.com/openidm/config/provisioner.openicf/ldap"
    );
    assert_eq!(
        steps(consumer.stop.as_ref()),
        "POST https://idm.example.com/openidm/scheduler/job/liveSync?…, then wait until \
         /[invokeContext.source=system~1ldap~1account] of https://idm.example.com/openidm/scheduler/job?… is gone"
    );
    let preset = consumer.preset.as_ref().unwrap();
    assert_eq!(preset.name, "openidm");
    assert!(
        preset.text.contains("kind = \"outside\""),
        "{}",
        preset.text
    );
    assert!(
        preset.text.contains("env = \"IDM_PASS\""),
        "{}",
        preset.text
    );
    // It can be written by hand, and means the same.
    let by_hand = preset
        .text
        .replace("\n[[", "\n[[resource.hr.consumer.")
        .replace("\n[", "\n[resource.hr.consumer.")
        .replace("[resource.hr.consumer.[resource", "[[resource");
    let again = load_text(&with(&by_hand)).unwrap_or_else(|error| panic!("{error}\n{by_hand}"));
    let debug = |settings: &Settings| format!("{:?}", resource(settings).consumer.kind);
    assert_eq!(debug(&again), debug(&settings));
}

#[test]
fn every_other_preset_loads() {
    let server = HTTP;
    let syncope = format!(
        "preset = \"syncope\"\nresource = \"ad\"\nconnector = \"k\"\ntask = \"t\"\nanyType = \"USER\"\n{server}"
    );
    let settings = load_text(&with(&syncope)).unwrap();
    let cursor = http(outside(&settings).cursor.as_ref().unwrap()).clone();
    let token: &JsonPath = cursor.keys.values().next().unwrap();
    assert_eq!(
        token.to_string(),
        "/provisions/[anyType=USER]/syncToken#/value"
    );
    assert_eq!(cursor.guard, HttpGuard::Compare);
    let midpoint = format!("preset = \"midpoint\"\nresource = \"r\"\ntask = \"t\"\n{server}");
    let settings = load_text(&with(&midpoint)).unwrap();
    let outside_of = outside(&settings);
    assert_eq!(outside_of.shape, Shape::Cookie);
    assert!(outside_of.cursor.is_none());
    let host = http(host(outside_of));
    assert_eq!(host.write.method, HttpMethod::Patch);
    assert!(host.write.body.as_ref().unwrap().contains("\"{host}\""));
    let settings = load_text(&with(
        "preset = \"ucs\"\nfirst_host = \"dc1.example.com\"\n",
    ))
    .unwrap();
    assert_eq!(
        steps(resource(&settings).consumer.stop.as_ref()),
        "the unit univention-ad-connector.service"
    );
    let tdi = "preset = \"tdi\"\nstate_file = \"/s\"\nhost_file = \"/h\"\nunit = \"tdi.service\"\n";
    let settings = load_text(&with(tdi)).unwrap();
    match outside(&settings).cursor.as_ref().unwrap() {
        SpotSettings::File(FileSettings {
            form: FileForm::Properties { also, .. },
            ..
        }) => assert_eq!(also.len(), 3),
        other => panic!("{other:?}"),
    }
    let script = r#"preset = "script"
cursor_file = "usn"
first_host = "dc1.example.com"
position = "before_search"
start = ["/opt/sync", "{host}"]
"#;
    let settings = load_text(&with(script)).unwrap();
    assert_eq!(
        resource(&settings).consumer.position,
        Position::BeforeSearch
    );
}

#[test]
fn an_entry_of_a_directory_is_read() {
    let text = with(
        r#"kind = "outside"
shape = "cookie"
cursor = { ldap = { host = "ds.example.com", user = "cn=hw", password = { env = "P" } }, entry = "cn=a,cn=config", attributes = { cookie = "nsds7DirsyncCookie" } }
host = { ldap = { host = "ds.example.com", security = "starttls", user = "cn=hw", password = { env = "P" } }, entry = "cn=a,cn=config", attributes = { host = "nsDS5ReplicaHost" } }
"#,
    );
    let settings = load_text(&text).unwrap();
    match host(outside(&settings)) {
        SpotSettings::Ldap(ldap) => {
            assert_eq!(
                (ldap.server.port, ldap.server.security),
                (389, Security::StartTls)
            );
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn mistakes_are_told_with_the_cure() {
    let openidm = |from: &str, to: &str| with(&format!("{OPENIDM}{HTTP}").replace(from, to));
    for (text, message) in [
        (
            openidm("\"openidm\"", "\"openidn\""),
            "is no known preset: did you mean",
        ),
        (
            openidm("source = ", "# "),
            "`resource.hr.consumer.source` is missing: add source = ",
        ),
        (
            openidm("schedule", "nonsense = 1\nschedule"),
            "`resource.hr.consumer.nonsense` is no known key",
        ),
        (
            openidm("schedule", "kind = \"file\"\nschedule"),
            "every preset is kind \"outside\"",
        ),
        (
            openidm("schedule", "position = \"x\"\nschedule"),
            "position = \"x\"` is not known",
        ),
        (
            openidm("[resource.hr.consumer.http]", "[x]"),
            "`resource.hr.consumer.http` is missing, the server that paths count from",
        ),
        (
            openidm("https://", "http://"),
            "would send every event unprotected",
        ),
        (
            openidm("https://", "https://u:hunter2@"),
            "holds a user or a password",
        ),
        (
            openidm("openidm\"\nbasic", "openidm?t=1\"\nbasic"),
            "has a query",
        ),
        (
            openidm("{ env = \"IDM_PASS\" }", "\"hunter2\""),
            "must not be written into this file",
        ),
        (
            openidm(
                "\"X-OpenIDM-NoSession\" = \"true\"",
                "\"X-OpenIDM-Password\" = \"hunter2\"",
            ),
            "must not be written into this file",
        ),
        (
            openidm("basic = ", "bearer = { env = \"T\" }\nbasic = "),
            "stands beside basic",
        ),
    ] {
        let told = told(&text);
        assert!(
            told.iter().any(|line| line.contains(message)),
            "{message}: {told:#?}"
        );
        let shown = invalid(load_text(&text)).to_string();
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}

#[test]
fn mistakes_of_spots_and_steps_are_told() {
    let spot = |spot: &str| {
        with(&format!(
            "kind = \"outside\"\nshape = \"one_usn\"\nposition = \"largest_seen\"\ncursor = {spot}\nhost = {{ http = \"h\", json = {{ host = \"/h\" }} }}\n{HTTP}"
        ))
    };
    let stop = |stop: &str| {
        spot("{ http = \"c\", json = { updated = \"/u\" } }")
            .replace("position", &format!("stop = {stop}\nposition"))
    };
    assert!(load_text(&stop("{ http = [{ post = \"s\", expect = [202] }] }")).is_ok());
    for (text, message) in [
        (spot("{ http = \"c\" }"), "cursor.json` is missing"),
        (
            spot("{ http = \"c\", json = { updated = \"u\" } }"),
            "names no place in a JSON document",
        ),
        (
            spot("{ http = \"https://elsewhere/c\", json = { updated = \"/u\" } }"),
            "is no path below it",
        ),
        (
            spot("{ http = \"../c\", json = { updated = \"/u\" } }"),
            "is no path below it",
        ),
        (
            spot("{ http = \"c\", json = { updated = \"/u\" }, put = \"a\", patch = \"b\" }"),
            "is a second way to write",
        ),
        (
            spot("{ http = \"c\", json = { updated = \"/u\" }, guard = \"rev\" }"),
            "is not known",
        ),
        (
            spot("{ http = \"c\", json = { updated = \"/u\" }, raw = \"updated\" }"),
            "is of no use with http",
        ),
        (
            spot("{ file = \"c\", json = { updated = \"/u\" }, also = { a = \"0\" } }"),
            "goes with properties alone",
        ),
        (
            spot("{ ldap = { host = \"ds\" }, entry = \"cn=a\" }"),
            "attributes` is missing",
        ),
        (stop("{ http = [] }"), "is an empty list"),
        (
            stop("{ http = [{}] }"),
            "asks nothing and waits for nothing",
        ),
        (stop("{ http = [{ get = \"a\" }] }"), "does nothing"),
        (
            stop("{ http = [{ post = \"a\", put = \"b\" }] }"),
            "is a second request",
        ),
        (
            stop("{ http = [{ post = \"a\", body = \"{}\", set = { \"/a\" = \"b\" } }] }"),
            "stands beside body",
        ),
        (
            stop("{ http = [{ post = \"a\", expect = [500] }] }"),
            "cannot be used",
        ),
        (
            stop("{ http = [{ post = \"a\", until = { at = \"/a\" } }] }"),
            "does not say where to look",
        ),
        (
            stop("{ http = [{ post = \"a\", until = { get = \"a\" } }] }"),
            "until.at` is missing",
        ),
        (
            stop("{ http = [{ put = \"a\", set = { a = \"b\" } }] }"),
            "names no place",
        ),
    ] {
        let told = told(&text);
        assert!(
            told.iter().any(|line| line.contains(message)),
            "{message}: {told:#?}"
        );
    }
}

#[test]
fn clear_text_stays_on_this_machine() {
    for (base, fits) in [
        ("http://127.0.0.1:8080/openidm", true),
        ("http://localhost/openidm", true),
        ("http://[::1]/openidm", true),
        ("http://127.0.0.1.example.com/openidm", false),
        ("http://10.0.0.1/openidm", false),
    ] {
        let text =
            with(&format!("{OPENIDM}{HTTP}")).replace("https://idm.example.com/openidm", base);
        assert_eq!(load_text(&text).is_ok(), fits, "{base}");
    }
    let words = "security = \"http, readable on the network\"\nbase = \"http://10.0.0.1/";
    let text =
        with(&format!("{OPENIDM}{HTTP}")).replace("base = \"https://idm.example.com/", words);
    assert!(load_text(&text).is_ok());
}

/// `line: message` of every problem, in the order they are told.
fn placed(text: &str) -> Vec<String> {
    let problems = invalid(load_text(text)).problems;
    let line = |problem: &Problem| format!("{}: {}", problem.line, problem.message);
    problems.iter().map(line).collect()
}

#[test]
fn a_mistake_beside_a_preset_is_placed_where_it_was_made() {
    let text = with(&format!(
        "{OPENIDM}confirm = 5\nnonsense = 1\nposition = \"x\"\n{HTTP}"
    ));
    let consumer = text
        .lines()
        .position(|line| line == "[resource.hr.consumer]")
        .unwrap()
        + 1;
    let at = |line: usize| consumer + line;
    assert_eq!(
        placed(&text),
        [
            format!("{}: `resource.hr.consumer.nonsense` is no known key", at(6)),
            format!(
                "{}: `resource.hr.consumer.position = \"x\"` is not known",
                at(7)
            ),
            format!("{}: `resource.hr.consumer.confirm = 5` is no text", at(5)),
        ]
    );
    let known = told(&text).swap_remove(0);
    for key in ["preset", "source", "schedule", "confirm"] {
        assert!(known.contains(key), "{key}: {known}");
    }
    assert!(!known.contains("any_type"), "{known}");
}

#[test]
fn a_parameter_that_is_misspelt_is_told_before_the_one_that_is_missing() {
    let text = with(&format!("{OPENIDM}{HTTP}")).replace("source = ", "sorce = ");
    let told = told(&text);
    assert_eq!(
        told,
        [
            "`resource.hr.consumer.sorce` is no known key: did you mean `source`?",
            "`resource.hr.consumer.source` is missing: add source = \"system/ldap/account\"",
        ]
    );
}

#[test]
fn a_missing_server_is_told_once() {
    let lines = told(&with(OPENIDM));
    assert_eq!(lines.len(), 1, "{lines:#?}");
    let line = lines.concat();
    assert!(
        line.starts_with("`resource.hr.consumer.http` is missing"),
        "{line}"
    );
    assert!(line.contains("[resource.hr.consumer.http]"), "{line}");
}
