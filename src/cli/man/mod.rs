//! `man`: the manual pages, made from the help.

use std::path::{Path, PathBuf};

use clap::CommandFactory as _;
use clap_mangen::Man;

use super::output::table;
use super::{CliError, Context, Exit};

const EXAMPLES: &str = "\
Examples:
  highwater man                                 the page of the program itself
  highwater man /usr/local/share/man/man1       every page, one for each command";

/// Writes the manual pages
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Where to write a page for every command, an existing folder [default: one page, to stdout]
    #[arg(value_name = "DIR")]
    pub folder: Option<PathBuf>,
}

/// Writes one page to stdout, or all of them to a folder.
pub fn run(args: &Args, context: &Context) -> Result<Exit, CliError> {
    let mut program = super::args::Args::command();
    program.build();
    let Some(folder) = &args.folder else {
        context.output.line(page(&program)?.trim_end())?;
        return Ok(Exit::Ok);
    };
    let mut written = Vec::new();
    write_all(&program, folder, &mut written)?;
    context.output.emit(&written, || {
        let mut rows = table(&["PAGE"]);
        rows.add_rows(written.iter().map(|path| [path.display().to_string()]));
        rows
    })?;
    Ok(Exit::Ok)
}

/// Writes the page of a command and of those below it, save of `help`, which says nothing of its own.
fn write_all(
    command: &clap::Command,
    folder: &Path,
    written: &mut Vec<PathBuf>,
) -> Result<(), CliError> {
    let path = folder.join(Man::new(command.clone()).get_filename());
    std::fs::write(&path, page(command)?)
        .map_err(|source| CliError::failed(format!("cannot write {}", path.display()), source))?;
    written.push(path);
    for below in command.get_subcommands() {
        if below.get_name() != "help" {
            write_all(below, folder, written)?;
        }
    }
    Ok(())
}

fn page(command: &clap::Command) -> Result<String, CliError> {
    let mut roff = Vec::new();
    Man::new(command.clone())
        .render(&mut roff)
        .map_err(|source| CliError::failed("cannot write the manual page", source))?;
    String::from_utf8(roff)
        .map_err(|source| CliError::failed("cannot write the manual page", source))
}
