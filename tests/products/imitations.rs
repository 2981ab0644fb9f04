//! What the three products answer, as far as a move needs it. Written from their public interfaces, see the presets.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::product::{Answer, Request, answer};

/// What a product has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct World {
    /// Documents by path; `REV` stands for the revision.
    pub(crate) documents: BTreeMap<String, String>,
    pub(crate) revision: u32,
    /// Whether the sync is scheduled.
    pub(crate) is_active: bool,
    /// For how many looks a run goes on once the sync is no longer scheduled.
    pub(crate) runs_on: u32,
    pub(crate) conflicts: u32,
}

impl World {
    fn new(documents: &[(&str, &str)]) -> Self {
        let documents = documents.iter();
        Self {
            documents: documents
                .map(|(path, text)| ((*path).to_owned(), (*text).to_owned()))
                .collect(),
            revision: 7,
            is_active: true,
            runs_on: 0,
            conflicts: 0,
        }
    }

    fn is_running(&mut self) -> bool {
        let runs = self.is_active || self.runs_on > 0;
        self.runs_on = self.runs_on.saturating_sub(1);
        runs
    }

    fn read(&self, path: &str) -> Answer {
        match self.documents.get(path) {
            Some(text) => answer(200, text.replace("REV", &self.revision.to_string())),
            None => answer(404, r#"{"code":404,"reason":"Not Found"}"#),
        }
    }

    /// Takes a whole document.
    fn write(&mut self, path: &str, body: &str, success: u16) -> Answer {
        if serde_json::from_str::<Value>(body).is_err() || !self.documents.contains_key(path) {
            return answer(400, "{}");
        }
        let mine = format!("\"_rev\":\"{}\"", self.revision);
        let text = body.replace(&mine, "\"_rev\":\"REV\"");
        self.documents.insert(path.to_owned(), text.clone());
        self.revision += 1;
        let body = text.replace("REV", &self.revision.to_string());
        answer(success, if success == 204 { String::new() } else { body })
    }
}

fn is_known(request: &Request) -> bool {
    // highwater:hunter2
    request.headers.get("authorization").map(String::as_str)
        == Some("Basic aGlnaHdhdGVyOmh1bnRlcjI=")
}

const STAGE: &str = "/openidm/repo/synchronisation/pooledSyncStage/SYSTEMLDAPACCOUNT";
const PROVISIONER: &str = "/openidm/config/provisioner.openicf/ldap";

/// OpenIDM, its live sync not running between two of its turns.
pub(crate) fn openidm() -> World {
    World::new(&[
        (
            STAGE,
            r#"{"_id":"SYSTEMLDAPACCOUNT","_rev":"REV","connectorData":{"nativeType":"java.lang.String","syncToken":"5000"},"precise":1.50}"#,
        ),
        (
            PROVISIONER,
            r#"{"_id":"provisioner.openicf/ldap","configurationProperties":{"host":"dc1.example.com","port":636,"credentials":{"$crypto":{"value":"x"}}},"poolConfigOption":{"maxWait":1.5e5}}"#,
        ),
    ])
}

pub(crate) fn serve_openidm(world: &mut World, request: &Request) -> Answer {
    if !is_known(request) {
        return answer(401, r#"{"code":401,"reason":"Unauthorized"}"#);
    }
    match (request.method.as_str(), request.path.as_str()) {
        ("GET", path) => world.read(path),
        ("PUT", STAGE) => {
            // The repository refuses another revision than the one that stands.
            if request.headers.get("if-match") != Some(&format!("\"{}\"", world.revision)) {
                world.conflicts += 1;
                return answer(412, r#"{"code":412,"reason":"Precondition Failed"}"#);
            }
            world.write(STAGE, &request.body, 200)
        }
        ("PUT", PROVISIONER) => {
            let given = world.write(PROVISIONER, &request.body, 200);
            // A configuration has no revision of the repository's objects.
            world.revision -= 1;
            given
        }
        ("POST", "/openidm/scheduler/job/liveSync?_action=pause") => {
            world.is_active = false;
            answer(200, r#"{"success":true}"#)
        }
        ("POST", "/openidm/scheduler/job/liveSync?_action=resume") => {
            world.is_active = true;
            answer(200, r#"{"success":true}"#)
        }
        ("POST", "/openidm/scheduler/job?_action=listCurrentlyExecutingJobs") => {
            let other = json!({"invokeContext": {"action": "reconcile", "mapping": "a_b"}});
            let ours =
                json!({"invokeContext": {"action": "liveSync", "source": "system/ldap/account"}});
            let runs = world.runs_on > 0;
            world.runs_on = world.runs_on.saturating_sub(1);
            let jobs = if runs { vec![other, ours] } else { vec![other] };
            answer(200, Value::from(jobs).to_string())
        }
        _ => answer(400, "{}"),
    }
}

const RESOURCE: &str = "/syncope/rest/resources/ad";
const CONNECTOR: &str = "/syncope/rest/connectors/conn";
const PULL: &str = "/syncope/rest/tasks/PULL/pull";

/// Syncope with a resource of users and groups.
pub(crate) fn syncope() -> World {
    World::new(&[
        (
            RESOURCE,
            r#"{"key":"ad","connector":"conn","provisions":[{"anyType":"GROUP","syncToken":null},{"anyType":"USER","objectClass":"__ACCOUNT__","syncToken":"{\"type\":\"String\",\"value\":\"4990,5000\"}"}],"propagationPriority":null}"#,
        ),
        (
            CONNECTOR,
            r#"{"key":"conn","displayName":"AD","conf":[{"schema":{"name":"port"},"overridable":false,"values":[636]},{"schema":{"name":"host"},"overridable":false,"values":["dc1.example.com"]},{"schema":{"name":"credentials"},"values":["secret"]}]}"#,
        ),
        (
            PULL,
            r#"{"_class":"org.apache.syncope.common.lib.to.PullTaskTO","key":"pull","active":true,"cronExpression":"0 * * * * ?","pullMode":"INCREMENTAL"}"#,
        ),
    ])
}

pub(crate) fn serve_syncope(world: &mut World, request: &Request) -> Answer {
    if !is_known(request) {
        return answer(401, "");
    }
    match (request.method.as_str(), request.path.as_str()) {
        ("GET", "/syncope/rest/tasks/pull/job") => {
            let is_running = world.runs_on > 0;
            world.runs_on = world.runs_on.saturating_sub(1);
            answer(
                200,
                json!({"type": "TASK", "refKey": "pull", "running": is_running}).to_string(),
            )
        }
        ("GET", path) => world.read(path),
        ("PUT", path @ (RESOURCE | CONNECTOR | PULL)) => {
            let given = world.write(path, &request.body, 204);
            world.is_active = world.documents[PULL].contains("\"active\":true");
            given
        }
        _ => answer(405, ""),
    }
}

const AD: &str = "/midpoint/ws/rest/resources/ad";

/// midPoint with a live synchronization task.
pub(crate) fn midpoint() -> World {
    World::new(&[(
        AD,
        r#"{"resource":{"oid":"ad","version":"3","connectorConfiguration":{"configurationProperties":{"host":"dc1.example.com","port":636}}}}"#,
    )])
}

pub(crate) fn serve_midpoint(world: &mut World, request: &Request) -> Answer {
    if !is_known(request) {
        return answer(401, "");
    }
    match (request.method.as_str(), request.path.as_str()) {
        ("GET", "/midpoint/ws/rest/resources/ad?exclude=schema") => world.read(AD),
        ("PATCH", AD) => {
            let delta: Value = serde_json::from_str(&request.body).unwrap();
            let item = &delta["objectModification"]["itemDelta"][0];
            let is_ours = item["modificationType"] == "replace"
                && item["path"] == "connectorConfiguration/configurationProperties/host";
            let Some(host) = item["value"].as_str().filter(|_| is_ours) else {
                return answer(400, "");
            };
            let document: Value = serde_json::from_str(&world.documents[AD]).unwrap();
            let old =
                &document["resource"]["connectorConfiguration"]["configurationProperties"]["host"];
            let text = world.documents[AD].replace(&old.to_string(), &json!(host).to_string());
            world.documents.insert(AD.to_owned(), text);
            answer(204, "")
        }
        ("POST", "/midpoint/ws/rest/tasks/live/suspend") => {
            world.is_active = false;
            answer(204, "")
        }
        // A task that is not suspended is refused.
        ("POST", "/midpoint/ws/rest/tasks/live/resume") if world.is_active => answer(500, "{}"),
        ("POST", "/midpoint/ws/rest/tasks/live/resume") => {
            world.is_active = true;
            answer(202, "{}")
        }
        ("GET", "/midpoint/ws/rest/tasks/live") => {
            let scheduling = if world.is_active {
                "ready"
            } else {
                "suspended"
            };
            let execution = match (world.is_running(), world.is_active) {
                (true, true) => "runnable",
                (true, false) => "running",
                (false, _) => "suspended",
            };
            let task = json!({"task": {"oid": "live", "executionState": execution, "schedulingState": scheduling}});
            answer(200, task.to_string())
        }
        _ => answer(405, ""),
    }
}
