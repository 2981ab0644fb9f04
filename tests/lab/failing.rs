//! The failure process from a sync's first error to the sync on another DC, at the wire.

use std::sync::Arc;
use std::time::Duration;

use highwater::clock;
use highwater::config::{Channel, CommandSink, OnError, Process, Rule, Safety, Scope, Settings};
use highwater::model::{
    ActionKind, AutoFailover, DeliveryState, NewFailure, Outcome, Pause, ProposalState, StartMethod,
};
use highwater::on_error::render::Templates;
use highwater::on_error::{Desk, Eyes, Person};
use highwater::runtime::proposals;
use highwater::store::NewProposal;

use crate::bed::Bed;

/// A rule as the shipped ones are, and windows that fit a test.
pub(crate) fn on_error() -> OnError {
    let rule = Rule {
        name: "refused".to_owned(),
        pattern: regex::Regex::new("(?i)connection refused").unwrap(),
        outcome: Outcome::Outage,
        count: 3,
        within: Duration::from_secs(90),
        scope: Scope::Resource,
        notify: None,
        samples: Vec::new(),
        counter_samples: Vec::new(),
        is_shipped: false,
    };
    let process = Process {
        name: "ad".to_owned(),
        rules: vec![rule],
        notify: vec!["pager".to_owned()],
        patience: Duration::from_mins(15),
        quiet: Duration::from_secs(1),
    };
    let pager = Channel::Command(CommandSink {
        argv: vec!["true".to_owned()],
        timeout: Duration::from_secs(5),
    });
    let mut on_error = OnError {
        safety: Safety {
            approvers: vec!["anna".to_owned(), "bert".to_owned()],
            ..Safety::default()
        },
        channels: [("pager".to_owned(), pager)].into(),
        processes: [("ad".to_owned(), process)].into(),
        ..OnError::default()
    };
    on_error.notices.group_wait = Duration::ZERO;
    on_error
}

pub(crate) struct Case {
    pub(crate) bed: Bed,
    pub(crate) desk: Desk,
}

impl Case {
    /// A sync that reads dc1, with evidence for a start by vector; nothing has failed yet.
    pub(crate) async fn new(seed: u64, mode: AutoFailover) -> Self {
        let mut bed = Bed::new(seed, 3).await;
        for _ in 0..4 {
            bed.live(30);
            bed.collect().await;
            bed.poll().await;
        }
        let mut settings: Settings = (*bed.settings).clone();
        settings.on_error = on_error();
        for resource in settings.resources.values_mut() {
            resource.reaction.process = Some("ad".to_owned());
            resource.reaction.auto_failover = mode;
        }
        bed.settings = Arc::new(settings);
        let desk = Desk::new(
            bed.store.clone(),
            Arc::clone(&bed.settings),
            Arc::new(Templates::load(None).unwrap()),
            "sync1".to_owned(),
        );
        Self { bed, desk }
    }

    pub(crate) async fn fails(&self, text: &str) {
        let new = NewFailure {
            resource: "hr".parse().unwrap(),
            dc: None,
            at: clock::now(),
            took_ms: 0,
            failure_timestamp: None,
            source: "the sync".to_owned(),
            errors: vec![text.to_owned()],
        };
        self.bed.store.report_failure(&new).await.unwrap();
    }

    /// The settings with one thing changed.
    pub(crate) fn set(&mut self, change: impl FnOnce(&mut Settings)) {
        let mut settings: Settings = (*self.bed.settings).clone();
        change(&mut settings);
        self.bed.settings = Arc::new(settings);
        self.desk.settings = Arc::clone(&self.bed.settings);
    }

    /// dc1 is gone, and both signals say so.
    pub(crate) async fn goes_down(&mut self) {
        self.bed.lab.kill(0).await.unwrap();
        for _ in 0..3 {
            self.fails("ConnectException: Connection refused").await;
            self.desk.probe_all(self.bed.resource()).await.unwrap();
        }
    }

    /// Somebody pauses everything for a minute.
    pub(crate) async fn pause(&self) {
        let pause = Pause {
            id: 0,
            resource: None,
            since: clock::now(),
            until: clock::now().plus_ms(60_000),
            owner: "anna".to_owned(),
            reason: "patching".to_owned(),
            ended_at: None,
        };
        self.bed.store.add_pause(&pause).await.unwrap();
    }

    /// A turn of the failure process, then one of what carries out.
    pub(crate) async fn turn(&self) {
        self.desk.turn(Eyes::default(), clock::now()).await.unwrap();
        proposals::turn(&self.desk).await.unwrap();
        self.desk.turn(Eyes::default(), clock::now()).await.unwrap();
    }

    /// Turns until a proposal is there: on a busy machine a probe may take its time, and its signal comes later.
    pub(crate) async fn proposed(&self) -> highwater::model::Proposal {
        for _ in 0..50 {
            self.turn().await;
            if let Some(proposal) = self.bed.store.proposals(1).await.unwrap().pop() {
                return proposal;
            }
            self.desk.probe_all(self.bed.resource()).await.unwrap();
        }
        self.newest().await
    }

    pub(crate) async fn newest(&self) -> highwater::model::Proposal {
        let newest = self.bed.store.proposals(1).await.unwrap().pop();
        match newest {
            Some(newest) => newest,
            None => panic!("no proposal: {:?}", self.stance().await),
        }
    }

    pub(crate) async fn stance(&self) -> (ActionKind, String) {
        let incident = self.bed.store.open_incidents().await.unwrap().remove(0);
        let stance = incident.stance.unwrap();
        let why: Vec<String> = stance.why.iter().map(ToString::to_string).collect();
        (stance.action, why.join("; "))
    }

    pub(crate) async fn subjects(&self) -> Vec<String> {
        let queued = self
            .bed
            .store
            .deliveries(DeliveryState::Queued, 99)
            .await
            .unwrap();
        queued
            .into_iter()
            .rev()
            .map(|one| one.notice.subject)
            .collect()
    }
}

pub(crate) fn person(name: &str) -> Person {
    Person {
        name: name.to_owned(),
        uid: "uid:1000".to_owned(),
        who: format!("{name} on sync1"),
    }
}

#[tokio::test]
async fn a_failure_of_a_dc_that_was_left_opens_nothing_against_the_one_in_use() {
    let case = Case::new(101, AutoFailover::Propose).await;
    let of = async |dc: &str| {
        let new = NewFailure {
            resource: "hr".parse().unwrap(),
            dc: Some(dc.parse().unwrap()),
            at: clock::now(),
            took_ms: 0,
            failure_timestamp: None,
            source: "the sync".to_owned(),
            errors: vec!["Connection refused".to_owned()],
        };
        let id = case.bed.store.report_failure(&new).await.unwrap();
        assert_eq!(case.desk.take_in(clock::now()).await.unwrap(), 1);
        case.bed.store.sync_failure(id).await.unwrap().unwrap()
    };
    let left = of("dc2").await;
    assert_eq!(left.incident, None);
    assert_eq!(left.verdict.unwrap().outcome, Outcome::Outage, "on record");
    assert_eq!(case.bed.store.open_incidents().await.unwrap(), []);
    let own = of("dc1").await;
    assert!(own.incident.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dc_that_dies_is_left_by_itself_where_that_is_allowed() {
    let mut case = Case::new(11, AutoFailover::On).await;
    case.goes_down().await;
    case.turn().await;
    case.turn().await;
    let proposal = case.newest().await;
    assert_eq!(
        proposal.state,
        ProposalState::Done,
        "{:?}",
        proposal.outcome
    );
    assert_ne!(case.bed.in_use(), 0);
    let attempts = case
        .bed
        .store
        .attempts(&"hr".parse().unwrap(), 9)
        .await
        .unwrap();
    assert_eq!(
        (attempts.len(), attempts[0].channel.as_str()),
        (1, "automatic")
    );
    assert_eq!(proposal.attempt, Some(attempts[0].id));

    tokio::time::sleep(Duration::from_millis(1_100)).await;
    case.turn().await;
    assert!(case.bed.store.open_incidents().await.unwrap().is_empty());
    let subjects = case.subjects().await.join("\n");
    for word in ["hr was moved from dc1", "resolved: hr"] {
        assert!(subjects.contains(word), "{word}: {subjects}");
    }
    assert_eq!(
        subjects.lines().count(),
        2,
        "one word, and its end: {subjects}"
    );
    while case.desk.send_due().await.unwrap() > 0 {}
    assert!(case.subjects().await.is_empty(), "the pager took them");

    // The next failure is held for an hour.
    for _ in 0..3 {
        case.fails("Connection refused").await;
    }
    case.turn().await;
    assert!(
        case.stance().await.1.contains("held until"),
        "{:?}",
        case.stance().await
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn one_signal_moves_nothing() {
    let case = Case::new(12, AutoFailover::On).await;
    for _ in 0..5 {
        case.fails("Connection refused").await;
        case.desk.probe_all(case.bed.resource()).await.unwrap();
    }
    case.turn().await;
    let (action, why) = case.stance().await;
    assert!(
        action == ActionKind::Wait && why.contains("dc1 answered us"),
        "{why}"
    );
    assert!(case.bed.store.proposals(9).await.unwrap().is_empty());
    assert_eq!(case.bed.in_use(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proposal_waits_for_one_who_may_and_runs_once() {
    let mut case = Case::new(13, AutoFailover::Propose).await;
    case.goes_down().await;
    case.turn().await;
    let waiting = case.newest().await;
    assert_eq!(
        waiting.state,
        ProposalState::Waiting,
        "{:?}",
        waiting.outcome
    );
    assert!(
        case.subjects()
            .await
            .iter()
            .any(|one| one.contains("approval wanted"))
    );
    case.turn().await;
    assert_eq!(case.bed.in_use(), 0, "nobody has said yes");
    let answer = |who: &'static str, yes| {
        let person = person(who);
        let desk = case.desk.clone();
        async move {
            desk.answer(
                waiting.id,
                &person,
                yes,
                Some("it is down".to_owned()),
                clock::now(),
            )
            .await
        }
    };
    let refused = answer("carl", true).await.unwrap_err().to_string();
    assert!(refused.contains("carl is no approver"), "{refused}");
    let (one, two) = tokio::join!(answer("anna", true), answer("bert", true));
    assert!(
        one.is_ok() != two.is_ok(),
        "it is single-use: {one:?} {two:?}"
    );
    let by = case.newest().await.answered_by.unwrap();
    let lost = one.err().or(two.err()).unwrap().to_string();
    assert!(lost.contains(&format!("{by} approved it at ")), "{lost}");
    case.turn().await;
    assert_eq!(case.newest().await.state, ProposalState::Done);
    assert_ne!(case.bed.in_use(), 0);
    let attempt = case
        .bed
        .store
        .attempts(&"hr".parse().unwrap(), 1)
        .await
        .unwrap()
        .remove(0);
    assert_eq!(attempt.channel, "approval");
    assert!(attempt.who.ends_with("on sync1"), "{}", attempt.who);
    let late = answer("anna", true).await.unwrap_err().to_string();
    assert!(late.contains("is done"), "{late}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approval_counts_for_the_plan_that_was_shown() {
    let mut case = Case::new(14, AutoFailover::Propose).await;
    case.goes_down().await;
    case.turn().await;
    let waiting = case.newest().await;
    case.desk
        .answer(waiting.id, &person("anna"), true, None, clock::now())
        .await
        .unwrap();
    // The DC it would move to dies before it is carried out.
    let to = waiting.plan.unwrap().chosen.unwrap().switch.to;
    case.bed.lab.kill(crate::bed::number(&to)).await.unwrap();
    proposals::turn(&case.desk).await.unwrap();
    let stale = case.bed.store.proposal(waiting.id).await.unwrap().unwrap();
    assert_eq!(stale.state, ProposalState::Stale, "{:?}", stale.outcome);
    assert_eq!(case.bed.in_use(), 0);
    case.turn().await;
    let next = case.newest().await;
    assert!(
        next.id > waiting.id && next.state == ProposalState::Waiting,
        "a new plan is proposed: {next:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_can_stop_it() {
    let mut case = Case::new(15, AutoFailover::On).await;
    case.pause().await;
    case.goes_down().await;
    case.turn().await;
    let (action, why) = case.stance().await;
    assert!(
        action == ActionKind::Wait && why.contains("paused by anna"),
        "{why}"
    );
    case.bed.store.end_pauses(None, clock::now()).await.unwrap();
    // One that comes between the decision and its carrying out counts as well.
    case.desk.turn(Eyes::default(), clock::now()).await.unwrap();
    proposals::turn(&case.desk).await.unwrap();
    assert_eq!(case.newest().await.state, ProposalState::Planned);
    case.pause().await;
    case.turn().await;
    assert_eq!(case.newest().await.state, ProposalState::Withdrawn);
    assert_eq!(case.bed.in_use(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rejection_holds_and_a_dc_that_comes_back_ends_it() {
    let mut case = Case::new(16, AutoFailover::Propose).await;
    case.goes_down().await;
    case.turn().await;
    let id = case.newest().await.id;
    let why = Some("it is being patched".to_owned());
    case.desk
        .answer(id, &person("bert"), false, why, clock::now())
        .await
        .unwrap();
    case.turn().await;
    assert_eq!(case.newest().await.id, id, "no other is proposed");
    assert!(
        case.stance()
            .await
            .1
            .contains("rejected by bert on sync1: it is being patched")
    );
    case.bed.lab.revive(0).await.unwrap();
    case.desk.probe_all(case.bed.resource()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    case.turn().await;
    assert!(case.bed.store.open_incidents().await.unwrap().is_empty());
    assert!(
        case.subjects()
            .await
            .iter()
            .any(|one| one.starts_with("[Highwater] resolved"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_persons_own_proposal_takes_another_person() {
    let case = Case::new(17, AutoFailover::Off).await;
    let plan = case.bed.plan(StartMethod::Best, 3.0).await;
    let new = NewProposal {
        resource: "hr".parse().unwrap(),
        incident: None,
        proposed_by: Some("anna on sync1".to_owned()),
        runs_by_itself: false,
        failure_timestamp: None,
        replication_time: None,
        plan: Some(plan),
        reason: Some("dc1 goes into maintenance".to_owned()),
    };
    let id = case
        .bed
        .store
        .propose(new, clock::now())
        .await
        .unwrap()
        .unwrap();
    case.turn().await;
    let own = case
        .desk
        .answer(id, &person("anna"), true, None, clock::now())
        .await
        .unwrap_err();
    assert!(own.to_string().contains("another of anna, bert"), "{own}");
    case.desk
        .answer(id, &person("bert"), true, None, clock::now())
        .await
        .unwrap();
    case.turn().await;
    assert_eq!(
        case.newest().await.state,
        ProposalState::Done,
        "{:?}",
        case.newest().await.outcome
    );
}
