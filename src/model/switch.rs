//! The orders of one rewriting of a consumer's cursor.

use serde::{Deserialize, Serialize};

use super::{Cursor, DcName, HeldCursor, Knowledge, ResourceName};

/// What is to be done to a consumer, with every choice made: compare, set, and what is known afterwards.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Switch {
    /// Whose consumer.
    pub resource: ResourceName,
    /// The DC it will read.
    pub to: DcName,
    /// The cursor that must be found, token included.
    pub expected: HeldCursor,
    /// The cursor that is written.
    pub new: Cursor,
    /// What the consumer is known to hold once the new cursor stands.
    pub knowledge: Knowledge,
    /// Whether the sync is started again afterwards (`restartActiveSync`).
    pub restart: bool,
}
