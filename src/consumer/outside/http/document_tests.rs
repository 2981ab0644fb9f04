#![expect(clippy::unwrap_used, reason = "tests")]

use proptest::prelude::*;

use super::{is_there, value, with};
use crate::config::JsonPath;

fn path(text: &str) -> JsonPath {
    text.parse().unwrap()
}

/// As OpenIDM keeps it, with what no parse-and-print would keep.
const STAGE: &str = r#" {"_id":"SYSTEMLDAPACCOUNT", "_rev":"3","connectorData":{ "nativeType":"integer","syncToken" : 1, "x":[1e400,0.10]},"z":null}
"#;

/// As Syncope keeps it.
const RESOURCE: &str = r#"{"provisions":[{"anyType":"GROUP","syncToken":"{\"type\":\"String\",\"value\":\"1,2\"}"},{"anyType":"USER","syncToken":"{\"type\":\"String\",\"value\":\"5,9\"}","n":{"v":["a","b"]}}]}"#;

#[test]
fn a_value_is_replaced_in_its_kind_and_nothing_else() {
    let at = path("/connectorData/syncToken");
    assert_eq!(value(STAGE, &at).unwrap().unwrap(), "1");
    let edited = with(STAGE, &at, "4711").unwrap();
    assert_eq!(
        edited,
        STAGE.replace("\"syncToken\" : 1,", "\"syncToken\" : 4711,")
    );
    assert_eq!(with(&edited, &at, "1").unwrap(), STAGE);
    let text = STAGE.replace(": 1,", ": \"1\",");
    let edited = with(&text, &at, "4711").unwrap();
    assert_eq!(edited, STAGE.replace(": 1,", ": \"4711\","));
    assert!(
        with(STAGE, &at, "1,2")
            .unwrap_err()
            .must
            .contains("whole number")
    );
    assert!(with(STAGE, &at, "01").is_err());
    let flag = with(r#"{"a":true}"#, &path("/a"), "false").unwrap();
    assert_eq!(flag, r#"{"a":false}"#);
    assert!(with(&flag, &path("/a"), "no").is_err());
}

#[test]
fn a_text_that_is_json_is_gone_into() {
    let at = path("/provisions/[anyType=USER]/syncToken#/value");
    assert_eq!(value(RESOURCE, &at).unwrap().unwrap(), "5,9");
    let edited = with(RESOURCE, &at, "3,4").unwrap();
    assert_eq!(edited, RESOURCE.replace("5,9", "3,4"));
    assert_eq!(with(&edited, &at, "5,9").unwrap(), RESOURCE);
    assert!(value(RESOURCE, &path("/provisions/[anyType=USER]/n#/v")).is_err());
    assert!(value(RESOURCE, &path("/provisions/1/anyType#/v")).is_err());
}

#[test]
fn lists_are_picked_from_and_counted() {
    assert_eq!(
        value(RESOURCE, &path("/provisions/1/n/v/0"))
            .unwrap()
            .unwrap(),
        "a"
    );
    assert_eq!(value(RESOURCE, &path("/provisions/7/n")).unwrap(), None);
    assert_eq!(
        value(RESOURCE, &path("/provisions/[anyType=X]/n")).unwrap(),
        None
    );
    assert!(is_there(RESOURCE, &path("/provisions/[anyType=USER]")).unwrap());
    assert!(!is_there(RESOURCE, &path("/provisions/[n.v=a]")).unwrap());
    let conf = r#"{"conf":[{"schema":{"name":"port"},"values":[389]},{"schema":{"name":"host"},"values":["dc1"]}]}"#;
    let at = path("/conf/[schema.name=host]/values/0");
    assert_eq!(with(conf, &at, "dc2").unwrap(), conf.replace("dc1", "dc2"));
    let twice = r#"[{"a":1},{"a":1}]"#;
    assert!(
        value(twice, &path("/[a=1]/a"))
            .unwrap_err()
            .value
            .contains("twice")
    );
}

#[test]
fn what_is_not_there_is_none_and_not_written() {
    for at in ["/z", "/y", "/z/a", "/connectorData/q", "/z#/a"] {
        assert_eq!(value(STAGE, &path(at)).unwrap(), None, "{at}");
        assert!(!is_there(STAGE, &path(at)).unwrap());
        assert_eq!(
            with(STAGE, &path(at), "1").unwrap_err().value,
            "missing or null"
        );
    }
}

#[test]
fn flaws_do_not_tell_the_document() {
    let secret = "hunter2";
    for (text, at) in [
        (format!("{{\"p\":\"{secret}\""), "/p"),
        (format!("{{\"p\":\"{secret}\"}}"), "/p/q"),
        (format!("{{\"p\":\"{secret}\"}}"), "/p#/q"),
        (format!("{{\"p\":\"{secret}\"}}"), "/p/[a=1]/b"),
        (format!("{{\"p\":{{\"q\":\"{secret}\"}}}}"), "/p"),
        (format!("{{\"p\":\"{secret}\",\"p\":\"{secret}\"}}"), "/p"),
        (secret.to_owned(), "/p"),
        (String::new(), "/p"),
    ] {
        let flaw = value(&text, &path(at)).unwrap_err();
        assert!(!format!("{flaw:?}").contains(secret), "{flaw:?}");
        assert!(with(&text, &path(at), "1").is_err());
    }
}

proptest! {
    #[test]
    fn any_document_keeps_all_but_the_value(
        before in "[a-z]{1,4}", text in "\\PC{0,12}", new in "\\PC{0,12}", number in any::<i64>(), blanks in "[ \n]{0,3}"
    ) {
        let quote = |text: &str| serde_json::Value::from(text).to_string();
        let document = format!(
            "{{{blanks}\"_{before}\":{blanks}[{number}, {{}}],\"at\"{blanks}:{{\"t\":{},\"n\":{number}{blanks}}},\"s\":{}}}",
            quote(&text), quote(&format!("{{\"in\":{}}}", quote(&text)))
        );
        for at in ["/at/t", "/s#/in"] {
            let at = path(at);
            prop_assert_eq!(value(&document, &at).unwrap().unwrap(), text.clone());
            let edited = with(&document, &at, &new).unwrap();
            prop_assert_eq!(value(&edited, &at).unwrap().unwrap(), new.clone());
            prop_assert_eq!(with(&edited, &at, &text).unwrap(), document.clone());
        }
        let edited = with(&document, &path("/at/n"), "7").unwrap();
        prop_assert_eq!(with(&edited, &path("/at/n"), &number.to_string()).unwrap(), document.clone());
    }

    #[test]
    fn garbage_is_no_panic(text in "\\PC{0,40}", at in "(/[a-z0-9]{0,2}){1,3}(#/a)?") {
        let at = path(&at);
        drop((value(&text, &at), is_there(&text, &at), with(&text, &at, "1")));
    }
}
