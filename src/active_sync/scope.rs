//! Which objects are the consumer's: below a base, and matched by the filter.

use std::collections::BTreeSet;

use super::error::FeedError;
use crate::config::{self, ResourceSettings};
use crate::directory::ChangeSource;
use crate::model::{Dn, Image, ObjectGuid};

/// Every object has a class, so this matches all there is.
const EVERYTHING: &str = "(objectClass=*)";

/// Bases and filter of a feed.
pub(super) struct Scope {
    pub(super) bases: Vec<Dn>,
    pub(super) filter: String,
}

impl Scope {
    pub(super) fn new(resource: &ResourceSettings, feed: &config::Feed) -> Self {
        Self {
            bases: resource.base_contexts.clone(),
            filter: feed.filter.clone(),
        }
    }

    /// The filter to put beside another one; `None` where it matches everything.
    pub(super) fn filter(&self) -> Option<&str> {
        Some(self.filter.as_str()).filter(|filter| !filter.eq_ignore_ascii_case(EVERYTHING))
    }

    /// Those of these objects that are alive and the consumer's. The DC itself judges the filter, since only it knows how
    /// each attribute compares.
    pub(super) async fn of(
        &self,
        source: &mut impl ChangeSource,
        images: &[Image],
    ) -> Result<BTreeSet<ObjectGuid>, FeedError> {
        let mut within = BTreeSet::new();
        for base in &self.bases {
            let below: Vec<ObjectGuid> = images
                .iter()
                .filter(|image| !image.is_deleted && !within.contains(&image.guid))
                .filter(|image| image.dn.parse::<Dn>().is_ok_and(|dn| dn.is_within(base)))
                .map(|image| image.guid)
                .collect();
            match self.filter() {
                None => within.extend(below),
                Some(_) if below.is_empty() => {}
                Some(filter) => within.extend(source.matching(base, filter, &below).await?),
            }
        }
        Ok(within)
    }
}
