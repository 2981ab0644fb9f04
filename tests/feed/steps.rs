//! The steps of which stories are made.

use highwater::lab::forest::{Changes, Class, Kind, Place};
use uuid::Uuid;

use crate::run::Run;

impl Run {
    /// Lets replication and the feed go on until whatever can come has come.
    pub(crate) async fn read_on(&mut self) {
        for _ in 0..400 {
            self.tick();
        }
        self.until_quiet().await;
    }

    /// Lets one DC read from another one, which are cut off from each other before and after.
    pub(crate) fn pull(&self, to: usize, from: usize) {
        let mut sky = self.sim.sky();
        let now = sky.now;
        sky.forest.cut(to, from, false);
        sky.forest.pull(to, from, now).unwrap();
        sky.forest.cut(to, from, true);
    }

    /// The DC that is read, and another one.
    pub(crate) async fn two(&self) -> (usize, usize) {
        let used = self.in_use().await.unwrap().0;
        (used, (used + 1) % self.remaining().len())
    }

    pub(crate) fn live(&self, kind: Kind, count: usize) -> Vec<Uuid> {
        let sky = self.sim.sky();
        let dc = &sky.forest.dcs[0];
        let all = dc.of_kind(kind).iter().copied();
        let live: Vec<_> = all.filter(|guid| dc.is_live(*guid)).take(count).collect();
        assert_eq!(live.len(), count);
        live
    }

    /// A user there.
    pub(crate) fn create(&self, dc: usize, parent: Uuid) -> Uuid {
        let mut sky = self.sim.sky();
        let now = sky.now;
        let place = Place {
            rdn: "later".to_owned(),
            parent: Some(parent),
        };
        let forest = &mut sky.forest;
        let made = forest.create(dc, now, Class::User, place, Changes::new());
        made.unwrap()
    }

    pub(crate) fn rename(&self, dc: usize, object: Uuid, to: Uuid) {
        let mut sky = self.sim.sky();
        let now = sky.now;
        sky.forest.rename(dc, now, object, "renamed", to).unwrap();
    }

    pub(crate) fn link(&self, dc: usize, group: Uuid, member: Uuid) {
        let mut sky = self.sim.sky();
        let now = sky.now;
        sky.forest.link(dc, now, group, member, true).unwrap();
    }

    pub(crate) fn unlink(&self, dc: usize, group: Uuid, member: Uuid) {
        let mut sky = self.sim.sky();
        let now = sky.now;
        sky.forest.link(dc, now, group, member, false).unwrap();
    }

    pub(crate) fn set(&self, dc: usize, object: Uuid, changes: Changes) {
        let mut sky = self.sim.sky();
        let now = sky.now;
        sky.forest.set(dc, now, object, changes).unwrap();
    }

    pub(crate) fn delete(&self, dc: usize, object: Uuid) {
        let mut sky = self.sim.sky();
        let now = sky.now;
        sky.forest.delete(dc, now, object).unwrap();
    }

    pub(crate) fn undelete(&self, dc: usize, object: Uuid, changes: Changes) {
        let mut sky = self.sim.sky();
        let now = sky.now;
        let parent = sky.forest.live_units(dc).unwrap()[0];
        sky.forest
            .undelete_to(dc, now, object, parent, changes)
            .unwrap();
    }

    pub(crate) fn holds(&self, object: Uuid) -> bool {
        self.inboxes[0].plain.entries.contains_key(&object)
    }
}
