//! Markdown, as far as the topics use it: sections, paragraphs, lists, tables and examples.

use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};

/// A text in blocks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Document {
    /// The blocks, from the top down.
    pub blocks: Vec<Block>,
}

/// A part of a text that stands by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Block {
    /// The title of a section.
    Heading(Vec<Span>),
    /// A paragraph.
    Paragraph(Vec<Span>),
    /// A point of a list, with what stands before it: `-` or a number.
    Item(String, Vec<Span>),
    /// Lines that are shown as they are.
    Example(String),
    /// Rows of cells, the header first.
    Table(Vec<Vec<Vec<Span>>>),
}

/// A run of text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Span {
    /// As the text around it.
    Plain(String),
    /// Stressed.
    Strong(String),
    /// What a user types or a program says, without the backticks.
    Code(String),
}

/// Marks a space within a value: no line ends there.
pub(in crate::cli) const FIXED_SPACE: char = '\u{e000}';
/// The most characters of a value within which no line ends, in text and in a table.
pub(in crate::cli) const LONGEST_VALUE: usize = 68;
pub(in crate::cli) const LONGEST_IN_A_CELL: usize = 40;

impl Span {
    /// The text, a value of at most `longest` characters with [`FIXED_SPACE`]s for its spaces.
    pub(in crate::cli) fn kept_together(&self, longest: usize) -> String {
        match self {
            Self::Code(text) if text.chars().count() <= longest => {
                text.replace(' ', &FIXED_SPACE.to_string())
            }
            Self::Plain(text) | Self::Strong(text) | Self::Code(text) => text.clone(),
        }
    }
}

impl Document {
    /// Reads Markdown.
    pub fn read(markdown: &str) -> Self {
        let mut reading = Reading::default();
        for event in Parser::new_ext(markdown, Options::ENABLE_TABLES) {
            reading.take(event);
        }
        Self {
            blocks: reading.blocks,
        }
    }
}

/// What was read so far.
#[derive(Default)]
struct Reading {
    blocks: Vec<Block>,
    spans: Vec<Span>,
    example: Option<String>,
    rows: Vec<Vec<Vec<Span>>>,
    cells: Vec<Vec<Span>>,
    /// The number of the next point of the list, where it has numbers.
    number: Option<u64>,
    /// What stands before the point that is being read.
    marker: Option<String>,
    is_strong: bool,
    link: Option<String>,
}

impl Reading {
    fn take(&mut self, event: Event<'_>) {
        match event {
            Event::Start(tag) => self.start(tag),
            Event::End(tag) => self.end(tag),
            Event::Text(text) => match &mut self.example {
                Some(example) => example.push_str(&text),
                None => self.plain(&text),
            },
            Event::Code(text) => self.spans.push(Span::Code(text.into_string())),
            Event::SoftBreak | Event::HardBreak => self.plain(" "),
            _ => {}
        }
    }

    fn plain(&mut self, text: &str) {
        self.spans.push(if self.is_strong {
            Span::Strong(text.to_owned())
        } else {
            Span::Plain(text.to_owned())
        });
    }

    fn start(&mut self, tag: Tag<'_>) {
        match tag {
            Tag::CodeBlock(CodeBlockKind::Fenced(_) | CodeBlockKind::Indented) => {
                self.example = Some(String::new());
            }
            Tag::List(first) => self.number = first,
            Tag::Item => {
                self.marker = Some(match &mut self.number {
                    None => "-".to_owned(),
                    Some(number) => {
                        *number += 1;
                        format!("{}.", number.saturating_sub(1))
                    }
                });
            }
            Tag::Strong => self.is_strong = true,
            Tag::Link { dest_url, .. } => self.link = Some(dest_url.into_string()),
            _ => {}
        }
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Heading(_) => {
                let spans = std::mem::take(&mut self.spans);
                self.blocks.push(Block::Heading(spans));
            }
            TagEnd::Paragraph | TagEnd::Item => self.end_text(),
            TagEnd::CodeBlock => {
                let example = self.example.take().unwrap_or_default();
                self.blocks.push(Block::Example(example));
            }
            TagEnd::TableCell => self.cells.push(std::mem::take(&mut self.spans)),
            TagEnd::TableHead | TagEnd::TableRow => {
                self.rows.push(std::mem::take(&mut self.cells));
            }
            TagEnd::Table => {
                let rows = std::mem::take(&mut self.rows);
                self.blocks.push(Block::Table(rows));
            }
            TagEnd::Strong => self.is_strong = false,
            TagEnd::Link => {
                if let Some(link) = self.link.take().filter(|link| link.starts_with("http")) {
                    self.plain(&format!(" ({link})"));
                }
            }
            _ => {}
        }
    }

    /// Ends a paragraph, which may be that of a list's point.
    fn end_text(&mut self) {
        if self.spans.is_empty() {
            return;
        }
        let spans = std::mem::take(&mut self.spans);
        self.blocks.push(match self.marker.take() {
            Some(marker) => Block::Item(marker, spans),
            None => Block::Paragraph(spans),
        });
    }
}
