//! What the store's tests share: stores on disk, databases in memory, facts to poll with.

use std::collections::BTreeMap;

use rusqlite::Connection;
use tempfile::TempDir;
use uuid::Uuid;

use crate::model::{
    Accepted, DcFacts, DcName, Dn, FailureKind, Identity, InvocationId, NcVectors, PollContext,
    PollFailure, Sample, Usn, UtcMs, Vector,
};
use crate::store::{Store, StoreError};

pub(super) async fn store() -> (TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("store.db")).await.unwrap();
    (folder, store)
}

/// A database in memory with the schema.
pub(super) fn in_memory() -> Connection {
    let connection = Connection::open_in_memory().unwrap();
    connection
        .execute_batch(concat!(
            include_str!("../../../schema/0001_initial.sql"),
            include_str!("../../../schema/0002_feed.sql"),
            include_str!("../../../schema/0003_on_error.sql")
        ))
        .unwrap();
    connection
}

pub(super) fn dc(name: &str) -> DcName {
    name.parse().unwrap()
}

pub(super) fn nc(number: u32) -> Dn {
    format!("DC=nc{number},DC=example,DC=com").parse().unwrap()
}

pub(super) fn id(number: u128) -> InvocationId {
    InvocationId::from_uuid(Uuid::from_u128(number))
}

pub(super) fn usn(value: i64) -> Usn {
    Usn::new(value).unwrap()
}

pub(super) fn at(ms: i64) -> UtcMs {
    UtcMs::from_millis(ms)
}

pub(super) fn vector(entries: &[(u128, i64)]) -> Vector {
    entries
        .iter()
        .map(|(number, value)| (id(*number), usn(*value)))
        .collect()
}

/// What a DC of incarnation `who` answers at `ms` with `committed`; its vectors end 1 ms and 1 USN later.
pub(super) fn facts(who: u128, ms: i64, committed: i64) -> DcFacts {
    DcFacts {
        started_at: at(ms - 1),
        committed_at: at(ms),
        vectors_at: at(ms + 1),
        identity: Identity {
            server_name: "DC1".to_owned(),
            ds_service_name: "CN=NTDS Settings,CN=DC1,DC=example,DC=com".parse().unwrap(),
            dns_host_name: "dc1.example.com".to_owned(),
            site: "Home".to_owned(),
            invocation_id: id(who),
            is_global_catalog: true,
            is_read_only: false,
        },
        synchronized: true,
        global_catalog_ready: true,
        committed: usn(committed),
        committed_after: Some(usn(committed + 1)),
        skew_ms: Some(-7),
        took_ms: 20,
        vectors: NcVectors::new(),
        unreadable: BTreeMap::new(),
        instance_types: BTreeMap::new(),
        tombstone_lifetime_days: Some(180),
    }
}

pub(super) fn sample_of(facts: &DcFacts) -> Sample {
    Sample {
        collected_at: facts.committed_at,
        committed: facts.committed,
        took_ms: facts.took_ms,
        skew_ms: facts.skew_ms,
    }
}

pub(super) fn keep(_: &DcName, facts: &DcFacts, context: &PollContext) -> Accepted {
    let known =
        |life: &crate::model::Incarnation| life.invocation_id == facts.identity.invocation_id;
    Accepted::Kept {
        sample: sample_of(facts),
        restored: !context.incarnations.is_empty() && !context.incarnations.iter().any(known),
        rollback: None,
    }
}

/// Calls a rollback whenever committed fell or a partner knows more.
pub(super) fn judge(_: &DcName, facts: &DcFacts, context: &PollContext) -> Accepted {
    let fell = context
        .last
        .is_some_and(|last| last.committed > facts.committed);
    let behind = context
        .known
        .as_ref()
        .filter(|known| known.usn > facts.committed);
    let partner = behind.map(|known| format!("{} has seen {}", known.partner, known.usn));
    Accepted::Kept {
        sample: sample_of(facts),
        restored: false,
        rollback: partner.or(fell.then(|| format!("fell to {}", facts.committed))),
    }
}

pub(super) fn refuse(_: &DcName, _: &DcFacts, context: &PollContext) -> Accepted {
    Accepted::Rejected(PollFailure {
        kind: FailureKind::WrongDc,
        detail: format!("owner {:?}", context.owner.as_ref().map(DcName::as_str)),
    })
}

pub(super) async fn poll(
    store: &Store,
    name: &str,
    facts: DcFacts,
    decide: fn(&DcName, &DcFacts, &PollContext) -> Accepted,
) -> Accepted {
    store
        .record_poll(dc(name), facts, true, decide)
        .await
        .unwrap()
}

/// Polls `dc1` and keeps a vector for each NC given.
pub(super) async fn poll_source(store: &Store, ms: i64, committed: i64, vectors: NcVectors) {
    let facts = DcFacts {
        vectors,
        ..facts(1, ms, committed)
    };
    poll(store, "dc1", facts, keep).await;
}

/// Runs SQL that another module will run, a cursor's row for one.
pub(super) async fn sql(store: &Store, sql: &str) {
    let sql = sql.to_owned();
    let done: Result<(), StoreError> = store
        .write(move |tx| {
            tx.execute(&sql, [])?;
            Ok(())
        })
        .await;
    done.unwrap();
}

pub(super) async fn see_cursor(
    store: &Store,
    invocation_id: Option<InvocationId>,
    read_up_to: i64,
) {
    let id = invocation_id.map_or("NULL".to_owned(), |id| {
        let octets = id.to_octets().map(|octet| format!("{octet:02x}"));
        format!("x'{}'", octets.concat())
    });
    let row =
        format!("INSERT OR REPLACE INTO cursor_seen VALUES ('hr', 'dc1', {id}, {read_up_to}, 1)");
    sql(store, &row).await;
}

pub(super) async fn number(store: &Store, sql: &str) -> i64 {
    let sql = sql.to_owned();
    let number = store.read(move |tx| Ok(tx.query_row(&sql, [], |row| row.get(0))?));
    number.await.unwrap()
}
