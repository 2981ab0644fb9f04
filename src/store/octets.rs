//! Numbers and fixed pieces in stored octets: LEB128 varints, signed ones as zigzag.
//!
//! Pure: no octets make it panic or reserve memory that the octets do not back.

/// Octets that are not what they should be; says which part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the octets are damaged: {0}")]
pub(super) struct Garbled(pub(super) &'static str);

pub(super) fn put_length(octets: &mut Vec<u8>, length: usize) {
    put_number(octets, length as u64);
}

pub(super) fn put_number(octets: &mut Vec<u8>, mut number: u64) {
    while number > 0x7F {
        octets.push((number & 0x7F) as u8 | 0x80);
        number >>= 7;
    }
    octets.push((number & 0x7F) as u8);
}

/// Small numbers of either sign as small numbers.
pub(super) fn zigzag(number: i64) -> u64 {
    (number.cast_unsigned() << 1) ^ (number >> 63).cast_unsigned()
}

/// Undoes [`zigzag`].
pub(super) fn unzigzag(number: u64) -> i64 {
    (number >> 1).cast_signed() ^ -((number & 1).cast_signed())
}

/// What is still to be read.
pub(super) struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    pub(super) fn new(octets: &'a [u8]) -> Self {
        Self(octets)
    }

    pub(super) fn number(&mut self) -> Result<u64, Garbled> {
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let (octet, rest) = self.0.split_first().ok_or(Garbled("cut short"))?;
            self.0 = rest;
            let part = u64::from(octet & 0x7F);
            if shift == 63 && part > 1 {
                break;
            }
            number |= part << shift;
            if octet & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(Garbled("a number too large"))
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], Garbled> {
        let (octets, rest) = self.0.split_first_chunk().ok_or(Garbled("cut short"))?;
        self.0 = rest;
        Ok(*octets)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn end(&self) -> Result<(), Garbled> {
        if self.is_empty() {
            Ok(())
        } else {
            Err(Garbled("more octets than entries"))
        }
    }
}
