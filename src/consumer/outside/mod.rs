//! The spots in which other products keep their host and cursor.
#![expect(dead_code, reason = "the spots that use it come next")]

pub(crate) mod spot;
