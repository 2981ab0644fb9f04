//! One request to another product and its answer, both bounded.
//!
//! # Decisions
//! - No redirect is followed and no proxy of the environment used: the credentials go where the configuration says.
//! - The CA file is read anew for every operation, so a renewed one counts at once.
//! - What a server says in a refusal is not repeated: such texts are known to hold what was sent.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::{
    ACCEPT, AUTHORIZATION, CONTENT_TYPE, ETAG, HeaderMap, HeaderName, HeaderValue, IF_MATCH,
};
use reqwest::{Method, Response, StatusCode, redirect};
use rustls::{ClientConfig, RootCertStore};
use secrecy::ExposeSecret as _;

use super::super::spot::SpotError;
use crate::config::{HttpAuth, HttpMethod, HttpServer, HttpText, HttpUrl, Secret};
use crate::directory::trusting;

/// The longest document that is read; a resource of midPoint with its schema has about a tenth.
const LONGEST: usize = 8 << 20;

pub(super) struct Client {
    client: reqwest::Client,
    timeout: Duration,
}

/// What is asked.
pub(super) struct Ask<'a> {
    pub(super) method: HttpMethod,
    pub(super) url: &'a HttpUrl,
    /// Text and media type.
    pub(super) body: Option<(String, &'a str)>,
    pub(super) if_match: Option<&'a str>,
}

/// A document that was read.
pub(super) struct Document {
    pub(super) text: String,
    pub(super) etag: Option<String>,
}

/// Why there is no answer.
pub(super) enum Lost {
    /// No secure connection; nothing was sent.
    Tls(String),
    /// No connection; nothing was sent.
    Unreached(String),
    /// It may have been sent.
    Unknown(String),
}

impl Client {
    pub(super) fn open(server: &HttpServer) -> Result<Self, SpotError> {
        let place = server.base.to_string();
        let tls = tls(server).map_err(|problem| SpotError::Tls {
            place: place.clone(),
            problem,
            cure: "check `ca_file`".to_owned(),
        })?;
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .user_agent(concat!("highwater/", env!("CARGO_PKG_VERSION")))
            .default_headers(headers(server, &place)?)
            .redirect(redirect::Policy::none())
            .no_proxy()
            .referer(false)
            .connect_timeout(server.timeout)
            .timeout(server.timeout)
            .build()
            .map_err(|error| SpotError::Unreadable {
                place,
                problem: causes(error),
                cure: "this is a defect of the build".to_owned(),
            })?;
        Ok(Self {
            client,
            timeout: server.timeout,
        })
    }

    /// Sends it and waits for the head of the answer.
    pub(super) async fn send(&self, ask: Ask<'_>) -> Result<Response, Lost> {
        let method = match ask.method {
            HttpMethod::Get => Method::GET,
            HttpMethod::Put => Method::PUT,
            HttpMethod::Patch => Method::PATCH,
            HttpMethod::Post => Method::POST,
            HttpMethod::Delete => Method::DELETE,
        };
        let mut request = self.client.request(method, ask.url.0.clone());
        if let Some(tag) = ask.if_match {
            request = request.header(IF_MATCH, tag);
        }
        request = match ask.body {
            Some((text, media_type)) => request.header(CONTENT_TYPE, media_type).body(text),
            None if ask.method == HttpMethod::Get => request,
            // Some servers refuse a POST without Content-Length.
            None => request.body(String::new()),
        };
        request.send().await.map_err(|error| self.lost(error))
    }

    fn lost(&self, error: reqwest::Error) -> Lost {
        let is_connect = error.is_connect();
        if error.is_timeout() {
            let said = format!(
                "no answer within timeout ({} s)",
                self.timeout.as_secs_f64()
            );
            return if is_connect {
                Lost::Unreached(said)
            } else {
                Lost::Unknown(said)
            };
        }
        let said = causes(error);
        if is_connect && (said.contains("certificate") || said.contains("TLS")) {
            Lost::Tls(said)
        } else if is_connect {
            Lost::Unreached(said)
        } else {
            Lost::Unknown(said)
        }
    }

    /// Asks and takes the whole answer, which must be a success.
    pub(super) async fn read(
        &self,
        method: HttpMethod,
        url: &HttpUrl,
    ) -> Result<Document, SpotError> {
        let place = url.to_string();
        let unreadable = |problem: String| SpotError::Unreadable {
            place: place.clone(),
            problem,
            cure: "check that the product runs and answers there".to_owned(),
        };
        let ask = Ask {
            method,
            url,
            body: None,
            if_match: None,
        };
        let mut answer = self.send(ask).await.map_err(|lost| match lost {
            Lost::Tls(problem) => no_tls(&place, problem),
            Lost::Unreached(problem) | Lost::Unknown(problem) => unreadable(problem),
        })?;
        if answer.status() != StatusCode::OK {
            return Err(refusal(answer.status(), &place, "read"));
        }
        let etag = answer.headers().get(ETAG);
        let etag = etag.and_then(|tag| tag.to_str().ok()).map(str::to_owned);
        let mut bytes = Vec::new();
        loop {
            let chunk = answer
                .chunk()
                .await
                .map_err(|error| match self.lost(error) {
                    Lost::Tls(problem) | Lost::Unreached(problem) | Lost::Unknown(problem) => {
                        unreadable(problem)
                    }
                })?;
            let Some(chunk) = chunk else { break };
            if bytes.len() + chunk.len() > LONGEST {
                return Err(SpotError::Flawed {
                    place,
                    what: "the answer".to_owned(),
                    value: format!("longer than {} MiB", LONGEST >> 20),
                    must: "a document of moderate size: check the path".to_owned(),
                });
            }
            bytes.extend_from_slice(&chunk);
        }
        let text = String::from_utf8(bytes).map_err(|_| SpotError::Flawed {
            place,
            what: "the answer".to_owned(),
            value: "no UTF-8".to_owned(),
            must: "JSON".to_owned(),
        })?;
        Ok(Document { text, etag })
    }
}

/// Who is trusted: nobody where nothing is encrypted, so that a machine without authorities will do.
fn tls(server: &HttpServer) -> Result<ClientConfig, String> {
    if server.base.0.scheme() == "https" {
        return trusting(&server.trust).map_err(|problem| problem.to_string());
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    Ok(builder
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth())
}

/// Every header that does not depend on the request.
fn headers(server: &HttpServer, place: &str) -> Result<HeaderMap, SpotError> {
    let mut headers = HeaderMap::new();
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    let unusable = |what: &str| SpotError::Refused {
        place: place.to_owned(),
        problem: format!("{what} cannot be sent"),
        cure: "put text without line breaks and control characters there".to_owned(),
    };
    for (name, text) in &server.headers {
        let value = match text {
            HttpText::Plain(text) => text,
            HttpText::Secret(secret) => known(secret, place)?,
        };
        let key = HeaderName::try_from(name).map_err(|_| unusable("a header's name"))?;
        let mut value = HeaderValue::try_from(value).map_err(|_| unusable("a header"))?;
        value.set_sensitive(true);
        headers.insert(key, value);
    }
    let authorization = match &server.auth {
        HttpAuth::None => return Ok(headers),
        HttpAuth::Basic { user, password } => {
            let pair = format!("{user}:{}", known(password, place)?);
            format!("Basic {}", STANDARD.encode(pair))
        }
        HttpAuth::Bearer(token) => format!("Bearer {}", known(token, place)?),
    };
    let mut value = HeaderValue::try_from(authorization).map_err(|_| unusable("the token"))?;
    value.set_sensitive(true);
    headers.insert(AUTHORIZATION, value);
    Ok(headers)
}

fn known<'s>(secret: &'s Secret, place: &str) -> Result<&'s str, SpotError> {
    match secret {
        Secret::Known(secret) => Ok(secret.expose_secret()),
        Secret::NotRead(_) => Err(SpotError::Refused {
            place: place.to_owned(),
            problem: "the secret was not read, since this command connects to nothing".to_owned(),
            cure: "run a command that does".to_owned(),
        }),
    }
}

pub(super) fn no_tls(place: &str, problem: String) -> SpotError {
    SpotError::Tls {
        place: place.to_owned(),
        problem,
        cure: "`ca_file` names the authority to trust".to_owned(),
    }
}

/// The error for an answer that is no success.
pub(super) fn refusal(status: StatusCode, place: &str, which: &str) -> SpotError {
    let place = place.to_owned();
    let said = format!("answered {status}");
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => SpotError::Refused {
            place,
            problem: said,
            cure: format!(
                "check `basic`, `bearer` and `headers`, and that this account may {which} it"
            ),
        },
        StatusCode::NOT_FOUND | StatusCode::GONE => SpotError::Missing {
            place,
            detail: format!(" ({said})"),
            cure: "check its name; a sync that has never run may have none yet".to_owned(),
        },
        _ => {
            let cure = if status.is_redirection() {
                "redirects are not followed: write the final address as `base`"
            } else if status.is_server_error() {
                "look into the product's log"
            } else {
                "check the path and what the product's log says"
            }
            .to_owned();
            if which == "read" {
                SpotError::Unreadable {
                    place,
                    problem: said,
                    cure,
                }
            } else {
                SpotError::Unwritable {
                    place,
                    problem: said,
                    cure,
                }
            }
        }
    }
}

/// What failed, with its causes, and without the URL.
fn causes(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(inner) = cause {
        let words = inner.to_string();
        if !text.ends_with(&words) {
            text = format!("{text}: {words}");
        }
        cause = inner.source();
    }
    text
}
