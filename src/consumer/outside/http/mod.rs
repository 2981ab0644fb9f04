//! A spot behind another product's HTTP interface: a JSON document that is read, edited and written back.
//!
//! Owns how such a document is compared and set, and the requests that stop and start a sync. It never decides what is
//! written.
//!
//! # Decisions
//! - Where the product has an ETag or a revision it goes along as `If-Match`, and a write in between is refused by the
//!   product. Where it has none (`guard = "compare"`) the document is read once more right before it is written, and what
//!   somebody writes in the milliseconds from there to the write is overwritten. The sync stands still by then, so it
//!   can only be a person.
//! - A write without an answer, or with an error of the server, may have happened: reading back decides. A server that
//!   takes a request only after we gave up on it cannot be seen; with `If-Match` it is refused once anybody wrote.
//! - 409 and 412 say that somebody wrote, unless reading back shows the new values: a repeated write, then.
//! - Nothing is ever removed from a document: products differ in what a missing value means.

mod client;
mod document;
mod steps;
mod template;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use reqwest::StatusCode;
use sha2::{Digest as _, Sha256};

use super::spot::{Change, Fields, Found, SpotError};
use crate::config::{HttpGuard, HttpSpotSettings};
use client::{Ask, Client, Lost, no_tls, refusal};
use document::Flaw;

pub(crate) use steps::run;

/// A document that holds host or cursor.
#[derive(Debug, Clone)]
pub(crate) struct HttpSpot {
    settings: HttpSpotSettings,
}

/// The document as it stands.
struct Held {
    text: String,
    found: Found,
    /// What goes along as `If-Match`.
    if_match: Option<String>,
}

impl HttpSpot {
    /// The spot that the settings describe.
    pub(crate) fn new(settings: HttpSpotSettings) -> Self {
        Self { settings }
    }

    /// Where it is, for a person.
    pub(crate) fn place(&self) -> String {
        self.settings.url.to_string()
    }

    /// Reads the fields.
    pub(crate) async fn read(&self) -> Result<Found, SpotError> {
        let client = Client::open(&self.settings.server)?;
        Ok(self.get(&client).await?.found)
    }

    /// Writes `new` where `expected` still stands; [`SpotError::Moved`] otherwise. Safe to repeat.
    pub(crate) async fn replace(&self, expected: &Found, new: &Change) -> Result<(), SpotError> {
        let wanted = self.texts(new)?;
        let client = Client::open(&self.settings.server)?;
        let held = self.get(&client).await?;
        if has(&held.found.fields, &wanted) {
            return Ok(());
        }
        if held.found.tag != expected.tag {
            return Err(self.moved());
        }
        let write = &self.settings.write;
        let body = self
            .body(&held, &wanted)
            .map_err(|flaw| self.flawed(flaw))?;
        let ask = Ask {
            method: write.method,
            url: &write.url,
            body: Some((body, &write.media_type)),
            if_match: held.if_match.as_deref(),
        };
        let place = write.url.to_string();
        match client.send(ask).await {
            Ok(answer) if answer.status().is_success() => Ok(()),
            Ok(answer) => {
                let status = answer.status();
                let is_conflict = matches!(
                    status,
                    StatusCode::CONFLICT | StatusCode::PRECONDITION_FAILED
                );
                let is_unknown = status.is_server_error() || status == StatusCode::REQUEST_TIMEOUT;
                if is_conflict || is_unknown {
                    let said = format!("answered {status}");
                    return self.settle(&client, expected, &wanted, said).await;
                }
                Err(refusal(status, &place, "write"))
            }
            Err(Lost::Tls(problem)) => Err(no_tls(&place, problem)),
            Err(Lost::Unreached(problem)) => Err(SpotError::Unwritable {
                place,
                problem,
                cure: "nothing was sent; check that the product runs".to_owned(),
            }),
            Err(Lost::Unknown(said)) => self.settle(&client, expected, &wanted, said).await,
        }
    }

    /// What became of a write that was not plainly answered.
    async fn settle(
        &self,
        client: &Client,
        expected: &Found,
        wanted: &Fields,
        said: String,
    ) -> Result<(), SpotError> {
        let unwritable = |problem: String, cure: &str| SpotError::Unwritable {
            place: self.settings.write.url.to_string(),
            problem,
            cure: cure.to_owned(),
        };
        match self.get(client).await {
            Ok(held) if has(&held.found.fields, wanted) => Ok(()),
            Ok(held) if held.found.tag == expected.tag => Err(unwritable(
                format!("{said}; read back, the old values still stand"),
                "look into the product's log, then try again",
            )),
            Ok(_) => Err(self.moved()),
            Err(error) => Err(unwritable(
                format!("{said}, and it could not be read back ({error})"),
                "it may have been written; see to it that the product answers, then try again",
            )),
        }
    }

    async fn get(&self, client: &Client) -> Result<Held, SpotError> {
        let settings = &self.settings;
        let document = client
            .read(crate::config::HttpMethod::Get, &settings.url)
            .await?;
        let mut fields = Fields::new();
        for (field, path) in &settings.keys {
            let value = document::value(&document.text, path).map_err(|flaw| self.flawed(flaw))?;
            fields.extend(value.map(|value| (*field, value)));
        }
        let absent = |what: String| {
            self.flawed(Flaw {
                what,
                value: "missing".to_owned(),
                must: "there; where the product has none, write guard = \"compare\"".to_owned(),
            })
        };
        let if_match = match &settings.guard {
            HttpGuard::Etag => Some(
                document
                    .etag
                    .ok_or_else(|| absent("the header ETag of the answer".to_owned()))?,
            ),
            HttpGuard::Revision(path) => {
                let revision =
                    document::value(&document.text, path).map_err(|flaw| self.flawed(flaw))?;
                let revision = revision.ok_or_else(|| absent(format!("the revision `{path}`")))?;
                Some(format!("\"{revision}\""))
            }
            HttpGuard::Compare => None,
        };
        let tag = if_match.clone().unwrap_or_else(|| digest(&fields));
        Ok(Held {
            text: document.text,
            found: Found { fields, tag },
            if_match,
        })
    }

    fn body(&self, held: &Held, wanted: &Fields) -> Result<String, Flaw> {
        if let Some(template) = &self.settings.write.body {
            return template::fill(
                template,
                &self.settings,
                &held.text,
                &held.found.fields,
                wanted,
            );
        }
        let mut text = held.text.clone();
        for (field, new) in wanted {
            if let Some(path) = self.settings.keys.get(field) {
                text = document::with(&text, path, new)?;
            }
        }
        Ok(text)
    }

    /// What is to stand there; a field that this spot has not, or that is to be removed, is refused.
    fn texts(&self, new: &Change) -> Result<Fields, SpotError> {
        let refused = |field: &dyn std::fmt::Display, value: &str, must: &str| {
            self.flawed(Flaw {
                what: format!("the new {field}"),
                value: value.to_owned(),
                must: must.to_owned(),
            })
        };
        let mut texts = BTreeMap::new();
        for (field, text) in new {
            if !self.settings.keys.contains_key(field) {
                return Err(refused(field, "in no place", "one of the fields in `json`"));
            }
            let Some(text) = text else {
                let must = "a value: write reset_to with what the product takes for the beginning";
                return Err(refused(field, "nothing", must));
            };
            texts.insert(*field, text.clone());
        }
        Ok(texts)
    }

    fn flawed(&self, flaw: Flaw) -> SpotError {
        SpotError::Flawed {
            place: self.settings.url.to_string(),
            what: flaw.what,
            value: flaw.value.chars().take(80).collect(),
            must: flaw.must,
        }
    }

    fn moved(&self) -> SpotError {
        SpotError::Moved {
            place: self.settings.url.to_string(),
        }
    }
}

fn has(fields: &Fields, wanted: &Fields) -> bool {
    wanted
        .iter()
        .all(|(field, text)| fields.get(field) == Some(text))
}

/// What stands for the fields where the product has no revision.
fn digest(fields: &Fields) -> String {
    let mut digest = Sha256::new();
    for (field, text) in fields {
        digest.update(field.word());
        digest.update(text.len().to_be_bytes());
        digest.update(text);
    }
    let mut hex = String::with_capacity(64);
    for byte in digest.finalize() {
        // Writing to a String cannot fail.
        let _ = write!(hex, "{byte:02x}");
    }
    hex
}

#[cfg(test)]
mod tests;
