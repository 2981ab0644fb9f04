//! Stories of a hostile review, of what no J speaks of: a DC is lost that alone had kept an object from the consumer, or had
//! brought it in, and what is told, forgotten and told again. With all rules everything ends well.

use std::sync::Arc;

use highwater::lab::forest::{Attribute, Changes, DOMAIN, Kind, text};

use crate::found::{EVERYTHING, goes_well};
use crate::run::{Make, Run, hr};
use crate::shown::{Filter, told};

const WITH_MAIL: Make = Make {
    filter: Some(Filter::WithMail),
    ..EVERYTHING
};
const ACCOUNTS: Make = Make {
    filter: Some(Filter::Accounts),
    ..EVERYTHING
};

impl Run {
    /// Nothing but time passes, and what replication there is.
    fn wait(&self, ticks: usize) {
        for _ in 0..ticks {
            self.tick();
        }
    }

    /// The feed is to tell all attributes but this one.
    fn tell_all_but(&mut self, without: Option<Attribute>) {
        let settings = Arc::make_mut(&mut self.settings);
        let resource = settings.resources.get_mut(&hr()).unwrap();
        let mut names = told();
        names.retain(|name| without.is_none_or(|without| name != without.ldap_name()));
        resource.feed.as_mut().unwrap().attributes = names;
        self.is_reloaded = true;
    }

    async fn lost_for(&mut self, used: usize, other_dc: usize) {
        self.lose_dc(used);
        self.move_proven(other_dc).await;
        self.declare_lost().await;
        self.read_on().await;
    }
}

fn mail(value: &str) -> Changes {
    [(Attribute::Mail, text(value))].into()
}

fn no_mail() -> Changes {
    [(Attribute::Mail, Vec::new())].into()
}

/// A lost DC alone had a link: no stamp in J speaks of it.
#[test]
fn a_link_that_a_lost_dc_alone_had_is_taken_back() {
    goes_well(EVERYTHING, &async |run| {
        run.read_on().await;
        let (used, other_dc) = run.two().await;
        let group = run.live(Kind::Group, 1)[0];
        let parent = run.sim.sky().forest.live_units(used).unwrap()[0];
        let user = run.create(used, parent);
        run.read_on().await;
        run.cut_all(true);
        run.link(used, group, user);
        run.read_on().await;
        run.lost_for(used, other_dc).await;
    });
}

/// A container outside of the filter had another name on the lost DC before the first load, which does not read it.
#[test]
fn names_below_what_a_lost_dc_renamed_before_the_first_load() {
    goes_well(ACCOUNTS, &async |run| {
        let units = run.live(Kind::Unit, 2);
        run.create(0, units[0]);
        run.wait(400);
        run.cut_all(true);
        let domain = run.sim.sky().forest.heads[DOMAIN];
        run.rename(0, units[0], domain);
        run.read_on().await;
        let (used, other_dc) = run.two().await;
        assert_eq!(used, 0);
        run.lost_for(used, other_dc).await;
    });
}

/// The filter asks for an attribute that is not told, and the lost DC alone had it.
#[test]
fn what_came_in_by_an_attribute_that_is_not_told_and_is_lost() {
    goes_well(WITH_MAIL, &async |run| {
        run.tell_all_but(Some(Attribute::Mail));
        let user = run.live(Kind::User, 1)[0];
        run.set(0, user, no_mail());
        run.read_on().await;
        let (used, other_dc) = run.two().await;
        assert!(!run.holds(user));
        run.cut_all(true);
        run.set(used, user, mail("a@sim.test"));
        run.read_on().await;
        assert!(run.holds(user));
        run.lost_for(used, other_dc).await;
    });
}

/// An attribute is told no more, and again, by a DC that is behind in it.
#[test]
fn an_attribute_that_was_not_told_for_a_while() {
    goes_well(EVERYTHING, &async |run| {
        run.read_on().await;
        let (used, other_dc) = run.two().await;
        let user = run.live(Kind::User, 1)[0];
        run.cut_all(true);
        run.set(used, user, [(Attribute::TestTag, text("1"))].into());
        run.read_on().await;
        run.tell_all_but(Some(Attribute::TestTag));
        run.resync().await;
        run.read_on().await;
        run.tell_all_but(None);
        run.move_proven(other_dc).await;
        run.resync().await;
        run.read_on().await;
        run.pull(other_dc, used);
        run.read_on().await;
    });
}

/// Two DCs deleted it; the one whose delete counted is lost; a third one does not know.
#[test]
fn what_two_dcs_deleted_comes_back_to_life_when_one_is_lost() {
    goes_well(EVERYTHING, &async |run| {
        run.read_on().await;
        let (used, other_dc) = run.two().await;
        let third = (other_dc + 1) % run.remaining().len();
        let user = run.live(Kind::User, 1)[0];
        run.delete(used, user);
        run.read_on().await;
        run.undelete(used, user, Changes::new());
        run.read_on().await;
        assert!(run.holds(user));
        run.cut_all(true);
        run.delete(other_dc, user);
        run.wait(6_000);
        run.delete(used, user);
        run.pull(used, other_dc);
        run.read_on().await;
        assert!(!run.holds(user));
        run.lost_for(used, other_dc).await;
        assert!(!run.holds(user));
        run.set(third, user, [(Attribute::Sn, text("another"))].into());
        run.move_proven(third).await;
        run.read_on().await;
        assert!(!run.holds(user), "back to life");
    });
}

/// The same of an object that left.
#[test]
fn what_two_dcs_took_out_comes_back_when_one_is_lost() {
    goes_well(WITH_MAIL, &async |run| {
        run.read_on().await;
        let (used, other_dc) = run.two().await;
        let third = (other_dc + 1) % run.remaining().len();
        let user = run.live(Kind::User, 1)[0];
        run.cut_all(true);
        run.set(other_dc, user, no_mail());
        run.wait(6_000);
        run.set(used, user, no_mail());
        run.pull(used, other_dc);
        run.read_on().await;
        assert!(!run.holds(user));
        run.lost_for(used, other_dc).await;
        assert!(!run.holds(user));
        run.set(third, user, [(Attribute::Sn, text("another"))].into());
        run.move_proven(third).await;
        run.read_on().await;
        assert!(!run.holds(user), "back");
    });
}

/// A member that only a lost DC and a third one had is taken back, forgotten, and comes by the third one.
#[test]
fn a_member_that_was_taken_back_and_forgotten_comes_again() {
    goes_well(EVERYTHING, &async |run| {
        run.read_on().await;
        let (used, other_dc) = run.two().await;
        let third = (other_dc + 1) % run.remaining().len();
        let group = run.live(Kind::Group, 1)[0];
        run.cut_all(true);
        let parent = run.sim.sky().forest.live_units(used).unwrap()[0];
        let user = run.create(used, parent);
        run.link(used, group, user);
        run.pull(third, used);
        run.read_on().await;
        assert!(run.holds(user));
        run.lost_for(used, other_dc).await;
        assert!(!run.holds(user));
        run.prune().await;
        run.pull(other_dc, third);
        run.read_on().await;
    });
}

/// The lost DC had deleted it before the first load, which says and remembers nothing of it.
#[test]
fn what_a_lost_dc_had_deleted_before_the_first_load() {
    goes_well(EVERYTHING, &async |run| {
        let user = run.live(Kind::User, 1)[0];
        run.cut_all(true);
        run.delete(0, user);
        run.read_on().await;
        let (used, other_dc) = run.two().await;
        assert!(used == 0 && !run.holds(user));
        run.lost_for(used, other_dc).await;
    });
}

/// It was never the consumer's on the lost DC, which had taken back what another one wrote.
#[test]
fn what_was_never_in_for_a_lost_dc_alone() {
    goes_well(WITH_MAIL, &async |run| {
        let user = run.live(Kind::User, 1)[0];
        run.set(0, user, no_mail());
        run.read_on().await;
        let (used, other_dc) = run.two().await;
        run.cut_all(true);
        run.set(other_dc, user, mail("b@sim.test"));
        run.pull(used, other_dc);
        run.set(used, user, no_mail());
        run.read_on().await;
        assert!(!run.holds(user));
        run.lost_for(used, other_dc).await;
    });
}

/// A load remembers nothing of what is not in: the lost DC alone had it out before.
#[test]
fn what_a_lost_dc_alone_had_out_before_the_first_load() {
    goes_well(WITH_MAIL, &async |run| {
        let user = run.live(Kind::User, 1)[0];
        run.cut_all(true);
        run.set(0, user, no_mail());
        run.read_on().await;
        let (used, other_dc) = run.two().await;
        assert!(used == 0 && !run.holds(user));
        run.lost_for(used, other_dc).await;
    });
}

/// The filter's attribute is not told, nobody is lost: an older DC, a write there, and the truth comes later.
#[test]
fn what_came_in_by_an_attribute_that_is_not_told() {
    goes_well(WITH_MAIL, &async |run| {
        run.tell_all_but(Some(Attribute::Mail));
        let user = run.live(Kind::User, 1)[0];
        run.set(0, user, no_mail());
        run.read_on().await;
        let (used, other_dc) = run.two().await;
        run.cut_all(true);
        for value in [mail("a@sim.test"), no_mail(), mail("c@sim.test")] {
            run.set(used, user, value);
            run.read_on().await;
        }
        assert!(run.holds(user));
        run.set(other_dc, user, [(Attribute::Sn, text("another"))].into());
        run.move_proven(other_dc).await;
        run.read_on().await;
        run.pull(other_dc, used);
        run.read_on().await;
    });
}

/// A unit goes out of the base on a lost DC alone, before the first load.
#[test]
fn what_a_lost_dc_had_moved_out_of_the_base_before_the_first_load() {
    let make = Make {
        is_below: true,
        ..EVERYTHING
    };
    goes_well(make, &async |run| {
        let container = run.container.unwrap();
        let unit = run.sim.sky().forest.dcs[0].children(container)[0];
        let user = run.create(0, unit);
        run.wait(400);
        run.cut_all(true);
        let domain = run.sim.sky().forest.heads[DOMAIN];
        run.rename(0, unit, domain);
        run.read_on().await;
        let (used, other_dc) = run.two().await;
        assert!(used == 0 && !run.holds(user));
        run.lost_for(used, other_dc).await;
    });
}

/// As two DCs deleted it, and nobody is declared lost.
#[test]
fn what_two_dcs_deleted_stays_deleted() {
    goes_well(EVERYTHING, &async |run| {
        run.read_on().await;
        let (used, other_dc) = run.two().await;
        let third = (other_dc + 1) % run.remaining().len();
        let user = run.live(Kind::User, 1)[0];
        run.delete(used, user);
        run.read_on().await;
        run.undelete(used, user, Changes::new());
        run.read_on().await;
        run.cut_all(true);
        run.delete(other_dc, user);
        run.wait(6_000);
        run.delete(used, user);
        run.pull(used, other_dc);
        run.read_on().await;
        run.move_proven(other_dc).await;
        run.read_on().await;
        run.set(third, user, [(Attribute::Sn, text("another"))].into());
        run.move_proven(third).await;
        run.read_on().await;
        assert!(!run.holds(user), "back to life");
    });
}

/// As two DCs took it out, and nobody is declared lost.
#[test]
fn what_two_dcs_took_out_stays_out() {
    goes_well(WITH_MAIL, &async |run| {
        run.read_on().await;
        let (used, other_dc) = run.two().await;
        let third = (other_dc + 1) % run.remaining().len();
        let user = run.live(Kind::User, 1)[0];
        run.cut_all(true);
        run.set(other_dc, user, no_mail());
        run.wait(6_000);
        run.set(used, user, no_mail());
        run.pull(used, other_dc);
        run.read_on().await;
        run.move_proven(other_dc).await;
        run.read_on().await;
        run.set(third, user, [(Attribute::Sn, text("another"))].into());
        run.move_proven(third).await;
        run.read_on().await;
        assert!(!run.holds(user), "back");
    });
}

/// The same without the pruning.
#[test]
fn a_member_that_was_taken_back_comes_again() {
    goes_well(EVERYTHING, &async |run| {
        run.read_on().await;
        let (used, other_dc) = run.two().await;
        let third = (other_dc + 1) % run.remaining().len();
        let group = run.live(Kind::Group, 1)[0];
        run.cut_all(true);
        let parent = run.sim.sky().forest.live_units(used).unwrap()[0];
        let user = run.create(used, parent);
        run.link(used, group, user);
        run.pull(third, used);
        run.read_on().await;
        run.lost_for(used, other_dc).await;
        run.pull(other_dc, third);
        run.read_on().await;
    });
}

/// The DC in use is put back from a backup, and its old life had a link that nobody else has.
#[test]
fn a_link_of_a_life_that_was_put_back_from_a_backup() {
    goes_well(EVERYTHING, &async |run| {
        run.read_on().await;
        let (used, other_dc) = run.two().await;
        let group = run.live(Kind::Group, 1)[0];
        let parent = run.sim.sky().forest.live_units(used).unwrap()[0];
        let user = run.create(used, parent);
        run.read_on().await;
        let saved = run.sim.sky().forest.save(used).unwrap();
        run.cut_all(true);
        run.link(used, group, user);
        run.read_on().await;
        run.put_dc_back(used, &saved);
        run.move_proven(other_dc).await;
        run.declare_lost().await;
        run.read_on().await;
    });
}

/// The filter asks for an attribute that is told, and the lost DC alone had it.
#[test]
fn what_came_in_by_an_attribute_that_is_told_and_is_lost() {
    goes_well(WITH_MAIL, &async |run| {
        let user = run.live(Kind::User, 1)[0];
        run.set(0, user, no_mail());
        run.read_on().await;
        let (used, other_dc) = run.two().await;
        run.cut_all(true);
        run.set(used, user, mail("a@sim.test"));
        run.read_on().await;
        assert!(run.holds(user));
        run.lost_for(used, other_dc).await;
    });
}

/// A container outside of the filter is renamed on the lost DC, and a pass reads it.
#[test]
fn names_below_what_a_lost_dc_renamed() {
    goes_well(ACCOUNTS, &async |run| {
        let units = run.live(Kind::Unit, 2);
        run.create(0, units[0]);
        run.read_on().await;
        let (used, other_dc) = run.two().await;
        run.cut_all(true);
        let domain = run.sim.sky().forest.heads[DOMAIN];
        run.rename(used, units[0], domain);
        run.read_on().await;
        run.lost_for(used, other_dc).await;
    });
}

/// The same after a resync, which does not come across the container.
#[test]
fn names_below_what_a_lost_dc_renamed_after_a_resync() {
    goes_well(ACCOUNTS, &async |run| {
        let units = run.live(Kind::Unit, 2);
        run.create(0, units[0]);
        run.read_on().await;
        let (used, other_dc) = run.two().await;
        run.cut_all(true);
        let domain = run.sim.sky().forest.heads[DOMAIN];
        run.rename(used, units[0], domain);
        run.resync().await;
        run.read_on().await;
        run.lost_for(used, other_dc).await;
    });
}

/// A member was deleted before the first load, and the next DC does not know; nobody is lost.
#[test]
fn a_member_that_a_lost_dc_had_deleted_before_the_first_load() {
    goes_well(EVERYTHING, &async |run| {
        let group = run.live(Kind::Group, 1)[0];
        let parent = run.sim.sky().forest.live_units(0).unwrap()[0];
        let user = run.create(0, parent);
        run.link(0, group, user);
        run.wait(400);
        run.cut_all(true);
        run.delete(0, user);
        run.read_on().await;
        let (used, other_dc) = run.two().await;
        // Nobody is lost: the next DC does not know of the delete.
        run.move_proven(other_dc).await;
        run.set(other_dc, user, [(Attribute::Sn, text("another"))].into());
        run.set(
            other_dc,
            group,
            [(Attribute::Description, text("1"))].into(),
        );
        run.read_on().await;
        run.pull(other_dc, used);
        run.read_on().await;
    });
}

/// What the lost DC wrote of an attribute over what another one wrote, of an object that is in.
#[test]
fn what_a_lost_dc_wrote_over_another_one() {
    goes_well(EVERYTHING, &async |run| {
        let user = run.live(Kind::User, 1)[0];
        run.read_on().await;
        let (used, other_dc) = run.two().await;
        run.cut_all(true);
        run.set(other_dc, user, [(Attribute::Sn, text("b"))].into());
        run.pull(used, other_dc);
        run.set(used, user, [(Attribute::Sn, text("a"))].into());
        run.read_on().await;
        run.lost_for(used, other_dc).await;
    });
}
