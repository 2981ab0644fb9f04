//! Looks at every consumer's cursor, so that the store knows which DC is in use and which evidence must be kept.

use std::collections::BTreeMap;

use crate::clock;
use crate::config::Settings;
use crate::consumer::Consumer;
use crate::model::{DcName, ResourceName};
use crate::store::{CursorSeen, Store, StoreError};

/// Takes down every resource's cursor and returns the DC in use of each.
///
/// A cursor that cannot be read leaves what was seen before: the evidence for it is kept.
pub async fn note_cursors(
    store: &Store,
    settings: &Settings,
) -> Result<BTreeMap<ResourceName, DcName>, StoreError> {
    for resource in settings.resources.values() {
        let held = match Consumer::new(&resource.name, &resource.consumer, store)
            .read()
            .await
        {
            Ok(held) => held,
            Err(error) => {
                tracing::warn!(resource = %resource.name, "cursor not read: {error}");
                continue;
            }
        };
        let cursor = held.cursor;
        let dc = cursor
            .host(resource.host_attribute)
            .and_then(|host| settings.dc_of_host(host));
        if dc.is_none() {
            let host = cursor.host(resource.host_attribute).unwrap_or("(none)");
            tracing::warn!(resource = %resource.name, host, "the cursor names a host that no [dc] section has");
        }
        let seen = CursorSeen {
            resource: resource.name.clone(),
            dc: dc.map(|dc| dc.name.clone()),
            invocation_id: cursor.invocation_id,
            read_up_to: cursor.read_up_to(),
            seen_at: clock::now(),
        };
        store.note_cursor_seen(&seen).await?;
    }
    let seen = store.cursors_seen().await?.into_iter();
    Ok(seen
        .filter_map(|seen| Some((seen.resource, seen.dc?)))
        .collect())
}
