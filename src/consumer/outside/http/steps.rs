//! Stopping and starting a sync by requests, one after the other.
//!
//! # Decisions
//! - A step whose end has come about already asks nothing, so that a stop or start may be asked twice.
//! - Where a step waits for something, a lost answer or an error of the server is not the end: what is waited for shows
//!   whether the request was taken. Without that it is.
//! - A product that does not answer while it is waited for is waited for on: it may be starting.

use std::time::Duration;

use reqwest::StatusCode;

use super::super::host_text;
use super::super::spot::SpotError;
use super::client::{Ask, Client, Lost, no_tls, refusal};
use super::document;
use crate::clock::Stopwatch;
use crate::config::{HttpAsk, HttpBody, HttpMethod, HttpStep, HttpUntil, HttpUrl, JsonPath};

/// The first wait between two looks, and the longest.
const LOOKS: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(5));
const JSON: &str = "application/json";

/// Takes the steps; the first that fails ends it.
pub(crate) async fn run(steps: &[HttpStep]) -> Result<(), SpotError> {
    for step in steps {
        take(step).await?;
    }
    Ok(())
}

async fn take(step: &HttpStep) -> Result<(), SpotError> {
    let client = Client::open(&step.server)?;
    let Some(until) = &step.until else {
        return match &step.ask {
            Some(ask) => asked(&client, ask).await,
            None => Ok(()),
        };
    };
    if matches!(look(&client, until).await, Ok(Look::Come)) {
        return Ok(());
    }
    if let Some(ask) = &step.ask {
        match asked(&client, ask).await {
            // What is waited for tells.
            Err(SpotError::Unwritable { .. }) | Ok(()) => {}
            Err(error) => return Err(error),
        }
    }
    wait(&client, until).await
}

/// Sends the request; a success, or an error that says whether it may have been taken ([`SpotError::Unwritable`]).
async fn asked(client: &Client, ask: &HttpAsk) -> Result<(), SpotError> {
    let place = format!("{} {}", ask.method.word(), ask.url);
    let body = match &ask.body {
        HttpBody::Nothing => None,
        HttpBody::Text(text) => Some(text.clone()),
        HttpBody::Set(values) => match edited(client, &ask.url, values).await? {
            Some(text) => Some(text),
            None => return Ok(()),
        },
    };
    let sent = client
        .send(Ask {
            method: ask.method,
            url: &ask.url,
            body: body.map(|text| (text, JSON)),
            if_match: None,
        })
        .await;
    let said = match sent {
        Ok(answer) if ask.expect.contains(&answer.status().as_u16()) => return Ok(()),
        Ok(answer) if is_unknown(answer.status()) => format!("answered {}", answer.status()),
        Ok(answer) => return Err(definite(answer.status(), place, &ask.expect)),
        Err(Lost::Tls(problem)) => return Err(no_tls(&place, problem)),
        Err(Lost::Unreached(problem)) => {
            return Err(SpotError::Unreadable {
                place,
                problem,
                cure: "check that the product runs".to_owned(),
            });
        }
        Err(Lost::Unknown(said)) => said,
    };
    if let HttpBody::Set(values) = &ask.body
        && matches!(edited(client, &ask.url, values).await, Ok(None))
    {
        return Ok(());
    }
    Err(SpotError::Unwritable {
        place,
        problem: said,
        cure: "it may have been taken all the same; look at the product".to_owned(),
    })
}

fn is_unknown(status: StatusCode) -> bool {
    status.is_server_error() || status == StatusCode::REQUEST_TIMEOUT
}

/// An answer that says that nothing was done.
fn definite(status: StatusCode, place: String, expect: &[u16]) -> SpotError {
    match refusal(status, &place, "write") {
        SpotError::Unwritable { cure, .. } => {
            let expect: Vec<String> = expect.iter().map(u16::to_string).collect();
            SpotError::Unreadable {
                place,
                problem: format!("answered {status}, not {}", expect.join(" or ")),
                cure,
            }
        }
        other => other,
    }
}

/// What stands there with the values put in; `None` where they stand there already.
async fn edited(
    client: &Client,
    url: &HttpUrl,
    values: &[(JsonPath, String)],
) -> Result<Option<String>, SpotError> {
    let document = client.read(HttpMethod::Get, url).await?;
    let mut text = document.text.clone();
    for (path, new) in values {
        text = document::with(&text, path, new).map_err(|flaw| flawed(url, flaw))?;
    }
    Ok((text != document.text).then_some(text))
}

fn flawed(url: &HttpUrl, flaw: document::Flaw) -> SpotError {
    SpotError::Flawed {
        place: url.to_string(),
        what: flaw.what,
        value: flaw.value.chars().take(80).collect(),
        must: flaw.must,
    }
}

enum Look {
    Come,
    /// What stands there instead.
    Not(String),
}

async fn look(client: &Client, until: &HttpUntil) -> Result<Look, SpotError> {
    let text = client.read(until.method, &until.url).await?.text;
    let flawed = |flaw| flawed(&until.url, flaw);
    let Some(is) = &until.is else {
        return Ok(if document::is_there(&text, &until.at).map_err(flawed)? {
            Look::Not("there".to_owned())
        } else {
            Look::Come
        });
    };
    let stands = document::value(&text, &until.at).map_err(flawed)?;
    Ok(match stands {
        Some(stands) if stands == *is => Look::Come,
        Some(stands) => Look::Not(
            format!("{:?}", host_text::shown(&stands))
                .chars()
                .take(60)
                .collect(),
        ),
        None => Look::Not("missing".to_owned()),
    })
}

async fn wait(client: &Client, until: &HttpUntil) -> Result<(), SpotError> {
    let (mut pause, longest) = LOOKS;
    let waited = Stopwatch::start();
    loop {
        let last = match look(client, until).await {
            Ok(Look::Come) => return Ok(()),
            Ok(Look::Not(stands)) => format!("`{}` is still {stands}", until.at),
            Err(SpotError::Unreadable { problem, .. }) => problem,
            Err(error) => return Err(error),
        };
        let left = until.within.saturating_sub(waited.elapsed());
        if left.is_zero() {
            return Err(SpotError::Unreadable {
                place: until.url.to_string(),
                problem: format!("{last} after {} s", until.within.as_secs_f64()),
                cure: "look at the product; a larger `within` waits longer".to_owned(),
            });
        }
        tokio::time::sleep(pause.min(left)).await;
        pause = (pause * 2).min(longest);
    }
}
