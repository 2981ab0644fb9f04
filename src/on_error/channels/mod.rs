//! The ways to tell somebody: each delivers one notice to one target, once.
//!
//! Owns how a channel is spoken to and what its answers mean. It never retries: that is the outbox's part.

mod hook;
mod mail;
mod program;

use crate::config::{Channel, OnError};
use crate::model::{Notice, Target};

pub use mail::{MailProblem, message};

/// What became of one delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It was taken.
    Taken,
    /// Not now: why.
    Later(String),
    /// Never: why.
    Refused(String),
}

/// Delivers a notice to a target.
pub async fn deliver(settings: &OnError, target: &Target, notice: &Notice) -> Outcome {
    let name = &target.channel;
    match settings.channels.get(name) {
        Some(Channel::Mail(_)) => match &settings.mail {
            Some(server) => mail::send(server, target, notice).await,
            None => Outcome::Later("there is no [mail] any more".to_owned()),
        },
        Some(Channel::Webhook(hook)) => hook::post(hook, notice).await,
        Some(Channel::Alertmanager(hook)) => {
            hook::alert(hook, notice, settings.notices.repeat).await
        }
        Some(Channel::Command(command)) => program::run(command, notice).await,
        None => Outcome::Later(format!(
            "the configuration has no channel `{name}` any more"
        )),
    }
}

/// The targets of a channel: one for each address of a mail channel, else the channel itself.
pub fn targets(settings: &OnError, channels: &[String]) -> Vec<Target> {
    let mut targets = Vec::new();
    for name in channels {
        let recipients = match settings.channels.get(name) {
            Some(Channel::Mail(to)) => to.iter().map(|to| to.email.to_string()).collect(),
            Some(_) => vec![String::new()],
            None => Vec::new(),
        };
        targets.extend(recipients.into_iter().map(|recipient| Target {
            channel: name.clone(),
            recipient,
        }));
    }
    // A person on two channels gets a mail once.
    let mut seen = std::collections::BTreeSet::new();
    targets.retain(|target: &Target| {
        target.recipient.is_empty() || seen.insert(target.recipient.to_ascii_lowercase())
    });
    targets
}
