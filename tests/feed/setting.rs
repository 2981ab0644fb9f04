//! What a run is set in: the feed's settings, and its empty store.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::Duration;

use highwater::config::{
    self, Collector, ConsumerKind, Credentials, DcSettings, Position, ResourceSettings, Security,
    Settings, Timeouts, TlsTrust,
};
use highwater::model::{DcName, Dn, HostAttribute, Hours, Preference, StartMethod};
use highwater::store::Store;
use tempfile::TempDir;

use crate::run::hr;

/// An empty store to copy: making one takes longer than many a run.
pub(crate) async fn template() -> &'static PathBuf {
    static TEMPLATE: OnceLock<(TempDir, PathBuf)> = OnceLock::new();
    if let Some((_, path)) = TEMPLATE.get() {
        return path;
    }
    let folder = TempDir::new_in("/dev/shm").unwrap();
    let path = folder.path().join("hw.db");
    drop(Store::open(&path).await.unwrap());
    // Another test may have been quicker.
    &TEMPLATE.get_or_init(|| (folder, path)).1
}

pub(crate) fn settings(
    store: PathBuf,
    names: &[String],
    base: &Dn,
    feed: config::Feed,
) -> Settings {
    let dc = |name: &String| {
        let dc = DcSettings {
            name: name.parse().unwrap(),
            host: format!("{name}.sim.test"),
            address: None,
            port: 389,
            global_catalog_port: 3268,
            server_name: None,
            security: Security::Clear,
            trust: TlsTrust::System,
            credentials: Credentials::Anonymous,
            timeouts: Timeouts {
                connect: Duration::from_secs(1),
                operation: Duration::from_secs(1),
                search: Duration::from_secs(1),
            },
        };
        (dc.name.clone(), dc)
    };
    let dcs: BTreeMap<DcName, DcSettings> = names.iter().map(dc).collect();
    let resource = ResourceSettings {
        name: hr(),
        base_contexts: vec![base.clone()],
        search_subdomains: false,
        host_attribute: HostAttribute::LdapHost,
        backup_dcs: dcs
            .keys()
            .map(|dc| (dc.clone(), Preference::Neutral))
            .collect(),
        site: None,
        replication_time: Hours::DEFAULT_REPLICATION,
        start: StartMethod::Best,
        consumer: config::Consumer {
            kind: ConsumerKind::Builtin,
            position: Position::BeforeSearch,
            stop: None,
            start: None,
            preset: None,
            command_timeout: Duration::from_secs(30),
        },
        feed: Some(feed),
        reaction: config::Reaction::default(),
    };
    Settings {
        store,
        collector: Collector {
            period: Duration::from_secs(1),
            jitter: 0.1,
            concurrency: 1,
            days_to_keep_usns: 7,
        },
        dcs,
        on_error: config::OnError::default(),
        resources: [(resource.name.clone(), resource)].into(),
    }
}
