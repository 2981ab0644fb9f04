//! Section 1: the commands.

use clap::{Command, CommandFactory as _};
use clap_mangen::Man;
use roff::{Roff, roman};

use super::page::{self, Page};
use super::topics;
use crate::cli::CliError;
use crate::cli::args::Args;
use crate::cli::help;

/// The page of the program itself, which alone has the global options.
pub(super) fn main() -> Result<Page, CliError> {
    let mut program = Args::command();
    program.build();
    let topics = help::topics::TOPICS.iter().map(topics::reference);
    page(&without_help(program), &topics.collect::<Vec<_>>())
}

/// That page, and one for every command.
pub(super) fn all() -> Result<Vec<Page>, CliError> {
    let mut pages = vec![main()?];
    for command in without_help(help::program()).get_subcommands() {
        add(command, &["highwater(1)".to_owned()], &mut pages)?;
    }
    Ok(pages)
}

/// Adds the page of a command and of those below it, but of `help`, which is no command to read about.
fn add(command: &Command, above: &[String], pages: &mut Vec<Page>) -> Result<(), CliError> {
    if command.get_name() == "help" {
        return Ok(());
    }
    let mut see_also = above.to_vec();
    see_also.extend(help::topics::named(command.get_name()).map(topics::reference));
    let page = page(command, &see_also)?;
    let mut above = above.to_vec();
    above.push(format!("{}(1)", page.name));
    pages.push(page);
    for below in command.get_subcommands() {
        add(below, &above, pages)?;
    }
    Ok(())
}

/// The same with every `help` below it hidden: a page that lists it would name a page that is not there.
fn without_help(command: Command) -> Command {
    let is_help = command.get_name() == "help";
    command.hide(is_help).mut_subcommands(without_help)
}

fn page(command: &Command, see_also: &[String]) -> Result<Page, CliError> {
    let name = command.get_display_name().unwrap_or(command.get_name());
    let own =
        text(command).map_err(|source| CliError::failed("cannot write the manual page", source))?;
    let mut more = Roff::new();
    if command
        .get_arguments()
        .any(|arg| arg.is_global_set() && arg.is_hide_set())
    {
        more.control("SH", ["GLOBAL OPTIONS"]);
        more.text([roman("See highwater(1).")]);
    }
    if let Some(after) = command.get_after_help() {
        sections(&mut more, &after.to_string());
    }
    page::see_also(&mut more, see_also);
    let body = format!("{own}{}", more.render());
    Ok(Page::of_roff(name, 1, &body))
}

/// What clap knows of a command, without what follows its options: the examples have to stand as they are.
fn text(command: &Command) -> std::io::Result<String> {
    let man = Man::new(command.clone());
    let mut roff = Vec::new();
    man.render_name_section(&mut roff)?;
    man.render_synopsis_section(&mut roff)?;
    man.render_description_section(&mut roff)?;
    if command.get_arguments().any(|one| !one.is_hide_set()) {
        man.render_options_section(&mut roff)?;
    }
    if command.get_subcommands().any(|one| !one.is_hide_set()) {
        man.render_subcommands_section(&mut roff)?;
    }
    String::from_utf8(roff).map_err(std::io::Error::other)
}

/// What follows the options in the help: a line that ends with a colon begins a section, and lines that are indented
/// stand as they are.
fn sections(roff: &mut Roff, after: &str) {
    for part in after.split("\n\n") {
        match part.split_once(":\n") {
            Some((title, lines)) if !title.contains('\n') => {
                roff.control("SH", [title.to_uppercase().as_str()]);
                let lines = lines
                    .lines()
                    .map(|line| line.strip_prefix("  ").unwrap_or(line));
                page::example(roff, &lines.collect::<Vec<_>>().join("\n"));
            }
            _ => {
                roff.control("SH", ["NOTES"]);
                roff.text([roman(part.trim().replace('\n', " "))]);
            }
        }
    }
}
