use std::collections::BTreeMap;

use uuid::Uuid;

use super::*;
use crate::model::{InvocationId, Vector};

fn vector(usn: i64) -> Vector {
    Vector::new().with(
        InvocationId::from_uuid(Uuid::from_u128(1)),
        Usn::new(usn).unwrap(),
    )
}

fn standing(told: i64, held: Option<i64>) -> Standing {
    let context = FeedContext {
        told: vector(told),
        held: held.map(vector),
        ..FeedContext::default()
    };
    Standing::of(&context, Some(InvocationId::from_uuid(Uuid::from_u128(2))))
}

#[test]
fn k_and_s_stand_as_the_rules_say() {
    assert_eq!(standing(5, Some(5)), Standing::Level);
    assert_eq!(standing(5, Some(4)), Standing::Behind);
    assert_eq!(standing(5, None), Standing::Unknown);
    assert_eq!(standing(0, None), Standing::Untold);
}

#[test]
fn the_overlap_does_not_count_against_what_the_dc_wrote_itself() {
    let own = InvocationId::from_uuid(Uuid::from_u128(1));
    let context = FeedContext {
        told: vector(500),
        held: Some(vector(400)),
        ..FeedContext::default()
    };
    assert_eq!(Standing::of(&context, Some(own)), Standing::Level);
}

#[test]
fn a_load_is_as_far_as_its_usns() {
    let usn = |n| Usn::new(n).unwrap();
    let [one, two]: [Dn; 2] = ["DC=a", "DC=b"].map(|dn| dn.parse().unwrap());
    let load = |committed, done: &[(&Dn, i64)]| Load {
        pass: 1,
        is_resync: false,
        replaces: false,
        since: UtcMs::from_millis(0),
        by: None,
        invocation_id: InvocationId::from_uuid(Uuid::from_u128(1)),
        committed: usn(committed),
        vectors: BTreeMap::from([(one.clone(), vector(1)), (two.clone(), vector(1))]),
        settled: BTreeMap::new(),
        done: done
            .iter()
            .map(|(nc, n)| ((*nc).clone(), usn(*n)))
            .collect(),
        max_deletes: None,
    };
    let percent = |load| LoadStatus::of(load, 0).percent;
    assert_eq!(percent(load(1_000, &[])), 0);
    assert_eq!(percent(load(1_000, &[(&one, 1_000)])), 50);
    assert_eq!(percent(load(1_000, &[(&one, 1_000), (&two, 999)])), 99);
    assert_eq!(percent(load(1_000, &[(&one, 5_000), (&two, 1_000)])), 100);
    assert_eq!(percent(load(0, &[])), 100);
    let most = i64::MAX;
    assert_eq!(percent(load(most, &[(&one, most), (&two, most)])), 100);
}
