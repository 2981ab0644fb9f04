//! x
pub mod decide;
