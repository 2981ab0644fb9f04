//! Values in a Java `.properties` text, as `java.util.Properties.load` reads it. Pure.
//!
//! # Decisions
//! - A key that is there twice is refused: Java takes the last one, the product may not.
//! - Letters outside of printable ASCII are written as `\uXXXX`, which holds whatever the file's encoding is.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::iter::Peekable;
use std::ops::Range;
use std::str::Chars;

use super::{Flaw, changes, named};
use crate::config::Keys;
use crate::consumer::outside::spot::{Change, Fields};

/// One entry: its key and value unescaped, and where they stand.
struct Entry {
    key: String,
    value: String,
    /// The value's text, continuation lines included, line end left out.
    place: Range<usize>,
    /// The whole of it with its line end.
    line: Range<usize>,
    /// Whether nothing stands behind the key: its value is empty, and no separator is there.
    is_bare: bool,
    /// Whether its last line goes on, though there is none behind it.
    is_open: bool,
}

/// The values of the keys; one that is not there is left out.
pub(super) fn read(text: &str, keys: &Keys) -> Result<Fields, Flaw> {
    let entries = entries(text);
    let mut fields = Fields::new();
    for (field, key) in keys {
        if let Some(entry) = find(&entries, named(*field, key), key)? {
            fields.insert(*field, entry.value.clone());
        }
    }
    Ok(fields)
}

/// The text with the changes made; what was not there is added at the end.
pub(super) fn edit(text: &str, keys: &Keys, new: &Change) -> Result<String, Flaw> {
    let changes = changes(keys, new);
    with(
        text,
        changes.map(|(field, key, value)| (named(field, key), key, value)),
    )
}

/// The text with these keys set to these values.
pub(super) fn set(text: &str, values: &BTreeMap<String, String>) -> Result<String, Flaw> {
    let named = values
        .iter()
        .map(|(key, value)| (format!("`{key}`"), key.as_str(), Some(value.as_str())));
    with(text, named)
}

/// The text with the changes made; each comes with the name that messages call it by.
fn with<'a>(
    text: &str,
    changes: impl Iterator<Item = (String, &'a str, Option<&'a str>)>,
) -> Result<String, Flaw> {
    let mut edited = text.to_owned();
    for (name, key, value) in changes {
        let entries = entries(&edited);
        match (find(&entries, name, key)?, value) {
            (Some(entry), Some(value)) => {
                let lead = if entry.is_bare { "=" } else { "" };
                edited.replace_range(entry.place.clone(), &format!("{lead}{}", escaped(value)));
            }
            (Some(entry), None) => {
                edited.replace_range(entry.line.clone(), "");
            }
            (None, None) => {}
            (None, Some(value)) => {
                let end = if edited.contains("\r\n") {
                    "\r\n"
                } else {
                    "\n"
                };
                if !edited.is_empty() && !edited.ends_with(['\n', '\r']) {
                    edited.push_str(end);
                }
                // A last line that is continued would take in what follows.
                if entries.last().is_some_and(|last| last.is_open) {
                    edited.push_str(end);
                }
                // Writing to a String cannot fail.
                _ = write!(edited, "{}={}{end}", escaped_key(key), escaped(value));
            }
        }
    }
    Ok(edited)
}

fn find<'e>(entries: &'e [Entry], name: String, key: &str) -> Result<Option<&'e Entry>, Flaw> {
    let mut of_key = entries.iter().filter(|entry| entry.key == key);
    let found = of_key.next();
    if of_key.next().is_some() {
        return Err(Flaw::new(name, "there twice", "there once"));
    }
    Ok(found)
}

fn is_blank(letter: char) -> bool {
    matches!(letter, ' ' | '\t' | '\u{c}')
}

/// The end of the natural line that begins at `from`, without and with its line end.
fn line_end(text: &str, from: usize) -> (usize, usize) {
    let rest = text.get(from..).unwrap_or_default();
    match rest.find(['\n', '\r']) {
        None => (text.len(), text.len()),
        Some(at) => {
            let wide = rest.get(at..).is_some_and(|tail| tail.starts_with("\r\n"));
            (from + at, from + at + if wide { 2 } else { 1 })
        }
    }
}

fn continues(line: &str) -> bool {
    line.bytes().rev().take_while(|byte| *byte == b'\\').count() % 2 == 1
}

fn entries(text: &str) -> Vec<Entry> {
    let mut entries = Vec::new();
    let mut from = 0;
    while from < text.len() {
        let (mut end, mut next) = line_end(text, from);
        let line = text.get(from..end).unwrap_or_default();
        let lead = line.len() - line.trim_start_matches(is_blank).len();
        let inner = line.get(lead..).unwrap_or_default();
        if !inner.is_empty() && !inner.starts_with(['#', '!']) {
            while continues(text.get(from..end).unwrap_or_default()) && next < text.len() {
                (end, next) = line_end(text, next);
            }
            entries.push(entry(text, from + lead..end, from..next));
        }
        from = next;
    }
    entries
}

/// The entry of a logical line; `inner` is it without leading blanks and line end.
fn entry(text: &str, inner: Range<usize>, line: Range<usize>) -> Entry {
    let raw = text.get(inner.clone()).unwrap_or_default();
    let mut key_end = raw.len();
    let mut is_escaped = false;
    for (at, letter) in raw.char_indices() {
        if !is_escaped && (is_blank(letter) || matches!(letter, '=' | ':')) {
            key_end = at;
            break;
        }
        is_escaped = !is_escaped && letter == '\\';
    }
    let (key, rest) = raw.split_at_checked(key_end).unwrap_or((raw, ""));
    let rest_trimmed = skip_blanks(rest);
    let value = match rest_trimmed.strip_prefix(['=', ':']) {
        Some(value) => skip_blanks(value),
        None => rest_trimmed,
    };
    Entry {
        key: unescaped(key),
        value: unescaped(value),
        is_bare: rest.is_empty(),
        is_open: continues(raw),
        place: inner.end - value.len()..inner.end,
        line,
    }
}

/// The text behind its blanks; a line that is continued in front of anything else counts as a blank.
fn skip_blanks(mut text: &str) -> &str {
    loop {
        let trimmed = text.trim_start_matches(is_blank);
        let continued = ["\\\r\n", "\\\n", "\\\r"]
            .iter()
            .find_map(|mark| trimmed.strip_prefix(mark));
        match continued {
            Some(rest) => text = rest,
            None => return trimmed,
        }
    }
}

fn unescaped(raw: &str) -> String {
    let mut text = String::with_capacity(raw.len());
    let mut letters = raw.chars().peekable();
    // Letters beyond 16 bits are written as two units in a row.
    let mut units: Vec<u16> = Vec::new();
    while let Some(letter) = letters.next() {
        let is_unit = letter == '\\' && letters.peek() == Some(&'u');
        if !is_unit {
            text.extend(
                char::decode_utf16(units.drain(..)).map(|letter| letter.unwrap_or('\u{fffd}')),
            );
        }
        if letter != '\\' {
            text.push(letter);
            continue;
        }
        match letters.next() {
            Some('t') => text.push('\t'),
            Some('n') => text.push('\n'),
            Some('r') => text.push('\r'),
            Some('f') => text.push('\u{c}'),
            Some('u') => match unit(&mut letters) {
                Some(unit) => units.push(unit),
                None => text.push('u'),
            },
            Some(end @ ('\n' | '\r')) => {
                if end == '\r' && letters.peek() == Some(&'\n') {
                    letters.next();
                }
                while letters.next_if(|letter| is_blank(*letter)).is_some() {}
            }
            Some(other) => text.push(other),
            None => {}
        }
    }
    text.extend(char::decode_utf16(units).map(|letter| letter.unwrap_or('\u{fffd}')));
    text
}

/// The four digits of a unit, taken where they are there.
fn unit(letters: &mut Peekable<Chars<'_>>) -> Option<u16> {
    let digits: String = letters.clone().take(4).collect();
    let unit = u16::from_str_radix(&digits, 16).ok();
    let unit = unit.filter(|_| digits.len() == 4 && !digits.starts_with('+'))?;
    letters.by_ref().take(4).for_each(drop);
    Some(unit)
}

fn escaped(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    for (at, letter) in value.char_indices() {
        match letter {
            ' ' if at == 0 => text.push_str("\\ "),
            '\\' => text.push_str("\\\\"),
            '\t' => text.push_str("\\t"),
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            ' '..='~' => text.push(letter),
            other => {
                let mut units = [0; 2];
                for unit in other.encode_utf16(&mut units) {
                    // Writing to a String cannot fail.
                    _ = write!(text, "\\u{unit:04x}");
                }
            }
        }
    }
    text
}

fn escaped_key(key: &str) -> String {
    let mut text = String::new();
    for letter in key.chars() {
        if matches!(letter, ' ' | '=' | ':' | '#' | '!') {
            text.push('\\');
            text.push(letter);
        } else {
            text.push_str(&escaped(letter.encode_utf8(&mut [0; 4])));
        }
    }
    text
}
