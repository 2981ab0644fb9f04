//! A manual page: its name, its section, and roff that every reader of manual pages shows alike.

use roff::{Inline, Roff, bold, roman};

use crate::cli::help::document::{Block, Document, FIXED_SPACE, LONGEST_VALUE, Span};
use crate::cli::help::text::table_of;

/// The widest table: a page is 80 columns wide and its text stands 7 columns in.
const TABLE_WIDTH: usize = 72;

/// The longest name of a page beside which its first line has room.
const LONGEST_NAME: usize = 28;

/// A manual page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Page {
    /// Its name, as `highwater-plan`.
    pub(super) name: String,
    /// The section of the manual.
    pub(super) section: u8,
    /// The page in roff.
    pub(super) text: String,
}

impl Page {
    /// A page with this text below its title.
    pub(super) fn new(name: &str, section: u8, body: &Roff) -> Self {
        Self::of_roff(name, section, &body.render())
    }

    /// The same with text that is roff already.
    pub(super) fn of_roff(name: &str, section: u8, body: &str) -> Self {
        let version = concat!("highwater ", env!("CARGO_PKG_VERSION"));
        // The names of some commands leave no room for the name of the manual in the first line.
        let manual = if name.len() <= LONGEST_NAME {
            "Highwater"
        } else {
            "\\&"
        };
        let mut title = Roff::new();
        // No word is broken, and no space is made wider: commands and values are copied from a page.
        title.control("nr", ["HY", "0"]);
        title.control("TH", [name, &section.to_string(), "\"\"", version, manual]);
        title.control("nh", []).control("ad", ["l"]);
        let text = format!("{}{body}", title.to_roff());
        Self {
            name: name.to_owned(),
            section,
            text: escaped(&text),
        }
    }
}

/// Characters that roff would turn into typographic ones, which nobody could type, and spaces at which no line ends.
fn escaped(text: &str) -> String {
    text.replace('`', "\\(ga")
        .replace('^', "\\(ha")
        .replace('~', "\\(ti")
        .replace(FIXED_SPACE, "\\ ")
}

/// Lines that are shown as they are.
pub(super) fn example(roff: &mut Roff, text: &str) {
    roff.control("PP", []).control("EX", []);
    for line in text.lines() {
        roff.text([roman(line)]);
    }
    roff.control("EE", []);
}

/// A text in blocks.
pub(super) fn document(roff: &mut Roff, document: &Document) {
    let mut is_first = true;
    for block in &document.blocks {
        match block {
            Block::Heading(spans) => {
                let words = spans.iter().map(|span| span.kept_together(LONGEST_VALUE));
                let title: String = words.collect();
                roff.control("SS", [title.as_str()]);
                is_first = true;
                continue;
            }
            Block::Paragraph(spans) => {
                if !is_first {
                    roff.control("PP", []);
                }
                roff.text(inlines(spans));
            }
            Block::Item(marker, spans) => {
                let marker = if marker == "-" { "\\(bu" } else { marker };
                roff.control("IP", [marker, "4"]).text(inlines(spans));
            }
            Block::Example(text) => example(roff, text),
            Block::Table(rows) => example(roff, &table_of(rows, TABLE_WIDTH)),
        }
        is_first = false;
    }
}

/// Spans as roff; what a user types is bold.
pub(super) fn inlines(spans: &[Span]) -> Vec<Inline> {
    let inlines = spans.iter().map(|span| match span {
        Span::Plain(text) => roman(text.as_str()),
        Span::Strong(text) => bold(text.as_str()),
        Span::Code(_) => bold(span.kept_together(LONGEST_VALUE)),
    });
    inlines.collect()
}

/// What to read besides.
pub(super) fn see_also(roff: &mut Roff, pages: &[String]) {
    let mut line = Vec::new();
    for page in pages {
        if !line.is_empty() {
            line.push(roman(", "));
        }
        let (name, section) = page.split_once('(').unwrap_or((page, ""));
        line.push(bold(name));
        line.push(roman(format!("({section}")));
    }
    roff.control("SH", ["SEE ALSO"]).text(line);
}
