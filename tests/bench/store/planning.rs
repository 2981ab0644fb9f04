//! A whole plan over the filled store, all but the network: gathering from the store, and the decision.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use highwater::clock::Stopwatch;
use highwater::config::{
    Collector, Consumer, ConsumerKind, Credentials, DcSettings, Position, ResourceSettings,
    Security, Settings, Timeouts, TlsTrust,
};
use highwater::failover::{Probe, Standing, decide, gather};
use highwater::model::{
    Ask, Cursor, CursorTag, DcFacts, Dn, HeldCursor, HostAttribute, Hours, How, InstanceType,
    Method, NcVectors, Preference, StartMethod, Vector,
};
use highwater::store::Store;

use super::{DCS, RUNS, at, facts, id, keep, name, report, usn};

fn nc() -> Dn {
    "DC=example,DC=com".parse().unwrap()
}

/// Records dc0's vector, which knows the others up to five minutes ago, and times plans for a cursor on dc0.
pub(super) async fn time_plans(store: &Store, samples: i64) {
    let known: Vector = (1..DCS)
        .map(|number| (id(u64::from(number)), usn(samples - 5)))
        .collect();
    let source = facts(samples, NcVectors::from([(nc(), known)]));
    store
        .record_poll(name(0), source, true, keep)
        .await
        .unwrap();
    let settings = settings();
    let resource = settings.resources.values().next().unwrap();
    let cursor = HeldCursor {
        cursor: Cursor {
            ldap_host: "dc0.example.com".to_owned(),
            global_catalog: None,
            invocation_id: Some(id(0)),
            last_updated: usn(samples),
            last_deleted: usn(samples),
        },
        tag: CursorTag("1".to_owned()),
    };
    let standing = Standing { cursor, feed: None };
    let mut times = Vec::new();
    for run in 0..RUNS {
        let ask = Ask {
            how: How::Auto {
                method: StartMethod::Best,
            },
            only: None,
            failure_timestamp: Some(at(run.wrapping_mul(7_919) % samples).plus_ms(7_200_000)),
            replication_time: Hours::new(1.0).unwrap(),
            allow_gap: false,
            restart: true,
        };
        let probes = settings
            .dcs
            .values()
            .skip(1)
            .map(|dc| probe(dc, samples))
            .collect();
        let watch = Stopwatch::start();
        let input = gather(store, &settings, resource, ask, standing.clone(), probes)
            .await
            .unwrap();
        let plan = decide::decide(&input, at(samples));
        times.push(watch.elapsed());
        assert_eq!(
            plan.chosen.map(|chosen| chosen.method),
            Some(Method::Vector)
        );
    }
    report(
        &format!("a plan with {} candidates, all but the network", DCS - 1),
        times,
    );
}

fn probe(dc: &DcSettings, samples: i64) -> Probe {
    let number: u64 = dc.name.as_str().trim_start_matches("dc").parse().unwrap();
    let mut answer: DcFacts = facts(samples, NcVectors::from([(nc(), Vector::new())]));
    answer.identity.invocation_id = id(number);
    answer.identity.server_name = format!("DC{number}");
    answer.instance_types = BTreeMap::from([(nc(), InstanceType(5))]);
    Probe {
        dc: dc.clone(),
        preference: Preference::Neutral,
        answer: Ok(answer),
    }
}

fn settings() -> Settings {
    let dcs = (0..=DCS).map(|number| {
        let dc = DcSettings {
            name: name(number),
            host: format!("dc{number}.example.com"),
            address: None,
            port: 636,
            global_catalog_port: 3269,
            server_name: None,
            security: Security::Ldaps,
            trust: TlsTrust::System,
            credentials: Credentials::Anonymous,
            timeouts: Timeouts {
                connect: Duration::from_secs(5),
                operation: Duration::from_secs(10),
                search: Duration::from_mins(2),
            },
        };
        (name(number), dc)
    });
    let dcs: BTreeMap<_, _> = dcs.take(usize::try_from(DCS).unwrap()).collect();
    let resource = ResourceSettings {
        name: "bench".parse().unwrap(),
        base_contexts: vec![nc()],
        search_subdomains: false,
        host_attribute: HostAttribute::LdapHost,
        backup_dcs: dcs
            .keys()
            .map(|name| (name.clone(), Preference::Neutral))
            .collect(),
        site: None,
        replication_time: Hours::DEFAULT_REPLICATION,
        start: StartMethod::Best,
        consumer: Consumer {
            kind: ConsumerKind::Store,
            position: Position::BeforeSearch,
            stop: None,
            start: None,
            preset: None,
            command_timeout: Duration::from_mins(1),
        },
        feed: None,
        reaction: highwater::config::Reaction::default(),
    };
    Settings {
        store: PathBuf::from("unused.db"),
        collector: Collector {
            period: Duration::from_mins(1),
            jitter: 0.1,
            concurrency: 64,
            days_to_keep_usns: 7,
        },
        dcs,
        on_error: highwater::config::OnError::default(),
        resources: BTreeMap::from([(resource.name.clone(), resource)]),
    }
}
