//! The configuration: one TOML file in, checked settings out.
//!
//! Owns where the file is looked for, its shape, its checks and where secrets come from. It opens no connection
//! and no database, and never shows a secret.
//!
//! # Decisions
//! - The tables are read by hand from the spanned document (`raw`), not by serde structs: serde stops at the first
//!   mistake, and a person who corrects a file wants all of them. Unknown keys are refused all the same.
//! - Every key may also be written in camelCase, as the original system wrote it (`daysToKeepUSNS`, `backupDCs`).
//! - A relative path in the file counts from the folder of the file, so a service and a shell mean the same.
//! - A file that is no TOML is reported as such alone: what follows a broken line means nothing.
//! - What a wrong guess would turn into lost changes or an open door has no default: credentials (an anonymous DC
//!   says so) and what a consumer's cursor means (`position`).

mod check;
mod error;
mod feed;
mod http;
mod json_path;
mod ldap_spot;
mod outside;
mod preset;
mod problem;
mod process;
mod raw;
mod secret;
mod settings;
mod shipped;
mod suggest;
mod warning;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::model::text_of;
pub use error::ConfigError;
pub use feed::{CommandSink, Feed, FileSink, MaxDeletes, Secret, Sink, WebhookSink, signing_key};
pub use http::{
    HttpAsk, HttpAuth, HttpBody, HttpGuard, HttpMethod, HttpServer, HttpSpotSettings, HttpStep,
    HttpText, HttpUntil, HttpUrl, HttpWrite,
};
pub use json_path::{JsonPart, JsonPath, NoJsonPath, json_part};
pub use ldap_spot::LdapSpotSettings;
pub use outside::{
    CommandSettings, Confirm, Database, FileForm, FileSettings, HostPlace, Keys, Outside, Postgres,
    Rows, Shape, SpotField, SpotSettings, SqlSettings, Turn,
};
pub use problem::{Invalid, Problem};
pub use process::{
    Channel, Channels, Hook, MailSecurity, MailServer, Notices, OnError, Process, Reaction, Rule,
    Safety, Scope,
};
pub use settings::{
    Collector, Consumer, ConsumerKind, Credentials, DcSettings, Expansion, Position,
    ResourceSettings, SecretSource, Security, Settings, Timeouts, TlsTrust,
};
pub(crate) use suggest::nearest;
pub use warning::{Doubt, Warning, Warnings};

/// A commented example of the file.
pub const EXAMPLE: &str = include_str!("../../templates/highwater.toml");

/// The JSON Schema of the file, for editors.
pub const SCHEMA: &str = include_str!("../../schema/config.schema.json");

/// The places looked at, in this order, where neither `--config` nor `HIGHWATER_CONFIG` names the file.
pub const SEARCHED: [&str; 2] = ["highwater.toml", "/etc/highwater/highwater.toml"];

/// Whether secrets are read while loading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Secrets {
    /// Read every password and check every key, keytab and CA file: for commands that connect.
    Resolve,
    /// Touch none of them: for commands that work from the store; passwords become [`Credentials::NotRead`].
    Skip,
}

/// A process of this name with the rules of the program alone, as where no file is.
pub fn shipped_process(name: &str) -> Process {
    check::without_own_rules(name)
}

/// The names of all presets.
pub fn preset_names() -> Vec<&'static str> {
    preset::names()
}

/// What looks up an environment variable.
type Env<'e> = &'e dyn Fn(&str) -> Option<OsString>;

/// The file to load: `given` where there is one, else the first of [`SEARCHED`] that exists.
pub fn find(given: Option<&Path>) -> Result<PathBuf, ConfigError> {
    if let Some(path) = given {
        return Ok(path.to_owned());
    }
    SEARCHED
        .iter()
        .map(PathBuf::from)
        .find(|path| path.exists())
        .ok_or(ConfigError::NotFound)
}

/// Loads and checks the file at `path`; fails with every problem in it at once.
pub fn load(path: &Path, secrets: Secrets) -> Result<Settings, ConfigError> {
    parse(path, &read(path)?, secrets, &|name| std::env::var_os(name))
}

/// As [`load`] with secrets, and what in the file may not be meant.
pub fn check(path: &Path) -> Result<(Settings, Warnings), ConfigError> {
    let text = read(path)?;
    let settings = parse(path, &text, Secrets::Resolve, &|name| {
        std::env::var_os(name)
    })?;
    let warnings = warning::warnings(&settings, path, &text);
    Ok((settings, warnings))
}

fn read(path: &Path) -> Result<String, ConfigError> {
    let bytes = std::fs::read(path).map_err(|source| ConfigError::Unreadable {
        path: path.to_owned(),
        source,
    })?;
    text_of(&bytes).map_err(|problem| ConfigError::NotText {
        path: path.to_owned(),
        problem,
    })
}

/// Checks `text` as the content of the file at `path`, with `env` in place of the environment.
fn parse(path: &Path, text: &str, secrets: Secrets, env: Env<'_>) -> Result<Settings, ConfigError> {
    let mut notes = problem::Notes::default();
    let (document, errors) = toml::de::DeTable::parse_recoverable(text);
    for error in &errors {
        notes.syntax(error);
    }
    let place = check::Place {
        base: path.parent().unwrap_or(Path::new("")),
        secrets,
        env,
    };
    let settings = if errors.is_empty() {
        check::settings(&document, &place, &mut notes)
    } else {
        None
    };
    match settings {
        Some(settings) if notes.is_empty() => Ok(settings),
        _ => Err(ConfigError::Invalid(notes.into_invalid(
            path,
            text,
            document.get_ref(),
        ))),
    }
}

#[cfg(test)]
mod tests;
