//! `[connection]` and `[dc.NAME]`: where each DC is and how it is spoken to.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use super::super::problem::Notes;
use super::super::raw::{self, At, Field, Section};
use super::super::{Credentials, DcSettings, Security, Timeouts, TlsTrust};
use super::credentials::{self, Known};
use super::{DAY, Place};
use crate::model::DcName;

/// The words that allow an unprotected connection.
const CLEAR: &str = "clear, passwords readable on the network";

pub(super) const SECURITY: [(&str, Security); 3] = [
    ("ldaps", Security::Ldaps),
    ("starttls", Security::StartTls),
    (CLEAR, Security::Clear),
];

/// The bounds of the timeouts of one step.
const STEP: RangeInclusive<Duration> = Duration::from_millis(10)..=Duration::from_hours(1);
/// The bounds of the timeout of a whole search.
const SEARCH: RangeInclusive<Duration> = Duration::from_millis(10)..=DAY;

/// The keys a DC may take from `[connection]`.
#[derive(Clone, Default)]
pub(super) struct Connection<'t> {
    security: Option<At<Security>>,
    ca_file: Option<PathBuf>,
    credentials: Option<Field<'t>>,
    connect: Option<Duration>,
    operation: Option<Duration>,
    search: Option<Duration>,
}

impl Connection<'_> {
    fn timeouts(&self) -> Timeouts {
        Timeouts {
            connect: self.connect.unwrap_or(Duration::from_secs(5)),
            operation: self.operation.unwrap_or(Duration::from_secs(10)),
            search: self.search.unwrap_or(Duration::from_mins(2)),
        }
    }
}

/// Reads `[connection]`.
pub(super) fn defaults<'t>(
    root: &mut Section<'t>,
    place: &Place<'_>,
    notes: &mut Notes,
) -> Connection<'t> {
    let Some(mut section) = root.table("connection", notes) else {
        return Connection::default();
    };
    let read = connection(&mut section, &Connection::default(), place, notes);
    section.finish(notes);
    read
}

/// Takes the connection's keys out of a table; what is not there is as in `defaults`.
fn connection<'t>(
    section: &mut Section<'t>,
    defaults: &Connection<'t>,
    place: &Place<'_>,
    notes: &mut Notes,
) -> Connection<'t> {
    let mut read = defaults.clone();
    if let Some(field) = section.take("security", notes) {
        read.security = security(&field, notes).or(read.security);
    }
    if let Some(field) = section.take("ca_file", notes) {
        read.ca_file = place.certificates(&field, notes);
    }
    if let Some(field) = section.take("credentials", notes) {
        read.credentials = Some(field);
    }
    if let Some(field) = section.take("connect_timeout", notes) {
        read.connect = field.duration(STEP, notes);
    }
    if let Some(field) = section.take("operation_timeout", notes) {
        read.operation = field.duration(STEP, notes);
    }
    if let Some(field) = section.take("search_timeout", notes) {
        read.search = field.duration(SEARCH, notes);
    }
    read
}

fn security(field: &Field<'_>, notes: &mut Notes) -> Option<At<Security>> {
    let text = field.text("\"ldaps\" or \"starttls\"", notes)?;
    if matches!(text, "clear" | "none" | "plain" | "ldap") {
        let cure = format!("use \"ldaps\" or \"starttls\"; or say it in full: \"{CLEAR}\"");
        field.wrong("would send everything unprotected", cure, notes);
        return None;
    }
    let value = field.one_of(&SECURITY, notes)?;
    Some(At {
        value,
        span: field.span(),
    })
}

/// Reads every `[dc.NAME]`; also gives every name, of wrong ones too, for the resources' references.
pub(super) fn dcs<'t>(
    root: &mut Section<'t>,
    defaults: &Connection<'t>,
    known: &Known,
    place: &Place<'_>,
    notes: &mut Notes,
) -> (BTreeMap<DcName, DcSettings>, Vec<&'t str>) {
    let tables = root.tables("dc", notes);
    if tables.is_empty() && notes.is_empty() {
        let cure = "add a table [dc.dc1] with host = \"dc1.example.com\"";
        notes.add(0..0, "`dc`: no domain controller is configured", cure);
    }
    let names = tables.iter().map(|(name, _)| name.value).collect();
    let mut seen = Seen::default();
    let mut dcs = BTreeMap::new();
    for (name, mut section) in tables {
        let path = section.path().to_owned();
        if let Some(first) = seen
            .names
            .insert(name.value.to_ascii_lowercase(), path.clone())
        {
            notes.add(
                name.span.clone(),
                format!("`{path}` has the name of `{first}`: case does not count in names of DCs"),
                "give each a name of its own",
            );
        }
        let name = raw::parsed::<DcName>(&path, name.value, name.span, "dc1", notes);
        let host = section
            .require("host", "\"dc1.example.com\"", notes)
            .and_then(|field| host(&field, notes).map(|text| seen.host(&field, text, notes)));
        let server = section.take("server_name", notes).and_then(|field| {
            server_name(&field, notes).map(|text| seen.server(&field, text, notes))
        });
        let rest = endpoint(&mut section, defaults, known, place, notes);
        section.finish(notes);
        if let (Some(name), Some(host), Some(rest)) = (name, host, rest) {
            let dc = rest.into_settings(name.clone(), host, server);
            dcs.insert(name, dc);
        }
    }
    (dcs, names)
}

/// The names, hosts and server names so far, folded, each with the key it was given by.
#[derive(Default)]
struct Seen {
    names: BTreeMap<String, String>,
    hosts: BTreeMap<String, String>,
    servers: BTreeMap<String, String>,
}

impl Seen {
    fn host(&mut self, field: &Field<'_>, text: &str, notes: &mut Notes) -> String {
        once(&mut self.hosts, field, text, notes)
    }

    fn server(&mut self, field: &Field<'_>, text: &str, notes: &mut Notes) -> String {
        once(&mut self.servers, field, text, notes)
    }
}

/// Two DCs of one name would be one DC with two histories.
fn once(
    seen: &mut BTreeMap<String, String>,
    field: &Field<'_>,
    text: &str,
    notes: &mut Notes,
) -> String {
    match seen.get(&text.to_ascii_lowercase()) {
        Some(first) => field.wrong(
            &format!("is the same as `{first}`"),
            "name another domain controller, or remove one of the two",
            notes,
        ),
        None => {
            seen.insert(text.to_ascii_lowercase(), field.path().to_owned());
        }
    }
    text.to_owned()
}

/// A DC without its names.
struct Endpoint {
    address: Option<String>,
    port: u16,
    global_catalog_port: u16,
    security: Security,
    trust: TlsTrust,
    credentials: Credentials,
    timeouts: Timeouts,
}

impl Endpoint {
    fn into_settings(self, name: DcName, host: String, server_name: Option<String>) -> DcSettings {
        DcSettings {
            name,
            host,
            address: self.address,
            port: self.port,
            global_catalog_port: self.global_catalog_port,
            server_name,
            security: self.security,
            trust: self.trust,
            credentials: self.credentials,
            timeouts: self.timeouts,
        }
    }
}

fn endpoint<'t>(
    section: &mut Section<'t>,
    defaults: &Connection<'t>,
    known: &Known,
    place: &Place<'_>,
    notes: &mut Notes,
) -> Option<Endpoint> {
    let address = section
        .take("address", notes)
        .and_then(|field| host(&field, notes).map(str::to_owned));
    let port = port(section, "port", notes);
    let global_catalog_port = self::port(section, "global_catalog_port", notes);
    let used = connection(section, defaults, place, notes);
    let security = used
        .security
        .as_ref()
        .map_or(Security::Ldaps, |at| at.value);
    let Some(field) = &used.credentials else {
        let message = format!("`{}` names no credentials", section.path());
        let cure = "add credentials = \"NAME\" here or in [connection]; for a DC whose rootDSE alone is read, name one with method = \"anonymous\"";
        notes.add(section.span(), message, cure);
        return None;
    };
    let credentials = credentials::named(field, known, notes)?;
    protected(section.path(), security, &credentials, notes);
    let (ldap, catalog) = match security {
        Security::Ldaps => (636, 3269),
        Security::StartTls | Security::Clear => (389, 3268),
    };
    let timeouts = used.timeouts();
    Some(Endpoint {
        address,
        port: port.unwrap_or(ldap),
        global_catalog_port: global_catalog_port.unwrap_or(catalog),
        security,
        trust: used.ca_file.map_or(TlsTrust::System, TlsTrust::File),
        credentials: credentials.value.clone(),
        timeouts,
    })
}

/// Refuses what cannot be done without TLS.
fn protected(dc: &str, security: Security, credentials: &At<&Credentials>, notes: &mut Notes) {
    if security != Security::Clear {
        return;
    }
    let (what, why) = match credentials.value {
        Credentials::Gssapi { .. } => (
            "Kerberos",
            "its signing layer loses entries of large answers, so it is spoken over TLS alone",
        ),
        Credentials::External { .. } => ("a client certificate", "it is shown within TLS"),
        Credentials::Anonymous | Credentials::Simple { .. } | Credentials::NotRead { .. } => return,
    };
    notes.add(
        credentials.span.clone(),
        format!("`{dc}` would use {what} on a clear connection: {why}"),
        "write security = \"ldaps\" or \"starttls\"",
    );
}

pub(super) fn port(
    section: &mut Section<'_>,
    name: &'static str,
    notes: &mut Notes,
) -> Option<u16> {
    let field = section.take(name, notes)?;
    field
        .whole(1..=65_535, notes)
        .and_then(|port| u16::try_from(port).ok())
}

/// A host name or an IP address, alone.
pub(super) fn host<'t>(field: &Field<'t>, notes: &mut Notes) -> Option<&'t str> {
    let text = field.text("\"dc1.example.com\"", notes)?;
    let cure = if text.parse::<IpAddr>().is_ok() {
        return Some(text);
    } else if text.contains("://") {
        "leave the scheme out; `security` says how the connection is protected"
    } else if text.contains(':') {
        "leave the port out; `port` says it"
    } else if text.len() > 253 || text.split('.').any(bad_label) {
        "write the full DNS name, as dc1.example.com, or an IP address"
    } else {
        return Some(text);
    };
    field.wrong("is no host name", cure, notes);
    None
}

fn bad_label(label: &str) -> bool {
    let letters = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    label.is_empty() || label.len() > 63 || !label.bytes().all(letters)
}

fn server_name<'t>(field: &Field<'t>, notes: &mut Notes) -> Option<&'t str> {
    let text = field.text("\"DC1\"", notes)?;
    if text.contains(['.', ',', '=']) {
        let cure = "write the short name, as DC1: the first part of rootDSE serverName";
        field.wrong("is no server name", cure, notes);
        return None;
    }
    Some(text)
}
