//! Decides what of an object, as a DC shows it, is news to the consumer. Pure: everything it needs is an argument.
//!
//! `judge` takes one object of a pass over the changes, `judge_whole` one of a pass over everything; both say what is
//! delivered, what is remembered of the object from then on, and what must be read again. [`position`] moves K and S.
//!
//! # Decisions
//! - What is told is proved by stamps wherever there are any; a link has none here, so its digest decides, and a change
//!   seen on a DC that is behind the consumer is delivered and counted as unproven.
//! - An object that was never told is created once the DC is level with the consumer or shows anything new of it. A DC
//!   that lags behind may show an object that the consumer's former DC had seen deleted long before.
//! - The name of an object depends on those above it, which have stamps of their own. While a DC is behind, an object
//!   keeps the name it was told with until its own `name` is news.
//! - A delete drops links to the object without a word, so an equal digest of a group told before the delete proves nothing
//!   once the object is back. The digest knows which life each target is in: a group that reaches a DC late is told
//!   again then, and one that was told with the target alive is not.
//! - Rows of objects that are not the consumer's are kept only where they prevent a mistake later: a tombstone, so that
//!   a lagging DC cannot bring the object to life, and a container whose renaming was seen.

mod audit;
mod change;
mod event;
mod links;
mod news;
mod object;
pub mod position;
pub mod rules;
mod whole;

use std::collections::BTreeSet;

pub use audit::{Proof, left_out};
pub use change::{Change, Changed};
pub use event::{
    Source, change_id, event, generation, heartbeat, is_once, load_completed, load_started,
};
pub use links::{digest, settle_targets};
pub use news::{News, Recall, news};
pub use whole::{Purpose, chunk_end, judge_gone, judge_unseen, judge_whole, next_width, tell_gone};

use crate::model::{
    AttributeOid, Dn, Image, InvocationId, ObjectGuid, RereadWhy, Schema, Stamp, Standing, Told,
    Usn, Vector, Waits,
};
use object::Seen;

/// `isDeleted` (MS-ADA1 2.309).
pub(in crate::active_sync) const IS_DELETED: &str = "1.2.840.113556.1.2.48";
/// `name` (MS-ADA3 2.3): its stamp is that of the RDN and of the place in the tree.
pub(in crate::active_sync) const NAME: &str = "1.2.840.113556.1.4.1";

/// What is the same for all objects of one pass through one naming context.
#[derive(Debug, Clone, Copy)]
pub struct Reading<'a> {
    /// The naming context.
    pub nc: &'a Dn,
    /// The attributes the DC has.
    pub schema: &'a Schema,
    /// The attributes the consumer is to have.
    pub wanted: &'a BTreeSet<AttributeOid>,
    /// The DC's incarnation.
    pub reader: InvocationId,
    /// K.
    pub told: &'a Vector,
    /// S, where it is known.
    pub held: Option<&'a Vector>,
    /// Up to which USN this DC had been read before the pass.
    pub cursor: Usn,
}

/// Why an object was looked for without a change of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sought {
    /// A container above it was renamed or moved: its name has changed with that.
    Below {
        /// The container.
        container: ObjectGuid,
        /// The stamp of the container's `name`.
        name: Stamp,
    },
    /// An object that it leads to was brought back from deletion: its links show that again, and the consumer dropped
    /// it with the delete.
    Regained {
        /// That object.
        member: ObjectGuid,
        /// The stamp of its `isDeleted`.
        undeleted: Stamp,
    },
    /// It is looked at until the DC has caught up with what was told of it.
    Held,
}

/// What is to be done about one object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// What is delivered, or why nothing is.
    pub verdict: Verdict,
    /// What is remembered of the object from now on; `None` leaves it as it is.
    pub remember: Option<Told>,
    /// What must be read again for it.
    pub rereads: Vec<RereadWhy>,
    /// Whose changes it waits for: a DC wrote what was delivered last, and this one shows something older (R4). By the
    /// incarnation, the USN there.
    pub waits: Waits,
}

/// What is delivered of an object, or why nothing is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// This is delivered.
    Deliver(Box<Change>),
    /// Nothing is.
    Nothing(Silence),
}

/// Why an object that was read is not delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Silence {
    /// All its stamps and links were told before.
    Repeat,
    /// Only attributes that the consumer does not want have changed.
    Unwanted,
    /// It is not in the bases and the filter, and was not before.
    OutOfScope,
    /// It is deleted, and the consumer never had it.
    NeverTold,
    /// The DC is behind the consumer and shows the object as it was before its delete, leaving or coming was told (R5):
    /// looked at again until the DC has caught up.
    Held,
}

/// Whether a cause that was counted stands for silence.
pub fn is_silence(code: &str) -> bool {
    [
        Silence::Repeat,
        Silence::Unwanted,
        Silence::OutOfScope,
        Silence::NeverTold,
        Silence::Held,
    ]
    .into_iter()
    .any(|silence| silence.code() == code)
}

impl Silence {
    /// The stable code.
    pub fn code(self) -> &'static str {
        match self {
            Self::Repeat => "repeat",
            Self::Unwanted => "unwanted",
            Self::OutOfScope => "out_of_scope",
            Self::NeverTold => "never_told",
            Self::Held => "held",
        }
    }
}

impl Judgement {
    fn nothing(why: Silence) -> Self {
        Self {
            verdict: Verdict::Nothing(why),
            remember: None,
            rereads: Vec::new(),
            waits: Waits::new(),
        }
    }

    fn held() -> Self {
        let mut held = Self::nothing(Silence::Held);
        held.rereads.push(RereadWhy::Held);
        held
    }

    fn remembering(mut self, told: Told) -> Self {
        self.remember = Some(told);
        self
    }
}

/// Judges an object of a pass over the changes. `in_scope`: it lies below a base and matches the filter. `sought`: why
/// it was looked for, where no change of its own brought it up.
pub fn judge(
    reading: &Reading<'_>,
    image: &Image,
    in_scope: bool,
    sought: Option<Sought>,
    told: Option<&Told>,
) -> Judgement {
    let seen = Seen::new(reading, image, told, sought);
    let waits = seen.waits();
    let standing = told.map(|told| told.standing);
    let was_deleted = standing == Some(Standing::Deleted) || seen.is_news(&seen.is_deleted);
    let judgement = match (standing, image.is_deleted, in_scope) {
        (Some(Standing::In), true, _) => seen.deleted(),
        (_, true, _) => seen.tombstone(),
        // Deleted and brought back between two passes counts too: its links may be gone without a trace.
        (_, false, _) if was_deleted => seen.alive_again(in_scope),
        (Some(Standing::In), false, true) => seen.changed(),
        (Some(Standing::In), false, false) => seen.left(),
        (Some(Standing::Out | Standing::Deleted) | None, false, true) => seen.entered(),
        (Some(Standing::Out | Standing::Deleted) | None, false, false) => seen.elsewhere(),
    };
    Judgement { waits, ..judgement }
}
