//! The JSON Schema of events takes its own examples, and nothing that a receiver could not rely on.

use serde_json::{Value, json};

use super::structure::problems;

fn schema() -> Value {
    serde_json::from_str(include_str!("../../schema/event.schema.json")).unwrap()
}

fn fits(event: &Value) -> bool {
    problems(&schema(), &schema(), event, "").is_empty()
}

fn example(number: usize) -> Value {
    schema()["examples"][number].clone()
}

#[test]
fn its_examples_are_events() {
    let examples = schema()["examples"].as_array().unwrap().clone();
    assert_eq!(examples.len(), 4);
    for example in examples {
        assert!(fits(&example), "{example}");
    }
}

#[test]
fn every_member_that_is_required_is_missed() {
    let places = [
        (0, ""),
        (0, "/data"),
        (0, "/data/readFrom"),
        (0, "/data/attributes/manager"),
        (0, "/data/attributes/userAccountControl"),
        (2, ""),
        (2, "/data"),
    ];
    let mut missed = 0;
    for (number, place) in places {
        let members = example(number).pointer(place).unwrap().clone();
        for member in members.as_object().unwrap().keys() {
            let mut event = example(number);
            let within = event.pointer_mut(place).unwrap();
            within.as_object_mut().unwrap().remove(member);
            assert!(!fits(&event), "{place}/{member} of example {number}");
            missed += 1;
        }
    }
    assert_eq!(missed, 8 + 9 + 3 + 2 + 2 + 7 + 4);
}

#[test]
fn a_value_is_of_one_of_the_known_forms() {
    for (place, wrong) in [
        ("/specversion", json!("0.3")),
        ("/type", json!("highwater.object.rename")),
        ("/subject", json!("CN=Ada")),
        ("/data/op", json!("rename")),
        ("/data/attributes/mail", json!({ "hex": "00" })),
        ("/data/attributes/mail", json!(1.5)),
        ("/data/attributes/otherMailbox", json!([null])),
        ("/data/attributes/manager", json!({ "dn": "CN=Ada" })),
        ("/data/readFrom/usnChanged", json!(-1)),
        ("/data/changed/0/at", json!(5)),
        ("/data/unreadable", json!("employeeID")),
    ] {
        let mut event = example(0);
        *event.pointer_mut(place).unwrap() = wrong.clone();
        assert!(!fits(&event), "{place} = {wrong}");
    }
    let mut event = example(0);
    event["data"]["attributes"]["mail"] = json!(true);
    event["data"]["later"] = json!(1);
    assert!(fits(&event), "what may be added later");
}
