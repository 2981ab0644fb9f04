//! `config check`, `config show`, and the files to begin with: `config example` and `config schema`.

mod example;
mod feed;
mod outside;
mod process;

use std::path::Path;

use clap::{Subcommand, ValueEnum};
use serde_json::{Value, json};

pub use self::example::{Example, Preset};
use super::args::Format;
use super::output::table;
use super::{CliError, Context, Exit};
use crate::config::{
    self, ConfigError, ConsumerKind, Credentials, DcSettings, Invalid, ResourceSettings,
    SecretSource, Secrets, Security, Settings, TlsTrust,
};
use crate::model::HostAttribute;

const EXAMPLES: &str = "\
Examples:
  highwater config example > highwater.toml
  highwater config check
  highwater --config hw.toml config show";

/// Checks or shows the configuration, or writes an example of it
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// What to do.
    #[command(subcommand)]
    pub action: Action,
}

/// What to do with the configuration.
#[derive(Debug, Clone, Copy, Subcommand)]
pub enum Action {
    /// Reports every mistake in the configuration, with line and column; reads the secrets, connects to nothing
    ///
    /// Also warns about settings that load but may not be meant: a sync that nothing stops during a move, failures of
    /// which nobody is notified, processes and channels that nothing names, a store that cannot be written.
    #[command(
        after_help = "Examples:\n  highwater config check\n  highwater config check --strict\n  highwater -o json --config hw.toml config check"
    )]
    Check {
        /// Ends with exit code 78 also where there are only warnings
        #[arg(long)]
        strict: bool,
    },
    /// Shows the settings in force, defaults included and secrets left out
    #[command(after_help = "Examples:\n  highwater config show\n  highwater -o json config show")]
    Show,
    /// Writes a file to begin with: the commented configuration, a small one for a known product, or a unit for systemd
    #[command(
        after_help = "Examples:\n  highwater config example > highwater.toml\n  highwater config example --preset openidm > highwater.toml\n  highwater config example service > /etc/systemd/system/highwater.service"
    )]
    Example {
        /// Which file
        #[arg(value_enum, default_value = "config")]
        what: Example,
        /// A small configuration whose sync is this known product
        #[arg(long, value_enum, value_name = "NAME", conflicts_with = "what")]
        preset: Option<Preset>,
    },
    /// Writes a JSON Schema: of the configuration, for editors, or of what others read and write
    #[command(
        after_help = "Examples:\n  highwater config schema > highwater.schema.json\n  highwater config schema event > event.schema.json"
    )]
    Schema {
        /// Of what
        #[arg(value_enum, default_value = "config")]
        of: Described,
    },
}

/// What a JSON Schema describes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Described {
    /// The configuration
    Config,
    /// The events of a feed
    Event,
    /// A cursor file
    Cursor,
    /// What `export` writes and `import` reads
    Recovery,
}

impl Described {
    /// The schema.
    pub fn text(self) -> &'static str {
        match self {
            Self::Config => config::SCHEMA,
            Self::Event => include_str!("../../schema/event.schema.json"),
            Self::Cursor => include_str!("../../schema/cursor.schema.json"),
            Self::Recovery => include_str!("../../schema/recovery.schema.json"),
        }
    }
}

/// Checks or shows the configuration; a configuration with problems ends with [`Exit::Config`].
pub fn run(args: &Args, context: &Context) -> Result<Exit, CliError> {
    match args.action {
        Action::Check { strict } => check(strict, context),
        Action::Show => show(context),
        Action::Example {
            preset: Some(preset),
            ..
        } => as_it_is(&preset.text(), context),
        Action::Example { what, .. } => as_it_is(what.text(), context),
        Action::Schema { of } => as_it_is(of.text(), context),
    }
}

fn as_it_is(file: &str, context: &Context) -> Result<Exit, CliError> {
    context.output.line(file.trim_end())?;
    Ok(Exit::Ok)
}

fn check(strict: bool, context: &Context) -> Result<Exit, CliError> {
    let path = context.config_path()?;
    match config::check(&path) {
        Ok((settings, found)) => {
            let warnings = found.warnings.len();
            let is_refused = strict && warnings > 0;
            let (dcs, resources) = (settings.dcs.len(), settings.resources.len());
            let presets = presets(&settings);
            let result = json!({
                "path": path, "ok": !is_refused, "problems": [], "warnings": found.warnings, "dcs": dcs, "resources": resources,
                "presets": presets,
            });
            context.output.emit(&result, || {
                let mut table = table(&["FILE", "DCS", "RESOURCES", "PROBLEMS", "WARNINGS"]);
                table.add_row([
                    path.display().to_string(),
                    dcs.to_string(),
                    resources.to_string(),
                    "none".to_owned(),
                    match warnings {
                        0 => "none".to_owned(),
                        number => number.to_string(),
                    },
                ]);
                table
            })?;
            if context.output.format() == Format::Table {
                for (resource, preset) in &settings.resources {
                    if let Some(preset) = &preset.consumer.preset {
                        let head =
                            format!("resource {resource}: preset \"{}\" stands for", preset.name);
                        context
                            .output
                            .line(&format!("\n{head}\n{}", preset.text.trim_end()))?;
                    }
                }
                if warnings > 0 {
                    context.styled(found.render(true));
                }
            }
            Ok(if is_refused { Exit::Config } else { Exit::Ok })
        }
        Err(ConfigError::Invalid(invalid)) if context.output.format() == Format::Json => {
            let Invalid { path, problems } = &invalid;
            context.output.emit(
                &json!({ "path": path, "ok": false, "problems": problems, "warnings": [] }),
                || table(&[]),
            )?;
            Ok(Exit::Config)
        }
        Err(error) => Err(error.into()),
    }
}

/// What the presets in use stand for, by resource.
fn presets(settings: &Settings) -> Value {
    let in_use = settings.resources.iter().filter_map(|(name, resource)| {
        let preset = resource.consumer.preset.as_ref()?;
        let shown = json!({ "preset": preset.name, "stands_for": preset.text });
        Some((name.to_string(), shown))
    });
    in_use.collect::<serde_json::Map<_, _>>().into()
}

fn show(context: &Context) -> Result<Exit, CliError> {
    let shown = settings(&context.settings(Secrets::Skip)?);
    context.output.emit(&shown, || {
        let mut table = table(&["KEY", "VALUE"]);
        let mut rows = Vec::new();
        flatten("", &shown, &mut rows);
        table.add_rows(rows);
        table
    })?;
    Ok(Exit::Ok)
}

/// The leaves of a JSON document, each with its full name.
fn flatten(path: &str, value: &Value, rows: &mut Vec<[String; 2]>) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                let below = if path.is_empty() {
                    key.clone()
                } else {
                    format!("{path}.{key}")
                };
                flatten(&below, value, rows);
            }
        }
        Value::String(text) => rows.push([path.to_owned(), text.clone()]),
        Value::Null => rows.push([path.to_owned(), "-".to_owned()]),
        other => rows.push([path.to_owned(), other.to_string()]),
    }
}

fn settings(settings: &Settings) -> Value {
    let collector = &settings.collector;
    let dcs: serde_json::Map<String, Value> = settings
        .dcs
        .iter()
        .map(|(name, settings)| (name.to_string(), dc(settings)))
        .collect();
    let resources: serde_json::Map<String, Value> = settings
        .resources
        .iter()
        .map(|(name, settings)| (name.to_string(), resource(settings)))
        .collect();
    let mut shown = json!({
        "store": { "path": settings.store },
        "collector": {
            "period": humantime::format_duration(collector.period).to_string(),
            "jitter": collector.jitter,
            "concurrency": collector.concurrency,
            "days_to_keep_usns": collector.days_to_keep_usns,
        },
        "dc": dcs,
        "resource": resources,
    });
    if let Some(shown) = shown.as_object_mut() {
        shown.extend(process::on_error(&settings.on_error));
    }
    shown
}

fn dc(dc: &DcSettings) -> Value {
    json!({
        "host": dc.host,
        "address": dc.address,
        "port": dc.port,
        "global_catalog_port": dc.global_catalog_port,
        "server_name": dc.server_name,
        "security": match dc.security {
            Security::Ldaps => "ldaps",
            Security::StartTls => "starttls",
            Security::Clear => "clear, passwords readable on the network",
        },
        "ca_file": trusted(&dc.trust),
        "credentials": credentials(&dc.credentials),
        "connect_timeout": humantime::format_duration(dc.timeouts.connect).to_string(),
        "operation_timeout": humantime::format_duration(dc.timeouts.operation).to_string(),
        "search_timeout": humantime::format_duration(dc.timeouts.search).to_string(),
    })
}

fn trusted(trust: &TlsTrust) -> Option<&Path> {
    match trust {
        TlsTrust::System => None,
        TlsTrust::File(path) => Some(path),
    }
}

fn source(source: &SecretSource) -> Value {
    match source {
        SecretSource::File(path) => json!({ "file": path }),
        SecretSource::Env(name) => json!({ "env": name }),
        SecretSource::Credential(name) => json!({ "credential": name }),
    }
}

fn credentials(credentials: &Credentials) -> Value {
    match credentials {
        Credentials::Anonymous => json!({ "method": "anonymous" }),
        Credentials::Simple { user, .. } => json!({ "method": "simple", "user": user }),
        Credentials::NotRead { user, source } => json!({
            "method": "simple",
            "user": user,
            "password": self::source(source),
        }),
        Credentials::External { certificate, key } => {
            json!({ "method": "external", "certificate": certificate, "key": key })
        }
        Credentials::Gssapi {
            principal,
            keytab,
            ccache,
        } => json!({
            "method": "gssapi", "principal": principal, "keytab": keytab, "ccache": ccache,
        }),
    }
}

fn resource(resource: &ResourceSettings) -> Value {
    let consumer = &resource.consumer;
    let (path, outside) = match &consumer.kind {
        ConsumerKind::Store | ConsumerKind::Builtin => (None, None),
        ConsumerKind::File(path) => (Some(path), None),
        ConsumerKind::Outside(outside) => (None, Some(outside::shown(outside))),
    };
    json!({
        "base_contexts": resource.base_contexts,
        "search_subdomains": resource.search_subdomains,
        "rewrites": match resource.host_attribute {
            HostAttribute::LdapHost => "ldap_host",
            HostAttribute::GlobalCatalog => "global_catalog",
        },
        "backup_dcs": resource.backup_dcs,
        "site": resource.site,
        "replication_time": f64::from(resource.replication_time),
        "start": resource.start,
        "consumer": {
            "preset": consumer.preset.as_ref().map(|preset| &preset.name),
            "kind": consumer.kind.word(),
            "path": path,
            "outside": outside,
            "position": consumer.position.word(),
            "stop": consumer.stop.as_ref().map(outside::turn),
            "start": consumer.start.as_ref().map(outside::turn),
            "command_timeout": humantime::format_duration(consumer.command_timeout).to_string(),
        },
        "feed": resource.feed.as_ref().map(feed::feed),
        "process": resource.reaction.process,
        "auto_failover": resource.reaction.auto_failover,
    })
}
