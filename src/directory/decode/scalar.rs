//! Single values: numbers, times, truth, names and the invocationId.

use chrono::NaiveDate;

use super::{DecodeError, id_at};
use crate::model::{Dn, InstanceType, InvocationId, Usn, UtcMs};

/// UTF-8 text.
pub fn text<'a>(attribute: &str, value: &'a [u8]) -> Result<&'a str, DecodeError> {
    std::str::from_utf8(value)
        .map_err(|error| DecodeError::new(attribute, error.valid_up_to(), "not UTF-8"))
}

/// A distinguished name.
pub fn dn(attribute: &str, value: &[u8]) -> Result<Dn, DecodeError> {
    text(attribute, value)?
        .parse()
        .map_err(|error: crate::model::NameError| DecodeError::new(attribute, 0, error.to_string()))
}

/// A USN in decimal digits, 0 to 2^63−1, as rootDSE `highestCommittedUSN` (ADTS 3.1.1.3.2.5).
pub fn usn(attribute: &str, value: &[u8]) -> Result<Usn, DecodeError> {
    let offset = value
        .iter()
        .position(|byte| !byte.is_ascii_digit())
        .unwrap_or(0);
    text(attribute, value)?
        .parse()
        .map_err(|error: crate::model::UsnError| {
            DecodeError::new(attribute, offset, error.to_string())
        })
}

/// A 32-bit integer in decimal, as NTDS Settings `options`.
pub fn integer(attribute: &str, value: &[u8]) -> Result<i32, DecodeError> {
    let digits = value.strip_prefix(b"-").unwrap_or(value);
    let sign = value.len().saturating_sub(digits.len());
    let plain = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    let offset = digits
        .iter()
        .position(|byte| !byte.is_ascii_digit())
        .map_or(0, |at| at.saturating_add(sign));
    text(attribute, value)?
        .parse()
        .ok()
        .filter(|_| plain)
        .ok_or_else(|| DecodeError::new(attribute, offset, "no 32-bit whole number"))
}

/// The `instanceType` of an NC head (MS-ADA1 2.315).
pub fn instance_type(value: &[u8]) -> Result<InstanceType, DecodeError> {
    integer("instanceType", value).map(InstanceType)
}

/// `TRUE` or `FALSE` (RFC 4517 3.3.3).
pub fn boolean(attribute: &str, value: &[u8]) -> Result<bool, DecodeError> {
    match value {
        b"TRUE" => Ok(true),
        b"FALSE" => Ok(false),
        _ => Err(DecodeError::new(attribute, 0, "neither TRUE nor FALSE")),
    }
}

/// An invocationId of exactly 16 octets.
pub fn invocation_id(value: &[u8]) -> Result<InvocationId, DecodeError> {
    if value.len() > 16 {
        let length = value.len();
        return Err(DecodeError::new(
            "invocationId",
            16,
            format!("{length} bytes, 16 are expected"),
        ));
    }
    id_at("invocationId", value, 0)
}

/// A `GeneralizedTime` (RFC 4517 3.3.13): `YYYYMMDDHH[MM[SS]][.fraction]` and `Z` or an offset, as
/// `20261122100253.0Z`; the fraction is of the last unit written, what is finer than 1 ms is cut off.
pub fn generalized_time(attribute: &str, value: &[u8]) -> Result<UtcMs, DecodeError> {
    let mut reader = Reader {
        attribute,
        value,
        at: 0,
    };
    let day = reader.day()?;
    let hour = reader.number(2, 0, 23)?;
    let mut ms = hour.saturating_mul(3_600_000);
    let mut unit_ms = 3_600_000;
    for (limit, size) in [(59, 60_000), (60, 1_000)] {
        if !reader.next_is_digit() {
            break;
        }
        ms = ms.saturating_add(reader.number(2, 0, limit)?.saturating_mul(size));
        unit_ms = size;
    }
    ms = ms.saturating_add(reader.fraction(unit_ms)?);
    let offset_ms = reader.zone()?;
    if reader.at < value.len() {
        return Err(reader.wrong("nothing may follow the zone"));
    }
    let midnight = day
        .and_time(chrono::NaiveTime::MIN)
        .and_utc()
        .timestamp_millis();
    Ok(UtcMs::from_millis(midnight).plus_ms(ms).minus_ms(offset_ms))
}

/// Reads a `GeneralizedTime` from left to right.
struct Reader<'a> {
    attribute: &'a str,
    value: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn wrong(&self, problem: &str) -> DecodeError {
        DecodeError::new(
            self.attribute,
            self.at,
            format!("no GeneralizedTime: {problem}"),
        )
    }

    fn peek(&self) -> Option<u8> {
        self.value.get(self.at).copied()
    }

    fn next_is_digit(&self) -> bool {
        self.peek().is_some_and(|byte| byte.is_ascii_digit())
    }

    /// The next digit, if the next byte is one.
    fn digit(&mut self) -> Option<i64> {
        let byte = self.peek().filter(u8::is_ascii_digit)?;
        self.at = self.at.saturating_add(1);
        Some(i64::from(byte.saturating_sub(b'0')))
    }

    /// A number of exactly so many digits within these bounds.
    fn number(&mut self, digits: usize, least: i64, most: i64) -> Result<i64, DecodeError> {
        let start = self.at;
        let mut number = 0_i64;
        for _ in 0..digits {
            let digit = self
                .digit()
                .ok_or_else(|| self.wrong("a digit is expected"))?;
            number = number.saturating_mul(10).saturating_add(digit);
        }
        if (least..=most).contains(&number) {
            return Ok(number);
        }
        self.at = start;
        Err(self.wrong(&format!("{number} is not within {least} to {most}")))
    }

    fn day(&mut self) -> Result<NaiveDate, DecodeError> {
        let year = self.number(4, 0, 9999)?;
        let month = self.number(2, 1, 12)?;
        let start = self.at;
        let day = self.number(2, 1, 31)?;
        let date = i32::try_from(year)
            .ok()
            .zip(u32::try_from(month).ok())
            .zip(u32::try_from(day).ok())
            .and_then(|((year, month), day)| NaiveDate::from_ymd_opt(year, month, day));
        date.ok_or_else(|| {
            self.at = start;
            self.wrong("the month has no such day")
        })
    }

    /// Milliseconds of a fraction of a unit, 0 where there is none.
    fn fraction(&mut self, unit_ms: i64) -> Result<i64, DecodeError> {
        if !matches!(self.peek(), Some(b'.' | b',')) {
            return Ok(0);
        }
        self.at = self.at.saturating_add(1);
        if !self.next_is_digit() {
            return Err(self.wrong("a digit is expected after the point"));
        }
        let (mut numerator, mut denominator) = (0_i64, 1_i64);
        while let Some(digit) = self.digit() {
            // Nine digits of an hour are finer than a millisecond; more would only overflow.
            if denominator < 1_000_000_000 {
                numerator = numerator.saturating_mul(10).saturating_add(digit);
                denominator = denominator.saturating_mul(10);
            }
        }
        Ok(numerator
            .saturating_mul(unit_ms)
            .checked_div(denominator)
            .unwrap_or(0))
    }

    /// How far the zone is ahead of UTC, in milliseconds.
    fn zone(&mut self) -> Result<i64, DecodeError> {
        let sign = match self.peek() {
            Some(b'Z') => {
                self.at = self.at.saturating_add(1);
                return Ok(0);
            }
            Some(b'+') => 1_i64,
            Some(b'-') => -1,
            _ => return Err(self.wrong("Z or an offset like +0100 is expected")),
        };
        self.at = self.at.saturating_add(1);
        let hours = self.number(2, 0, 23)?;
        let minutes = if self.next_is_digit() {
            self.number(2, 0, 59)?
        } else {
            0
        };
        let minutes = hours.saturating_mul(60).saturating_add(minutes);
        Ok(minutes.saturating_mul(60_000).saturating_mul(sign))
    }
}
