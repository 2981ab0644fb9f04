//! Failovers that are cut off anywhere: by a dropped future, by SIGKILL, by another at the same time.
//!
//! After every cut the next process resumes, and then: the cursor is wholly the old or wholly the new one, what is
//! recorded fits it, the sync is left as it should be, and exactly one attempt has ended and says which.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

mod cuts;
mod faults;
mod kills;
mod places;
mod races;
mod scene;
