//! Stopping and starting the sync that a cursor belongs to.

use std::fs::File;
use std::time::Duration;

use super::command::Input;
use super::{Consumer, ConsumerError, command};
use crate::clock::{self, Stopwatch};
use crate::store::{Answer, RequestKind};

/// How often an answer is looked for.
const LOOK: Duration = Duration::from_millis(50);

impl Consumer {
    /// Stops the sync and waits until it stands still; may be asked twice. `by` is who orders it.
    pub async fn stop(&self, by: &str) -> Result<(), ConsumerError> {
        self.stop_holding(by, None).await
    }

    /// The same; the stop command keeps `held` open as its standard input until it has ended, even where this
    /// process dies before.
    pub async fn stop_holding(&self, by: &str, held: Option<File>) -> Result<(), ConsumerError> {
        self.turn(RequestKind::StopSync, by).await?;
        self.command("stop", self.stop.as_deref(), held).await
    }

    /// Starts the sync; may be asked twice. `by` is who orders it.
    pub async fn start(&self, by: &str) -> Result<(), ConsumerError> {
        self.command("start", self.start.as_deref(), None).await?;
        self.turn(RequestKind::StartSync, by).await
    }

    async fn command(
        &self,
        which: &'static str,
        argv: Option<&[String]>,
        input: Option<File>,
    ) -> Result<(), ConsumerError> {
        let Some(argv) = argv else { return Ok(()) };
        let input = input.map_or(Input::Nothing, Input::File);
        command::run(argv, self.command_timeout, input)
            .await
            .map_err(|failure| ConsumerError::Command {
                resource: self.resource.clone(),
                which,
                failure,
            })
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
