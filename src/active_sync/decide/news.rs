//! Whether a stamp is news to the consumer (R4).
//!
//! # Decisions
//! - R4 asks J for the stamp last delivered only. A DC can show an attribute's earlier value whose stamp its vector, and
//!   so K, does not cover yet; where that value was delivered before the present one, it is a repeat all the same. So J
//!   remembers what it delivered earlier until K covers it, and what was told before is never news again, except to set
//!   right an older value that was told after it.

use super::rules::{Rule, holds};
use crate::model::{LocalStamp, Stamp, Usn, Vector};

/// Why a stamp is news.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum News {
    /// The consumer cannot have been told it.
    Fresh,
    /// It was told, but what was told last is older: this sets it right.
    Repair {
        /// The stamp told last; `None` where the value was absent when the object was delivered whole.
        last: Option<Stamp>,
    },
}

/// What J says of an attribute.
#[derive(Debug, Clone, Copy)]
pub struct Recall {
    /// The stamp delivered last.
    pub last: Option<Stamp>,
    /// The stamp in question was delivered before that one.
    pub is_earlier: bool,
    /// Without a stamp delivered last nothing was delivered, whatever K says.
    pub is_partial: bool,
}

/// Whether `shown` is news, where K is `told` and this DC was read up to `cursor` before.
pub fn news(shown: LocalStamp, recall: Recall, told: &Vector, cursor: Usn) -> Option<News> {
    let stamp = shown.stamp;
    let known = stamp.is_within(told) || (recall.is_earlier && holds(Rule::Journal));
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
        // A concurrent loser is delivered: the DC that showed the winner may never come back.
        _ => unknown.then_some(News::Fresh),
    }
}
