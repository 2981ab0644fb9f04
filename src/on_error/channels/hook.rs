//! Notices posted to web servers: a generic webhook, and Alertmanager's `/api/v2/alerts`.
//!
//! # Decisions
//! - 2xx takes a notice; 400, 404, 405, 410, 413 and 422 speak of it or of the address and are a dead letter, so that a
//!   person sees it; everything else may pass.
//! - Redirects are not followed and proxies of the environment not used: only the configuration says where notices go.
//! - An alert's labels are its identity: resource and incident, nothing that changes while it lasts.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use reqwest::{Client, StatusCode, redirect};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use sha2::Sha256;
use url::Url;

use super::Outcome;
use crate::clock;
use crate::config::{Hook, Secret, signing_key};
use crate::directory::trusting;
use crate::model::Notice;

/// Posts the notice as JSON; signed as Standard Webhooks says where there is a secret.
pub(super) async fn post(hook: &Hook, notice: &Notice) -> Outcome {
    let body = json!({
        "id": notice.message_id.trim_matches(['<', '>']),
        "subject": notice.subject,
        "text": notice.text,
        "notice": notice.data,
    });
    send(hook, hook.url.clone(), notice, &body).await
}

/// Posts the notice's incidents as alerts; without one there is nothing to post.
pub(super) async fn alert(hook: &Hook, notice: &Notice, repeat: Duration) -> Outcome {
    let alerts = alerts(notice, repeat);
    if alerts.is_empty() {
        return Outcome::Taken;
    }
    let mut url = hook.url.clone();
    let path = url.path().trim_end_matches('/').to_owned();
    if !path.ends_with("/api/v2/alerts") {
        url.set_path(&format!("{path}/api/v2/alerts"));
    }
    send(hook, url, notice, &Value::Array(alerts)).await
}

/// An alert for each incident. One that goes on ends, if nobody renews it, well after it would be told again.
pub(super) fn alerts(notice: &Notice, repeat: Duration) -> Vec<Value> {
    let lasts = i64::try_from(repeat.as_millis())
        .unwrap_or(i64::MAX)
        .saturating_mul(2);
    let incidents = notice.data.get("incidents").and_then(Value::as_array);
    let incidents = incidents.map(Vec::as_slice).unwrap_or_default();
    incidents
        .iter()
        .map(|incident| {
            let text = |key: &str| {
                let value = incident.get(key).cloned().unwrap_or_default();
                value
                    .as_str()
                    .map_or_else(|| value.to_string(), str::to_owned)
            };
            let over = incident
                .get("resolved_at")
                .filter(|at| !at.is_null())
                .cloned();
            json!({
                "labels": {
                    "alertname": "HighwaterIncident",
                    "resource": text("resource"),
                    "incident": text("id"),
                },
                "annotations": {
                    "summary": notice.subject,
                    "description": notice.text,
                    "outcome": text("outcome"),
                },
                "startsAt": text("opened_at"),
                "endsAt": over.unwrap_or_else(|| json!(notice.at.plus_ms(lasts))),
            })
        })
        .collect()
}

async fn send(hook: &Hook, url: Url, notice: &Notice, body: &Value) -> Outcome {
    let server = url.origin().ascii_serialization();
    let client = match client(hook) {
        Ok(client) => client,
        Err(problem) => return Outcome::Later(problem),
    };
    let body = body.to_string();
    let (id, at) = (
        notice.message_id.trim_matches(['<', '>']),
        clock::now().as_millis() / 1_000,
    );
    let mut request = client.post(url).header(CONTENT_TYPE, "application/json");
    match headers(hook, id, at, &body) {
        Ok(headers) => {
            for (name, value) in headers {
                request = request.header(name, value);
            }
        }
        Err(problem) => return Outcome::Later(problem),
    }
    match request.body(body).send().await {
        Ok(answer) => heed(&server, answer.status()),
        Err(error) => Outcome::Later(format!("{server} cannot be reached: {}", causes(error))),
    }
}

fn client(hook: &Hook) -> Result<Client, String> {
    let tls = trusting(&hook.trust).map_err(|problem| problem.to_string())?;
    Client::builder()
        .tls_backend_preconfigured(tls)
        .user_agent(concat!("highwater/", env!("CARGO_PKG_VERSION")))
        .redirect(redirect::Policy::none())
        .no_proxy()
        .referer(false)
        .timeout(hook.timeout)
        .build()
        .map_err(|error| error.to_string())
}

/// Token and signature.
fn headers(
    hook: &Hook,
    id: &str,
    at: i64,
    body: &str,
) -> Result<Vec<(&'static str, HeaderValue)>, String> {
    let not_read = || "a secret of the channel was not read".to_owned();
    let mut headers = Vec::new();
    match &hook.bearer {
        None => {}
        Some(Secret::Known(token)) => {
            let text = format!("Bearer {}", token.expose_secret());
            let mut value = HeaderValue::try_from(text).map_err(|_| not_read())?;
            value.set_sensitive(true);
            headers.push((AUTHORIZATION.as_str(), value));
        }
        Some(Secret::NotRead(_)) => return Err(not_read()),
    }
    match &hook.secret {
        None => {}
        Some(Secret::Known(secret)) => {
            let key = signing_key(secret).ok_or_else(not_read)?;
            let mut mac =
                Hmac::<Sha256>::new_from_slice(key.expose_secret()).map_err(|_| not_read())?;
            mac.update(format!("{id}.{at}.{body}").as_bytes());
            let signature = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
            for (name, text) in [
                ("webhook-id", id.to_owned()),
                ("webhook-timestamp", at.to_string()),
                ("webhook-signature", signature),
            ] {
                headers.push((name, HeaderValue::try_from(text).map_err(|_| not_read())?));
            }
        }
        Some(Secret::NotRead(_)) => return Err(not_read()),
    }
    Ok(headers)
}

fn heed(server: &str, status: StatusCode) -> Outcome {
    let said = format!("{server} answered {status}");
    match status.as_u16() {
        200..=299 => Outcome::Taken,
        400 | 404 | 405 | 410 | 413 | 422 => Outcome::Refused(said),
        300..=399 => Outcome::Later(format!(
            "{said}, a redirect, which is not followed; write the final address as url"
        )),
        _ => Outcome::Later(said),
    }
}

/// What failed, with its causes, and without the URL.
fn causes(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}
