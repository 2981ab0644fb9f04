#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use proptest::prelude::*;

use super::{vector_from_binary, vector_from_xml};
use crate::model::{InvocationId, Usn, Vector};

const ID1: &str = "e2bdc770-5a32-4dbc-a6bf-c5cc07564a71";
const ID2: &str = "9b00778a-2d26-441a-a95e-8a285b1ee9cd";

fn vector(entries: &[(&str, i64)]) -> Vector {
    entries
        .iter()
        .map(|(id, usn)| (id.parse().unwrap(), Usn::new(*usn).unwrap()))
        .collect()
}

fn binary(id: InvocationId, usn: i64, name: Option<&str>) -> Vec<u8> {
    let mut value = id.to_octets().to_vec();
    value.extend(usn.to_le_bytes());
    value.extend(134_080_000_000_000_000_i64.to_le_bytes());
    value.extend(name.map_or(0_u32, |_| 36).to_le_bytes());
    if let Some(name) = name {
        for unit in name.encode_utf16().chain([0]) {
            value.extend(unit.to_le_bytes());
        }
    }
    value
}

fn xml(root: &str, id: impl std::fmt::Display, usn: impl std::fmt::Display) -> Vec<u8> {
    format!(
        "<{root}>\r\n\t<uuidSourceDsaInvocationID>{id}</uuidSourceDsaInvocationID>\r\n\
         \t<usnAttributeFilter>{usn}</usnAttributeFilter>\r\n\
         \t<ftimeLastSyncSuccess>2026-11-22T10:02:53Z</ftimeLastSyncSuccess>\r\n\
         \t<pszSourceDsaDN>CN=NTDS Settings,CN=DC1</pszSourceDsaDN>\r\n</{root}>\r\n\0"
    )
    .into_bytes()
}

#[test]
fn binary_values() {
    let (one, two) = (ID1.parse().unwrap(), ID2.parse().unwrap());
    let values = [
        binary(one, 4148, Some("CN=NTDS Settings,CN=DC1")),
        binary(two, 0, None),
    ];
    assert_eq!(vector_from_binary(&values).unwrap(), vector(&[(ID1, 4148)]));
    let offset = |value: Vec<u8>| vector_from_binary(&[value]).unwrap_err().offset;
    let good = binary(one, 1, Some("CN=x"));
    assert_eq!(offset(good[..15].to_vec()), 0);
    assert_eq!(offset(good[..20].to_vec()), 16);
    assert_eq!(offset(good[..30].to_vec()), 24);
    assert_eq!(offset(good[..34].to_vec()), 32);
    assert_eq!(
        offset(good[..good.len() - 2].to_vec()),
        32,
        "no end of the name"
    );
    assert_eq!(offset(binary(one, -5, None)), 16, "negative");
    for elsewhere in [1_u32, 35, 10_000, u32::MAX] {
        let mut value = good.clone();
        value[32..36].copy_from_slice(&elsewhere.to_le_bytes());
        assert_eq!(offset(value), 32, "name at {elsewhere}");
    }
    let twice = [binary(one, 1, None), binary(one, 2, None)];
    assert!(
        vector_from_binary(&twice)
            .unwrap_err()
            .problem
            .contains(ID1)
    );
}

#[test]
fn xml_values_whatever_the_root_is_called() {
    let values = [
        xml("DS_REPL_CURSOR", ID1, 4148),
        xml("DS_REPL_CURSOR_2", ID2.to_uppercase(), 3921),
    ];
    assert_eq!(
        vector_from_xml(&values).unwrap(),
        vector(&[(ID1, 4148), (ID2, 3921)])
    );
}

#[test]
fn broken_xml_is_refused() {
    let problem = |value: &[u8]| vector_from_xml(&[value.to_vec()]).unwrap_err();
    assert!(problem(b"").problem.contains("no XML"));
    assert!(problem(b"<a>").problem.contains("no XML"));
    assert_eq!(problem(b"<a>\xff</a>").offset, 3);
    assert_eq!(problem(b"<a>\n  <b></c>\n</a>").offset, 9);
    assert!(
        problem(b"<a/>")
            .problem
            .contains("uuidSourceDsaInvocationID")
    );
    assert!(problem(&xml("a", "no-guid", 1)).problem.contains("no-guid"));
    for usn in ["-1", "", "1e3", "9223372036854775808", "+7"] {
        let error = problem(&xml("a", ID1, usn));
        assert!(error.problem.contains("usnAttributeFilter"), "{error}");
    }
    let twice = xml("a", ID1, 1);
    let twice = String::from_utf8(twice).unwrap().replace(
        "<pszSourceDsaDN>",
        "<usnAttributeFilter>2</usnAttributeFilter><pszSourceDsaDN>",
    );
    assert!(problem(twice.as_bytes()).problem.contains("twice"));
    let entity = format!("<!DOCTYPE a [<!ENTITY x \"{ID1}\">]><a>&x;</a>");
    assert!(problem(entity.as_bytes()).problem.contains("no XML"));
    let deep = "<a>".repeat(20_000);
    assert!(problem(deep.as_bytes()).problem.contains("no XML"));
    let long = " ".repeat(65 * 1024);
    assert!(problem(long.as_bytes()).problem.contains("too many"));
}

proptest! {
    #[test]
    fn round_trip(
        entries in proptest::collection::btree_map(any::<[u8; 16]>(), 0..=i64::MAX, 0..20),
        name in proptest::option::of("[a-zA-Zäß=, ]{0,20}"),
    ) {
        let entries: Vec<_> = entries
            .into_iter()
            .filter(|(octets, _)| *octets != [0; 16])
            .map(|(octets, usn)| (InvocationId::from_octets(octets), usn))
            .collect();
        let expected: Vector = entries
            .iter()
            .map(|(id, usn)| (*id, Usn::new(*usn).unwrap()))
            .collect();
        let blobs: Vec<_> = entries.iter().map(|(id, usn)| binary(*id, *usn, name.as_deref())).collect();
        prop_assert_eq!(&vector_from_binary(&blobs).unwrap(), &expected);
        let documents: Vec<_> = entries.iter().map(|(id, usn)| xml("r", id, usn)).collect();
        prop_assert_eq!(&vector_from_xml(&documents).unwrap(), &expected);
    }

    #[test]
    fn any_bytes_never_panic(values in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..80), 0..4)) {
        let empty = values.is_empty();
        prop_assert!(empty || vector_from_xml(&values).is_err());
        if let Err(error) = vector_from_binary(&values) {
            prop_assert!(values.iter().any(|value| error.offset <= value.len()));
        }
    }

    #[test]
    fn damaged_xml_never_panics(at in 0_usize..250, with in any::<u8>(), cut in 0_usize..300) {
        let mut value = xml("DS_REPL_CURSOR", ID1, 4148);
        if let Some(byte) = value.get_mut(at) {
            *byte = with;
        }
        value.truncate(cut);
        if let Err(error) = vector_from_xml(std::slice::from_ref(&value)) {
            prop_assert!(error.offset <= value.len());
        }
    }
}
