//! The sinks: where the events of a feed go.
//!
//! Owns how each kind of sink takes an event and what its answer means. It never decides what an event says, keeps
//! nothing across restarts and never waits to try again: the outbox is the store's, the next attempt its caller's
//! ([`next_wait`]).
//!
//! # Decisions
//! - In order, at least once: an event is tried only when all before it were taken or are dead letters, and a failure
//!   leaves the rest. The same event may come twice, under the same id.
//! - A receiver of single events is given no new one after a second: what it has taken by then is put on record, or a
//!   stop in the middle would have all of it come again.
//! - A *dead letter* is an event that the receiver says it will never take. It counts as passed, so that one bad event
//!   does not hold up all others; the caller keeps it.
//! - What is said about a failure names the sink's server or file, never the path or query of a URL, a secret or a part
//!   of an event.

mod backoff;
mod command;
mod file;
mod stdout;
mod webhook;

use std::time::Duration;

pub use backoff::next_wait;

use crate::clock::Stopwatch;
use crate::config;
use crate::model::Queued;

/// How long a receiver of single events is given new ones.
const TURN: Duration = Duration::from_secs(1);

/// Why a sink cannot be used at all.
#[derive(Debug, thiserror::Error)]
pub enum SinkError {
    /// Its secret was not read, or is none.
    #[error(
        "sink `{name}`: its {which} cannot be used; load the configuration with its secrets, and check them with `highwater config check`"
    )]
    NoSecret {
        /// The sink.
        name: String,
        /// `secret` or `bearer`.
        which: &'static str,
    },
    /// Its certificate authorities cannot be used.
    #[error("sink `{name}`: {problem}")]
    Tls {
        /// The sink.
        name: String,
        /// What is wrong with them.
        problem: crate::directory::TlsProblem,
    },
    /// The HTTP client cannot be made.
    #[error("sink `{name}`: the HTTP client cannot be made ({problem}); check its url and ca_file")]
    Http {
        /// The sink.
        name: String,
        /// What it said.
        problem: String,
    },
}

/// What became of the events given to a sink.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Delivered {
    /// All events up to this place were taken or are among `dead`; `None` where the first was not.
    pub acknowledged_up_to: Option<i64>,
    /// What the receiver will never take.
    pub dead: Vec<Dead>,
    /// Why the rest was not tried; `None` where its turn comes.
    pub down: Option<Down>,
}

/// An event that the receiver will never take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dead {
    /// Its place in the outbox.
    pub seq: i64,
    /// What the receiver said.
    pub why: String,
    /// The HTTP status or the exit status.
    pub status: u16,
}

/// Why a sink takes nothing at present.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Down {
    /// What is wrong, and the cure where there is one.
    pub why: String,
    /// How long the receiver wants to be left alone.
    pub retry_after: Option<Duration>,
    /// Whether trying again is of no use before somebody has changed something.
    pub is_fatal: bool,
}

impl Down {
    /// It may work later.
    fn for_now(why: impl Into<String>) -> Self {
        Self {
            why: why.into(),
            retry_after: None,
            is_fatal: false,
        }
    }

    /// It will not work again by itself.
    fn for_good(why: impl Into<String>) -> Self {
        Self {
            is_fatal: true,
            ..Self::for_now(why)
        }
    }
}

/// A sink, ready to take events.
#[derive(Debug)]
pub struct Sink {
    name: String,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Stdout(stdout::Stdout<std::io::Stdout>),
    File(file::JsonLines),
    Single(Single),
}

impl Sink {
    /// The sink of this name; opens nothing yet but the certificates of a webhook's authorities.
    pub fn new(name: &str, settings: &config::Sink) -> Result<Self, SinkError> {
        let kind = match settings {
            config::Sink::Stdout => Kind::Stdout(stdout::Stdout::new(std::io::stdout())),
            config::Sink::File(file) => Kind::File(file::JsonLines::new(file)),
            config::Sink::Webhook(hook) => {
                Kind::Single(Single::Webhook(webhook::Webhook::new(name, hook)?))
            }
            config::Sink::Command(command) => {
                Kind::Single(Single::Command(command::Program::new(command)))
            }
        };
        Ok(Self {
            name: name.to_owned(),
            kind,
        })
    }

    /// Its name in the configuration.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Delivers the events in their order, up to the first that is not taken, or as many as its time allows. May be
    /// dropped at any time: what it did by then is only not known to have been done.
    pub async fn deliver(&mut self, events: &[Queued]) -> Delivered {
        match &mut self.kind {
            Kind::Stdout(stdout) => stdout.deliver(events).await,
            Kind::File(file) => file.deliver(events).await,
            Kind::Single(single) => single.deliver(events).await,
        }
    }
}

/// What became of one event.
enum Outcome {
    Taken,
    Dead { why: String, status: u16 },
    Down(Down),
}

/// A receiver that takes one event at a time.
#[derive(Debug)]
enum Single {
    Webhook(webhook::Webhook),
    Command(command::Program),
}

impl Single {
    async fn deliver(&self, events: &[Queued]) -> Delivered {
        let mut delivered = Delivered::default();
        let began = Stopwatch::start();
        for event in events {
            if delivered.acknowledged_up_to.is_some() && began.elapsed() > TURN {
                break;
            }
            let outcome = match self {
                Self::Webhook(hook) => hook.post(event).await,
                Self::Command(program) => program.run(event).await,
            };
            match outcome {
                Outcome::Taken => {}
                Outcome::Dead { why, status } => delivered.dead.push(Dead {
                    seq: event.seq,
                    why,
                    status,
                }),
                Outcome::Down(down) => {
                    delivered.down = Some(down);
                    break;
                }
            }
            delivered.acknowledged_up_to = Some(event.seq);
        }
        delivered
    }
}

/// The events as lines.
fn lines(events: &[Queued]) -> Vec<u8> {
    let size = events.iter().map(|one| one.event.body.len() + 1).sum();
    let mut lines = Vec::with_capacity(size);
    for one in events {
        lines.extend_from_slice(one.event.body.as_bytes());
        lines.push(b'\n');
    }
    lines
}

#[cfg(test)]
mod tests;
