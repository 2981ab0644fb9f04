//! An entry in which another product keeps its host or cursor.

use std::collections::BTreeMap;
use std::time::Duration;

use super::super::problem::Notes;
use super::super::raw::Field;
use super::super::{
    Credentials, DcSettings, LdapSpotSettings, Secret, Security, SpotField, Timeouts, TlsTrust,
};
use super::connection::{self, SECURITY};
use super::{Place, credentials};

/// Reads the spot; `entry` and `attributes` are the keys beside `ldap`.
pub(super) fn read(
    ldap: &Field<'_>,
    entry: Option<&Field<'_>>,
    attributes: Option<&Field<'_>>,
    place: &Place<'_>,
    notes: &mut Notes,
) -> Option<LdapSpotSettings> {
    let server = server(ldap, place, notes);
    let mut missing = |name: &str, like: &str| {
        let path = ldap.path();
        let within = path.strip_suffix(".ldap").unwrap_or(path);
        let message = format!("`{within}.{name}` is missing");
        notes.add(ldap.span(), message, format!("add {name} = {like}"));
    };
    let entry_like = "\"cn=hr,cn=registry\"";
    if entry.is_none() {
        missing("entry", entry_like);
    }
    if attributes.is_none() {
        missing("attributes", "{ updated = \"lastUSN\" }");
    }
    let entry = entry?.text(entry_like, notes)?.to_owned();
    let mut table = attributes?.table(notes)?;
    let mut names = BTreeMap::new();
    for field in SpotField::ALL {
        if let Some(name) = table.take(field.word(), notes) {
            names.insert(
                field,
                name.text("\"nsds7DirsyncCookie\"", notes)?.to_owned(),
            );
        }
    }
    table.finish(notes);
    if names.is_empty() {
        let cure = "write it like { updated = \"lastUSN\" }";
        let field = attributes?;
        notes.add(
            field.span(),
            format!("`{}` says where nothing is", field.path()),
            cure,
        );
        return None;
    }
    Some(LdapSpotSettings {
        server: Box::new(server?),
        entry,
        attributes: names,
    })
}

fn server(field: &Field<'_>, place: &Place<'_>, notes: &mut Notes) -> Option<DcSettings> {
    let mut section = field.table(notes)?;
    let host = section
        .require("host", "\"ds.example.com\"", notes)
        .and_then(|field| connection::host(&field, notes).map(str::to_owned));
    let security = section
        .take("security", notes)
        .map_or(Some(Security::Ldaps), |field| {
            field.one_of(&SECURITY, notes)
        });
    let port = connection::port(&mut section, "port", notes);
    let user = section
        .require("user", "\"cn=highwater,cn=config\"", notes)
        .and_then(|field| Some(field.text("\"cn=highwater,cn=config\"", notes)?.to_owned()));
    let password = section
        .require("password", "{ file = \"/etc/highwater/ds.pass\" }", notes)
        .and_then(|field| credentials::secret(&field, place, notes));
    let trust = match section.take("ca_file", notes) {
        Some(field) => place.certificates(&field, notes).map(TlsTrust::File),
        None => Some(TlsTrust::System),
    };
    section.finish(notes);
    let (user, security) = (user?, security?);
    let credentials = match password? {
        Secret::Known(password) => Credentials::Simple { user, password },
        Secret::NotRead(source) => Credentials::NotRead { user, source },
    };
    let port = port.unwrap_or(if security == Security::Ldaps {
        636
    } else {
        389
    });
    Some(DcSettings {
        name: "outside".parse().ok()?,
        host: host?,
        address: None,
        port,
        global_catalog_port: port,
        server_name: None,
        security,
        trust: trust?,
        credentials,
        timeouts: Timeouts {
            connect: Duration::from_secs(5),
            operation: Duration::from_secs(10),
            search: Duration::from_secs(10),
        },
    })
}
