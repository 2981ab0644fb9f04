//! The start of our own feed: S is exact and K is known, and what is read twice is filtered out before it is delivered.
//!
//! # Decisions
//! - `best` is the lower of the start by vector and the start by time; where no start by time can be computed, the
//!   start by vector less a margin. The start by vector itself stays exactly S.
//! - The margin is taken from S, never from a cursor that a margin was taken from before: S keeps its entry for the DC
//!   that is moved to (see `switch`), and a cursor at 0 asks for everything only where S is unknown.
//! - Where a pass over everything is due or under way, every DC is right from 0 on: it begins anew there. With
//!   `allow_gap` an operator orders the same where S is unknown or has no entry for the DC; a feed that reads from 0 where
//!   it stands needs no order for that.
//! - Nothing is asked of samples: S is committed with the cursor that it belongs to, and no other program writes it.

use std::collections::BTreeMap;

use crate::model::{
    BestStart, DcFacts, DcName, Dn, Evidence, FeedContext, HeldCursor, Knowledge, Method,
    NcVectors, StartPoint, Usn, UtcMs, Vector, WhyNoStart, WhyNot,
};

use super::held::Held;
use super::input::{Candidate, Input};

/// Our own feed as the store holds it: read before any candidate is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedState {
    /// K and S by naming context.
    pub contexts: BTreeMap<Dn, FeedContext>,
    /// Since when a pass over everything has been under way.
    pub loading_since: Option<UtcMs>,
    /// When its cursor was last written, by the store's clock.
    pub written_at: UtcMs,
    /// How many USNs lower `best` starts where the history is too short for a start by time.
    pub start_margin: u32,
}

impl FeedState {
    /// Why everything is read in any case, wherever it goes on; `None` where it goes on from its cursor.
    pub fn begins_anew(&self, cursor: &HeldCursor) -> Option<Evidence> {
        let untold = self
            .contexts
            .values()
            .all(|context| context.told.is_empty() && context.held.is_none());
        match self.loading_since {
            Some(since) if !untold => Some(Evidence::FullPass { since: Some(since) }),
            _ if untold || (reads_all(cursor) && self.s().is_err()) => Some(Evidence::NothingRead),
            _ => None,
        }
    }

    /// S of every naming context, or the first for which it is unknown.
    fn s(&self) -> Result<NcVectors, &Dn> {
        let entry =
            |(nc, context): (&'_ Dn, &FeedContext)| Some((nc.clone(), context.held.clone()?));
        let known: NcVectors = self.contexts.iter().filter_map(entry).collect();
        match self.contexts.keys().find(|nc| !known.contains_key(*nc)) {
            Some(unknown) => Err(unknown),
            None => Ok(known),
        }
    }

    /// What is known of the feed now, as an undo needs it: S, or that it is unknown. `dc` is the DC in use.
    pub fn knowledge(&self, cursor: &HeldCursor, dc: &DcName) -> Knowledge {
        let (since, dc) = (self.written_at, dc.clone());
        let held = match (self.begins_anew(cursor), self.s()) {
            (Some(_), _) => Ok(nothing_of(self.contexts.keys())),
            (None, held) => held,
        };
        match (held, cursor.cursor.invocation_id) {
            (Ok(held), Some(invocation_id)) => Knowledge::Held {
                since,
                dc,
                invocation_id,
                start: cursor.cursor.read_up_to(),
                held,
            },
            (Err(nc), _) => Knowledge::Void {
                since,
                dc,
                reason: format!("what the feed holds of {nc} is unknown"),
            },
            (Ok(_), None) => Knowledge::Void {
                since,
                dc,
                reason: "the feed's cursor names no invocationId".to_owned(),
            },
        }
    }
}

/// Whether everything is read where the cursor stands.
pub(in crate::failover) fn reads_all(cursor: &HeldCursor) -> bool {
    cursor.cursor.read_up_to() == Usn::ZERO
}

fn nothing_of<'a>(ncs: impl Iterator<Item = &'a Dn>) -> NcVectors {
    ncs.map(|nc| (nc.clone(), Vector::new())).collect()
}

/// S of the feed, exactly, or why it is unknown.
pub(super) fn held(input: &Input, feed: &FeedState) -> Result<Held, WhyNoStart> {
    let anew = |evidence| Held {
        s: nothing_of(input.source.naming_contexts.iter()),
        evidence,
        // True at any time: it can neither be too old nor void.
        at: UtcMs::from_millis(i64::MAX),
    };
    if let Some(evidence) = feed.begins_anew(&input.cursor) {
        return Ok(anew(evidence));
    }
    match feed.s() {
        Ok(s) => Ok(Held {
            s,
            evidence: Evidence::Feed {
                since: feed.written_at,
                margin: 0,
            },
            at: feed.written_at,
        }),
        Err(_) if input.ask.allow_gap => Ok(anew(Evidence::FullPass { since: None })),
        Err(nc) => Err(WhyNoStart::FeedUnknown {
            resource: input.resource.clone(),
            nc: nc.clone(),
        }),
    }
}

/// Where S has no entry for the DC: the pass over everything that an operator orders with `allow_gap`, or that is due where
/// the cursor stands.
pub(super) fn anew(input: &Input, facts: &DcFacts) -> Option<StartPoint> {
    let evidence = match input.feed {
        Some(_) if input.ask.allow_gap => Evidence::FullPass { since: None },
        Some(_) if reads_all(&input.cursor) => Evidence::NothingRead,
        _ => return None,
    };
    Some(StartPoint {
        usn: Usn::ZERO,
        proven: true,
        read_at_most: facts.committed.above(Usn::ZERO),
        evidence,
    })
}

/// The start that `best` takes; `None` where there is no start by vector, and for somebody else's sync.
pub(super) fn best(
    input: &Input,
    facts: &DcFacts,
    vector: &Result<StartPoint, WhyNoStart>,
    time: &Result<StartPoint, WhyNoStart>,
) -> Option<BestStart> {
    let feed = input.feed.as_ref()?;
    let vector = vector.as_ref().ok()?;
    let time = time
        .as_ref()
        .ok()
        .filter(|time| time.proven || !vector.proven || time.usn > vector.usn);
    let found = match (time, &vector.evidence) {
        (Some(time), _) if time.usn < vector.usn => (Method::Time, time.clone()),
        (None, Evidence::Feed { since, .. }) => (
            Method::Vector,
            lower(vector, *since, feed.start_margin, facts.committed),
        ),
        _ => (Method::Vector, vector.clone()),
    };
    let (method, start) = found;
    Some(BestStart { method, start })
}

fn lower(vector: &StartPoint, since: UtcMs, margin: u32, committed: Usn) -> StartPoint {
    let usn = vector.usn.less(u64::from(margin));
    StartPoint {
        usn,
        proven: vector.proven,
        read_at_most: committed.above(usn),
        evidence: Evidence::Feed {
            since,
            margin: u64::from(margin),
        },
    }
}

/// R10: the DC is behind what the feed holds or was told of it. A release from quarantine says that it is known.
pub(super) fn rolled_back(
    feed: &FeedState,
    candidate: &Candidate,
    facts: &DcFacts,
) -> Option<WhyNot> {
    if candidate.released_at().is_some() {
        return None;
    }
    let id = facts.identity.invocation_id;
    let known = feed.contexts.values().flat_map(|context| {
        let held = context.held.as_ref().and_then(|held| held.get(id));
        [context.told.get(id), held]
    });
    let told = known.flatten().max()?;
    (told > facts.committed).then(|| WhyNot::BehindFeed {
        dc: candidate.dc.clone(),
        told,
        committed: facts.committed,
    })
}

/// R6: the DC lacks something that J was pruned of, since every DC had it.
pub(super) fn lacks_settled(feed: &FeedState, facts: &DcFacts) -> Option<WhyNot> {
    let id = facts.identity.invocation_id;
    let lacks = |(nc, vector)| -> Option<WhyNot> {
        let (origin, needed, has) = feed.contexts.get(nc)?.lacks_settled(id, vector)?;
        Some(WhyNot::LacksSettled {
            origin,
            needed,
            has,
        })
    };
    facts.vectors.iter().find_map(lacks)
}

/// Whether the DC holds all that was told (K), the DC in use's own last changes left out.
pub(super) fn covers(
    feed: &FeedState,
    facts: &DcFacts,
    ia: Option<crate::model::InvocationId>,
) -> bool {
    let own = facts.identity.invocation_id;
    feed.contexts.iter().all(|(nc, context)| {
        let mut needed = context.told.clone().with(own, Usn::ZERO);
        if let Some(ia) = ia {
            needed.set(ia, Usn::ZERO);
        }
        facts
            .vectors
            .get(nc)
            .is_some_and(|theirs| theirs.covers(&needed))
    })
}
