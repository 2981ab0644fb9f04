#![expect(clippy::unwrap_used, reason = "tests")]

use super::{PrefixTable, attribute, take_up};
use crate::directory::entry::Entry;
use crate::model::{AttributeOid, Schema, Syntax};

fn entry(values: &[(&str, &str)]) -> Entry {
    let named = Entry::named("CN=x,CN=Schema,CN=Configuration,DC=lab,DC=test");
    let add = |entry: Entry, (name, value): &(&str, &str)| entry.with(name, [value]);
    values.iter().fold(named, add)
}

const MEMBER: [(&str, &str); 6] = [
    ("attributeID", "2.5.4.31"),
    ("lDAPDisplayName", "member"),
    ("attributeSyntax", "2.5.5.1"),
    ("isSingleValued", "FALSE"),
    ("linkID", "2"),
    ("systemFlags", "18"),
];

#[test]
fn an_attribute_as_the_schema_describes_it() {
    let (member, internal) = attribute(&entry(&MEMBER)).unwrap();
    assert_eq!(member.oid, AttributeOid::new("2.5.4.31"));
    assert_eq!(
        (member.name.as_str(), member.syntax),
        ("member", Syntax::Dn)
    );
    assert!(member.is_forward_link() && !member.is_single_valued);
    assert!(!(member.is_confidential || member.is_not_replicated || member.is_constructed));
    assert_eq!(internal, None);

    let flags = [
        ("systemFlags", "5"),
        ("searchFlags", "648"),
        ("linkID", "3"),
        ("msDS-IntId", "-2034934893"),
    ];
    let (other, internal) = attribute(&entry(&[&MEMBER[..], &flags].concat())).unwrap();
    assert!(other.is_confidential && other.is_not_replicated && other.is_constructed);
    assert!(other.is_back_link());
    assert_eq!(internal, Some(0x86b5_5b93));
}

#[test]
fn what_is_not_understood_says_so() {
    for (name, value) in [
        ("attributeSyntax", "2.5.5.99"),
        ("isSingleValued", "maybe"),
        ("linkID", "two"),
    ] {
        let error = attribute(&entry(&[&MEMBER[..], &[(name, value)]].concat())).unwrap_err();
        assert_eq!(error.attribute, name);
    }
    let (_, without) = MEMBER.split_first().unwrap();
    assert_eq!(
        attribute(&entry(without)).unwrap_err().attribute,
        "attributeID"
    );
}

#[test]
fn an_attribute_is_known_by_both_its_numbers_and_no_name_twice() {
    let table = PrefixTable::standard();
    let mut schema = Schema::default();
    let (member, _) = attribute(&entry(&MEMBER)).unwrap();
    take_up(&mut schema, &table, member.clone(), Some(0x8000_0001));
    assert_eq!(schema.numbered(31), Some(&member));
    assert_eq!(schema.numbered(0x8000_0001), Some(&member));

    let mut second = member.clone();
    second.oid = AttributeOid::new("2.5.4.32");
    "MEMBER".clone_into(&mut second.name);
    take_up(&mut schema, &table, second, None);
    assert_eq!(schema.len(), 1);
    assert_eq!(schema.named("Member"), Some(&member));
}
