#![expect(clippy::unwrap_used, reason = "tests")]

use super::super::tests::{fields, settings};
use super::fill;
use crate::consumer::outside::spot::Field::{Cookie, Host, Updated};

const TEXT: &str = r#"{"usn": 12, "host": "dc1", "token": "12"}"#;

#[test]
fn fields_are_put_in_as_found() {
    let settings = settings(&[(Updated, "/usn"), (Host, "/host")]);
    let old = fields(&[(Updated, "12"), (Host, "dc1")]);
    let new = fields(&[(Updated, "7"), (Host, "d\"c{updated}")]);
    let body = r#"[{"op":"test","value":"{old_updated}"},{"v":"{updated}","h":"{host}","u":"ldap://{host}:389/{updated}","x":"\"{updated}"}]"#;
    let filled = fill(body, &settings, TEXT, &old, &new).unwrap();
    assert_eq!(
        filled,
        r#"[{"op":"test","value":12},{"v":7,"h":"d\"c{updated}","u":"ldap://d\"c{updated}:389/7","x":"\"7"}]"#
    );
    assert!(serde_json::from_str::<serde_json::Value>(&filled).is_ok());
}

#[test]
fn a_field_that_is_not_new_stays() {
    let settings = settings(&[(Updated, "/token"), (Host, "/host")]);
    let old = fields(&[(Updated, "12"), (Host, "dc1")]);
    let new = fields(&[(Host, "dc2")]);
    let filled = fill(
        r#"{"a":"{updated}{","b":"{host}"}{"#,
        &settings,
        TEXT,
        &old,
        &new,
    )
    .unwrap();
    assert_eq!(filled, r#"{"a":"12{","b":"dc2"}{"#);
}

#[test]
fn a_field_that_was_not_read_is_told() {
    let settings = settings(&[(Updated, "/usn")]);
    let flaw = fill(
        r#"{"c":"{cookie}"}"#,
        &settings,
        TEXT,
        &fields(&[(Updated, "12")]),
        &fields(&[(Updated, "3")]),
    )
    .unwrap_err();
    assert_eq!(flaw.what, "`{cookie}` of the body");
    assert!(!fields(&[(Cookie, "x")]).is_empty());
}
