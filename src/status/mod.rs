//! The state of the service as data: resources, DCs, and what needs an operator.
//!
//! It reads the store and the consumers' cursors; it connects to no DC and changes nothing.

mod failing;
mod feed;
mod view;

pub use failing::{FailuresStatus, OpenIncident, OpenProposal};
pub use feed::{FeedStatus, Journal, LoadStatus, Standing, StoppedBy};
pub use view::{DcStatus, ResourceStatus, Status, look};
