#![expect(clippy::unwrap_used, reason = "tests")]

use base64::prelude::*;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{json_link, json_value, json_values};
use crate::model::{Attribute, AttributeOid, LinkValue, Syntax};

const SYNTAXES: [Syntax; 9] = [
    Syntax::Text,
    Syntax::Integer,
    Syntax::LargeInteger,
    Syntax::Boolean,
    Syntax::Time,
    Syntax::Dn,
    Syntax::DnWithData,
    Syntax::Sid,
    Syntax::Octets,
];

fn attribute(name: &str, syntax: Syntax) -> Attribute {
    Attribute {
        oid: AttributeOid::new("1.2.3"),
        name: name.to_owned(),
        syntax,
        is_single_valued: true,
        link_id: None,
        is_confidential: false,
        is_not_replicated: false,
        is_constructed: false,
    }
}

fn shown(name: &str, syntax: Syntax, value: impl AsRef<[u8]>) -> Value {
    json_value(&attribute(name, syntax), value.as_ref())
}

fn bytes(value: impl AsRef<[u8]>) -> Value {
    json!({ "base64": BASE64_STANDARD.encode(value) })
}

#[test]
fn plain_syntaxes() {
    assert_eq!(shown("sn", Syntax::Text, "Müller"), json!("Müller"));
    assert_eq!(shown("sn", Syntax::Text, b"\xff\xfe"), bytes(b"\xff\xfe"));
    assert_eq!(shown("x", Syntax::Integer, "-5"), json!(-5));
    assert_eq!(
        shown("x", Syntax::Integer, "5000000000"),
        bytes("5000000000")
    );
    assert_eq!(shown("x", Syntax::Boolean, "TRUE"), json!(true));
    assert_eq!(shown("x", Syntax::Boolean, "true"), bytes("true"));
    assert_eq!(shown("photo", Syntax::Octets, "text"), bytes("text"));
    assert_eq!(
        shown(
            "manager",
            Syntax::Dn,
            "<GUID=77477019-4d8d-495d-ad94-b4a05adf5d28>;CN=a,DC=x"
        ),
        json!("CN=a,DC=x")
    );
    assert_eq!(
        shown(
            "w",
            Syntax::DnWithData,
            "B:2:00:<GUID=77477019-4d8d-495d-ad94-b4a05adf5d28>;CN=a"
        ),
        json!("B:2:00:CN=a")
    );
}

#[test]
fn large_integers_are_text_or_times() {
    let large = |name: &str, value: &str| shown(name, Syntax::LargeInteger, value);
    assert_eq!(
        large("uSNCreated", "9007199254740993"),
        json!("9007199254740993")
    );
    assert_eq!(
        large("maxPwdAge", "-36288000000000"),
        json!("-36288000000000")
    );
    assert_eq!(large("pwdLastSet", "0"), json!("never"));
    assert_eq!(
        large("ACCOUNTEXPIRES", "9223372036854775807"),
        json!("never")
    );
    assert_eq!(
        large("lockoutTime", "116444736000000000"),
        json!("1970-01-01T00:00:00.000Z")
    );
    assert_eq!(
        large("pwdLastSet", "133480800001230000"),
        json!("2023-12-26T16:00:00.123Z")
    );
    assert_eq!(
        large("pwdLastSet", "133480800001234567"),
        json!("2023-12-26T16:00:00.1234567Z")
    );
    assert_eq!(
        large("pwdLastSet", "1"),
        json!("1601-01-01T00:00:00.0000001Z")
    );
    assert_eq!(
        large("pwdLastSet", "-1"),
        json!("-1"),
        "means now, when written"
    );
    assert_eq!(
        large("pwdLastSet", "9223372036854775806"),
        json!("9223372036854775806")
    );
    assert_eq!(large("pwdLastSet", "007"), bytes("007"));
}

#[test]
fn both_forms_of_time() {
    let time = |value: &str| shown("whenCreated", Syntax::Time, value);
    assert_eq!(time("20261122100253.0Z"), json!("2026-11-22T10:02:53.000Z"));
    assert_eq!(
        time("20261122100253.250+0100"),
        json!("2026-11-22T09:02:53.250Z")
    );
    assert_eq!(time("230112131415Z"), json!("2023-01-12T13:14:15.000Z"));
    assert_eq!(time("991231235959Z"), json!("1999-12-31T23:59:59.000Z"));
    for odd in ["2026", "", "20261122100253.1234Z", "20261322100253.0Z"] {
        assert_eq!(time(odd), bytes(odd));
    }
}

#[test]
fn names_that_mean_more() {
    let octets: Vec<u8> = (0..16).collect();
    let guid = json!("03020100-0504-0706-0809-0a0b0c0d0e0f");
    assert_eq!(shown("objectGUID", Syntax::Octets, &octets), guid);
    assert_eq!(
        shown("ms-ds-consistencyguid", Syntax::Octets, &octets),
        guid
    );
    assert_eq!(shown("objectGUID", Syntax::Octets, "short"), bytes("short"));
    assert_eq!(
        shown("userAccountControl", Syntax::Integer, "66050"),
        json!({ "value": 66050, "flags": ["ACCOUNT_DISABLE", "NORMAL_ACCOUNT", "DONT_EXPIRE_PASSWD"] })
    );
    assert_eq!(
        shown("groupType", Syntax::Integer, "-2147483646"),
        json!({ "value": -2_147_483_646, "flags": ["ACCOUNT_GROUP", "SECURITY_ENABLED"] })
    );
    assert_eq!(
        shown("sAMAccountType", Syntax::Integer, "805306369"),
        json!({ "value": 805_306_369, "flags": ["MACHINE_ACCOUNT"] })
    );
    assert_eq!(
        shown("sAMAccountType", Syntax::Integer, "7"),
        json!({ "value": 7, "flags": [] })
    );
}

#[test]
fn security_identifiers() {
    let sid = |octets: &[u8]| shown("objectSid", Syntax::Sid, octets);
    let mut octets = vec![1, 5, 0, 0, 0, 0, 0, 5];
    for part in [21_u32, 3_855_967_971, 2_365_970_620, 2_907_121_269, 512] {
        octets.extend(part.to_le_bytes());
    }
    let text = json!("S-1-5-21-3855967971-2365970620-2907121269-512");
    assert_eq!(sid(&octets), text);
    assert_eq!(sid(&[1, 0, 0, 0, 0, 0, 0, 5]), json!("S-1-5"));
    assert_eq!(sid(&[1, 0, 1, 0, 0, 0, 0, 0]), json!("S-1-0x010000000000"));
    octets.pop();
    for odd in [&octets[..], &[2, 0, 0, 0, 0, 0, 0, 5], &[1, 1], &[]] {
        assert_eq!(sid(odd), bytes(odd));
    }
}

#[test]
fn arrays_where_the_schema_allows_many() {
    let mut mail = attribute("proxyAddresses", Syntax::Text);
    assert_eq!(json_values(&mail, &[b"a".to_vec()]), json!("a"));
    mail.is_single_valued = false;
    assert_eq!(json_values(&mail, &[b"a".to_vec()]), json!(["a"]));
    assert_eq!(
        json_values(&mail, &[b"a".to_vec(), b"\xff".to_vec()]),
        json!(["a", bytes(b"\xff")])
    );
    let guid = "77477019-4d8d-495d-ad94-b4a05adf5d28";
    let mut link = LinkValue {
        target: guid.parse().unwrap(),
        data: None,
        dn: "CN=a".to_owned(),
        life: 0,
    };
    assert_eq!(json_link(&link), json!({ "guid": guid, "dn": "CN=a" }));
    link.data = Some("B:2:00".to_owned());
    assert_eq!(
        json_link(&link),
        json!({ "guid": guid, "dn": "CN=a", "data": "B:2:00" })
    );
}

proptest! {
    /// Whatever is not shown in words comes back byte for byte.
    #[test]
    fn nothing_is_lost(value in prop::collection::vec(any::<u8>(), 0..40), which in 0..9_usize, name in "objectGUID|pwdLastSet|groupType|x") {
        let syntax = *SYNTAXES.get(which).unwrap();
        let shown = shown(&name, syntax, &value);
        if let Some(encoded) = shown.get("base64") {
            prop_assert_eq!(BASE64_STANDARD.decode(encoded.as_str().unwrap()).unwrap(), value);
        } else if syntax == Syntax::Text {
            prop_assert_eq!(shown.as_str().unwrap().as_bytes(), value);
        }
    }

    #[test]
    fn every_time_comes_back(ticks in 1..2_650_467_743_999_999_999_i64) {
        let text = shown("pwdLastSet", Syntax::LargeInteger, ticks.to_string());
        let time = chrono::DateTime::parse_from_rfc3339(text.as_str().unwrap()).unwrap();
        let back = time.timestamp() * 10_000_000 + i64::from(time.timestamp_subsec_nanos()) / 100;
        prop_assert_eq!(back + 116_444_736_000_000_000, ticks);
    }
}
