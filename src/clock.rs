//! The only place that reads the clock.
//!
//! Everything that decides takes `now` as an argument; the tidy test refuses a clock read anywhere else.

use std::time::{Duration, Instant};

use crate::model::UtcMs;

/// The present time of this machine, UTC milliseconds; a clock before 1970 reads as 0.
pub fn now() -> UtcMs {
    UtcMs::from_millis(chrono::Utc::now().timestamp_millis().max(0))
}

/// A running stopwatch on the monotonic clock, for durations only.
#[derive(Debug, Clone, Copy)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// Starts counting now.
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// The time since the start.
    pub fn elapsed(self) -> Duration {
        self.0.elapsed()
    }

    /// The time since the start in whole milliseconds, at most `u32::MAX`.
    pub fn elapsed_ms(self) -> u32 {
        u32::try_from(self.0.elapsed().as_millis()).unwrap_or(u32::MAX)
    }
}
