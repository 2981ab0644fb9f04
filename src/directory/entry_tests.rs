#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;

use ldap3::asn1::{PL, StructureTag, TagClass};
use proptest::prelude::*;

use super::{Entry, entry};

impl Entry {
    /// The entry with one more attribute, in place of one of the same name.
    pub(in crate::directory) fn with<V: AsRef<[u8]>>(
        self,
        name: &str,
        values: impl IntoIterator<Item = V>,
    ) -> Self {
        let mut with = Self::named(self.dn.clone());
        let others = self
            .attributes()
            .filter(|(other, _)| !other.eq_ignore_ascii_case(name));
        for (other, values) in others {
            with.put(other, values);
        }
        with.put(name, values);
        with
    }

    fn put<V: AsRef<[u8]>>(&mut self, name: &str, values: impl IntoIterator<Item = V>) {
        for value in values {
            self.add_value(value.as_ref()).unwrap();
        }
        self.close(name).unwrap();
    }
}

fn tag(payload: PL) -> StructureTag {
    StructureTag {
        class: TagClass::Universal,
        id: 4,
        payload,
    }
}

fn text(octets: &[u8]) -> StructureTag {
    tag(PL::P(octets.to_vec()))
}

fn list(parts: impl IntoIterator<Item = StructureTag>) -> StructureTag {
    tag(PL::C(parts.into_iter().collect()))
}

type Attributes = BTreeMap<String, Vec<Vec<u8>>>;

fn sent(dn: &str, attributes: &Attributes) -> StructureTag {
    let attributes = attributes.iter().map(|(name, values)| {
        let values = list(values.iter().map(|value| text(value)));
        list([text(name.as_bytes()), values])
    });
    list([text(dn.as_bytes()), list(attributes)])
}

proptest! {
    #[test]
    fn what_was_sent_is_in_the_entry(
        dn in ".{0,20}",
        attributes in prop::collection::btree_map(
            "[a-z][a-zA-Z]{5}[0-9]{9}(;range=0-9)?",
            prop::collection::vec(prop::collection::vec(any::<u8>(), 0..9), 0..4),
            0..6,
        ),
    ) {
        let found = entry(sent(&dn, &attributes)).unwrap();
        prop_assert_eq!(&found.dn, &dn);
        prop_assert_eq!(found.attributes().len(), attributes.len());
        let mut built = Entry::named(dn);
        for ((name, values), (shown, held)) in attributes.iter().zip(found.attributes()) {
            prop_assert_eq!(shown, name.to_ascii_lowercase());
            prop_assert_eq!(held.len(), values.len());
            prop_assert_eq!(held.is_empty(), values.is_empty());
            prop_assert!(held.eq(values.iter().map(Vec::as_slice)));
            built = built.with(name, values);
        }
        prop_assert_eq!(found, built);
    }
}

#[test]
fn names_are_compared_without_case_and_what_is_absent_is_empty() {
    let entry = Entry::named("CN=x")
        .with("cn", ["x"])
        .with("description", Vec::<&str>::new())
        .with("MemberOf", ["a", "", "bc"]);
    let all: Vec<_> = entry.values("memberOF").collect();
    assert_eq!(all, [&b"a"[..], b"", b"bc"]);
    assert_eq!(entry.first("MEMBEROF"), Some(&b"a"[..]));
    assert_eq!(entry.first("description"), None);
    assert!(entry.values("description").is_empty());
    assert!(entry.values("sn").is_empty());
    assert_eq!(entry.first("sn"), None);
}

#[test]
fn what_is_no_entry_is_refused() {
    let name = || text(b"cn");
    for (wrong, problem) in [
        (text(b"x"), "a search result entry is no sequence"),
        (list([]), "the entry's name is missing"),
        (list([text(b"x")]), "the entry has no attribute list"),
        (
            list([text(&[0xff]), list([])]),
            "the entry's name is not UTF-8",
        ),
        (
            list([text(b"x"), text(b"y")]),
            "the attribute list is no sequence",
        ),
        (
            list([text(b"x"), list([text(b"y")])]),
            "an attribute is no sequence",
        ),
        (
            list([text(b"x"), list([list([name()])])]),
            "attribute cn has no value set",
        ),
        (
            list([text(b"x"), list([list([name(), text(b"v")])])]),
            "a value set is no sequence",
        ),
        (
            list([text(b"x"), list([list([name(), list([list([])])])])]),
            "a value is no octet string",
        ),
    ] {
        assert_eq!(entry(wrong).unwrap_err(), problem);
    }
}
