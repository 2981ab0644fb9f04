//! What webhooks, Alertmanager and commands are told.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::config::{Channel, CommandSink, Hook, OnError, TlsTrust};
use crate::model::{Notice, NoticeKind, Target};
use crate::on_error::channels::{Outcome, deliver, targets};
use crate::on_error::render::{Templates, sample};

fn notice(kind: NoticeKind) -> Notice {
    let templates = Templates::load(None).unwrap();
    templates.notice(&sample(kind), "<a@example.com>".to_owned(), None)
}

/// A web server that answers once and gives what it was asked.
async fn server(answer: &'static str) -> (String, tokio::task::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let asked = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut asked = Vec::new();
        let mut part = [0; 4_096];
        loop {
            let read = stream.read(&mut part).await.unwrap();
            asked.extend_from_slice(&part[..read]);
            let text = String::from_utf8_lossy(&asked);
            let Some((head, body)) = text.split_once("\r\n\r\n") else {
                continue;
            };
            let length = head.to_ascii_lowercase();
            let (_, length) = length.split_once("content-length: ").unwrap();
            let length: usize = length.split("\r\n").next().unwrap().parse().unwrap();
            if body.len() >= length {
                break;
            }
        }
        let answer = format!("HTTP/1.1 {answer}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        stream.write_all(answer.as_bytes()).await.unwrap();
        String::from_utf8(asked).unwrap()
    });
    (url, asked)
}

fn with(channel: Channel) -> OnError {
    OnError {
        channels: [("one".to_owned(), channel)].into(),
        ..OnError::default()
    }
}

fn hook(url: &str) -> Box<Hook> {
    Box::new(Hook {
        url: url.parse().unwrap(),
        secret: Some(crate::config::Secret::Known(
            "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz".into(),
        )),
        bearer: Some(crate::config::Secret::Known("token".into())),
        trust: TlsTrust::System,
        timeout: Duration::from_secs(5),
    })
}

fn one() -> Target {
    Target {
        channel: "one".to_owned(),
        recipient: String::new(),
    }
}

#[tokio::test]
async fn a_webhook_gets_signed_json() {
    for (answer, expected) in [
        ("204 No Content", Outcome::Taken),
        ("404 Not Found", Outcome::Refused(String::new())),
        ("503 Service Unavailable", Outcome::Later(String::new())),
        ("302 Found", Outcome::Later(String::new())),
    ] {
        let (url, asked) = server(answer).await;
        let settings = with(Channel::Webhook(hook(&url)));
        let outcome = deliver(&settings, &one(), &notice(NoticeKind::Opened)).await;
        assert_eq!(
            std::mem::discriminant(&outcome),
            std::mem::discriminant(&expected),
            "{answer}: {outcome:?}"
        );
        let asked = asked.await.unwrap();
        assert!(asked.contains("webhook-signature: v1,"), "{asked}");
        assert!(asked.contains("webhook-id: a@example.com"), "{asked}");
        assert!(asked.contains("authorization: Bearer token"), "{asked}");
        let body: serde_json::Value =
            serde_json::from_str(asked.split_once("\r\n\r\n").unwrap().1).unwrap();
        assert_eq!(body["notice"]["incidents"][0]["resource"], "hr");
        assert_eq!(body["notice"]["kind"], "opened");
    }
}

#[tokio::test]
async fn alertmanager_gets_an_alert_that_ends_with_the_incident() {
    let mut labels = Vec::new();
    for (kind, over) in [(NoticeKind::Opened, false), (NoticeKind::Resolved, true)] {
        let (url, asked) = server("200 OK").await;
        let settings = with(Channel::Alertmanager(hook(&url)));
        assert_eq!(
            deliver(&settings, &one(), &notice(kind)).await,
            Outcome::Taken
        );
        let asked = asked.await.unwrap();
        assert!(asked.starts_with("POST /api/v2/alerts HTTP/1.1"), "{asked}");
        let body: serde_json::Value =
            serde_json::from_str(asked.split_once("\r\n\r\n").unwrap().1).unwrap();
        let alert = &body[0];
        let time = |key: &str| {
            alert[key]
                .as_str()
                .unwrap()
                .parse::<crate::model::UtcMs>()
                .unwrap()
        };
        let at = sample(kind).at;
        assert!(time("startsAt") < at);
        assert_eq!(time("endsAt") <= at, over, "{alert}");
        labels.push(alert["labels"].clone());
    }
    assert_eq!(labels[0], labels[1], "the same alert");
}

#[tokio::test]
async fn a_command_gets_json_and_its_exit_status_counts() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("told");
    for (status, expected) in [
        (0, Outcome::Taken),
        (65, Outcome::Refused(String::new())),
        (1, Outcome::Later(String::new())),
    ] {
        let script = format!("cat > '{}'; exit {status}", file.display());
        let settings = with(Channel::Command(CommandSink {
            argv: ["/bin/sh", "-c", &script].map(str::to_owned).to_vec(),
            timeout: Duration::from_secs(5),
        }));
        let outcome = deliver(&settings, &one(), &notice(NoticeKind::Opened)).await;
        assert_eq!(
            std::mem::discriminant(&outcome),
            std::mem::discriminant(&expected),
            "{outcome:?}"
        );
        let told: serde_json::Value =
            serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
        assert_eq!(told["headline"], "hr: outage of dc1");
    }
}

#[test]
fn a_person_on_two_channels_is_told_once() {
    let mail = |to: &[&str]| Channel::Mail(to.iter().map(|one| one.parse().unwrap()).collect());
    let settings = OnError {
        channels: [
            (
                "a".to_owned(),
                mail(&["anna@example.com", "bert@example.com"]),
            ),
            (
                "b".to_owned(),
                mail(&["Anna@example.com", "carl@example.com"]),
            ),
        ]
        .into(),
        ..OnError::default()
    };
    let all = targets(
        &settings,
        &["a".to_owned(), "b".to_owned(), "gone".to_owned()],
    );
    let to: Vec<&str> = all.iter().map(|one| one.recipient.as_str()).collect();
    assert_eq!(
        to,
        ["anna@example.com", "bert@example.com", "carl@example.com"]
    );
}
