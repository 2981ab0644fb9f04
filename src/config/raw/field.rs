//! One key's value, read as the type that is needed.

use std::ops::{Range, RangeInclusive};
use std::str::FromStr;
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{At, Section};
use crate::config::problem::Notes;
use crate::config::suggest;

/// One key's value.
#[derive(Clone)]
pub(in crate::config) struct Field<'t> {
    path: String,
    span: Range<usize>,
    value: &'t DeValue<'t>,
}

impl<'t> Field<'t> {
    /// The value of the key `path`, with its place.
    pub(super) fn new(path: String, value: &'t Spanned<DeValue<'t>>) -> Self {
        Self {
            path,
            span: value.span(),
            value: value.get_ref(),
        }
    }

    /// Where the value stands.
    pub(in crate::config) fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    /// The full name of the key.
    pub(in crate::config) fn path(&self) -> &str {
        &self.path
    }

    /// Records that the value is not what is needed.
    pub(in crate::config) fn wrong(&self, what: &str, cure: impl Into<String>, notes: &mut Notes) {
        let message = format!("`{} = {}` {what}", self.path, shown(self.value));
        notes.add(self.span(), message, cure);
    }

    /// Records that the value is none of those there are.
    pub(in crate::config) fn unknown(
        &self,
        what: &str,
        cure: impl Into<String>,
        notes: &mut Notes,
    ) {
        let message = format!("`{} = {}` {what}", self.path, shown(self.value));
        notes.unknown(self.span(), message, cure);
    }

    /// A text of one line that is not blank.
    pub(in crate::config) fn text(&self, like: &str, notes: &mut Notes) -> Option<&'t str> {
        let text = self.lines(like, notes)?;
        let Some(control) = text.chars().find(|c| c.is_control()) else {
            return Some(text);
        };
        // The value is not repeated: where it is a URL it may hold a password.
        let message = format!(
            "`{}` holds {}, which is no part of it",
            self.path,
            named(control)
        );
        notes.add(self.span(), message, ESCAPES);
        None
    }

    /// A text that is not blank and may have several lines.
    pub(in crate::config) fn lines(&self, like: &str, notes: &mut Notes) -> Option<&'t str> {
        match self.value {
            DeValue::String(text) if text.trim().is_empty() => {
                self.wrong("is empty", format!("write it like {like}"), notes);
                None
            }
            DeValue::String(text) => Some(text.as_ref()),
            _ => {
                self.wrong("is no text", format!("write it like {like}"), notes);
                None
            }
        }
    }

    /// The text, where it is one.
    pub(in crate::config) fn as_text(&self) -> Option<&'t str> {
        match self.value {
            DeValue::String(text) => Some(text.as_ref()),
            _ => None,
        }
    }

    /// `true` or `false`.
    pub(in crate::config) fn boolean(&self, notes: &mut Notes) -> Option<bool> {
        if let DeValue::Boolean(value) = self.value {
            return Some(*value);
        }
        self.wrong("is neither true nor false", "write true or false", notes);
        None
    }

    /// A whole number within the bounds.
    pub(in crate::config) fn whole(
        &self,
        bounds: RangeInclusive<u32>,
        notes: &mut Notes,
    ) -> Option<u32> {
        let number = match self.value {
            DeValue::Integer(number) => u32::from_str_radix(number.as_str(), number.radix()).ok(),
            _ => None,
        };
        let inside = number.filter(|number| bounds.contains(number));
        if inside.is_none() {
            let cure = format!(
                "give a whole number, {} to {}",
                bounds.start(),
                bounds.end()
            );
            self.wrong("cannot be used", cure, notes);
        }
        inside
    }

    /// A number, whole or not.
    pub(in crate::config) fn number(&self) -> Option<f64> {
        match self.value {
            DeValue::Integer(number) if number.radix() == 10 => number.as_str().parse().ok(),
            DeValue::Float(number) => number.as_str().parse().ok(),
            _ => None,
        }
    }

    /// A duration such as `"90s"` or `"1h 30m"`, within the bounds.
    pub(in crate::config) fn duration(
        &self,
        bounds: RangeInclusive<Duration>,
        notes: &mut Notes,
    ) -> Option<Duration> {
        let text = self.text("\"60s\", with its unit", notes)?;
        let (from, to) = (
            humantime::format_duration(*bounds.start()),
            humantime::format_duration(*bounds.end()),
        );
        match humantime::parse_duration(text) {
            Ok(duration) if bounds.contains(&duration) => Some(duration),
            Ok(_) => {
                self.wrong("is out of bounds", format!("give {from} to {to}"), notes);
                None
            }
            Err(error) => {
                let cure = format!("write it like \"60s\" or \"5m\" ({error})");
                self.wrong("is no duration", cure, notes);
                None
            }
        }
    }

    /// What the text parses to; the error's text names the value and, after a colon, the cure.
    pub(in crate::config) fn parsed<T: FromStr>(&self, like: &str, notes: &mut Notes) -> Option<T>
    where
        T::Err: std::fmt::Display,
    {
        let text = self.text(like, notes)?;
        parsed(self.path(), text, self.span(), like, notes)
    }

    /// One of a few words.
    pub(in crate::config) fn one_of<T: Copy>(
        &self,
        words: &[(&str, T)],
        notes: &mut Notes,
    ) -> Option<T> {
        let names: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        let choice = format!("\"{}\"", names.join("\" or \""));
        let text = self.text(&choice, notes)?;
        let found = words.iter().find(|(word, _)| *word == text);
        if found.is_none() {
            let cure = suggest::nearest(text, names.iter().copied()).map_or_else(
                || format!("write {choice}"),
                |near| format!("did you mean \"{near}\"?"),
            );
            self.unknown("is not known", cure, notes);
        }
        found.map(|(_, value)| *value)
    }

    /// The elements of a list that is not empty.
    pub(in crate::config) fn list(&self, like: &str, notes: &mut Notes) -> Vec<Field<'t>> {
        match self.value {
            DeValue::Array(items) if !items.is_empty() => items
                .iter()
                .map(|item| Field {
                    path: self.path.clone(),
                    span: item.span(),
                    value: item.get_ref(),
                })
                .collect(),
            DeValue::Array(_) => {
                self.wrong("is an empty list", format!("write it like {like}"), notes);
                Vec::new()
            }
            _ => {
                self.wrong("is no list", format!("write it like {like}"), notes);
                Vec::new()
            }
        }
    }

    /// Whether the value is a list with nothing in it.
    pub(in crate::config) fn is_empty_list(&self) -> bool {
        matches!(self.value, DeValue::Array(items) if items.is_empty())
    }

    /// Whether the value is a table.
    pub(in crate::config) fn is_table(&self) -> bool {
        matches!(self.value, DeValue::Table(_))
    }

    /// The tables right below this one, each with its own name.
    pub(in crate::config) fn tables(&self, notes: &mut Notes) -> Vec<(At<&'t str>, Section<'t>)> {
        self.table(notes)
            .map_or_else(Vec::new, |section| section.below(notes))
    }

    /// The values of a table by their keys, which may be any.
    pub(in crate::config) fn entries(&self, notes: &mut Notes) -> Vec<(&'t str, Field<'t>)> {
        let DeValue::Table(table) = self.value else {
            self.wrong("is no table", "write it like { name = \"value\" }", notes);
            return Vec::new();
        };
        let entries = table.iter().map(|(key, value)| {
            let key = key.get_ref().as_ref();
            (key, Field::new(format!("{}.{key}", self.path), value))
        });
        entries.collect()
    }

    /// The texts of a table by their keys, which may be any.
    pub(in crate::config) fn texts(&self, like: &str, notes: &mut Notes) -> Vec<(String, String)> {
        let DeValue::Table(table) = self.value else {
            self.wrong("is no table", format!("write it like {like}"), notes);
            return Vec::new();
        };
        let mut texts = Vec::new();
        for (key, value) in table {
            let key = key.get_ref().to_string();
            let field = Field::new(format!("{}.{key}", self.path), value);
            texts.extend(field.lines(like, notes).map(|text| (key, text.to_owned())));
        }
        texts
    }

    /// The table; its value is not shown where it is none, since it may be a secret.
    pub(in crate::config) fn table(&self, notes: &mut Notes) -> Option<Section<'t>> {
        if let DeValue::Table(table) = self.value {
            return Some(Section::of(self.path.clone(), self.span(), table));
        }
        notes.add(
            self.span(),
            format!("`{}` is no table", self.path),
            format!("write a line [{}] with the keys below it", self.path),
        );
        None
    }
}

/// As [`Field::parsed`], for a text that is no value, such as a key.
pub(in crate::config) fn parsed<T: FromStr>(
    path: &str,
    text: &str,
    span: Range<usize>,
    like: &str,
    notes: &mut Notes,
) -> Option<T>
where
    T::Err: std::fmt::Display,
{
    match text.parse() {
        Ok(value) => Some(value),
        Err(error) => {
            let error: T::Err = error;
            let words = error.to_string();
            let (what, cure) = words.rsplit_once(": ").unwrap_or((&words, like));
            notes.add(span, format!("`{path}`: {what}"), cure);
            None
        }
    }
}

/// What to do where a backslash was taken for the begin of an escape.
pub(in crate::config) const ESCAPES: &str = "in double quotes \\ begins an escape (\\t is a tab, \\n a new line): write \
     the text in single quotes, like 'CORP\\user', or with two of them, like \"CORP\\\\user\"";

/// A control character, for a person.
fn named(control: char) -> String {
    let name = match control {
        '\t' => "a tab",
        '\n' => "a new line",
        '\r' => "a carriage return",
        '\u{8}' => "a backspace",
        '\u{c}' => "a form feed",
        '\u{1b}' => "an escape",
        _ => "a control character",
    };
    format!("{name} (U+{:04X})", u32::from(control))
}

/// The value as a person would write it, cut short.
fn shown(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) if text.chars().count() > 60 => {
            let head: String = text.chars().take(60).collect();
            format!("{head:?}…")
        }
        DeValue::String(text) => format!("{text:?}"),
        DeValue::Integer(number) => number.to_string(),
        DeValue::Float(number) => number.to_string(),
        DeValue::Boolean(value) => value.to_string(),
        DeValue::Datetime(moment) => moment.to_string(),
        DeValue::Array(items) if items.is_empty() => "[]".to_owned(),
        DeValue::Array(_) => "[…]".to_owned(),
        DeValue::Table(_) => "{…}".to_owned(),
    }
}

/// The value without its place; `None` for a number or time that is out of bounds.
pub(super) fn plain(value: &DeValue<'_>) -> Option<toml::Value> {
    Some(match value {
        DeValue::String(text) => text.to_string().into(),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .ok()?
            .into(),
        DeValue::Float(number) => number.as_str().parse::<f64>().ok()?.into(),
        DeValue::Boolean(value) => (*value).into(),
        DeValue::Datetime(moment) => toml::Value::Datetime(*moment),
        DeValue::Array(items) => {
            let items: Vec<toml::Value> = items
                .iter()
                .filter_map(|item| plain(item.get_ref()))
                .collect();
            items.into()
        }
        DeValue::Table(table) => {
            let entries = table.iter();
            let plain = |(key, value): (&Spanned<_>, &Spanned<DeValue<'_>>)| {
                let key: &std::borrow::Cow<'_, str> = key.get_ref();
                Some((key.to_string(), plain(value.get_ref())?))
            };
            entries.filter_map(plain).collect::<toml::Table>().into()
        }
    })
}

/// The table, all of it placed at `span`.
pub(super) fn moved<'t>(table: DeTable<'t>, span: &Range<usize>) -> DeTable<'t> {
    let entries = table.into_iter().map(|(key, value)| {
        let key = Spanned::new(span.clone(), key.into_inner());
        (key, moved_value(value.into_inner(), span))
    });
    entries.collect()
}

fn moved_value<'t>(value: DeValue<'t>, span: &Range<usize>) -> Spanned<DeValue<'t>> {
    let value = match value {
        DeValue::Table(table) => DeValue::Table(moved(table, span)),
        DeValue::Array(items) => DeValue::Array(
            items
                .into_iter()
                .map(|item| moved_value(item.into_inner(), span))
                .collect(),
        ),
        other => other,
    };
    Spanned::new(span.clone(), value)
}
