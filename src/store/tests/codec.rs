use proptest::prelude::*;

use super::harness::vector;
use crate::model::{InvocationId, Usn, Vector};
use crate::store::vector_codec::{apply_changes, decode_whole, encode_changes, encode_whole};

/// Vectors over few ids, so that two of them share some; USNs from the whole range.
fn vectors() -> impl Strategy<Value = Vector> {
    let usn = prop_oneof![1..=300_i64, 1..=i64::MAX, Just(i64::MAX)];
    let id = (0..40_u8).prop_map(|number| InvocationId::from_octets([number.wrapping_mul(37); 16]));
    proptest::collection::btree_map(id, usn, 0..40).prop_map(|entries| {
        let entry = |(id, usn)| (id, Usn::new(usn).unwrap());
        entries.into_iter().map(entry).collect()
    })
}

proptest! {
    #[test]
    fn a_whole_vector_comes_back(vector in vectors()) {
        let entries = decode_whole(&encode_whole(&vector)).unwrap();
        prop_assert_eq!(entries.into_iter().collect::<Vector>(), vector);
    }

    #[test]
    fn changes_make_the_vector_of_its_base(base in vectors(), vector in vectors()) {
        let entries: Vec<_> = base.iter().collect();
        let changes = encode_changes(&entries, &vector);
        prop_assert_eq!(changes.is_empty(), base == vector);
        prop_assert_eq!(apply_changes(&entries, &changes).unwrap(), vector);
    }

    #[test]
    fn any_octets_are_read_or_refused(base in vectors(), octets in proptest::collection::vec(any::<u8>(), 0..200)) {
        let entries: Vec<_> = base.iter().collect();
        if let Ok(vector) = apply_changes(&entries, &octets) {
            prop_assert!(vector.iter().all(|(_, usn)| usn > Usn::ZERO));
        }
        if let Ok(whole) = decode_whole(&octets) {
            prop_assert!(whole.windows(2).all(|pair| pair[0].0 < pair[1].0));
        }
    }

    #[test]
    fn a_whole_vector_cut_short_is_refused(vector in vectors(), cut in 1..30_usize) {
        let octets = encode_whole(&vector);
        let end = octets.len().saturating_sub(cut);
        prop_assert!(end == 0 || decode_whole(&octets[..end]).is_err());
    }
}

#[test]
fn one_risen_entry_of_many_costs_a_few_bytes() {
    let entries: Vec<(u128, i64)> = (1..=1_000).map(|number| (number, 1_000_000)).collect();
    let base = vector(&entries);
    let base: Vec<_> = base.iter().collect();
    let mut risen = entries;
    risen[500].1 += 50;
    assert!(encode_changes(&base, &vector(&risen)).len() <= 7);
}

#[test]
fn garbage_is_refused() {
    let base: Vec<_> = vector(&[(1, 10), (2, 20)]).iter().collect();
    let refused: [&[u8]; 7] = [
        &[1],                      // a list that is not there
        &[1, 2, 2, 0, 0],          // an index beyond the base
        &[1, 0, 19, 0, 0],         // 10 - 10: no USN
        &[1, 0, 21, 0, 0],         // below 0
        &[0, 0, 0, 9],             // octets left over
        &[0xFF; 11],               // a number beyond 64 bits
        &[0, 0, 0xFF, 0xFF, 0x7F], // more entries than octets
    ];
    for octets in refused {
        assert!(apply_changes(&base, octets).is_err(), "{octets:?}");
    }
    let twice = [vec![2], vec![7; 16], vec![1], vec![7; 16], vec![1]].concat();
    assert!(decode_whole(&twice).is_err());
}
