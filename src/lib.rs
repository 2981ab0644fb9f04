//! Highwater.
pub mod clock;
pub mod model;
