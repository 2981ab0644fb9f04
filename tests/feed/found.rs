//! What fresh seeds found wrong once, laid out step by step: with all rules everything ends well.

use highwater::lab::forest::{Attribute, Kind, text};

use crate::run::{Make, Run, Stepped};
use crate::running::{block_on, with_all_rules};
use crate::shown::Filter;
use crate::source::Asked;
use crate::weather::Weather;

pub(crate) const EVERYTHING: Make = Make {
    filter: Some(Filter::Everything),
    is_still: true,
    is_below: false,
};

/// The story goes well: nothing is wrong in the end.
pub(crate) fn goes_well(make: Make, story: &impl AsyncFn(&mut Run)) {
    let _all = with_all_rules();
    for seed in 1..=6 {
        block_on(async {
            let mut run = Run::new(seed, &Weather::FAIR, make).await;
            story(&mut run).await;
            run.settle().await;
            let wrong = run.wrong().await;
            assert!(wrong.is_empty(), "seed {seed}: {wrong:#?}");
        });
    }
}

/// The DC that is read does not have the object at all when another one is declared lost that had written of it.
#[test]
fn what_a_lost_dc_wrote_of_an_object_that_comes_later_is_taken_back() {
    goes_well(EVERYTHING, &async |run| {
        run.read_on().await;
        let (used, other_dc) = run.two().await;
        let third = (other_dc + 1) % run.remaining().len();
        run.cut_all(true);
        let parent = run.sim.sky().forest.live_units(third).unwrap()[0];
        let user = run.create(third, parent);
        run.pull(used, third);
        run.set(used, user, [(Attribute::TestTag, text("lost"))].into());
        run.read_on().await;
        assert!(run.holds(user));
        run.lose_dc(used);
        run.move_proven(other_dc).await;
        run.declare_lost().await;
        run.read_on().await;
    });
}

/// Links have no stamps: no other DC shows a change of the group when the one that wrote its links is lost.
#[test]
fn links_that_a_lost_dc_alone_had_are_taken_back() {
    goes_well(EVERYTHING, &async |run| {
        let groups = run.live(Kind::Group, 2);
        let users = run.live(Kind::User, 2);
        run.read_on().await;
        let (used, other_dc) = run.two().await;
        run.link(used, groups[0], users[0]);
        run.read_on().await;
        run.cut_all(true);
        run.unlink(used, groups[0], users[0]);
        run.link(used, groups[1], users[1]);
        run.read_on().await;
        run.lose_dc(used);
        run.move_proven(other_dc).await;
        run.declare_lost().await;
        run.read_on().await;
    });
}

/// A container comes into the base on the first DC, and has left it on another one, which hears of its coming later: it is
/// held there, and what is below it comes with it all the same.
#[test]
fn what_is_below_a_container_that_is_held_comes_with_it() {
    let make = Make {
        is_below: true,
        ..EVERYTHING
    };
    goes_well(make, &async |run| {
        let container = run.container.unwrap();
        let is_outside = |unit: &&uuid::Uuid| {
            let sky = run.sim.sky();
            sky.forest.dcs[0].objects[*unit].place.parent != Some(container)
        };
        let units = run.live(Kind::Unit, 3);
        let unit = *units.iter().find(is_outside).unwrap();
        let user = run.create(0, unit);
        run.read_on().await;
        assert!(!run.holds(user));
        let (used, other_dc) = run.two().await;
        run.cut_all(true);
        run.rename(used, unit, container);
        run.read_on().await;
        assert!(run.holds(user) && run.holds(unit));
        for object in [unit, user] {
            run.set(
                other_dc,
                object,
                [(Attribute::Description, text("1"))].into(),
            );
        }
        run.move_proven(other_dc).await;
        run.read_on().await;
        assert!(!run.holds(user) && !run.holds(unit));
        run.pull(other_dc, used);
        run.read_on().await;
        assert!(run.holds(user) && run.holds(unit));
    });
}

/// The first load is left before its end, and the load on the next DC holds a user that is not the consumer's there.
#[test]
fn what_a_load_holds_before_anything_is_known_is_delivered_whole_once() {
    let make = Make {
        filter: Some(Filter::WithMail),
        ..EVERYTHING
    };
    goes_well(make, &async |run| {
        let user = run.live(Kind::User, 1)[0];
        run.set(0, user, [(Attribute::Mail, Vec::new())].into());
        for _ in 0..400 {
            run.tick();
        }
        run.cut_all(true);
        run.set(0, user, [(Attribute::Mail, text("a@sim.test"))].into());
        run.dies_at = Some(Asked::Identity);
        assert_eq!(run.step().await, Stepped::Crashed);
        run.drain().await;
        let (used, other_dc) = run.two().await;
        assert!(used == 0 && run.holds(user));
        run.set(other_dc, user, [(Attribute::Sn, text("another"))].into());
        assert!(run.move_to(other_dc).await);
        run.read_on().await;
        run.pull(other_dc, used);
        run.read_on().await;
    });
}

/// What was told with its leaving, the consumer does not have: brought back by a DC that does not know it, the object has
/// it again when that DC hears of it.
#[test]
fn what_was_told_of_an_object_that_left_is_told_again_once_it_is_back() {
    let make = Make {
        filter: Some(Filter::WithMail),
        ..EVERYTHING
    };
    goes_well(make, &async |run| {
        run.read_on().await;
        let (used, other_dc) = run.two().await;
        let user = run.live(Kind::User, 1)[0];
        run.cut_all(true);
        let written = [
            (Attribute::TelephoneNumber, text("1")),
            (Attribute::Mail, Vec::new()),
        ];
        run.set(used, user, written.into());
        run.read_on().await;
        assert!(!run.holds(user));
        run.delete(other_dc, user);
        let back = [(Attribute::Mail, text("back@sim.test"))];
        run.undelete(other_dc, user, back.into());
        run.move_proven(other_dc).await;
        run.read_on().await;
        assert!(run.holds(user));
    });
}
