//! A forest in memory: multi-master replication as AD does it, by seed and without a clock.
//!
//! Owns the DCs' databases, their originating writes (`write`), the inbound cycles (`replicate`), what goes wrong
//! with a database (`trouble`) and the record of every write (`oracle`). It speaks no protocol, reads no clock and
//! draws chance only from its seed: the same seed and the same calls give the same forest.
//!
//! # Decisions
//! - An organizational unit is never moved below one that was ever, on any DC, below it (`containers`). AD would
//!   resolve the cycle of two concurrent moves by LostAndFound; here none can come about, whatever is restored.
//! - What lies below a unit that was deleted elsewhere goes to LostAndFound when a cycle completes, not packet by
//!   packet: only then has the destination all that the source did before the deletion.
//! - Two objects of one name are not told apart (AD mangles the loser's, ADTS 3.1.1.5.1.6): traffic numbers every
//!   name it gives.
//! - Links stay in the database while either end is deleted and are not shown, as with the Recycle Bin on
//!   (ADTS 3.1.1.5.5.1.3): an undelete shows them again without touching the group.
//! - Parents and link targets that the destination lacks are sent first (DRSR 4.1.10.5.2, GET_ANC and GET_TGT), so
//!   what arrives never hides something until a later packet.

mod build;
mod containers;
mod dc;
mod definition;
mod index;
mod mix;
mod names;
mod object;
mod oracle;
mod replicate;
mod rng;
mod schema;
mod traffic;
mod trouble;
mod truth;
mod write;

use std::collections::BTreeSet;

use uuid::Uuid;

pub use build::{DcShape, Shape};
pub use dc::{Dc, Known, VectorMove};
pub use definition::{Definition, Syntax, definition_named, definitions};
pub use index::Kind;
pub use mix::Weights;
pub use names::{canonical, dn, find};
pub use object::{Attr, Link, Object, Place, Stamp};
pub use oracle::{Comparison, Held, Oracle, What, Written};
pub use replicate::Progress;
pub use rng::Rng;
pub use schema::{Attribute, Class, MEMBER};
pub use traffic::{Pace, Traffic};
pub use trouble::Saved;
pub use truth::{Change, State, Truth};
pub use write::{Changes, filetime, generalized, text};

use replicate::Cycle;

/// The number of the domain's naming context.
pub const DOMAIN: usize = 0;
/// The number of the configuration's naming context.
pub const CONFIGURATION: usize = 1;
/// How many naming contexts there are.
pub const CONTEXTS: usize = 2;

/// Something asked of the forest that is not so.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ForestError {
    /// No such DC.
    #[error("the forest has no DC number {0}: they count from 0")]
    NoDc(usize),
    /// No such object, or it is deleted where a live one is needed.
    #[error("{dc} holds no live object {guid}: choose one it has received")]
    NoObject {
        /// The DC.
        dc: String,
        /// The object.
        guid: Uuid,
    },
    /// No such tombstone.
    #[error("{dc} holds no deleted object {guid}: only such can be undeleted")]
    NoTombstone {
        /// The DC.
        dc: String,
        /// The object.
        guid: Uuid,
    },
    /// A write to a read-only DC, or to one that is down.
    #[error("{0} takes no writes: it is read-only or down")]
    NoWrites(String),
    /// A container was to go below itself, or below one that once lay below it.
    #[error("{0} cannot go there: that container lies or once lay below it")]
    Cycle(Uuid),
    /// A container was to be deleted that is not empty.
    #[error("{0} has objects below it: move or delete them first")]
    NotEmpty(Uuid),
    /// A rolled-back or restored state of another DC.
    #[error("the saved state is that of {saved}, not of {dc}")]
    OtherDc {
        /// The DC to put back.
        dc: String,
        /// Whose state it is.
        saved: String,
    },
}

/// The whole forest.
#[derive(Debug, Clone)]
pub struct Forest {
    /// The DCs; their numbers never change.
    pub dcs: Vec<Dc>,
    /// The domain's DNS name, as `sim.test`.
    pub domain: String,
    /// The heads of the naming contexts, by number.
    pub heads: Vec<Uuid>,
    /// The containers of deleted objects, by number.
    pub deleted_objects: Vec<Uuid>,
    /// The domain's LostAndFound.
    pub lost_and_found: Uuid,
    /// The domain's SID: the three numbers after `S-1-5-21`.
    pub domain_sid: [u32; 3],
    /// Every write there was.
    pub oracle: Oracle,
    /// How many objects one packet carries.
    pub packet: usize,
    /// The source of chance.
    pub rng: Rng,
    /// Pairs of DC numbers, the smaller first, that do not replicate with each other.
    cuts: BTreeSet<(usize, usize)>,
    cycles: Vec<Cycle>,
    /// Every (unit, container) that the unit ever lay in.
    lay_in: BTreeSet<(Uuid, Uuid)>,
    next_rid: u32,
}

impl Forest {
    /// The DC of this number.
    pub fn dc(&self, dc: usize) -> Result<&Dc, ForestError> {
        self.dcs.get(dc).ok_or(ForestError::NoDc(dc))
    }

    /// The DC of this number, to change.
    pub fn dc_mut(&mut self, dc: usize) -> Result<&mut Dc, ForestError> {
        self.dcs.get_mut(dc).ok_or(ForestError::NoDc(dc))
    }

    /// The DN of a naming context's head.
    pub fn context_dn(&self, nc: usize) -> String {
        let domain = self
            .domain
            .split('.')
            .map(|label| format!("DC={label}"))
            .collect::<Vec<_>>()
            .join(",");
        if nc == CONFIGURATION {
            format!("CN=Configuration,{domain}")
        } else {
            domain
        }
    }

    /// The host name of a DC, as `dc1.sim.test`.
    pub fn host(&self, dc: usize) -> Result<String, ForestError> {
        let name = self.dc(dc)?.name.to_ascii_lowercase();
        Ok(format!("{name}.{}", self.domain))
    }
}

#[cfg(test)]
mod change_tests;
#[cfg(test)]
mod tests;
