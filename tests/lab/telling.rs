//! Who hears what and how often, at the wire: mails as a server on loopback gets them, on a clock that the test sets.

use std::sync::Arc;
use std::time::Duration;

use highwater::clock;
use highwater::config::{Channel, ConsumerKind, MailSecurity, MailServer, Settings, TlsTrust};
use highwater::model::{ActionKind, AutoFailover, DeliveryState, NewFailure, PollFailure, UtcMs};
use highwater::model::{FailureKind, ProposalState, WhyWait};
use highwater::on_error::decide::Jump;
use highwater::on_error::render::Templates;
use highwater::on_error::{Desk, Eyes};
use highwater::store::Store;
use tempfile::TempDir;

use crate::bed::{Bed, name};
use crate::failing::{Case, on_error};
use crate::smtp::{Fault, Mail, Protection, Server};

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;

/// Resources that share a DC, people, and a clock.
struct Office {
    bed: Bed,
    desk: Desk,
    server: Server,
    now: UtcMs,
    _folder: TempDir,
}

impl Office {
    /// `names` are the resources; `change` has the last word on the settings.
    async fn new(seed: u64, names: &[&str], change: impl FnOnce(&mut Settings)) -> Self {
        let bed = Bed::new(seed, 2).await;
        let (folder, server) = (
            TempDir::new().unwrap(),
            Server::start(Protection::Clear).await,
        );
        let mut settings: Settings = (*bed.settings).clone();
        settings.on_error = on_error();
        let to = ["anna@example.com", "bert@example.com"];
        let people = Channel::Mail(to.map(|one| one.parse().unwrap()).to_vec());
        settings.on_error.channels = [("operators".to_owned(), people)].into();
        settings.on_error.mail = Some(MailServer {
            host: "localhost".to_owned(),
            port: server.port,
            security: MailSecurity::Clear,
            trust: TlsTrust::System,
            login: None,
            from: "Highwater <hw@example.com>".parse().unwrap(),
            timeout: Duration::from_secs(20),
        });
        for process in settings.on_error.processes.values_mut() {
            process.notify = vec!["operators".to_owned()];
        }
        let mut one = bed.resource().clone();
        one.reaction.process = Some("ad".to_owned());
        one.reaction.auto_failover = AutoFailover::Off;
        settings.resources = names
            .iter()
            .map(|name| {
                let mut one = one.clone();
                one.name = name.parse().unwrap();
                let cursor = std::fs::read_to_string(bed.file("cursor.json")).unwrap();
                let file = folder.path().join(format!("{name}.json"));
                std::fs::write(&file, cursor.replace("\"hr\"", &format!("{name:?}"))).unwrap();
                one.consumer.kind = ConsumerKind::File(file);
                (one.name.clone(), one)
            })
            .collect();
        change(&mut settings);
        let desk = Desk::new(
            Store::open(&folder.path().join("store.db")).await.unwrap(),
            Arc::new(settings),
            Arc::new(Templates::load(None).unwrap()),
            "sync1".to_owned(),
        );
        Self {
            bed,
            desk,
            server,
            now: clock::now(),
            _folder: folder,
        }
    }

    /// So often a sync fails now.
    async fn fails(&self, resource: &str, times: usize) {
        for _ in 0..times {
            let new = NewFailure {
                resource: resource.parse().unwrap(),
                dc: None,
                at: self.now,
                took_ms: 0,
                failure_timestamp: None,
                source: "the sync".to_owned(),
                errors: vec!["Connection refused".to_owned()],
            };
            self.desk.store.report_failure(&new).await.unwrap();
        }
    }

    /// dc1 was looked at so many times, a second apart, up to now, and was down.
    async fn is_down(&self, looks: i64) {
        let failure = PollFailure {
            kind: FailureKind::Refused,
            detail: "connection refused".to_owned(),
        };
        for ago in 0..looks {
            let at = self.now.minus_ms(ago * 1_000);
            let store = &self.desk.store;
            store
                .note_probe(&name(0), at, Some(&failure), 0)
                .await
                .unwrap();
        }
    }

    /// Time passes, then a turn is made, and what is due is sent.
    async fn after(&mut self, ms: i64) {
        self.now = self.now.plus_ms(ms);
        self.turn(Eyes::default()).await;
    }

    async fn turn(&self, eyes: Eyes) {
        self.desk.turn(eyes, self.now).await.unwrap();
        while self.desk.send_due().await.unwrap() > 0 {}
    }

    /// What one person got.
    fn mails_of(&self, person: &str) -> Vec<Mail> {
        let mut mails = self.server.mails();
        mails.retain(|mail| mail.to.contains(person));
        mails
    }

    fn subjects_of(&self, person: &str) -> Vec<String> {
        let mails = self.mails_of(person);
        mails
            .iter()
            .map(|mail| mail.header("subject").unwrap())
            .collect()
    }

    async fn stance(&self) -> (ActionKind, Vec<WhyWait>) {
        let incident = self.desk.store.open_incidents().await.unwrap().remove(0);
        let stance = incident.stance.unwrap();
        (stance.action, stance.why)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn syncs_that_fail_together_are_one_mail_and_end_one_by_one() {
    let names = ["hr", "crm", "erp"];
    let mut office = Office::new(31, &names, |settings| {
        settings.on_error.notices.group_wait = Duration::from_secs(10);
    })
    .await;
    office.is_down(1).await;
    office.fails("hr", 3).await;
    office.after(0).await;
    assert!(office.server.mails().is_empty(), "others may come");
    office.now = office.now.plus_ms(9_000);
    office.fails("crm", 3).await;
    office.fails("erp", 3).await;
    office.after(1_000).await;
    let both = ["anna", "bert"].map(|person| office.subjects_of(person));
    let grouped = "[Highwater] 3 syncs: outage of dc1 (hr, crm, erp)".to_owned();
    assert_eq!(both, [vec![grouped.clone()], vec![grouped]]);
    let root = office.mails_of("anna")[0].header("message-id");
    office.after(HOUR).await;
    assert_eq!(office.server.mails().len(), 2, "nothing new, nothing told");
    for name in names {
        let done = office.desk.resolve_by_hand(
            office
                .desk
                .store
                .incidents(Some(&name.parse().unwrap()), 1)
                .await
                .unwrap()[0]
                .id,
            "repaired",
            office.now,
        );
        assert!(done.await.unwrap());
    }
    office.after(1_000).await;
    let ends = office.mails_of("anna").split_off(1);
    assert_eq!(ends.len(), 3);
    for (mail, name) in ends.iter().zip(names) {
        let subject = mail.header("subject").unwrap();
        assert_eq!(
            subject,
            format!("[Highwater] resolved: {name}: outage of dc1 is over")
        );
        assert_eq!(mail.header("references"), root, "all in one thread");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_lasts_is_told_again_after_four_hours_unless_acknowledged() {
    let mut office = Office::new(32, &["hr"], |_| {}).await;
    office.is_down(1).await;
    office.fails("hr", 3).await;
    office.after(0).await;
    assert_eq!(
        office.subjects_of("anna"),
        ["[Highwater] hr: outage of dc1"]
    );
    let told_at = office.now;
    for _ in 0..7 {
        office.fails("hr", 1).await;
        office.after(34 * MINUTE).await;
        assert_eq!(office.subjects_of("anna").len(), 1);
    }
    office
        .after(4 * HOUR - 1 - office.now.ms_since(told_at))
        .await;
    assert_eq!(
        office.subjects_of("anna").len(),
        1,
        "a millisecond too soon"
    );
    office.after(1).await;
    assert_eq!(
        office.subjects_of("anna")[1],
        "[Highwater] still: hr: outage of dc1"
    );
    let mails = office.mails_of("anna");
    assert_eq!(mails[1].header("references"), mails[0].header("message-id"));
    assert!(
        mails[1].text.contains("10, the newest at"),
        "{}",
        mails[1].text
    );
    assert!(
        office
            .desk
            .store
            .acknowledge_incident(1, "anna", office.now)
            .await
            .unwrap()
    );
    office.after(9 * HOUR).await;
    assert_eq!(office.subjects_of("anna").len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_is_cut_per_person_and_told_as_a_number() {
    let names = ["a", "b", "c", "d", "e"];
    let mut office = Office::new(33, &names, |settings| {
        settings.on_error.notices.most_per_hour = 2;
    })
    .await;
    office.is_down(1).await;
    for name in names {
        // One after the other, so that each is a notice of its own.
        office.fails(name, 3).await;
        office.after(1_000).await;
    }
    for person in ["anna", "bert"] {
        assert_eq!(
            office.subjects_of(person),
            [
                "[Highwater] a: outage of dc1",
                "[Highwater] b: outage of dc1"
            ]
        );
    }
    let state = office.desk.store.outbox_state().await.unwrap();
    assert_eq!((state.held_back, state.queued), (6, 0), "three for each");
    office.after(HOUR - 10_000).await;
    assert_eq!(office.subjects_of("anna").len(), 2);
    office.after(10_000).await;
    let told = office.mails_of("anna").remove(2);
    assert_eq!(
        told.header("subject").unwrap(),
        "[Highwater] 3 notices were held back"
    );
    for name in ["c", "d", "e"] {
        assert!(
            told.text.contains(&format!("{name}: outage of dc1")),
            "{}",
            told.text
        );
    }
    assert_eq!(office.desk.store.outbox_state().await.unwrap().held_back, 0);
    office.after(HOUR).await;
    assert_eq!(office.subjects_of("anna").len(), 3, "told once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_who_is_refused_takes_nobody_elses_mail() {
    let mut office = Office::new(34, &["hr"], |_| {}).await;
    office.is_down(1).await;
    office.server.set(Fault::Rcpt("550 no such user"));
    office.fails("hr", 3).await;
    office.after(0).await;
    let dead = office
        .desk
        .store
        .deliveries(DeliveryState::Dead, 9)
        .await
        .unwrap();
    assert_eq!(dead.len(), 2);
    office.server.set(Fault::None);
    let anna = dead
        .iter()
        .find(|one| one.target.recipient.starts_with("anna"))
        .unwrap();
    let again = office
        .desk
        .store
        .resend_deliveries(Some(anna.id), office.now);
    assert_eq!(again.await.unwrap(), 1);
    office.after(1_000).await;
    assert_eq!(office.subjects_of("anna").len(), 1);
    assert!(office.subjects_of("bert").is_empty());
    assert_eq!(office.desk.store.outbox_state().await.unwrap().dead, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_jump_of_the_clock_suspends_for_half_a_minute() {
    for by in [-2 * HOUR, 2 * HOUR] {
        let mut office = Office::new(35, &["hr"], |settings| {
            for resource in settings.resources.values_mut() {
                resource.reaction.auto_failover = AutoFailover::On;
            }
        })
        .await;
        office.now = office.now.plus_ms(by);
        let jump = Some(Jump {
            at: office.now,
            by_ms: by,
        });
        let eyes = Eyes {
            jump,
            ..Eyes::default()
        };
        for second in 0..30 {
            office.fails("hr", 1).await;
            office.is_down(1).await;
            office.turn(eyes).await;
            let (action, why) = office.stance().await;
            assert_eq!(action, ActionKind::Wait, "after {second} s: {why:?}");
            assert!(
                why.iter()
                    .any(|one| matches!(one, WhyWait::ClockJump { by_ms, .. } if *by_ms == by)),
                "after {second} s: {why:?}"
            );
            office.now = office.now.plus_ms(1_000);
        }
        assert!(office.desk.store.proposals(9).await.unwrap().is_empty());
        office.is_down(1).await;
        office.turn(eyes).await;
        let (action, why) = office.stance().await;
        assert_eq!((action, why.len()), (ActionKind::Run, 0), "{by}: {why:?}");
        assert_eq!(office.bed.in_use(), 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_rule_recognises_is_proposed_with_what_is_known_and_waits_for_a_person() {
    let mut case = Case::new(41, AutoFailover::On).await;
    case.bed.lab.kill(0).await.unwrap();
    case.fails("the pull ended with flux 7").await;
    case.turn().await;
    let (_, why) = case.stance().await;
    assert!(why.starts_with("the errors are not recognised"), "{why}");
    // The collector has just looked: with a short window that was long ago.
    let within = |span| move |all: &mut Settings| all.on_error.safety.probe_within = span;
    case.set(within(Duration::from_secs(1)));
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(case.desk.watch().await.unwrap(), 3, "the DCs are probed");
    case.set(within(Duration::from_secs(90)));
    for _ in 0..2 {
        case.desk.probe_all(case.bed.resource()).await.unwrap();
    }
    let proposal = case.proposed().await;
    case.turn().await;
    case.turn().await;
    assert_eq!(case.newest().await.id, proposal.id);
    assert_eq!(case.newest().await.state, ProposalState::Waiting);
    assert_eq!(case.bed.in_use(), 0, "nothing runs by itself");
    let told = case.bed.store.deliveries(DeliveryState::Queued, 9).await;
    let text = told.unwrap().remove(0).notice.text;
    for words in [
        "No rule recognises the errors. By our probes dc1 is down; others answer: dc2, dc3.",
        "unknown (no rule knows it)",
        "flux 7",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
    assert!(!text.contains("would not help"), "{text}");
}
