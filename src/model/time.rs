//! Times and durations as values; reading the clock is `clock.rs`'s alone.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, NaiveDateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};

/// A moment, in milliseconds since 1970-01-01T00:00:00Z, of the store's clock unless said otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UtcMs(i64);

/// Text that is no time or no number of hours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TimeError {
    /// Not a moment.
    #[error(
        "`{0}` is no time: write it like 2026-11-22T10:15:00Z or 2026-11-22T11:15:00.250+01:00"
    )]
    Moment(String),
    /// Not a duration in hours.
    #[error("`{0}` is no number of hours from 0 to 87600: write it like 3 or 0.25")]
    Hours(String),
}

impl UtcMs {
    /// The moment this many milliseconds after the epoch.
    pub const fn from_millis(ms: i64) -> Self {
        Self(ms)
    }

    /// Milliseconds since the epoch.
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// The moment `ms` milliseconds later.
    #[must_use]
    pub fn plus_ms(self, ms: i64) -> Self {
        Self(self.0.saturating_add(ms))
    }

    /// The moment `ms` milliseconds earlier.
    #[must_use]
    pub fn minus_ms(self, ms: i64) -> Self {
        Self(self.0.saturating_sub(ms))
    }

    /// Milliseconds from `earlier` to this moment; negative where `earlier` is later.
    pub fn ms_since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl fmt::Display for UtcMs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match DateTime::<Utc>::from_timestamp_millis(self.0) {
            Some(time) => f.pad(&time.to_rfc3339_opts(SecondsFormat::Millis, true)),
            None => write!(f, "{} ms", self.0),
        }
    }
}

impl FromStr for UtcMs {
    type Err = TimeError;
    /// Reads RFC 3339, or the same without an offset, which then means UTC.
    fn from_str(text: &str) -> Result<Self, TimeError> {
        let text = text.trim();
        if let Ok(time) = DateTime::parse_from_rfc3339(text) {
            return Ok(Self(time.timestamp_millis()));
        }
        // Without seconds RFC 3339 has no name for it.
        let naive = text.strip_suffix('Z').unwrap_or(text);
        for format in [
            "%Y-%m-%dT%H:%M:%S%.f",
            "%Y-%m-%d %H:%M:%S%.f",
            "%Y-%m-%dT%H:%M",
            "%Y-%m-%d %H:%M",
        ] {
            if let Ok(time) = NaiveDateTime::parse_from_str(naive, format) {
                return Ok(Self(time.and_utc().timestamp_millis()));
            }
        }
        Err(TimeError::Moment(text.chars().take(40).collect()))
    }
}

impl Serialize for UtcMs {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for UtcMs {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

/// A duration given in hours, fractions allowed, as the original's `replicationTime`; 0 to 87,600.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Hours(f64);

impl Hours {
    /// Three hours: AD's default interval between sites.
    pub const DEFAULT_REPLICATION: Hours = Hours(3.0);

    /// So many hours.
    pub fn new(hours: f64) -> Result<Self, TimeError> {
        if hours.is_finite() && (0.0..=87_600.0).contains(&hours) {
            Ok(Self(hours))
        } else {
            Err(TimeError::Hours(hours.to_string()))
        }
    }

    /// Whole milliseconds, rounded up so that a bound never shrinks.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "at most 87,600 h, which is far below 2^53 ms"
    )]
    pub fn as_millis(self) -> i64 {
        (self.0 * 3_600_000.0).ceil() as i64
    }
}

impl TryFrom<f64> for Hours {
    type Error = TimeError;
    fn try_from(hours: f64) -> Result<Self, TimeError> {
        Self::new(hours)
    }
}

impl From<Hours> for f64 {
    fn from(hours: Hours) -> f64 {
        hours.0
    }
}

impl FromStr for Hours {
    type Err = TimeError;
    fn from_str(text: &str) -> Result<Self, TimeError> {
        let hours = text
            .trim()
            .parse()
            .map_err(|_| TimeError::Hours(text.chars().take(40).collect()))?;
        Self::new(hours)
    }
}

impl fmt::Display for Hours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} h", self.0)
    }
}
