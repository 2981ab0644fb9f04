//! What is polled: every DC that a resource names, once, with the naming contexts of all its resources.

use std::collections::{BTreeMap, BTreeSet};

use crate::config::{DcSettings, Settings};
use crate::directory::Wanted;
use crate::model::DcName;

/// One DC to poll.
#[derive(Debug, Clone)]
pub struct Target {
    /// How it is reached.
    pub dc: DcSettings,
    /// Which naming contexts' vectors are read there.
    pub wanted: Wanted,
    /// Whether the vectors are kept as evidence: a resource reads this DC.
    pub keep_vectors: bool,
}

/// The DCs to poll, by name; `in_use` are those that a cursor reads, `only` restricts where not empty.
pub fn targets(settings: &Settings, in_use: &BTreeSet<DcName>, only: &[DcName]) -> Vec<Target> {
    let mut targets: BTreeMap<&DcName, Target> = BTreeMap::new();
    for resource in settings.resources.values() {
        let named = resource.backup_dcs.keys().chain(in_use.iter());
        for dc in named.filter_map(|name| settings.dcs.get(name)) {
            let target = targets.entry(&dc.name).or_insert_with(|| Target {
                dc: dc.clone(),
                wanted: Wanted::default(),
                keep_vectors: in_use.contains(&dc.name),
            });
            target
                .wanted
                .bases
                .extend(resource.base_contexts.iter().cloned());
            target.wanted.subdomains |= resource.search_subdomains;
        }
    }
    for dc in settings.dcs.values() {
        targets.entry(&dc.name).or_insert_with(|| Target {
            dc: dc.clone(),
            wanted: Wanted::default(),
            keep_vectors: in_use.contains(&dc.name),
        });
    }
    let asked = |target: &Target| only.is_empty() || only.contains(&target.dc.name);
    targets.into_values().filter(asked).collect()
}
