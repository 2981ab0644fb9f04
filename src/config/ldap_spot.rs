//! Checked settings of an entry in which another product keeps its host or cursor.

use std::collections::BTreeMap;

use super::{DcSettings, SpotField};

/// An entry of a directory that is no AD.
#[derive(Debug, Clone)]
pub struct LdapSpotSettings {
    /// Where it is and how it is spoken to, as with a DC.
    pub server: Box<DcSettings>,
    /// The entry.
    pub entry: String,
    /// The attribute of each field.
    pub attributes: BTreeMap<SpotField, String>,
}
