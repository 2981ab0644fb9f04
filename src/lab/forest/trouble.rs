//! What goes wrong with a database: a proper restore, and one that the DC does not notice.

use super::dc::Dc;
use super::schema::Attribute;
use super::{Forest, ForestError};
use crate::model::InvocationId;

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
