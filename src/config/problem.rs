//! Problems of the file: collected, placed at line and column, shown with the line they are in.
//!
//! A line that holds or may hold a secret written as a literal is never shown and never kept.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};
use serde::Serialize;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::raw::ESCAPES;

/// One problem of the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// The field, its value and what is wrong with it.
    pub message: String,
    /// What to do about it.
    pub cure: String,
    /// The line itself and the bytes of it that are meant; `None` where it may hold a secret.
    #[serde(skip)]
    shown: Option<(String, Range<usize>)>,
}

/// A file with problems: unknown names first, and otherwise in the order of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invalid {
    /// The file.
    pub path: PathBuf,
    /// Its problems, at least one.
    pub problems: Vec<Problem>,
}

impl Invalid {
    /// Every problem with the line it is in, with ANSI colours where `styled`.
    pub fn render(&self, styled: bool) -> String {
        render(&self.path, &self.problems, &Level::ERROR, styled)
    }
}

/// Every problem with the line it is in, headed by `level`.
pub(super) fn render<'p>(
    path: &Path,
    problems: impl IntoIterator<Item = &'p Problem>,
    level: &Level<'static>,
    styled: bool,
) -> String {
    let renderer = if styled {
        Renderer::styled()
    } else {
        Renderer::plain()
    };
    let path = path.display().to_string();
    let blocks: Vec<String> = problems
        .into_iter()
        .map(|problem| renderer.render(&[problem.group(level.clone(), &path)]))
        .collect();
    blocks.join("\n\n")
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl std::error::Error for Invalid {}

impl Problem {
    fn group<'a>(&'a self, level: Level<'a>, path: &'a str) -> Group<'a> {
        let group = Group::with_title(level.primary_title(self.message.as_str()));
        let group = match &self.shown {
            Some((line, marked)) => group.element(
                Snippet::source(line.as_str())
                    .line_start(self.line)
                    .path(path)
                    .annotation(AnnotationKind::Primary.span(marked.clone())),
            ),
            None => group.element(Origin::path(path).line(self.line).char_column(self.column)),
        };
        group.element(Level::HELP.message(self.cure.as_str()))
    }
}

/// Problems as they are found, by byte span.
#[derive(Default)]
pub(super) struct Notes {
    found: Vec<Note>,
    syntax: bool,
}

#[derive(PartialEq)]
struct Note {
    rank: Rank,
    span: Range<usize>,
    message: String,
    cure: String,
}

/// What is told first: a name that is misspelt is why others are missing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Unknown,
    Other,
}

impl Notes {
    /// Records a problem; the same one twice counts once.
    pub(super) fn add(
        &mut self,
        span: Range<usize>,
        message: impl Into<String>,
        cure: impl Into<String>,
    ) {
        self.note(Rank::Other, span, message.into(), cure.into());
    }

    /// Records a key or a word that is not known here; these are told before all others.
    pub(super) fn unknown(
        &mut self,
        span: Range<usize>,
        message: impl Into<String>,
        cure: impl Into<String>,
    ) {
        self.note(Rank::Unknown, span, message.into(), cure.into());
    }

    fn note(&mut self, rank: Rank, span: Range<usize>, message: String, cure: String) {
        let note = Note {
            rank,
            span,
            message,
            cure,
        };
        if !self.found.contains(&note) {
            self.found.push(note);
        }
    }

    /// Records that the file is no TOML here.
    pub(super) fn syntax(&mut self, error: &toml::de::Error) {
        self.syntax = true;
        let said = error.message();
        let message = format!("not valid TOML: {said}");
        let cure = if said.contains("escape") || said.contains("unicode") {
            ESCAPES
        } else {
            "correct the line; texts stand in quotes, lists in [ ], tables in { }"
        };
        self.add(error.span().unwrap_or(0..0), message, cure);
    }

    /// Whether nothing was found.
    pub(super) fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// The problems, placed in `text`: what is unknown, then the others, both in its order.
    pub(super) fn into_invalid(mut self, path: &Path, text: &str, table: &DeTable<'_>) -> Invalid {
        let lines = Lines::of(text);
        let mut veiled = BTreeSet::new();
        veil(table, Around::Root, &lines, &mut veiled);
        self.found.sort_by_key(|note| (note.rank, note.span.start));
        let broken = self.syntax;
        let problems = self
            .found
            .into_iter()
            .map(|note| {
                let (line, column, content, marked) = lines.place(&note.span);
                let hidden = veiled.contains(&line) || (broken && doubtful(text, content));
                Problem {
                    line,
                    column,
                    message: note.message,
                    cure: note.cure,
                    shown: (!hidden).then(|| (content.to_owned(), marked)),
                }
            })
            .collect();
        Invalid {
            path: path.to_owned(),
            problems,
        }
    }
}

/// Where the keys of a file without mistakes stand.
pub(super) struct Places<'t> {
    lines: Lines<'t>,
    table: Option<Spanned<DeTable<'t>>>,
    veiled: BTreeSet<usize>,
}

impl<'t> Places<'t> {
    pub(super) fn of(text: &'t str) -> Self {
        let lines = Lines::of(text);
        let table = DeTable::parse(text).ok();
        let mut veiled = BTreeSet::new();
        if let Some(table) = &table {
            veil(table.get_ref(), Around::Root, &lines, &mut veiled);
        }
        Self {
            lines,
            table,
            veiled,
        }
    }

    /// A problem at the value that these keys lead to, or at the last table on the way there.
    pub(super) fn problem(&self, keys: &[String], message: String, cure: String) -> Problem {
        let mut span = 0..0;
        let mut table = self.table.as_ref().map(Spanned::get_ref);
        for key in keys {
            let Some(value) = table.and_then(|table| table.get(key.as_str())) else {
                break;
            };
            span = value.span();
            table = match value.get_ref() {
                DeValue::Table(table) => Some(table),
                _ => None,
            };
        }
        let (line, column, content, marked) = self.lines.place(&span);
        let hidden = self.veiled.contains(&line);
        Problem {
            line,
            column,
            message,
            cure,
            shown: (!hidden).then(|| (content.to_owned(), marked)),
        }
    }
}

/// Where the lines of a text begin.
struct Lines<'t> {
    text: &'t str,
    starts: Vec<usize>,
}

impl<'t> Lines<'t> {
    fn of(text: &'t str) -> Self {
        let after_breaks = text.match_indices('\n').map(|(at, _)| at + 1);
        Self {
            text,
            starts: std::iter::once(0).chain(after_breaks).collect(),
        }
    }

    /// The number, from 1, of the line that holds the byte.
    fn number(&self, offset: usize) -> usize {
        self.starts.partition_point(|start| *start <= offset)
    }

    /// Line and column of the span's begin, the line's content, and the bytes of it in the span.
    fn place(&self, span: &Range<usize>) -> (usize, usize, &'t str, Range<usize>) {
        let number = self.number(span.start.min(self.text.len()));
        let start = self.starts.get(number - 1).copied().unwrap_or(0);
        let rest = self.text.get(start..).unwrap_or("");
        let content = rest.lines().next().unwrap_or("");
        let from = span.start.saturating_sub(start).min(content.len());
        let to = span.end.saturating_sub(start).min(content.len()).max(from);
        let column = content
            .get(..from)
            .map_or(from, |before| before.chars().count())
            + 1;
        (number, column, content, from..to)
    }
}

/// What a table is part of, as far as secrets go.
#[derive(Clone, Copy, PartialEq)]
enum Around {
    Root,
    Credentials,
    Secret,
    Plain,
}

/// Collects the lines with a secret written as a literal: a value under a name that sounds like one, other than the
/// three that say where it is, or a bare value right under `[credentials]`.
fn veil(table: &DeTable<'_>, around: Around, lines: &Lines<'_>, veiled: &mut BTreeSet<usize>) {
    for (key, value) in table {
        let name = key.get_ref().as_ref();
        let sounds = sounds_secret(name);
        let place = around == Around::Secret && matches!(name, "file" | "env" | "credential");
        let below = if sounds || (around == Around::Secret && !place) {
            Around::Secret
        } else if around == Around::Root && name == "credentials" {
            Around::Credentials
        } else {
            Around::Plain
        };
        match value.get_ref() {
            DeValue::Table(table) => veil(table, below, lines, veiled),
            DeValue::Array(items) if below != Around::Secret => {
                for item in items {
                    if let DeValue::Table(table) = item.get_ref() {
                        veil(table, below, lines, veiled);
                    }
                }
            }
            DeValue::String(text) if has_userinfo(text) => {
                let last = lines.number(value.span().end);
                veiled.extend(lines.number(key.span().start)..=last);
            }
            _ if below == Around::Secret || around == Around::Credentials => {
                let last = lines.number(value.span().end);
                veiled.extend(lines.number(key.span().start)..=last);
            }
            _ => {}
        }
    }
}

/// In a file that is no TOML: whether the line may hold a secret, or stand within a text of several lines that is one.
fn doubtful(text: &str, line: &str) -> bool {
    sounds_secret(line) || has_userinfo(line) || text.contains("\"\"\"") || text.contains("'''")
}

/// Whether it is a URL with a user or a password in it.
fn has_userinfo(text: &str) -> bool {
    text.split_once("://")
        .is_some_and(|(_, rest)| rest.contains('@'))
}

/// Whether what stands under this name is a secret.
pub(super) fn sounds_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["pass", "pwd", "pw", "secret", "token", "bearer"]
        .iter()
        .any(|word| name.contains(word))
}
