//! The recovery data of one resource as a JSON document, `ADSyncRecovery_<resource>`: out and in again.
//!
//! # Decisions
//! - Of the vectors only the evidence goes out: the polls that prove what the cursor has read, and the newest poll.
//!   Those in between prove nothing more, and a week of them can be gigabytes.
//! - Taking in is all or nothing, and may be repeated: samples that are there stay as they are.
//! - A cursor that the store holds at the same or a higher generation with another content is never replaced unless
//!   that is ordered; then the generation rises beyond both, so a writer that read the old one notices.

mod document;
mod export;
mod import;
mod validate;

pub use document::{
    Recovery, RecoveryCursor, RecoveryCursorSeen, RecoveryDc, RecoveryEvidence,
    RecoveryIncarnation, RecoverySample,
};
pub use import::Imported;
