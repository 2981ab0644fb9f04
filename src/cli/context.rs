//! What a command has besides its own arguments.

use std::path::PathBuf;

use super::CliError;
use super::args::Global;
use super::output::Output;
use crate::config::{self, Secrets, Settings};

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
        Ok(config::load(&self.config_path()?, secrets)?)
    }

    /// A message for a person, on stderr; nothing with `--quiet`.
    pub fn message(&self, text: impl std::fmt::Display) {
        if !self.quiet {
            super::output::to_stderr(text);
        }
    }
}
