//! Sessions with a server that hangs, breaks off, or talks nonsense.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::server::{
    Act, Request, ber, found, hasty, message, paged, result, serve, serve_streams, settings, simple,
};
use crate::clock::Stopwatch;
use crate::directory::{Control, DirectoryError, Port, Query, Scope, Session};
use crate::model::FailureKind;

const PEOPLE: Query<'static> = Query {
    base: "DC=lab,DC=test",
    scope: Scope::Subtree,
    filter: "(uSNChanged>=1)",
    attributes: &["cn"],
    controls: Vec::new(),
};

async fn open(address: SocketAddr) -> Session {
    Session::open(&settings(address), Port::Directory)
        .await
        .unwrap()
}

async fn open_hasty(address: SocketAddr) -> Session {
    Session::open(&hasty(address), Port::Directory)
        .await
        .unwrap()
}

/// The error of a search against a server that acts so, with bounds that are meant to be reached.
async fn hasty_error(act: impl FnMut(&Request) -> Act + Send + 'static) -> DirectoryError {
    let mut session = open_hasty(serve(act)).await;
    session.search_all(PEOPLE).await.unwrap_err()
}

/// The error of a search against a server that acts so.
async fn search_error(act: impl FnMut(&Request) -> Act + Send + 'static) -> DirectoryError {
    let mut session = open(serve(act)).await;
    session.search_all(PEOPLE).await.unwrap_err()
}

#[tokio::test]
async fn a_server_that_never_answers_is_left_in_time() {
    let watch = Stopwatch::start();
    let error = hasty_error(|_| Act::Silence).await;
    assert_eq!(error.kind(), FailureKind::Timeout);
    assert!(error.to_string().contains("400ms"), "{error}");
    assert!(watch.elapsed() < Duration::from_secs(2));
}

#[tokio::test]
async fn an_abandon_follows_the_timeout() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&seen);
    let (told, mut heard) = tokio::sync::mpsc::unbounded_channel();
    let mut session = open_hasty(serve(move |request| {
        log.lock().unwrap().push(request.operation);
        told.send(request.operation).unwrap();
        Act::Silence
    }))
    .await;
    session.search_all(PEOPLE).await.unwrap_err();
    assert_eq!(heard.recv().await, Some(0x63));
    assert_eq!(heard.recv().await, Some(0x50), "{:?}", seen.lock().unwrap());
}

#[tokio::test]
async fn entries_that_trickle_do_not_stretch_the_bound() {
    let address = serve_streams(|mut stream| {
        use std::io::{Read, Write};
        let mut request = [0; 300];
        let _ = stream.read(&mut request).unwrap();
        let entry = message(request[4], &found("CN=a", &[]), &[]);
        while stream.write_all(&entry).is_ok() {
            std::thread::sleep(Duration::from_millis(50));
        }
    });
    let mut session = open_hasty(address).await;
    let watch = Stopwatch::start();
    let error = session.search_all(PEOPLE).await.unwrap_err();
    assert_eq!(error.kind(), FailureKind::Timeout, "{error}");
    assert!(watch.elapsed() < Duration::from_secs(2));
}

#[tokio::test]
async fn pages_share_one_bound() {
    let error = hasty_error(|request| {
        std::thread::sleep(Duration::from_millis(150));
        let page = message(request.id, &found("CN=a", &[]), &[]);
        let done = message(request.id, &result(0x65, 0, ""), &paged("more"));
        Act::Answer([page, done].concat())
    })
    .await;
    assert_eq!(error.kind(), FailureKind::Timeout, "{error}");
}

#[tokio::test]
async fn a_bind_is_bounded_too() {
    let mut dc = hasty(serve(|_| Act::Silence));
    dc.credentials = simple("secret-word");
    let error = Session::open(&dc, Port::Directory).await.unwrap_err();
    assert_eq!(error.kind(), FailureKind::Timeout);
    let shown = format!("{error} {error:?} {}", error.failure());
    assert!(!shown.contains("secret-word"), "{shown}");
}

#[tokio::test]
async fn a_break_is_never_an_end() {
    for reset in [true, false] {
        let error = search_error(move |request| {
            let bytes = message(request.id, &found("CN=a", &[]), &[]);
            if reset {
                Act::Reset(bytes)
            } else {
                Act::Close(bytes)
            }
        })
        .await;
        assert_eq!(error.kind(), FailureKind::Disconnected, "{error}");
        assert!(error.ends_session());
    }
    let cut = |request: &Request| {
        let bytes = message(request.id, &found("CN=abcdef", &[]), &[]);
        Act::Close(bytes[..bytes.len() - 3].to_vec())
    };
    let error = search_error(cut).await;
    assert_eq!(error.kind(), FailureKind::Disconnected, "{error}");
}

#[tokio::test]
async fn an_extended_response_to_a_search_ends_it() {
    let mut session = open(serve(|request| {
        Act::Answer(message(request.id, &result(0x78, 12, "unsupported"), &[]))
    }))
    .await;
    let query = Query {
        controls: vec![Control::show_deleted()],
        ..PEOPLE
    };
    let error = session.search_all(query).await.unwrap_err();
    assert_eq!(error.kind(), FailureKind::Protocol, "{error}");
    assert!(error.to_string().contains("critical control"), "{error}");
    let again = session.search_all(PEOPLE).await.unwrap_err();
    assert_eq!(again.kind(), FailureKind::Disconnected, "{again}");
}

#[tokio::test]
async fn garbage_is_a_protocol_error_or_a_timeout_but_never_a_panic() {
    let error = search_error(|_| Act::Answer(b"\x30\x03\x02\x01".repeat(9))).await;
    assert!(
        matches!(
            error.kind(),
            FailureKind::Protocol | FailureKind::Disconnected
        ),
        "{error}"
    );
    let error = hasty_error(|_| Act::Answer(b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec())).await;
    assert!(
        matches!(
            error.kind(),
            FailureKind::Protocol | FailureKind::Disconnected | FailureKind::Timeout
        ),
        "{error}"
    );
    for broken in [
        ber(0x64, &ber(0x04, b"CN=a")),
        ber(0x64, &[ber(0x04, b"CN=\xff"), ber(0x30, b"")].concat()),
        ber(0x64, &[ber(0x30, b""), ber(0x30, b"")].concat()),
        ber(
            0x64,
            &[ber(0x04, b"CN=a"), ber(0x30, &ber(0x04, b"cn"))].concat(),
        ),
    ] {
        let error = search_error(move |request| {
            Act::Answer([message(request.id, &broken, &[]), request.done(0, "")].concat())
        })
        .await;
        assert_eq!(error.kind(), FailureKind::Protocol, "{error}");
    }
}

#[tokio::test]
async fn a_malformed_bind_answer_does_not_panic_us() {
    let mut dc = settings(serve(|request| {
        Act::Answer(message(request.id, &ber(0x61, &ber(0x04, b"x")), &[]))
    }));
    dc.credentials = simple("x");
    let error = Session::open(&dc, Port::Directory).await.unwrap_err();
    assert_eq!(error.kind(), FailureKind::Protocol, "{error}");
}

#[tokio::test]
async fn referrals_are_left_out_and_values_keep_their_order() {
    let mut session = open(serve(|request| {
        let values = vec![b"z".to_vec(), b"\xff\0".to_vec(), b"a".to_vec()];
        let referral = ber(0x73, &ber(0x04, b"ldap://ForestDnsZones.lab.test/"));
        Act::Answer(
            [
                message(request.id, &referral, &[]),
                message(request.id, &found("CN=a", &[("Cn", values)]), &[]),
                message(request.id, &referral, &[]),
                request.done(0, ""),
            ]
            .concat(),
        )
    }))
    .await;
    let entries = session.search_all(PEOPLE).await.unwrap();
    assert_eq!(entries.len(), 1);
    let values = entries[0].values("CN").to_vec();
    assert_eq!(values, [b"z".to_vec(), b"\xff\0".to_vec(), b"a".to_vec()]);
}

#[tokio::test]
async fn pages_follow_the_cookie() {
    let mut session = open(serve(|request| {
        let (name, cookie) = if request.has("first") {
            ("CN=b", "")
        } else {
            ("CN=a", "first")
        };
        let done = message(request.id, &result(0x65, 0, ""), &paged(cookie));
        Act::Answer([message(request.id, &found(name, &[]), &[]), done].concat())
    }))
    .await;
    let mut pages = session.pages(PEOPLE);
    let first = pages.next_page().await.unwrap().unwrap();
    assert_eq!(first[0].dn, "CN=a");
    assert_eq!(pages.next_page().await.unwrap().unwrap()[0].dn, "CN=b");
    assert!(pages.next_page().await.unwrap().is_none());
    assert!(pages.next_page().await.unwrap().is_none());
}

#[tokio::test]
async fn result_codes_are_told_apart() {
    for (code, kind) in [
        (50, FailureKind::Permission),
        (51, FailureKind::Busy),
        (52, FailureKind::Busy),
        (32, FailureKind::Permission),
        (80, FailureKind::Protocol),
    ] {
        let error = search_error(move |request| Act::Answer(request.done(code, "why"))).await;
        assert_eq!(error.kind(), kind);
        assert!(!error.ends_session());
    }
}

#[tokio::test]
async fn what_cannot_connect_says_why() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = closed.local_addr().unwrap();
    drop(closed);
    let error = Session::open(&settings(address), Port::Directory)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), FailureKind::Refused);
    let mut dc = hasty(address);
    dc.address = Some("no-such-host.invalid".to_owned());
    let error = Session::open(&dc, Port::Directory).await.unwrap_err();
    let kind = error.kind();
    assert!(
        matches!(kind, FailureKind::UnknownHost | FailureKind::Timeout),
        "{error}"
    );
}

#[tokio::test]
async fn an_empty_password_is_never_sent() {
    let (told, mut heard) = tokio::sync::mpsc::unbounded_channel();
    let mut dc = settings(serve(move |request| {
        told.send(request.operation).unwrap();
        Act::Answer(message(request.id, &result(0x61, 0, ""), &[]))
    }));
    dc.credentials = simple("");
    let error = Session::open(&dc, Port::Directory).await.unwrap_err();
    assert_eq!(error.kind(), FailureKind::Credentials);
    assert!(heard.try_recv().is_err(), "nothing was sent");
    dc.credentials = simple("x");
    Session::open(&dc, Port::Directory).await.unwrap();
    assert_eq!(heard.recv().await, Some(0x60));
}
