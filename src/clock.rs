//! The only place that reads the clock.
//!
//! Everything that decides takes `now` as an argument; the tidy test refuses a clock read anywhere else.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::model::UtcMs;

/// An even number from 0 to 1: what spreads waits that would otherwise end together.
pub fn chance() -> f64 {
    let (_, low) = uuid::Uuid::new_v4().as_u64_pair();
    f64::from(u32::try_from(low & 0xffff_ffff).unwrap_or(0)) / f64::from(u32::MAX)
}

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

/// When something last showed that it lives; clones share the moment.
#[derive(Debug, Clone)]
pub struct Pulse {
    began: Stopwatch,
    beaten_ms: Arc<AtomicU64>,
}

impl Pulse {
    /// A pulse that beats now.
    pub fn start() -> Self {
        Self {
            began: Stopwatch::start(),
            beaten_ms: Arc::default(),
        }
    }

    /// Shows that its owner lives.
    pub fn beat(&self) {
        let ms = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.beaten_ms.store(ms, Ordering::Relaxed);
    }

    /// The time since the last beat, to the millisecond.
    pub fn silence(&self) -> Duration {
        let beaten = Duration::from_millis(self.beaten_ms.load(Ordering::Relaxed));
        self.began.elapsed().saturating_sub(beaten)
    }
}

/// Microseconds of the system's monotonic clock (`CLOCK_MONOTONIC`), as systemd compares them.
#[cfg(target_os = "linux")]
pub fn monotonic_usec() -> Option<u64> {
    let at = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    let (seconds, nanos) = (
        u64::try_from(at.tv_sec).ok()?,
        u64::try_from(at.tv_nsec).ok()?,
    );
    Some(seconds.checked_mul(1_000_000)? + nanos / 1_000)
}
