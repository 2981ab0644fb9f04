#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use proptest::prelude::*;

use super::{Range, Reading, draft, key_parts};
use crate::directory::decode::DecodeError;
use crate::directory::entry::Entry;
use crate::directory::projection::Projection;
use crate::model::{Attribute, AttributeOid, Schema, Syntax};

const A: &str = "<GUID=00000000-0000-0000-0000-00000000000a>;";
const B: &str = "<GUID=00000000-0000-0000-0000-00000000000b>;";

fn oid(text: &str) -> AttributeOid {
    AttributeOid::new(text)
}

fn schema() -> Schema {
    let mut schema = Schema::default();
    for (number, name, syntax, link_id) in [
        (0, "objectClass", Syntax::Text, None),
        (4, "sn", Syntax::Text, None),
        (13, "description", Syntax::Text, None),
        (31, "member", Syntax::Dn, Some(2)),
        (49, "seeAlso", Syntax::Dn, None),
        (50, "msDS-KeyCredentialLink", Syntax::DnWithData, Some(2220)),
    ] {
        let attribute = Attribute {
            oid: oid(&format!("2.5.4.{number}")),
            name: name.to_owned(),
            syntax,
            is_single_valued: false,
            link_id,
            is_confidential: false,
            is_not_replicated: false,
            is_constructed: false,
        };
        schema.insert(attribute, Some(number));
    }
    schema
}

fn blob(attids: &[u32]) -> Vec<u8> {
    let mut blob = Vec::new();
    for word in [1, 0, u32::try_from(attids.len()).unwrap(), 0] {
        blob.extend(word.to_le_bytes());
    }
    for attid in attids {
        blob.extend(attid.to_le_bytes());
        blob.extend(1_u32.to_le_bytes());
        blob.extend(12_000_000_000_i64.to_le_bytes());
        blob.extend([7; 16]);
        blob.extend(5_i64.to_le_bytes());
        blob.extend(6_i64.to_le_bytes());
    }
    blob
}

fn bare(more: &[(&str, &[&str])]) -> Entry {
    let own = Entry::named(format!("{A}CN=x,DC=lab")).with("uSNChanged", ["77"]);
    let add = |entry: Entry, (name, values): &(&str, &[&str])| entry.with(name, *values);
    more.iter().fold(own, add)
}

fn entry(more: &[(&str, &[&str])]) -> Entry {
    bare(more).with("objectGUID", [[3; 16]])
}

fn read(entry: &Entry) -> Result<super::Draft, DecodeError> {
    let schema = schema();
    let names = ["sn", "member", "seeAlso", "msDS-KeyCredentialLink"].map(str::to_owned);
    let projection = Projection::new(&schema, &names, &[]).unwrap();
    draft(entry, &Reading::new(&schema, &projection))
}

#[test]
fn an_image_has_what_was_asked_for_by_the_schema() {
    let entry = entry(&[
        ("sn", &["Müller"]),
        ("description", &["not asked for"]),
        ("objectClass", &["top", "user"]),
        ("seeAlso", &[&format!("{A}CN=a")]),
        (
            "member",
            &[
                &format!("{B}CN=b"),
                &format!("{A}CN=a"),
                &format!("{A}CN=older name of a"),
            ],
        ),
        ("isDeleted", &["TRUE"]),
        ("lastKnownParent", &[&format!("{B}OU=p")]),
    ]);
    let stamps = blob(&[0, 4, 13, 31, 0x1234_5678]);
    let entry = entry.with("replPropertyMetaData", [stamps]);
    let draft = read(&entry).unwrap();
    let image = draft.image;
    assert!(draft.rest.is_empty());
    assert_eq!(
        (image.dn.as_str(), image.usn_changed.get()),
        ("CN=x,DC=lab", 77)
    );
    assert_eq!(
        (image.is_deleted, image.last_known_parent.as_deref()),
        (true, Some("OU=p"))
    );
    let stamped: Vec<&str> = image.stamps.keys().map(AttributeOid::as_str).collect();
    assert_eq!(
        stamped,
        ["2.5.4.0", "2.5.4.13", "2.5.4.4"],
        "also what is not followed, never a link"
    );
    assert!(image.stamps_readable);
    assert_eq!(image.unknown_stamps, 1);
    let valued: Vec<&str> = image.values.keys().map(AttributeOid::as_str).collect();
    assert_eq!(valued, ["2.5.4.0", "2.5.4.4", "2.5.4.49"]);
    assert_eq!(image.values[&oid("2.5.4.49")], [b"CN=a".to_vec()]);
    let links = &image.links[&oid("2.5.4.31")];
    let names: Vec<&str> = links.iter().map(|link| link.dn.as_str()).collect();
    assert_eq!(names, ["CN=a", "CN=b"]);
}

#[test]
fn values_of_one_link_may_differ_in_their_data_alone() {
    let values = [
        format!("B:2:00:{A}CN=a"),
        format!("B:2:01:{A}CN=a"),
        format!("B:2:00:{A}CN=a"),
    ];
    let values: Vec<&str> = values.iter().map(String::as_str).collect();
    let image = read(&entry(&[("msDS-KeyCredentialLink", &values)]))
        .unwrap()
        .image;
    let links = &image.links[&oid("2.5.4.50")];
    let data: Vec<Option<&str>> = links.iter().map(|link| link.data.as_deref()).collect();
    assert_eq!(data, [Some("B:2:00"), Some("B:2:01")]);
}

#[test]
fn stamps_that_are_not_shown_are_not_no_stamps() {
    let image = read(&entry(&[])).unwrap().image;
    assert!(!image.stamps_readable && image.stamps.is_empty());
}

#[test]
fn a_range_says_where_to_read_on_and_empty_lists_are_nothing() {
    let draft = read(&entry(&[
        ("member;range=0-1499", &[&format!("{A}CN=a")]),
        ("member", &[]),
        ("sn;range=0-*", &["a"]),
        ("seeAlso;binary", &["CN=another attribute"]),
    ]))
    .unwrap();
    assert_eq!(draft.rest.len(), 1);
    assert_eq!(
        (draft.rest[0].name.as_str(), draft.rest[0].next),
        ("member", 1500)
    );
    assert_eq!(draft.image.links[&oid("2.5.4.31")].len(), 1);
    assert!(!draft.image.values.contains_key(&oid("2.5.4.49")));
    assert_eq!(
        read(&entry(&[("member", &[])])).unwrap().image.links.len(),
        0
    );
}

#[test]
fn what_cannot_be_is_an_error_that_names_the_attribute() {
    let refused = |entry: &Entry| read(entry).unwrap_err().attribute;
    assert_eq!(refused(&entry(&[("member", &["CN=no guid"])])), "member");
    assert_eq!(refused(&entry(&[("uSNChanged", &["-1"])])), "uSNChanged");
    assert_eq!(refused(&entry(&[("isDeleted", &["yes"])])), "isDeleted");
    assert_eq!(
        refused(&entry(&[("replPropertyMetaData", &["x"])])),
        "replPropertyMetaData"
    );
    assert_eq!(
        refused(&entry(&[("member;range=9-1", &[])])),
        "member;range=9-1"
    );
    assert_eq!(refused(&bare(&[])), "objectGUID");
}

#[test]
fn keys_and_their_ranges() {
    let range = |first, last| Some(("m", Some(Range { first, last })));
    assert_eq!(key_parts("m").unwrap(), Some(("m", None)));
    assert_eq!(key_parts("m;range=0-1499").unwrap(), range(0, Some(1499)));
    assert_eq!(key_parts("m;range=1500-*").unwrap(), range(1500, None));
    assert_eq!(key_parts("m;lang-de").unwrap(), None);
    for wrong in ["m;range=", "m;range=1", "m;range=*-1", "m;range=2-1"] {
        assert!(key_parts(wrong).is_err(), "{wrong}");
    }
}

proptest! {
    #[test]
    fn no_entry_makes_it_panic(
        attributes in prop::collection::btree_map(
            "(objectguid|usnchanged|member|sn|replpropertymetadata|seealso)(;range=[0-9*]{1,21}-[0-9*]{1,21})?",
            prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..3),
            0..6,
        ),
        dn in ".{0,20}",
    ) {
        let add = |entry: Entry, (name, values): (&String, &Vec<Vec<u8>>)| entry.with(name, values);
        let _ = read(&attributes.iter().fold(Entry::named(dn), add));
    }
}
