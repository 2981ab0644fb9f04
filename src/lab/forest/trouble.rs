//! What goes wrong with a database: a proper restore, and one that the DC does not notice.

use std::collections::BTreeMap;

use super::dc::Dc;
use super::index::Index;
use super::schema::Attribute;
use super::{CONTEXTS, Forest, ForestError};
use crate::model::InvocationId;

/// Where the counter of a newly promoted DC begins.
const FRESH: i64 = 1_000;

/// A DC's database as it stood at one moment.
#[derive(Debug, Clone)]
pub struct Saved(Box<Dc>);

impl Forest {
    /// Saves a DC's database.
    pub fn save(&self, dc: usize) -> Result<Saved, ForestError> {
        Ok(Saved(Box::new(self.dc(dc)?.clone())))
    }

    /// Restores a database properly: under a new invocationId, which the DC writes into its NTDS Settings object.
    pub fn restore(&mut self, dc: usize, saved: &Saved, now: i64) -> Result<(), ForestError> {
        let new = InvocationId::from_uuid(self.rng.guid());
        self.put_back(dc, saved, now)?;
        let holder = self.dc_mut(dc)?;
        let (old, reached) = (holder.invocation_id, holder.usn);
        holder.invocation_id = new;
        for nc in 0..holder.vectors.len() {
            // What the old incarnation had written up to the backup is here.
            holder.learn(nc, &[(old, reached)].into(), now);
        }
        let settings = holder.settings;
        let value = vec![new.to_octets().to_vec()];
        let changes = [(Attribute::InvocationId, value)].into();
        self.originate(dc, now, settings, changes, None)
    }

    /// Puts a database back as a reverted snapshot does: same invocationId, and numbers that are used twice.
    pub fn roll_back(&mut self, dc: usize, saved: &Saved, now: i64) -> Result<(), ForestError> {
        self.put_back(dc, saved, now)
    }

    /// Demotes a DC and promotes a new one under its name: a new invocationId, a counter that begins anew, and a
    /// database filled from the DC `from`.
    pub fn promote_anew(&mut self, dc: usize, from: usize, now: i64) -> Result<(), ForestError> {
        let old = self.dc(dc)?.clone();
        let no_server = || ForestError::NoObject {
            dc: old.name.clone(),
            guid: old.settings,
        };
        let object = old.objects.get(&old.settings).ok_or_else(no_server)?;
        let server = object.place.parent.ok_or_else(no_server)?;
        self.break_off_all_of(dc);
        self.delete(from, now, old.settings)?;
        let invocation_id = InvocationId::from_uuid(self.rng.guid());
        *self.dc_mut(dc)? = Dc {
            invocation_id,
            usn: FRESH,
            is_alive: true,
            is_synchronized: false,
            objects: BTreeMap::new(),
            order: Vec::new(),
            index: Index::default(),
            vectors: vec![BTreeMap::new(); CONTEXTS],
            high_water: BTreeMap::new(),
            commits: Vec::new(),
            moves: Vec::new(),
            ..old
        };
        self.add_settings(dc, from, server, now)?;
        self.pull(dc, from, now)?;
        self.dc_mut(dc)?.is_synchronized = true;
        Ok(())
    }

    fn put_back(&mut self, dc: usize, saved: &Saved, now: i64) -> Result<(), ForestError> {
        let holder = self.dc(dc)?;
        if holder.name != saved.0.name {
            return Err(ForestError::OtherDc {
                dc: holder.name.clone(),
                saved: saved.0.name.clone(),
            });
        }
        let mut back = (*saved.0).clone();
        back.is_alive = true;
        back.commits = vec![(now, back.usn)];
        self.break_off_all_of(dc);
        *self.dc_mut(dc)? = back;
        Ok(())
    }
}
