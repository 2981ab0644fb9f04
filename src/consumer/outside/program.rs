//! A spot that a program of the operator's reads and writes: JSON on its standard input and output.
//!
//! To read it gets `{"op": "read", "resource": "hr", "fields": ["host", "updated"]}` and answers
//! `{"fields": {"host": "dc1", "updated": "123"}, "tag": "7"}`. To write it gets
//! `{"op": "replace", "resource": "hr", "expected": {"fields": …, "tag": "7"}, "new": {"updated": "90", "cookie": null}}`
//! and answers `{"result": "written"}` or, where what it expects no longer stands, `{"result": "moved"}`.
//!
//! # Decisions
//! - A value is a text or a number, null where there is none: what a shell script prints is taken as it is.
//! - An answer that is no JSON of this form is an error and never a half understood success.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use super::super::command;
use super::host_text;
use super::spot::{Change, Fields, Found, SpotError};
use crate::config::CommandSettings;
use crate::model::ResourceName;

/// No answer is longer.
const LONGEST: usize = 1 << 20;

/// A program that keeps a spot.
#[derive(Debug, Clone)]
pub(crate) struct CommandSpot {
    resource: ResourceName,
    settings: CommandSettings,
    bound: Duration,
}

#[derive(Deserialize)]
struct Read {
    fields: BTreeMap<String, Value>,
    #[serde(default)]
    tag: Value,
}

#[derive(Deserialize)]
struct Wrote {
    result: Outcome,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Outcome {
    Written,
    Moved,
}

impl CommandSpot {
    pub(super) fn new(
        resource: &ResourceName,
        settings: &CommandSettings,
        bound: Duration,
    ) -> Self {
        Self {
            resource: resource.clone(),
            settings: settings.clone(),
            bound,
        }
    }

    pub(super) fn place(&self) -> String {
        let program = self.settings.argv.first().map_or("", String::as_str);
        format!("what `{program}` keeps")
    }

    pub(super) async fn read(&self) -> Result<Found, SpotError> {
        let fields: Vec<&str> = self
            .settings
            .fields
            .iter()
            .map(|field| field.word())
            .collect();
        let order = json!({ "op": "read", "resource": self.resource, "fields": fields });
        let answer = self
            .ask(&order)
            .await
            .map_err(|problem| self.unreadable(problem))?;
        let read: Read = serde_json::from_str(&answer).map_err(|error| {
            self.unreadable(format!("its answer is no JSON as it must be: {error}"))
        })?;
        let mut found = Fields::new();
        for field in &self.settings.fields {
            match read.fields.get(field.word()) {
                None | Some(Value::Null) => {}
                Some(Value::String(text)) => {
                    found.insert(*field, text.clone());
                }
                Some(Value::Number(number)) => {
                    found.insert(*field, number.to_string());
                }
                Some(other) => {
                    return Err(SpotError::Flawed {
                        place: self.place(),
                        what: format!("`{field}`"),
                        value: host_text::shown(&other.to_string())
                            .chars()
                            .take(60)
                            .collect(),
                        must: "a text, a number or null".to_owned(),
                    });
                }
            }
        }
        let tag = match read.tag {
            Value::String(text) => text,
            other => other.to_string(),
        };
        Ok(Found { fields: found, tag })
    }

    pub(super) async fn replace(&self, expected: &Found, new: &Change) -> Result<(), SpotError> {
        let by_word = |fields: &Fields| -> BTreeMap<&str, String> {
            fields
                .iter()
                .map(|(field, text)| (field.word(), text.clone()))
                .collect()
        };
        let new: BTreeMap<&str, &Option<String>> = new
            .iter()
            .map(|(field, text)| (field.word(), text))
            .collect();
        let order = json!({
            "op": "replace",
            "resource": self.resource,
            "expected": { "fields": by_word(&expected.fields), "tag": expected.tag },
            "new": new,
        });
        let unwritable = |problem: String| SpotError::Unwritable {
            place: self.place(),
            problem,
            cure: Self::cure(),
        };
        let answer = self.ask(&order).await.map_err(unwritable)?;
        let wrote: Wrote = serde_json::from_str(&answer)
            .map_err(|error| unwritable(format!("its answer is no JSON as it must be: {error}")))?;
        match wrote.result {
            Outcome::Written => Ok(()),
            Outcome::Moved => Err(SpotError::Moved {
                place: self.place(),
            }),
        }
    }

    async fn ask(&self, order: &Value) -> Result<String, String> {
        command::ask(&self.settings.argv, self.bound, order.to_string(), LONGEST)
            .await
            .map_err(|failure| format!("the command {failure}"))
    }

    fn cure() -> String {
        "run it by hand as this user with the JSON that the manual shows, and put it right"
            .to_owned()
    }

    fn unreadable(&self, problem: String) -> SpotError {
        SpotError::Unreadable {
            place: self.place(),
            problem,
            cure: Self::cure(),
        }
    }
}
