//! Events posted to a web server, signed as Standard Webhooks says.
//!
//! Specification: <https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>; the
//! body is a CloudEvents JSON document (CloudEvents HTTP binding 3.2, structured mode).
//!
//! # Decisions
//! - 2xx takes the event. 400, 413 and 422 speak of this event alone: a dead letter. 410 says that the receiver is gone
//!   for good. Everything else, redirects included, may pass, and holds up the events behind it.
//! - Redirects are not followed: they would carry events and the token to a place that nobody configured.
//! - Proxies of the environment are not used: only what the configuration says decides where events go.
//! - `webhook-timestamp` is the time of the attempt, as the specification says, so a late delivery still verifies.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::DateTime;
use hmac::{Hmac, KeyInit as _, Mac as _};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::{Client, Response, StatusCode, redirect};
use secrecy::{ExposeSecret as _, SecretSlice};
use sha2::Sha256;
use url::Url;

use super::{Down, Outcome, SinkError};
use crate::clock;
use crate::config::{Secret, WebhookSink, signing_key};
use crate::directory::trusting;
use crate::model::{Queued, UtcMs};

/// The most of an answer that is read, so that its connection can be used again.
const READ: usize = 64 * 1024;
/// How long it is read for.
const READ_FOR: Duration = Duration::from_millis(500);

pub(super) struct Webhook {
    client: Client,
    url: Url,
    key: SecretSlice<u8>,
    bearer: Option<HeaderValue>,
    timeout: Duration,
}

impl std::fmt::Debug for Webhook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Webhook")
            .field("server", &self.server())
            .finish_non_exhaustive()
    }
}

impl Webhook {
    pub(super) fn new(name: &str, settings: &WebhookSink) -> Result<Self, SinkError> {
        let no_secret = |which| SinkError::NoSecret {
            name: name.to_owned(),
            which,
        };
        let Secret::Known(secret) = &settings.secret else {
            return Err(no_secret("secret"));
        };
        let key = signing_key(secret).ok_or_else(|| no_secret("secret"))?;
        let bearer = match &settings.bearer {
            None => None,
            Some(Secret::Known(token)) => {
                Some(authorization(token.expose_secret()).ok_or_else(|| no_secret("bearer"))?)
            }
            Some(Secret::NotRead(_)) => return Err(no_secret("bearer")),
        };
        let tls = trusting(&settings.trust).map_err(|problem| SinkError::Tls {
            name: name.to_owned(),
            problem,
        })?;
        let client = Client::builder()
            .tls_backend_preconfigured(tls)
            .user_agent(concat!("highwater/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            .no_proxy()
            .referer(false)
            .connect_timeout(settings.timeout)
            .timeout(settings.timeout)
            .build()
            .map_err(|error| SinkError::Http {
                name: name.to_owned(),
                problem: causes(error),
            })?;
        Ok(Self {
            client,
            url: settings.url.clone(),
            key,
            bearer,
            timeout: settings.timeout,
        })
    }

    /// Scheme, host and port: what may be shown of the URL.
    fn server(&self) -> String {
        self.url.origin().ascii_serialization()
    }

    pub(super) async fn post(&self, queued: &Queued) -> Outcome {
        let (id, body) = (&queued.event.id, &queued.event.body);
        let at = clock::now().as_millis() / 1000;
        let mut request = self
            .client
            .post(self.url.clone())
            .header(CONTENT_TYPE, "application/cloudevents+json; charset=utf-8")
            .header("webhook-id", id)
            .header("webhook-timestamp", at.to_string())
            .header("webhook-signature", signature(&self.key, id, at, body));
        if let Some(bearer) = &self.bearer {
            request = request.header(AUTHORIZATION, bearer);
        }
        match request.body(body.clone()).send().await {
            Ok(answer) => self.heed(answer).await,
            Err(error) => Outcome::Down(self.unreachable(error)),
        }
    }

    fn unreachable(&self, error: reqwest::Error) -> Down {
        let server = self.server();
        Down::for_now(if error.is_timeout() {
            format!(
                "{server} did not answer within timeout ({} s)",
                self.timeout.as_secs_f64()
            )
        } else {
            let causes = causes(error);
            let cure = if causes.contains("certificate") {
                "; `ca_file` names the authority to trust"
            } else {
                ""
            };
            format!("{server} cannot be reached: {causes}{cure}")
        })
    }

    async fn heed(&self, mut answer: Response) -> Outcome {
        let status = answer.status();
        let said = format!("{} answered {status}", self.server());
        let asked = retry_after(answer.headers(), clock::now());
        // The answer was given; what follows it changes nothing.
        drop(tokio::time::timeout(READ_FOR, read_off(&mut answer)).await);
        let down = match status {
            _ if status.is_success() => return Outcome::Taken,
            StatusCode::BAD_REQUEST
            | StatusCode::PAYLOAD_TOO_LARGE
            | StatusCode::UNPROCESSABLE_ENTITY => {
                return Outcome::Dead {
                    why: said,
                    status: status.as_u16(),
                };
            }
            StatusCode::GONE => Down::for_good(format!(
                "{said}: the receiver is gone for good; remove the sink, or correct its url"
            )),
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => Down {
                retry_after: asked,
                ..Down::for_now(said)
            },
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Down::for_now(format!(
                "{said}; check `secret` and `bearer`, and the clocks of both"
            )),
            _ if status.is_redirection() => Down::for_now(format!(
                "{said}, a redirect, which is not followed; write the final address as url"
            )),
            _ => Down::for_now(said),
        };
        Outcome::Down(down)
    }
}

async fn read_off(answer: &mut Response) {
    let mut read = 0;
    while read < READ
        && let Ok(Some(chunk)) = answer.chunk().await
    {
        read += chunk.len();
    }
}

fn authorization(token: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::try_from(format!("Bearer {token}")).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// The value of `webhook-signature`: `v1,` and the base64 of HMAC-SHA256 over `id.timestamp.body`; `at` in seconds.
pub(super) fn signature(key: &SecretSlice<u8>, id: &str, at: i64, body: &str) -> String {
    // A key of any length is taken; the type does not say so.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key.expose_secret()) else {
        return String::new();
    };
    mac.update(format!("{id}.{at}.{body}").as_bytes());
    format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}

/// `Retry-After` (RFC 9110, 10.2.3): seconds or a date; `None` where it is neither.
pub(super) fn retry_after(headers: &HeaderMap, now: UtcMs) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let at = DateTime::parse_from_rfc2822(text).ok()?.timestamp_millis();
    let wait = at.saturating_sub(now.as_millis());
    Some(Duration::from_millis(u64::try_from(wait).unwrap_or(0)))
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
