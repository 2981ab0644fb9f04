//! What happens to the forest and the feed, by chance.

use std::sync::Arc;

use highwater::clock;
use highwater::lab::forest::{Attribute, Changes, Class, DOMAIN, Forest, Kind, Place, Saved, text};
use highwater::model::{InvocationId, NcVectors, Preference, Usn, Vector};
use highwater::store::{ResyncOrder, Store};
use uuid::Uuid;

use crate::receiver::Turn;
use crate::run::{Run, hr, name};
use crate::shown::nc;

impl Run {
    /// What this moment brings.
    pub(crate) async fn happen(&mut self) {
        let weather = self.weather;
        if self.once_in(weather.failovers) {
            self.fail_over().await;
        }
        if self.once_in(weather.trouble) {
            self.trouble();
        }
        if self.once_in(weather.splits) {
            let cut = self.rng.percent(50);
            self.cut_all(cut);
        }
        if self.once_in(weather.prunes) {
            self.prune().await;
        }
        if self.once_in(weather.flips) {
            self.flip();
        }
        if self.once_in(weather.unit_moves) {
            self.move_a_unit();
        }
        if self.once_in(weather.losses) {
            self.lose().await;
        }
        if self.once_in(weather.restores) {
            self.restore();
        }
        if self.once_in(weather.rollbacks) {
            self.roll_back().await;
        }
        if self.once_in(weather.resyncs) {
            self.resync().await;
        }
        if self.once_in(weather.put_backs) {
            self.back_up().await;
        }
        if !self.to_declare.is_empty() && self.once_in(60) {
            self.declare_lost().await;
        }
    }

    /// The DCs that are there, or will be again.
    pub(crate) fn remaining(&self) -> Vec<usize> {
        let count = self.sim.sky().forest.dcs.len();
        (0..count).filter(|dc| !self.gone.contains(dc)).collect()
    }

    /// Cuts two DCs off, joins them, brings a dead one back.
    fn trouble(&mut self) {
        let remaining = self.remaining();
        let mut sky = self.sim.sky();
        let count = sky.forest.dcs.len();
        let (one, other) = (self.rng.below(count), self.rng.below(count));
        if one != other {
            let cut = self.rng.percent(40);
            sky.forest.cut(one, other, cut);
        }
        let mut dead = remaining.into_iter();
        if let Some(dead) = dead.find(|dc| !sky.forest.dcs[*dc].is_alive)
            && self.rng.percent(50)
        {
            sky.forest.dcs[dead].is_alive = true;
        }
    }

    /// Cuts all DCs off from each other, or joins them.
    pub(crate) fn cut_all(&self, cut: bool) {
        let mut sky = self.sim.sky();
        for one in 0..sky.forest.dcs.len() {
            for other in 0..one {
                sky.forest.cut(one, other, cut);
            }
        }
    }

    pub(crate) fn kill(&self, dc: usize) {
        let mut sky = self.sim.sky();
        sky.forest.dcs[dc].is_alive = false;
        sky.breaks[dc] += 1;
    }

    /// Prunes as the product does: by what every DC holds that may take over.
    pub(crate) async fn prune(&self) {
        let remaining = self.remaining();
        let vectors: Vec<Vector> = {
            let sky = self.sim.sky();
            let own = |dc: &usize| {
                let dc = &sky.forest.dcs[*dc];
                let vector = sky.scale.vector(dc);
                vector.with(dc.invocation_id, sky.scale.usn(dc.usn))
            };
            remaining.iter().map(own).collect()
        };
        self.prune_by(vectors).await;
    }

    pub(crate) async fn prune_by(&self, vectors: Vec<Vector>) {
        let candidates = [(nc(), vectors)].into();
        let dropped = self.store.prune_journal(&hr(), candidates).await.unwrap();
        self.say(|| format!("pruned: {dropped}"));
    }

    /// Somebody gets or loses mail.
    fn flip(&mut self) {
        let mut sky = self.sim.sky();
        let (now, count) = (sky.now, sky.forest.dcs.len());
        let dc = self.rng.below(count);
        let users: Vec<Uuid> = sky.forest.dcs[dc].of_kind(Kind::User).to_vec();
        let Some(user) = self.rng.pick(&users) else {
            return;
        };
        let values = if self.rng.percent(50) {
            text(format!("flip{now}@sim.test"))
        } else {
            Vec::new()
        };
        // A tombstone has none, and a DC that is down takes no writes.
        drop(
            sky.forest
                .set(dc, now, user, [(Attribute::Mail, values)].into()),
        );
    }

    /// A unit goes into the container that is the base, or out of it.
    fn move_a_unit(&mut self) {
        let Some(container) = self.container else {
            return;
        };
        let mut sky = self.sim.sky();
        let (now, count) = (sky.now, sky.forest.dcs.len());
        let dc = self.rng.below(count);
        let units = sky.forest.live_units(dc).unwrap_or_default();
        let Some(unit) = self.rng.pick(&units) else {
            return;
        };
        let domain = sky.forest.heads[DOMAIN];
        let to = if self.rng.percent(70) {
            container
        } else {
            domain
        };
        drop(
            sky.forest
                .rename(dc, now, unit, &format!("Moved {now}"), to),
        );
    }

    /// One of those that are there for good, while enough others are.
    fn victim(&mut self) -> Option<usize> {
        let remaining = self.remaining();
        let alive = |dc: &&usize| self.sim.sky().forest.dcs[**dc].is_alive;
        (remaining.iter().filter(alive).count() > 2).then(|| self.rng.pick(&remaining))?
    }

    /// A DC dies for ever.
    async fn lose(&mut self) {
        let Some(dc) = self.victim() else { return };
        self.lose_dc(dc);
        if self.in_use().await.is_some_and(|(used, _)| used == dc) {
            self.fail_over().await;
        }
    }

    pub(crate) fn lose_dc(&mut self, dc: usize) {
        self.say(|| format!("{} is lost", name(dc)));
        self.kill(dc);
        self.give_up(dc);
        self.saved.remove(&dc);
        let id = self.sim.sky().forest.dcs[dc].invocation_id;
        self.to_declare.push(id);
        self.count.lost += 1;
    }

    /// The state that a DC may be put back to now; where there is none yet, one is saved.
    fn older_state(&mut self) -> Option<(usize, Saved)> {
        self.saved.retain(|dc, _| !self.gone.contains(dc));
        let victim = self.victim()?;
        if let Some(older) = self.saved.pop_first() {
            return Some(older);
        }
        let saved = self.sim.sky().forest.save(victim).unwrap();
        self.saved.insert(victim, saved);
        None
    }

    /// A DC is put back properly from an older state.
    fn restore(&mut self) {
        let Some((dc, saved)) = self.older_state() else {
            return;
        };
        self.put_dc_back(dc, &saved);
    }

    pub(crate) fn put_dc_back(&mut self, dc: usize, saved: &Saved) {
        let mut sky = self.sim.sky();
        let now = sky.now;
        let old = sky.forest.dcs[dc].invocation_id;
        sky.forest.restore(dc, saved, now).unwrap();
        // It starts anew, and no connection outlives that.
        sky.breaks[dc] += 1;
        let new = sky.forest.dcs[dc].invocation_id;
        drop(sky);
        self.say(|| format!("{} is restored: {old} becomes {new}", name(dc)));
        self.to_declare.push(old);
        self.count.restored += 1;
    }

    /// A DC goes back in time and is noticed: nothing reads it any more. Later it is promoted anew.
    async fn roll_back(&mut self) {
        if let Some(dc) = self.rolled_back.pop_first() {
            self.promote_anew(dc);
            return;
        }
        let Some((dc, saved)) = self.older_state() else {
            return;
        };
        let id = {
            let mut sky = self.sim.sky();
            let now = sky.now;
            sky.forest.roll_back(dc, &saved, now).unwrap();
            sky.forest.dcs[dc].invocation_id
        };
        self.say(|| format!("{} goes back: {id}", name(dc)));
        self.kill(dc);
        self.give_up(dc);
        self.rolled_back.insert(dc);
        self.to_declare.push(id);
        self.count.rolled_back += 1;
        if self.in_use().await.is_some_and(|(used, _)| used == dc) {
            self.fail_over().await;
        }
    }

    fn promote_anew(&mut self, dc: usize) {
        let remaining = self.remaining();
        let mut sky = self.sim.sky();
        let now = sky.now;
        // One that was put back itself may not know of it.
        let settings = sky.forest.dcs[dc].settings;
        let mut others = remaining.into_iter();
        let from = others.find(|from| {
            let other = &sky.forest.dcs[*from];
            other.is_alive && other.is_live(settings)
        });
        let Some(from) = from else {
            self.rolled_back.insert(dc);
            return;
        };
        sky.forest.cut(dc, from, false);
        sky.forest.promote_anew(dc, from, now).unwrap();
        drop(sky);
        self.say(|| format!("{} is promoted anew", name(dc)));
        self.gone.remove(&dc);
        let settings = Arc::make_mut(&mut self.settings);
        let resource = settings.resources.get_mut(&hr()).unwrap();
        resource.backup_dcs.insert(name(dc), Preference::Neutral);
        self.is_reloaded = true;
    }

    pub(crate) async fn resync(&mut self) {
        let order = ResyncOrder {
            by: "ada".to_owned(),
            at: clock::now(),
            max_deletes: Some(1_000_000),
        };
        if self.store.order_resync(&hr(), &order).await.unwrap() {
            self.say(|| "a resync is ordered".to_owned());
            self.count.resyncs += 1;
        }
    }

    /// Declares one life lost, with what the DC in use holds of it, where the product would.
    pub(crate) async fn declare_lost(&mut self) {
        let Some(lost) = self.to_declare.first().copied() else {
            return;
        };
        let Some((used, counts_on)) = self.in_use().await else {
            return;
        };
        let known = {
            let sky = self.sim.sky();
            let dc = &sky.forest.dcs[used];
            let same = counts_on.is_none_or(|id| id == dc.invocation_id);
            let reads = same && dc.is_alive && dc.invocation_id != lost;
            reads.then(|| sky.scale.vector(dc))
        };
        let Some(known) = known else { return };
        self.declare(lost, known).await;
        let declared = self.to_declare.remove(0);
        self.declared.push(declared);
    }

    /// Backs the store up, or says that it is to be put back.
    async fn back_up(&mut self) {
        if self.backup.is_some() {
            self.is_to_be_put_back = true;
            return;
        }
        self.say(|| "the store is backed up".to_owned());
        let to = self.folder().join("backup.db");
        self.store.backup(&to, true).await.unwrap();
        self.backup = Some((to, self.declared.len()));
        for inbox in &mut self.inboxes {
            inbox.back_up();
        }
    }

    /// Puts the store back, while nothing uses it.
    pub(crate) async fn put_back(&mut self) {
        self.is_to_be_put_back = false;
        let Some((from, declared)) = self.backup.take() else {
            return;
        };
        self.say(|| "the store is put back".to_owned());
        self.count.put_back += 1;
        let path = self.folder().join(format!("put{}.db", self.count.put_back));
        std::fs::rename(from, &path).unwrap();
        self.store = Store::open(&path).await.unwrap();
        // What was said since is not known there.
        let again = self.declared.split_off(declared);
        self.to_declare.extend(again);
        for inbox in &mut self.inboxes {
            inbox.put_back();
        }
    }

    /// A DC that never comes back is taken out of the configuration.
    pub(crate) fn give_up(&mut self, dc: usize) {
        self.gone.insert(dc);
        let settings = Arc::make_mut(&mut self.settings);
        let resource = settings.resources.get_mut(&hr()).unwrap();
        resource.backup_dcs.remove(&name(dc));
        self.is_reloaded = true;
    }

    pub(crate) async fn declare(&mut self, lost: InvocationId, known: Vector) {
        let last = self.last_queued().await;
        // What it alone had of those lost before is lost with it.
        for lost in self.declared.iter().copied().chain([lost]) {
            let held = known.get(lost).unwrap_or(Usn::ZERO);
            self.say(|| format!("{lost} is declared lost above {held}, after event {last}"));
            for inbox in &mut self.inboxes {
                inbox.turn(last, Turn::GivenUp(lost, held));
            }
        }
        let vectors: NcVectors = [(nc(), known)].into();
        let forgotten = self.store.forget_origin(&hr(), lost, vectors).await;
        assert!(forgotten.unwrap().is_some());
        let rereads = self.store.feed_rereads(&hr(), None, 100).await.unwrap();
        self.say(|| format!("to be read again: {rereads:?}"));
    }

    /// The newest place in the queue.
    async fn last_queued(&self) -> i64 {
        let hr = hr();
        let queue = self.store.feed_queue(&hr, "nobody", usize::MAX, usize::MAX);
        let queued = queue.await.unwrap().last().map(|queued| queued.seq);
        let taken = self.inboxes.iter().map(|inbox| inbox.newest).max();
        queued.or(taken).unwrap_or(0)
    }
}

/// Makes the container that is the base, with units in it.
pub(crate) fn with_container(forest: &mut Forest, now: i64) -> Uuid {
    let domain = forest.heads[DOMAIN];
    let place = Place {
        rdn: "Watched".to_owned(),
        parent: Some(domain),
    };
    let made = forest.create(0, now, Class::Container, place, Changes::new());
    let container = made.unwrap();
    let units = forest.live_units(0).unwrap();
    for (number, unit) in units.into_iter().enumerate().take(2) {
        let rdn = format!("Seen {number}");
        forest.rename(0, now, unit, &rdn, container).unwrap();
    }
    forest.settle(now).unwrap();
    container
}
