//! What is polled: every DC that a resource names, once, with the naming contexts of all its resources.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::config::{DcSettings, Settings};
use crate::directory::Wanted;
use crate::model::{DcName, ResourceName};

/// One DC to poll.
#[derive(Debug, Clone)]
pub struct Target {
    /// How it is reached.
    pub dc: DcSettings,
    /// Which naming contexts' vectors are read there.
    pub wanted: Wanted,
    /// The names of all configured DCs: an incarnation recorded under another name was renamed in the configuration.
    pub configured: Arc<BTreeSet<DcName>>,
    /// Whether the vectors are kept as evidence: a resource reads this DC.
    pub keep_vectors: bool,
}

/// The DCs to poll, by name; `in_use` is the one each cursor reads, `only` restricts where not empty.
pub fn targets(
    settings: &Settings,
    in_use: &BTreeMap<ResourceName, DcName>,
    only: &[DcName],
) -> Vec<Target> {
    let configured = Arc::new(settings.dcs.keys().cloned().collect::<BTreeSet<_>>());
    let target = |dc: &DcSettings| Target {
        dc: dc.clone(),
        wanted: Wanted::default(),
        configured: Arc::clone(&configured),
        keep_vectors: in_use.values().any(|used| *used == dc.name),
    };
    let asked = settings
        .dcs
        .values()
        .filter(|dc| only.is_empty() || only.contains(&dc.name));
    let mut targets: BTreeMap<DcName, Target> =
        asked.map(|dc| (dc.name.clone(), target(dc))).collect();
    for resource in settings.resources.values() {
        for name in resource.backup_dcs.keys().chain(in_use.get(&resource.name)) {
            if let Some(target) = targets.get_mut(name) {
                target
                    .wanted
                    .bases
                    .extend(resource.base_contexts.iter().cloned());
                target.wanted.subdomains |= resource.search_subdomains;
            }
        }
    }
    targets.into_values().collect()
}
