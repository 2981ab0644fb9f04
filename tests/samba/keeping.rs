//! A consumer whose cursor Highwater keeps itself: taken in, moved, and given out again.

use serde_json::{Value, json};

use super::lab::Lab;
use super::product::Configuration;

/// Writes into recovery data the cursor of a sync that has read all of dc1.
fn put_cursor(lab: &Lab, file: &str, generation: u32) {
    let mut recovery: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    assert_eq!(recovery["name"], "ADSyncRecovery_hr");
    let (id, usn) = lab.identity("dc1");
    recovery["cursor"] = json!({
        "generation": generation,
        "cursor": { "ldapHost": "dc1.lab.test", "globalCatalog": null, "invocationId": id,
                    "lastUpdated": usn, "lastDeleted": usn },
        "updatedAt": recovery["exportedAt"],
    });
    std::fs::write(file, recovery.to_string()).unwrap();
}

#[test]
fn a_cursor_kept_in_the_store_is_imported_moved_and_exported() {
    let lab = Lab::fresh();
    let lines = "kind = \"store\"\nposition = \"before_search\"\n";
    let product = Configuration::new(&lab).consumer("hr", lines).write();
    let missing = product.run(&["plan", "hr"]).exits(1);
    assert!(missing.stderr.contains("import"), "{missing}");

    // the cursor of a sync that has read up to now
    let file = lab.scratch().join("ADSyncRecovery_hr.json");
    let file = file.to_str().unwrap();
    product.run(&["export", "hr", file]).success();
    put_cursor(&lab, file, 1);
    let dry = product.json(&["import", "hr", file, "--dry-run"]);
    assert_eq!(dry["cursor"], true);
    product.run(&["plan", "hr"]).exits(1);
    let taken = product.json(&["import", "hr", file, "--yes"]);
    assert_eq!(taken["imported"]["cursor"], true);

    // from here on dc1 is in use, and its vector is kept; then the sync reads on
    product.run(&["collect"]).success();
    put_cursor(&lab, file, 2);
    let taken = product.json(&["import", "hr", file, "--yes", "--replace-cursor"]);
    assert_eq!(taken["imported"]["cursor"], true);

    lab.kill("dc1");
    let words = [
        "failover", "hr", "--to", "dc2", "--method", "vector", "--yes",
    ];
    let done = product.json(&words);
    assert_eq!(done["attempt"]["state"], "done", "{done:#}");
    let new = &done["attempt"]["orders"]["new"];
    let given: Value = product.json(&["export", "hr"]);
    assert_eq!(&given["cursor"]["cursor"], new);
    assert_eq!(new["ldapHost"], "dc2.lab.test");
    assert_eq!(new["invocationId"], lab.identity("dc2").0);
    assert_eq!(new["lastUpdated"], new["lastDeleted"]);
    let generation = given["cursor"]["generation"].as_i64();
    assert!(generation > Some(2), "{generation:?}");
    assert_eq!(
        given["knowledge"]["state"], "held",
        "{}",
        given["knowledge"]
    );

    // a second store takes all of it over
    let other = Configuration::new(&lab).consumer("hr", lines);
    let other = other.store("other.db").write_as("other.toml");
    std::fs::write(file, given.to_string()).unwrap();
    other.json(&["import", "hr", file, "--yes"]);
    let again = other.json(&["export", "hr"]);
    assert_eq!(again["cursor"]["cursor"], given["cursor"]["cursor"]);
    assert_eq!(again["dcs"], given["dcs"]);
    assert_eq!(again["evidence"], given["evidence"]);
}
