//! `[mail]`, `[notices]` and `[channel.NAME]`: who is told, and how.

use std::collections::BTreeMap;
use std::time::Duration;

use lettre::message::Mailbox;

use super::super::problem::Notes;
use super::super::raw::{self, Field, Section};
use super::super::{
    Channel, Channels, CommandSink, Hook, MailSecurity, MailServer, Notices, TlsTrust,
};
use super::sink::{DELIVERIES, signing, token, url};
use super::{DAY, PERIODS, Place, command};
use crate::model::ResourceName;

const SECURITIES: [(&str, (MailSecurity, u16)); 3] = [
    ("starttls", (MailSecurity::StartTls, 587)),
    ("tls", (MailSecurity::Tls, 465)),
    ("clear, readable on the network", (MailSecurity::Clear, 25)),
];

const ADDRESS: &str = "\"Highwater <highwater@example.com>\"";

/// Reads `[notices]`.
pub(super) fn notices(root: &mut Section<'_>, place: &Place<'_>, notes: &mut Notes) -> Notices {
    let mut notices = Notices::default();
    let Some(mut section) = root.table("notices", notes) else {
        return notices;
    };
    if let Some(field) = section.take("group_wait", notes)
        && let Some(wait) = field.duration(Duration::ZERO..=Duration::from_mins(10), notes)
    {
        notices.group_wait = wait;
    }
    if let Some(field) = section.take("repeat", notes)
        && let Some(repeat) = field.duration(Duration::from_mins(1)..=DAY * 7, notes)
    {
        notices.repeat = repeat;
    }
    if let Some(field) = section.take("most_per_hour", notes)
        && let Some(most) = field.whole(1..=10_000, notes)
    {
        notices.most_per_hour = most;
    }
    if let Some(field) = section.take("templates", notes) {
        notices.templates = place.path(&field, notes);
    }
    section.finish(notes);
    notices
}

/// Reads `[mail]`.
#[expect(
    clippy::option_option,
    reason = "outside: whether it is right; inside: whether there is one"
)]
pub(super) fn mail(
    root: &mut Section<'_>,
    place: &Place<'_>,
    notes: &mut Notes,
) -> Option<Option<MailServer>> {
    let Some(field) = root.take("mail", notes) else {
        return Some(None);
    };
    let mut section = field.table(notes)?;
    let host = section
        .require("host", "\"mail.example.com\"", notes)
        .and_then(|field| field.text("\"mail.example.com\"", notes));
    let security = section
        .take("security", notes)
        .map_or(Some((MailSecurity::StartTls, 587)), |field| {
            field.one_of(&SECURITIES, notes)
        });
    let port = match section.take("port", notes) {
        None => security.map(|(_, port)| port),
        Some(field) => field
            .whole(1..=65_535, notes)
            .and_then(|port| u16::try_from(port).ok()),
    };
    let trust = match section.take("ca_file", notes) {
        None => Some(TlsTrust::System),
        Some(field) => place.certificates(&field, notes).map(TlsTrust::File),
    };
    let login = login(&mut section, place, notes);
    let from = section
        .require("from", ADDRESS, notes)
        .and_then(|field| mailbox(&field, notes));
    let timeout = section
        .take("timeout", notes)
        .map_or(Some(Duration::from_secs(30)), |field| {
            field.duration(PERIODS, notes)
        });
    section.finish(notes);
    Some(Some(MailServer {
        host: host?.to_owned(),
        port: port?,
        security: security?.0,
        trust: trust?,
        login: login?,
        from: from?,
        timeout: timeout?,
    }))
}

#[expect(
    clippy::option_option,
    reason = "outside: whether it is right; inside: whether there is one"
)]
fn login(
    section: &mut Section<'_>,
    place: &Place<'_>,
    notes: &mut Notes,
) -> Option<Option<(String, super::super::Secret)>> {
    let user = section.take("user", notes);
    let password = section.take("password", notes);
    match (user, password) {
        (None, None) => Some(None),
        (Some(user), Some(password)) => {
            let user = user.text("\"highwater\"", notes)?.to_owned();
            Some(Some((user, token(&password, place, notes)?)))
        }
        (Some(field), None) | (None, Some(field)) => {
            let message = format!("`{}` stands alone", field.path());
            notes.add(
                field.span(),
                message,
                "give both user and password, or neither",
            );
            None
        }
    }
}

fn mailbox(field: &Field<'_>, notes: &mut Notes) -> Option<Mailbox> {
    let text = field.text(ADDRESS, notes)?;
    match text.parse() {
        Ok(mailbox) if text.is_ascii() && !text.contains(['\r', '\n']) => Some(mailbox),
        _ => {
            field.wrong(
                "is no mail address",
                format!("write it like {ADDRESS}"),
                notes,
            );
            None
        }
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Mail,
    Webhook,
    Alertmanager,
    Command,
}

const KINDS: [(&str, Kind); 4] = [
    ("mail", Kind::Mail),
    ("webhook", Kind::Webhook),
    ("alertmanager", Kind::Alertmanager),
    ("command", Kind::Command),
];

const WEB: &[Kind] = &[Kind::Webhook, Kind::Alertmanager];

/// Every key but `kind`, with the kinds it belongs to.
const KEYS: [(&str, &[Kind]); 8] = [
    ("to", &[Kind::Mail]),
    ("url", WEB),
    ("security", WEB),
    ("secret", &[Kind::Webhook]),
    ("bearer", WEB),
    ("ca_file", WEB),
    ("argv", &[Kind::Command]),
    (
        "timeout",
        &[Kind::Webhook, Kind::Alertmanager, Kind::Command],
    ),
];

/// Reads every `[channel.NAME]`; `has_mail` is whether there is a mail server.
pub(super) fn channels(
    root: &mut Section<'_>,
    has_mail: bool,
    place: &Place<'_>,
    notes: &mut Notes,
) -> Channels {
    let mut channels = Channels::new();
    for (name, section) in root.tables("channel", notes) {
        let path = section.path().to_owned();
        let named = raw::parsed::<ResourceName>(&path, name.value, name.span, "operators", notes);
        let read = channel(section, has_mail, place, notes);
        if let (Some(name), Some(channel)) = (named, read) {
            channels.insert(name.to_string(), channel);
        }
    }
    channels
}

fn channel(
    mut section: Section<'_>,
    has_mail: bool,
    place: &Place<'_>,
    notes: &mut Notes,
) -> Option<Channel> {
    let like = "\"mail\", \"webhook\", \"alertmanager\" or \"command\"";
    let kind = section
        .require("kind", like, notes)
        .and_then(|field| field.one_of(&KINDS, notes));
    let mut given = BTreeMap::new();
    for (name, of) in KEYS {
        let Some(field) = section.take(name, notes) else {
            continue;
        };
        if let Some(kind) = kind
            && !of.contains(&kind)
        {
            let word = KINDS.iter().find(|(_, one)| *one == kind);
            let word = word.map_or("", |(word, _)| *word);
            let message = format!("`{}` is of no use with kind \"{word}\"", field.path());
            notes.add(field.span(), message, "remove it");
        }
        given.insert(name, field);
    }
    if kind == Some(Kind::Mail) && !has_mail {
        let message = format!("`{}` is mail, and there is no [mail]", section.path());
        notes.add(
            section.span(),
            message,
            "add a table [mail] with host and from",
        );
    }
    let keys = Keys { section, given };
    let read = match kind {
        Some(Kind::Mail) => to(&keys, notes).map(Channel::Mail),
        Some(Kind::Webhook) => {
            hook(&keys, place, notes).map(|hook| Channel::Webhook(Box::new(hook)))
        }
        Some(Kind::Alertmanager) => {
            hook(&keys, place, notes).map(|hook| Channel::Alertmanager(Box::new(hook)))
        }
        Some(Kind::Command) => program(&keys, notes).map(Channel::Command),
        None => None,
    };
    keys.section.finish(notes);
    read
}

/// The keys of one channel that were given.
struct Keys<'t> {
    section: Section<'t>,
    given: BTreeMap<&'static str, Field<'t>>,
}

impl<'t> Keys<'t> {
    fn require(&self, name: &str, like: &str, notes: &mut Notes) -> Option<&Field<'t>> {
        let field = self.given.get(name);
        if field.is_none() {
            let message = format!("`{}.{name}` is missing", self.section.path());
            notes.add(self.section.span(), message, format!("add {name} = {like}"));
        }
        field
    }

    fn timeout(&self, notes: &mut Notes) -> Option<Duration> {
        self.given
            .get("timeout")
            .map_or(Some(Duration::from_secs(10)), |field| {
                field.duration(DELIVERIES, notes)
            })
    }
}

fn to(keys: &Keys<'_>, notes: &mut Notes) -> Option<Vec<Mailbox>> {
    let like = "[\"operators@example.com\"]";
    let field = keys.require("to", like, notes)?;
    let items = field.list(like, notes);
    let mut all = Vec::new();
    for item in &items {
        let mailbox = mailbox(item, notes)?;
        if all.iter().any(|one: &Mailbox| one.email == mailbox.email) {
            item.wrong("is named twice", "remove one of the two", notes);
        }
        all.push(mailbox);
    }
    Some(all).filter(|all| !all.is_empty())
}

fn hook(keys: &Keys<'_>, place: &Place<'_>, notes: &mut Notes) -> Option<Hook> {
    let is_clear = keys.given.get("security").map_or(Some(false), |field| {
        field.one_of(&[("https", false), (super::sink::CLEAR, true)], notes)
    });
    let url = keys
        .require("url", "\"https://alerts.example.com/\"", notes)
        .and_then(|field| url(field, is_clear?, notes));
    let secret = match keys.given.get("secret") {
        Some(field) => Some(signing(field, place, notes)?),
        None => None,
    };
    let bearer = match keys.given.get("bearer") {
        Some(field) => Some(token(field, place, notes)?),
        None => None,
    };
    let trust = match keys.given.get("ca_file") {
        Some(field) => TlsTrust::File(place.certificates(field, notes)?),
        None => TlsTrust::System,
    };
    Some(Hook {
        url: url?,
        secret,
        bearer,
        trust,
        timeout: keys.timeout(notes)?,
    })
}

fn program(keys: &Keys<'_>, notes: &mut Notes) -> Option<CommandSink> {
    let argv = keys
        .require("argv", "[\"/usr/local/bin/on-incident\"]", notes)
        .map(|field| command(field, notes));
    Some(CommandSink {
        argv: argv?,
        timeout: keys.timeout(notes)?,
    })
}
