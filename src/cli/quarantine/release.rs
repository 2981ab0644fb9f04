//! `quarantine release`: a DC may take over again, and nothing told of it before counts any more (R9).

use super::Row;
use crate::cli::{CliError, Context, confirm, who};
use crate::clock;
use crate::config::{ResourceSettings, Settings};
use crate::model::{DcName, Incarnation, Knowledge};
use crate::store::Store;

/// Asks, releases, and voids what rests on the DC's old USNs.
pub(super) async fn run(
    kept: &Row,
    reason: Option<&str>,
    yes: bool,
    store: &Store,
    settings: &Settings,
    context: &Context,
) -> Result<(), CliError> {
    let dc = &kept.dc;
    if !yes {
        context.message(format!(
            "{dc} is in quarantine since {}: {}",
            kept.since, kept.reason
        ));
        confirm::ask(
            "Is its database sound again? What was sampled of it so far is void from now on. Release it?",
        )?;
    }
    // Feeds first: a release without it would let them take new changes for told ones.
    let lives = store.incarnations(dc).await?;
    let quarantined: Vec<_> = lives
        .iter()
        .filter(|life| life.quarantine.is_some())
        .collect();
    for resource in settings.resources.values().filter(|one| is_ours(one)) {
        forget(resource, dc, &quarantined, store, context).await?;
    }
    store
        .release(
            dc,
            &who::who(),
            reason.unwrap_or("none given"),
            clock::now(),
        )
        .await?;
    let seen = store.cursors_seen().await?;
    for reader in seen.iter().filter(|seen| seen.dc.as_ref() == Some(dc)) {
        let name = &reader.resource;
        if settings.resources.get(name).is_some_and(is_ours) {
            continue;
        }
        // What the sync of a released DC holds is unknown: its cursor may count changes that were made twice.
        let void = Knowledge::Void {
            since: clock::now(),
            dc: dc.clone(),
            reason: format!("{dc}, which it reads, was released from quarantine"),
        };
        store.put_knowledge(name, &void).await?;
        context.message(format!(
            "resource {name} reads {dc}: its cursor may lie above changes it has never seen there; order a full pass of \
             its sync, then `highwater resync {name} --done`"
        ));
    }
    Ok(())
}

pub(super) fn is_ours(resource: &ResourceSettings) -> bool {
    resource.consumer.kind.is_builtin()
}

/// Has a feed forget what it was told of these incarnations.
async fn forget(
    resource: &ResourceSettings,
    dc: &DcName,
    lives: &[&Incarnation],
    store: &Store,
    context: &Context,
) -> Result<(), CliError> {
    let name = &resource.name;
    let mut has_feed = false;
    for life in lives {
        let forgotten = store.release_origin(name, life.invocation_id).await?;
        has_feed |= forgotten.is_some();
    }
    if has_feed {
        context.message(format!(
            "the feed of {name} has forgotten what it was told of {dc}, and what it holds is unknown: order a full pass, \
             `highwater resync {name}`"
        ));
    }
    Ok(())
}
