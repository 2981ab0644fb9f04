//! Checked settings of the failure process: its rules, its limits, and who is told.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use regex::Regex;
use url::Url;

use super::{CommandSink, Secret, TlsTrust};
use crate::model::{AutoFailover, Outcome};

/// What happens when a sync fails: a resource names one, or none.
#[derive(Debug, Clone)]
pub struct Process {
    /// Its name.
    pub name: String,
    /// The rules in the order they are tried: its own, then those that come with the program.
    pub rules: Vec<Rule>,
    /// The channels that are told, unless a rule says others.
    pub notify: Vec<String>,
    /// How long an error may be called transient before people are told.
    pub patience: Duration,
    /// How long no failure must be reported for an incident to be over.
    pub quiet: Duration,
}

/// One rule over the text of an error.
#[derive(Debug, Clone)]
pub struct Rule {
    /// Its name.
    pub name: String,
    /// What it matches, without regard to case.
    pub pattern: Regex,
    /// What it makes of an error.
    pub outcome: Outcome,
    /// How many failures within the window make it count.
    pub count: u32,
    /// The window.
    pub within: Duration,
    /// Whose failures are counted.
    pub scope: Scope,
    /// The channels that are told instead of the process's.
    pub notify: Option<Vec<String>>,
    /// Errors it must match; `rules test` runs them.
    pub samples: Vec<String>,
    /// Errors it must not match.
    pub counter_samples: Vec<String>,
    /// Whether it comes with the program.
    pub is_shipped: bool,
}

/// Whose failures a rule counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Those of the resource.
    Resource,
    /// Those of all resources together.
    Global,
}

/// The limits on what is done without a person.
#[derive(Debug, Clone)]
pub struct Safety {
    /// Who may approve a proposal: names of operating-system users, or `uid:1000`.
    pub approvers: Vec<String>,
    /// How many probes in a row must fail.
    pub probe_failures: u32,
    /// Within how long.
    pub probe_within: Duration,
    /// How long nothing happens by itself after the start of the service.
    pub startup_grace: Duration,
    /// How long a resource is held after a failover.
    pub hold: Duration,
    /// The most automatic failovers of a resource within 24 h.
    pub most_per_day: u32,
    /// How long a proposal may be approved.
    pub approval: Duration,
    /// From how many changes on a DC that comes and goes is called flapping.
    pub flapping: u32,
    /// Within how long.
    pub flapping_within: Duration,
}

impl Default for Safety {
    fn default() -> Self {
        Self {
            approvers: Vec::new(),
            probe_failures: 3,
            probe_within: Duration::from_secs(90),
            startup_grace: Duration::from_mins(1),
            hold: Duration::from_hours(1),
            most_per_day: 3,
            approval: Duration::from_hours(1),
            flapping: 4,
            flapping_within: Duration::from_mins(10),
        }
    }
}

/// How notices are made and how many.
#[derive(Debug, Clone)]
pub struct Notices {
    /// How long a first notice waits for others of the same kind.
    pub group_wait: Duration,
    /// After how long an incident that goes on is told again.
    pub repeat: Duration,
    /// The most notices per recipient and hour; what is above is told as a number.
    pub most_per_hour: u32,
    /// A folder with templates that stand in for those of the program.
    pub templates: Option<PathBuf>,
}

impl Default for Notices {
    fn default() -> Self {
        Self {
            group_wait: Duration::from_secs(10),
            repeat: Duration::from_hours(4),
            most_per_hour: 20,
            templates: None,
        }
    }
}

/// The mail server.
#[derive(Debug, Clone)]
pub struct MailServer {
    /// Its host name, which its certificate must show.
    pub host: String,
    /// The port.
    pub port: u16,
    /// How the connection is protected.
    pub security: MailSecurity,
    /// Which certificates are trusted.
    pub trust: TlsTrust,
    /// User and password, where the server wants them.
    pub login: Option<(String, Secret)>,
    /// The sender's address.
    pub from: lettre::message::Mailbox,
    /// The bound on one mail, connecting included.
    pub timeout: Duration,
}

/// How the connection to the mail server is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MailSecurity {
    /// TLS from the first byte.
    Tls,
    /// TLS by `STARTTLS` before anything else; a server that cannot is refused.
    StartTls,
    /// Nothing: only where the configuration says `security = "clear, readable on the network"`.
    Clear,
}

/// A way to tell somebody.
#[derive(Debug, Clone)]
pub enum Channel {
    /// Mail to these addresses.
    Mail(Vec<lettre::message::Mailbox>),
    /// An HTTP POST of JSON.
    Webhook(Box<Hook>),
    /// Prometheus' Alertmanager, `/api/v2/alerts`.
    Alertmanager(Box<Hook>),
    /// A program with JSON on its standard input.
    Command(CommandSink),
}

impl Channel {
    /// The stable word for what it is.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Mail(_) => "mail",
            Self::Webhook(_) => "webhook",
            Self::Alertmanager(_) => "alertmanager",
            Self::Command(_) => "command",
        }
    }
}

/// Channels by name.
pub type Channels = BTreeMap<String, Channel>;

/// A web server that notices are posted to.
#[derive(Clone)]
pub struct Hook {
    /// Where to post, without user and password.
    pub url: Url,
    /// What signs the body as Standard Webhooks says, where wanted.
    pub secret: Option<Secret>,
    /// What is sent as `Authorization: Bearer`.
    pub bearer: Option<Secret>,
    /// Which certificates are trusted.
    pub trust: TlsTrust,
    /// The bound on one request, connecting included.
    pub timeout: Duration,
}

/// Path and query of the URL are left out: some servers want a token there.
impl fmt::Debug for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hook")
            .field("server", &self.url.origin().ascii_serialization())
            .field("secret", &self.secret)
            .field("bearer", &self.bearer)
            .field("trust", &self.trust)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

/// Everything of the failure process that is no resource's own.
#[derive(Debug, Clone, Default)]
pub struct OnError {
    /// The limits on what is done without a person.
    pub safety: Safety,
    /// How notices are made and how many.
    pub notices: Notices,
    /// The mail server, where there is one; there is one where a channel is mail.
    pub mail: Option<MailServer>,
    /// Who can be told.
    pub channels: Channels,
    /// The processes by name.
    pub processes: BTreeMap<String, Process>,
}

/// What a resource lets happen when its sync fails.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reaction {
    /// The process; without one failures are recorded and shown only.
    pub process: Option<String>,
    /// What it may do by itself.
    pub auto_failover: AutoFailover,
}

impl Default for Reaction {
    fn default() -> Self {
        Self {
            process: None,
            auto_failover: AutoFailover::Propose,
        }
    }
}
