//! Stopping and starting the sync that a cursor belongs to.

use std::fs::File;
use std::time::Duration;

use super::command::Input;
use super::unit::{self, UnitProblem};
use super::{CommandFailure, Consumer, ConsumerError, Place, command};
use crate::clock::{self, Stopwatch};
use crate::config::{HttpStep, Turn};
use crate::model::{Cursor, HeldCursor, ResourceName};
use crate::store::{Answer, RequestKind};

/// How often an answer is looked for.
const LOOK: Duration = Duration::from_millis(50);
/// How often a started sync's cursor is looked at.
const CONFIRM_LOOK: Duration = Duration::from_millis(500);

/// Whether a started sync was seen to go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Confirmed {
    /// It was: how.
    Yes(String),
    /// It was not within the time: what was seen last.
    No(String),
}

impl Consumer {
    /// Stops the sync and waits until it stands still; may be asked twice. `by` is who orders it.
    pub async fn stop(&self, by: &str) -> Result<(), ConsumerError> {
        self.stop_holding(by, None).await
    }

    /// The same; the stop command keeps `held` open as its standard input until it has ended, even where this
    /// process dies before.
    pub async fn stop_holding(&self, by: &str, held: Option<File>) -> Result<(), ConsumerError> {
        self.turn(RequestKind::StopSync, by).await?;
        match &self.stop {
            None => Ok(()),
            Some(Turn::Command(argv)) => {
                let input = held.map_or(Input::Nothing, Input::File);
                self.command("stop", argv, input, &[]).await
            }
            Some(Turn::Unit(unit)) => self.unit("stop", unit).await,
            Some(Turn::Http(steps)) => self.requests("stop", steps).await,
        }
    }

    /// Starts the sync; may be asked twice. `by` is who orders it.
    pub async fn start(&self, by: &str) -> Result<(), ConsumerError> {
        match &self.start {
            None => {}
            Some(Turn::Command(argv)) if self.is_outside() => {
                let cursor = self.read().await?.cursor;
                let (argv, variables) = told(argv, &self.resource, &cursor);
                self.command("start", &argv, Input::Nothing, &variables)
                    .await?;
            }
            Some(Turn::Command(argv)) => self.command("start", argv, Input::Nothing, &[]).await?,
            Some(Turn::Unit(unit)) => self.unit("start", unit).await?,
            Some(Turn::Http(steps)) => self.requests("start", steps).await?,
        }
        self.turn(RequestKind::StartSync, by).await
    }

    async fn command(
        &self,
        which: &'static str,
        argv: &[String],
        input: Input,
        variables: &[(&str, String)],
    ) -> Result<(), ConsumerError> {
        command::run_with(argv, self.command_timeout, input, variables)
            .await
            .map_err(|failure| self.failed(which, failure))
    }

    fn failed(&self, which: &'static str, failure: CommandFailure) -> ConsumerError {
        ConsumerError::Command {
            resource: self.resource.clone(),
            which,
            failure,
        }
    }

    async fn requests(&self, which: &'static str, steps: &[HttpStep]) -> Result<(), ConsumerError> {
        let taken = super::outside::run_steps(steps).await;
        taken.map_err(|source| ConsumerError::Requests {
            resource: self.resource.clone(),
            which,
            source: Box::new(source),
        })
    }

    async fn unit(&self, which: &'static str, unit: &str) -> Result<(), ConsumerError> {
        let turned = unit::turn(unit::SYSTEMCTL, which, unit, self.command_timeout).await;
        turned.map_err(|problem| match problem {
            UnitProblem::Command(failure) => self.failed(which, failure),
            UnitProblem::State(state) => ConsumerError::Unit {
                resource: self.resource.clone(),
                unit: unit.to_owned(),
                which,
                state,
            },
        })
    }

    /// Whether [`Consumer::confirm`] looks at anything.
    pub fn confirms(&self) -> bool {
        matches!(&self.place, Place::Outside(outside) if outside.confirm.is_some())
    }

    /// Makes sure that the sync goes on after its start, from the new cursor of this order; `None` where nothing says
    /// how that is seen.
    pub async fn confirm(
        &self,
        expected: &HeldCursor,
        new: &Cursor,
    ) -> Result<Option<Confirmed>, ConsumerError> {
        let Place::Outside(outside) = &self.place else {
            return Ok(None);
        };
        let Some(confirm) = &outside.confirm else {
            return Ok(None);
        };
        let started = clock::now();
        let waited = Stopwatch::start();
        loop {
            let last = match Box::pin(outside.progress(expected, new)).await {
                Ok(Some(Ok(text))) => return Ok(Some(Confirmed::Yes(text))),
                Ok(Some(Err(text))) => text,
                Ok(None) => "its cursor has not moved on".to_owned(),
                Err(error) => error.to_string(),
            };
            let left = confirm.within.saturating_sub(waited.elapsed());
            if let Some(argv) = &confirm.command
                && !left.is_zero()
            {
                let since = [("HIGHWATER_STARTED_AT", started.to_string())];
                let bound = left.min(self.command_timeout);
                let asked = command::run_with(argv, bound, Input::Nothing, &since).await;
                if asked.is_ok() {
                    let text = "its confirm_command says that it has succeeded".to_owned();
                    return Ok(Some(Confirmed::Yes(text)));
                }
            }
            if waited.elapsed() >= confirm.within {
                let within = humantime::format_duration(confirm.within);
                return Ok(Some(Confirmed::No(format!("{last} within {within}"))));
            }
            tokio::time::sleep(CONFIRM_LOOK.min(left)).await;
        }
    }

    /// Turns the sync's switch: through the running service, or directly where none runs, or where nobody needs to be
    /// waited for: our own feed cannot write past its switch.
    async fn turn(&self, kind: RequestKind, by: &str) -> Result<(), ConsumerError> {
        if self.is_ours || !self.store.service_is_alive().await? {
            return self.turn_directly(kind, by).await;
        }
        let request = self
            .store
            .ask(kind, &self.resource, by, clock::now())
            .await?;
        let waited = Stopwatch::start();
        loop {
            if let Some(answer) = self.store.answer_to(request).await? {
                return self.heed(kind, answer);
            }
            let gone = !self.store.service_is_alive().await?;
            if gone || waited.elapsed() >= self.answer_wait {
                // Taken back: a late answer must not act on a sync that others rely on by then.
                if let Some(answer) = self.store.withdraw(request).await? {
                    return self.heed(kind, answer);
                }
                if gone {
                    return self.turn_directly(kind, by).await;
                }
                return Err(ConsumerError::Unanswered {
                    resource: self.resource.clone(),
                    which: word(kind),
                    seconds: self.answer_wait.as_secs(),
                });
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    async fn turn_directly(&self, kind: RequestKind, by: &str) -> Result<(), ConsumerError> {
        let stopped = kind == RequestKind::StopSync;
        self.store
            .set_sync_switch(&self.resource, stopped, by, clock::now())
            .await?;
        Ok(())
    }

    fn heed(&self, kind: RequestKind, answer: Answer) -> Result<(), ConsumerError> {
        let why = match answer {
            Answer::Done => return Ok(()),
            Answer::Refused { why } => why,
            Answer::Superseded => "a later order took its place; try again".to_owned(),
        };
        Err(ConsumerError::Refused {
            resource: self.resource.clone(),
            which: word(kind),
            why,
        })
    }
}

fn word(kind: RequestKind) -> &'static str {
    match kind {
        RequestKind::StopSync => "stop",
        RequestKind::StartSync => "start",
    }
}

/// The start command of an outside sync with the cursor put in, as words and as variables.
fn told(
    argv: &[String],
    resource: &ResourceName,
    cursor: &Cursor,
) -> (Vec<String>, Vec<(&'static str, String)>) {
    let host = cursor.global_catalog.as_ref().unwrap_or(&cursor.ldap_host);
    let values = [
        ("{host}", "HIGHWATER_HOST", host.clone()),
        (
            "{updated}",
            "HIGHWATER_UPDATED",
            cursor.last_updated.to_string(),
        ),
        (
            "{deleted}",
            "HIGHWATER_DELETED",
            cursor.last_deleted.to_string(),
        ),
        ("{resource}", "HIGHWATER_RESOURCE", resource.to_string()),
    ];
    let fill = |word: &String| {
        values.iter().fold(word.clone(), |word, (mark, _, value)| {
            word.replace(mark, value)
        })
    };
    let words = argv.iter().map(fill).collect();
    let variables = values
        .iter()
        .map(|(_, name, value)| (*name, value.clone()))
        .collect();
    (words, variables)
}
