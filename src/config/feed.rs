//! Checked settings of our own feed: what it tells, and to whom.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret as _, SecretSlice, SecretString};
use url::Url;

use super::{SecretSource, TlsTrust};

/// The feed of one resource, which Highwater's own Active Sync reads and delivers.
#[derive(Debug, Clone)]
pub struct Feed {
    /// Which objects it tells of (RFC 4515); its syntax is checked.
    pub filter: String,
    /// The attributes it tells; `*` stands for all.
    pub attributes: Vec<String>,
    /// The attributes it never tells, whatever `attributes` says.
    pub exclude: Vec<String>,
    /// From the end of one pass to the begin of the next.
    pub poll: Duration,
    /// How many USNs below highestCommittedUSN the cursor is left (R1).
    pub overlap: u32,
    /// How many USNs below the vector's a start is made where the history is too short for a start by time.
    pub start_margin: u32,
    /// How long the feed may be silent before it tells that it lives; `None` never tells it.
    pub heartbeat: Option<Duration>,
    /// The most deletes that a resync may tell without an order.
    pub max_deletes: MaxDeletes,
    /// How many bytes of events may wait for the sinks before nothing more is read.
    pub backlog_bytes: u64,
    /// Where the events go, by name: at least one.
    pub sinks: BTreeMap<String, Sink>,
}

/// The brake on the deletes of a resync.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MaxDeletes {
    /// This many.
    Number(u32),
    /// This many percent, 0 to 100, of the objects that the consumer knows.
    Percent(u8),
}

impl MaxDeletes {
    /// The most deletes where the consumer knows `known` objects, rounded down.
    pub fn of(self, known: u64) -> u64 {
        match self {
            Self::Number(number) => u64::from(number),
            Self::Percent(percent) => {
                let part = u128::from(known) * u128::from(percent) / 100;
                u64::try_from(part).unwrap_or(u64::MAX)
            }
        }
    }
}

/// A receiver of events.
#[derive(Debug, Clone)]
pub enum Sink {
    /// Lines of JSON on standard output.
    Stdout,
    /// Lines of JSON in a file.
    File(FileSink),
    /// An HTTP POST for each event, signed as Standard Webhooks says.
    Webhook(Box<WebhookSink>),
    /// A program that is started for each event.
    Command(CommandSink),
}

impl Sink {
    /// The stable word for what it is.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Stdout => "stdout",
            Self::File(_) => "file",
            Self::Webhook(_) => "webhook",
            Self::Command(_) => "command",
        }
    }
}

/// A file that events are appended to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileSink {
    /// The file; older ones stand beside it as `PATH.1`, `PATH.2` and so on.
    pub path: PathBuf,
    /// The most bytes of a file, unless a single event has more.
    pub rotate_bytes: u64,
    /// How many older files are kept.
    pub keep: u32,
}

/// A web server that events are posted to.
#[derive(Clone)]
pub struct WebhookSink {
    /// Where to post, without user and password; `https`, unless the configuration allows `http` in words.
    pub url: Url,
    /// What signs the events; see [`signing_key`].
    pub secret: Secret,
    /// What is sent as `Authorization: Bearer`.
    pub bearer: Option<Secret>,
    /// Which certificates are trusted.
    pub trust: TlsTrust,
    /// The bound on one request, connecting included.
    pub timeout: Duration,
}

/// Path and query of the URL are left out: some servers want a token there.
impl fmt::Debug for WebhookSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebhookSink")
            .field("server", &self.url.origin().ascii_serialization())
            .field("secret", &self.secret)
            .field("bearer", &self.bearer)
            .field("trust", &self.trust)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

/// A program that gets one event on its standard input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandSink {
    /// The program and its arguments; no shell reads it.
    pub argv: Vec<String>,
    /// The bound on one run.
    pub timeout: Duration,
}

/// A secret as it was loaded.
#[derive(Debug, Clone)]
pub enum Secret {
    /// It was read.
    Known(SecretString),
    /// It was not, with [`Secrets::Skip`](super::Secrets::Skip): where it would be read from.
    NotRead(SecretSource),
}

/// The key that a Standard Webhooks secret stands for: base64 of 24 to 64 bytes, with or without `whsec_` before it;
/// `None` where it is something else.
pub fn signing_key(secret: &SecretString) -> Option<SecretSlice<u8>> {
    let text = secret.expose_secret().trim();
    let key = STANDARD
        .decode(text.strip_prefix("whsec_").unwrap_or(text))
        .ok()?;
    let key = SecretSlice::from(key);
    (24..=64)
        .contains(&key.expose_secret().len())
        .then_some(key)
}
