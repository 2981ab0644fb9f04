//! Whether a stamp is news to the consumer (R4).
//!
//! # Decisions
//! - The newest stamp delivered of an attribute decides: what supersedes it is news, whatever K says, and what loses against
//!   it is silent for ever, whoever shows it. So no attribute ever goes back, and a value that loses is not delivered for a
//!   moment and taken back when the DC that wrote the winner is heard of again.
//! - Without such a stamp K decides, and whether this DC had the value before it was read last.

use super::rules::{Rule, holds};
use crate::model::{LocalStamp, Stamp, Usn, Vector};

/// Why a stamp is news.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum News {
    /// The consumer cannot have been told it.
    Fresh,
    /// K has it, but what was delivered last is older: this sets it right.
    Repair {
        /// The stamp delivered last; `None` where the value was absent when the object was delivered whole.
        last: Option<Stamp>,
    },
}

/// What J says of an attribute.
#[derive(Debug, Clone, Copy)]
pub struct Recall {
    /// The stamp delivered last.
    pub last: Option<Stamp>,
    /// Without a stamp delivered last nothing was delivered, whatever K says.
    pub is_partial: bool,
}

/// Whether `shown` is news, where K is `told` and this DC was read up to `cursor` before.
pub fn news(shown: LocalStamp, recall: Recall, told: &Vector, cursor: Usn) -> Option<News> {
    let stamp = shown.stamp;
    let known = stamp.is_within(told);
    let unknown = !known && (shown.local > cursor || !holds(Rule::LocalAboveCursor));
    match recall.last {
        None if recall.is_partial && known => {
            holds(Rule::Repair).then_some(News::Repair { last: None })
        }
        Some(last) if stamp > last && known => {
            holds(Rule::Repair).then_some(News::Repair { last: Some(last) })
        }
        Some(last) if stamp > last => Some(News::Fresh),
        Some(last) if stamp == last && holds(Rule::Journal) => None,
        Some(last) if stamp < last && holds(Rule::LoserSilent) => None,
        _ => unknown.then_some(News::Fresh),
    }
}
