#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use proptest::prelude::*;

use super::{invocation_id, vector_from_blob};
use crate::model::{InvocationId, Usn, Vector};

/// Values read from three Samba DCs at one moment: the vector and the invocationId of each.
const DC1: (&str, &str) = (
    "020000000000000002000000000000008a77009b262d1a44a95e8a285b1ee9cd510f00000000000000803ed5deb19d018101bbc7807be24dafaf5d35cf5fcfb84e0f00000000000000803ed5deb19d01",
    "70c7bde2325abc4da6bfc5cc07564a71",
);
const DC2: (&str, &str) = (
    "020000000000000002000000000000008101bbc7807be24dafaf5d35cf5fcfb84e0f00000000000000803ed5deb19d0170c7bde2325abc4da6bfc5cc07564a71341000000000000000803ed5deb19d01",
    "8a77009b262d1a44a95e8a285b1ee9cd",
);
const DC3: (&str, &str) = (
    "020000000000000002000000000000008a77009b262d1a44a95e8a285b1ee9cd510f00000000000000803ed5deb19d0170c7bde2325abc4da6bfc5cc07564a71341000000000000000803ed5deb19d01",
    "8101bbc7807be24dafaf5d35cf5fcfb8",
);

fn hex(text: &str) -> Vec<u8> {
    text.as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

fn vector(entries: &[(&str, i64)]) -> Vector {
    entries
        .iter()
        .map(|(id, usn)| (id.parse().unwrap(), Usn::new(*usn).unwrap()))
        .collect()
}

const ID1: &str = "e2bdc770-5a32-4dbc-a6bf-c5cc07564a71";
const ID2: &str = "9b00778a-2d26-441a-a95e-8a285b1ee9cd";
const ID3: &str = "c7bb0181-7b80-4de2-afaf-5d35cf5fcfb8";

#[test]
fn reads_what_three_dcs_answered() {
    for (dc, expected) in [
        (DC1, [(ID2, 3921), (ID3, 3918)]),
        (DC2, [(ID1, 4148), (ID3, 3918)]),
        (DC3, [(ID1, 4148), (ID2, 3921)]),
    ] {
        assert_eq!(vector_from_blob(&hex(dc.0)).unwrap(), vector(&expected));
    }
    for (dc, id) in [(DC1, ID1), (DC2, ID2), (DC3, ID3)] {
        assert_eq!(invocation_id(&hex(dc.1)).unwrap(), id.parse().unwrap());
    }
}

fn encode(version: u32, entries: &[(InvocationId, i64)]) -> Vec<u8> {
    let mut blob = Vec::new();
    for word in [version, 0, u32::try_from(entries.len()).unwrap(), 0] {
        blob.extend(word.to_le_bytes());
    }
    for (id, usn) in entries {
        blob.extend(id.to_octets());
        blob.extend(usn.to_le_bytes());
        if version == 2 {
            blob.extend(13_408_000_000_i64.to_le_bytes());
        }
    }
    blob
}

#[test]
fn both_versions_give_the_same() {
    let entries = [
        (ID1.parse().unwrap(), 7),
        (ID2.parse().unwrap(), i64::MAX),
        (ID3.parse().unwrap(), 0),
    ];
    let expected = vector(&[(ID1, 7), (ID2, i64::MAX)]);
    assert_eq!(vector_from_blob(&encode(1, &entries)).unwrap(), expected);
    assert_eq!(vector_from_blob(&encode(2, &entries)).unwrap(), expected);
    assert!(vector_from_blob(&encode(2, &[])).unwrap().is_empty());
}

fn refused(value: &[u8]) -> (usize, String) {
    let error = vector_from_blob(value).unwrap_err();
    assert_eq!(error.attribute, "replUpToDateVector");
    (error.offset, error.problem)
}

#[test]
fn garbage_is_refused_where_it_lies() {
    let id: InvocationId = ID1.parse().unwrap();
    let good = encode(2, &[(id, 7)]);
    assert_eq!(refused(b"").0, 0);
    assert_eq!(refused(&good[..3]).0, 0);
    assert_eq!(refused(&good[..10]).0, 8);
    assert_eq!(refused(&good[..14]).0, 12);
    assert_eq!(refused(&encode(3, &[])).0, 0);
    assert_eq!(refused(&good[..good.len() - 1]).0, 8, "cut off");
    assert_eq!(refused(&[good.as_slice(), b"x"].concat()).0, 8, "too long");
    let mut huge = good.clone();
    huge[8..12].copy_from_slice(&u32::MAX.to_le_bytes());
    let (offset, problem) = refused(&huge);
    assert_eq!(offset, 8);
    assert!(problem.contains("4294967295"), "{problem}");
    assert_eq!(refused(&encode(1, &[(id, -1)])).0, 32, "negative USN");
    let twice = encode(1, &[(id, 1), (id, 2)]);
    assert_eq!(refused(&twice).0, 40, "one incarnation twice");
    let nil = InvocationId::from_octets([0; 16]);
    assert_eq!(refused(&encode(1, &[(id, 1), (nil, 2)])).0, 40, "nil GUID");
}

proptest! {
    #[test]
    fn round_trip(
        entries in proptest::collection::btree_map(any::<[u8; 16]>(), 0..=i64::MAX, 0..40),
        version in 1_u32..=2,
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
        prop_assert_eq!(vector_from_blob(&encode(version, &entries)).unwrap(), expected);
    }

    #[test]
    fn any_bytes_never_panic(
        head in prop_oneof![Just(vec![]), Just(vec![1, 0, 0, 0]), Just(vec![2, 0, 0, 0])],
        tail in proptest::collection::vec(any::<u8>(), 0..200),
    ) {
        let value = [head, tail].concat();
        if let Err(error) = vector_from_blob(&value) {
            prop_assert!(error.offset <= value.len());
        }
    }

    #[test]
    fn a_broken_value_is_never_read_past_its_end(
        count in any::<u32>(),
        tail in proptest::collection::vec(any::<u8>(), 0..100),
    ) {
        let mut value = encode(2, &[]);
        value[8..12].copy_from_slice(&count.to_le_bytes());
        value.extend(&tail);
        let fits = u64::from(count) * 32 == tail.len() as u64;
        prop_assert!(fits || vector_from_blob(&value).is_err());
    }
}
