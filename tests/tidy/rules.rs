//! The rules: (file name, text) → violations, each `file:line: what is wrong: the cure`.

use crate::scan::{Named, paths, tokens};

/// The most lines a file may have.
const MAX_LINES: usize = 500;

/// The floors of the house. A module may use those of a lower floor, and nothing beside it.
const FLOORS: &[&[&str]] = &[
    &["model"],
    &["clock", "wake"],
    &["config"],
    &["directory", "store"],
    // One of the places a consumer's cursor can be kept in is the store.
    &["consumer"],
    &["collector", "failover", "active_sync", "on_error", "status"],
    &["runtime", "lab"],
    &["cli"],
];

const EMPTY_NAMES: &[&str] = &["util", "utils", "helper", "helpers", "common", "manager"];

pub(crate) fn extension(name: &str) -> Option<&str> {
    let file = name.rsplit('/').next()?;
    file.rsplit_once('.').map(|(_, extension)| extension)
}

/// The modules a file stands for: `src/collector/decide/mod.rs` → `[collector, decide]`; empty for the crate roots.
fn modules(name: &str) -> Vec<&str> {
    let inner = name.strip_prefix("src/").unwrap_or(name);
    let mut parts: Vec<&str> = inner
        .strip_suffix(".rs")
        .unwrap_or(inner)
        .split('/')
        .collect();
    if matches!(parts.as_slice(), ["lib" | "main"]) || parts.last() == Some(&"mod") {
        parts.pop();
    }
    parts
}

fn is_test(name: &str) -> bool {
    modules(name)
        .iter()
        .any(|part| *part == "tests" || part.ends_with("_tests"))
}

fn floor(module: &str) -> Option<usize> {
    FLOORS.iter().position(|modules| modules.contains(&module))
}

/// The top module a path leads to from a file, where it leaves its own: through `crate::` or enough `super::`.
fn target<'a>(file: &[&str], named: &'a Named) -> Option<&'a str> {
    let supers = named
        .path
        .iter()
        .take_while(|segment| *segment == "super")
        .count();
    let first = if named.starts_with(&["crate"]) {
        1
    } else if supers > 0 && supers >= file.len() {
        supers
    } else {
        return None;
    };
    named.path.get(first).map(String::as_str)
}

/// Dependencies point down only: main → cli → … → model.
pub(crate) fn arrows(name: &str, text: &str) -> Vec<String> {
    let file = modules(name);
    let Some(from) = file.first().copied() else {
        return Vec::new();
    };
    if is_test(name) {
        return Vec::new();
    }
    let Some(own) = floor(from) else {
        return vec![format!(
            "{name}:1: module `{from}` has no floor: give it one in FLOORS of tests/tidy/rules.rs"
        )];
    };
    let mut broken = Vec::new();
    for named in paths(text) {
        let Some(to) = target(&file, &named).filter(|to| *to != from) else {
            continue;
        };
        if floor(to).is_some_and(|theirs| theirs >= own) {
            let line = named.line;
            broken.push(format!(
                "{name}:{line}: `{from}` uses `{to}`, which is not below it: move what both need down, or compose them above"
            ));
        }
    }
    broken
}

/// Deciding code has no IO, clock, randomness or unordered iteration.
pub(crate) fn purity(name: &str, text: &str) -> Vec<String> {
    const FORBIDDEN: &[&[&str]] = &[
        &["SystemTime"],
        &["Instant"],
        &["Utc", "now"],
        &["Local", "now"],
        &["HashMap"],
        &["HashSet"],
        &["new_v4"],
        &["now_v7"],
        &["std", "fs"],
        &["std", "net"],
        &["std", "process"],
        &["std", "env"],
    ];
    const FORBIDDEN_CRATES: &[&[&str]] =
        &[&["tokio"], &["rand"], &["getrandom"], &["crate", "clock"]];
    let pure = modules(name)
        .iter()
        .any(|part| part.starts_with("decide") || ["decode", "model", "forest"].contains(part));
    if !pure || is_test(name) {
        return Vec::new();
    }
    let mut broken = Vec::new();
    for named in paths(text) {
        let found = FORBIDDEN.iter().find(|what| named.contains(what));
        let from = FORBIDDEN_CRATES.iter().find(|what| named.starts_with(what));
        if let Some(what) = found.or(from) {
            let (line, what) = (named.line, what.join("::"));
            broken.push(format!(
                "{name}:{line}: `{what}` in pure code: take the value as an argument, and use BTreeMap or BTreeSet"
            ));
        }
    }
    broken
}

/// Only `src/clock.rs` reads the clock.
pub(crate) fn clock_reads(name: &str, text: &str) -> Vec<String> {
    if name == "src/clock.rs" || is_test(name) {
        return Vec::new();
    }
    let mut broken = Vec::new();
    for named in paths(text) {
        for source in ["Utc", "Local", "SystemTime", "Instant"] {
            if named.contains(&[source, "now"]) {
                let line = named.line;
                broken.push(format!("{name}:{line}: `{source}::now` outside src/clock.rs: use clock::now or clock::Stopwatch"));
            }
        }
    }
    broken
}

/// No source, script or query is longer than 500 lines.
pub(crate) fn size(name: &str, text: &str) -> Vec<String> {
    let source = matches!(extension(name), None | Some("rs" | "py" | "sh" | "sql"));
    let lines = text.lines().count();
    if source && lines > MAX_LINES {
        return vec![format!(
            "{name}:{MAX_LINES}: {lines} lines: split it by what it does, {MAX_LINES} is the limit"
        )];
    }
    Vec::new()
}

/// No module is named after nothing in particular.
pub(crate) fn names(name: &str, text: &str) -> Vec<String> {
    let cure = "name it after what it owns";
    let mut broken = Vec::new();
    for part in modules(name)
        .iter()
        .filter(|part| EMPTY_NAMES.contains(part))
    {
        broken.push(format!("{name}:1: a module named `{part}`: {cure}"));
    }
    let tokens = tokens(text);
    for ((line, first), (_, second)) in tokens.iter().zip(tokens.iter().skip(1)) {
        if first == "mod" && EMPTY_NAMES.contains(&second.as_str()) {
            broken.push(format!("{name}:{line}: a module named `{second}`: {cure}"));
        }
    }
    broken
}

/// Only `src/main.rs` ends the process.
pub(crate) fn exits(name: &str, text: &str) -> Vec<String> {
    if name == "src/main.rs" {
        return Vec::new();
    }
    paths(text)
        .iter()
        .filter(|named| named.contains(&["process", "exit"]) || named.contains(&["process", "abort"]))
        .map(|named| format!("{name}:{}: the process ends here: return an error and let main choose the exit code", named.line))
        .collect()
}
