//! Replication converges, vectors are honest, and a rolled-back DC behaves as a real one.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use super::*;

const PACE: Pace = Pace {
    write_percent: 30,
    interval_ms: 400,
    packet_percent: 50,
    break_percent: 10,
};

fn small(seed: u64, dcs: usize) -> Forest {
    let shape = Shape {
        users: 20,
        groups: 3,
        ..Shape::of(dcs)
    };
    let mut forest = Forest::new(seed, &shape, 1_000_000).unwrap();
    forest.packet = 3;
    forest
}

fn live(forest: &mut Forest, traffic: &mut Traffic, from: i64, ticks: i64) -> i64 {
    for tick in 0..ticks {
        traffic.tick(forest, from + tick * 20).unwrap();
    }
    from + ticks * 20
}

/// What of an object must be the same everywhere.
fn image(object: &Object) -> String {
    let attrs: Vec<_> = object
        .attrs
        .iter()
        .filter(|(attribute, _)| !attribute.is_rdn())
        .map(|(attribute, attr)| (attribute, attr.stamp, &attr.values))
        .collect();
    let links: Vec<_> = object
        .links
        .iter()
        .map(|(target, link)| (target, link.created, link.stamp, link.present))
        .collect();
    format!("{:?} {attrs:?} {links:?}", object.place)
}

#[test]
fn the_same_seed_gives_the_same_forest() {
    let run = |seed| {
        let mut forest = small(seed, 3);
        live(&mut forest, &mut Traffic::new(PACE), 2_000_000, 200);
        format!("{:?}", forest.dcs)
    };
    assert_eq!(run(7), run(7));
    assert_ne!(run(7), run(8));
}

#[test]
fn every_dc_converges() {
    for seed in 0..20 {
        let mut forest = small(seed, 4);
        let end = live(&mut forest, &mut Traffic::new(PACE), 2_000_000, 400);
        forest.settle(end).unwrap();
        let first = &forest.dcs[0];
        let deleted = first.objects.values().filter(|object| object.is_deleted());
        assert!(deleted.count() > 3, "seed {seed}: the traffic deletes");
        for other in &forest.dcs[1..] {
            assert_eq!(first.objects.len(), other.objects.len(), "seed {seed}");
            for (guid, object) in &first.objects {
                assert_eq!(image(object), image(&other.objects[guid]), "seed {seed}");
                assert_eq!(
                    dn(&forest, first, *guid),
                    dn(&forest, other, *guid),
                    "seed {seed}"
                );
            }
        }
    }
}

/// Lemma L: an entry u of A's vector for B means that A has, or has superseded, all that B held at local USN ≤ u.
#[test]
fn a_vector_entry_covers_what_the_partner_held() {
    let mut checks = 0;
    for seed in 0..20 {
        let mut forest = small(seed, 4);
        let mut traffic = Traffic::new(PACE);
        let mut now = 2_000_000;
        for _ in 0..20 {
            now = live(&mut forest, &mut traffic, now, 20);
            for a in &forest.dcs {
                for b in &forest.dcs {
                    let known = a.vector(DOMAIN).get(&b.invocation_id).copied();
                    for object in b.objects.values().filter(|object| object.nc == DOMAIN) {
                        for (attribute, attr) in &object.attrs {
                            if attribute.is_rdn() || known.is_none_or(|known| attr.local > known) {
                                continue;
                            }
                            let held = &a.objects[&object.guid].attrs[attribute];
                            assert!(held.stamp >= attr.stamp, "seed {seed}");
                            checks += 1;
                        }
                    }
                }
            }
        }
    }
    assert!(checks > 10_000, "{checks}");
}

#[test]
fn the_rdn_attribute_is_stamped_by_every_dc() {
    let forest = small(1, 2);
    let [a, b] = [&forest.dcs[0], &forest.dcs[1]];
    let user = a
        .objects
        .values()
        .find(|object| object.is_a("user"))
        .unwrap();
    let other = &b.objects[&user.guid];
    assert_eq!(
        user.attrs[&Attribute::Name].stamp,
        other.attrs[&Attribute::Name].stamp
    );
    assert_eq!(user.attrs[&Attribute::Cn].stamp.by, a.invocation_id);
    assert_eq!(other.attrs[&Attribute::Cn].stamp.by, b.invocation_id);
}

#[test]
fn a_received_link_bumps_the_group_and_a_renamed_container_no_child() {
    let mut forest = small(1, 2);
    let group = *forest.dcs[0]
        .objects
        .iter()
        .find(|(_, o)| o.is_a("group"))
        .unwrap()
        .0;
    let user = forest.new_user(0, 9_000, 3_000_000).unwrap();
    forest.pull(1, 0, 3_000_000).unwrap();
    let before = forest.dcs[1].objects[&group].changed;
    forest.link(0, 3_000_100, group, user, true).unwrap();
    forest.pull(1, 0, 3_000_200).unwrap();
    assert!(forest.dcs[1].objects[&group].changed > before);
    assert!(forest.dcs[1].objects[&group].links[&user].present);

    let unit = forest.dcs[0].objects[&user].place.parent.unwrap();
    let changed = forest.dcs[0].objects[&user].changed;
    let old = dn(&forest, &forest.dcs[0], user).unwrap();
    forest
        .rename(0, 3_000_300, unit, "Renamed", forest.heads[DOMAIN])
        .unwrap();
    assert_eq!(forest.dcs[0].objects[&user].changed, changed);
    assert_ne!(dn(&forest, &forest.dcs[0], user).unwrap(), old);
}

#[test]
fn a_restored_dc_loses_nothing_and_a_rolled_back_one_makes_a_hole() {
    for properly in [true, false] {
        let mut forest = small(3, 3);
        let saved = forest.save(1).unwrap();
        for number in 0..10 {
            forest.new_user(1, 9_000 + number, 3_000_000).unwrap();
        }
        forest.settle(3_000_100).unwrap();
        let old = forest.dcs[1].invocation_id;
        if properly {
            forest.restore(1, &saved, 3_000_200).unwrap();
            assert_ne!(forest.dcs[1].invocation_id, old);
            let settings = &forest.dcs[1].objects[&forest.dcs[1].settings];
            let id = forest.dcs[1].invocation_id.to_octets().to_vec();
            assert_eq!(settings.values(Attribute::InvocationId), [id]);
        } else {
            forest.roll_back(1, &saved, 3_000_200).unwrap();
            assert!(forest.dcs[0].vector(DOMAIN)[&old] > forest.dcs[1].usn);
        }
        let lost = forest.new_user(1, 9_500, 3_000_300).unwrap();
        forest.settle(3_000_400).unwrap();
        assert_eq!(forest.dcs[0].objects.contains_key(&lost), properly);
        assert!(
            forest.dcs[1]
                .objects
                .values()
                .any(|o| o.place.rdn == "user9005")
                == properly
        );
    }
}

#[test]
fn cut_dead_and_read_only_dcs_do_not_replicate() {
    let mut shape = Shape::of(3);
    shape.dcs[2].is_read_only = true;
    let mut forest = Forest::new(1, &shape, 1_000_000).unwrap();
    assert!(!forest.can_replicate(0, 2) && forest.can_replicate(2, 0));
    assert!(matches!(
        forest.new_user(2, 1, 0),
        Err(ForestError::NoWrites(_))
    ));
    forest.cut(1, 0, true);
    assert!(!forest.can_replicate(0, 1) && !forest.can_replicate(1, 0));
    forest.cut(0, 1, false);
    assert!(forest.can_replicate(0, 1));
    forest.dc_mut(1).unwrap().is_alive = false;
    assert!(!forest.can_replicate(0, 1));
}

#[test]
fn the_oracle_tells_missed_from_ahead() {
    let mut forest = small(5, 2);
    let user = *forest.dcs[0]
        .objects
        .iter()
        .find(|(_, o)| o.is_a("user"))
        .unwrap()
        .0;
    let whole = |forest: &Forest, dc: usize| {
        let holder = &forest.dcs[dc];
        let held = holder
            .objects
            .values()
            .filter(|object| object.nc == DOMAIN)
            .map(|object| {
                let stamps = object
                    .attrs
                    .iter()
                    .map(|(attribute, attr)| (*attribute, attr.stamp))
                    .collect();
                let mut attributes: std::collections::BTreeMap<_, _> = object
                    .attrs
                    .iter()
                    .map(|(attribute, attr)| (*attribute, attr.values.clone()))
                    .collect();
                let name = dn(forest, holder, object.guid).unwrap();
                attributes.insert(Attribute::Name, text(name));
                let present = object.links.iter().filter(|(_, link)| link.present);
                let members = present.map(|(target, _)| *target).collect();
                (
                    object.guid,
                    Held {
                        attributes,
                        stamps,
                        members,
                    },
                )
            });
        held.collect::<std::collections::BTreeMap<_, _>>()
    };
    let before = whole(&forest, 0);
    assert_eq!(forest.compare(1, &before).unwrap(), Comparison::default());
    forest
        .set(0, 5_000_000, user, [(Attribute::Sn, text("new"))].into())
        .unwrap();
    let missed = forest.compare(0, &before).unwrap();
    assert_eq!((missed.missed.len(), missed.ahead), (1, 0), "{missed:?}");
    let after = whole(&forest, 0);
    let ahead = forest.compare(1, &after).unwrap();
    assert_eq!((ahead.missed.len(), ahead.ahead), (0, 1), "{ahead:?}");
}
