//! When the service counts as alive.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;

use super::*;
use crate::config::Collector;

fn settings() -> Settings {
    Settings {
        store: "unused".into(),
        collector: Collector {
            period: Duration::from_hours(1),
            jitter: 0.0,
            concurrency: 1,
            days_to_keep_usns: 7,
        },
        dcs: BTreeMap::new(),
        on_error: crate::config::OnError::default(),
        resources: BTreeMap::new(),
    }
}

/// Whether it comes to be so within ten seconds.
async fn comes(mut so: impl FnMut() -> bool) -> bool {
    for _ in 0..500 {
        if so() {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    false
}

#[tokio::test]
async fn it_lives_only_while_every_actor_beats() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("hw.db")).await.unwrap();
    let mut service = Service::start(
        store,
        Arc::new(settings()),
        Arc::new(Templates::load(None).unwrap()),
    );
    let lately = Duration::from_millis(400);
    tokio::time::sleep(2 * lately).await;
    assert!(
        comes(|| service.lives(lately)).await,
        "requests are answered"
    );

    // A collector that never turns, beside requests that are answered.
    service.collector = Some((service.stop.child_token(), Pulse::start()));
    assert!(
        comes(|| !service.lives(lately)).await,
        "one silent actor is enough"
    );
    assert!(service.answering.silence() < Duration::from_secs(5));

    service.stop.cancel();
    service.collector = None;
    assert!(
        comes(|| !service.lives(lately)).await,
        "nobody answers any more"
    );
    service.end(Ok(())).await.unwrap();
}

#[test]
fn changes_are_told_by_name() {
    let old = settings();
    let mut new = old.clone();
    new.collector.period = Duration::from_secs(30);
    new.collector.days_to_keep_usns = 30;
    assert_eq!(
        reload::changes(&old, &new),
        "a poll every 30s, samples kept 30 days"
    );
    let same = "the same DCs, resources and period; secrets read again";
    assert_eq!(reload::changes(&old, &old), same);
    new.store = "elsewhere".into();
    let refused = reload::usable(&old, new).unwrap_err();
    assert!(
        refused.contains("elsewhere now and was unused"),
        "{refused}"
    );
}
