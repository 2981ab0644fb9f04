#![expect(clippy::unwrap_used, reason = "tests")]

use super::{Projection, ProjectionError};
use crate::model::{Attribute, AttributeOid, Schema, Syntax};

/// Attributes by name: plain ones, and one of every kind that is treated apart.
fn schema() -> Schema {
    let mut schema = Schema::default();
    for (at, name) in [
        "sn",
        "telephoneNumber",
        "member",
        "memberOf",
        "canonicalName",
        "badPwdCount",
        "whenChanged",
        "lastLogonTimestamp",
        "unicodePwd",
        "MSLAPS-EncryptedPassword",
        "userPassword",
        "employeeSecret",
        "objectGUID",
        "distinguishedName",
        "objectClass",
    ]
    .into_iter()
    .enumerate()
    {
        let attribute = Attribute {
            oid: AttributeOid::new(&format!("1.2.{at}")),
            name: name.to_owned(),
            syntax: Syntax::Text,
            is_single_valued: true,
            link_id: match name {
                "member" => Some(2),
                "memberOf" => Some(3),
                _ => None,
            },
            is_confidential: name == "employeeSecret",
            is_not_replicated: matches!(
                name,
                "badPwdCount" | "whenChanged" | "objectGUID" | "distinguishedName"
            ),
            is_constructed: name == "canonicalName",
        };
        schema.insert(attribute, None);
    }
    schema
}

fn lists(attributes: &[&str], exclude: &[&str]) -> Result<Projection, ProjectionError> {
    let owned = |list: &[&str]| list.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
    Projection::new(&schema(), &owned(attributes), &owned(exclude))
}

fn names(attributes: &[&str], exclude: &[&str]) -> Vec<String> {
    let mut names = lists(attributes, exclude).unwrap().names();
    names.sort();
    names
}

fn refusal(attributes: &[&str], exclude: &[&str]) -> String {
    lists(attributes, exclude).unwrap_err().to_string()
}

#[test]
fn everything_is_what_can_be_followed_and_is_no_noise_and_no_secret() {
    assert_eq!(
        names(&["*"], &[]),
        ["member", "objectClass", "sn", "telephoneNumber"]
    );
    assert_eq!(
        names(&["*"], &["SN", "member"]),
        ["objectClass", "telephoneNumber"]
    );
}

#[test]
fn what_is_named_comes_though_it_is_noise_confidential_or_secret() {
    let named = [
        "SN",
        "lastLogonTimestamp",
        "employeeSecret",
        "mslaps-encryptedpassword",
        "userPassword",
        "objectGUID",
    ];
    assert_eq!(
        names(&named, &[]),
        [
            "MSLAPS-EncryptedPassword",
            "employeeSecret",
            "lastLogonTimestamp",
            "sn",
            "userPassword"
        ]
    );
    assert_eq!(names(&["*", "userpassword"], &["sn"]).len(), 4);
}

#[test]
fn what_cannot_be_followed_is_refused_by_its_name() {
    for name in [
        "memberOf",
        "canonicalName",
        "badPwdCount",
        "whenchanged",
        "UNICODEPWD",
    ] {
        let said = refusal(&["*", name], &[]);
        assert!(said.to_lowercase().contains(&name.to_lowercase()), "{said}");
        assert!(said.contains("take it out"), "{said}");
    }
}

#[test]
fn a_misspelt_name_is_refused_with_what_was_meant() {
    let said = refusal(&["telefoneNumber"], &[]);
    assert!(
        said.contains("`telefoneNumber`") && said.contains("`telephoneNumber`"),
        "{said}"
    );
    assert!(refusal(&["*"], &["membr"]).contains("`member`"));
    assert!(!refusal(&["qqqqqqqqqqqq"], &[]).contains("did you mean"));
}

#[test]
fn nothing_to_follow_is_refused() {
    assert_eq!(lists(&["sn"], &["sn"]), Err(ProjectionError::Nothing));
    assert_eq!(lists(&[], &[]), Err(ProjectionError::Nothing));
    assert_eq!(lists(&["objectGUID"], &[]), Err(ProjectionError::Nothing));
}

#[test]
fn the_fingerprint_is_of_what_is_followed_not_of_how_it_was_written() {
    let print =
        |attributes: &[&str], exclude: &[&str]| lists(attributes, exclude).unwrap().fingerprint();
    assert_eq!(
        print(&["*"], &["sn"]),
        print(&["telephonenumber", "objectClass", "member"], &[])
    );
    assert_ne!(print(&["*"], &["sn"]), print(&["*"], &[]));
    assert!(print(&["sn"], &[]).starts_with("1 attributes, sha256 "));
}

#[test]
fn wants_what_it_names() {
    let projection = lists(&["sn"], &[]).unwrap();
    assert!(projection.wants(&AttributeOid::new("1.2.0")));
    assert!(!projection.wants(&AttributeOid::new("1.2.1")));
}
