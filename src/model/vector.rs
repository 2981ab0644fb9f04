//! Up-to-dateness vectors: per DC incarnation, the USN up to which everything is held.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{InvocationId, Usn};

/// An up-to-dateness vector (DRSR 5.166): an absent entry counts as USN 0, and none is kept at 0.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Vector(BTreeMap<InvocationId, Usn>);

impl Vector {
    /// Knows nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// The USN up to which everything of this incarnation is held; `None` where nothing is known of it.
    pub fn get(&self, id: InvocationId) -> Option<Usn> {
        self.0.get(&id).copied()
    }

    /// Sets the entry of `id`; USN 0 removes it.
    pub fn set(&mut self, id: InvocationId, usn: Usn) {
        if usn == Usn::ZERO {
            self.0.remove(&id);
        } else {
            self.0.insert(id, usn);
        }
    }

    /// This vector with the entry of `id` set.
    #[must_use]
    pub fn with(mut self, id: InvocationId, usn: Usn) -> Self {
        self.set(id, usn);
        self
    }

    /// The greatest lower bound: what both hold. An entry absent on either side is absent.
    #[must_use]
    pub fn meet(&self, other: &Self) -> Self {
        let both = self
            .0
            .iter()
            .filter_map(|(id, usn)| other.get(*id).map(|theirs| (*id, theirs.min(*usn))));
        Self(both.collect())
    }

    /// The least upper bound: what either holds.
    #[must_use]
    pub fn join(&self, other: &Self) -> Self {
        let mut joined = self.clone();
        for (id, usn) in other.iter() {
            let mine = joined.get(id).unwrap_or(Usn::ZERO);
            joined.set(id, mine.max(usn));
        }
        joined
    }

    /// The vector without the entries of these incarnations.
    #[must_use]
    pub fn without(mut self, ids: &[InvocationId]) -> Self {
        for id in ids {
            self.set(*id, Usn::ZERO);
        }
        self
    }

    /// Whether everything `other` holds is held here too.
    pub fn covers(&self, other: &Self) -> bool {
        other
            .iter()
            .all(|(id, usn)| self.get(id).unwrap_or(Usn::ZERO) >= usn)
    }

    /// The same, whatever the entries of one incarnation are.
    pub fn covers_but(&self, other: &Self, but: InvocationId) -> bool {
        other
            .iter()
            .all(|(id, usn)| id == but || self.get(id).unwrap_or(Usn::ZERO) >= usn)
    }

    /// The entries in the order of their invocationIds.
    pub fn iter(&self) -> impl Iterator<Item = (InvocationId, Usn)> + '_ {
        self.0.iter().map(|(id, usn)| (*id, *usn))
    }

    /// The number of entries.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<(InvocationId, Usn)> for Vector {
    fn from_iter<T: IntoIterator<Item = (InvocationId, Usn)>>(entries: T) -> Self {
        let mut vector = Self::new();
        for (id, usn) in entries {
            vector.set(id, usn);
        }
        vector
    }
}
