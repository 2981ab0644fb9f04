//! What a configuration that was read again changes; pure.

use std::collections::BTreeMap;
use std::fmt::Debug;

use crate::config::Settings;

/// The new settings, or what in them cannot change while the service runs.
pub(super) fn usable(old: &Settings, new: Settings) -> Result<Settings, String> {
    if new.store == old.store {
        return Ok(new);
    }
    Err(format!(
        "store.path is {} now and was {}; restart the service to change it",
        new.store.display(),
        old.store.display()
    ))
}

/// The changes in words, no secret among them.
pub(super) fn changes(old: &Settings, new: &Settings) -> String {
    let mut words = Vec::new();
    named(&mut words, "DC", &old.dcs, &new.dcs);
    named(&mut words, "resource", &old.resources, &new.resources);
    let (before, now) = (&old.collector, &new.collector);
    if before.period != now.period {
        let period = humantime::format_duration(now.period);
        words.push(format!("a poll every {period}"));
    }
    if before.days_to_keep_usns != now.days_to_keep_usns {
        words.push(format!("samples kept {} days", now.days_to_keep_usns));
    }
    // Debug shows every setting and no secret.
    if format!("{:?}", old.on_error) != format!("{:?}", new.on_error) {
        words.push("failure process changed".to_owned());
    }
    if words.is_empty() {
        return "the same DCs, resources and period; secrets read again".to_owned();
    }
    words.join(", ")
}

fn named<K: Ord + std::fmt::Display, V: Debug>(
    words: &mut Vec<String>,
    what: &str,
    old: &BTreeMap<K, V>,
    new: &BTreeMap<K, V>,
) {
    for name in new.keys().filter(|name| !old.contains_key(name)) {
        words.push(format!("{what} {name} added"));
    }
    for name in old.keys().filter(|name| !new.contains_key(name)) {
        words.push(format!("{what} {name} removed"));
    }
    for (name, settings) in new {
        // Debug shows every setting and no secret.
        let differs = |before: &V| format!("{before:?}") != format!("{settings:?}");
        if old.get(name).is_some_and(differs) {
            words.push(format!("{what} {name} changed"));
        }
    }
}
