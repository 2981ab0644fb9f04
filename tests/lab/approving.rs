//! What comes between an approval and its carrying out, and what takes a person after all.

use std::time::Duration;

use highwater::clock;
use highwater::config::Position;
use highwater::lab::server::Fault;
use highwater::model::{
    AutoFailover, Hours, Method, NewFailure, Proposal, ProposalState, UtcMs, Warning,
};
use highwater::on_error::Eyes;
use highwater::runtime::proposals;
use highwater::store::ProposalChange;

use crate::failing::{Case, person};

/// How long the rounds of [`late`] lie apart, in milliseconds, and the bound that reaches one round back.
const APART_MS: u64 = 500;
const BOUND_HOURS: f64 = 0.4 / 3_600.0;

/// A turn of the failure process alone: nothing is planned or carried out.
async fn decide(case: &Case) -> ProposalState {
    case.desk.turn(Eyes::default(), clock::now()).await.unwrap();
    case.newest().await.state
}

/// A move by itself that is approved and not begun.
async fn approved(seed: u64) -> Case {
    let mut case = Case::new(seed, AutoFailover::On).await;
    case.goes_down().await;
    decide(&case).await;
    proposals::turn(&case.desk).await.unwrap();
    assert_eq!(decide(&case).await, ProposalState::Approved);
    case
}

/// What becomes of it, with nothing moved.
async fn stays(case: &Case, state: ProposalState, words: &str) {
    proposals::turn(&case.desk).await.unwrap();
    let last = case.newest().await;
    let outcome = last.outcome.unwrap();
    assert_eq!(last.state, state, "{outcome}");
    assert!(outcome.contains(words), "{outcome}");
    assert_eq!(case.bed.in_use(), 0);
    let hr = "hr".parse().unwrap();
    assert!(case.bed.store.attempts(&hr, 9).await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_stops_a_move_that_was_approved_by_itself() {
    let case = approved(21).await;
    case.pause().await;
    stays(&case, ProposalState::Withdrawn, "paused by anna").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_that_comes_while_it_is_planned_again_counts_as_well() {
    let case = approved(20).await;
    for dc in [1, 2] {
        let slow = Fault::Slow(Duration::from_millis(400));
        case.bed.lab.set_fault(dc, slow).unwrap();
    }
    let paused = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        case.pause().await;
    };
    let (turned, ()) = tokio::join!(proposals::turn(&case.desk), paused);
    turned.unwrap();
    stays(&case, ProposalState::Withdrawn, "paused by anna").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dc_that_comes_back_stops_a_move_that_was_approved_by_itself() {
    let mut case = approved(22).await;
    case.bed.lab.revive(0).await.unwrap();
    case.desk.probe_all(case.bed.resource()).await.unwrap();
    assert_eq!(decide(&case).await, ProposalState::Approved);
    stays(&case, ProposalState::Withdrawn, "dc1 answered us").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_incident_that_a_person_resolved_moves_nothing() {
    let case = approved(23).await;
    let open = case.bed.store.open_incidents().await.unwrap().remove(0);
    let word = "it is replaced";
    case.desk
        .resolve_by_hand(open.id, word, clock::now())
        .await
        .unwrap();
    stays(&case, ProposalState::Withdrawn, "is over").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_move_by_itself_takes_a_no_until_it_is_begun() {
    let case = approved(24).await;
    let id = case.newest().await.id;
    let (anna, why) = (person("anna"), Some("dc1 is being patched".to_owned()));
    let yes = case.desk.answer(id, &anna, true, None, clock::now()).await;
    let yes = yes.unwrap_err().to_string();
    assert!(yes.contains("auto_failover approved it at "), "{yes}");
    case.desk
        .answer(id, &anna, false, why, clock::now())
        .await
        .unwrap();
    let words = "rejected by anna on sync1: dc1 is being patched";
    stays(&case, ProposalState::Rejected, words).await;
    case.turn().await;
    assert_eq!(case.newest().await.id, id, "no other is proposed");
}

/// A proposal that anna approved at this time, by the clock of then.
async fn approved_at(seed: u64, at: UtcMs) -> Case {
    let mut case = Case::new(seed, AutoFailover::Propose).await;
    case.goes_down().await;
    case.turn().await;
    let waiting = case.newest().await;
    assert_eq!(waiting.state, ProposalState::Waiting);
    let change = ProposalChange {
        answered: Some(("anna on sync1".to_owned(), None)),
        ..ProposalChange::default()
    };
    let (from, to) = (ProposalState::Waiting, ProposalState::Approved);
    let store = &case.bed.store;
    assert!(
        store
            .move_proposal(waiting.id, from, to, change, at)
            .await
            .unwrap()
    );
    case
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approval_that_nobody_carried_out_expires() {
    let case = approved_at(25, clock::now().minus_ms(3_600_001)).await;
    stays(
        &case,
        ProposalState::Expired,
        "it was not carried out before",
    )
    .await;
    // The clock stands an hour before the approval: nobody knows how old it is.
    let case = approved_at(26, clock::now().plus_ms(3_600_000)).await;
    stays(&case, ProposalState::Expired, "the clock was set back").await;
    // A small step back is none, and what is done is not done again.
    let case = approved_at(27, clock::now().plus_ms(5_000)).await;
    for _ in 0..3 {
        proposals::turn(&case.desk).await.unwrap();
    }
    assert_eq!(case.newest().await.state, ProposalState::Done);
    let hr = "hr".parse().unwrap();
    assert_eq!(case.bed.store.attempts(&hr, 9).await.unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_answers_at_once_the_later_is_told_of_the_other() {
    for seed in 28..31 {
        let mut case = Case::new(seed, AutoFailover::Propose).await;
        case.goes_down().await;
        let id = case.proposed().await.id;
        let anna = person("anna");
        let answer = |yes| case.desk.answer(id, &anna, yes, None, clock::now());
        let (yes, no) = tokio::join!(answer(true), answer(false));
        let state = case.newest().await.state;
        let (won, lost, word) = if state == ProposalState::Approved {
            (yes, no, "anna on sync1 approved it at ")
        } else {
            (no, yes, "anna on sync1 rejected it at ")
        };
        assert_eq!(won.unwrap().state, state);
        let lost = lost.unwrap_err().to_string();
        assert!(lost.contains(word), "{lost}");
    }
}

/// dc1 dies after a sync that has only starts by time: on the others it goes on, and they are sampled.
async fn late(seed: u64) -> Case {
    let mut case = Case::new(seed, AutoFailover::On).await;
    case.set(|settings| {
        for resource in settings.resources.values_mut() {
            resource.consumer.position = Position::LargestSeen;
            resource.replication_time = Hours::new(BOUND_HOURS).unwrap();
        }
    });
    // All DCs hold the same here, so that what the round before shows is honest.
    for _ in 0..3 {
        case.bed.settle();
        case.bed.collect().await;
        case.bed.poll().await;
        tokio::time::sleep(Duration::from_millis(APART_MS)).await;
    }
    case.bed.lab.kill(0).await.unwrap();
    for dc in [1, 2] {
        case.bed.write(dc, 20);
    }
    case.bed.collect().await;
    tokio::time::sleep(Duration::from_millis(APART_MS)).await;
    case
}

/// dc1 is down, and the sync says that it failed at this time.
async fn fails_at(case: &Case, at: UtcMs) {
    for _ in 0..3 {
        let new = NewFailure {
            resource: "hr".parse().unwrap(),
            dc: None,
            at: clock::now(),
            took_ms: 0,
            failure_timestamp: Some(at),
            source: "the sync".to_owned(),
            errors: vec!["Connection refused".to_owned()],
        };
        case.bed.store.report_failure(&new).await.unwrap();
        case.desk.probe_all(case.bed.resource()).await.unwrap();
    }
}

/// What the sync lacks where it reads now, once all is replicated and read.
async fn missed(case: &mut Case) -> Vec<String> {
    case.bed.settle();
    case.bed.poll().await;
    case.bed.compare().missed
}

fn warnings(proposal: &Proposal) -> &[Warning] {
    &proposal.plan.as_ref().unwrap().warnings
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_that_is_told_too_late_skips_nothing() {
    for (seed, ahead_ms) in [(31, 0), (32, 86_400_000)] {
        let mut case = late(seed).await;
        let given = clock::now().plus_ms(ahead_ms);
        fails_at(&case, given).await;
        case.turn().await;
        case.turn().await;
        let done = case.newest().await;
        assert_eq!(done.state, ProposalState::Done, "{:?}", done.outcome);
        let plan = done.plan.as_ref().unwrap();
        assert_eq!(plan.chosen.as_ref().unwrap().method, Method::Time);
        let taken = plan.failure_timestamp.unwrap();
        assert!(taken < given, "{taken} {given}");
        let told = Warning::FailureTakenEarlier { given, taken };
        assert!(warnings(&done).contains(&told), "{:?}", warnings(&done));
        assert_eq!(missed(&mut case).await, Vec::<String>::new());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_that_no_sample_bears_out_waits_for_a_person() {
    let case = late(33).await;
    // A cursor below every sample of dc1: how far in time it has read is not known.
    let file = case.bed.file("cursor.json");
    let mut cursor: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
    for field in ["lastUpdated", "lastDeleted"] {
        assert!(cursor[field].is_number(), "{cursor}");
        cursor[field] = 1.into();
    }
    std::fs::write(&file, cursor.to_string()).unwrap();
    fails_at(&case, clock::now()).await;
    case.turn().await;
    case.turn().await;
    let waiting = case.newest().await;
    assert_eq!(waiting.state, ProposalState::Waiting, "{waiting:?}");
    assert!(!waiting.runs_by_itself && waiting.expires_at.is_some());
    assert_eq!(case.bed.in_use(), 0);
    let alone = |one: &Warning| matches!(one, Warning::LastReadUnknown { .. });
    assert!(warnings(&waiting).iter().any(alone), "{waiting:?}");
    let queued = highwater::model::DeliveryState::Queued;
    let queued = case.bed.store.deliveries(queued, 9).await.unwrap();
    let words = "this may skip changes, so it takes a person: no sample shows";
    assert!(
        queued.iter().any(|one| one.notice.text.contains(words)),
        "{queued:?}"
    );
    case.desk
        .answer(waiting.id, &person("bert"), true, None, clock::now())
        .await
        .unwrap();
    case.turn().await;
    let done = case.newest().await;
    assert_eq!(done.state, ProposalState::Done, "{:?}", done.outcome);
    let hr = "hr".parse().unwrap();
    let attempts = case.bed.store.attempts(&hr, 9).await.unwrap();
    assert_eq!(attempts[0].channel, "approval");
}
