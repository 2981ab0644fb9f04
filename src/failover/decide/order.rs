//! The order among candidates: total, and free of chance.

use crate::model::{DcName, Evidence, Method, Preference, StartPoint, UtcMs, Verdict};

use super::input::Input;

/// What candidates are sorted by, smallest first.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    out: bool,
    preference: Preference,
    elsewhere: bool,
    method: Option<Method>,
    lacks_some: bool,
    distance: u64,
    name: DcName,
}

/// The place of one verdict.
pub(super) fn key(input: &Input, verdict: &Verdict, target: Option<UtcMs>) -> Key {
    let start = verdict
        .starts
        .as_ref()
        .and_then(|starts| super::effective(input, starts));
    let (method, point) = match start {
        Some((method, Ok(point))) => (Some(method), Some(point)),
        _ => (None, None),
    };
    // Whether the lower of two proven starts is by vector or by time says nothing for or against a DC.
    let is_best_of_feed = point.is_some_and(|point| point.proven)
        && verdict
            .starts
            .as_ref()
            .is_some_and(|starts| starts.best.as_ref().map(|best| &best.start) == point);
    Key {
        out: !verdict.why_not.is_empty(),
        preference: verdict.preference,
        elsewhere: !verdict.same_site,
        method: if is_best_of_feed { None } else { method },
        lacks_some: !verdict.covers_consumer,
        distance: match point {
            Some(point) if is_best_of_feed => point.read_at_most,
            Some(point) => distance(point, target),
            None => u64::MAX,
        },
        name: verdict.dc.clone(),
    }
}

/// Closeness: for a start by time the milliseconds before the target, else the changes to read.
fn distance(point: &StartPoint, target: Option<UtcMs>) -> u64 {
    match (&point.evidence, target) {
        (
            Evidence::BackupSample {
                collected_at,
                target: Some(_),
            },
            Some(target),
        ) => u64::try_from(target.ms_since(*collected_at)).unwrap_or(u64::MAX),
        _ => point.read_at_most,
    }
}
