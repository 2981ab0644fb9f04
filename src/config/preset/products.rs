//! The products: their parameters, and what these stand for. Each says where its shapes come from.

use toml::{Table, Value, toml};
use url::form_urlencoded::byte_serialize;

use super::{Given, Preset};
use crate::config::json_part;

pub(super) const ALL: [Preset; 6] = [
    Preset {
        name: "openidm",
        parameters: &["source", "provisioner", "schedule"],
        expand: openidm,
    },
    Preset {
        name: "syncope",
        parameters: &["resource", "connector", "any_type", "task"],
        expand: syncope,
    },
    Preset {
        name: "midpoint",
        parameters: &["resource", "task", "host_at", "host_path"],
        expand: midpoint,
    },
    Preset {
        name: "ucs",
        parameters: &["instance", "first_host"],
        expand: ucs,
    },
    Preset {
        name: "tdi",
        parameters: &["state_file", "host_file", "host_key", "unit"],
        expand: tdi,
    },
    Preset {
        name: "script",
        parameters: &["cursor_file", "first_host"],
        expand: script,
    },
];

/// A text as one part of a path.
fn segment(text: &str) -> String {
    byte_serialize(text.as_bytes())
        .collect::<String>()
        .replace('+', "%20")
}

/// OpenIDM and PingIDM with the LDAP connector of OpenICF.
///
/// From the source of OpenIDM (`SyncScheduler`: object and identifier, written with the revision read before) and of the
/// connector (`ActiveDirectoryChangeLogSyncStrategy`: the token is a text with the `uSNChanged` of the last object handled,
/// parsed as a 32-bit number), and from the scheduler's documented actions. Pausing twice is answered with success.
fn openidm(given: &mut Given<'_>) -> Table {
    let source = given.need("source", "system/ldap/account");
    let schedule = given.need("schedule", "liveSync_systemLdapAccount");
    let named = source.split('/').nth(1).unwrap_or("ldap").to_owned();
    let provisioner = given.or("provisioner", &named);
    let stage = segment(&source.replace('/', "").to_uppercase());
    let cursor = format!("repo/synchronisation/pooledSyncStage/{stage}");
    let host = format!("config/provisioner.openicf/{}", segment(&provisioner));
    let job = format!("scheduler/job/{}", segment(&schedule));
    let pause = format!("{job}?_action=pause");
    let resume = format!("{job}?_action=resume");
    let running = format!("/[invokeContext.source={}]", json_part(&source));
    toml! {
        shape = "one_usn"
        position = "largest_seen"
        cursor = { http = cursor, json = { updated = "/connectorData/syncToken" }, guard = { revision = "/_rev" } }
        host = { http = host, json = { host = "/configurationProperties/host" } }
        stop = { http = [
            { post = pause },
            { until = { post = "scheduler/job?_action=listCurrentlyExecutingJobs", at = running, within = "10m" } }
        ] }
        start = { http = [{ post = resume }] }
    }
}

/// Apache Syncope with ConnId's Active Directory bundle.
///
/// From the source of Syncope's REST interfaces (`ResourceService`, `ConnectorService`, `TaskService`) and of the token's
/// JSON (`SyncTokenSerializer`). No answer of these carries an ETag.
fn syncope(given: &mut Given<'_>) -> Table {
    let resource = segment(&given.need("resource", "resource-ad"));
    let connector = segment(&given.need("connector", "74141a3b-0762-4720-a4aa-fc3e374ef3ef"));
    let task = segment(&given.need("task", "c41b9b71-9bfa-4f90-89f2-84787def4c5c"));
    let any_type = json_part(&given.or("any_type", "USER"));
    let cursor = format!("resources/{resource}");
    let token = format!("/provisions/[anyType={any_type}]/syncToken#/value");
    let host = format!("connectors/{connector}");
    let pull = format!("tasks/PULL/{task}");
    let job = format!("tasks/{task}/job");
    let again = pull.clone();
    toml! {
        shape = "deleted_comma_updated"
        position = "largest_seen"
        cursor = { http = cursor, json = { updated = token } }
        host = { http = host, json = { host = "/conf/[schema.name=host]/values/0" } }
        stop = { http = [
            { put = pull, set = { "/active" = "false" } },
            { until = { get = job, at = "/running", is = "false", within = "10m" } }
        ] }
        start = { http = [{ put = again, set = { "/active" = "true" } }] }
    }
}

/// midPoint 4.4 and newer with the AD connector, which reads by DirSync: the cookie holds on every DC and is kept.
///
/// From the source of midPoint's REST interface (`ModelRestController`: suspend answers 204, resume 202, and refuses a task
/// that is not suspended).
fn midpoint(given: &mut Given<'_>) -> Table {
    let resource = segment(&given.need("resource", "8d0ba6d1-2b54-4d0e-9d1a-0d6b4b0f0a11"));
    let task = segment(&given.need("task", "0c3a5a0e-7b3c-4c6f-9d64-0b0f6c0b7f10"));
    let properties = "connectorConfiguration/configurationProperties/host";
    let host_at = given.or("host_at", &format!("/resource/{properties}"));
    let host_path = given.or("host_path", properties);
    let read = format!("resources/{resource}?exclude=schema");
    let write = format!("resources/{resource}");
    let delta = serde_json::json!({"objectModification": {"itemDelta": [
        {"modificationType": "replace", "path": host_path, "value": "{host}"}]}});
    let body = delta.to_string();
    let task = format!("tasks/{task}");
    let suspend = format!("{task}/suspend");
    let resume = format!("{task}/resume");
    let again = task.clone();
    toml! {
        shape = "cookie"
        host = { http = read, json = { host = host_at }, patch = write, body = body }
        stop = { http = [{ post = suspend, until = { get = task, at = "/task/executionState", is = "suspended", within = "10m" } }] }
        start = { http = [{ post = resume, until = { get = again, at = "/task/schedulingState", is = "ready", within = "2m" } }] }
    }
}

/// The AD connector of Univention Corporate Server.
///
/// From its source: `lastUSN` is the largest USN seen, searched for with `uSNChanged>=lastUSN+1`, and never lowered in
/// memory, so it is written only while the service is stopped. The host is a variable of its registry (`ucr`).
fn ucs(given: &mut Given<'_>) -> Table {
    let first = given.need("first_host", "dc1.example.com");
    let instance = given.or("instance", "connector");
    let database = format!("/etc/univention/{instance}/internal.sqlite");
    let variable = format!("{instance}/ad/ldap/host");
    let unit = if instance == "connector" {
        "univention-ad-connector.service".to_owned()
    } else {
        format!("univention-ad-{instance}.service")
    };
    let started = unit.clone();
    let script = "ucr set \"$1=$2\" && exec systemctl start \"$3\"";
    toml! {
        shape = "one_usn"
        position = "largest_seen"
        cursor = { sqlite = database, table = "AD", key = "Key", value = "Value", keys = { updated = "lastUSN" } }
        host = { first = first }
        stop = { unit = unit }
        start = ["/bin/sh", "-ec", script, "sh", variable, "{host}", started]
    }
}

/// The AD change detection connector of IBM Tivoli Directory Integrator, with its USNs in a file of properties.
///
/// From its source: a pass begins at `START_USN` again where the other three are 0. `START_USN` is the next USN to be read
/// and not the last one, which is why no more than a start by time is claimed for it. 32-bit numbers.
fn tdi(given: &mut Given<'_>) -> Table {
    let state = given.need("state_file", "/opt/tdi/solution/usn.properties");
    let file = given.need("host_file", "/opt/tdi/solution/ad.properties");
    let key = given.or("host_key", "ad.host");
    let mut table = toml! {
        shape = "one_usn"
        position = "largest_seen"
        cursor = { file = state, properties = { updated = "START_USN" }, also = {
            END_USN = "0", CURRENT_USN_CREATED = "0", CURRENT_USN_CHANGED = "0"
        } }
        host = { file = file, properties = { host = key } }
    };
    units(given, &mut table);
    table
}

/// A script that keeps the last USN, and nothing else, in a file, and is given the host as an argument.
fn script(given: &mut Given<'_>) -> Table {
    let file = given.need("cursor_file", "/var/lib/hr-sync/last-usn");
    let first = given.need("first_host", "dc1.example.com");
    toml! {
        shape = "one_usn"
        position = "largest_seen"
        cursor = { file = file, raw = "updated" }
        host = { first = first }
    }
}

/// `stop` and `start` by the unit, where one is given.
fn units(given: &mut Given<'_>, table: &mut Table) {
    if let Some(unit) = given.text("unit", "ibmdi.service") {
        for key in ["stop", "start"] {
            let turn = Table::from_iter([("unit".to_owned(), Value::from(unit.clone()))]);
            table.insert(key.to_owned(), Value::Table(turn));
        }
    }
}
