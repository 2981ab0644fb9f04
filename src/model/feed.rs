//! What a consumer of our own feed has been told, and how far its reader has come (K, S and J of the rules).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{
    AttributeOid, Dn, HeldCursor, InvocationId, NcVectors, ObjectGuid, Stamp, Usn, UtcMs, Vector,
};

/// K and S of one naming context.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeedContext {
    /// K: every stamp within it was delivered, or one that superseded it was.
    pub told: Vector,
    /// S: everything these DCs held at these USNs is held or superseded. `None` where it is unknown, after a start that
    /// was not proven (R7) or before the first load is complete.
    pub held: Option<Vector>,
    /// What J was pruned of: every DC that may take over had it. One that lacks some of it was restored or has come
    /// later, and must not be read (R6).
    #[serde(default)]
    pub settled: Vector,
}

impl FeedContext {
    /// Whether S is known and covers K: what the DC with this incarnation shows is no older than what was delivered (R5). A
    /// DC has what it has written itself, though S ends below that by the overlap.
    pub fn is_level_on(&self, reader: InvocationId) -> bool {
        self.held
            .as_ref()
            .is_some_and(|held| held.covers_but(&self.told, reader))
    }

    /// What of the changes that J was pruned of a DC lacks that has `vector`: by whom, up to which USN, up to which it has
    /// them.
    pub fn lacks_settled(
        &self,
        reader: InvocationId,
        vector: &Vector,
    ) -> Option<(InvocationId, Usn, Usn)> {
        let has = |origin| vector.get(origin).unwrap_or(Usn::ZERO);
        let mut settled = self.settled.iter().filter(|(origin, _)| *origin != reader);
        settled
            .find(|(origin, needed)| has(*origin) < *needed)
            .map(|(origin, needed)| (origin, needed, has(origin)))
    }
}

/// A pass over everything, chunk by chunk below bounds that were read before it began.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Load {
    /// Its number: objects written by it carry it, which tells those that it never came across.
    pub pass: i64,
    /// Whether the consumer had been told things before: then what is gone is deleted at the end, within a cap.
    pub is_resync: bool,
    /// Whether it replaces all that was delivered before: what that was is not known any more.
    #[serde(default)]
    pub replaces: bool,
    /// When it began.
    pub since: UtcMs,
    /// By whose order; `None` for the first load.
    pub by: Option<String>,
    /// The incarnation it reads.
    pub invocation_id: InvocationId,
    /// highestCommittedUSN as read before the first chunk.
    pub committed: Usn,
    /// The vectors as read before that.
    pub vectors: NcVectors,
    /// What K will cover when it is complete and every DC that may take over has: J need not hold it (R6).
    #[serde(default)]
    pub settled: NcVectors,
    /// Per naming context, up to which USN it has been read.
    pub done: BTreeMap<Dn, Usn>,
    /// The most objects that may be deleted at its end, where an operator set another cap than the configured one.
    pub max_deletes: Option<u64>,
}

/// A feed as the store holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Feed {
    /// Host and position, with the generation that every write compares.
    pub cursor: HeldCursor,
    /// K and S by naming context.
    pub contexts: BTreeMap<Dn, FeedContext>,
    /// The pass over everything that is under way.
    pub load: Option<Load>,
    /// What was projected when K and S were last void: bases, filter, attributes, identity (R9).
    pub projection: String,
    /// The sync must stand still: its switch says so.
    pub is_stopped: bool,
    /// Raised whenever a DC is declared lost or released, or the store was restored: what was told and then given up can be
    /// told once more.
    pub given_up: u64,
    /// Why nothing but a full pass helps, where that is so.
    pub needs_full_pass: Option<FullPassReason>,
    /// The incarnations that were ever released after their databases went back in time: K never has them.
    pub released: Vec<InvocationId>,
}

/// Why what is remembered of a consumer does not do, and everything must be delivered anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FullPassReason {
    /// The store was put back from a backup: what the sinks were told since is unknown.
    Restored,
    /// The feed was moved by a version whose rules could lose a value.
    OldRules,
}

impl FullPassReason {
    /// The stable code.
    pub fn code(self) -> &'static str {
        match self {
            Self::Restored => "restored",
            Self::OldRules => "old_rules",
        }
    }
}

impl fmt::Display for FullPassReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Restored => {
                "the store was restored from a backup, and what the sinks were told since then is unknown"
            }
            Self::OldRules => {
                "an older version of Highwater moved this feed and may have left a value out"
            }
        })
    }
}

impl FromStr for FullPassReason {
    type Err = String;
    fn from_str(code: &str) -> Result<Self, String> {
        [Self::Restored, Self::OldRules]
            .into_iter()
            .find(|reason| reason.code() == code)
            .ok_or_else(|| format!("`{code}` is no reason for a full pass"))
    }
}

/// Where an object stands in the consumer's eyes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// It was delivered and has not left.
    In,
    /// It never matched, or was told to have left.
    Out,
    /// It was told, or seen, to be deleted.
    Deleted,
}

/// What is remembered of one object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// The naming context it lies in.
    pub nc: Dn,
    /// Its name as last told, or as last seen where nothing was told.
    pub dn: String,
    /// Where it stands.
    pub standing: Standing,
    /// J: the stamp last delivered of an attribute, until every DC that may take over has it too (R6).
    pub journal: BTreeMap<AttributeOid, Stamp>,
    /// It was delivered whole by a DC that was behind the consumer: what J does not list of it was never delivered
    /// since, whatever K says.
    pub is_partial: bool,
    /// Which life it is in, 0 where it was never told to have come back from deletion: links to it that were told in
    /// another one are dropped.
    pub life: u32,
    /// Which event last told what can be so once more: the whole object, its links, its place; 0 where there was none. Event
    /// ids are made of it, so that none comes twice although the consumer lost what it stood for in between.
    pub generation: u64,
    /// R8: of each forward link with values, the digest as last delivered.
    pub links: BTreeMap<AttributeOid, LinkDigest>,
    /// The DC whose word for the links was delivered last, and the object's uSNChanged there: no stamp says who wrote them
    /// (R9). `None` where no links are wanted.
    pub links_from: Option<(InvocationId, Usn)>,
}

impl Told {
    /// Forgets the stamps that were given up with the DC that wrote them (R9).
    pub fn forget_given_up(&mut self) {
        self.journal.retain(|_, last| *last != Stamp::GIVEN_UP);
    }

    /// Forgets all of J but what concerns this attribute.
    pub fn keep_only(&mut self, oid: &AttributeOid) {
        self.journal.retain(|kept, _| kept == oid);
    }
}

/// What became of an object that links lead to, in the consumer's eyes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TargetFate {
    /// It was told, or seen, to be deleted.
    Deleted,
    /// It was told to have come back from deletion, into this life.
    Revived(u32),
}

/// A digest of the targets of one forward link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkDigest(pub [u8; 16]);

/// Changes that were delivered and that the DC in use lacks: by the incarnation that made them, the newest USN there.
pub type Waits = BTreeMap<InvocationId, Usn>;

/// Something to be read again by its objectGUID, kept with the page that found it so that no crash loses it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reread {
    /// The object.
    pub guid: ObjectGuid,
    /// In which naming context.
    pub nc: Dn,
    /// Why.
    pub why: RereadWhy,
}

/// Why something is read again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RereadWhy {
    /// It was renamed or moved: the names of all below it have changed with it.
    Subtree,
    /// It was brought back from deletion: the groups it is in show it again.
    Memberships,
    /// This DC is behind what was told of it (R5): looked at in every pass until that ends.
    Held,
    /// The whole of it is to be delivered once more, for an operator.
    Whole,
    /// A load could not deliver it while K had nothing: the whole of it is delivered once this DC shows it.
    Load,
    /// A DC was declared lost that alone had shown some of what was told of it: what this DC shows counts (R9).
    Lost,
}

impl RereadWhy {
    /// The stable code.
    pub fn code(self) -> &'static str {
        match self {
            Self::Subtree => "subtree",
            Self::Memberships => "memberships",
            Self::Held => "held",
            Self::Whole => "whole",
            Self::Load => "load",
            Self::Lost => "lost",
        }
    }
}

impl FromStr for RereadWhy {
    type Err = String;
    fn from_str(code: &str) -> Result<Self, String> {
        [
            Self::Subtree,
            Self::Memberships,
            Self::Held,
            Self::Whole,
            Self::Load,
            Self::Lost,
        ]
        .into_iter()
        .find(|why| why.code() == code)
        .ok_or_else(|| format!("`{code}` is no reason to read again"))
    }
}

/// What happened to an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Op {
    /// It is new to the consumer: made, or come into the bases and the filter.
    Create,
    /// Some of its attributes have other values.
    Update,
    /// It was deleted.
    Delete,
    /// It was brought back from deletion.
    Undelete,
    /// It has another name, and perhaps other values.
    Move,
    /// It is alive, and no longer in the bases and the filter.
    Leave,
    /// The whole of it as it stands: of a load or a resync.
    Snapshot,
}

impl Op {
    /// The stable code.
    pub fn code(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => "delete",
            Self::Undelete => "undelete",
            Self::Move => "move",
            Self::Leave => "leave",
            Self::Snapshot => "snapshot",
        }
    }
}

impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// An event ready for the sinks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// Its id: the same for the same event, however often it is delivered.
    pub id: String,
    /// The object; `None` for a heartbeat.
    pub guid: Option<ObjectGuid>,
    /// The event as one line of JSON (CloudEvents 1.0).
    pub body: String,
}

/// An event in the outbox, in the order of delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queued {
    /// Its place in the resource's order.
    pub seq: i64,
    /// The event.
    pub event: Outgoing,
}

/// Why an event was delivered, or why a change was not; counted per resource since its first load.
pub type Counts = BTreeMap<&'static str, u64>;

/// What one page of reading leaves behind, written in one transaction before a sink hears of it.
#[derive(Debug, Clone, Default)]
pub struct FeedPage {
    /// What is now remembered of these objects.
    pub told: BTreeMap<ObjectGuid, Told>,
    /// What is to be delivered, in this order.
    pub events: Vec<Outgoing>,
    /// What each object that was read waits for; with an empty one it waits for nothing any more.
    pub waiting: BTreeMap<ObjectGuid, (Dn, Waits)>,
    /// What is to be read again.
    pub rereads: BTreeSet<Reread>,
    /// What has been read again and needs no more of it.
    pub done: BTreeSet<Reread>,
    /// Where the load stands after it.
    pub load: Option<Load>,
    /// What it adds to the counts.
    pub counts: Counts,
}
