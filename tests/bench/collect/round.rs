//! One collection round as the service does it: every DC read over its open connection, judged and stored.

use std::sync::Arc;

use highwater::collector::decide;
use highwater::config::DcSettings;
use highwater::directory::{self, Port, Session, Wanted};
use highwater::lab::forest::DOMAIN;
use highwater::store::Store;
use tempfile::TempDir;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::CONCURRENCY;
use crate::servers::{PER_FOREST, Servers};

/// How many requests a poll with one vector takes.
pub(crate) const REQUESTS: usize = 6;

/// A DC with its open connection.
struct Reached {
    dc: DcSettings,
    session: Session,
    wanted: Wanted,
}

pub(crate) struct Client {
    store: Store,
    reached: Vec<Reached>,
    /// Removed at the end, with the store in it.
    _folder: TempDir,
}

/// What a poll of the n-th DC reads: identity, highestCommittedUSN, and the vector of its domain.
pub(crate) fn wanted(number: usize) -> Wanted {
    let base = format!("DC=forest{},DC=test", number / PER_FOREST);
    assert_eq!(DOMAIN, 0, "the domain is the first naming context");
    Wanted {
        bases: vec![base.parse().unwrap()],
        ..Wanted::default()
    }
}

impl Client {
    pub(crate) async fn new(servers: &Servers) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("bench.db")).await.unwrap();
        let mut reached = Vec::new();
        for (number, dc) in servers.dcs.iter().enumerate() {
            reached.push(Reached {
                dc: dc.clone(),
                session: Session::open(dc, Port::Directory).await.unwrap(),
                wanted: wanted(number),
            });
        }
        Self {
            store,
            reached,
            _folder: folder,
        }
    }

    pub(crate) async fn round(&mut self) {
        let permits = Arc::new(Semaphore::new(CONCURRENCY));
        let mut polls = JoinSet::new();
        for mut one in self.reached.drain(..) {
            let (store, permits) = (self.store.clone(), Arc::clone(&permits));
            polls.spawn(async move {
                let _permit = permits.acquire_owned().await.unwrap();
                let reading = directory::read_facts(&mut one.session, &one.wanted);
                let facts = reading.await.unwrap();
                assert_eq!(facts.vectors.len(), 1, "{:?}", facts.unreadable);
                let judge = |dc: &_, facts: &_, seen: &_| decide::accept(dc, None, facts, seen);
                let name = one.dc.name.clone();
                store.record_poll(name, facts, false, judge).await.unwrap();
                one
            });
        }
        self.reached = polls.join_all().await;
    }
}
