//! `[credentials.NAME]`: how to authenticate, and where the secret is.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::PathBuf;

use super::super::problem::Notes;
use super::super::raw::{At, Field, Section};
use super::super::{Credentials, Secret, SecretSource, Secrets, secret};
use super::Place;

/// The credentials of each name; `None` where they are wrong, which has been told.
pub(super) type Known = BTreeMap<String, Option<Credentials>>;

#[derive(Clone, Copy, PartialEq)]
enum Method {
    Anonymous,
    Simple,
    External,
    Gssapi,
}

impl Method {
    const WORDS: [(&'static str, Method); 4] = [
        ("anonymous", Method::Anonymous),
        ("simple", Method::Simple),
        ("external", Method::External),
        ("gssapi", Method::Gssapi),
    ];

    fn word(self) -> &'static str {
        match self {
            Self::Anonymous => "anonymous",
            Self::Simple => "simple",
            Self::External => "external",
            Self::Gssapi => "gssapi",
        }
    }
}

/// Every key of such a table, with the method it belongs to.
const KEYS: [(&str, Method); 7] = [
    ("user", Method::Simple),
    ("password", Method::Simple),
    ("certificate", Method::External),
    ("key", Method::External),
    ("principal", Method::Gssapi),
    ("keytab", Method::Gssapi),
    ("ccache", Method::Gssapi),
];

/// The keys of one table that were given.
struct Keys<'t> {
    path: String,
    span: Range<usize>,
    given: BTreeMap<&'static str, Field<'t>>,
}

impl<'t> Keys<'t> {
    fn get(&self, name: &str) -> Option<&Field<'t>> {
        self.given.get(name)
    }

    fn require(&self, name: &str, like: &str, notes: &mut Notes) -> Option<&Field<'t>> {
        let field = self.get(name);
        if field.is_none() {
            let message = format!("`{}.{name}` is missing", self.path);
            notes.add(self.span.clone(), message, format!("add {name} = {like}"));
        }
        field
    }
}

/// Reads every `[credentials.NAME]`.
pub(super) fn all(root: &mut Section<'_>, place: &Place<'_>, notes: &mut Notes) -> Known {
    root.tables("credentials", notes)
        .into_iter()
        .map(|(name, section)| (name.value.to_owned(), read(section, place, notes)))
        .collect()
}

/// The credentials a DC names, with the place it names them at.
pub(super) fn named<'k>(
    field: &Field<'_>,
    known: &'k Known,
    notes: &mut Notes,
) -> Option<At<&'k Credentials>> {
    let name = field.text("\"reader\"", notes)?;
    let Some(found) = known.get(name) else {
        let names: Vec<&str> = known.keys().map(String::as_str).collect();
        let cure = if names.is_empty() {
            format!("add a table [credentials.{name}] with method, user and password")
        } else {
            super::super::suggest::cure(name, &names)
        };
        field.unknown("names no credentials", cure, notes);
        return None;
    };
    found.as_ref().map(|value| At {
        value,
        span: field.span(),
    })
}

fn read(mut section: Section<'_>, place: &Place<'_>, notes: &mut Notes) -> Option<Credentials> {
    let like = "\"anonymous\", \"simple\", \"external\" or \"gssapi\"";
    let method = section
        .require("method", like, notes)
        .and_then(|field| field.one_of(&Method::WORDS, notes));
    let mut keys = Keys {
        path: section.path().to_owned(),
        span: section.span(),
        given: BTreeMap::new(),
    };
    for (name, of) in KEYS {
        let Some(field) = section.take(name, notes) else {
            continue;
        };
        if let Some(method) = method
            && method != of
        {
            let message = format!(
                "`{}` is of no use with method \"{}\"",
                field.path(),
                method.word()
            );
            let cure = format!("remove it, or write method = \"{}\"", of.word());
            notes.add(field.span(), message, cure);
        }
        keys.given.insert(name, field);
    }
    section.finish(notes);
    match method? {
        Method::Anonymous => Some(Credentials::Anonymous),
        Method::Simple => simple(&keys, place, notes),
        Method::External => external(&keys, place, notes),
        Method::Gssapi => Some(gssapi(&keys, place, notes)),
    }
}

fn simple(keys: &Keys<'_>, place: &Place<'_>, notes: &mut Notes) -> Option<Credentials> {
    let user = keys
        .require("user", "\"svc-highwater@example.com\"", notes)
        .and_then(|field| field.text("\"svc-highwater@example.com\"", notes));
    let field = keys.require("password", PASSWORD_LIKE, notes);
    let source = field.and_then(|field| source(field, place, notes));
    let (user, field, source) = (user?.to_owned(), field?, source?);
    if place.secrets == Secrets::Skip {
        return Some(Credentials::NotRead { user, source });
    }
    match secret::resolve(&source, place.env) {
        Ok(password) => Some(Credentials::Simple { user, password }),
        Err(refused) => {
            let message = format!("`{}` {}", field.path(), refused.what);
            notes.add(field.span(), message, refused.cure);
            None
        }
    }
}

/// A password or another secret; read where secrets are.
pub(super) fn secret(field: &Field<'_>, place: &Place<'_>, notes: &mut Notes) -> Option<Secret> {
    let source = source(field, place, notes)?;
    if place.secrets == Secrets::Skip {
        return Some(Secret::NotRead(source));
    }
    match secret::resolve(&source, place.env) {
        Ok(known) => Some(Secret::Known(known)),
        Err(refused) => {
            let message = format!("`{}` {}", field.path(), refused.what);
            notes.add(field.span(), message, refused.cure);
            None
        }
    }
}

const PASSWORD_LIKE: &str = "{ file = \"/etc/highwater/reader.pass\" }";

/// Where a secret is; a literal one is refused and not repeated.
pub(super) fn source(
    field: &Field<'_>,
    place: &Place<'_>,
    notes: &mut Notes,
) -> Option<SecretSource> {
    if !field.is_table() {
        let key = field.path().rsplit('.').next().unwrap_or_default();
        notes.add(
            field.span(),
            format!("`{}` must not be written into this file", field.path()),
            format!(
                "change that {key}, then write {key} = {PASSWORD_LIKE}, {{ env = \"NAME\" }} or {{ credential = \"name\" }}"
            ),
        );
        return None;
    }
    let mut section = field.table(notes)?;
    let file = section.take("file", notes);
    let env = section.take("env", notes);
    let credential = section.take("credential", notes);
    section.finish(notes);
    match (file, env, credential) {
        (Some(field), None, None) => place.path(&field, notes).map(SecretSource::File),
        (None, Some(field), None) => {
            let name = field.text("\"HIGHWATER_PASSWORD\"", notes)?;
            Some(SecretSource::Env(name.to_owned()))
        }
        (None, None, Some(field)) => {
            let name = field.text("\"reader\"", notes)?;
            Some(SecretSource::Credential(name.to_owned()))
        }
        _ => {
            notes.add(
                field.span(),
                format!("`{}` needs one of file, env and credential", field.path()),
                format!("write it like {PASSWORD_LIKE}"),
            );
            None
        }
    }
}

fn external(keys: &Keys<'_>, place: &Place<'_>, notes: &mut Notes) -> Option<Credentials> {
    let certificate = keys
        .require("certificate", "\"/etc/highwater/client.pem\"", notes)
        .and_then(|field| place.certificates(field, notes));
    let key = keys
        .require("key", "\"/etc/highwater/client.key\"", notes)
        .and_then(|field| private(field, place, notes));
    Some(Credentials::External {
        certificate: certificate?,
        key: key?,
    })
}

fn gssapi(keys: &Keys<'_>, place: &Place<'_>, notes: &mut Notes) -> Credentials {
    if cfg!(not(feature = "gssapi")) && place.secrets == Secrets::Resolve {
        notes.add(
            keys.span.clone(),
            format!("`{}` wants Kerberos, which this build lacks", keys.path),
            "build with --features gssapi, or use method = \"simple\" over TLS",
        );
    }
    if keys.get("keytab").is_none() && keys.get("ccache").is_none() {
        notes.add(
            keys.span.clone(),
            format!("`{}` names neither a keytab nor a ccache", keys.path),
            "add principal and keytab, or ccache",
        );
    }
    if keys.get("keytab").is_some() {
        keys.require("principal", "\"svc-highwater@EXAMPLE.COM\"", notes);
    }
    let text = |name: &str, like: &str, notes: &mut Notes| {
        let field = keys.get(name)?;
        field.text(like, notes).map(str::to_owned)
    };
    Credentials::Gssapi {
        principal: text("principal", "\"svc-highwater@EXAMPLE.COM\"", notes),
        keytab: keys
            .get("keytab")
            .and_then(|field| private(field, place, notes)),
        // Not joined to the folder: libkrb5 also takes names such as KCM: or FILE:/path.
        ccache: text("ccache", "\"/run/highwater/krb5cc\"", notes).map(PathBuf::from),
    }
}

/// The path of a private key or keytab, which only its owner may open.
fn private(field: &Field<'_>, place: &Place<'_>, notes: &mut Notes) -> Option<PathBuf> {
    let path = place.path(field, notes)?;
    if place.secrets == Secrets::Resolve
        && let Err(refused) = secret::check_private(&path)
    {
        field.wrong(&refused.what, refused.cure, notes);
        return None;
    }
    Some(path)
}
