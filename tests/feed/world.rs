//! A forest with a feed on it, time, and everything that goes wrong.

use highwater::lab::forest::{
    Attribute, DOMAIN, Dc, Forest, Pace, Rng, Shape, Traffic, Weights, dn,
};

use crate::consumer::Consumer;
use crate::reader::{Reader, Scope, usn_vectors};
use crate::shown::{guid, id, members, oid, wanted};

/// What happens in one run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Course {
    pub(crate) ticks: usize,
    pub(crate) failovers: bool,
    pub(crate) crashes: bool,
    pub(crate) prunes: bool,
    /// In how many of a hundred failovers somebody names a start that nothing proves.
    pub(crate) unproven_percent: usize,
    /// The start is lower than the proven one by up to this much.
    pub(crate) margin: i64,
}

pub(crate) const COURSE: Course = Course {
    ticks: 1_500,
    failovers: true,
    crashes: true,
    prunes: true,
    unproven_percent: 0,
    margin: 60,
};

pub(crate) struct World {
    pub(crate) seed: u64,
    pub(crate) forest: Forest,
    pub(crate) traffic: Traffic,
    pub(crate) reader: Reader,
    pub(crate) consumer: Consumer,
    rng: Rng,
    now: i64,
    pub(crate) failovers: usize,
}

impl World {
    pub(crate) fn new(seed: u64) -> Self {
        let mut rng = Rng::new(seed ^ 0x5eed);
        let dcs = 3 + rng.below(3);
        let shape = Shape {
            users: 25,
            groups: 4,
            ..Shape::of(dcs)
        };
        let mut forest = Forest::new(seed, &shape, 1_000_000).unwrap();
        forest.packet = 2 + rng.below(8);
        let pace = Pace {
            write_percent: 3 + rng.below(25),
            interval_ms: 100 + 300 * i64::try_from(rng.below(6)).unwrap(),
            packet_percent: 20 + rng.below(70),
            break_percent: rng.below(30),
        };
        let base = if rng.percent(50) {
            forest.heads[DOMAIN]
        } else {
            rng.pick(&forest.live_units(0).unwrap()).unwrap()
        };
        let with = rng.percent(30).then_some(Attribute::Mail);
        let (overlap, page) = (u32::try_from(rng.below(30)).unwrap(), 1 + rng.below(12));
        let reader = Reader::new(0, id(&forest.dcs[0]), Scope { base, with }, overlap, page);
        Self {
            seed,
            forest,
            traffic: Traffic::mixed(pace, Weights::EVERYTHING),
            reader,
            consumer: Consumer::default(),
            rng,
            now: 2_000_000,
            failovers: 0,
        }
    }

    /// A world in which nobody writes and everything is read, below the domain's head.
    pub(crate) fn still(seed: u64, with: Option<Attribute>) -> Self {
        let mut world = Self::new(seed);
        let (dc, base) = (id(&world.forest.dcs[0]), world.forest.heads[DOMAIN]);
        world.reader = Reader::new(0, dc, Scope { base, with }, 0, 50);
        world.traffic.writes = false;
        while world.reader.passes < 2 {
            world.read_on();
        }
        world
    }

    pub(crate) fn now(&self) -> i64 {
        self.now
    }

    /// Lets replication and the reader go on until whatever can come has come.
    pub(crate) fn read_on(&mut self) {
        for _ in 0..600 {
            self.tick();
        }
    }

    /// Cuts all DCs off from each other, or joins them.
    pub(crate) fn cut_all(&mut self, cut: bool) {
        for one in 0..self.forest.dcs.len() {
            for other in 0..one {
                self.forest.cut(one, other, cut);
            }
        }
    }

    /// Lets one DC read from another one, which are cut off from each other before and after.
    pub(crate) fn pull(&mut self, to: usize, from: usize) {
        self.forest.cut(to, from, false);
        self.forest.pull(to, from, self.now).unwrap();
        self.forest.cut(to, from, true);
    }

    /// Moves the feed with the proven start.
    pub(crate) fn move_to(&mut self, next: usize) {
        let dc = &self.forest.dcs[next];
        let start = self.reader.start_on(dc);
        assert!(start.is_some(), "no start on {next}");
        self.reader.switch(next, dc, start);
        self.failovers += 1;
    }

    fn tick(&mut self) {
        self.now += 20;
        self.traffic.tick(&mut self.forest, self.now).unwrap();
        if self.rng.percent(60) {
            self.reader.step(&self.forest, &mut self.consumer);
        }
    }

    pub(crate) fn run(&mut self, course: Course) {
        for _ in 0..course.ticks {
            self.tick();
            if course.crashes && self.rng.below(100) == 0 {
                self.reader.crash();
            }
            if course.failovers && self.rng.below(120) == 0 {
                self.fail_over(course.margin, course.unproven_percent);
            }
            if course.failovers && self.rng.below(60) == 0 {
                self.trouble();
            }
            if course.prunes && self.rng.below(60) == 0 {
                let vectors = usn_vectors(&self.forest);
                self.reader.prune(&vectors);
            }
        }
    }

    /// Cuts two DCs off, joins them, brings a dead one back.
    fn trouble(&mut self) {
        let count = self.forest.dcs.len();
        let (one, other) = (self.rng.below(count), self.rng.below(count));
        if one != other {
            let cut = self.rng.percent(40);
            self.forest.cut(one, other, cut);
        }
        if let Some(dead) = (0..count).find(|dc| !self.forest.dcs[*dc].is_alive)
            && self.rng.percent(50)
        {
            self.forest.dcs[dead].is_alive = true;
        }
    }

    fn fail_over(&mut self, margin: i64, unproven_percent: usize) {
        let count = self.forest.dcs.len();
        let others: Vec<usize> = (0..count)
            .filter(|dc| *dc != self.reader.dc && self.forest.dcs[*dc].is_alive)
            .collect();
        let Some(next) = self.rng.pick(&others) else {
            return;
        };
        // Killed, or only left: a person may move a feed at any time.
        if self.rng.percent(70) {
            self.forest.dcs[self.reader.dc].is_alive = false;
        }
        let dc = &self.forest.dcs[next];
        if self.rng.percent(unproven_percent) && !self.reader.context.told.is_empty() {
            let behind = i64::try_from(self.rng.below(200)).unwrap();
            let start = crate::shown::usn((dc.usn - behind).max(0));
            self.reader.switch_unproven(next, dc, start);
            self.failovers += 1;
            return;
        }
        let start = self.reader.start_on(dc).map(|start| {
            let less = i64::try_from(self.rng.below(usize::try_from(margin).unwrap() + 1)).unwrap();
            crate::shown::usn((start.get() - less).max(0))
        });
        self.reader.switch(next, dc, start);
        self.failovers += 1;
    }

    /// Everything comes back and replicates; the feed reads on until nothing more comes.
    pub(crate) fn settle(&mut self) {
        self.traffic.writes = false;
        self.traffic.pace.break_percent = 0;
        let count = self.forest.dcs.len();
        for dc in 0..count {
            self.forest.dcs[dc].is_alive = true;
            for other in 0..count {
                self.forest.cut(dc, other, false);
            }
        }
        if self.reader.context.held.is_none() && !self.reader.context.told.is_empty() {
            // R7: what a start left out that nothing proved comes with a pass over everything.
            let at = self.reader.dc;
            let dc = &self.forest.dcs[at];
            self.reader
                .switch_unproven(at, dc, highwater::model::Usn::ZERO);
        }
        let (mut quiet, mut passes) = (0, 0);
        for _ in 0..20_000 {
            let before = (self.consumer.events, self.reader.passes);
            self.tick();
            passes += self.reader.passes - before.1;
            quiet = if self.consumer.events == before.0 {
                quiet + 1
            } else {
                0
            };
            if quiet > 1_200 && passes > 10 {
                return;
            }
        }
    }

    /// Every difference between what the consumer holds and what its DC holds.
    pub(crate) fn missed(&self) -> Vec<String> {
        let dc = &self.forest.dcs[self.reader.dc];
        let mut missed = Vec::new();
        let scope = self.scope();
        for object in dc
            .objects
            .values()
            .filter(|object| scope.has(&self.forest, dc, object))
        {
            let Some(entry) = self.consumer.entries.get(&guid(object.guid)) else {
                missed.push(format!("{} is not held", object.guid));
                continue;
            };
            let name = dn(&self.forest, dc, object.guid).unwrap();
            if entry.dn != name {
                missed.push(format!(
                    "{} is held as {}, and is {name}",
                    object.guid, entry.dn
                ));
            }
            for attribute in Attribute::ALL
                .into_iter()
                .filter(|attribute| wanted().contains(&oid(*attribute)))
            {
                let held = entry
                    .values
                    .get(&oid(attribute))
                    .map_or(&[][..], Vec::as_slice);
                if held != object.values(attribute) {
                    missed.push(format!(
                        "{} of {}: held {held:?}, is {:?}",
                        attribute.ldap_name(),
                        object.guid,
                        object.values(attribute)
                    ));
                }
            }
            let theirs: std::collections::BTreeSet<_> =
                members(dc, object).into_iter().map(guid).collect();
            if entry.members != theirs {
                missed.push(format!(
                    "members of {}: held {:?}, are {theirs:?}",
                    object.guid, entry.members
                ));
            }
        }
        let there = |held: &highwater::model::ObjectGuid| -> bool {
            dc.objects
                .values()
                .any(|object: &highwater::lab::forest::Object| {
                    guid(object.guid) == *held && scope.has(&self.forest, dc, object)
                })
        };
        for held in self.consumer.entries.keys().filter(|held| !there(held)) {
            missed.push(format!("{held} is held and should not be"));
        }
        missed
    }

    fn scope(&self) -> Scope {
        self.reader.scope()
    }

    #[expect(dead_code, reason = "for a person who looks into a failing seed")]
    pub(crate) fn dc(&self) -> &Dc {
        &self.forest.dcs[self.reader.dc]
    }
}
