//! What a command has besides its own arguments.

use std::path::PathBuf;

use super::CliError;
use super::args::Global;
use super::output::Output;
use crate::config::{self, DcSettings, ResourceSettings, Secrets, Settings};
use crate::model::{DcName, ResourceName};
use crate::store::Store;

/// What a command has besides its own arguments.
#[derive(Debug)]
pub struct Context {
    /// Where data goes.
    pub output: Output,
    given: Option<PathBuf>,
    quiet: bool,
}

impl Context {
    /// The context the global arguments ask for, with data to stdout.
    pub fn new(global: &Global) -> Self {
        Self {
            output: Output::stdout(global.output),
            given: global.config.clone(),
            quiet: global.quiet,
        }
    }

    /// The configuration file to use: the one named, else the first of the usual places that exists.
    pub fn config_path(&self) -> Result<PathBuf, CliError> {
        Ok(config::find(self.given.as_deref())?)
    }

    /// The checked settings; commands that connect resolve the secrets, the others skip them.
    pub fn settings(&self, secrets: Secrets) -> Result<Settings, CliError> {
        let settings = config::load(&self.config_path()?, secrets)?;
        if matches!(secrets, Secrets::Resolve) {
            super::kerberos::prepare(&settings)?;
        }
        Ok(settings)
    }

    /// The store the settings name, opened.
    pub async fn store(&self, settings: &Settings) -> Result<Store, CliError> {
        Ok(Store::open(&settings.store).await?)
    }

    /// The resource of this name.
    pub fn resource<'a>(
        &self,
        settings: &'a Settings,
        name: &ResourceName,
    ) -> Result<&'a ResourceSettings, CliError> {
        settings.resources.get(name).ok_or_else(|| {
            let known = listed(settings.resources.keys());
            CliError::Usage(format!(
                "no resource `{name}` is configured; there are {known}"
            ))
        })
    }

    /// The DC of this name, without case; its own `name` is as configured, and as the store knows it.
    pub fn dc<'a>(
        &self,
        settings: &'a Settings,
        name: &DcName,
    ) -> Result<&'a DcSettings, CliError> {
        settings.dc_named(name).ok_or_else(|| {
            let known = listed(settings.dcs.keys());
            CliError::Usage(format!("no DC `{name}` is configured; there are {known}"))
        })
    }

    /// Whether only errors are to be said.
    pub fn quiet(&self) -> bool {
        self.quiet
    }

    /// A message for a person, on stderr; nothing with `--quiet`.
    pub fn message(&self, text: impl std::fmt::Display) {
        if !self.quiet {
            super::output::to_stderr(crate::model::on_a_screen(&text.to_string()));
        }
    }

    /// The same for what has ANSI colours of ours, and what others wrote without control characters.
    pub fn styled(&self, text: impl std::fmt::Display) {
        if !self.quiet {
            super::output::to_stderr(text);
        }
    }
}

fn listed<T: ToString>(names: impl Iterator<Item = T>) -> String {
    let names: Vec<String> = names
        .map(|name| format!("`{}`", name.to_string()))
        .collect();
    if names.is_empty() {
        "none".to_owned()
    } else {
        names.join(", ")
    }
}
