//! Typed reasons: why a DC is no candidate, and why a method gives no start. Page, mail and command line print these.

use serde::{Deserialize, Serialize};

use super::{DcName, Dn, InvocationId, PollFailure, ResourceName, Usn, UtcMs};

/// Why a DC may not take over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum WhyNot {
    /// It is the DC in use.
    #[error("it is the DC in use")]
    InUse,
    /// The configuration says so.
    #[error("the configuration lists it under must_not")]
    MustNot,
    /// Another DC was asked for.
    #[error("another DC was asked for with --to")]
    NotAskedFor,
    /// It did not answer.
    #[error("it did not answer: {failure}")]
    Unreachable {
        /// The failed probe.
        failure: PollFailure,
    },
    /// Another server answered.
    #[error(
        "{found} answered where {expected} was expected: an alias or load balancer leads there, or the DC was replaced"
    )]
    WrongServer {
        /// The server name on record or configured.
        expected: String,
        /// The server name that answered.
        found: String,
    },
    /// Quarantined.
    #[error("quarantined since {since}: {reason}; `highwater quarantine release` once it is sound")]
    Quarantined {
        /// Since when.
        since: UtcMs,
        /// The evidence.
        reason: String,
    },
    /// The probe itself shows a rollback (R10).
    #[error("its database went back in time: {evidence}")]
    RolledBack {
        /// The evidence.
        evidence: String,
    },
    /// Our own feed knows of more changes than it has (R10).
    #[error(
        "its database went back in time: the feed was told its changes up to {told}, but it is only at {committed}; keep \
         it out with `highwater quarantine add {dc} --reason ...` until it is demoted and promoted again"
    )]
    BehindFeed {
        /// The candidate.
        dc: DcName,
        /// The highest of its USNs in K and S.
        told: Usn,
        /// Its highestCommittedUSN.
        committed: Usn,
    },
    /// It lacks changes that every DC had, and that the feed remembers no more (R6).
    #[error(
        "it lacks changes that every DC that may take over has had: of {origin} up to USN {needed}, it has them up to \
         {has}; it was restored from a backup, or is new among `backup_dcs`, and may take over once replication has \
         brought them (`repadmin /showrepl`)"
    )]
    LacksSettled {
        /// The incarnation that made the changes.
        origin: InvocationId,
        /// Up to which USN it must have them.
        needed: Usn,
        /// Up to which USN it has.
        has: Usn,
    },
    /// Not synchronized yet.
    #[error("it has not finished its first synchronization (isSynchronized is FALSE)")]
    NotSynchronized,
    /// A read-only DC.
    #[error("it is a read-only DC, which can stand in for nobody")]
    ReadOnly,
    /// Not a global catalog, and the resource reads one.
    #[error("it is no global catalog, and the resource reads one")]
    NotGlobalCatalog,
    /// A global catalog that is not ready.
    #[error("its global catalog is not ready (isGlobalCatalogReady is FALSE)")]
    GlobalCatalogNotReady,
    /// It does not hold what the resource reads.
    #[error("it holds no full copy of {nc}")]
    NoReplica {
        /// The naming context.
        nc: Dn,
    },
    /// The naming context is being built.
    #[error("its copy of {nc} is still being built")]
    BeingBuilt {
        /// The naming context.
        nc: Dn,
    },
    /// The naming context is being removed.
    #[error("its copy of {nc} is being removed")]
    BeingRemoved {
        /// The naming context.
        nc: Dn,
    },
    /// No start by the method asked for.
    #[error("no start by {}: {why}", method.by())]
    NoStart {
        /// The method.
        method: super::Method,
        /// Why.
        why: WhyNoStart,
    },
    /// The start could skip changes.
    #[error(
        "the start {start} lies above {proven}, up to which the consumer is known to hold this DC's changes: it would \
         skip what lies between; use --method vector, or --allow-gap to accept the loss"
    )]
    WouldSkip {
        /// The start asked for.
        start: Usn,
        /// The proven start.
        proven: Usn,
    },
}

/// Why a method gives no start on a DC.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum WhyNoStart {
    /// No vector of the DC in use is covered by the cursor.
    #[error(
        "no vector of {source_dc} was collected before USN {read_up_to}, which both lastUpdated and lastDeleted have \
         reached: was the collector running, and may it read replUpToDateVector (`highwater check`)? Just \
         installed, leave `highwater run` on until the sync has read on"
    )]
    NoVector {
        /// The DC in use.
        source_dc: DcName,
        /// What the cursor has read up to.
        read_up_to: Usn,
    },
    /// It is unknown which incarnation the cursor counts on.
    #[error(
        "the cursor names no invocationId and {source_dc} has had {lives}: it is unknown on which one the cursor \
         counts; write invocationId into the cursor"
    )]
    CursorIncarnationUnknown {
        /// The DC in use.
        source_dc: DcName,
        /// How many incarnations are on record.
        lives: usize,
    },
    /// The consumer's cursor takes no USN: it is a cookie, or is removed.
    #[error("the cursor of this consumer takes no USN to start from; leave the method to `best`")]
    NoUsn,
    /// The cursor lies above what the DC in use has ever given out.
    #[error(
        "the cursor stands at {read_up_to}, but {source_dc} itself is only at {committed}: it went back in time, which \
         `highwater collect` tells, or another program wrote the cursor; what it has read cannot be told from it"
    )]
    CursorAhead {
        /// The DC in use.
        source_dc: DcName,
        /// What the cursor has read up to.
        read_up_to: Usn,
        /// The DC's highestCommittedUSN, read after the cursor.
        committed: Usn,
    },
    /// The consumer's cursor is the largest uSNChanged it saw (R12).
    #[error(
        "the consumer keeps the largest uSNChanged it saw, which can lie above changes it has not read \
         (results are unordered): no vector start is proven for it"
    )]
    LargestSeen,
    /// An earlier start was not proven (R7).
    #[error(
        "what the consumer holds is unknown since {since}: {reason}; after a full pass of the sync, `highwater resync` \
         makes starts provable again"
    )]
    KnowledgeVoid {
        /// Since when.
        since: UtcMs,
        /// Why.
        reason: String,
    },
    /// S of our own feed is unknown (R7).
    #[error(
        "what the feed holds of {nc} is unknown, since it went on from a start that was not proven or what it knew was \
         declared void: `highwater resync {resource}` has everything read anew; where the DC in use is gone, \
         --allow-gap moves the feed and has it read everything on the new DC"
    )]
    FeedUnknown {
        /// The resource.
        resource: ResourceName,
        /// The first naming context for which it is unknown.
        nc: Dn,
    },
    /// The vector has no entry for this DC's incarnation (R2).
    #[error(
        "the vector of {nc} knows nothing of invocationId {invocation_id}: only a full pass is safe there"
    )]
    NotInVector {
        /// The naming context.
        nc: Dn,
        /// The candidate's incarnation.
        invocation_id: InvocationId,
    },
    /// The start lies above what the DC has (R2, R10).
    #[error(
        "the vector says {start}, but the DC itself is only at {committed}: it went back in time"
    )]
    AboveCommitted {
        /// The start the vector gives.
        start: Usn,
        /// The DC's highestCommittedUSN.
        committed: Usn,
    },
    /// The evidence is older than the release of this incarnation from quarantine (R9).
    #[error(
        "the evidence of {evidence_at} is older than the release from quarantine at {released_at}"
    )]
    BeforeRelease {
        /// When the evidence was collected.
        evidence_at: UtcMs,
        /// When the incarnation was released.
        released_at: UtcMs,
    },
    /// The consumer reads a global catalog, and the vectors of partial replicas are not collected.
    #[error(
        "the sync reads a global catalog, and the vectors of the partial copies there are not collected: use a start by \
         time with an honest replicationTime"
    )]
    PartialReplicas,
    /// This incarnation was in quarantine once (R9).
    #[error(
        "it was released from quarantine at {released_at}: where its database had gone back in time, vectors count \
         changes it no longer has for others it made since, so only a full pass or a new invocationId is proven there"
    )]
    Released {
        /// When the incarnation was released.
        released_at: UtcMs,
    },
    /// The evidence is older than the tombstone lifetime: deletions are lost.
    #[error(
        "the evidence of {evidence_at} is older than the tombstone lifetime of {days} days: deletions since then may \
         be gone; order a full pass of the sync"
    )]
    TombstonesExpired {
        /// When the evidence was collected.
        evidence_at: UtcMs,
        /// The lifetime in days.
        days: u32,
    },
    /// No FailureTimestamp is known.
    #[error(
        "no FailureTimestamp was given and no sample shows when the cursor was last good; use --failure-timestamp"
    )]
    NoFailureTimestamp,
    /// No sample of the DC's present incarnation at or before the target.
    #[error("no sample of invocationId {invocation_id} was collected at or before {target}")]
    NoSampleBefore {
        /// The candidate's incarnation.
        invocation_id: InvocationId,
        /// TargetTimestamp.
        target: UtcMs,
    },
    /// No sample at the time named by hand.
    #[error("no sample was collected at {usn_date}{}; `highwater history` lists them", nearest(*before, *after))]
    NoSampleAt {
        /// The time asked for.
        usn_date: UtcMs,
        /// The nearest earlier sample.
        before: Option<UtcMs>,
        /// The nearest later sample.
        after: Option<UtcMs>,
    },
    /// The sample belongs to an earlier incarnation.
    #[error(
        "the sample of {usn_date} belongs to invocationId {sampled}, but the DC is now {present} (restored): its USNs \
         are void"
    )]
    OtherIncarnation {
        /// The time asked for.
        usn_date: UtcMs,
        /// The incarnation of the sample.
        sampled: InvocationId,
        /// The present incarnation.
        present: InvocationId,
    },
}

fn nearest(before: Option<UtcMs>, after: Option<UtcMs>) -> String {
    match (before, after) {
        (None, None) => ", nor at any other time".to_owned(),
        (Some(at), None) | (None, Some(at)) => format!("; the nearest is of {at}"),
        (Some(before), Some(after)) => format!("; the nearest are of {before} and {after}"),
    }
}
