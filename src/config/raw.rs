//! The tables of the document, read key by key with their places.
//!
//! Knows types and shapes only; what a value means is `check`'s part. Every getter records what is wrong and gives
//! `None`, so that reading goes on to the next mistake. A [`Section`] must be finished, which reports its unknown keys.

mod field;

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::problem::Notes;
use super::suggest;

pub(super) use field::{ESCAPES, Field, parsed};

/// A value with the place it was written at.
#[derive(Debug, Clone)]
pub(super) struct At<T> {
    pub(super) value: T,
    pub(super) span: Range<usize>,
}

/// One table of the document.
pub(super) struct Section<'t> {
    path: String,
    span: Range<usize>,
    entries: Vec<Entry<'t>>,
    known: Vec<&'static str>,
}

struct Entry<'t> {
    key: &'t str,
    key_span: Range<usize>,
    value: &'t Spanned<DeValue<'t>>,
    taken: bool,
}

impl<'t> Section<'t> {
    /// The table `path`, which begins at `span`.
    pub(super) fn of(path: String, span: Range<usize>, table: &'t DeTable<'t>) -> Self {
        let entries = table
            .iter()
            .map(|(key, value)| Entry {
                key: key.get_ref().as_ref(),
                key_span: key.span(),
                value,
                taken: false,
            })
            .collect();
        Self {
            path,
            span,
            entries,
            known: Vec::new(),
        }
    }

    /// Where the table begins.
    pub(super) fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    /// The full name of the table.
    pub(super) fn path(&self) -> &str {
        &self.path
    }

    fn full(&self, key: &str) -> String {
        if self.path.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.path)
        }
    }

    /// The value of `name`, which may be written in camelCase.
    pub(super) fn take(&mut self, name: &'static str, notes: &mut Notes) -> Option<Field<'t>> {
        self.known.push(name);
        let full = self.full(name);
        let mut found: Option<Field<'t>> = None;
        for entry in &mut self.entries {
            if entry.key != name && !is_camel_case_of(entry.key, name) {
                continue;
            }
            entry.taken = true;
            if found.is_some() {
                notes.add(
                    entry.key_span.clone(),
                    format!("`{full}` is given twice, in two spellings"),
                    "keep one of them",
                );
            }
            found = Some(Field::new(full.clone(), entry.value));
        }
        found
    }

    /// As [`Section::take`], and a problem where the key is missing.
    pub(super) fn require(
        &mut self,
        name: &'static str,
        like: &str,
        notes: &mut Notes,
    ) -> Option<Field<'t>> {
        let field = self.take(name, notes);
        if field.is_none() {
            notes.add(
                self.span(),
                format!("`{}` is missing", self.full(name)),
                format!("add {name} = {like}"),
            );
        }
        field
    }

    /// The table `name` within this one, where it is there.
    pub(super) fn table(&mut self, name: &'static str, notes: &mut Notes) -> Option<Section<'t>> {
        self.take(name, notes)?.table(notes)
    }

    /// The tables below `name`, each with its own name.
    pub(super) fn tables(
        &mut self,
        name: &'static str,
        notes: &mut Notes,
    ) -> Vec<(At<&'t str>, Section<'t>)> {
        self.take(name, notes)
            .map_or_else(Vec::new, |field| field.tables(notes))
    }

    /// The tables right below this one, each with its own name.
    pub(super) fn below(self, notes: &mut Notes) -> Vec<(At<&'t str>, Section<'t>)> {
        let mut tables = Vec::new();
        for entry in &self.entries {
            let field = Field::new(self.full(entry.key), entry.value);
            if let Some(table) = field.table(notes) {
                let name = At {
                    value: entry.key,
                    span: entry.key_span.clone(),
                };
                tables.push((name, table));
            }
        }
        tables
    }

    /// The same table with `known` keys more, and `defaults` under the keys it does not give; those that are `known` are
    /// left out. The defaults are placed at `span`.
    pub(super) fn over(
        &self,
        defaults: DeTable<'t>,
        span: &Range<usize>,
        known: &[&str],
    ) -> DeTable<'t> {
        let mut table = field::moved(defaults, span);
        for entry in &self.entries {
            if known
                .iter()
                .any(|name| entry.key == *name || is_camel_case_of(entry.key, name))
            {
                continue;
            }
            let key = Spanned::new(entry.key_span.clone(), entry.key.into());
            table.remove(&key);
            table.insert(key, entry.value.clone());
        }
        table
    }

    /// Names keys that are known besides those that are asked for.
    pub(super) fn knows(&mut self, keys: &[&'static str]) {
        self.known.extend(keys);
    }

    /// Where the value of `name` stands, or the table where there is none.
    pub(super) fn span_of(&self, name: &str) -> Range<usize> {
        self.entries
            .iter()
            .find(|entry| entry.key == name || is_camel_case_of(entry.key, name))
            .map_or_else(|| self.span(), |entry| entry.value.span())
    }

    /// Every value by its key, without places.
    pub(super) fn values(&self) -> toml::Table {
        let plain = |entry: &Entry<'_>| {
            let value = field::plain(entry.value.get_ref())?;
            Some((entry.key.to_owned(), value))
        };
        self.entries.iter().filter_map(plain).collect()
    }

    /// Reports the keys nobody took.
    pub(super) fn finish(self, notes: &mut Notes) {
        for entry in self.entries.iter().filter(|entry| !entry.taken) {
            notes.unknown(
                entry.key_span.clone(),
                format!("`{}` is no known key", self.full(entry.key)),
                suggest::cure(entry.key, &self.known),
            );
        }
    }
}

/// Whether `written` is `name` in camelCase, abbreviations in capitals allowed: `daysToKeepUSNS`.
fn is_camel_case_of(written: &str, name: &str) -> bool {
    let words: Vec<&str> = name.split('_').collect();
    let mut rest = written;
    for (position, word) in words.iter().enumerate() {
        let Some((head, tail)) = rest.split_at_checked(word.len()) else {
            return false;
        };
        let begins = if position == 0 {
            head == *word
        } else {
            head.starts_with(|c: char| c.is_ascii_uppercase()) && head.eq_ignore_ascii_case(word)
        };
        if !begins {
            return false;
        }
        rest = tail;
    }
    rest.is_empty() && words.len() > 1
}
