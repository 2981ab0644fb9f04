//! A plan: an immutable decision with the evidence it stands on and one verdict per candidate.

use serde::{Deserialize, Serialize};

use super::{
    DcName, HeldCursor, Hours, InvocationId, Preference, ResourceName, StartMethod, Switch, Usn,
    UtcMs, WhyNoStart, WhyNot,
};

/// What was asked of the planner.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ask {
    /// How the start is found.
    pub how: How,
    /// Only this DC may be chosen.
    pub only: Option<DcName>,
    /// FailureTimestamp as given; `None` takes what the samples prove of the cursor.
    pub failure_timestamp: Option<UtcMs>,
    /// replicationTime.
    pub replication_time: Hours,
    /// A start that could skip changes is accepted this once.
    pub allow_gap: bool,
    /// Whether the sync is started again afterwards.
    pub restart: bool,
}

/// How the start USN is found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum How {
    /// By hand: the sample of one backup DC collected at this time (`usnDate`).
    Manual {
        /// The collected time as given.
        usn_date: UtcMs,
    },
    /// By a method over all candidates.
    Auto {
        /// The method.
        method: StartMethod,
    },
}

/// The way a start was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// From the up-to-dateness vector.
    Vector,
    /// From FailureTimestamp and replicationTime.
    Time,
    /// From a sample named by hand.
    Manual,
}

impl Method {
    /// As it reads after "by".
    pub fn by(self) -> &'static str {
        match self {
            Self::Vector => "vector",
            Self::Time => "time",
            Self::Manual => "hand",
        }
    }
}

impl std::fmt::Display for Method {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Vector => "vector",
            Self::Time => "time",
            Self::Manual => "manual",
        })
    }
}

/// What a start rests on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Evidence {
    /// A vector of the DC in use, read before the USN the cursor has reached.
    SourceSample {
        /// When it was collected.
        collected_at: UtcMs,
        /// The DC's highestCommittedUSN read after it (hc₂).
        committed_after: Usn,
    },
    /// What was known at the last switch, since no later vector is covered by the cursor yet.
    LastSwitch {
        /// When that switch was made.
        since: UtcMs,
    },
    /// The cursor stands at 0: the consumer has read nothing yet, and reads everything.
    NothingRead,
    /// The cursor is a cookie that carries its own vector, and is kept: every DC finds its place in it.
    OwnCookie,
    /// The cursor is removed, so that the consumer reads everything again.
    Reset,
    /// S of our own feed, which is written with its cursor.
    Feed {
        /// When both were last written.
        since: UtcMs,
        /// How many USNs lower the start lies, since the history is too short for a start by time.
        margin: u64,
    },
    /// Our own feed reads everything in any case, and begins with it anew on the new DC.
    FullPass {
        /// Since when the pass over everything has been under way; `None` where it is ordered with this move.
        since: Option<UtcMs>,
    },
    /// A sample of the backup DC.
    BackupSample {
        /// When it was collected.
        collected_at: UtcMs,
        /// TargetTimestamp = FailureTimestamp − replicationTime, for a start by time.
        target: Option<UtcMs>,
    },
}

/// One start that can be computed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StartPoint {
    /// The new lastUpdated and lastDeleted.
    pub usn: Usn,
    /// Whether the evidence proves that nothing is skipped.
    pub proven: bool,
    /// How many USNs the backup DC has above the start: at most so many changes are read, repeats included.
    pub read_at_most: u64,
    /// What it rests on.
    pub evidence: Evidence,
}

/// The start that `best` takes for our own feed, which filters out what it reads twice: the lower of those by vector
/// and by time, or the one by vector less a margin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BestStart {
    /// Which of them.
    pub method: Method,
    /// The start.
    pub start: StartPoint,
}

/// The starts of one candidate by every method, or why there is none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Starts {
    /// From the vector.
    #[serde(with = "start_or_none")]
    pub vector: Result<StartPoint, WhyNoStart>,
    /// From the times.
    #[serde(with = "start_or_none")]
    pub time: Result<StartPoint, WhyNoStart>,
    /// By hand, where a sample was named.
    #[serde(with = "start_or_none::if_asked")]
    pub manual: Option<Result<StartPoint, WhyNoStart>>,
    /// What `best` takes, where that is not simply one of these: for our own feed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub best: Option<BestStart>,
}

/// The judgement on one candidate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// The candidate.
    pub dc: DcName,
    /// The wish in the configuration.
    pub preference: Preference,
    /// Its site, where known.
    pub site: Option<String>,
    /// Whether it is in the consumer's site.
    pub same_site: bool,
    /// Its incarnation, where it answered.
    pub invocation_id: Option<InvocationId>,
    /// Its highestCommittedUSN, where it answered.
    pub committed: Option<Usn>,
    /// Why it is out; empty where it may be chosen.
    pub why_not: Vec<WhyNot>,
    /// What could be computed; `None` where it did not answer.
    pub starts: Option<Starts>,
    /// How far the DC in use was behind this one, in milliseconds, where samples show it.
    pub lag_ms: Option<i64>,
    /// Whether it has everything the consumer holds, the DC in use's own last changes left out.
    pub covers_consumer: bool,
    /// At most so many changes of the DC in use, up to the cursor and so told to the consumer, are unknown here
    /// ("ghosts"). A search has no upper bound: what the last one saw above the cursor comes on top, and cannot be
    /// counted from outside.
    pub ghosts_at_most: Option<u64>,
}

/// The chosen move.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chosen {
    /// How the start was found.
    pub method: Method,
    /// The start.
    pub start: StartPoint,
    /// At most so many changes up to the cursor are unknown on the new DC; see [`Verdict::ghosts_at_most`].
    pub ghosts_at_most: Option<u64>,
    /// What is to be carried out.
    pub switch: Switch,
}

/// Something the operator should know before going on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Warning {
    /// The start is not proven.
    #[error("the start on {dc} is not proven: {because}")]
    Unproven {
        /// The DC.
        dc: DcName,
        /// What it hangs on.
        because: String,
    },
    /// The DC that would be left is there.
    #[error("{dc} answers, at USN {committed}: it has not failed as far as is seen from here")]
    SourceAnswers {
        /// The DC in use.
        dc: DcName,
        /// Its highestCommittedUSN just now.
        committed: Usn,
    },
    /// Replication was measured slower than replicationTime.
    #[error(
        "replication from {dc} was measured {lag_ms} ms behind, more than replicationTime ({bound_ms} ms): a start \
         by time can skip changes; raise --replication-time"
    )]
    LagAboveReplicationTime {
        /// The candidate.
        dc: DcName,
        /// The measured lag.
        lag_ms: i64,
        /// The bound given.
        bound_ms: i64,
    },
    /// The FailureTimestamp is later than what the cursor is known to have read.
    #[error(
        "FailureTimestamp {given} is later than {proven}, the newest time whose changes the cursor is known to have \
         read: a start by time can skip what came in between; use --failure-timestamp {proven}"
    )]
    FailureAfterLastRead {
        /// The FailureTimestamp given.
        given: UtcMs,
        /// The newest time proven by samples.
        proven: UtcMs,
    },
    /// The FailureTimestamp given was later than what the cursor is known to have read, and the latter was taken.
    #[error(
        "FailureTimestamp {given} is later than {taken}, the newest time whose changes the cursor is known to have \
         read: {taken} is taken instead, so that what came in between is not skipped"
    )]
    FailureTakenEarlier {
        /// The FailureTimestamp given.
        given: UtcMs,
        /// The newest time proven by samples.
        taken: UtcMs,
    },
    /// A start by time rests on the FailureTimestamp given alone.
    #[error(
        "no sample shows how far the cursor has read, so nothing bears out FailureTimestamp {given}: a start by time \
         skips what came between the last good read and that time; give --failure-timestamp a time at which the sync \
         had surely read everything"
    )]
    LastReadUnknown {
        /// The FailureTimestamp given.
        given: UtcMs,
    },
    /// The DC's clock is off.
    #[error("the clock of {dc} is {skew_ms} ms off ours: {}", if skew_ms.abs() > 300_000 { "beyond Kerberos' 5 min, repair it" } else { "more than 5 s" })]
    ClockSkew {
        /// The candidate.
        dc: DcName,
        /// Its clock less ours.
        skew_ms: i64,
    },
    /// The consumer is ahead of the new DC.
    #[error(
        "up to {at_most} changes that the cursor covers, and whatever the last search saw above it, were made on \
         {source_dc} and are not on {dc} yet: they come back only when {source_dc} does"
    )]
    Ghosts {
        /// The chosen DC.
        dc: DcName,
        /// The DC in use.
        source_dc: DcName,
        /// The bound on those up to the cursor.
        at_most: u64,
    },
}

/// An immutable decision.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// For which resource.
    pub resource: ResourceName,
    /// When it was made.
    pub made_at: UtcMs,
    /// What was asked.
    pub ask: Ask,
    /// The cursor it was made for.
    pub cursor: HeldCursor,
    /// The DC in use.
    pub source: DcName,
    /// FailureTimestamp as used by the start by time.
    pub failure_timestamp: Option<UtcMs>,
    /// TargetTimestamp = FailureTimestamp − replicationTime.
    pub target: Option<UtcMs>,
    /// The choice, or none where nothing is safe.
    pub chosen: Option<Chosen>,
    /// Every candidate, best first.
    pub candidates: Vec<Verdict>,
    /// What to know before going on.
    pub warnings: Vec<Warning>,
    /// SHA-256 over what would be carried out, in hex: the same decision gives the same hash at any time.
    pub hash: String,
}

impl Plan {
    /// The warning for which nobody but a person may carry this plan out: its start is not proven, and what is known
    /// says that it can skip changes. `None` where there is no such.
    pub fn needs_person(&self) -> Option<&Warning> {
        let chosen = self.chosen.as_ref().filter(|chosen| !chosen.start.proven)?;
        self.warnings.iter().find(|warning| match warning {
            Warning::FailureAfterLastRead { .. } | Warning::LastReadUnknown { .. } => true,
            Warning::LagAboveReplicationTime { dc, .. } => {
                chosen.method == Method::Time && *dc == chosen.switch.to
            }
            Warning::Unproven { .. }
            | Warning::SourceAnswers { .. }
            | Warning::FailureTakenEarlier { .. }
            | Warning::ClockSkew { .. }
            | Warning::Ghosts { .. } => false,
        })
    }

    /// The warning of [`Self::needs_person`] that who approved `shown`, the same plan made earlier, did not see: the hash
    /// is of what would be done, and stays where only what is known of it changes.
    pub fn unseen_risk(&self, shown: Option<&Self>) -> Option<&Warning> {
        self.needs_person()
            .filter(|_| shown.and_then(Self::needs_person).is_none())
    }
}

/// A start as `{"start": …}` or `{"none": …}`, instead of the words of the programming language.
mod start_or_none {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::{StartPoint, WhyNoStart};

    type Found = Result<StartPoint, WhyNoStart>;

    #[derive(Serialize)]
    #[serde(rename_all = "snake_case")]
    enum Shown<'a> {
        Start(&'a StartPoint),
        None(&'a WhyNoStart),
    }

    #[derive(Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Read {
        Start(StartPoint),
        None(WhyNoStart),
    }

    fn shown(found: &Found) -> Shown<'_> {
        match found {
            Ok(start) => Shown::Start(start),
            Err(why) => Shown::None(why),
        }
    }

    fn read(read: Read) -> Found {
        match read {
            Read::Start(start) => Ok(start),
            Read::None(why) => Err(why),
        }
    }

    pub(super) fn serialize<S: Serializer>(found: &Found, to: S) -> Result<S::Ok, S::Error> {
        shown(found).serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Found, D::Error> {
        Read::deserialize(from).map(read)
    }

    pub(super) mod if_asked {
        use super::{Deserialize, Deserializer, Found, Read, Serialize, Serializer, read, shown};

        #[expect(clippy::ref_option, reason = "serde hands the field over so")]
        pub(in super::super) fn serialize<S: Serializer>(
            found: &Option<Found>,
            to: S,
        ) -> Result<S::Ok, S::Error> {
            found.as_ref().map(shown).serialize(to)
        }

        pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
            from: D,
        ) -> Result<Option<Found>, D::Error> {
            Ok(Option::<Read>::deserialize(from)?.map(read))
        }
    }
}
