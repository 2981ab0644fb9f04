//! What traffic writes: one random change on a DC, by weights.

use uuid::Uuid;

use super::index::Kind;
use super::schema::Attribute;
use super::traffic::Traffic;
use super::write::{Changes, filetime, text};
use super::{Forest, ForestError};

/// How often each kind of write comes, in relation to the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Weights {
    /// A new user.
    pub new_user: usize,
    /// A new group.
    pub new_group: usize,
    /// A user is deleted.
    pub delete_user: usize,
    /// A group is deleted.
    pub delete_group: usize,
    /// A deleted user or group comes back, to where it was or to another unit.
    pub undelete: usize,
    /// A user is renamed and moved to a random unit.
    pub move_user: usize,
    /// A group is renamed.
    pub rename_group: usize,
    /// A membership, of a user or, seldom, of a group, begins or ends.
    pub member: usize,
    /// One of [`Attribute::OF_A_PERSON`] gets another value.
    pub attribute: usize,
    /// Another attribute is written or cleared: a photo, addresses, a password, the extension, the account's state.
    pub other_attribute: usize,
    /// A new organizational unit, perhaps within another one.
    pub new_unit: usize,
    /// A unit is renamed.
    pub rename_unit: usize,
    /// A unit is moved.
    pub move_unit: usize,
    /// An empty unit is deleted.
    pub delete_unit: usize,
    /// A logon is counted, which no other DC hears of.
    pub logon: usize,
    /// The same attribute, place or membership is written here and on another DC at once.
    pub conflict: usize,
}

impl Weights {
    /// People alone: units stay as they are.
    pub const PEOPLE: Self = Self {
        new_user: 12,
        new_group: 2,
        delete_user: 6,
        delete_group: 0,
        undelete: 3,
        move_user: 8,
        rename_group: 0,
        member: 20,
        attribute: 49,
        other_attribute: 0,
        new_unit: 0,
        rename_unit: 0,
        move_unit: 0,
        delete_unit: 0,
        logon: 0,
        conflict: 0,
    };

    /// Some of everything.
    pub const EVERYTHING: Self = Self {
        new_user: 10,
        new_group: 3,
        delete_user: 6,
        delete_group: 1,
        undelete: 5,
        move_user: 8,
        rename_group: 2,
        member: 20,
        attribute: 18,
        other_attribute: 12,
        new_unit: 2,
        rename_unit: 2,
        move_unit: 3,
        delete_unit: 2,
        logon: 4,
        conflict: 6,
    };

    fn parts(self) -> [(usize, Write); 16] {
        [
            (self.new_user, Write::NewUser),
            (self.new_group, Write::NewGroup),
            (self.delete_user, Write::Delete(Kind::User)),
            (self.delete_group, Write::Delete(Kind::Group)),
            (self.undelete, Write::Undelete),
            (self.move_user, Write::MoveUser),
            (self.rename_group, Write::Rename(Kind::Group)),
            (self.member, Write::Member),
            (self.attribute, Write::Attribute),
            (self.other_attribute, Write::Other),
            (self.new_unit, Write::NewUnit),
            (self.rename_unit, Write::Rename(Kind::Unit)),
            (self.move_unit, Write::MoveUnit),
            (self.delete_unit, Write::DeleteUnit),
            (self.logon, Write::Logon),
            (self.conflict, Write::Conflict),
        ]
    }

    fn pick(self, forest: &mut Forest) -> Option<Write> {
        let parts = self.parts();
        let sum = parts.iter().map(|(weight, _)| *weight).sum();
        let mut at = forest.rng.below(sum);
        for (weight, write) in parts {
            if at < weight {
                return Some(write);
            }
            at = at.saturating_sub(weight);
        }
        None
    }
}

#[derive(Debug, Clone, Copy)]
enum Write {
    NewUser,
    NewGroup,
    Delete(Kind),
    Undelete,
    MoveUser,
    Rename(Kind),
    Member,
    Attribute,
    Other,
    NewUnit,
    MoveUnit,
    DeleteUnit,
    Logon,
    Conflict,
}

/// How often a random pick is tried.
const TRIES: usize = 40;

/// How few users a DC keeps.
const FEW: usize = 10;

/// What one write is made with: the forest, the DC it is made on, when, and a number that was not used yet.
struct Hand<'a> {
    forest: &'a mut Forest,
    dc: usize,
    now: i64,
    number: usize,
}

impl Traffic {
    /// One random write on a DC; none where it takes none, or what was chosen finds nothing to change.
    pub fn write(&mut self, forest: &mut Forest, dc: usize, now: i64) -> Result<(), ForestError> {
        if forest.takes_writes(dc).is_err() {
            return Ok(());
        }
        self.number = self.number.saturating_add(1);
        let Some(write) = self.weights.pick(forest) else {
            return Ok(());
        };
        let mut hand = Hand {
            forest,
            dc,
            now,
            number: self.number,
        };
        hand.write(write).map(drop)
    }
}

impl Hand<'_> {
    /// `None` where there was nothing to write to.
    fn write(&mut self, write: Write) -> Result<Option<()>, ForestError> {
        let (dc, now, number) = (self.dc, self.now, self.number);
        match write {
            Write::NewUser => self.forest.new_user(dc, number, now).map(|_| Some(())),
            Write::NewGroup => self.forest.new_group(dc, number, now).map(|_| Some(())),
            Write::Delete(kind) => self.delete(kind),
            Write::Undelete => self.undelete(),
            Write::MoveUser => {
                let Some(user) = self.live(Kind::User)? else {
                    return Ok(None);
                };
                self.move_user(dc, user).map(Some)
            }
            Write::Rename(kind) => self.rename(kind),
            Write::Member => self.member(),
            Write::Attribute => {
                let Some(user) = self.live(Kind::User)? else {
                    return Ok(None);
                };
                self.line(dc, user, "").map(Some)
            }
            Write::Other => self.other_attribute(),
            Write::NewUnit => {
                let parent = self.container()?;
                let name = format!("Unit {number}");
                self.forest
                    .new_unit(dc, now, &name, parent)
                    .map(|_| Some(()))
            }
            Write::MoveUnit => self.move_unit(),
            Write::DeleteUnit => self.delete_unit(),
            Write::Logon => {
                let Some(user) = self.live(Kind::User)? else {
                    return Ok(None);
                };
                self.forest.count_logon(dc, now, user).map(Some)
            }
            Write::Conflict => self.conflict(),
        }
    }

    /// A random object of this kind that lives on the DC.
    fn live(&mut self, kind: Kind) -> Result<Option<Uuid>, ForestError> {
        let Forest { dcs, rng, .. } = &mut *self.forest;
        let holder = dcs.get(self.dc).ok_or(ForestError::NoDc(self.dc))?;
        let all = holder.of_kind(kind);
        let found = (0..TRIES).filter_map(|_| rng.pick(all));
        let mut found = found.filter(|guid| holder.is_live(*guid));
        Ok(found.next())
    }

    /// A random deleted user or group.
    fn dead(&mut self) -> Result<Option<Uuid>, ForestError> {
        let kind = if self.forest.rng.percent(80) {
            Kind::User
        } else {
            Kind::Group
        };
        let Forest { dcs, rng, .. } = &mut *self.forest;
        let holder = dcs.get(self.dc).ok_or(ForestError::NoDc(self.dc))?;
        let all = holder.of_kind(kind);
        let from = rng.below(all.len());
        let mut round = all.iter().cycle().skip(from).take(all.len());
        Ok(round.find(|guid| !holder.is_live(**guid)).copied())
    }

    /// A random live unit, or the domain's head where there is none.
    fn unit(&mut self) -> Result<Uuid, ForestError> {
        let units = self.forest.live_units(self.dc)?;
        let domain = self.forest.heads.first().copied().unwrap_or_default();
        Ok(self.forest.rng.pick(&units).unwrap_or(domain))
    }

    /// A random live unit, or as often the domain's head.
    fn container(&mut self) -> Result<Uuid, ForestError> {
        if self.forest.rng.percent(50) {
            return self.unit();
        }
        Ok(self.forest.heads.first().copied().unwrap_or_default())
    }

    fn delete(&mut self, kind: Kind) -> Result<Option<()>, ForestError> {
        let holder = self.forest.dc(self.dc)?;
        let live = holder.of_kind(kind).iter();
        let few = if kind == Kind::User { FEW } else { 2 };
        let enough = live
            .filter(|guid| holder.is_live(**guid))
            .nth(few)
            .is_some();
        match self.live(kind)? {
            Some(guid) if enough => self.forest.delete(self.dc, self.now, guid).map(Some),
            _ => Ok(None),
        }
    }

    fn undelete(&mut self) -> Result<Option<()>, ForestError> {
        let Some(guid) = self.dead()? else {
            return Ok(None);
        };
        let holder = self.forest.dc(self.dc)?;
        let dead = holder.objects.get(&guid);
        let parent = dead.and_then(|dead| dead.place.parent);
        let parent = parent.filter(|parent| holder.is_live(*parent));
        let is_user = dead.is_some_and(|dead| dead.is_a("user"));
        let elsewhere = self.forest.rng.percent(30);
        let parent = match parent {
            Some(parent) if !elsewhere => parent,
            _ => self.unit()?,
        };
        let mail = format!("back{}@{}", self.number, self.forest.domain);
        let mut changes = Changes::new();
        if is_user {
            changes.insert(Attribute::Mail, text(mail));
        }
        let (dc, now) = (self.dc, self.now);
        self.forest
            .undelete_to(dc, now, guid, parent, changes)
            .map(Some)
    }

    fn move_user(&mut self, dc: usize, user: Uuid) -> Result<(), ForestError> {
        let units = self.forest.live_units(dc)?;
        let domain = self.forest.heads.first().copied().unwrap_or_default();
        let unit = self.forest.rng.pick(&units).unwrap_or(domain);
        let name = format!("user{}", self.number);
        self.forest.rename(dc, self.now, user, &name, unit)
    }

    fn rename(&mut self, kind: Kind) -> Result<Option<()>, ForestError> {
        let Some(guid) = self.live(kind)? else {
            return Ok(None);
        };
        let holder = self.forest.dc(self.dc)?;
        let object = holder.objects.get(&guid);
        let parent = object.and_then(|object| object.place.parent);
        // What a deletion elsewhere has orphaned waits for LostAndFound.
        let Some(parent) = parent.filter(|parent| holder.is_live(*parent)) else {
            return Ok(None);
        };
        let word = if kind == Kind::Unit { "Unit " } else { "group" };
        let name = format!("{word}{}", self.number);
        self.forest
            .rename(self.dc, self.now, guid, &name, parent)
            .map(Some)
    }

    fn member(&mut self) -> Result<Option<()>, ForestError> {
        let kind = if self.forest.rng.percent(10) {
            Kind::Group
        } else {
            Kind::User
        };
        let (Some(group), Some(target)) = (self.live(Kind::Group)?, self.live(kind)?) else {
            return Ok(None);
        };
        let holder = self.forest.dc(self.dc)?;
        let links = holder.objects.get(&group).map(|group| &group.links);
        let present: Vec<Uuid> = links
            .into_iter()
            .flatten()
            .filter(|(target, link)| link.present && holder.is_live(**target))
            .map(|(target, _)| *target)
            .collect();
        let (dc, now) = (self.dc, self.now);
        if self.forest.rng.percent(40)
            && let Some(member) = self.forest.rng.pick(&present)
        {
            return self.forest.link(dc, now, group, member, false).map(Some);
        }
        if target == group {
            return Ok(None);
        }
        self.forest.link(dc, now, group, target, true).map(Some)
    }

    /// Another value of one of the attributes with a line of text.
    fn line(&mut self, dc: usize, user: Uuid, end: &str) -> Result<(), ForestError> {
        let attribute = self.forest.rng.pick(&Attribute::OF_A_PERSON);
        let attribute = attribute.unwrap_or(Attribute::Description);
        let value = format!("{} {}{end}", attribute.ldap_name(), self.number);
        let changes = [(attribute, text(value))].into();
        self.forest.set(dc, self.now, user, changes)
    }

    fn other_attribute(&mut self) -> Result<Option<()>, ForestError> {
        let Some(user) = self.live(Kind::User)? else {
            return Ok(None);
        };
        let (number, now) = (self.number, self.now);
        let rng = &mut self.forest.rng;
        let changes: Changes = match rng.below(6) {
            0 => {
                let photo = (0..200).map(|_| rng.number().to_le_bytes().to_vec());
                let photo = photo.collect::<Vec<_>>().concat();
                [(Attribute::ThumbnailPhoto, vec![photo])].into()
            }
            1 => {
                let count = rng.below(4);
                let addresses = (0..count).map(|at| format!("smtp:a{at}.{number}@sim.test"));
                let addresses = addresses.map(String::into_bytes).collect();
                [(Attribute::ProxyAddresses, addresses)].into()
            }
            2 => {
                let secret = rng.number().to_le_bytes().to_vec();
                [
                    (Attribute::PwdLastSet, text(filetime(now))),
                    (Attribute::UnixUserPassword, vec![secret]),
                ]
                .into()
            }
            3 => [(Attribute::TestTag, text(format!("tag {number}")))].into(),
            4 => {
                let state = if rng.percent(50) { "512" } else { "514" };
                [(Attribute::UserAccountControl, text(state))].into()
            }
            _ => {
                let attribute = rng.pick(&Attribute::OF_A_PERSON);
                [(attribute.unwrap_or(Attribute::Sn), Vec::new())].into()
            }
        };
        self.forest.set(self.dc, now, user, changes).map(Some)
    }

    fn move_unit(&mut self) -> Result<Option<()>, ForestError> {
        let (unit, parent) = (self.live(Kind::Unit)?, self.container()?);
        let Some(unit) = unit.filter(|unit| self.forest.may_go_below(*unit, parent)) else {
            return Ok(None);
        };
        let holder = self.forest.dc(self.dc)?;
        let rdn = holder.objects.get(&unit).map(|unit| unit.place.rdn.clone());
        let rdn = rdn.unwrap_or_default();
        self.forest
            .rename(self.dc, self.now, unit, &rdn, parent)
            .map(Some)
    }

    fn delete_unit(&mut self) -> Result<Option<()>, ForestError> {
        let units = self.forest.live_units(self.dc)?;
        let holder = self.forest.dc(self.dc)?;
        let empty = |unit: &&Uuid| holder.children(**unit).is_empty();
        let unit = units.iter().find(empty).copied();
        match unit {
            Some(unit) if units.len() > 2 => self.forest.delete(self.dc, self.now, unit).map(Some),
            _ => Ok(None),
        }
    }

    /// A write here and another of the same thing on another DC, in either order and perhaps within the same second.
    fn conflict(&mut self) -> Result<Option<()>, ForestError> {
        let others: Vec<usize> = (0..self.forest.dcs.len())
            .filter(|other| *other != self.dc && self.forest.takes_writes(*other).is_ok())
            .collect();
        let (user, group) = (self.live(Kind::User)?, self.live(Kind::Group)?);
        let (Some(other), Some(user), Some(group)) = (self.forest.rng.pick(&others), user, group)
        else {
            return Ok(None);
        };
        let there = self.forest.dc(other)?;
        if !there.is_live(user) || !there.is_live(group) {
            return Ok(None);
        }
        let (here, now) = (self.dc, self.now);
        match self.forest.rng.below(4) {
            0 => {
                self.move_user(here, user)?;
                self.move_user(other, user)?;
            }
            1 => {
                let added = self.forest.rng.percent(50);
                self.forest.link(here, now, group, user, added)?;
                self.forest.link(other, now, group, user, !added)?;
            }
            2 => {
                self.line(other, user, " lost?")?;
                self.forest.delete(here, now, user)?;
            }
            _ => {
                let value = |dc: usize| text(format!("{} of {dc}", self.number));
                let (ours, theirs) = (value(here), value(other));
                let set = Attribute::Description;
                self.forest.set(here, now, user, [(set, ours)].into())?;
                self.forest.set(other, now, user, [(set, theirs)].into())?;
            }
        }
        Ok(Some(()))
    }
}
