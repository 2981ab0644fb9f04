//! `help`: the commands and topics, the help of a command, a topic, and the global options.
//!
//! # Decisions
//! - A topic is Markdown in `templates/help/`. The same text is shown here and becomes a manual page (see [`super::man`]).
//! - The help of a command shows its own options only. The global ones are the same everywhere: `highwater help options`.

pub mod document;
pub mod text;
pub mod topics;

use std::fmt::Write as _;

use clap::{Args as _, CommandFactory as _};

use super::args::Global;
use super::{CliError, Context, Exit};
use crate::config::nearest;

const EXAMPLES: &str = "\
Examples:
  highwater help              the commands and topics
  highwater help failover     a command
  highwater help starts       a topic
  highwater help options      the options that every command takes";

/// How the help of a command is laid out: as clap does it, and one line that points to the global options.
const LAYOUT: &str = "\
{before-help}{about-with-newline}
{usage-heading} {usage}

{all-args}

Options of every command, such as --config and --output: highwater help options{after-help}";

/// The word that asks for the global options.
const OPTIONS: &str = "options";
/// The widest line of help.
pub const WIDTH: usize = 80;
/// The narrowest: below this, lines are left to the terminal.
const LEAST_WIDTH: usize = 40;

/// Shows the help of a command, or a topic
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// A command, a topic, or `options` [default: the list of them]
    #[arg(value_name = "COMMAND|TOPIC")]
    pub words: Vec<String>,
}

/// Shows what was asked for, on stdout.
pub fn run(args: &Args, context: &Context) -> Result<Exit, CliError> {
    let width = context.output.width().unwrap_or(WIDTH);
    let shown = shown(&args.words, width.clamp(LEAST_WIDTH, WIDTH))?;
    context.output.line(shown.trim_end())?;
    Ok(Exit::Ok)
}

/// The program with its help as people see it.
pub fn program() -> clap::Command {
    let mut program = super::args::Args::command().max_term_width(WIDTH);
    program.build();
    let topics = listed();
    let after = program.get_after_help().map(ToString::to_string);
    with_own_options(program).after_help(format!("{topics}\n\n{}", after.unwrap_or_default()))
}

/// Hides the global options of a command and of those below it.
fn with_own_options(command: clap::Command) -> clap::Command {
    command
        .help_template(LAYOUT)
        .mut_args(|arg| {
            let is_global = arg.is_global_set();
            arg.hide(is_global)
        })
        .mut_subcommands(with_own_options)
}

/// The topics with what each is about.
fn listed() -> String {
    let mut text = "Topics (highwater help TOPIC):".to_owned();
    for topic in topics::TOPICS {
        let _ = write!(text, "\n  {:<15}{}", topic.name, topic.about());
    }
    text
}

fn shown(words: &[String], width: usize) -> Result<String, CliError> {
    match words {
        [] => Ok(program().render_long_help().to_string()),
        [word] if word == OPTIONS => Ok(options()),
        [word] => {
            let topic = topics::named(word).map(|topic| topic.on_a_terminal(width));
            let parts: Vec<String> = command(words).into_iter().chain(topic).collect();
            if parts.is_empty() {
                return Err(unknown(word));
            }
            Ok(parts.join("\n\n"))
        }
        words => command(words).ok_or_else(|| unknown(&words.join(" "))),
    }
}

/// The help of the command that these words name.
fn command(words: &[String]) -> Option<String> {
    let mut program = program();
    let mut command = &mut program;
    for word in words {
        command = command.find_subcommand_mut(word)?;
    }
    Some(command.render_long_help().to_string().trim_end().to_owned())
}

/// The options that every command takes.
fn options() -> String {
    Global::augment_args(clap::Command::new("highwater"))
        .about("The options that every command takes, before or after its name")
        .disable_help_flag(true)
        .help_template("{about}\n\n{all-args}")
        .max_term_width(WIDTH)
        .render_long_help()
        .to_string()
}

fn unknown(words: &str) -> CliError {
    let commands = super::args::Args::command();
    let commands = commands.get_subcommands().map(clap::Command::get_name);
    let topics = topics::TOPICS.iter().map(|topic| topic.name);
    let near = nearest(words, commands.chain(topics).chain([OPTIONS]));
    let cure = near.map_or_else(
        || "`highwater help` lists them".to_owned(),
        |near| format!("did you mean `{near}`?"),
    );
    CliError::Usage(format!("no command or topic is named `{words}`; {cure}"))
}
