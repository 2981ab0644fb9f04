//! How long to wait before a sink is tried again.

use std::time::Duration;

/// The longest wait after the first failure; doubled with each.
const FIRST: Duration = Duration::from_secs(1);
/// The longest wait after any.
const LONGEST: Duration = Duration::from_mins(5);
/// The shortest: no sink is asked without a pause.
const SHORTEST: Duration = Duration::from_millis(100);
/// The longest that a receiver may ask for: its mistake must not silence a feed for days.
const PATIENCE: Duration = Duration::from_hours(1);

/// The wait after `attempt` failures in a row (from 1): evenly spread by `chance`, 0 to 1, up to a bound that doubles
/// with each to five minutes (full jitter); at least what the receiver asked for, up to an hour.
pub fn next_wait(attempt: u32, retry_after: Option<Duration>, chance: f64) -> Duration {
    let doublings = attempt.saturating_sub(1).min(16);
    let bound = FIRST.saturating_mul(1 << doublings).min(LONGEST);
    let own = bound.mul_f64(chance.clamp(0.0, 1.0)).max(SHORTEST);
    retry_after.map_or(own, |asked| own.max(asked.min(PATIENCE)))
}
