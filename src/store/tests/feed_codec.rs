use std::collections::BTreeMap;

use proptest::prelude::*;

use crate::model::LinkDigest;
use crate::store::feed::codec::{
    Numbered, decode_journal, decode_links, encode_journal, encode_links,
};
use crate::store::feed::place::{cut, end_of, join, path};

fn journals() -> impl Strategy<Value = Vec<(u32, Numbered)>> {
    let number = prop_oneof![0..200_u32, any::<u32>(), Just(u32::MAX)];
    let seconds = prop_oneof![1_700_000_000..1_800_000_000_i64, any::<i64>()];
    let usn = prop_oneof![0..1_000_000_i64, 0..=i64::MAX, Just(i64::MAX)];
    let stamp =
        (any::<u32>(), seconds, 0..300_u32, usn).prop_map(|(version, seconds, origin, usn)| {
            Numbered {
                version,
                seconds,
                origin,
                usn,
            }
        });
    proptest::collection::btree_map(number, stamp, 0..40).prop_map(|all| all.into_iter().collect())
}

proptest! {
    #[test]
    fn a_journal_comes_back(journal in journals()) {
        let octets = encode_journal(&journal);
        prop_assert_eq!(octets.is_empty(), journal.is_empty());
        prop_assert_eq!(decode_journal(&octets).unwrap(), journal);
    }

    #[test]
    fn digests_come_back(
        all in proptest::collection::btree_map(any::<u32>(), any::<[u8; 16]>(), 0..20)
    ) {
        let all: Vec<_> = all.into_iter().map(|(n, digest)| (n, LinkDigest(digest))).collect();
        prop_assert_eq!(decode_links(&encode_links(&all)).unwrap(), all);
    }

    #[test]
    fn any_octets_are_read_in_order_or_refused(octets in proptest::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(journal) = decode_journal(&octets) {
            prop_assert!(journal.windows(2).all(|pair| pair[0].0 < pair[1].0));
            prop_assert!(journal.iter().all(|(_, stamp)| stamp.usn >= 0));
        }
        if let Ok(links) = decode_links(&octets) {
            prop_assert!(links.windows(2).all(|pair| pair[0].0 < pair[1].0));
        }
    }

    #[test]
    fn a_journal_cut_within_an_entry_is_refused(journal in journals()) {
        let whole = encode_journal(&journal);
        let mut ends = std::collections::BTreeSet::new();
        for entries in 0..=journal.len() {
            ends.insert(encode_journal(&journal[..entries]).len());
        }
        for end in 0..whole.len() {
            prop_assert_eq!(decode_journal(&whole[..end]).is_ok(), ends.contains(&end));
        }
    }

    #[test]
    fn a_name_cut_is_the_name(dn in "[a-cA-C=,\\\\ ä]{0,24}") {
        let (rdn, parent) = cut(&dn);
        prop_assert_eq!(join(rdn, parent), dn);
    }

    #[test]
    fn paths_show_what_is_below(
        one in proptest::collection::vec("(OU|CN)=([a-bA-B]|\\\\,|\\\\\\\\|-){1,3}", 1..4),
        two in proptest::collection::vec("(OU|CN)=([a-bA-B]|\\\\,|\\\\\\\\|-){1,3}", 0..3),
        other in proptest::collection::vec("(OU|CN)=([a-bA-B]|\\\\,|\\\\\\\\|-){1,3}", 1..4),
    ) {
        let root = path(&one.join(","));
        let below = path(&two.iter().chain(&one).cloned().collect::<Vec<_>>().join(","));
        let within = |name: &str| name >= root.as_str() && name < end_of(&root).as_str();
        prop_assert!(within(&below));
        let lower = |parts: &[String]| parts.iter().map(|p| p.to_lowercase()).collect::<Vec<_>>();
        let expected = lower(&other).ends_with(&lower(&one));
        prop_assert_eq!(within(&path(&other.join(","))), expected);
    }
}

#[test]
fn stamps_of_one_write_take_few_octets() {
    let stamp = Numbered {
        version: 2,
        seconds: 1_767_225_600,
        origin: 3,
        usn: 1_234_567,
    };
    let journal: BTreeMap<u32, Numbered> = (10..20).map(|number| (number, stamp)).collect();
    let octets = encode_journal(&journal.into_iter().collect::<Vec<_>>());
    assert!(octets.len() <= 12 + 9 * 5, "{}", octets.len());
}

#[test]
fn numbers_out_of_range_are_refused() {
    // A USN below 0, an attribute beyond 32 bits, an origin beyond 32 bits.
    assert!(decode_journal(&[0, 1, 0, 0, 1]).is_err());
    assert!(decode_journal(&[0xFF, 0xFF, 0xFF, 0xFF, 0x10, 1, 0, 0, 0]).is_err());
    assert!(decode_journal(&[0, 1, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0x10, 0]).is_err());
    assert!(decode_journal(&[0, 1, 0, 0, 2]).is_ok());
    assert!(decode_links(&[0; 16]).is_err());
}
