//! Checked settings: what the rest of the house works with. Every value here is usable as it stands.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;

use crate::model::{DcName, Dn, HostAttribute, Hours, Preference, ResourceName};

/// The whole configuration.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The `SQLite` database file.
    pub store: PathBuf,
    /// The collector task.
    pub collector: Collector,
    /// Every DC by name.
    pub dcs: BTreeMap<DcName, DcSettings>,
    /// Every resource by name.
    pub resources: BTreeMap<ResourceName, ResourceSettings>,
    /// The failure process: rules, limits, and who is told.
    pub on_error: super::OnError,
}

impl Settings {
    /// The DC of this name, without case, as DNS and NetBIOS compare names. The store is asked by the configured spelling
    /// alone: look a typed name up here first.
    pub fn dc_named(&self, name: &DcName) -> Option<&DcSettings> {
        let same = |dc: &&DcSettings| dc.name.as_str().eq_ignore_ascii_case(name.as_str());
        self.dcs.get(name).or_else(|| self.dcs.values().find(same))
    }

    /// The DC a cursor's host means: by `host`, without case, a port and a trailing dot left out.
    pub fn dc_of_host(&self, host: &str) -> Option<&DcSettings> {
        let bare = |text: &str| -> String {
            let name = match text.rsplit_once(':') {
                Some((name, port))
                    if port.bytes().all(|b| b.is_ascii_digit()) && !name.contains(':') =>
                {
                    name
                }
                _ => text,
            };
            name.trim_end_matches('.').to_ascii_lowercase()
        };
        self.dcs.values().find(|dc| bare(&dc.host) == bare(host))
    }
}

/// The collector task.
#[derive(Debug, Clone)]
pub struct Collector {
    /// From one poll of a DC to the next.
    pub period: Duration,
    /// The part of the period, 0 to 1, by which each poll is moved at random.
    pub jitter: f64,
    /// The most polls under way at once.
    pub concurrency: usize,
    /// How many days samples are kept (`daysToKeepUSNS`).
    pub days_to_keep_usns: u32,
}

/// One domain controller: where it is and how it is spoken to.
#[derive(Debug, Clone)]
pub struct DcSettings {
    /// Its name in the configuration.
    pub name: DcName,
    /// Its host name: verified against the certificate, and what a consumer's cursor names.
    pub host: String,
    /// Where to connect instead of resolving `host`.
    pub address: Option<String>,
    /// The port; by default 636 for LDAPS and 389 otherwise.
    pub port: u16,
    /// The port of the global catalog; by default 3269 for LDAPS and 3268 otherwise.
    pub global_catalog_port: u16,
    /// The server name it must answer with (rootDSE `serverName`), where the configuration says one.
    pub server_name: Option<String>,
    /// How the connection is protected.
    pub security: Security,
    /// Which certificates are trusted.
    pub trust: TlsTrust,
    /// How we authenticate.
    pub credentials: Credentials,
    /// The bounds on waiting.
    pub timeouts: Timeouts,
}

/// How a connection is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Security {
    /// TLS from the first byte.
    Ldaps,
    /// TLS by the `StartTLS` operation before anything else.
    StartTls,
    /// Nothing: only where the configuration says `security = "clear, passwords readable on the network"`.
    Clear,
}

/// Which certificate authorities are trusted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TlsTrust {
    /// Those of the operating system.
    System,
    /// Those in this PEM file, and no others.
    File(PathBuf),
}

/// How we authenticate.
#[derive(Debug, Clone)]
pub enum Credentials {
    /// Not at all: rootDSE only.
    Anonymous,
    /// Simple bind.
    Simple {
        /// A DN, `user@domain` or `DOMAIN\user`.
        user: String,
        /// The password, re-read on reload.
        password: SecretString,
    },
    /// Simple bind, loaded with [`Secrets::Skip`](super::Secrets::Skip): nothing to bind with, so a bind must be refused.
    NotRead {
        /// A DN, `user@domain` or `DOMAIN\user`.
        user: String,
        /// Where the password would be read from.
        source: SecretSource,
    },
    /// SASL EXTERNAL with a client certificate.
    External {
        /// PEM file with the client's certificate chain.
        certificate: PathBuf,
        /// PEM file with its private key.
        key: PathBuf,
    },
    /// SASL GSSAPI (Kerberos), over TLS only.
    Gssapi {
        /// The client principal for the keytab; `None` takes the cache's.
        principal: Option<String>,
        /// A keytab to get tickets from.
        keytab: Option<PathBuf>,
        /// A credential cache to use.
        ccache: Option<PathBuf>,
    },
}

/// Where a secret is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretSource {
    /// A file that only its owner can read.
    File(PathBuf),
    /// An environment variable of this name.
    Env(String),
    /// A systemd credential of this name, in `$CREDENTIALS_DIRECTORY`.
    Credential(String),
}

/// The bounds on waiting for a DC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// To connect, TLS and bind included.
    pub connect: Duration,
    /// For the answer to one operation, or the next page of a search.
    pub operation: Duration,
    /// For a whole search, all pages.
    pub search: Duration,
}

/// One AD source as a sync sees it.
#[derive(Debug, Clone)]
pub struct ResourceSettings {
    /// Its name.
    pub name: ResourceName,
    /// What the sync reads below.
    pub base_contexts: Vec<Dn>,
    /// Whether the sync searches subdomains through a global catalog; decides which attribute is rewritten.
    pub search_subdomains: bool,
    /// Which attribute of the resource a failover rewrites.
    pub host_attribute: HostAttribute,
    /// The DCs that may take over, with how gladly; the DC in use may be among them.
    pub backup_dcs: BTreeMap<DcName, Preference>,
    /// The site the consumer runs in; `None` takes that of the DC in use.
    pub site: Option<String>,
    /// The bound on replication (`replicationTime`).
    pub replication_time: Hours,
    /// Which start acts.
    pub start: crate::model::StartMethod,
    /// Who owns the cursor.
    pub consumer: Consumer,
    /// Our own feed; there is one exactly where the consumer is [`ConsumerKind::Builtin`].
    pub feed: Option<super::Feed>,
    /// What happens when its sync fails.
    pub reaction: super::Reaction,
}

/// Who owns the cursor, and how it is stopped and started.
#[derive(Debug, Clone)]
pub struct Consumer {
    /// Where the cursor is.
    pub kind: ConsumerKind,
    /// What its USNs mean.
    pub position: Position,
    /// What stops the sync; may be done twice. A program's exit status 0 means it is stopped.
    pub stop: Option<super::Turn>,
    /// What starts the sync; may be done twice.
    pub start: Option<super::Turn>,
    /// The preset that it was written by.
    pub preset: Option<Expansion>,
    /// The bound on either, and on every reading and writing of an outside spot.
    pub command_timeout: Duration,
}

/// A preset, and what it stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expansion {
    /// Its name.
    pub name: String,
    /// The consumer's table as it could be written by hand, in TOML; secrets are named by their place.
    pub text: String,
}

/// Where a cursor is kept.
#[derive(Debug, Clone)]
pub enum ConsumerKind {
    /// In Highwater's store, written by somebody else's sync.
    Store,
    /// In Highwater's store, written by its own Active Sync.
    Builtin,
    /// In a cursor file (JSON, `schema/cursor.schema.json`).
    File(PathBuf),
    /// In the places of another product, as it keeps it.
    Outside(Box<super::Outside>),
}

impl ConsumerKind {
    /// Whether it is Highwater's own Active Sync.
    pub fn is_builtin(&self) -> bool {
        matches!(self, Self::Builtin)
    }

    /// How a started sync is seen to go on, where it is looked at.
    pub fn confirm(&self) -> Option<&super::Confirm> {
        match self {
            Self::Outside(outside) => outside.confirm.as_ref(),
            Self::Store | Self::Builtin | Self::File(_) => None,
        }
    }

    /// Its word in the configuration.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Store => "store",
            Self::Builtin => "builtin",
            Self::File(_) => "file",
            Self::Outside(_) => "outside",
        }
    }
}

/// What the consumer writes down as its cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Position {
    /// highestCommittedUSN as read before the search: a safe cursor.
    BeforeSearch,
    /// The largest uSNChanged it saw: unsafe, since results are unordered, so no vector start is proven (R12).
    LargestSeen,
    /// A cookie that is kept, since every DC knows what it means.
    Cookie,
    /// Nothing that is kept: it is removed, and everything is read again.
    Reset,
}

impl Position {
    /// Its word in output.
    pub fn word(self) -> &'static str {
        match self {
            Self::BeforeSearch => "before_search",
            Self::LargestSeen => "largest_seen",
            Self::Cookie => "cookie",
            Self::Reset => "reset",
        }
    }

    /// Whether the cursor says which USNs were read.
    pub fn has_usns(self) -> bool {
        matches!(self, Self::BeforeSearch | Self::LargestSeen)
    }
}
