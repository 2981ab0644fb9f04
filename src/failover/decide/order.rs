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
    Key {
        out: !verdict.why_not.is_empty(),
        preference: verdict.preference,
        elsewhere: !verdict.same_site,
        method,
        lacks_some: !verdict.covers_consumer,
        distance: point.map_or(u64::MAX, |point| distance(point, target)),
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
