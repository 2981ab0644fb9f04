//! Answers what other processes ask of the service: to stop a resource's sync, and to let it run again.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::clock::{self, Pulse};
use crate::store::{Answer, Store, StoreError};

/// How often new requests are looked for: an answer comes well within a second.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Answers requests until `stop`; `pulse` beats with every look, so it stands still where the store does.
pub(super) async fn answer(
    store: Store,
    pulse: Pulse,
    stop: CancellationToken,
) -> Result<(), StoreError> {
    let mut looking = tokio::time::interval(LOOK_EVERY);
    loop {
        pulse.beat();
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            _ = looking.tick() => {}
        }
        match answer_all(&store).await {
            // Whoever asked waits for a bounded time, and asks again.
            Err(error) if error.may_pass() => tracing::error!("{error}"),
            answered => answered?,
        }
    }
}

async fn answer_all(store: &Store) -> Result<(), StoreError> {
    for request in store.open_requests().await? {
        tracing::info!(resource = %request.resource, kind = ?request.kind, by = request.asked_by, "request answered");
        store
            .answer_request(&request, &Answer::Done, clock::now())
            .await?;
    }
    Ok(())
}
