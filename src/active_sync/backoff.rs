//! How long a feed waits before it tries again.
//!
//! # Decisions
//! - Failures in a row are those of one DC: what the DC before it did says nothing of the one that is read now.

use std::time::Duration;

use super::place::Place;

/// The longest wait after any failure.
pub(super) const LONGEST: Duration = Duration::from_secs(30);
/// How often the wait doubles at most.
const DOUBLINGS: u32 = 6;

/// The failures in a row where the cursor points.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    at: Option<Place>,
    failures: u32,
}

impl Backoff {
    /// A pass or a load was complete: what failed before it is over.
    pub(super) fn went_well(&mut self) {
        *self = Self::default();
    }

    /// Counts a failure that came from `at`; how many there are in a row.
    pub(super) fn failed(&mut self, at: Option<&Place>) -> u32 {
        if self.at.as_ref() != at {
            self.failures = 0;
            self.at = at.cloned();
        }
        self.failures = self.failures.saturating_add(1);
        self.failures
    }

    /// The wait before the next try: longer with every failure in a row, from the feed's own pause on.
    pub(super) fn wait(&self, poll: Duration) -> Duration {
        let doublings = self.failures.saturating_sub(1).min(DOUBLINGS);
        poll.saturating_mul(1 << doublings).min(LONGEST)
    }
}

#[cfg(test)]
#[path = "backoff_tests.rs"]
mod tests;
