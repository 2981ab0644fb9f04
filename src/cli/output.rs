//! What commands write: data to stdout, as a table or as JSON, and messages to stderr.
//!
//! # Decisions
//! - Text for a person holds what others wrote. Nothing in it may act on a terminal, and tables have no colours of their
//!   own: every control character but line ends and tabs is replaced in one place, here. JSON escapes them itself.

use std::fmt;
use std::io::{self, ErrorKind, IsTerminal as _, Write};
use std::sync::{Mutex, PoisonError};

use comfy_table::presets::NOTHING;
use comfy_table::{ColumnConstraint, ContentArrangement, LineStyle, Table, Width};
use serde::Serialize;

use super::CliError;
use super::args::Format;
use crate::model::on_a_screen;

/// Empties the screen and goes to its first character (ECMA-48 ED and CUP).
const CLEAR: &str = "\u{1b}[2J\u{1b}[H";

/// Where data goes, and in which form.
pub struct Output {
    format: Format,
    terminal: bool,
    colours: bool,
    writer: Mutex<Box<dyn Write + Send>>,
}

impl fmt::Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Output")
            .field("format", &self.format)
            .finish_non_exhaustive()
    }
}

impl Output {
    /// To stdout; coloured where it is a terminal and `NO_COLOR` is not set.
    pub fn stdout(format: Format) -> Self {
        let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let terminal = io::stdout().is_terminal();
        Self {
            format,
            terminal,
            colours: terminal && !unwanted,
            writer: Mutex::new(Box::new(io::stdout())),
        }
    }

    /// To any writer, without colours.
    pub fn to_writer(format: Format, writer: impl Write + Send + 'static) -> Self {
        Self {
            format,
            terminal: false,
            colours: false,
            writer: Mutex::new(Box::new(writer)),
        }
    }

    /// Which form was asked for.
    pub fn format(&self) -> Format {
        self.format
    }

    /// Writes `value` as pretty JSON, or the table that `table` makes of it. A reader that went away is no error:
    /// the command goes on to its end, which for a failover matters more than its output.
    pub fn emit(
        &self,
        value: &impl Serialize,
        table: impl FnOnce() -> Table,
    ) -> Result<(), CliError> {
        self.show(value, || self.draw(table()))
    }

    /// Writes `value` as pretty JSON, or the text for a person that `text` makes of it.
    pub fn show(
        &self,
        value: &impl Serialize,
        text: impl FnOnce() -> String,
    ) -> Result<(), CliError> {
        let written = match self.format {
            Format::Json => serde_json::to_string_pretty(value)
                .map_err(|source| CliError::failed("cannot write the result as JSON", source))?,
            Format::Table => on_a_screen(&text()),
        };
        self.line(&written)
    }

    /// As [`Output::show`], for one look of many: JSON takes one line, and text takes the place of the look before it
    /// on a terminal and follows it elsewhere. Gives whether anybody still reads.
    pub fn show_next(
        &self,
        value: &impl Serialize,
        text: impl FnOnce() -> String,
    ) -> Result<bool, CliError> {
        self.put(&match self.format {
            Format::Json => serde_json::to_string(value)
                .map_err(|source| CliError::failed("cannot write the result as JSON", source))?,
            Format::Table if self.terminal => format!("{CLEAR}{}", on_a_screen(&text())),
            Format::Table => format!("{}\n", on_a_screen(&text())),
        })
    }

    /// Writes a line as it stands.
    pub fn line(&self, text: &str) -> Result<(), CliError> {
        self.put(text).map(drop)
    }

    /// Writes a line; gives whether anybody still reads.
    fn put(&self, text: &str) -> Result<bool, CliError> {
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let written = writeln!(writer, "{text}").and_then(|()| writer.flush());
        match written {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
            Err(error) => Err(CliError::failed("cannot write the output", error)),
        }
    }

    /// How many characters a line of the terminal takes; `None` where stdout is none.
    pub fn width(&self) -> Option<usize> {
        let table = Table::new();
        table.width().filter(|_| self.terminal).map(usize::from)
    }

    /// Rows below a header as text.
    pub fn rows(&self, header: &[&str], rows: impl Iterator<Item = Vec<String>>) -> String {
        let mut all = table(header);
        for row in rows {
            all.add_row(row);
        }
        self.draw(all)
    }

    /// The table as text, as wide as the terminal where there is one.
    pub fn draw(&self, mut table: Table) -> String {
        // Without colours it is still as wide as the terminal, which is asked before it is denied.
        let width = table.width().filter(|_| self.terminal);
        if !self.colours {
            table.force_no_tty();
        }
        drawn(table, width)
    }
}

/// The longest word that a narrow column is not made narrower than: an invocationId has 36 characters.
const LONGEST_WORD: usize = 40;

/// The table as text within `width`, where there is one: cells are wrapped between words. Times, names and numbers are to
/// be copied, so a table whose words do not fit is wider, and the terminal wraps its lines.
pub(super) fn drawn(mut table: Table, width: Option<u16>) -> String {
    table.set_content_arrangement(ContentArrangement::Dynamic);
    if let Some(width) = width {
        table.set_width(width);
        let words = longest_words(&mut table);
        for (column, longest) in table.column_iter_mut().zip(words) {
            let longest = u16::try_from(longest).unwrap_or(u16::MAX);
            let least = Width::Fixed(longest.saturating_add(column.padding_width()));
            column.set_constraint(ColumnConstraint::LowerBoundary(least));
        }
    } else {
        table.force_no_tty();
    }
    table.trim_fmt()
}

/// The characters of the longest word of each column, its header included.
fn longest_words(table: &mut Table) -> Vec<usize> {
    let mut longest = vec![0; table.column_count()];
    for row in table.header().into_iter().chain(table.row_iter()) {
        for (cell, longest) in row.cell_iter().zip(&mut longest) {
            let text = cell.content();
            let words = text.split_whitespace().map(|word| word.chars().count());
            let most = words.max().unwrap_or(0).min(LONGEST_WORD);
            *longest = most.max(*longest);
        }
    }
    longest
}

/// A table with this header, a line below it and no other.
pub fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(NOTHING.header_separator(LineStyle::none().fill('-').junction('-')));
    table.set_header(header.iter().copied());
    table
}

/// How far a DC's clock is off, for a table. A DC tells whole seconds, cut off: up to a second behind is no skew.
pub(super) fn skew(ms: Option<i64>) -> String {
    match ms {
        None => "-".to_owned(),
        Some(-1_000..=0) => "< 1 s".to_owned(),
        Some(ms) => format!("{ms} ms"),
    }
}

/// Writes a line to stderr, without colours where it shows none; a stderr that is gone is nobody's loss.
pub fn to_stderr(text: impl fmt::Display) {
    drop(writeln!(anstream::stderr().lock(), "{text}"));
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIME: &str = "2026-11-22T16:03:59.891Z";

    fn wide() -> Table {
        let mut rows = table(&["DC", "GHOSTS TO CURSOR", "USN DATE", "NOTE"]);
        let note = "refused: dc1.example.com:636: connection refused; is the DC running, and is the port right?";
        rows.add_row(["dc1", "13", TIME, note]);
        rows
    }

    #[test]
    fn a_narrow_table_is_wrapped_between_words() {
        let text = drawn(wide(), Some(80));
        assert!(
            text.lines().all(|line| line.chars().count() <= 80),
            "{text}"
        );
        for word in [TIME, "GHOSTS", "CURSOR", "connection", "running,"] {
            assert!(text.contains(word), "{word}: {text}");
        }
        assert!(text.lines().count() > 4, "{text}");
    }

    #[test]
    fn no_word_is_cut_however_narrow_it_is() {
        let text = drawn(wide(), Some(30));
        for word in [TIME, "GHOSTS", "dc1.example.com:636:"] {
            assert!(text.contains(word), "{word}: {text}");
        }
    }

    #[test]
    fn without_a_terminal_a_row_is_a_line() {
        let text = drawn(wide(), None);
        assert_eq!(text.lines().count(), 3, "{text}");
    }
}
