//! A topic as text for a terminal, and its tables for any fixed width.

use super::super::output::{drawn, table};
use super::document::{Block, Document, FIXED_SPACE, LONGEST_IN_A_CELL, LONGEST_VALUE, Span};

/// How far text stands below its heading.
const INDENT: &str = "  ";

/// The text, no line wider than `width` but those of examples and of words that are longer by themselves.
pub fn rendered(document: &Document, width: usize) -> String {
    let mut text = String::new();
    let mut before: Option<&Block> = None;
    for block in &document.blocks {
        let is_next_item =
            matches!(block, Block::Item(..)) && matches!(before, Some(Block::Item(..)));
        if before.is_some() {
            text.push_str(if is_next_item { "\n" } else { "\n\n" });
        }
        text.push_str(&drawn_block(block, width));
        before = Some(block);
    }
    text.replace(FIXED_SPACE, " ")
}

fn drawn_block(block: &Block, width: usize) -> String {
    match block {
        Block::Heading(spans) => filled(&joined(spans, LONGEST_VALUE), "", "", width),
        Block::Paragraph(spans) => filled(&joined(spans, LONGEST_VALUE), INDENT, INDENT, width),
        Block::Item(marker, spans) => {
            let first = format!("{INDENT}{marker} ");
            let rest = " ".repeat(first.len());
            filled(&joined(spans, LONGEST_VALUE), &first, &rest, width)
        }
        Block::Example(example) => indented(example, "    "),
        Block::Table(rows) => indented(&table_of(rows, width.saturating_sub(1)), " "),
    }
}

/// Spans as text, values in backticks.
fn joined(spans: &[Span], longest: usize) -> String {
    let text = spans.iter().map(|span| match span {
        Span::Code(_) => format!("`{}`", span.kept_together(longest)),
        _ => span.kept_together(longest),
    });
    text.collect()
}

/// Words in lines of at most `width` characters, after `first` in the first line and `rest` in the others.
pub fn filled(text: &str, first: &str, rest: &str, width: usize) -> String {
    let mut lines = String::from(first);
    let mut column = first.len();
    let mut is_begun = false;
    for word in text.split_ascii_whitespace() {
        let length = word.chars().count();
        if is_begun && column + 1 + length > width {
            lines.push('\n');
            lines.push_str(rest);
            column = rest.len();
        } else if is_begun {
            lines.push(' ');
            column += 1;
        }
        lines.push_str(word);
        column += length;
        is_begun = true;
    }
    lines
}

/// A table as text, its cells wrapped between words.
pub(in crate::cli) fn table_of(rows: &[Vec<Vec<Span>>], width: usize) -> String {
    let mut rows = rows.iter().map(|row| row.iter().map(|cell| value(cell)));
    let header: Vec<String> = rows.next().into_iter().flatten().collect();
    let header: Vec<&str> = header.iter().map(String::as_str).collect();
    let mut table = table(&header);
    table.add_rows(rows);
    let text = drawn(table, u16::try_from(width).ok());
    text.replace(FIXED_SPACE, " ")
}

/// A cell as text: a value that is alone needs no backticks.
fn value(cell: &[Span]) -> String {
    match cell {
        [only] => only.kept_together(LONGEST_IN_A_CELL),
        spans => joined(spans, LONGEST_IN_A_CELL),
    }
}

fn indented(text: &str, by: &str) -> String {
    let lines = text.lines().map(|line| match line {
        "" => String::new(),
        line => format!("{by}{line}"),
    });
    lines.collect::<Vec<_>>().join("\n")
}
