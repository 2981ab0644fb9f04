//! What of a long error is kept: what went wrong stands in the first lines of a stack trace and at each "Caused by"; the
//! frames between say where.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use regex::Regex;

/// A line that is a frame of Java, .NET, Node, Python, Go, Ruby or PHP, or belongs to one.
static FRAME: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let line = concat!(
        r"^\s*(?:(?:at|bei|à) [^\s(]\S*.*\)(?: ~?\[.*\])?(?: in .+:\S+ \d+)?|at .+:\d+:\d+\)?",
        r"|\.\.\. \d+ (?:more|common frames omitted)|--- End of .*stack trace.*---",
        r#"|Traceback \(most recent call last\):|File "[^"]*", line \d+.*|[~^]+"#,
        r"|goroutine \d+ \[.*\]:|\S+\.go:\d+(?: \+0x[0-9a-f]+)?",
        r"|from \S+:\d+:in .*|#\d+ +\S.*(?:\)|\{main\}))\s*$",
    );
    Regex::new(line).ok()
});

/// A frame of Java or .NET wherever it stands: many logs put a whole trace into one line.
static INLINE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let frame = concat!(
        r"(?:\s|\\[nrt])+(?:at|bei|à) [^\s(]+\(",
        r"(?:(?:[\w$-]+\.\w+(?::\d+)?|Native Method|Unknown Source)\)(?: ~?\[[^\]\n]*\])?|[^)\n]*\) in \S+:\S+ \d+)",
    );
    Regex::new(frame).ok()
});

/// Words of a line that says what went wrong.
static CAUSE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let words = r"(?i)caused by|root (?:exception|cause)|--->|(?:inner|nested|another) exception|\w(?:Exception|Error)\b";
    Regex::new(words).ok()
});

/// Whether a pattern of ours, which compiles, is found in the text.
fn has(pattern: Option<&Regex>, text: &str) -> bool {
    pattern.is_some_and(|pattern| pattern.is_match(text))
}

/// The text without the frames of its stack traces. One that is nothing but frames stays as it is.
pub fn without_frames(text: &str) -> String {
    let outside = match INLINE.as_ref() {
        Some(frame) => frame.replace_all(text, ""),
        None => text.into(),
    };
    let lines: Vec<&str> = outside.lines().collect();
    let mut kept: Vec<&str> = Vec::new();
    let mut before = "";
    for (index, line) in lines.iter().enumerate() {
        let next = lines.get(index + 1).copied().unwrap_or_default();
        if !has(FRAME.as_ref(), line) && !is_beside_frame(before, line, next) {
            kept.push(line);
        }
        before = line;
    }
    if kept.iter().all(|line| line.trim().is_empty()) {
        return text.to_owned();
    }
    kept.join("\n")
}

/// The source below a frame of Python, and the function above the file of a frame of Go.
fn is_beside_frame(before: &str, line: &str, next: &str) -> bool {
    let is_source = before.trim_start().starts_with("File \"") && line.starts_with("    ");
    let is_function = next.starts_with('\t') && next.contains(".go:") && line.ends_with(')');
    is_source || is_function || (line.starts_with("created by ") && next.contains(".go:"))
}

/// The places of these lines, the most telling first: the first lines, the newest that name a cause, then from the end.
fn by_weight(lines: &[&str], first: usize, causes: usize) -> impl Iterator<Item = usize> {
    let all = 0..lines.len();
    let named = all.clone().rev().filter(|index| {
        let line = lines.get(*index);
        line.is_some_and(|line| has(CAUSE.as_ref(), line))
    });
    let order = all.clone().take(first).chain(named.take(causes));
    let mut seen = BTreeSet::new();
    order
        .chain(all.rev())
        .filter(move |index| seen.insert(*index))
}

/// The most telling of these errors, in their order. A report begins with what went wrong, or it is a log that ends with
/// it; in between stand the causes of causes.
pub fn most_telling<'t>(errors: &[&'t str], most: usize) -> Vec<&'t str> {
    let order = by_weight(errors, most.div_ceil(4), most / 2);
    let places: BTreeSet<usize> = order.take(most).collect();
    let kept = places.into_iter().filter_map(|index| errors.get(index));
    kept.copied().collect()
}

/// The text in at most `most` characters: its most telling lines, a line too long without its middle.
pub fn shortened(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let lines: Vec<&str> = text.lines().collect();
    if lines.len() < 2 {
        return ends_of(text, most);
    }
    let (mut kept, mut left) = (BTreeMap::new(), most);
    for index in by_weight(&lines, 1, lines.len()) {
        let line = ends_of(lines.get(index).copied().unwrap_or_default(), most / 2);
        let needs = line.chars().count() + 1;
        if needs <= left {
            left -= needs;
            kept.insert(index, line);
        }
    }
    kept.into_values().collect::<Vec<_>>().join("\n")
}

/// A line of at most `most` characters: a longer one without its middle.
fn ends_of(line: &str, most: usize) -> String {
    let over = line.chars().count().saturating_sub(most);
    if over == 0 {
        return line.to_owned();
    }
    let half = most / 2;
    // The mark takes the place of one character.
    let head = line.chars().take(half);
    let tail = line.chars().skip(half + over + 1);
    head.chain(['…']).chain(tail).collect()
}
