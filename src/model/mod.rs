//! Pure values shared by the whole house: no IO, no clock, no randomness.
//!
//! A USN means something only together with the invocationId of the DC that counted it (ADTS 3.1.1.1.9),
//! so the types here keep the two together: a [`Vector`] is keyed by invocationId, a [`Sample`] belongs to an
//! incarnation, a [`Cursor`] names the incarnation it counts on.

mod attempt;
mod cursor;
mod dc;
mod encoding;
mod feed;
mod foreign;
mod image;
mod incarnation;
mod incident;
mod name;
mod notice;
mod plan;
mod poll;
mod proposal;
mod refusal;
mod sample;
mod schema;
mod stamp;
mod switch;
mod time;
mod usn;
mod vector;
mod why_wait;

pub use attempt::{Attempt, AttemptKind, AttemptState, Step, StepReport};
pub use cursor::{Cursor, CursorTag, HeldCursor, HostAttribute, Knowledge, StartMethod};
pub use dc::{DcFacts, Identity, InstanceType, Preference};
pub use encoding::{Encoding, NotText, text_of, utf8};
pub use feed::{
    Counts, Feed, FeedContext, FeedPage, FullPassReason, LinkDigest, Load, Op, Outgoing, Queued,
    Reread, RereadWhy, Standing, TargetFate, Told, Waits,
};
pub use foreign::{in_a_line, on_a_screen};
pub use image::{Image, LinkValue, LocalStamp};
pub use incarnation::{Accepted, Incarnation, PollContext, Quarantine};
pub use incident::{
    ActionKind, AutoFailover, Failure, Incident, IncidentEvent, NewFailure, Outcome, Pause,
    Sighting, Stance, Verdicted,
};
pub use name::{DcName, Dn, NameError, ResourceName, short_name};
pub use notice::{Delivery, DeliveryState, Notice, NoticeKind, Target};
pub use plan::{
    Ask, BestStart, Chosen, Evidence, How, Method, Plan, StartPoint, Starts, Verdict, Warning,
};
pub use poll::{FailureKind, PollFailure};
pub use proposal::{Proposal, ProposalState};
pub use refusal::{WhyNoStart, WhyNot};
pub use sample::{KnownUsn, NcVectors, Sample, SourceSample};
pub use schema::{Attribute, Schema, Syntax};
pub use stamp::{AttributeOid, ObjectGuid, Stamp};
pub use switch::Switch;
pub use time::{Hours, TimeError, UtcMs};
pub use usn::{InvocationId, Usn, UsnError};
pub use vector::Vector;
pub use why_wait::WhyWait;

#[cfg(test)]
mod tests;
