//! Checked settings of another product's HTTP interface: how it is spoken to, where its cursor is, how it is stopped.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use url::Url;

use super::{JsonPath, Secret, SpotField, TlsTrust};

/// A server, and how requests to it are authenticated and bounded.
#[derive(Clone)]
pub struct HttpServer {
    /// What the addresses of requests count from: `https`, `http` on loopback or where the configuration allows it in
    /// words; ends in `/`, without user, password and query.
    pub base: HttpUrl,
    /// How it is authenticated.
    pub auth: HttpAuth,
    /// Headers that every request carries.
    pub headers: BTreeMap<String, HttpText>,
    /// Which certificates are trusted.
    pub trust: TlsTrust,
    /// The bound on one request, connecting and the whole answer included.
    pub timeout: Duration,
}

/// Headers are left out: some products want a password there.
impl fmt::Debug for HttpServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpServer")
            .field("base", &self.base)
            .field("auth", &self.auth)
            .field("trust", &self.trust)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

/// How a request is authenticated.
#[derive(Debug, Clone)]
pub enum HttpAuth {
    /// By headers alone, or not at all.
    None,
    /// `Authorization: Basic`.
    Basic {
        /// The user.
        user: String,
        /// The password.
        password: Secret,
    },
    /// `Authorization: Bearer`.
    Bearer(Secret),
}

/// The text of a header.
#[derive(Debug, Clone)]
pub enum HttpText {
    /// As it stands in the configuration.
    Plain(String),
    /// A secret.
    Secret(Secret),
}

/// An address of a request. It is shown without its query, which may hold a token.
#[derive(Clone, PartialEq, Eq)]
pub struct HttpUrl(pub Url);

impl fmt::Display for HttpUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let query = if self.0.query().is_some() { "?…" } else { "" };
        let origin = self.0.origin().ascii_serialization();
        write!(f, "{origin}{}{query}", self.0.path())
    }
}

impl fmt::Debug for HttpUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What is done to a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HttpMethod {
    /// `GET`.
    Get,
    /// `PUT`.
    Put,
    /// `PATCH`.
    Patch,
    /// `POST`.
    Post,
    /// `DELETE`.
    Delete,
}

impl HttpMethod {
    /// As it is sent.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Post => "POST",
            Self::Delete => "DELETE",
        }
    }
}

/// A JSON document that holds host or cursor.
#[derive(Debug, Clone)]
pub struct HttpSpotSettings {
    /// Who has it.
    pub server: Arc<HttpServer>,
    /// Where it is read.
    pub url: HttpUrl,
    /// Where in it each field is.
    pub keys: BTreeMap<SpotField, JsonPath>,
    /// How it is written.
    pub write: HttpWrite,
    /// How a write in between is seen.
    pub guard: HttpGuard,
}

/// How a document is written.
#[derive(Debug, Clone)]
pub struct HttpWrite {
    /// `PUT`, `PATCH` or `POST`.
    pub method: HttpMethod,
    /// Where to.
    pub url: HttpUrl,
    /// What is sent, with `{host}`, `{updated}`, `{old_updated}` and so on; `None` sends the edited document.
    pub body: Option<String>,
    /// Its media type.
    pub media_type: String,
}

/// How a write in between reading and writing is seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HttpGuard {
    /// By the header `ETag`, sent back as `If-Match`.
    Etag,
    /// By a revision in the document, sent back as `If-Match`.
    Revision(JsonPath),
    /// By reading once more right before; what is written within that moment is lost.
    Compare,
}

/// One step of a stop or a start.
#[derive(Debug, Clone)]
pub struct HttpStep {
    /// Who is asked.
    pub server: Arc<HttpServer>,
    /// What is asked; `None` only waits.
    pub ask: Option<HttpAsk>,
    /// What must have come about before the next step; where it has already, nothing is asked.
    pub until: Option<HttpUntil>,
}

impl fmt::Display for HttpStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.ask, &self.until) {
            (Some(ask), None) => write!(f, "{} {}", ask.method.word(), ask.url),
            (Some(ask), Some(until)) => {
                write!(f, "{} {}, until {until}", ask.method.word(), ask.url)
            }
            (None, Some(until)) => write!(f, "wait until {until}"),
            (None, None) => f.write_str("nothing"),
        }
    }
}

/// A request of a step.
#[derive(Debug, Clone)]
pub struct HttpAsk {
    /// The method.
    pub method: HttpMethod,
    /// Where to.
    pub url: HttpUrl,
    /// What is sent.
    pub body: HttpBody,
    /// The answers that mean success.
    pub expect: Vec<u16>,
}

/// What a step sends.
#[derive(Debug, Clone)]
pub enum HttpBody {
    /// Nothing.
    Nothing,
    /// This text, of the media type `application/json`.
    Text(String),
    /// What stands there with these values put in; nothing is sent where they stand there already.
    Set(Vec<(JsonPath, String)>),
}

/// What is waited for.
#[derive(Debug, Clone)]
pub struct HttpUntil {
    /// How it is asked.
    pub method: HttpMethod,
    /// Where.
    pub url: HttpUrl,
    /// Where in the answer it is.
    pub at: JsonPath,
    /// What stands there then; `None` waits until nothing does.
    pub is: Option<String>,
    /// How long it may take.
    pub within: Duration,
}

impl fmt::Display for HttpUntil {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { at, url, .. } = self;
        match &self.is {
            Some(is) => write!(f, "{at} of {url} is {is:?}"),
            None => write!(f, "{at} of {url} is gone"),
        }
    }
}
