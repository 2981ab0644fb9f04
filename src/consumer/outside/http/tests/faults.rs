//! What a product answers wrongly, late, or not at all.

use std::time::Duration;

use super::product::{Answer, Fault, Product, Request, answer};
use super::{Doc, KEYS, PASSWORD, TEXT, at, change, product, serve};
use crate::clock::Stopwatch;
use crate::consumer::outside::http::HttpSpot;
use crate::consumer::outside::spot::Field::Updated;
use crate::consumer::outside::spot::SpotError;

/// A write that met `fault`, with what it led to.
async fn written_with(fault: Fault) -> (Result<(), SpotError>, String) {
    let product = product().await;
    let spot = HttpSpot::new(at(product.base(), &KEYS));
    let old = spot.read().await.unwrap();
    // The first request of the write reads, the second writes.
    product.fail(2, fault);
    let written = spot.replace(&old, &change(&[(Updated, "7")])).await;
    let text = product.state.lock().unwrap().text.clone();
    (written, text)
}

#[tokio::test]
async fn a_write_without_answer_is_settled_by_reading_back() {
    let done = TEXT.replace("48213", "7");
    for fault in [Fault::CutAfter, Fault::Hang, Fault::Broken] {
        let (written, text) = written_with(fault).await;
        assert_eq!((written, text), (Ok(()), done.clone()), "{fault:?}");
    }
    for fault in [
        Fault::CutBefore,
        Fault::Instead(503),
        Fault::Instead(409),
        Fault::Instead(412),
        Fault::Instead(302),
        Fault::Instead(400),
    ] {
        let (written, text) = written_with(fault).await;
        let error = written.unwrap_err();
        assert!(
            matches!(error, SpotError::Unwritable { .. }),
            "{fault:?}: {error}"
        );
        assert_eq!(text, TEXT);
        assert!(!error.to_string().contains(PASSWORD), "{error}");
    }
    let (written, _) = written_with(Fault::Instead(403)).await;
    assert!(
        matches!(written, Err(SpotError::Refused { .. })),
        "{written:?}"
    );
    let (written, _) = written_with(Fault::Instead(404)).await;
    assert!(
        matches!(written, Err(SpotError::Missing { .. })),
        "{written:?}"
    );
}

#[tokio::test]
async fn what_cannot_be_read_back_is_said_to_be_unknown() {
    let product = product().await;
    let spot = HttpSpot::new(at(product.base(), &KEYS));
    let old = spot.read().await.unwrap();
    product.fail(2, Fault::CutAfter);
    product.die(Some(3));
    let error = spot
        .replace(&old, &change(&[(Updated, "7")]))
        .await
        .unwrap_err();
    assert!(
        error.to_string().contains("it may have been written"),
        "{error}"
    );
    // Said again, it is seen to be done.
    product.die(None);
    spot.replace(&old, &change(&[(Updated, "7")]))
        .await
        .unwrap();
}

/// Somebody writes between the reading and the writing of a replacement.
fn racing(doc: &mut Doc, request: &Request) -> Answer {
    let given = serve(doc, request);
    if request.method == "GET" && doc.text.contains("RACE") {
        doc.text = doc.text.replace("RACE", "raced").replace("48213", "50000");
        doc.rev += 1;
    }
    given
}

#[tokio::test]
async fn a_write_in_between_is_seen() {
    let text = TEXT.replace("\"X\"", "\"ARM\"");
    let product = Product::start(Doc::new(&text), racing).await;
    let spot = HttpSpot::new(at(product.base(), &KEYS));
    let old = spot.read().await.unwrap();
    {
        let mut doc = product.state.lock().unwrap();
        doc.text = doc.text.replace("ARM", "RACE");
    }
    let error = spot
        .replace(&old, &change(&[(Updated, "7")]))
        .await
        .unwrap_err();
    assert!(matches!(error, SpotError::Moved { .. }), "{error}");
    assert!(product.state.lock().unwrap().text.contains("50000"));
    // The request was sent, and refused by the product.
    assert!(product.asked().iter().any(|asked| asked.starts_with("PUT")));
}

#[tokio::test]
async fn a_wrong_password_is_no_hint_at_it() {
    let product = Product::start(Doc::new(TEXT), |_, _| answer(401, PASSWORD)).await;
    let error = HttpSpot::new(at(product.base(), &KEYS))
        .read()
        .await
        .unwrap_err();
    assert!(matches!(error, SpotError::Refused { .. }), "{error}");
    assert!(!error.to_string().contains(PASSWORD), "{error}");
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let product = Product::start(Doc::new(TEXT), |doc: &mut Doc, request| {
        if request.path.starts_with("/doc") {
            let mut given = answer(302, "");
            given
                .headers
                .push(("Location".to_owned(), "/elsewhere".to_owned()));
            return given;
        }
        answer(200, doc.text.clone())
    })
    .await;
    let error = HttpSpot::new(at(product.base(), &KEYS))
        .read()
        .await
        .unwrap_err();
    assert!(
        error.to_string().contains("redirects are not followed"),
        "{error}"
    );
    assert_eq!(product.asked().len(), 1);
}

#[tokio::test]
async fn a_hung_product_is_given_up_in_time() {
    let product = product().await;
    product.fail(1, Fault::Hang);
    let watch = Stopwatch::start();
    let error = HttpSpot::new(at(product.base(), &KEYS))
        .read()
        .await
        .unwrap_err();
    assert!(
        error
            .to_string()
            .contains("no answer within timeout (0.4 s)"),
        "{error}"
    );
    assert!(watch.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn a_giant_or_garbled_answer_is_refused() {
    let giant = Product::start(Doc::new(TEXT), |_, _| {
        answer(200, format!("{{\"usn\":\"{}\"}}", "9".repeat(9 << 20)))
    })
    .await;
    let mut settings = at(giant.base(), &KEYS);
    let mut patient = (*settings.server).clone();
    patient.timeout = Duration::from_secs(20);
    settings.server = std::sync::Arc::new(patient);
    let error = HttpSpot::new(settings).read().await.unwrap_err();
    assert!(error.to_string().contains("longer than 8 MiB"), "{error}");
    let texts = [
        "",
        "hunter2",
        "[1",
        "{\"usn\":{\"hunter2\":1}}",
        "{\"usn\":1} hunter2",
    ];
    for text in texts {
        let product = Product::start(Doc::new(text), |doc: &mut Doc, _| {
            answer(200, doc.text.clone())
        })
        .await;
        let error = HttpSpot::new(at(product.base(), &KEYS))
            .read()
            .await
            .unwrap_err();
        assert!(matches!(error, SpotError::Flawed { .. }), "{text}: {error}");
        assert!(!error.to_string().contains(PASSWORD), "{error}");
    }
}

#[tokio::test]
async fn nobody_listening_is_told() {
    let product = product().await;
    let base = product.base();
    let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut nobody = base.clone();
    nobody
        .set_port(Some(free.local_addr().unwrap().port()))
        .unwrap();
    drop(free);
    let error = HttpSpot::new(at(nobody, &KEYS)).read().await.unwrap_err();
    assert!(matches!(error, SpotError::Unreadable { .. }), "{error}");
    assert!(!error.to_string().contains(PASSWORD), "{error}");
}

#[tokio::test]
async fn clear_text_is_no_tls() {
    let product = product().await;
    let mut base = product.base();
    base.set_scheme("https").unwrap();
    let error = HttpSpot::new(at(base, &KEYS)).read().await.unwrap_err();
    assert!(
        matches!(error, SpotError::Tls { .. } | SpotError::Unreadable { .. }),
        "{error}"
    );
}
