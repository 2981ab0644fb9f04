//! A forest at work: random writes on every DC, and replication by schedule, packet by packet.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::schema::Attribute;
use super::write::text;
use super::{CONTEXTS, DOMAIN, Forest, ForestError, Progress};

/// How busy the forest is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// In how many of a hundred ticks a DC writes.
    pub write_percent: usize,
    /// From the end of one inbound cycle of a pair to the begin of its next, in milliseconds; up to half as much again
    /// comes on top by chance.
    pub interval_ms: i64,
    /// In how many of a hundred ticks a running cycle moves by a packet.
    pub packet_percent: usize,
    /// In how many of a hundred packets a cycle breaks off.
    pub break_percent: usize,
}

/// The forest's activity; [`Traffic::tick`] lets a little time pass.
#[derive(Debug, Clone)]
pub struct Traffic {
    /// How busy.
    pub pace: Pace,
    /// Whether anybody writes; replication goes on without.
    pub writes: bool,
    due: BTreeMap<(usize, usize), i64>,
    number: usize,
}

impl Traffic {
    /// Activity of this pace, beginning with the next tick.
    pub fn new(pace: Pace) -> Self {
        Self {
            pace,
            writes: true,
            due: BTreeMap::new(),
            number: 100_000,
        }
    }

    /// What happens at `now` (ms): perhaps a write on each DC, and packets of replication.
    pub fn tick(&mut self, forest: &mut Forest, now: i64) -> Result<(), ForestError> {
        for dc in 0..forest.dcs.len() {
            if self.writes && forest.rng.percent(self.pace.write_percent) {
                self.write(forest, dc, now)?;
            }
        }
        self.replicate(forest, now)
    }

    fn replicate(&mut self, forest: &mut Forest, now: i64) -> Result<(), ForestError> {
        let count = forest.dcs.len();
        for to in 0..count {
            for from in (0..count).filter(|from| *from != to) {
                let wait = self.wait(forest);
                let due = self
                    .due
                    .entry((to, from))
                    .or_insert(now.saturating_add(wait));
                if *due <= now {
                    *due = i64::MAX;
                    for nc in 0..CONTEXTS {
                        forest.begin_cycle(to, from, nc)?;
                    }
                }
            }
        }
        for (to, from, nc) in forest.running() {
            if !forest.rng.percent(self.pace.packet_percent) {
                continue;
            }
            if forest.rng.percent(self.pace.break_percent) {
                forest.break_off(to, from, nc);
            } else {
                let _: Progress = forest.step_cycle(to, from, nc, now)?;
            }
        }
        let running = forest.running();
        let ended: Vec<(usize, usize)> = self
            .due
            .iter()
            .filter(|(pair, due)| {
                **due == i64::MAX && !running.iter().any(|(to, from, _)| (*to, *from) == **pair)
            })
            .map(|(pair, _)| *pair)
            .collect();
        for pair in ended {
            let wait = self.wait(forest);
            self.due.insert(pair, now.saturating_add(wait));
        }
        Ok(())
    }

    fn wait(&self, forest: &mut Forest) -> i64 {
        let half = usize::try_from(self.pace.interval_ms / 2).unwrap_or(0);
        let more = i64::try_from(forest.rng.below(half.saturating_add(1))).unwrap_or(0);
        self.pace.interval_ms.saturating_add(more)
    }

    /// One random write on a DC; none where it takes none.
    pub fn write(&mut self, forest: &mut Forest, dc: usize, now: i64) -> Result<(), ForestError> {
        if forest.takes_writes(dc).is_err() {
            return Ok(());
        }
        self.number = self.number.saturating_add(1);
        let (users, groups, dead) = people(forest, dc)?;
        match forest.rng.below(100) {
            0..=11 => forest.new_user(dc, self.number, now).map(drop),
            12..=13 => forest.new_group(dc, self.number, now).map(drop),
            14..=19 => end_one(forest, dc, now, &users),
            20..=22 => match forest.rng.pick(&dead) {
                Some(guid) => {
                    let mail = format!("back{}@{}", self.number, forest.domain);
                    let changes = [(Attribute::Mail, text(mail))].into();
                    forest.undelete(dc, now, guid, changes)
                }
                None => Ok(()),
            },
            23..=30 => self.move_one(forest, dc, now, &users),
            31..=50 => link_one(forest, dc, now, &users, &groups),
            _ => self.change(forest, dc, now, &users),
        }
    }

    fn move_one(
        &self,
        forest: &mut Forest,
        dc: usize,
        now: i64,
        users: &[Uuid],
    ) -> Result<(), ForestError> {
        let units = forest.live_units(dc)?;
        let (Some(user), Some(unit)) = (forest.rng.pick(users), forest.rng.pick(&units)) else {
            return Ok(());
        };
        forest.rename(dc, now, user, &format!("user{}", self.number), unit)
    }

    fn change(
        &self,
        forest: &mut Forest,
        dc: usize,
        now: i64,
        users: &[Uuid],
    ) -> Result<(), ForestError> {
        let attribute = forest.rng.pick(&Attribute::OF_A_PERSON);
        let (Some(user), Some(attribute)) = (forest.rng.pick(users), attribute) else {
            return Ok(());
        };
        let value = text(format!("{} {}", attribute.ldap_name(), self.number));
        forest.set(dc, now, user, [(attribute, value)].into())
    }
}

fn end_one(forest: &mut Forest, dc: usize, now: i64, users: &[Uuid]) -> Result<(), ForestError> {
    match forest.rng.pick(users) {
        Some(user) if users.len() > 10 => forest.delete(dc, now, user),
        _ => Ok(()),
    }
}

fn link_one(
    forest: &mut Forest,
    dc: usize,
    now: i64,
    users: &[Uuid],
    groups: &[Uuid],
) -> Result<(), ForestError> {
    let (Some(group), Some(user)) = (forest.rng.pick(groups), forest.rng.pick(users)) else {
        return Ok(());
    };
    let members: Vec<Uuid> = forest
        .dc(dc)?
        .objects
        .get(&group)
        .map(|group| present(group, users))
        .unwrap_or_default();
    if forest.rng.percent(40)
        && let Some(member) = forest.rng.pick(&members)
    {
        return forest.link(dc, now, group, member, false);
    }
    forest.link(dc, now, group, user, true)
}

fn present(group: &super::Object, users: &[Uuid]) -> Vec<Uuid> {
    group
        .links
        .iter()
        .filter(|(target, link)| link.present && users.contains(target))
        .map(|(target, _)| *target)
        .collect()
}

type People = (Vec<Uuid>, Vec<Uuid>, Vec<Uuid>);

/// Live users, live groups and deleted users of the domain, as a DC holds them.
fn people(forest: &Forest, dc: usize) -> Result<People, ForestError> {
    let (mut users, mut groups, mut dead) = (Vec::new(), Vec::new(), Vec::new());
    let objects = forest.dc(dc)?.objects.values();
    for object in objects.filter(|object| object.nc == DOMAIN) {
        match (object.is_a("user"), object.is_deleted()) {
            (true, true) => dead.push(object.guid),
            (true, false) => users.push(object.guid),
            _ if object.is_a("group") && !object.is_deleted() => groups.push(object.guid),
            _ => {}
        }
    }
    Ok((users, groups, dead))
}
