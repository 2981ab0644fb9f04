//! `man`: the manual pages, made from the help, the topics and the schema of the configuration.

mod commands;
mod configuration;
mod page;
mod topics;

use std::path::{Path, PathBuf};

use self::page::Page;
use super::output::table;
use super::{CliError, Context, Exit};

const EXAMPLES: &str = "\
Examples:
  highwater man                                    highwater(1), to stdout
  highwater man .                                  all pages, to a folder
  highwater man --sections /usr/local/share/man    man1, man5 and man7";

/// Writes the manual pages
///
/// Section 1 has a page for each command, section 7 one for each topic, and section 5 highwater.toml.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Where to write every page, an existing folder [default: one page, to stdout]
    #[arg(value_name = "DIR")]
    pub folder: Option<PathBuf>,
    /// Writes into the folders man1, man5 and man7 below DIR, and makes them if they are missing
    #[arg(long, requires = "folder")]
    pub sections: bool,
}

/// Writes one page to stdout, or all of them to a folder.
pub fn run(args: &Args, context: &Context) -> Result<Exit, CliError> {
    let Some(folder) = &args.folder else {
        context.output.line(commands::main()?.text.trim_end())?;
        return Ok(Exit::Ok);
    };
    let mut pages = commands::all()?;
    pages.push(configuration::page());
    pages.extend(topics::all());
    let mut written = Vec::new();
    for page in &pages {
        written.push(write(page, folder, args.sections)?);
    }
    context.output.emit(&written, || {
        let mut rows = table(&["PAGE"]);
        rows.add_rows(written.iter().map(|path| [path.display().to_string()]));
        rows
    })?;
    Ok(Exit::Ok)
}

fn write(page: &Page, folder: &Path, by_section: bool) -> Result<PathBuf, CliError> {
    let failed = |path: &Path| {
        let text = format!("cannot write {}", path.display());
        move |source| CliError::failed(text, source)
    };
    let folder = if by_section {
        let folder = folder.join(format!("man{}", page.section));
        std::fs::create_dir_all(&folder).map_err(failed(&folder))?;
        folder
    } else {
        folder.to_owned()
    };
    let path = folder.join(format!("{}.{}", page.name, page.section));
    std::fs::write(&path, &page.text).map_err(failed(&path))?;
    Ok(path)
}
