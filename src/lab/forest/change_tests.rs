//! Units that move and vanish, writes that collide, and the truth a follower of every change is measured by.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests"
)]

use std::collections::BTreeSet;

use super::*;
use crate::model::Dn;

const PACE: Pace = Pace {
    write_percent: 30,
    interval_ms: 400,
    packet_percent: 50,
    break_percent: 10,
};

fn forest(seed: u64, dcs: usize) -> Forest {
    let shape = Shape {
        users: 20,
        groups: 3,
        ..Shape::of(dcs)
    };
    let mut forest = Forest::new(seed, &shape, 1_000_000).unwrap();
    forest.packet = 3;
    forest
}

/// A forest in which everything has happened for a while; every seed 4 DCs.
fn busy(seed: u64) -> (Forest, i64) {
    let mut forest = forest(seed, 4);
    let mut traffic = Traffic::mixed(PACE, Weights::EVERYTHING);
    let mut now = 2_000_000;
    for _ in 0..400 {
        now += 20;
        traffic
            .tick(&mut forest, now)
            .unwrap_or_else(|error| panic!("seed {seed}: {error}"));
    }
    (forest, now)
}

fn one(forest: &Forest, kind: Kind) -> Uuid {
    forest.dcs[0].of_kind(kind)[0]
}

#[test]
fn numbers_are_those_of_the_prefix_table() {
    // DRSR 5.16.4.
    let prefixes = [
        (0, "2.5.4"),
        (2, "1.2.840.113556.1.2"),
        (9, "1.2.840.113556.1.4"),
        (21, "0.9.2342.19200300.100.1"),
        (22, "2.16.840.1.113730.3.1"),
    ];
    let mut extensions = 0;
    for definition in definitions() {
        let (prefix, last) = definition.oid.rsplit_once('.').unwrap();
        let known = prefixes.iter().find(|(_, known)| *known == prefix);
        assert_eq!(known.is_none(), definition.has_int_id, "{definition:?}");
        match known {
            Some((at, _)) => {
                let number = (at << 16) + last.parse::<u32>().unwrap();
                assert_eq!(number, definition.attid, "{definition:?}");
            }
            // ADTS 3.1.1.2.3: from 0x80000000 to 0xBFFFFFFF.
            None => assert_eq!(definition.attid >> 30, 2, "{definition:?}"),
        }
        extensions += usize::from(definition.has_int_id);
    }
    assert_eq!(extensions, 1);
    let numbers: BTreeSet<u32> = definitions().map(|found| found.attid).collect();
    assert_eq!(numbers.len(), definitions().count());
    let names: BTreeSet<&str> = definitions().map(|found| found.name).collect();
    assert_eq!(names.len(), definitions().count());
}

#[test]
fn every_dc_converges_whatever_happens() {
    let (mut lost, mut deep, mut logons) = (0, 0, 0);
    for seed in 0..20 {
        let (forest, now) = busy(seed);
        let forest = forest.converged(now).unwrap();
        let first = forest.state(0, DOMAIN).unwrap();
        for dc in 0..4 {
            let other = forest.state(dc, DOMAIN).unwrap();
            assert!(first == other, "seed {seed}: DC{}", dc + 1);
            let holder = &forest.dcs[dc];
            for object in holder.objects.values() {
                let theirs = &forest.dcs[0].objects[&object.guid];
                for (attribute, attr) in &object.attrs {
                    if !attribute.is_rdn() && !attribute.is_local() {
                        assert_eq!(attr.stamp, theirs.attrs[attribute].stamp, "seed {seed}");
                    }
                }
                let parent = object.place.parent;
                let placed =
                    parent.is_none_or(|parent| object.is_deleted() || holder.is_live(parent));
                assert!(placed, "seed {seed}: {} is nowhere", object.guid);
            }
        }
        let written = forest.oracle.written().iter();
        for written in written.filter(|written| written.is_visible()) {
            assert!(forest.has(3, written).unwrap(), "seed {seed}: {written:?}");
        }
        lost += forest.dcs[0].children(forest.lost_and_found).len();
        deep += first
            .values()
            .filter(|truth| truth.dn.matches("OU=").count() > 1)
            .count();
        logons += forest.oracle.local_writes;
    }
    assert!(
        lost > 0 && deep > 20 && logons > 50,
        "{lost} {deep} {logons}"
    );
}

#[test]
fn the_look_ups_agree_with_the_objects() {
    for seed in 0..5 {
        let (mut forest, now) = busy(seed);
        let saved = forest.save(1).unwrap();
        forest.settle(now).unwrap();
        forest.restore(1, &saved, now).unwrap();
        for holder in &forest.dcs {
            let mut changed: Vec<_> = holder
                .objects
                .values()
                .map(|o| (o.changed, o.guid))
                .collect();
            changed.sort_unstable();
            let indexed: Vec<_> = holder.changed_after(0).collect();
            assert_eq!(changed, indexed, "seed {seed}");
            for object in holder.objects.values() {
                assert_eq!(holder.order[object.seat], object.guid);
                let name: Dn = dn(&forest, holder, object.guid).unwrap().parse().unwrap();
                assert_eq!(
                    find(&forest, holder, &name),
                    Some(object.guid),
                    "seed {seed}: {name}"
                );
                for group in holder.groups_of(object.guid) {
                    assert!(holder.objects[&group].links[&object.guid].present);
                }
            }
        }
    }
    let forest = forest(1, 1);
    for wrong in [
        "OU=None,DC=sim,DC=test",
        "CN=user1,DC=sim,DC=test",
        "DC=other",
    ] {
        assert_eq!(find(&forest, &forest.dcs[0], &wrong.parse().unwrap()), None);
    }
}

#[test]
fn no_two_moves_make_a_ring() {
    let mut forest = forest(1, 2);
    let head = forest.heads[DOMAIN];
    let [a, b] = ["A", "B"].map(|name| forest.new_unit(0, 2_000_000, name, head).unwrap());
    forest.settle(2_000_000).unwrap();
    forest.rename(0, 2_000_100, a, "A", b).unwrap();
    // The other DC knows nothing of it yet.
    assert_eq!(
        forest.rename(1, 2_000_200, b, "B", a),
        Err(ForestError::Cycle(b))
    );
    assert_eq!(
        forest.rename(0, 2_000_200, a, "A", a),
        Err(ForestError::Cycle(a))
    );
    forest.rename(0, 2_000_300, a, "A2", head).unwrap();
}

#[test]
fn what_loses_its_unit_goes_to_lost_and_found() {
    let mut forest = forest(1, 3);
    let head = forest.heads[DOMAIN];
    let unit = forest.new_unit(0, 2_000_000, "Doomed", head).unwrap();
    forest.settle(2_000_000).unwrap();
    let user = one(&forest, Kind::User);
    forest.rename(1, 2_001_000, user, "late", unit).unwrap();
    assert_eq!(
        forest.delete(1, 2_001_500, unit),
        Err(ForestError::NotEmpty(unit))
    );
    forest.delete(0, 2_002_000, unit).unwrap();
    forest.settle(2_003_000).unwrap();
    for (number, holder) in forest.dcs.iter().enumerate() {
        let object = &holder.objects[&user];
        assert_eq!(object.place.parent, Some(forest.lost_and_found));
        assert!(!object.is_deleted());
        let was_in = object.values(Attribute::LastKnownParent);
        assert_eq!(was_in, [unit.to_bytes_le().to_vec()]);
        let state = forest.state(number, DOMAIN).unwrap();
        assert_eq!(state[&user].dn, "CN=late,CN=LostAndFound,DC=sim,DC=test");
    }
}

#[test]
fn the_deleted_come_back_here_or_there() {
    let mut forest = forest(1, 2);
    let user = one(&forest, Kind::User);
    let home = forest.dcs[0].objects[&user].place.parent.unwrap();
    let units = forest.live_units(0).unwrap();
    let other = *units.iter().find(|unit| **unit != home).unwrap();
    assert!(matches!(
        forest.undelete(0, 2_000_000, user, Changes::new()),
        Err(ForestError::NoTombstone { .. })
    ));
    for (to, expected) in [(None, home), (Some(other), other)] {
        forest.delete(0, 2_000_000, user).unwrap();
        match to {
            None => forest.undelete(0, 2_001_000, user, Changes::new()),
            Some(unit) => forest.undelete_to(0, 2_001_000, user, unit, Changes::new()),
        }
        .unwrap();
        forest.pull(1, 0, 2_002_000).unwrap();
        let there = &forest.dcs[1].objects[&user];
        assert!(!there.is_deleted());
        assert_eq!(there.place.parent, Some(expected));
        assert!(there.values(Attribute::LastKnownParent).is_empty());
    }
}

#[test]
fn a_logon_stays_on_its_dc() {
    let mut forest = forest(1, 2);
    let user = one(&forest, Kind::User);
    let before = [forest.dcs[0].usn, forest.dcs[1].objects[&user].changed];
    let written = forest.oracle.written().len();
    forest.count_logon(0, 2_000_000, user).unwrap();
    forest.count_logon(0, 2_000_100, user).unwrap();
    forest.settle(2_000_200).unwrap();
    let [here, there] = [0, 1].map(|dc: usize| forest.dcs[dc].objects[&user].clone());
    assert_eq!((here.changed, there.changed), (before[0] + 2, before[1]));
    assert_eq!(here.values(Attribute::LogonCount), [b"2".to_vec()]);
    assert!(there.values(Attribute::LogonCount).is_empty());
    assert_eq!(here.when_changed, 2_000);
    assert_eq!(forest.oracle.written().len(), written);
    assert!(
        !forest.state(0, DOMAIN).unwrap()[&user]
            .attributes
            .contains_key("logonCount")
    );
}

#[test]
fn links_are_settled_by_their_creation_first() {
    let mut forest = forest(1, 2);
    let group = forest.new_group(0, 900, 2_000_000).unwrap();
    let user = one(&forest, Kind::User);
    forest.settle(2_000_000).unwrap();
    // Made later but changed less often: it wins all the same.
    forest.link(0, 2_001_000, group, user, true).unwrap();
    forest.link(0, 2_002_000, group, user, false).unwrap();
    forest.link(0, 2_003_000, group, user, true).unwrap();
    forest.link(0, 2_004_000, group, user, false).unwrap();
    forest.link(1, 2_009_000, group, user, true).unwrap();
    forest.settle(2_010_000).unwrap();
    for dc in 0..2 {
        assert!(
            forest.state(dc, DOMAIN).unwrap()[&group]
                .members
                .contains(&user)
        );
        assert_eq!(forest.dcs[dc].objects[&group].links[&user].stamp.version, 1);
        assert!(forest.dcs[dc].groups_of(user).contains(&group));
    }
}

#[test]
fn the_record_names_every_change() {
    let (forest, _) = busy(3);
    let mut stamps = BTreeSet::new();
    let mut names = BTreeSet::new();
    for written in forest.oracle.written() {
        let change = written.change();
        assert!(stamps.insert((change.guid, change.oid, change.target, change.stamp)));
        assert_eq!(change.target.is_some(), change.attribute == MEMBER);
        let definition = definition_named(change.attribute).unwrap();
        assert_eq!(definition.oid, change.oid);
        if written.is_visible() {
            names.insert(change.attribute);
        }
    }
    assert!(
        names.contains("highwaterTestTag") && names.contains(MEMBER),
        "{names:?}"
    );
    assert!(
        !names.contains("unixUserPassword") && !names.contains("cn"),
        "{names:?}"
    );
}

/// Whoever reads what is above the last USN has every value, place and link: nothing changes without a new USN.
#[test]
fn a_reader_of_usns_misses_nothing() {
    for seed in 20..26 {
        let mut forest = forest(seed, 3);
        let mut traffic = Traffic::mixed(PACE, Weights::EVERYTHING);
        let mut held: std::collections::BTreeMap<Uuid, Object> = std::collections::BTreeMap::new();
        let (mut read, mut last) = (0, 0);
        for tick in 0..600 {
            traffic.tick(&mut forest, 2_000_000 + tick * 20).unwrap();
            if tick % 7 != 0 {
                continue;
            }
            let holder = &forest.dcs[0];
            for (_, guid) in holder.changed_after(last) {
                held.insert(guid, holder.objects[&guid].clone());
                read += 1;
            }
            last = holder.usn;
            assert_eq!(held.len(), holder.objects.len(), "seed {seed}");
            for (guid, object) in &holder.objects {
                assert!(held[guid] == *object, "seed {seed}: {guid}");
            }
        }
        assert!(read > held.len(), "seed {seed}");
    }
}
