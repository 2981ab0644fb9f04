//! Pruning of the journal: what no start anywhere can need again is forgotten (R6).
//!
//! # Decisions
//! - Every DC that may take over must say what it holds; while one cannot, its naming contexts keep their journal. The size
//!   of the journal is shown, and a DC that is gone for good is taken out of `backup_dcs`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::clock::Pulse;
use crate::config::{ResourceSettings, Settings};
use crate::directory::{ChangeSource, Directory, DirectoryError, Ldap, Port};
use crate::model::{Dn, HostAttribute, Preference, Vector};
use crate::store::{Store, StoreError};

/// From one pruning to the next.
const EVERY: Duration = Duration::from_hours(1);
/// How often the task shows that it lives.
const BEAT: Duration = Duration::from_millis(500);

/// Prunes the journal of every feed, hour by hour, until told to stop.
pub async fn prune_journals(
    store: Store,
    settings: Arc<Settings>,
    pulse: Pulse,
    stop: CancellationToken,
) -> Result<(), StoreError> {
    let mut due = tokio::time::interval(EVERY);
    let mut beating = tokio::time::interval(BEAT);
    loop {
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            _ = beating.tick() => pulse.beat(),
            _ = due.tick() => {
                let round = round(&store, &settings);
                tokio::pin!(round);
                loop {
                    tokio::select! {
                        done = &mut round => break sit_out(done)?,
                        () = stop.cancelled() => return Ok(()),
                        _ = beating.tick() => pulse.beat(),
                    }
                }
            }
        }
    }
}

fn sit_out(done: Result<(), StoreError>) -> Result<(), StoreError> {
    match done {
        Err(error) if error.may_pass() => {
            tracing::error!("{error}");
            Ok(())
        }
        done => done,
    }
}

async fn round(store: &Store, settings: &Settings) -> Result<(), StoreError> {
    // Over LDAP: nobody else prunes on a timer.
    let directory = Ldap;
    for resource in settings
        .resources
        .values()
        .filter(|resource| resource.feed.is_some())
    {
        let size = store.journal_size(&resource.name).await?;
        let told = store.count_told(&resource.name).await?;
        if size.entries == 0 && told.out == 0 && told.deleted == 0 {
            continue;
        }
        match candidates(&directory, settings, resource).await {
            Ok(candidates) => {
                let dropped = store.prune_journal(&resource.name, candidates).await?;
                tracing::info!(resource = %resource.name, dropped, kept = size.entries.saturating_sub(dropped), "journal pruned");
            }
            Err(error) => {
                tracing::warn!(resource = %resource.name, entries = size.entries, "the journal is not pruned: {error}");
            }
        }
    }
    Ok(())
}

/// What every DC holds that may take over, by naming context; one whose vector some DC does not show is left out.
pub(super) async fn candidates<D: Directory>(
    directory: &D,
    settings: &Settings,
    resource: &ResourceSettings,
) -> Result<BTreeMap<Dn, Vec<Vector>>, DirectoryError> {
    let port = match resource.host_attribute {
        HostAttribute::LdapHost => Port::Directory,
        HostAttribute::GlobalCatalog => Port::GlobalCatalog,
    };
    let mut all: BTreeMap<Dn, Vec<Vector>> = BTreeMap::new();
    let mut silent = Vec::new();
    let wanted = resource
        .backup_dcs
        .iter()
        .filter(|(_, wish)| **wish != Preference::MustNot);
    for dc in wanted.filter_map(|(name, _)| settings.dcs.get(name)) {
        let mut source = directory.open(dc, port).await?;
        let position = source.position(&resource.base_contexts).await?;
        let id = position.identity.invocation_id;
        silent.extend(position.unreadable.into_keys());
        for (nc, vector) in position.vectors {
            all.entry(nc)
                .or_default()
                .push(vector.with(id, position.committed));
        }
    }
    for nc in silent {
        all.remove(&nc);
    }
    Ok(all)
}
