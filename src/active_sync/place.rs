//! Where the cursor pointed when work began, and whether it still does.

use super::outbox::LOOK;
use crate::model::{Cursor, HostAttribute, InvocationId, ResourceName};
use crate::store::{Store, StoreError};

/// What a cursor points to: a host, and the incarnation of the DC behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) host: Option<String>,
    pub(super) invocation_id: Option<InvocationId>,
}

impl Place {
    pub(super) fn of(cursor: &Cursor, attribute: HostAttribute) -> Self {
        Self {
            host: cursor.host(attribute).map(ToOwned::to_owned),
            invocation_id: cursor.invocation_id,
        }
    }

    /// Whether the other is another DC, or another life of this one; a cursor may get to know its incarnation later.
    fn is_left_for(&self, other: &Self) -> bool {
        let lives = self.invocation_id.zip(other.invocation_id);
        self.host != other.host || lives.is_some_and(|(one, other)| one != other)
    }
}

/// Where one feed's cursor points, as often as it is asked.
///
/// The feed's own commits raise the cursor's generation and leave it where it points: only an order moves it.
#[derive(Debug, Clone)]
pub(super) struct Lookout {
    pub(super) store: Store,
    pub(super) resource: ResourceName,
    pub(super) attribute: HostAttribute,
}

impl Lookout {
    /// Whether the cursor points somewhere else than when work began there; where there was none, whether there is one.
    pub(super) async fn has_moved(&self, from: Option<&Place>) -> Result<bool, StoreError> {
        let found = self.store.store_cursor(&self.resource).await?;
        let found = found.map(|held| Place::of(&held.cursor, self.attribute));
        Ok(match (from, found) {
            (Some(from), Some(found)) => from.is_left_for(&found),
            (None, None) => false,
            (None, Some(_)) | (Some(_), None) => true,
        })
    }

    /// Whether the feed is to stand still, or reads somewhere else.
    pub(super) async fn is_called_off(&self, from: Option<&Place>) -> Result<bool, StoreError> {
        let switch = self.store.sync_switch(&self.resource).await?;
        Ok(switch.is_some_and(|switch| switch.stopped) || self.has_moved(from).await?)
    }

    /// Ends once the feed is called off.
    pub(super) async fn called_off(self, from: Place) {
        loop {
            tokio::time::sleep(LOOK).await;
            // What the store cannot say now, it says later.
            if self.is_called_off(Some(&from)).await.unwrap_or(false) {
                return;
            }
        }
    }
}
