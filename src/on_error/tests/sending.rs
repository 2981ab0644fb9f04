//! The outbox under fire: nothing is lost, and nothing comes twice but with the same Message-ID.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;

use super::smtp::{Fault, Protection, Server, acceptor};
use crate::clock;
use crate::config::{
    Channel, Collector, MailSecurity, MailServer, OnError, Secret, Settings, TlsTrust,
};
use crate::model::{DeliveryState, NoticeKind, Target, UtcMs};
use crate::on_error::Desk;
use crate::on_error::render::{Templates, sample};
use crate::store::{Addressed, Store};

pub(super) fn settings(mail: Option<MailServer>, folder: &Path) -> Settings {
    let to = ["anna@example.com", "bert@example.com"].map(|one| one.parse().unwrap());
    Settings {
        store: folder.join("store.db"),
        collector: Collector {
            period: Duration::from_mins(1),
            jitter: 0.0,
            concurrency: 1,
            days_to_keep_usns: 7,
        },
        dcs: [].into(),
        resources: [].into(),
        on_error: OnError {
            mail,
            channels: [("operators".to_owned(), Channel::Mail(to.to_vec()))].into(),
            ..OnError::default()
        },
    }
}

pub(super) fn mail_server(port: u16, security: MailSecurity, trust: TlsTrust) -> MailServer {
    MailServer {
        host: "localhost".to_owned(),
        port,
        security,
        trust,
        login: None,
        from: "Highwater <hw@example.com>".parse().unwrap(),
        timeout: Duration::from_secs(5),
    }
}

struct Post {
    desk: Desk,
    server: Server,
    _folder: TempDir,
}

impl Post {
    async fn in_clear() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let server = Server::start(Protection::Clear).await;
        let mail = mail_server(server.port, MailSecurity::Clear, TlsTrust::System);
        Self::of(folder, server, mail).await
    }

    async fn of(folder: TempDir, server: Server, mail: MailServer) -> Self {
        let settings = settings(Some(mail), folder.path());
        let desk = Desk::new(
            Store::open_impatient(&settings.store).await.unwrap(),
            Arc::new(settings),
            Arc::new(Templates::load(None).unwrap()),
            "sync1".to_owned(),
        );
        Self {
            desk,
            server,
            _folder: folder,
        }
    }

    async fn queue(&self, id: &str, to: &[&str]) {
        let thread = Some("<root@example.com>".to_owned());
        let mut content = sample(NoticeKind::Proposed);
        content.at = clock::now();
        let id = format!("<{id}@example.com>");
        let target = |one: &&str| Target {
            channel: "operators".to_owned(),
            recipient: (*one).to_owned(),
        };
        let addressed = Addressed {
            notice: self.desk.templates.notice(&content, id, thread),
            targets: to.iter().map(target).collect(),
            held_back: Vec::new(),
        };
        self.desk.store.queue_notice(addressed).await.unwrap();
    }

    /// Tries what is due, and what will be, as if its time had come.
    async fn send(&self) {
        self.desk.send_due().await.unwrap();
    }

    async fn come_due(&self) {
        self.desk.store.make_everything_due().await;
    }

    /// When the one delivery there is will be tried.
    fn due_at(&self) -> UtcMs {
        let store = rusqlite::Connection::open(&self.desk.settings.store).unwrap();
        let at = store.query_row("SELECT due_at FROM mail_outbox", [], |row| row.get(0));
        UtcMs::from_millis(at.unwrap())
    }

    async fn count(&self, state: DeliveryState) -> usize {
        self.desk.store.deliveries(state, 99).await.unwrap().len()
    }

    async fn problem(&self, state: DeliveryState) -> String {
        let found = self.desk.store.deliveries(state, 1).await.unwrap();
        found[0].problem.clone().unwrap_or_default()
    }
}

#[tokio::test]
async fn a_mail_has_what_a_mail_needs() {
    let post = Post::in_clear().await;
    post.queue("a", &["anna@example.com", "bert@example.com"])
        .await;
    post.send().await;
    let mails = post.server.mails();
    let to: BTreeSet<&str> = mails.iter().map(|mail| mail.to.as_str()).collect();
    assert_eq!(
        to,
        ["RCPT TO:<anna@example.com>", "RCPT TO:<bert@example.com>"].into()
    );
    let mail = &mails[0];
    assert_eq!(
        mail.header("message-id").as_deref(),
        Some("<a@example.com>")
    );
    assert_eq!(
        mail.header("references").as_deref(),
        Some("<root@example.com>")
    );
    assert_eq!(
        mail.header("in-reply-to").as_deref(),
        Some("<root@example.com>")
    );
    assert_eq!(
        mail.header("auto-submitted").as_deref(),
        Some("auto-generated")
    );
    assert!(
        mail.header("subject").unwrap().contains("approval wanted"),
        "{}",
        mail.text
    );
    assert!(
        mail.header("content-type")
            .unwrap()
            .starts_with("multipart/alternative"),
        "{}",
        mail.text
    );
    assert!(mail.text.contains("highwater approve 4"), "{}", mail.text);
    assert!(mail.text.contains("text/html"), "{}", mail.text);
    assert_eq!(post.count(DeliveryState::Sent).await, 2);
}

#[tokio::test]
async fn every_fault_is_survived_and_no_mail_is_lost() {
    let post = Post::in_clear().await;
    post.queue("a", &["anna@example.com"]).await;
    for fault in [
        Fault::Greet("421 too busy"),
        Fault::Greet("554 go away"),
        Fault::Rcpt("451 greylisted"),
        Fault::Data("452 no room"),
        Fault::CutAfterData,
    ] {
        post.server.set(fault);
        post.come_due().await;
        post.send().await;
        assert_eq!(post.count(DeliveryState::Queued).await, 1, "{fault:?}");
        assert!(
            !post.problem(DeliveryState::Queued).await.is_empty(),
            "{fault:?}"
        );
    }
    post.send().await;
    assert_eq!(post.server.mails().len(), 1, "not before its time");
    post.server.set(Fault::None);
    post.come_due().await;
    post.send().await;
    assert_eq!(post.count(DeliveryState::Sent).await, 1);
    let ids: Vec<_> = post
        .server
        .mails()
        .iter()
        .map(|mail| mail.header("message-id"))
        .collect();
    assert_eq!(ids.len(), 2, "the one cut off after DATA had been kept");
    assert_eq!(ids[0], ids[1]);
}

#[tokio::test]
async fn a_refusal_is_a_dead_letter_that_can_be_sent_again() {
    let post = Post::in_clear().await;
    post.queue("a", &["anna@example.com"]).await;
    post.server.set(Fault::Rcpt("550 no such user"));
    post.send().await;
    assert_eq!(post.count(DeliveryState::Dead).await, 1);
    let problem = post.problem(DeliveryState::Dead).await;
    assert!(
        problem.contains("550") || problem.contains("no such user"),
        "{problem}"
    );
    post.server.set(Fault::None);
    post.come_due().await;
    post.send().await;
    assert!(post.server.mails().is_empty(), "nobody asked for it");
    assert_eq!(
        post.desk
            .store
            .resend_deliveries(None, clock::now())
            .await
            .unwrap(),
        1
    );
    post.send().await;
    assert_eq!(
        post.server.mails()[0].header("message-id").as_deref(),
        Some("<a@example.com>")
    );
}

#[tokio::test]
async fn hours_without_a_server_and_one_that_hangs_are_sat_out() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(Protection::Clear).await;
    let mut mail = mail_server(server.port, MailSecurity::Clear, TlsTrust::System);
    mail.timeout = Duration::from_millis(200);
    let post = Post::of(folder, server, mail).await;
    post.queue("a", &["anna@example.com"]).await;
    post.server.set(Fault::Silent);
    post.send().await;
    assert!(
        post.problem(DeliveryState::Queued)
            .await
            .contains("timeout")
    );
    post.server.set(Fault::None);
    post.come_due().await;
    post.send().await;
    assert_eq!(post.count(DeliveryState::Sent).await, 1);

    let gone = tempfile::tempdir().unwrap();
    let nobody = mail_server(1, MailSecurity::Clear, TlsTrust::System);
    let post = Post::of(gone, post.server.clone(), nobody).await;
    post.queue("b", &["anna@example.com"]).await;
    let mut pauses = Vec::new();
    for _ in 0..20 {
        post.come_due().await;
        let before = clock::now();
        post.send().await;
        let pause = post.due_at().ms_since(before);
        // To the second: a failed try takes its time too.
        pauses.push((pause + 500) / 1_000);
    }
    assert_eq!(
        pauses[..9],
        [15, 30, 60, 120, 240, 480, 960, 1_800, 1_800],
        "ever less often, and at least twice an hour"
    );
    assert_eq!(pauses[9..], [1_800; 11]);
    let waiting = post
        .desk
        .store
        .deliveries(DeliveryState::Queued, 9)
        .await
        .unwrap();
    assert_eq!(waiting[0].tries, 20);
    assert!(
        waiting[0].problem.as_deref().unwrap().contains("refused"),
        "{:?}",
        waiting[0].problem
    );
}

#[tokio::test]
async fn who_is_killed_while_sending_leaves_it_to_the_next() {
    let post = Post::in_clear().await;
    post.queue("a", &["anna@example.com"]).await;
    // Leased, then killed: before sending, or after and before the mark.
    let leased = post
        .desk
        .store
        .lease_deliveries(clock::now(), 60_000, 9)
        .await
        .unwrap();
    assert_eq!(leased.len(), 1);
    post.send().await;
    assert!(post.server.mails().is_empty(), "it is another's");
    post.come_due().await;
    post.send().await;
    assert_eq!(post.server.mails().len(), 1);
    assert!(
        !post
            .desk
            .store
            .mark_sent(&leased[0], clock::now())
            .await
            .unwrap()
    );
    assert_eq!(post.count(DeliveryState::Sent).await, 1);
}

/// Polls until it is so.
async fn until(what: &str, mut done: impl FnMut() -> bool) {
    for _ in 0..2_000 {
        if done() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    unreachable!("not within 10 s: {what}");
}

#[tokio::test]
async fn a_mail_that_was_taken_and_cannot_be_marked_is_not_sent_again() {
    let post = Post::in_clear().await;
    post.queue("a", &["anna@example.com"]).await;
    post.server.set(Fault::Hold);
    let desk = post.desk.clone();
    let sending = tokio::spawn(async move { desk.send_due().await });
    until("the mail is given", || post.server.mails().len() == 1).await;
    // While the server thinks, another process begins a long write.
    let other = rusqlite::Connection::open(&post.desk.settings.store).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    post.server.set(Fault::None);
    let error = sending.await.unwrap().unwrap_err();
    assert!(error.may_pass(), "{error}");
    other.execute_batch("COMMIT").unwrap();
    assert_eq!(post.count(DeliveryState::Queued).await, 1);
    post.come_due().await;
    post.send().await;
    assert_eq!(post.count(DeliveryState::Sent).await, 1);
    assert_eq!(post.server.mails().len(), 1, "it was known to be taken");
}

#[tokio::test]
async fn tls_is_wanted_and_verified() {
    let folder = tempfile::tempdir().unwrap();
    let (ca, other_ca) = (
        folder.path().join("ca.pem"),
        folder.path().join("other.pem"),
    );
    let ours = acceptor("localhost", &ca);
    let wrong_name = acceptor("mail.elsewhere.test", &folder.path().join("wrong.pem"));
    drop(acceptor("localhost", &other_ca));
    let start_tls = Server::start(Protection::StartTls(ours.clone())).await;
    let tls = Server::start(Protection::Tls(ours)).await;
    let wrong = Server::start(Protection::Tls(wrong_name)).await;
    let clear = Server::start(Protection::Clear).await;
    let trust = |path: &Path| TlsTrust::File(path.to_owned());
    for (server, security, trust, expected) in [
        (&start_tls, MailSecurity::StartTls, trust(&ca), ""),
        (&tls, MailSecurity::Tls, trust(&ca), ""),
        (
            &start_tls,
            MailSecurity::StartTls,
            trust(&other_ca),
            "certificate",
        ),
        (&tls, MailSecurity::Tls, trust(&other_ca), "certificate"),
        (
            &wrong,
            MailSecurity::Tls,
            trust(&folder.path().join("wrong.pem")),
            "certificate",
        ),
        (
            &clear,
            MailSecurity::StartTls,
            trust(&ca),
            "offers no STARTTLS",
        ),
    ] {
        let before = server.mails().len();
        let mut mail = mail_server(server.port, security, trust);
        mail.login = Some(("highwater".to_owned(), Secret::Known("secret".into())));
        let post = Post::of(tempfile::tempdir().unwrap(), server.clone(), mail).await;
        post.queue("a", &["anna@example.com"]).await;
        post.send().await;
        let mails = server.mails();
        if expected.is_empty() {
            let mail = mails.last().unwrap();
            assert!(mail.encrypted, "{security:?}");
            assert_eq!(mail.user.as_deref(), Some("highwater"));
        } else {
            assert_eq!(mails.len(), before, "{expected}");
            let problem = post.problem(DeliveryState::Queued).await;
            assert!(problem.contains(expected), "{expected}: {problem}");
        }
    }
}

#[tokio::test]
async fn a_wrong_password_is_no_fault_of_the_mail() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(Protection::Clear).await;
    let mut mail = mail_server(server.port, MailSecurity::Clear, TlsTrust::System);
    mail.login = Some(("highwater".to_owned(), Secret::Known("guess".into())));
    let post = Post::of(folder, server, mail).await;
    post.queue("a", &["anna@example.com"]).await;
    post.send().await;
    let problem = post.problem(DeliveryState::Queued).await;
    assert!(problem.contains("login as highwater failed"), "{problem}");
    assert!(!problem.contains("guess"), "{problem}");
}

#[tokio::test]
async fn a_mail_that_was_taken_is_not_sent_again_where_the_good_bye_hangs() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(Protection::Clear).await;
    let mut mail = mail_server(server.port, MailSecurity::Clear, TlsTrust::System);
    // Shorter than a good-bye may take: the one bound does not cut the other.
    mail.timeout = Duration::from_millis(500);
    let post = Post::of(folder, server, mail).await;
    post.queue("a", &["anna@example.com"]).await;
    post.server.set(Fault::HangAtQuit);
    for _ in 0..3 {
        post.come_due().await;
        post.send().await;
    }
    assert_eq!(post.server.mails().len(), 1);
}

#[tokio::test]
async fn a_refusal_counts_where_the_good_bye_hangs() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(Protection::Clear).await;
    let mut mail = mail_server(server.port, MailSecurity::Clear, TlsTrust::System);
    mail.timeout = Duration::from_millis(500);
    let post = Post::of(folder, server, mail).await;
    post.queue("a", &["anna@example.com"]).await;
    post.server.set(Fault::RefuseAndHang);
    post.send().await;
    assert_eq!(post.count(DeliveryState::Dead).await, 1);
    let problem = post.problem(DeliveryState::Dead).await;
    assert!(problem.contains("554"), "{problem}");
}
