//! `mail`: what notices look like, what could not be delivered, and trials.

use std::path::PathBuf;

use clap::{Subcommand, ValueEnum};
use serde::Serialize;
use uuid::Uuid;

use super::output::table;
use super::{CliError, Context, Exit};
use crate::clock;
use crate::config::{Channel, Secrets};
use crate::model::{Delivery, DeliveryState, Notice, NoticeKind, Target};
use crate::on_error::channels::{self, Outcome};
use crate::on_error::render::sample;

const EXAMPLES: &str = "\
Examples:
  highwater mail preview                     with your templates
  highwater mail preview opened --html page.html
  highwater mail preview --send operators    a test mail to a channel
  highwater mail queue                       what is not delivered
  highwater mail resend 17";

/// Shows what notices look like, tries the channels, and sends again what was refused
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// What to do.
    #[command(subcommand)]
    pub action: Action,
}

/// What to do with notices.
#[derive(Debug, Clone, Subcommand)]
pub enum Action {
    /// Renders a sample notice to the terminal or a file, or sends it
    #[command(
        after_help = "Examples:\n  highwater mail preview proposed\n  highwater mail preview resolved --html page.html\n  highwater mail preview --send operators"
    )]
    Preview {
        /// Which notice
        #[arg(value_enum, default_value = "proposed")]
        kind: Kind,
        /// Write the HTML into this file
        #[arg(long, value_name = "FILE")]
        html: Option<PathBuf>,
        /// Write the whole mail (RFC 5322) into this file
        #[arg(long, value_name = "FILE")]
        eml: Option<PathBuf>,
        /// Send it to this channel of the configuration, past the outbox
        #[arg(long, value_name = "CHANNEL")]
        send: Option<String>,
    },
    /// Lists what waits for its delivery, and dead letters
    #[command(after_help = "Examples:\n  highwater mail queue\n  highwater -o json mail queue")]
    Queue,
    /// Sends a dead letter again, with the Message-ID it had
    #[command(after_help = "Examples:\n  highwater mail resend 17\n  highwater mail resend --all")]
    Resend {
        /// The delivery, as `mail queue` names it
        #[arg(required_unless_present = "all")]
        delivery: Option<i64>,
        /// All dead letters
        #[arg(long, conflicts_with = "delivery")]
        all: bool,
    },
}

/// A sample to render.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// An incident has begun
    Opened,
    /// It still goes on
    Repeated,
    /// A plan waits for an approval
    Proposed,
    /// What became of a move
    Moved,
    /// It is over
    Resolved,
    /// What was held back
    HeldBack,
}

impl Kind {
    fn kind(self) -> NoticeKind {
        match self {
            Self::Opened => NoticeKind::Opened,
            Self::Repeated => NoticeKind::Repeated,
            Self::Proposed => NoticeKind::Proposed,
            Self::Moved => NoticeKind::Moved,
            Self::Resolved => NoticeKind::Resolved,
            Self::HeldBack => NoticeKind::HeldBack,
        }
    }
}

#[derive(Debug, Serialize)]
struct Sent {
    target: Target,
    taken: bool,
    problem: Option<String>,
}

/// Previews, lists or sends again.
pub async fn run(args: Args, context: &Context) -> Result<Exit, CliError> {
    match args.action {
        Action::Preview {
            kind,
            html,
            eml,
            send,
        } => preview(kind, html, eml, send, context).await,
        Action::Queue => queue(context).await,
        Action::Resend { delivery, .. } => resend(delivery, context).await,
    }
}

async fn preview(
    kind: Kind,
    html: Option<PathBuf>,
    eml: Option<PathBuf>,
    send: Option<String>,
    context: &Context,
) -> Result<Exit, CliError> {
    let secrets = if send.is_some() {
        Secrets::Resolve
    } else {
        Secrets::Skip
    };
    let settings = context.settings(secrets)?;
    let templates =
        crate::on_error::render::Templates::load(settings.on_error.notices.templates.as_deref())
            .map_err(|error| CliError::failed("the templates cannot be used", error))?;
    let content = crate::on_error::render::Content {
        at: clock::now(),
        host: crate::runtime::host(),
        ..sample(kind.kind())
    };
    let mail = settings.on_error.mail.as_ref();
    let domain = mail.map_or("highwater.invalid", |mail| mail.from.email.domain());
    let notice = templates.notice(&content, format!("<{}@{domain}>", Uuid::new_v4()), None);
    if let Some(path) = &html {
        write(path, notice.html.as_bytes())?;
    }
    if let Some(path) = &eml {
        let Some(mail) = mail else {
            return Err(CliError::Usage("--eml needs a table [mail]".to_owned()));
        };
        let written = channels::message(&mail.from, &mail.from.email, &notice)
            .map_err(|error| CliError::failed("the mail cannot be written", error))?;
        write(path, &written.formatted())?;
    }
    if let Some(channel) = send {
        return deliver(&settings.on_error, &channel, &notice, context).await;
    }
    if html.is_none() && eml.is_none() {
        context.output.show(&notice, || {
            format!("Subject: {}\n\n{}", notice.subject, notice.text)
        })?;
    }
    Ok(Exit::Ok)
}

fn write(path: &std::path::Path, bytes: &[u8]) -> Result<(), CliError> {
    std::fs::write(path, bytes)
        .map_err(|source| CliError::failed(format!("cannot write {}", path.display()), source))
}

async fn deliver(
    settings: &crate::config::OnError,
    channel: &str,
    notice: &Notice,
    context: &Context,
) -> Result<Exit, CliError> {
    if !settings.channels.contains_key(channel) {
        let known: Vec<String> = settings
            .channels
            .iter()
            .map(|(name, one): (&String, &Channel)| format!("`{name}` ({})", one.kind()))
            .collect();
        return Err(CliError::Usage(format!(
            "no channel `{channel}` is configured; there are {}",
            if known.is_empty() {
                "none".to_owned()
            } else {
                known.join(", ")
            }
        )));
    }
    let mut sent = Vec::new();
    for target in channels::targets(settings, &[channel.to_owned()]) {
        let problem = match channels::deliver(settings, &target, notice).await {
            Outcome::Taken => None,
            Outcome::Later(why) | Outcome::Refused(why) => Some(why),
        };
        sent.push(Sent {
            taken: problem.is_none(),
            target,
            problem,
        });
    }
    context.output.emit(&sent, || {
        let mut rows = table(&["TO", "RESULT"]);
        for one in &sent {
            let result = one.problem.clone().unwrap_or_else(|| "taken".to_owned());
            rows.add_row([one.target.to_string(), result]);
        }
        rows
    })?;
    let taken = sent.iter().filter(|one| one.taken).count();
    Ok(match taken {
        0 => Exit::Failed,
        all if all == sent.len() => Exit::Ok,
        _ => Exit::Partial,
    })
}

/// How many deliveries of each state are listed.
const SHOWN: u32 = 200;

async fn queue(context: &Context) -> Result<Exit, CliError> {
    let settings = context.settings(Secrets::Skip)?;
    let store = context.store(&settings).await?;
    let mut all: Vec<Delivery> = Vec::new();
    for state in [
        DeliveryState::Dead,
        DeliveryState::Queued,
        DeliveryState::HeldBack,
    ] {
        all.extend(store.deliveries(state, SHOWN).await?);
    }
    context.output.emit(&all, || {
        let mut rows = table(&[
            "DELIVERY", "STATE", "TO", "TRIES", "QUEUED", "SUBJECT", "PROBLEM",
        ]);
        for one in &all {
            rows.add_row([
                one.id.to_string(),
                one.state.to_string(),
                one.target.to_string(),
                one.tries.to_string(),
                one.queued_at.to_string(),
                one.notice.subject.clone(),
                one.problem.clone().unwrap_or_else(|| "-".to_owned()),
            ]);
        }
        rows
    })?;
    if all.iter().any(|one| one.state == DeliveryState::Dead) {
        context.message(
            "what is dead was refused for good: put its cause right, then `highwater mail resend N` or `--all`",
        );
    }
    Ok(Exit::Ok)
}

async fn resend(delivery: Option<i64>, context: &Context) -> Result<Exit, CliError> {
    let settings = context.settings(Secrets::Resolve)?;
    let desk = super::on_error::desk(settings, context).await?;
    let queued = desk.store.resend_deliveries(delivery, clock::now()).await?;
    if queued == 0 && delivery.is_some() {
        return Err(CliError::Usage(
            "there is no such dead letter; `highwater mail queue` lists them".to_owned(),
        ));
    }
    if !desk.store.service_is_alive().await? {
        while desk.send_due().await? > 0 {}
    }
    context.message(format!("{queued} queued again"));
    queue(context).await
}
