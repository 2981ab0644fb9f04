//! Sinks that are down, refuse, and work again; and a DC that comes back from a backup.

use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use highwater::config::{CommandSink, Sink};
use highwater::model::{NcVectors, Usn, Vector};
use tempfile::TempDir;

use highwater::lab::forest::DOMAIN;

use crate::bed::{Bed, Make, hr};
use crate::moving::Tally;
use crate::receiver::Receiver;
use crate::seeds;
use crate::truth::Filter;

const MAKE: Make = Make {
    dcs: 3,
    users: 12,
    filter: Filter::Accounts,
    below: false,
    overlap: 5,
};

/// A program that does as the file `mode` beside it says: takes the event, is down (75), or refuses it (65).
const PROGRAM: &str = "#!/bin/sh\nread -r line\ncase $(cat \"$1/mode\" 2>/dev/null) in\ndown) exit 75;;\nrefuse) exit 65;;\n*) printf '%s\\n' \"$line\" >> \"$1/events.jsonl\";;\nesac\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sink_that_is_down_gets_everything_later_and_what_it_refuses_is_kept() {
    let mut tally = Tally::default();
    for seed in seeds(2) {
        let folder = TempDir::new().unwrap();
        let program = folder.path().join("take");
        std::fs::write(&program, PROGRAM).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o700)).unwrap();
        let (mode, file) = (
            folder.path().join("mode"),
            folder.path().join("events.jsonl"),
        );
        let sink = Sink::Command(CommandSink {
            argv: [&program, folder.path()]
                .map(|path| path.display().to_string())
                .to_vec(),
            timeout: Duration::from_secs(10),
        });
        let mut bed = Bed::with_sink(seed, MAKE, folder, sink, Receiver::new(&file)).await;
        bed.start();
        bed.begun(true).await;
        std::fs::write(&mode, "down").unwrap();
        bed.pass_time(60).await;
        bed.kill_at_random(50).await;
        bed.fail_over().await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        let waits = bed.store.feed_backlog(&hr()).await.unwrap();
        bed.receiver.read_on();
        let before = bed.receiver.events;
        assert!(waits.events > 0, "seed {seed}: nothing waits");
        std::fs::write(&mode, "take").unwrap();
        bed.check().await;
        assert!(bed.receiver.events > before, "seed {seed}");
        // What is refused is kept by itself and holds nothing back.
        std::fs::write(&mode, "refuse").unwrap();
        bed.write_again();
        bed.pass_time(40).await;
        bed.rest().await;
        let refused = bed.store.dead_letters(&hr(), 0, 1_000).await.unwrap();
        assert!(!refused.is_empty(), "seed {seed}: nothing was refused");
        assert_eq!(bed.store.feed_backlog(&hr()).await.unwrap().events, 0);
        tally.add(&bed).await;
        bed.stop().await;
    }
    tally.tell("a sink that is down and refuses");
}

/// A DC is restored under a new invocationId: what it alone had written is gone, and a person says so (R9).
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dc_that_is_restored_is_read_anew_and_what_is_lost_is_taken_back() {
    let mut tally = Tally::default();
    for seed in seeds(4) {
        let mut bed = Bed::new(seed, MAKE).await;
        bed.live(60);
        bed.start();
        bed.begun(true).await;
        bed.pass_time(60).await;
        let used = bed.in_use().await.unwrap();
        let saved = bed.with(|forest, _| forest.save(used).unwrap());
        let lost = bed.with(|forest, _| forest.dcs[used].invocation_id);
        // Nobody else hears of what is written now.
        bed.cut_all(true);
        bed.pass_time(60).await;
        bed.lab.restore(used, &saved).await.unwrap();
        bed.cut_all(false);
        bed.pass_time(20).await;
        let to = (used + usize::try_from(seed).unwrap()) % 3;
        bed.move_to(to).await;
        bed.pass_time(60).await;
        bed.settle_but(false).await;
        let nc = bed
            .with(|forest, _| forest.context_dn(DOMAIN))
            .parse()
            .unwrap();
        let known: Vector = bed.with(|forest, _| {
            let dc = &forest.dcs[to];
            let known = dc.vector(DOMAIN);
            known
                .iter()
                .map(|(id, at)| (*id, Usn::new(*at).unwrap()))
                .collect()
        });
        let vectors: NcVectors = [(nc, known)].into();
        bed.store
            .forget_origin(&hr(), lost, vectors)
            .await
            .unwrap()
            .unwrap();
        bed.check().await;
        tally.add(&bed).await;
        bed.stop().await;
    }
    tally.tell("restored DCs");
}
