//! `[resource.NAME.feed.sink.NAME]`: one receiver of events.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::time::Duration;

use secrecy::ExposeSecret as _;
use url::Url;

use super::super::problem::Notes;
use super::super::raw::{Field, Section};
use super::super::{
    CommandSink, FileSink, Secret, Secrets, Sink, TlsTrust, WebhookSink, secret, signing_key,
};
use super::{Place, SECOND, command, credentials};

/// The words that allow events to be sent unprotected.
pub(super) const CLEAR: &str = "http, readable on the network";

/// The bounds of one delivery.
pub(super) const DELIVERIES: RangeInclusive<Duration> = SECOND..=Duration::from_mins(10);

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Stdout,
    File,
    Webhook,
    Command,
}

const KINDS: [(&str, Kind); 4] = [
    ("stdout", Kind::Stdout),
    ("file", Kind::File),
    ("webhook", Kind::Webhook),
    ("command", Kind::Command),
];

/// Every key but `kind`, with the kinds it belongs to.
const KEYS: [(&str, &[Kind]); 10] = [
    ("path", &[Kind::File]),
    ("rotate_bytes", &[Kind::File]),
    ("keep", &[Kind::File]),
    ("url", &[Kind::Webhook]),
    ("security", &[Kind::Webhook]),
    ("secret", &[Kind::Webhook]),
    ("bearer", &[Kind::Webhook]),
    ("ca_file", &[Kind::Webhook]),
    ("argv", &[Kind::Command]),
    ("timeout", &[Kind::Webhook, Kind::Command]),
];

/// The keys of one sink that were given.
struct Keys<'t> {
    section: Section<'t>,
    given: BTreeMap<&'static str, Field<'t>>,
}

impl<'t> Keys<'t> {
    fn get(&self, name: &str) -> Option<&Field<'t>> {
        self.given.get(name)
    }

    fn require(&self, name: &str, like: &str, notes: &mut Notes) -> Option<&Field<'t>> {
        let field = self.get(name);
        if field.is_none() {
            let message = format!("`{}.{name}` is missing", self.section.path());
            notes.add(self.section.span(), message, format!("add {name} = {like}"));
        }
        field
    }
}

/// Reads one sink.
pub(super) fn read(mut section: Section<'_>, place: &Place<'_>, notes: &mut Notes) -> Option<Sink> {
    let like = "\"stdout\", \"file\", \"webhook\" or \"command\"";
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
            let word = |wanted: Kind| KINDS.iter().find(|(_, kind)| *kind == wanted);
            let word = word(kind).map_or("", |(word, _)| *word);
            let message = format!("`{}` is of no use with kind \"{word}\"", field.path());
            notes.add(field.span(), message, "remove it");
        }
        given.insert(name, field);
    }
    let keys = Keys { section, given };
    let read = match kind {
        Some(Kind::Stdout) => Some(Sink::Stdout),
        Some(Kind::File) => file(&keys, place, notes),
        Some(Kind::Webhook) => webhook(&keys, place, notes),
        Some(Kind::Command) => program(&keys, notes),
        None => None,
    };
    keys.section.finish(notes);
    read
}

fn file(keys: &Keys<'_>, place: &Place<'_>, notes: &mut Notes) -> Option<Sink> {
    let path = keys
        .require("path", "\"/var/lib/highwater/hr.jsonl\"", notes)
        .and_then(|field| place.path(field, notes));
    let rotate_bytes = keys.get("rotate_bytes").map_or(Some(100_000_000), |field| {
        field.whole(100_000..=u32::MAX, notes)
    });
    let keep = keys
        .get("keep")
        .map_or(Some(10), |field| field.whole(1..=1000, notes));
    Some(Sink::File(FileSink {
        path: path?,
        rotate_bytes: rotate_bytes?.into(),
        keep: keep?,
    }))
}

fn program(keys: &Keys<'_>, notes: &mut Notes) -> Option<Sink> {
    let argv = keys
        .require("argv", "[\"/usr/local/bin/on-event\"]", notes)
        .map(|field| command(field, notes));
    let timeout = timeout(keys, notes);
    Some(Sink::Command(CommandSink {
        argv: argv?,
        timeout: timeout?,
    }))
}

fn timeout(keys: &Keys<'_>, notes: &mut Notes) -> Option<Duration> {
    keys.get("timeout")
        .map_or(Some(Duration::from_secs(10)), |field| {
            field.duration(DELIVERIES, notes)
        })
}

fn webhook(keys: &Keys<'_>, place: &Place<'_>, notes: &mut Notes) -> Option<Sink> {
    let is_clear = keys.get("security").map_or(Some(false), |field| {
        field.one_of(&[("https", false), (CLEAR, true)], notes)
    });
    let url = keys
        .require("url", "\"https://hr.example.com/highwater\"", notes)
        .and_then(|field| url(field, is_clear?, notes));
    let secret = keys
        .require(
            "secret",
            "{ file = \"/etc/highwater/webhook.secret\" }",
            notes,
        )
        .and_then(|field| signing(field, place, notes));
    let bearer = match keys.get("bearer") {
        Some(field) => Some(token(field, place, notes)?),
        None => None,
    };
    let trust = match keys.get("ca_file") {
        Some(field) => TlsTrust::File(place.certificates(field, notes)?),
        None => TlsTrust::System,
    };
    let timeout = timeout(keys, notes);
    Some(Sink::Webhook(Box::new(WebhookSink {
        url: url?,
        secret: secret?,
        bearer,
        trust,
        timeout: timeout?,
    })))
}

pub(super) fn url(field: &Field<'_>, is_clear: bool, notes: &mut Notes) -> Option<Url> {
    let like = "\"https://hr.example.com/highwater\"";
    let text = field.text(like, notes)?;
    let (what, cure) = match Url::parse(text) {
        // Not shown: what stands there is a password.
        Ok(url) if !url.username().is_empty() || url.password().is_some() => (
            "holds a user or a password",
            "take it out, change that password, and write bearer = { file = \"…\" } if the server wants a token",
        ),
        Ok(url) if url.host_str().is_none() => ("names no host", like),
        Ok(url) if url.fragment().is_some() => ("has a fragment", "leave out `#` and all after it"),
        Ok(url) if url.scheme() == "https" && !is_clear => return Some(url),
        Ok(url) if url.scheme() == "http" && is_clear => return Some(url),
        Ok(url) if url.scheme() == "http" => (
            "would send every event unprotected",
            "use https; or say it in full: security = \"http, readable on the network\"",
        ),
        Ok(url) if url.scheme() == "https" => {
            ("is https, and `security` says http", "remove security")
        }
        Ok(_) => ("is neither https nor http", like),
        Err(_) => ("is no URL", like),
    };
    notes.add(field.span(), format!("`{}` {what}", field.path()), cure);
    None
}

/// A secret; read where secrets are.
pub(super) fn token(field: &Field<'_>, place: &Place<'_>, notes: &mut Notes) -> Option<Secret> {
    let source = credentials::source(field, place, notes)?;
    if place.secrets == Secrets::Skip {
        return Some(Secret::NotRead(source));
    }
    match secret::resolve(&source, place.env) {
        Ok(known) if known.expose_secret().bytes().all(|b| b.is_ascii_graphic()) => {
            Some(Secret::Known(known))
        }
        Ok(_) => {
            let message = format!(
                "`{}` has a blank or a sign that is not ASCII in it",
                field.path()
            );
            notes.add(
                field.span(),
                message,
                "put the token alone there, in one line",
            );
            None
        }
        Err(refused) => {
            let message = format!("`{}` {}", field.path(), refused.what);
            notes.add(field.span(), message, refused.cure);
            None
        }
    }
}

/// The secret that signs, as Standard Webhooks writes it.
pub(super) fn signing(field: &Field<'_>, place: &Place<'_>, notes: &mut Notes) -> Option<Secret> {
    let secret = token(field, place, notes)?;
    if let Secret::Known(known) = &secret
        && signing_key(known).is_none()
    {
        notes.add(
            field.span(),
            format!("`{}` is no signing secret of Standard Webhooks", field.path()),
            "put `whsec_` and the base64 of 24 to 64 random bytes there; `openssl rand -base64 32` makes them",
        );
        return None;
    }
    Some(secret)
}
