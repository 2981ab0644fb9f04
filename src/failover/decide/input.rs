//! Everything a failover decision is made from: read beforehand, judged here.

use std::collections::BTreeSet;

use super::feed::FeedState;
use crate::config::Position;
use crate::model::{
    Ask, DcFacts, DcName, Dn, HeldCursor, HostAttribute, Incarnation, InvocationId, Knowledge,
    KnownUsn, PollFailure, Preference, ResourceName, Sample, SourceSample, UtcMs,
};

/// The input of [`super::decide`].
#[derive(Debug, Clone)]
pub struct Input {
    /// For which resource.
    pub resource: ResourceName,
    /// Which attribute is rewritten.
    pub host_attribute: HostAttribute,
    /// What the consumer's USNs mean.
    pub position: Position,
    /// The site the consumer runs in, where configured.
    pub site: Option<String>,
    /// What was asked.
    pub ask: Ask,
    /// The consumer's cursor.
    pub cursor: HeldCursor,
    /// The DC in use.
    pub source: Source,
    /// What was known at the last switch, if there was one.
    pub knowledge: Option<Knowledge>,
    /// Our own feed, where the consumer is one: S and K come from it, never from samples.
    pub feed: Option<FeedState>,
    /// The backup DCs, in any order.
    pub candidates: Vec<Candidate>,
}

/// The DC in use, as the store knows it.
#[derive(Debug, Clone)]
pub struct Source {
    /// Its name.
    pub dc: DcName,
    /// Its lives on record, oldest first.
    pub incarnations: Vec<Incarnation>,
    /// The newest vectors the cursor covers: of the cursor's incarnation, hc₂ ≤ what has been read.
    pub evidence: Option<SourceSample>,
    /// The newest sample whose USN the cursor has reached: so far in time the cursor is known to have read.
    pub read_by: Option<Sample>,
    /// The naming contexts the resource reads, as last known.
    pub naming_contexts: BTreeSet<Dn>,
}

/// One backup DC: what the store knows of it, and what it answered just now.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// Its name.
    pub dc: DcName,
    /// The host a cursor would name.
    pub host: String,
    /// The server name it must answer with, where configured.
    pub server_name: Option<String>,
    /// The wish in the configuration.
    pub preference: Preference,
    /// Its lives on record, oldest first.
    pub incarnations: Vec<Incarnation>,
    /// Its answer just now.
    pub probe: Result<DcFacts, PollFailure>,
    /// The newest sample of the answering incarnation at or before TargetTimestamp.
    pub at_target: Option<Sample>,
    /// For a start by hand: what lies at and around the time named.
    pub by_hand: Option<ByHand>,
    /// The highest USN of the answering incarnation that a partner's vector has shown.
    pub known: Option<KnownUsn>,
    /// The newest sample of the answering incarnation.
    pub newest: Option<Sample>,
    /// The newest sample of this DC that the DC in use had already received in full when the evidence was taken.
    pub received: Option<Sample>,
}

/// What is on record around a time named by hand.
#[derive(Debug, Clone, Default)]
pub struct ByHand {
    /// The sample at that time, with its incarnation.
    pub at: Option<(InvocationId, Sample)>,
    /// The nearest earlier sample.
    pub before: Option<UtcMs>,
    /// The nearest later sample.
    pub after: Option<UtcMs>,
}

impl Candidate {
    /// The record of the incarnation that answered.
    pub(super) fn life(&self) -> Option<&Incarnation> {
        let id = self.probe.as_ref().ok()?.identity.invocation_id;
        self.incarnations
            .iter()
            .find(|life| life.invocation_id == id)
    }

    /// When the answering incarnation was last released from quarantine.
    pub(super) fn released_at(&self) -> Option<UtcMs> {
        self.life().and_then(|life| life.released_at)
    }
}
