//! Webhooks against a real server: what is sent, what each answer means, and what is never shown.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::{HeaderMap, HeaderValue, RETRY_AFTER};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use tokio_rustls::TlsAcceptor;

use super::super::webhook::{retry_after, signature};
use super::server::Server;
use super::*;
use crate::clock::{self, Stopwatch};
use crate::config::{Secret, SecretSource, TlsTrust, WebhookSink, signing_key};
use crate::model::UtcMs;

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const TOKEN: &str = "hunter2";
const TAKEN: &str = "HTTP/1.1 204 No Content\r\n\r\n";

fn known(text: &str) -> Secret {
    Secret::Known(SecretString::from(text))
}

fn settings(url: &str) -> WebhookSink {
    WebhookSink {
        url: url.parse().unwrap(),
        secret: known(SECRET),
        bearer: Some(known(TOKEN)),
        trust: TlsTrust::System,
        timeout: Duration::from_secs(5),
    }
}

fn trusting(url: &str, authority: &Path) -> WebhookSink {
    WebhookSink {
        trust: TlsTrust::File(authority.to_owned()),
        ..settings(url)
    }
}

fn sink(settings: WebhookSink) -> Sink {
    Sink::new("web", &config::Sink::Webhook(Box::new(settings))).unwrap()
}

/// A server on a clear connection, and a sink that posts to it.
async fn scene(answers: &[&str]) -> (Server, Sink) {
    let server = Server::start(answers, None).await;
    let authority = Certificate::new("127.0.0.1");
    let url = format!("http://{}/hook/path-token?x=query-token", server.address);
    let sink = sink(trusting(&url, &authority.path()));
    (server, sink)
}

/// A certificate that is its own authority.
struct Certificate {
    folder: tempfile::TempDir,
    acceptor: TlsAcceptor,
}

impl Certificate {
    fn new(name: &str) -> Self {
        let made = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
        let key = made.signing_key.serialize_der().try_into().unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("ca.pem"), made.cert.pem()).unwrap();
        Self {
            folder,
            acceptor: TlsAcceptor::from(Arc::new(config)),
        }
    }

    fn path(&self) -> std::path::PathBuf {
        self.folder.path().join("ca.pem")
    }
}

/// HMAC-SHA256 written out as RFC 2104 defines it.
fn hmac_by_definition(key: &[u8], text: &str) -> String {
    assert!(key.len() <= 64);
    let padded = |with: u8| -> Vec<u8> {
        let key = key.iter().chain(std::iter::repeat(&0)).take(64);
        key.map(|byte| byte ^ with).collect()
    };
    let inner = Sha256::digest([padded(0x36), text.as_bytes().to_vec()].concat());
    STANDARD.encode(Sha256::digest([padded(0x5c), inner.to_vec()].concat()))
}

#[test]
fn a_signature_is_that_of_the_published_example() {
    let key = signing_key(&SecretString::from(SECRET)).unwrap();
    let (id, body) = ("msg_p5jXN8AQM9LWM0D4loKWxJek", "{\"test\": 2432232314}");
    assert_eq!(
        signature(&key, id, 1_614_265_330, body),
        "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    );
    assert_eq!(
        hmac_by_definition(key.expose_secret(), &format!("{id}.1614265330.{body}")),
        "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    );
}

#[tokio::test]
async fn an_event_is_posted_signed_and_over_one_connection() {
    let (server, mut sink) =
        scene(&["HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok", TAKEN]).await;
    assert_eq!(sink.deliver(&events(1..4)).await, all_up_to(3));
    let requests = server.requests();
    assert_eq!(requests.len(), 3);
    let key = signing_key(&SecretString::from(SECRET)).unwrap();
    for (request, event) in requests.iter().zip(events(1..4)) {
        assert_eq!(
            request.first_line,
            "POST /hook/path-token?x=query-token HTTP/1.1"
        );
        assert_eq!(request.body, event.event.body);
        assert_eq!(request.connection, 1);
        let header = |name: &str| request.headers[name].clone();
        assert_eq!(
            header("content-type"),
            "application/cloudevents+json; charset=utf-8"
        );
        assert_eq!(header("webhook-id"), event.event.id);
        assert_eq!(header("authorization"), format!("Bearer {TOKEN}"));
        assert!(header("user-agent").starts_with("highwater/"));
        let at: i64 = header("webhook-timestamp").parse().unwrap();
        assert!((clock::now().as_millis() / 1000 - at).abs() <= 30);
        let signed = format!("{}.{at}.{}", event.event.id, event.event.body);
        let expected = hmac_by_definition(key.expose_secret(), &signed);
        assert_eq!(header("webhook-signature"), format!("v1,{expected}"));
    }
}

#[tokio::test]
async fn answers_about_one_event_make_a_dead_letter() {
    for status in [400, 413, 422] {
        let refused = format!("HTTP/1.1 {status} No\r\ncontent-length: 0\r\n\r\n");
        let (server, mut sink) = scene(&[TAKEN, &refused, TAKEN]).await;
        let delivered = sink.deliver(&events(1..4)).await;
        assert_eq!(delivered.acknowledged_up_to, Some(3));
        assert_eq!(delivered.down, None);
        let [dead] = delivered.dead.as_slice() else {
            panic!("{delivered:?}");
        };
        assert_eq!((dead.seq, dead.status), (2, status));
        let said = format!("http://{} answered {status}", server.address);
        assert!(dead.why.starts_with(&said), "{}", dead.why);
        assert_eq!(server.requests().len(), 3);
    }
}

#[tokio::test]
async fn any_other_answer_holds_up_the_rest() {
    for (answer, fatal, wait, why) in [
        (
            "301 Moved\r\nlocation: /elsewhere",
            false,
            None,
            "not followed; write the final address as url",
        ),
        (
            "307 Moved\r\nlocation: http://127.0.0.1:1/",
            false,
            None,
            "a redirect",
        ),
        (
            "401 Unauthorized",
            false,
            None,
            "check `secret` and `bearer`",
        ),
        ("404 Not Found", false, None, "answered 404 Not Found"),
        (
            "410 Gone",
            true,
            None,
            "remove the sink, or correct its url",
        ),
        (
            "429 Slow\r\nretry-after: 17",
            false,
            Some(17),
            "answered 429",
        ),
        ("500 Oops\r\nretry-after: 17", false, None, "answered 500"),
        ("503 Busy\r\nretry-after: 3", false, Some(3), "answered 503"),
        ("503 Busy", false, None, "answered 503"),
    ] {
        let (server, mut sink) = scene(&[
            TAKEN,
            &format!("HTTP/1.1 {answer}\r\ncontent-length: 0\r\n\r\n"),
        ])
        .await;
        let delivered = sink.deliver(&events(1..4)).await;
        assert_eq!(delivered.acknowledged_up_to, Some(1), "{answer}");
        assert_eq!(delivered.dead, []);
        let down = down(&delivered);
        assert!(down.why.contains(why), "{}", down.why);
        assert_eq!(down.is_fatal, fatal, "{answer}");
        assert_eq!(down.retry_after, wait.map(Duration::from_secs), "{answer}");
        assert_eq!(
            server.requests().len(),
            2,
            "nothing is followed or repeated"
        );
        for secret in ["path-token", "query-token", TOKEN, "MfKQ"] {
            assert!(!format!("{delivered:?}{sink:?}").contains(secret));
        }
    }
}

#[test]
fn retry_after_is_read_as_seconds_and_as_a_date() {
    let now = UtcMs::from_millis(784_111_777_000); // Sun, 06 Nov 1994 08:49:37 GMT
    let read = |text: &str| {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, HeaderValue::from_str(text).unwrap());
        retry_after(&headers, now)
    };
    let seconds = |number| Some(Duration::from_secs(number));
    assert_eq!(read("120"), seconds(120));
    assert_eq!(read("Sun, 06 Nov 1994 08:50:37 GMT"), seconds(60));
    assert_eq!(read("Sun, 06 Nov 1994 08:00:00 GMT"), seconds(0));
    assert_eq!(read("-5"), None);
    assert_eq!(read("soon"), None);
    assert_eq!(retry_after(&HeaderMap::new(), now), None);
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_not_waited_for_long() {
    // It never answers, it breaks off, it is no web server, it talks without end, it is not there.
    let broken = "HTTP/1.1 200 OK";
    let no_http = "220 smtp.example.com ESMTP\r\n\r\n";
    for (answer, why) in [
        ("", "did not answer within timeout (0.3 s)"),
        (broken, "timeout"),
        (no_http, "cannot be reached"),
    ] {
        let server = Server::start(&[answer], None).await;
        let authority = Certificate::new("127.0.0.1");
        let mut hook = trusting(
            &format!("http://{}/path-token", server.address),
            &authority.path(),
        );
        hook.timeout = Duration::from_millis(300);
        let watch = Stopwatch::start();
        let delivered = sink(hook).deliver(&events(1..3)).await;
        assert!(watch.elapsed() < Duration::from_secs(5));
        assert_eq!(delivered.acknowledged_up_to, None);
        let down = down(&delivered);
        assert!(
            down.why.contains(why) && !down.why.contains("path-token"),
            "{}",
            down.why
        );
    }
    let closed = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let authority = Certificate::new("127.0.0.1");
    let delivered = sink(trusting(
        &format!("http://{closed}/path-token"),
        &authority.path(),
    ))
    .deliver(&events(1..2))
    .await;
    let why = &down(&delivered).why;
    assert!(
        why.contains("refused") && !why.contains("path-token"),
        "{why}"
    );
}

#[tokio::test]
async fn an_answer_is_read_but_not_for_ever() {
    let endless = "HTTP/1.1 200 OK\r\n\r\nwait";
    let (_server, mut sink) = scene(&[endless]).await;
    let watch = Stopwatch::start();
    assert_eq!(sink.deliver(&events(1..2)).await, all_up_to(1));
    assert!(watch.elapsed() < Duration::from_secs(4));

    let large = format!(
        "HTTP/1.1 200 OK\r\ncontent-length: 10000000\r\n\r\n{}",
        "x".repeat(500_000)
    );
    let (server, mut sink) = scene(&[&large]).await;
    let watch = Stopwatch::start();
    assert_eq!(sink.deliver(&events(1..3)).await, all_up_to(2));
    assert!(watch.elapsed() < Duration::from_secs(4));
    assert_eq!(server.requests().len(), 2);
}

#[tokio::test]
async fn only_the_certificate_of_a_trusted_authority_is_taken() {
    let ours = Certificate::new("127.0.0.1");
    let server = Server::start(&[TAKEN], Some(ours.acceptor.clone())).await;
    let url = format!("https://{}/", server.address);
    let mut trusted = sink(trusting(&url, &ours.path()));
    assert_eq!(trusted.deliver(&events(1..3)).await, all_up_to(2));

    let other = Certificate::new("127.0.0.1");
    let delivered = sink(trusting(&url, &other.path()))
        .deliver(&events(1..2))
        .await;
    let why = &down(&delivered).why;
    assert!(
        why.contains("certificate") && why.contains("ca_file"),
        "{why}"
    );

    let elsewhere = Certificate::new("hr.example.com");
    let server = Server::start(&[TAKEN], Some(elsewhere.acceptor.clone())).await;
    let url = format!("https://{}/", server.address);
    let delivered = sink(trusting(&url, &elsewhere.path()))
        .deliver(&events(1..2))
        .await;
    assert!(down(&delivered).why.contains("certificate"));
    assert_eq!(server.requests().len(), 0);
}

#[test]
fn a_sink_without_its_secret_is_refused() {
    let unread = || Secret::NotRead(SecretSource::Env("HW_HOOK".to_owned()));
    let make = |settings: WebhookSink| {
        Sink::new("web", &config::Sink::Webhook(Box::new(settings)))
            .unwrap_err()
            .to_string()
    };
    let url = "https://hr.example.com/";
    let told = make(WebhookSink {
        secret: unread(),
        ..settings(url)
    });
    assert!(
        told.contains("sink `web`: its secret cannot be used"),
        "{told}"
    );
    let told = make(WebhookSink {
        bearer: Some(unread()),
        ..settings(url)
    });
    assert!(told.contains("its bearer"), "{told}");
    let told = make(trusting(url, Path::new("/nowhere/ca.pem")));
    assert!(
        told.contains("sink `web`: /nowhere/ca.pem cannot be read"),
        "{told}"
    );
}
