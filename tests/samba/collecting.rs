//! Sampling the DCs once, and what is seen of it: each figure is read a second time without Highwater.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use super::consumer::Consumer;
use super::lab::{CLIENT, DCS, Lab, host};
use super::process::until;
use super::product::{Configuration, verdict};

/// A DC's up-to-dateness vector of the domain, read by ldapsearch and decoded as DRSR 5.205 lays it out.
fn vector_of(lab: &Lab, dc: &str) -> BTreeMap<String, u64> {
    const DECODE: &str = r#"
import base64, json, struct, subprocess, sys, uuid
found = subprocess.run(["ldapsearch", "-LLL", "-o", "ldif-wrap=no", "-x", "-H", "ldaps://" + sys.argv[1],
    "-D", "administrator@LAB.TEST", "-w", "Passw0rd.Lab1", "-b", "DC=lab,DC=test", "-s", "base", "replUpToDateVector"],
    check=True, capture_output=True, text=True).stdout
blob = base64.b64decode(found.split("replUpToDateVector:: ")[1].split("\n")[0])
version, _, count, _ = struct.unpack_from("<IIII", blob)
assert version == 2 and len(blob) == 16 + 32 * count, (version, count, len(blob))
entries = [struct.unpack_from("<16sqq", blob, 16 + 32 * i) for i in range(count)]
print(json.dumps({str(uuid.UUID(bytes_le=raw)): usn for raw, usn, _ in entries}))
"#;
    let found = lab.exec(CLIENT, &["/usr/bin/python3", "-c", DECODE, &host(dc)]);
    serde_json::from_value(found.success().json()).unwrap()
}

#[test]
fn one_collection_samples_every_dc_and_keeps_the_vector_of_the_dc_in_use() {
    let lab = Lab::fresh();
    let consumer = Consumer::new(&lab, "dc1", &["--record-id"]);
    let product = Configuration::new(&lab).sync(&consumer, "").write();
    product.run(&["config", "check"]).success();
    lab.settle();

    let round = product.json(&["collect"]);
    let polls = round["polls"].as_array().unwrap();
    let names: Vec<&Value> = polls.iter().map(|poll| &poll["dc"]).collect();
    assert_eq!(names, DCS);
    for dc in DCS {
        let rows = product.samples("hr", dc);
        let [sample] = rows.as_slice() else {
            panic!("one sample of {dc} was collected: {rows:?}");
        };
        let (id, committed) = lab.identity(dc);
        assert_eq!(sample["invocation_id"], id);
        let usn = sample["committed"].as_u64().unwrap();
        assert!(
            usn <= committed && usn + 20 > committed,
            "{dc}: sampled at {usn}, and a moment later {committed}"
        );
        assert!(sample["void"].is_null(), "{sample}");
    }

    // replication has always something to note: read the vector before and after until it stood still meanwhile
    let mut before = BTreeMap::new();
    until("a quiet moment", Duration::from_secs(30), || {
        before = vector_of(&lab, "dc1");
        product.run(&["collect", "--dc", "dc1"]).success();
        before == vector_of(&lab, "dc1")
    });
    // a poll after the collection: the vector collected is one the cursor has passed
    consumer.poll().success();
    let plan = product.json(&["plan", "hr", "--method", "vector"]);
    assert_eq!(before.len(), DCS.len() - 1, "{before:?}");
    for dc in ["dc2", "dc3"] {
        let (id, _) = lab.identity(dc);
        let start = &verdict(&plan, dc)["starts"]["vector"]["start"];
        let usn = start["usn"].as_u64();
        assert_eq!(usn, before.get(&id).copied(), "{dc}: {plan:#}");
        assert_eq!(start["proven"], true);
        assert_eq!(start["evidence"]["kind"], "source_sample");
    }
    assert_eq!(plan["chosen"]["method"], "vector");
    let why_not_dc1 = &verdict(&plan, "dc1")["why_not"];
    assert!(why_not_dc1.to_string().contains("in_use"), "{why_not_dc1}");
}

#[test]
fn check_status_and_discovery_tell_what_there_is() {
    let lab = Lab::fresh();
    let consumer = Consumer::new(&lab, "dc1", &[]);
    let product = Configuration::new(&lab).sync(&consumer, "").write();

    let checked = product.json(&["check"]);
    for dc in checked["dcs"].as_array().unwrap() {
        for finding in dc["findings"].as_array().unwrap() {
            assert_ne!(finding["verdict"], "fail", "{}: {finding}", dc["dc"]);
        }
    }
    let cursor = &checked["cursors"][0];
    assert_eq!(cursor["dc"], "dc1");
    assert!(cursor["problem"].is_null(), "{cursor}");

    product.run(&["collect"]).success();
    let status = product.json(&["status"]);
    assert_eq!(status["service_runs"], false);
    assert_eq!(status["resources"][0]["dc_in_use"], "dc1");
    for (at, dc) in DCS.iter().enumerate() {
        let shown = &status["dcs"][at];
        assert_eq!(shown["dc"], *dc);
        assert_eq!(shown["samples"], 1);
        assert_eq!(shown["invocation_id"], lab.identity(dc).0);
        assert!(shown["failing"].is_null() && shown["quarantine"].is_null());
    }

    let found = product.json(&["discover"]);
    let found = found.as_array().unwrap();
    assert_eq!(found.len(), DCS.len(), "{found:#?}");
    for dc in DCS {
        let one = found.iter().find(|one| one["host"] == host(dc));
        let one = one.unwrap_or_else(|| panic!("{dc} was not found: {found:#?}"));
        assert_eq!(one["in_dns"], true, "{one}");
        assert_eq!(one["directory"]["invocation_id"], lab.identity(dc).0);
    }

    let stub = product
        .run(&["discover", "--host", &host("dc1"), "--stub"])
        .success();
    let text = std::fs::read_to_string(lab.scratch().join("highwater.toml")).unwrap();
    let head = text.split("[dc.dc1]").next().unwrap();
    let tail = text.split("[resource.hr]").nth(1).unwrap();
    let made = format!("{head}\n{}\n[resource.hr]{tail}", stub.stdout);
    let file = lab.scratch().join("made.toml");
    std::fs::write(&file, made).unwrap();
    let words = ["--config", file.to_str().unwrap(), "config", "check"];
    lab.highwater(&words).success();
}
