//! The task around the decision: who is polled, what a dead DC costs, and that a panic costs one DC only.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::serve::Crew;
use super::task::pause;
use super::*;
use crate::config::{
    Collector, Consumer, ConsumerKind, Credentials, DcSettings, Position, ResourceSettings,
    Security, Settings, Timeouts, TlsTrust,
};
use crate::model::{
    DcName, FailureKind, HostAttribute, Hours, Preference, ResourceName, StartMethod,
};
use crate::store::Store;

fn name(name: &str) -> DcName {
    name.parse().unwrap()
}

/// A DC at a port of this machine where nothing listens.
fn dead(dc: &str) -> DcSettings {
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    DcSettings {
        name: name(dc),
        host: format!("{dc}.example.com"),
        address: Some("127.0.0.1".to_owned()),
        port,
        global_catalog_port: port,
        server_name: None,
        security: Security::Clear,
        trust: TlsTrust::System,
        credentials: Credentials::Anonymous,
        timeouts: Timeouts {
            connect: Duration::from_secs(5),
            operation: Duration::from_secs(5),
            search: Duration::from_secs(5),
        },
    }
}

fn resource(
    resource: &str,
    base: &str,
    backups: &[&str],
    cursor: &Path,
) -> (ResourceName, ResourceSettings) {
    let settings = ResourceSettings {
        name: resource.parse().unwrap(),
        base_contexts: vec![base.parse().unwrap()],
        search_subdomains: false,
        host_attribute: HostAttribute::LdapHost,
        backup_dcs: backups
            .iter()
            .map(|dc| (name(dc), Preference::Neutral))
            .collect(),
        site: None,
        replication_time: Hours::DEFAULT_REPLICATION,
        start: StartMethod::Best,
        consumer: Consumer {
            kind: ConsumerKind::File(cursor.to_owned()),
            position: Position::BeforeSearch,
            stop: None,
            start: None,
            preset: None,
            command_timeout: Duration::from_secs(5),
        },
        feed: None,
        reaction: crate::config::Reaction::default(),
    };
    (settings.name.clone(), settings)
}

fn settings(folder: &TempDir) -> Settings {
    let cursor = folder.path().join("cursor.json");
    Settings {
        store: PathBuf::from("unused"),
        collector: Collector {
            period: Duration::from_millis(20),
            jitter: 0.5,
            concurrency: 2,
            days_to_keep_usns: 7,
        },
        dcs: ["dc1", "dc2", "dc3"].map(|dc| (name(dc), dead(dc))).into(),
        on_error: crate::config::OnError::default(),
        resources: BTreeMap::from([
            resource("hr", "OU=HR,DC=example,DC=com", &["dc2"], &cursor),
            resource("it", "OU=IT,DC=other,DC=com", &["dc2", "dc3"], &cursor),
        ]),
    }
}

async fn store(folder: &TempDir) -> Store {
    Store::open(&folder.path().join("store.db")).await.unwrap()
}

#[test]
fn every_dc_is_polled_once_for_the_contexts_of_its_own_resources() {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(&folder);
    let in_use = BTreeMap::from([("hr".parse().unwrap(), name("dc1"))]);
    let targets = targets(&settings, &in_use, &[]);
    let seen: Vec<_> = targets
        .iter()
        .map(|target| {
            (
                target.dc.name.as_str(),
                target.keep_vectors,
                target.wanted.bases.len(),
            )
        })
        .collect();
    assert_eq!(
        seen,
        [("dc1", true, 1), ("dc2", false, 2), ("dc3", false, 1)]
    );
    assert_eq!(super::targets(&settings, &in_use, &[name("dc3")]).len(), 1);
}

#[test]
fn the_pause_stays_within_the_jitter() {
    let period = Duration::from_mins(1);
    assert_eq!(pause(period, 0.1, 0.0), Duration::from_secs(54));
    assert_eq!(pause(period, 0.1, 0.5), period);
    assert_eq!(pause(period, 0.1, 1.0), Duration::from_secs(66));
    assert_eq!(pause(period, 0.0, 0.7), period);
}

#[tokio::test]
async fn a_failed_poll_is_recorded_and_the_round_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let (settings, store) = (settings(&folder), store(&folder).await);
    let mut heard = 0;
    let targets = targets(&settings, &BTreeMap::new(), &[]);
    let round = collect_once(&store, &settings, targets, |_| heard += 1)
        .await
        .unwrap();
    assert_eq!((heard, round.polls.len(), round.sampled()), (3, 3, 0));
    for poll in round.polls {
        let recorded = store.newest_failure(&poll.dc).await.unwrap().unwrap();
        assert_eq!(
            recorded.failure.kind,
            FailureKind::Refused,
            "{:?}",
            recorded.failure
        );
    }
}

#[tokio::test]
async fn a_task_that_dies_is_recorded_and_started_again() {
    let folder = tempfile::tempdir().unwrap();
    let (settings, store) = (Arc::new(settings(&folder)), store(&folder).await);
    let all = targets(&settings, &BTreeMap::new(), &[]);
    let wanted = all
        .into_iter()
        .map(|target| (target.dc.name.clone(), target))
        .collect();
    let (_publish, wanted) = watch::channel(Arc::new(wanted));
    let stop = CancellationToken::new();
    let mut crew = Crew::new(store.clone(), settings, wanted, stop.clone());
    let killed = crew
        .tasks
        .spawn(async { panic!("as a library might") })
        .id();
    crew.names.insert(killed, name("dc2"));
    let ended = crew.tasks.join_next_with_id().await.unwrap().unwrap_err();
    assert_eq!(ended.id(), killed);
    crew.start_again(killed).await.unwrap();
    assert_eq!(crew.names.values().collect::<Vec<_>>(), [&name("dc2")]);
    let recorded = store.newest_failure(&name("dc2")).await.unwrap().unwrap();
    assert_eq!(recorded.failure.kind, FailureKind::Internal);
    stop.cancel();
    assert!(
        crew.tasks.join_next().await.unwrap().unwrap().is_ok(),
        "the new task stops when told"
    );
}

#[tokio::test]
async fn the_service_polls_until_it_is_told_to_stop() {
    let folder = tempfile::tempdir().unwrap();
    let (settings, store) = (Arc::new(settings(&folder)), store(&folder).await);
    let stop = CancellationToken::new();
    let serving = tokio::spawn(serve(
        store.clone(),
        settings,
        crate::clock::Pulse::start(),
        stop.clone(),
    ));
    let polled = async {
        loop {
            let mut polls = 0;
            for dc in ["dc1", "dc2", "dc3"] {
                polls += store
                    .failures(&name(dc), crate::model::UtcMs::from_millis(0), 10)
                    .await
                    .unwrap()
                    .len()
                    .min(2);
            }
            if polls == 6 {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), polled)
        .await
        .unwrap();
    stop.cancel();
    tokio::time::timeout(Duration::from_secs(30), serving)
        .await
        .unwrap()
        .unwrap()
        .unwrap();
}
