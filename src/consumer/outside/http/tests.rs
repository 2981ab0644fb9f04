#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod faults;
pub(in crate::consumer::outside) mod product;
mod stepping;
mod trusted;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use url::Url;

use super::HttpSpot;
use crate::config::{
    HttpAuth, HttpGuard, HttpMethod, HttpServer, HttpSpotSettings, HttpText, HttpUrl, HttpWrite,
    Secret, TlsTrust,
};
use crate::consumer::outside::spot::{Change, Field, Fields, SpotError};
use Field::{Host, Updated};
use product::{Answer, Product, Request, answer};

pub(super) const PASSWORD: &str = "hunter2";

pub(super) fn fields(texts: &[(Field, &str)]) -> Fields {
    texts
        .iter()
        .map(|(f, text)| (*f, (*text).to_owned()))
        .collect()
}

pub(super) fn change(texts: &[(Field, &str)]) -> Change {
    let some = |(field, text)| (field, Some(text));
    fields(texts).into_iter().map(some).collect()
}

pub(super) fn server(base: Url) -> Arc<HttpServer> {
    let secret = || Secret::Known(SecretString::from(PASSWORD));
    Arc::new(HttpServer {
        base: HttpUrl(base),
        auth: HttpAuth::Basic {
            user: "admin".to_owned(),
            password: secret(),
        },
        headers: BTreeMap::from([("X-Secret".to_owned(), HttpText::Secret(secret()))]),
        trust: TlsTrust::System,
        timeout: Duration::from_millis(400),
    })
}

/// A spot at `doc` of a server that does not matter.
pub(super) fn settings(keys: &[(Field, &str)]) -> HttpSpotSettings {
    at("http://127.0.0.1:9/".parse().unwrap(), keys)
}

pub(super) fn at(base: Url, keys: &[(Field, &str)]) -> HttpSpotSettings {
    let url = HttpUrl(base.join("doc?token=hunter2").unwrap());
    HttpSpotSettings {
        server: server(base),
        url: url.clone(),
        keys: keys
            .iter()
            .map(|(f, path)| (*f, path.parse().unwrap()))
            .collect(),
        write: HttpWrite {
            method: HttpMethod::Put,
            url,
            body: None,
            media_type: "application/json".to_owned(),
        },
        guard: HttpGuard::Revision("/_rev".parse().unwrap()),
    }
}

/// One document with a revision, which a write must name.
pub(super) struct Doc {
    pub(super) text: String,
    pub(super) rev: u32,
}

impl Doc {
    pub(super) fn new(text: &str) -> Self {
        Self {
            text: text.to_owned(),
            rev: 1,
        }
    }

    fn shown(&self) -> String {
        self.text.replace("REV", &self.rev.to_string())
    }
}

pub(super) fn serve(doc: &mut Doc, request: &Request) -> Answer {
    if request.headers.get("authorization").map(String::as_str)
        != Some("Basic YWRtaW46aHVudGVyMg==")
    {
        return answer(401, PASSWORD);
    }
    let tag = format!("\"{}\"", doc.rev);
    match request.method.as_str() {
        "GET" => {
            let mut given = answer(200, doc.shown());
            given.headers.push(("ETag".to_owned(), tag));
            given
        }
        _ if request
            .headers
            .get("if-match")
            .is_some_and(|given| *given != tag) =>
        {
            answer(412, "{}")
        }
        _ => {
            doc.text = request
                .body
                .replace(&format!("\"_rev\":\"{}\"", doc.rev), "\"_rev\":\"REV\"");
            doc.rev += 1;
            answer(200, doc.shown())
        }
    }
}

pub(super) const TEXT: &str =
    r#"{"_id":"X","_rev":"REV", "usn":48213,"other":[1e400, 0.10],"host":"dc1"}"#;
pub(super) const KEYS: [(Field, &str); 2] = [(Updated, "/usn"), (Host, "/host")];

async fn product() -> Product<Doc> {
    Product::start(Doc::new(TEXT), serve).await
}

#[tokio::test]
async fn a_document_is_read_edited_and_put_back() {
    let product = product().await;
    let spot = HttpSpot::new(at(product.base(), &KEYS));
    let old = spot.read().await.unwrap();
    assert_eq!(old.fields, fields(&[(Updated, "48213"), (Host, "dc1")]));
    let new = change(&[(Updated, "7"), (Host, "dc2")]);
    spot.replace(&old, &new).await.unwrap();
    let text = product.state.lock().unwrap().text.clone();
    assert_eq!(text, TEXT.replace("48213", "7").replace("dc1", "dc2"));
    let put = product.requests().pop().unwrap();
    assert_eq!(put.headers["if-match"], "\"1\"");
    assert_eq!(put.headers["content-type"], "application/json");
    assert_eq!(put.headers["x-secret"], PASSWORD);
    // Again: nothing is sent.
    let before = product.asked().len();
    spot.replace(&old, &new).await.unwrap();
    assert_eq!(product.asked()[before..], ["GET /doc?token=hunter2"]);
    // And back, to the byte.
    let now = spot.read().await.unwrap();
    assert_ne!(now.tag, old.tag);
    spot.replace(&now, &change(&[(Updated, "48213"), (Host, "dc1")]))
        .await
        .unwrap();
    assert_eq!(product.state.lock().unwrap().text, TEXT);
}

#[tokio::test]
async fn etag_and_comparing_see_a_write_as_well() {
    for guard in [HttpGuard::Etag, HttpGuard::Compare] {
        let product = product().await;
        let mut settings = at(product.base(), &KEYS);
        settings.guard = guard.clone();
        let spot = HttpSpot::new(settings);
        let old = spot.read().await.unwrap();
        spot.replace(&old, &change(&[(Updated, "7")]))
            .await
            .unwrap();
        let sent = product
            .requests()
            .pop()
            .unwrap()
            .headers
            .get("if-match")
            .cloned();
        assert_eq!(sent.is_some(), guard == HttpGuard::Etag);
        let error = spot
            .replace(&old, &change(&[(Updated, "8")]))
            .await
            .unwrap_err();
        assert!(matches!(error, SpotError::Moved { .. }), "{error}");
        let text = product.state.lock().unwrap().text.clone();
        assert_eq!(text, TEXT.replace("48213", "7"));
    }
}

#[tokio::test]
async fn a_product_without_the_revision_is_told() {
    let product = Product::start(Doc::new(r#"{"usn":1}"#), |doc: &mut Doc, _| {
        answer(200, doc.text.clone())
    })
    .await;
    for guard in [
        HttpGuard::Etag,
        HttpGuard::Revision("/_rev".parse().unwrap()),
    ] {
        let mut settings = at(product.base(), &[(Updated, "/usn")]);
        settings.guard = guard;
        let error = HttpSpot::new(settings)
            .read()
            .await
            .unwrap_err()
            .to_string();
        assert!(error.contains("guard = \"compare\""), "{error}");
    }
}

#[tokio::test]
async fn a_template_is_patched() {
    let product = Product::start(Doc::new(TEXT), |doc: &mut Doc, request| {
        if request.method == "PATCH" {
            assert_eq!(request.headers["content-type"], "application/json-patch+json");
            assert_eq!(
                request.body,
                r#"[{"op":"test","path":"/usn","value":48213},{"op":"replace","path":"/usn","value":9}]"#
            );
            doc.text = doc.text.replace("48213", "9");
            return answer(204, "");
        }
        answer(200, doc.shown())
    })
    .await;
    let mut settings = at(product.base(), &KEYS);
    settings.guard = HttpGuard::Compare;
    settings.write.method = HttpMethod::Patch;
    settings.write.media_type = "application/json-patch+json".to_owned();
    settings.write.body = Some(
        r#"[{"op":"test","path":"/usn","value":"{old_updated}"},{"op":"replace","path":"/usn","value":"{updated}"}]"#
            .to_owned(),
    );
    let spot = HttpSpot::new(settings);
    let old = spot.read().await.unwrap();
    spot.replace(&old, &change(&[(Updated, "9")]))
        .await
        .unwrap();
    assert_eq!(spot.read().await.unwrap().fields[&Updated], "9");
}

#[tokio::test]
async fn nothing_is_removed_or_written_that_is_not_there() {
    let product = product().await;
    let spot = HttpSpot::new(at(product.base(), &KEYS));
    let old = spot.read().await.unwrap();
    for new in [
        Change::from([(Updated, None)]),
        change(&[(Field::Cookie, "x")]),
        change(&[(Updated, "1,2")]),
    ] {
        let error = spot.replace(&old, &new).await.unwrap_err();
        assert!(matches!(error, SpotError::Flawed { .. }), "{error}");
    }
    assert_eq!(product.state.lock().unwrap().text, TEXT);
}

#[test]
fn nothing_shows_a_secret() {
    let settings = settings(&KEYS);
    let spot = HttpSpot::new(settings.clone());
    for shown in [
        format!("{spot:?}"),
        format!("{settings:?}"),
        format!("{:#?}", settings.server),
    ] {
        assert!(!shown.contains(PASSWORD), "{shown}");
        assert!(shown.contains("127.0.0.1:9"), "{shown}");
    }
}
