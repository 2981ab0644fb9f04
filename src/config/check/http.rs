//! `[resource.NAME.consumer.http]` and what counts from it: documents with a host or cursor, and steps of requests.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use url::{Host, Url};

use super::super::problem::{Notes, sounds_secret};
use super::super::raw::{Field, Section};
use super::super::{
    HttpAuth, HttpGuard, HttpMethod, HttpServer, HttpSpotSettings, HttpText, HttpUrl, HttpWrite,
    JsonPath, SpotField, TlsTrust,
};
use super::{PERIODS, Place, credentials, sink};

const BASE: &str = "\"https://idm.example.com/openidm/\"";
/// The bounds of one request.
const REQUESTS: RangeInclusive<Duration> = Duration::from_millis(100)..=Duration::from_mins(5);

/// Reads the server.
pub(super) fn server(
    field: &Field<'_>,
    place: &Place<'_>,
    notes: &mut Notes,
) -> Option<Arc<HttpServer>> {
    let mut section = field.table(notes)?;
    let is_clear = section
        .take("security", notes)
        .map_or(Some(false), |field| {
            field.one_of(&[("https", false), (sink::CLEAR, true)], notes)
        });
    let base = section
        .require("base", BASE, notes)
        .and_then(|field| base(&field, is_clear?, notes));
    let auth = auth(&mut section, place, notes);
    let headers = match section.take("headers", notes) {
        Some(field) => headers(&field, place, notes),
        None => Some(BTreeMap::new()),
    };
    let trust = match section.take("ca_file", notes) {
        Some(field) => place.certificates(&field, notes).map(TlsTrust::File),
        None => Some(TlsTrust::System),
    };
    let timeout = section
        .take("timeout", notes)
        .map_or(Some(Duration::from_secs(10)), |field| {
            field.duration(REQUESTS, notes)
        });
    section.finish(notes);
    Some(Arc::new(HttpServer {
        base: base?,
        auth: auth?,
        headers: headers?,
        trust: trust?,
        timeout: timeout?,
    }))
}

/// The address that paths count from. On loopback nobody else reads what is sent in clear.
fn base(field: &Field<'_>, is_clear: bool, notes: &mut Notes) -> Option<HttpUrl> {
    let url = field.as_text().and_then(|text| Url::parse(text).ok());
    let is_local = url.is_some_and(|url| {
        url.scheme() == "http"
            && match url.host() {
                Some(Host::Domain(name)) => name == "localhost",
                Some(Host::Ipv4(address)) => address.is_loopback(),
                Some(Host::Ipv6(address)) => address.is_loopback(),
                None => false,
            }
    });
    let mut url = sink::url(field, is_clear || is_local, notes)?;
    if url.query().is_some() {
        notes.add(
            field.span(),
            format!("`{}` has a query", field.path()),
            "leave out `?` and all after it; a token goes into headers",
        );
        return None;
    }
    if !url.path().ends_with('/') {
        url.set_path(&format!("{}/", url.path()));
    }
    Some(HttpUrl(url))
}

fn auth(section: &mut Section<'_>, place: &Place<'_>, notes: &mut Notes) -> Option<HttpAuth> {
    let basic = section.take("basic", notes);
    let bearer = section.take("bearer", notes);
    match (basic, bearer) {
        (None, None) => Some(HttpAuth::None),
        (None, Some(field)) => sink::token(&field, place, notes).map(HttpAuth::Bearer),
        (Some(field), None) => {
            let mut section = field.table(notes)?;
            let user = section.require("user", "\"openidm-admin\"", notes);
            let user = user.and_then(|field| field.text("\"openidm-admin\"", notes));
            let like = "{ file = \"/etc/highwater/idm.pass\" }";
            let password = section
                .require("password", like, notes)
                .and_then(|field| credentials::secret(&field, place, notes));
            section.finish(notes);
            Some(HttpAuth::Basic {
                user: user?.to_owned(),
                password: password?,
            })
        }
        (Some(_), Some(field)) => {
            let message = format!("`{}` stands beside basic", field.path());
            notes.add(field.span(), message, "keep one of the two");
            None
        }
    }
}

fn headers(
    field: &Field<'_>,
    place: &Place<'_>,
    notes: &mut Notes,
) -> Option<BTreeMap<String, HttpText>> {
    let mut headers = BTreeMap::new();
    for (name, field) in field.entries(notes) {
        if reqwest::header::HeaderName::try_from(name).is_err() {
            notes.add(
                field.span(),
                format!("`{}` is no name of a header", field.path()),
                "write it like \"Accept-API-Version\"",
            );
            continue;
        }
        let sounds = sounds_secret(name) || name.eq_ignore_ascii_case("authorization");
        let text = if sounds || field.is_table() {
            credentials::secret(&field, place, notes).map(HttpText::Secret)
        } else {
            field
                .text("\"resource=1.0\"", notes)
                .map(|text| HttpText::Plain(text.to_owned()))
        };
        headers.insert(name.to_owned(), text?);
    }
    Some(headers)
}

/// The address of a path that counts from the server's; never one on another server.
pub(super) fn address(
    field: &Field<'_>,
    server: &HttpServer,
    notes: &mut Notes,
) -> Option<HttpUrl> {
    let like = "\"repo/state/hr\"";
    let text = field.text(like, notes)?;
    let url = server.base.0.join(text).ok().filter(|url| {
        url.origin() == server.base.0.origin()
            && url.path().starts_with(server.base.0.path())
            && url.fragment().is_none()
            && url.username().is_empty()
    });
    if url.is_none() {
        let cure = format!(
            "write what comes behind `base` ({}), like {like}",
            server.base
        );
        field.wrong("is no path below it", cure, notes);
    }
    url.map(HttpUrl)
}

/// A value's place in a document.
pub(super) fn json_path(field: &Field<'_>, notes: &mut Notes) -> Option<JsonPath> {
    field.parsed("\"/connectorData/syncToken\"", notes)
}

/// The keys of a document with a host or cursor.
pub(super) struct SpotKeys<'t> {
    pub(super) path: String,
    pub(super) span: std::ops::Range<usize>,
    pub(super) http: Field<'t>,
    pub(super) json: Option<Field<'t>>,
    pub(super) guard: Option<Field<'t>>,
    pub(super) put: Option<Field<'t>>,
    pub(super) patch: Option<Field<'t>>,
    pub(super) post: Option<Field<'t>>,
    pub(super) body: Option<Field<'t>>,
    pub(super) media_type: Option<Field<'t>>,
}

/// Reads a document with a host or cursor.
pub(super) fn spot(
    keys: &SpotKeys<'_>,
    server: &Named,
    notes: &mut Notes,
) -> Option<HttpSpotSettings> {
    let server = server.need(notes)?;
    let url = address(&keys.http, server, notes);
    let fields = if let Some(field) = &keys.json {
        places(field, notes)
    } else {
        notes.add(
            keys.span.clone(),
            format!("`{}.json` is missing", keys.path),
            "add json = { updated = \"/connectorData/syncToken\" }",
        );
        None
    };
    let guard = match &keys.guard {
        Some(field) => guard(field, notes),
        None => Some(HttpGuard::Compare),
    };
    let write = write(keys, server, url.as_ref(), notes);
    Some(HttpSpotSettings {
        server: Arc::clone(server),
        url: url?,
        keys: fields?,
        write: write?,
        guard: guard?,
    })
}

/// The server of a consumer, where it names one.
pub(super) struct Named {
    pub(super) server: Option<Arc<HttpServer>>,
    /// The full name of the consumer's table.
    pub(super) consumer: String,
    /// Where that begins.
    pub(super) span: std::ops::Range<usize>,
}

impl Named {
    /// The server; that it is missing is told once, however many paths count from it.
    pub(super) fn need(&self, notes: &mut Notes) -> Option<&Arc<HttpServer>> {
        if self.server.is_none() {
            let table = format!("{}.http", self.consumer);
            notes.add(
                self.span.clone(),
                format!("`{table}` is missing, the server that paths count from"),
                format!("add a table [{table}] with base = {BASE}, and basic or bearer"),
            );
        }
        self.server.as_ref()
    }
}

fn places(field: &Field<'_>, notes: &mut Notes) -> Option<BTreeMap<SpotField, JsonPath>> {
    let mut table = field.table(notes)?;
    let mut keys = BTreeMap::new();
    for name in SpotField::ALL {
        if let Some(field) = table.take(name.word(), notes) {
            keys.insert(name, json_path(&field, notes)?);
        }
    }
    table.finish(notes);
    if keys.is_empty() {
        notes.add(
            field.span(),
            format!("`{}` says where nothing is", field.path()),
            "write it like { updated = \"/connectorData/syncToken\" }",
        );
        return None;
    }
    Some(keys)
}

fn guard(field: &Field<'_>, notes: &mut Notes) -> Option<HttpGuard> {
    if field.is_table() {
        let mut section = field.table(notes)?;
        let path = section
            .require("revision", "\"/_rev\"", notes)
            .and_then(|field| json_path(&field, notes));
        section.finish(notes);
        return path.map(HttpGuard::Revision);
    }
    let is_etag = field.one_of(&[("etag", true), ("compare", false)], notes)?;
    Some(if is_etag {
        HttpGuard::Etag
    } else {
        HttpGuard::Compare
    })
}

fn write(
    keys: &SpotKeys<'_>,
    server: &HttpServer,
    read: Option<&HttpUrl>,
    notes: &mut Notes,
) -> Option<HttpWrite> {
    let ways = [
        (HttpMethod::Put, &keys.put),
        (HttpMethod::Patch, &keys.patch),
        (HttpMethod::Post, &keys.post),
    ];
    let given: Vec<_> = ways
        .into_iter()
        .filter_map(|(method, field)| Some((method, field.as_ref()?)))
        .collect();
    let (method, url) = match given.as_slice() {
        [] => (HttpMethod::Put, read?.clone()),
        [(method, field)] => (*method, address(field, server, notes)?),
        [_, (_, second), ..] => {
            second.wrong(
                "is a second way to write",
                "keep one of put, patch and post",
                notes,
            );
            return None;
        }
    };
    let body = match &keys.body {
        Some(field) => Some(field.lines("'{\"usn\": \"{updated}\"}'", notes)?.to_owned()),
        None => None,
    };
    let media_type = match &keys.media_type {
        Some(field) => {
            let text = field.text("\"application/json\"", notes)?;
            if !text
                .bytes()
                .all(|byte| byte.is_ascii_graphic() || byte == b' ')
            {
                field.wrong(
                    "is no media type",
                    "write it like \"application/json\"",
                    notes,
                );
                return None;
            }
            text
        }
        None => "application/json",
    };
    Some(HttpWrite {
        method,
        url,
        body,
        media_type: media_type.to_owned(),
    })
}

/// How long something may be waited for.
pub(super) const WAITS: RangeInclusive<Duration> = PERIODS;
