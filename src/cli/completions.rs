//! `completions`: what a shell needs to complete Highwater's command lines.

use clap::CommandFactory as _;
use clap_complete::Shell;

use super::{CliError, Context, Exit};

const EXAMPLES: &str = "\
Examples:
  highwater completions bash > /etc/bash_completion.d/highwater
  highwater completions zsh > /usr/share/zsh/site-functions/_highwater";

/// Writes the completions of a shell
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The shell
    #[arg(value_enum)]
    pub shell: Shell,
}

/// Writes them to stdout.
pub fn run(args: &Args, context: &Context) -> Result<Exit, CliError> {
    let mut script = Vec::new();
    let mut command = super::args::Args::command();
    clap_complete::generate(args.shell, &mut command, "highwater", &mut script);
    let script = String::from_utf8(script)
        .map_err(|source| CliError::failed("cannot write the completions", source))?;
    context.output.line(script.trim_end())?;
    Ok(Exit::Ok)
}
