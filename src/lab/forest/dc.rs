//! One DC's database: its incarnation, its counter, its replicas, and how far it has read its partners.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::index::Index;
use super::object::Object;
use crate::model::InvocationId;

/// Per incarnation the USN up to which everything is held: an up-to-dateness vector without the own entry.
pub type Known = BTreeMap<InvocationId, i64>;

/// One move of a vector: when (ms), in which naming context, of which incarnation, to which USN.
pub type VectorMove = (i64, usize, InvocationId, i64);

/// One DC's database.
#[derive(Debug, Clone)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of its own that a DC has or has not"
)]
pub struct Dc {
    /// Its name, as `DC1`.
    pub name: String,
    /// The site it is in.
    pub site: String,
    /// The objectGUID of its NTDS Settings object.
    pub settings: Uuid,
    /// Its incarnation.
    pub invocation_id: InvocationId,
    /// highestCommittedUSN: one counter over all naming contexts.
    pub usn: i64,
    /// Whether it takes no originating writes and replicates to nobody.
    pub is_read_only: bool,
    /// Whether it is configured as a global catalog.
    pub is_global_catalog: bool,
    /// rootDSE `isSynchronized`.
    pub is_synchronized: bool,
    /// Whether it runs; a dead DC neither writes nor replicates.
    pub is_alive: bool,
    /// Its clock less the true one, in milliseconds.
    pub skew_ms: i64,
    /// Its objects.
    pub objects: BTreeMap<Uuid, Object>,
    /// The order a search walks the objects in: as they came here, which is not the order of USNs.
    pub order: Vec<Uuid>,
    /// What objects are looked up by.
    pub(super) index: Index,
    /// Per naming context the up-to-dateness vector, without the own entry.
    pub vectors: Vec<Known>,
    /// Per source incarnation and naming context how far that source was read, also by broken-off cycles.
    pub(super) high_water: BTreeMap<(InvocationId, usize), i64>,
    /// Every commit: when (ms), and the USN.
    pub commits: Vec<(i64, i64)>,
    /// Every move of a vector.
    pub moves: Vec<VectorMove>,
}

impl Dc {
    /// Takes the next USN.
    pub(super) fn commit(&mut self, now: i64) -> i64 {
        self.usn = self.usn.saturating_add(1);
        self.commits.push((now, self.usn));
        self.usn
    }

    /// Its clock at a true time, in milliseconds.
    pub fn clock(&self, now: i64) -> i64 {
        now.saturating_add(self.skew_ms)
    }

    /// The up-to-dateness vector of a naming context.
    pub fn vector(&self, nc: usize) -> Known {
        self.vectors.get(nc).cloned().unwrap_or_default()
    }

    /// The same with the own entry, as this DC tells a source what it has.
    pub(super) fn has(&self, nc: usize) -> Known {
        let mut has = self.vector(nc);
        has.insert(self.invocation_id, self.usn);
        has
    }

    /// Takes over what a completed cycle brought: the greater of both, entry by entry.
    pub(super) fn learn(&mut self, nc: usize, brings: &Known, now: i64) {
        let own = self.invocation_id;
        let Some(vector) = self.vectors.get_mut(nc) else {
            return;
        };
        for (id, usn) in brings.iter().filter(|(id, _)| **id != own) {
            let entry = vector.entry(*id).or_insert(0);
            if *usn > *entry {
                *entry = *usn;
                self.moves.push((now, nc, *id, *usn));
            }
        }
    }

    /// Whether an object exists here and is not deleted.
    pub fn is_live(&self, guid: Uuid) -> bool {
        self.objects
            .get(&guid)
            .is_some_and(|object| !object.is_deleted())
    }
}
