//! What every kind of spot shares: the fields it holds, what a reading of it gives, and what can go wrong.
//!
//! # Decisions
//! - Values are kept as the product writes them, as text: what they mean is decided above the spots, once for all kinds.
//! - A reading carries a tag that changes with every write the spot can see. What it is made of is the spot's own
//!   affair: an ETag, a digest of the file, the row's own text. Nobody else looks into it.

use std::collections::BTreeMap;

use super::host_text;
pub(crate) use crate::config::SpotField as Field;

/// What a spot holds, by field, as the product writes it. A field that is not there, or null, is left out.
pub(crate) type Fields = BTreeMap<Field, String>;

/// What is to be written: a new text, or `None` to remove the field so that the product reads everything again.
pub(crate) type Change = BTreeMap<Field, Option<String>>;

/// The fields for a message; what may be a password in them is not shown.
pub(super) fn told(fields: &Fields) -> String {
    let texts = fields
        .iter()
        .map(|(field, text)| format!("{field} {:?}", host_text::shown(text)));
    texts.collect::<Vec<_>>().join(", ")
}

/// What was read from a spot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    /// The fields.
    pub(crate) fields: Fields,
    /// What a conditional write needs to see that nobody wrote in between.
    pub(crate) tag: String,
}

/// A spot that could not be read or written. `place` names it for a person: a path, a URL without secrets.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SpotError {
    /// It is not what was read before; nothing was written.
    #[error("{place} was written by another program since it was read; nothing was written there")]
    Moved {
        /// Which spot.
        place: String,
    },
    /// There is no such file, row, object or entry.
    #[error("{place} does not exist{detail}; {cure}")]
    Missing {
        /// Which spot.
        place: String,
        /// What was said of it, empty or beginning with a blank.
        detail: String,
        /// What to do.
        cure: String,
    },
    /// It could not be reached or read, or did not answer in time.
    #[error("cannot read {place}: {problem}; {cure}")]
    Unreadable {
        /// Which spot.
        place: String,
        /// What was said.
        problem: String,
        /// What to do.
        cure: String,
    },
    /// It could not be written; it may have been all the same where an answer was lost.
    #[error("cannot write {place}: {problem}; {cure}")]
    Unwritable {
        /// Which spot.
        place: String,
        /// What was said.
        problem: String,
        /// What to do.
        cure: String,
    },
    /// It knows us not, or permits it not.
    #[error("{place} refused: {problem}; {cure}")]
    Refused {
        /// Which spot.
        place: String,
        /// What was said.
        problem: String,
        /// What to do.
        cure: String,
    },
    /// No secure connection could be made.
    #[error("no secure connection to {place}: {problem}; {cure}")]
    Tls {
        /// Which spot.
        place: String,
        /// What was said.
        problem: String,
        /// What to do.
        cure: String,
    },
    /// What stands there is not of the form it must have.
    #[error("{place}: {what} is {value}; it must be {must}")]
    Flawed {
        /// Which spot.
        place: String,
        /// Which field or part of it.
        what: String,
        /// What stands there, shortened.
        value: String,
        /// What must stand there.
        must: String,
    },
    /// This process is ending.
    #[error("the program is ending; run the command again")]
    Ended,
}
