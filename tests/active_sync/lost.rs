//! What a DC alone had is lost, or it goes back in time and is released: a person says so (R9).

use highwater::active_sync::audit;
use highwater::directory::{Port, Session, Wanted, read_facts};
use highwater::lab::forest::{Attribute, DOMAIN, Kind};
use highwater::model::{Accepted, InvocationId, NcVectors, Sample, Usn, Vector};
use highwater::store::ResyncOrder;
use uuid::Uuid;

use crate::bed::{Bed, Make, at, hr, name};
use crate::moving::Tally;
use crate::seeds;
use crate::sinks::MAKE;
use crate::truth::Filter;

/// Declares an incarnation lost, with what the DC that has taken over holds of it.
async fn declare_lost(bed: &mut Bed, lost: InvocationId, to: usize) {
    let nc = bed.with(|forest, _| forest.context_dn(DOMAIN));
    let known: Vector = bed.with(|forest, _| {
        let known = forest.dcs[to].vector(DOMAIN);
        known
            .iter()
            .map(|(id, at)| (*id, Usn::new(*at).unwrap()))
            .collect()
    });
    let held = known.get(lost).unwrap_or(Usn::ZERO);
    bed.receiver.give_up(lost, held);
    let vectors: NcVectors = [(nc.parse().unwrap(), known)].into();
    let forgotten = bed.store.forget_origin(&hr(), lost, vectors).await;
    assert!(forgotten.unwrap().is_some());
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
        declare_lost(&mut bed, lost, to).await;
        bed.check().await;
        tally.add(&bed).await;
        bed.stop().await;
    }
    tally.tell("restored DCs");
}

/// What was declared lost is on a third DC after all, and comes from there: no event has the id of its first telling, or a
/// receiver that goes by ids would drop it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_lost_comes_by_a_third_dc_under_other_ids() {
    let mut tally = Tally::default();
    let mut told_again = 0;
    for seed in seeds(3) {
        let mut bed = Bed::new(seed, MAKE).await;
        bed.live(60);
        bed.start();
        bed.begun(true).await;
        bed.pass_time(60).await;
        bed.settle_but(false).await;
        let used = bed.in_use().await.unwrap();
        let (keeper, to) = ((used + 1) % 3, (used + 2) % 3);
        let lost = bed.with(|forest, _| forest.dcs[used].invocation_id);
        // The keeper hears of what is written now, the one that takes over does not.
        bed.with(|forest, _| {
            forest.cut(used, to, true);
            forest.cut(keeper, to, true);
        });
        bed.write_again();
        bed.pass_time(80).await;
        bed.rest().await;
        bed.with(|forest, now| {
            forest.pull(keeper, used, now).unwrap();
            forest.cut(used, keeper, true);
        });
        bed.move_to(to).await;
        bed.rest().await;
        declare_lost(&mut bed, lost, to).await;
        bed.rest().await;
        bed.receiver.read_on();
        let before = bed.receiver.events;
        bed.with(|forest, now| {
            forest.cut(keeper, to, false);
            forest.pull(to, keeper, now).unwrap();
        });
        bed.rest().await;
        bed.receiver.read_on();
        told_again += bed.receiver.events - before;
        assert!(
            bed.receiver.wrong.is_empty(),
            "seed {seed}: {:#?}",
            bed.receiver.wrong
        );
        tally.add(&bed).await;
        bed.stop().await;
    }
    assert!(told_again > 0, "nothing came by the third DC");
    tally.tell("lost changes that come by a third DC");
}

/// The DC that takes over lags behind a third one when the lost DC is declared so: what the lost one alone had deleted, and
/// what left by its word alone, is there again once it has caught up.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_lost_dc_took_away_comes_back_by_one_that_lagged() {
    for seed in seeds(2) {
        let make = Make {
            filter: Filter::WithMail,
            overlap: 0,
            ..MAKE
        };
        let mut bed = Bed::new(seed, make).await;
        bed.start();
        bed.begun(true).await;
        bed.settle().await;
        let used = bed.in_use().await.unwrap();
        let (third, to) = ((used + 1) % 3, (used + 2) % 3);
        let lost = bed.with(|forest, _| forest.dcs[used].invocation_id);
        bed.cut_all(true);
        let mut known = bed.receiver.entries.keys().copied().filter(|guid| {
            bed.with(|forest, _| forest.dcs[used].of_kind(Kind::User).contains(guid))
        });
        let (deleted, left) = (known.next().unwrap(), known.next().unwrap());
        drop(known);
        let unknown = bed.with(|forest, now| {
            // The third DC has news that the lost one heard and the new one did not.
            let unknown = forest.new_user(third, 900, now).unwrap();
            forest.cut(used, third, false);
            forest.pull(used, third, now).unwrap();
            forest.cut(used, third, true);
            unknown
        });
        bed.rest().await;
        assert!(bed.receiver.entries.contains_key(&unknown));
        bed.with(|forest, now| {
            forest.delete(used, now, unknown).unwrap();
            forest.delete(used, now, deleted).unwrap();
            let clear = [(Attribute::Mail, Vec::new())].into();
            forest.set(used, now, left, clear).unwrap();
        });
        bed.rest().await;
        assert!(!bed.receiver.entries.contains_key(&deleted));
        assert!(!bed.receiver.entries.contains_key(&left));
        bed.lab.kill(used).await.unwrap();
        assert!(bed.move_to(to).await);
        bed.rest().await;
        // What was told to be gone is ahead of this DC, and not left out.
        let resource = bed.settings.resources[&hr()].clone();
        let audited = audit(&bed.store, &bed.settings, &resource, Usn::ZERO, 100);
        let audited = audited.await.unwrap();
        assert_eq!(audited.left_out, [], "seed {seed}");
        assert!(audited.gone_elsewhere >= 2, "seed {seed}: {audited:#?}");
        declare_lost(&mut bed, lost, to).await;
        bed.rest().await;
        bed.with(|forest, now| {
            forest.cut(third, to, false);
            forest.pull(to, third, now).unwrap();
        });
        // One pass brings it and finds the DC level; what was held until then is told by the next.
        bed.rest().await;
        bed.rest().await;
        bed.look().await;
        bed.stop().await;
    }
}

/// A DC's database goes back in time, it is released, and gives away its USNs a second time: its partners go on showing
/// what they had of it before, and yet everything that is written on it is told.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_released_dc_is_heard_though_its_usns_come_twice() {
    let mut tally = Tally::default();
    for seed in seeds(3) {
        let mut bed = Bed::new(seed, MAKE).await;
        bed.live(60);
        bed.start();
        bed.begun(true).await;
        bed.settle_but(false).await;
        let used = bed.in_use().await.unwrap();
        let other = (used + 1) % 3;
        let saved = bed.with(|forest, _| forest.save(used).unwrap());
        bed.write_again();
        bed.pass_time(150).await;
        bed.settle_but(false).await;
        let before = bed.with(|forest, _| forest.dcs[used].usn);
        bed.move_to(other).await;
        bed.lab.roll_back(used, &saved).await.unwrap();
        bed.rest().await;
        release(&bed, used).await;
        // What J no longer proves may come again with the overlap, before the pass and not after it.
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        bed.receiver.read_on();
        bed.receiver.wrong.clear();
        // The pass is one of the other DC's, whose vector shows the released one as it was.
        read_everything(&mut bed).await;
        bed.receiver.read_on();
        let wrong = &bed.receiver.wrong;
        assert!(wrong.is_empty(), "seed {seed}: {wrong:#?}");
        assert!(!bed.move_to(used).await, "seed {seed}: a start was proven");
        read_everything(&mut bed).await;
        let users: Vec<Uuid> = bed.with(|forest, now| {
            let numbers = 900..906;
            let users = numbers.map(|number| forest.new_user(used, number, now).unwrap());
            users.collect()
        });
        let after = bed.with(|forest, _| forest.dcs[used].usn);
        assert!(after < before, "seed {seed}: USN {after} is new");
        bed.rest().await;
        bed.receiver.read_on();
        for user in users {
            assert!(
                bed.receiver.entries.contains_key(&user),
                "seed {seed}: {user} is missed"
            );
        }
        tally.add(&bed).await;
        bed.stop().await;
    }
    tally.tell("DCs that were released");
}

/// The pass that an administrator orders where S is unknown.
async fn read_everything(bed: &mut Bed) {
    let order = ResyncOrder {
        by: "ada".to_owned(),
        at: at(),
        max_deletes: None,
    };
    assert!(bed.store.order_resync(&hr(), &order).await.unwrap());
    bed.begun(true).await;
    bed.settle_but(false).await;
}

/// What an administrator does by hand, after a poll: quarantines the DC, releases it, has the feed forget it.
async fn release(bed: &Bed, dc: usize) {
    let dc = name(dc);
    let mut session = Session::open(&bed.settings.dcs[&dc], Port::Directory)
        .await
        .unwrap();
    let facts = read_facts(&mut session, &Wanted::default()).await.unwrap();
    let id = facts.identity.invocation_id;
    let sample = Sample {
        collected_at: facts.committed_at,
        committed: facts.committed,
        took_ms: facts.took_ms,
        skew_ms: facts.skew_ms,
    };
    bed.store
        .record_poll(dc.clone(), facts, false, move |_, _, _| Accepted::Kept {
            sample,
            restored: false,
            rollback: Some("it went back".to_owned()),
        })
        .await
        .unwrap();
    let released = bed.store.release(&dc, "ada", "it is known", at()).await;
    assert_eq!(released.unwrap().len(), 1);
    let forgotten = bed.store.release_origin(&hr(), id).await;
    assert!(forgotten.unwrap().is_some());
}
