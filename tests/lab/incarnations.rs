//! Databases that change under a DC's name: restored, promoted anew, and put back without anybody being told.

use highwater::model::{StartMethod, WhyNoStart, WhyNot};

use crate::bed::{Bed, name, sampled, why_not};

/// The vector start of a DC in a plan.
fn vector_start(
    plan: &highwater::model::Plan,
    dc: usize,
) -> Result<highwater::model::StartPoint, WhyNoStart> {
    let mut verdicts = plan.candidates.iter();
    let verdict = verdicts.find(|verdict| verdict.dc == name(dc)).unwrap();
    verdict.starts.clone().unwrap().vector
}

#[tokio::test]
async fn a_restore_opens_a_new_life_and_voids_the_old_numbers() {
    let mut bed = Bed::new(4, 3).await;
    let saved = bed.with(|forest, _| forest.save(1).unwrap());
    bed.live(150);
    bed.settle();
    bed.collect().await;
    bed.poll().await;
    let old = bed.life(1).await.invocation_id;
    bed.lab.restore(1, &saved).await.unwrap();
    let round = bed.collect().await;
    assert_eq!(sampled(&round[&name(1)]), (true, None));
    let new = bed.life(1).await;
    assert_ne!(new.invocation_id, old);
    assert!(new.quarantine.is_none());
    let plan = bed.plan(StartMethod::Best, 0.0).await;
    let start = vector_start(&plan, 1);
    assert!(
        matches!(start, Err(WhyNoStart::NotInVector { .. })),
        "{start:?}"
    );

    // Once the DC in use has received from the new life and the sync has read on, it can take over.
    bed.settle();
    bed.live(60);
    bed.settle();
    bed.collect().await;
    bed.poll().await;
    bed.lab.kill(0).await.unwrap();
    bed.lab.kill(2).await.unwrap();
    bed.live(40);
    let plan = bed.plan(StartMethod::Vector, 0.0).await;
    assert_eq!(bed.apply(&plan).await, 1);
    bed.poll().await;
    assert_eq!(bed.compare().missed, Vec::<String>::new());
}

#[tokio::test]
async fn a_dc_promoted_anew_under_the_same_name_is_another_one() {
    let mut bed = Bed::new(5, 3).await;
    bed.live(100);
    bed.settle();
    bed.collect().await;
    bed.poll().await;
    let old = bed.life(1).await;
    bed.with(|forest, now| forest.promote_anew(1, 2, now).unwrap());
    bed.with(|forest, _| forest.dc_mut(1).unwrap().is_synchronized = false);
    let round = bed.collect().await;
    // A counter that begins anew under a new invocationId is no rollback.
    assert_eq!(sampled(&round[&name(1)]), (true, None));
    let new = bed.life(1).await;
    assert_ne!(new.invocation_id, old.invocation_id);
    assert_eq!(new.server_name, old.server_name);
    let reasons = why_not(&bed.plan(StartMethod::Best, 0.0).await, 1);
    assert!(reasons.contains(&WhyNot::NotSynchronized), "{reasons:?}");

    bed.with(|forest, _| forest.dc_mut(1).unwrap().is_synchronized = true);
    bed.settle();
    bed.collect().await;
    bed.poll().await;
    bed.lab.kill(0).await.unwrap();
    bed.lab.kill(2).await.unwrap();
    bed.write(1, 20);
    let plan = bed.plan(StartMethod::Vector, 0.0).await;
    assert_eq!(bed.apply(&plan).await, 1);
    bed.poll().await;
    assert_eq!(bed.compare().missed, Vec::<String>::new());
}

#[tokio::test]
async fn a_rollback_seen_by_its_own_samples_is_quarantined() {
    let mut bed = Bed::new(6, 3).await;
    let saved = bed.with(|forest, _| forest.save(1).unwrap());
    bed.write(1, 30);
    bed.collect().await;
    bed.poll().await;
    bed.lab.roll_back(1, &saved).await.unwrap();
    let round = bed.collect().await;
    let (restored, rollback) = sampled(&round[&name(1)]);
    assert!(!restored);
    assert!(rollback.unwrap().contains("fell from"), "{rollback:?}");
    assert!(bed.life(1).await.quarantine.is_some());
    quarantined_dc_is_never_chosen(&mut bed).await;
}

#[tokio::test]
async fn a_rollback_that_only_a_partner_shows_is_quarantined() {
    let mut bed = Bed::new(7, 3).await;
    bed.collect().await;
    bed.poll().await;
    let saved = bed.with(|forest, _| forest.save(1).unwrap());
    bed.write(1, 30);
    bed.with(|forest, now| forest.pull(0, 1, now).unwrap());
    // dc2 itself is sampled only after it was put back; dc1, in use, has shown its vector before.
    bed.lab.kill(1).await.unwrap();
    bed.collect().await;
    bed.lab.roll_back(1, &saved).await.unwrap();
    bed.write(1, 5);
    let round = bed.collect().await;
    let (_, rollback) = sampled(&round[&name(1)]);
    assert!(
        rollback.unwrap().contains("dc1 had received"),
        "{rollback:?}"
    );
    quarantined_dc_is_never_chosen(&mut bed).await;
}

async fn quarantined_dc_is_never_chosen(bed: &mut Bed) {
    bed.lab.kill(0).await.unwrap();
    bed.lab.kill(2).await.unwrap();
    let plan = bed.plan(StartMethod::Best, 0.0).await;
    let reasons = why_not(&plan, 1);
    let told = |why: &WhyNot| matches!(why, WhyNot::Quarantined { .. });
    assert!(reasons.iter().any(told), "{reasons:?}");
    assert!(plan.chosen.is_none());
    bed.lab.revive(2).await.unwrap();
    let plan = bed.plan(StartMethod::Best, 0.0).await;
    assert_eq!(bed.apply(&plan).await, 2);
}
